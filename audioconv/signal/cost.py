"""What a convolution costs: the only model of it, from figures measured with the kernels of this package.

The built-in figures, `costs.json`, are from one thread of an AMD EPYC (Zen 4, 1 MiB L2) at about 3.5 GHz.
`tune.measure`, which is `audioconv bench --tune`, takes those of another machine; they are kept in the user's cache
folder and used from then on. Only ratios decide: around the point where two methods cost the same it matters little
which is taken.
"""

import json
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audioconv.arrays import float_dtype, whole
from audioconv.errors import ArgumentError
from audioconv.parallel import cache_folder
from audioconv.signal.methods import whole_size

# Taps at which a direct filter is measured; between them its cost is taken to be linear.
TAPS = (1, 4, 8, 16, 32, 64, 128, 256, 512)
# Samples of the blocks that are measured: 2^k and 3 2^k. A longer block costs GROWTH times as much for each doubling.
SIZES = tuple(sorted(size for k in range(8, 22) for size in (2**k, 3 * 2 ** (k - 1))))
GROWTH = 2.2
PARTITIONS = tuple(2**k for k in range(7, 17))  # samples of the partitions of streams
DTYPES = ("float32", "float64")


class Costs(NamedTuple):
    """The figures for one dtype, in seconds."""

    direct: tuple  # an output of a direct filter of TAPS taps
    spaced: tuple  # the same of taps that are not neighbours
    block: tuple  # a block of SIZES samples
    whole: tuple  # all of a convolution by one transform of SIZES samples: memory, the filter's spectrum, the block
    call: tuple  # a call of a direct and of a spaced method, whatever the sizes
    transform: tuple  # of a stream (`schedule`): both transforms of PARTITIONS samples
    product: tuple  # and the product of two spectra of such partitions


class Way(NamedTuple):
    """One way to convolve: the method, its block length (0 where there is none), and the seconds it should take."""

    method: str
    fft_size: int
    predicted_s: float


@dataclass(frozen=True)
class Plan:
    """How `convolve` would go about it, and why; `print` it.

    Attributes
    ----------
    method : "direct", "sparse", "overlap_add" or "fft"
    fft_size : int, in samples
        Length of a block with the filter's overlap, or of the whole transform; 0 for sums of products.
    predicted_s : float
        Time on one thread, once everything is compiled and planned.
    samples, taps, channels, dtype
        What was asked for.
    ways : tuple of Way
        The best of each method, the fastest first.
    """

    samples: int
    taps: int
    channels: int
    dtype: str
    ways: tuple

    method = property(lambda self: self.ways[0].method)
    fft_size = property(lambda self: self.ways[0].fft_size)
    predicted_s = property(lambda self: self.ways[0].predicted_s)

    def __str__(self):
        best = self.ways[0]
        lines = [
            f"{self.samples:,} samples x {self.taps:,} taps, {self.channels} channel(s), {self.dtype}, one thread, "
            f"costs {origin()}"
        ]
        for way in self.ways:
            blocks = f"{way.fft_size:,} samples a transform" if way.fft_size else _SAYS[way.method]
            than = "chosen" if way is best else f"{way.predicted_s / best.predicted_s:.3g} times as long"
            lines.append(f"  {way.method:<12}{1e3 * way.predicted_s:10.3g} ms  {than:<22} {blocks}")
        return "\n".join(lines)


_SAYS = {"direct": "a product for each tap and output", "sparse": "a product for each tap that is not zero"}


def plan(samples, taps, *, channels=1, dtype="float32", nonzero=None):
    """Say how `convolve` (mode "full") would convolve so many samples with so many taps.

    Parameters
    ----------
    samples, taps : int >= 1
    channels : int >= 1
    dtype : "float32" or "float64"
    nonzero : int, optional
        How many taps are not zero; all by default.

    Returns
    -------
    plan : Plan

    Raises
    ------
    ArgumentError
        For numbers below 1, and another dtype.

    Examples
    --------
    >>> plan(480_000, 8).method
    'direct'
    >>> plan(480_000, 48_000).method
    'overlap_add'
    """
    samples, taps, channels = whole(samples, "samples"), whole(taps, "taps"), whole(channels, "channels")
    nonzero = taps if nonzero is None else whole(nonzero, "nonzero", least=0)
    if nonzero > taps:
        raise ArgumentError(f"nonzero must be at most taps = {taps}, not {nonzero}")
    dtype = float_dtype(dtype).name
    ways = choose(samples, taps, 0, samples + taps - 1, dtype, nonzero=nonzero)
    return Plan(
        samples, taps, channels, dtype, tuple(way._replace(predicted_s=channels * way.predicted_s) for way in ways)
    )


