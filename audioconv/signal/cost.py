"""The cost model of convolutions: predicted times, from figures measured with the kernels of this package.

The built-in figures, `costs.json`, are from one thread of an AMD EPYC (Zen 4, 1 MiB L2) at about 3.5 GHz.
`tune.measure`, which is `audioconv bench --tune`, takes those of another machine; they are kept in the user's cache
folder and used from then on. Only ratios decide: around the point where two methods cost the same it matters little
which is taken.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar, cast, get_args

import numpy as np

from audioconv._typing import FloatName
from audioconv.cache import cache_folder
from audioconv.kernels.dsp.passes import next_fast_len
from audioconv.kernels.dsp.short import MOST_TAPS
from audioconv.signal.methods import single_fft_size

# Taps at which a direct filter is measured; between them its cost is taken to be linear.
TAPS = (1, 4, 8, 16, 32, 64, 128, 256, 512)
# Samples of the blocks that are measured: 2^k and 3 2^k. A longer block costs GROWTH times as much for each doubling.
SIZES = tuple(sorted(size for k in range(8, 22) for size in (2**k, 3 * 2 ** (k - 1))))
GROWTH = 2.2
PARTITIONS = tuple(2**k for k in range(7, 17))  # samples of the partitions of streams
SIDES = (1, 2, 3, 5, 7, 11, 15, 31)  # of the square kernels at which convolutions of planes are measured
TILES = SIZES[SIZES.index(1024) :]  # samples of the tiles of planes
# What is measured of a call, whatever the sizes: of convolutions of signals the long way, by the direct and the sparse
# method, and the short way; of those of planes, the long way and the short way.
CALLS = ("direct", "sparse", "short", "plane", "short_plane")
DIRECT_CALL, SPARSE_CALL, SHORT_CALL, PLANE_CALL, SHORT_PLANE_CALL = range(len(CALLS))
SHORT_SAMPLES = 16384  # of the longest signal that is convolved the short way (`short.py`); more are worth threads
SHORT_PRODUCTS = 2**17  # of `upfirdn` the short way: 45 us, which is what the long way takes whatever the sizes
SHORT_PLANE_S = 2e-4  # of a convolution of planes the short way; a longer one is worth threads
DTYPES: tuple[FloatName, ...] = get_args(FloatName)

Figures: TypeAlias = tuple[float, ...]
_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


class Costs(NamedTuple):
    """The figures for one dtype, in seconds."""

    direct: Figures  # an output of a direct filter of TAPS taps
    sparse: Figures  # the same of taps that are not neighbours
    block: Figures  # a block of SIZES samples
    whole: Figures  # all of a convolution by one transform of SIZES samples: memory, the filter's spectrum, the block
    call: Figures  # a call of CALLS, whatever the sizes
    transform: Figures  # of a stream (`partition_plan`): both transforms of PARTITIONS samples
    product: Figures  # and the product of two spectra of such partitions
    dense: Figures  # an output of a plane, with kernels of SIDES
    separable: Figures  # the same as columns and rows
    tile: Figures  # a tile of TILES samples of a plane


class Candidate(NamedTuple):
    """A candidate method of convolution, its block length (0 where there is none), and its predicted time.

    Of that, `call_s` is what the call itself costs, whatever the sizes.
    """

    method: str
    fft_size: int
    predicted_s: float
    call_s: float


def is_short(samples: int, taps: int) -> bool:
    """Whether a direct convolution of plain arrays goes the short way."""
    return 0 < min(samples, taps) <= MOST_TAPS and max(samples, taps) <= SHORT_SAMPLES


_CACHED_CHOICES: list[Any] = []  # functions of `lru_cache`


def cached_choice(choose: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Cache the results of a function of sizes, until the figures change."""
    _CACHED_CHOICES.append(lru_cache(1024)(choose))
    return cast(Callable[_Parameters, _Result], _CACHED_CHOICES[-1])


@cached_choice
def choose(
    samples: int,
    taps: int,
    begin: int,
    count: int,
    dtype: FloatName,
    *,
    nonzero: int | None = None,
    stride: int = 1,
    dilation: int = 1,
) -> tuple[Candidate, ...]:
    """The candidate methods for `count` outputs, each `stride` samples from output `begin` on; the fastest first.

    taps, of which `nonzero` are not zero, are `dilation` samples apart.
    """
    costs = of(dtype)
    used = taps if nonzero is None else nonzero
    span = (taps - 1) * dilation + 1
    short, long = sorted((samples, taps)) if dilation == 1 else (span, samples)  # the shorter one acts as the filter
    candidates = []
    if stride == dilation == 1:
        call_s = costs.call[SHORT_CALL if is_short(samples, taps) else DIRECT_CALL]
        candidates.append(Candidate("direct", 0, call_s + count * taps_s(costs.direct, short), call_s))
    else:
        call_s = costs.call[SPARSE_CALL]
        candidates.append(Candidate("direct", 0, call_s + count * taps_s(costs.sparse, min(short, taps)), call_s))
    if used < taps:
        call_s = costs.call[SPARSE_CALL]
        candidates.append(Candidate("sparse", 0, call_s + count * taps_s(costs.sparse, used), call_s))
    outputs = (count - 1) * stride + 1
    candidates.append(_overlap_add(short, outputs, costs))
    size = next_fast_len(single_fft_size(long, short, begin, outputs), SIZES[0])
    candidates.append(Candidate("fft", size, sized_s(size, SIZES, costs.whole), _block_call_s(costs)))
    return tuple(sorted(candidates, key=lambda candidate: candidate.predicted_s))


def taps_s(table: Figures, taps: int) -> float:
    """Seconds an output, linear between the measured numbers of taps."""
    if taps > TAPS[-1]:
        return table[-1] * taps / TAPS[-1]
    return float(np.interp(taps, TAPS, table))


def sized_s(size: int, sizes: Sequence[int], table: Figures) -> float:
    """The figure of a table for blocks of `size` samples."""
    place = bisect_left(sizes, size)
    if place < len(sizes):
        return table[place]
    doublings = size.bit_length() - sizes[-1].bit_length()
    return table[-1 if size % 3 == 0 else -2] * GROWTH**doublings


def _block_call_s(costs: Costs) -> float:
    """What a call with blocks costs: what the smallest one takes beside its block."""
    return max(0.0, costs.whole[0] - costs.block[0])


def _overlap_add(taps: int, outputs: int, costs: Costs) -> Candidate:
    """The best overlap-add block length, from the first that holds the taps to one block for all outputs."""
    best: Candidate | None = None
    size = next_fast_len(taps, SIZES[0])
    while True:
        number = -(-outputs // (size - taps + 1))
        predicted_s = sized_s(size, SIZES, costs.whole) + (number - 1) * sized_s(size, SIZES, costs.block)
        if best is None or predicted_s < best.predicted_s:
            best = Candidate("overlap_add", size, predicted_s, _block_call_s(costs))
        if number == 1:
            return best
        size = next_fast_len(size + 1, SIZES[0])


# --- where the figures come from --------------------------------------------------------------------------


BUILT_IN = Path(__file__).with_name("costs.json")


def table_path() -> Path:
    """Where the figures of this machine are kept, if they were measured."""
    return cache_folder() / "costs.json"


def _read(path: Path) -> dict[FloatName, Costs]:
    stored = json.loads(path.read_text())
    about = [stored["taps"], stored["sizes"], stored["sides"], stored["calls"]]
    if about != [list(TAPS), list(SIZES), list(SIDES), list(CALLS)]:
        raise ValueError(f"{path} is of another version")
    return {dtype: Costs(*map(tuple, stored[dtype])) for dtype in DTYPES}


@cache
def _tables() -> tuple[dict[FloatName, Costs], bool]:
    """The figures of each dtype, and whether they are this machine's."""
    try:
        return _read(table_path()), True
    except (OSError, ValueError, KeyError, TypeError):  # not measured, of another version, or damaged
        return _read(BUILT_IN), False


def of(dtype: FloatName) -> Costs:
    """The `Costs` for a dtype."""
    return _tables()[0][dtype]


def origin() -> str:
    """In words, where the figures are from."""
    return "measured on this machine" if tuned() else "built in (audioconv bench --tune measures them)"


def tuned() -> bool:
    """Whether the figures were measured on this machine."""
    return _tables()[1]


def forget() -> None:
    """Reload the figures: they were measured, or removed."""
    _tables.cache_clear()
    for choose in _CACHED_CHOICES:
        choose.cache_clear()