@lru_cache(1024)
def choose(samples, taps, begin, count, dtype, *, nonzero=None, stride=1, dilation=1):
    """The ways to make `count` outputs, each `stride` samples from output `begin` on; the fastest first.

    taps, of which `nonzero` are not zero, are `dilation` samples apart.
    """
    costs = of(dtype)
    used = taps if nonzero is None else nonzero
    span = (taps - 1) * dilation + 1
    short, long = sorted((samples, taps)) if dilation == 1 else (span, samples)  # the shorter one acts as the filter
    ways = []
    if stride == dilation == 1:
        ways.append(Way("direct", 0, costs.call[0] + count * taps_s(costs.direct, short)))
    else:
        ways.append(Way("direct", 0, costs.call[1] + count * taps_s(costs.spaced, min(short, taps))))
    if used < taps:
        ways.append(Way("sparse", 0, costs.call[1] + count * taps_s(costs.spaced, used)))
    outputs = (count - 1) * stride + 1
    ways.append(_blocks(short, outputs, costs))
    size = _good_size(whole_size(long, short, begin, outputs))
    ways.append(Way("fft", size, _sized_s(size, costs.whole)))
    return tuple(sorted(ways, key=lambda way: way.predicted_s))


def taps_s(table, taps):
    """Seconds an output, linear between the measured numbers of taps."""
    if taps > TAPS[-1]:
        return table[-1] * taps / TAPS[-1]
    return float(np.interp(taps, TAPS, table))


def _sized_s(size, table):
    """The figure for a block of `size` samples."""
    place = bisect_left(SIZES, size)
    if place < len(SIZES):
        return table[place]
    doublings = size.bit_length() - SIZES[-1].bit_length()
    return table[-1 if size % 3 == 0 else -2] * GROWTH**doublings


def _good_size(least):
    """The smallest size of a transform from `least` samples on."""
    twice = max(SIZES[0], 1 << (least - 1).bit_length())
    return twice // 4 * 3 if twice > SIZES[0] and twice // 4 * 3 >= least else twice


def _blocks(taps, outputs, costs):
    """Overlapping blocks of the best length, from the first that holds the taps to one for all outputs."""
    best, size = None, _good_size(taps)
    while True:
        number = -(-outputs // (size - taps + 1))
        predicted_s = _sized_s(size, costs.whole) + (number - 1) * _sized_s(size, costs.block)
        if best is None or predicted_s < best.predicted_s:
            best = Way("overlap_add", size, predicted_s)
        if number == 1:
            return best
        size = _good_size(size + 1)


# --- where the figures come from --------------------------------------------------------------------------


BUILT_IN = Path(__file__).with_name("costs.json")


def table_path():
    """Where the figures of this machine are kept, if they were measured."""
    return cache_folder() / "costs.json"


def _read(path):
    stored = json.loads(path.read_text())
    if stored["taps"] != list(TAPS) or stored["sizes"] != list(SIZES):
        raise ValueError(f"{path} is of another version")
    return {dtype: Costs(*map(tuple, stored[dtype])) for dtype in DTYPES}


@cache
def _tables():
    """The figures of each dtype, and whether they are this machine's."""
    try:
        return _read(table_path()), True
    except (OSError, ValueError, KeyError, TypeError):  # not measured, of another version, or damaged
        return _read(BUILT_IN), False


def of(dtype):
    """The `Costs` for a dtype."""
    return _tables()[0][dtype]


def origin():
    """In words, where the figures are from."""
    return "measured on this machine" if tuned() else "built in (audioconv bench --tune measures them)"


def tuned():
    """Whether the figures were measured on this machine."""
    return _tables()[1]


def forget():
    """Look for the figures anew: they were measured, or removed."""
    _tables.cache_clear()
    choose.cache_clear()
