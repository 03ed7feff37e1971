"""What a convolution costs: the only model of it, from figures measured with the kernels of this package.

The figures are seconds of one thread of an AMD EPYC (Zen 3, 32 KiB L1, 512 KiB L2) at about 3.5 GHz, the least of 25
runs on an otherwise idle machine. Only their ratios decide, and those hold from one machine to another well enough:
around the point where two methods cost the same it matters little which is taken.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

# One multiply-add of a direct filter from 32 taps, taps next to each other (`fir`) or not (`fir_at`); what each output
# costs besides; and how much more a call of a block method costs before it starts.
DENSE_S = {"float32": 2.0e-11, "float64": 4.0e-11}
SPACED_S = {"float32": 3.0e-11, "float64": 5.8e-11}
OUTPUT_S = {"float32": 1.3e-10, "float64": 2.2e-10}
CALL_S = 2e-5

# One block of `convolve_blocks`: two transforms of 2**7, 2**8, ... points, a product, copies. In us.
BLOCK_US = {
    "float32": (0.38, 0.56, 0.98, 2.0, 4.0, 7.6, 18, 45, 88, 200, 590, 1010, 2500, 5800, 14000),
    "float64": (0.55, 0.85, 1.6, 3.2, 7.0, 17, 37, 105, 195, 400, 1230, 2400, 6000, 14000, 32000),
}
SMALLEST = 7


class Plan(NamedTuple):
    """How to convolve: the method, its block length (0 for direct), and the seconds that it should take."""

    method: str
    fft_size: int
    predicted_s: float


def plan(samples, taps, count, dtype, *, method="auto", stride=1, dilation=1):
    """The cheaper plan for `count` outputs, each `stride` samples, of taps that are `dilation` samples apart.

    With `method` other than "auto", the plan for that one. Zero outputs cost nothing and are direct.
    """
    dtype = np.dtype(dtype).name
    spaced = stride > 1 or dilation > 1
    used = taps if dilation > 1 else min(samples, taps)  # the shorter one acts as the filter
    direct_s = count * (OUTPUT_S[dtype] + used * (SPACED_S if spaced else DENSE_S)[dtype])
    direct = Plan("direct", 0, direct_s)
    if method == "direct":
        return direct
    blocks = _blocks(min(samples, (taps - 1) * dilation + 1), (count - 1) * stride + 1, dtype)
    return min(direct, blocks, key=lambda each: each.predicted_s) if method == "auto" else blocks


@lru_cache(256)
def _blocks(taps, outputs, dtype):
    """The best block length for `taps` neighbouring taps: sizes from the first that holds them to one block for all."""
    best = None
    exponent = max(SMALLEST, (taps - 1).bit_length())
    while True:
        size = 2**exponent
        number = -(-outputs // (size - taps + 1))
        predicted_s = CALL_S + (number + 0.5) * _block_s(exponent, dtype)  # half a block for the filter's spectrum
        if best is None or predicted_s < best.predicted_s:
            best = Plan("overlap_add", size, predicted_s)
        if number == 1:
            return best
        exponent += 1


def _block_s(exponent, dtype):
    table = BLOCK_US[dtype]
    beyond = max(0, exponent - SMALLEST - len(table) + 1)
    return 1e-6 * table[exponent - SMALLEST - beyond] * 2.3**beyond


# Taps up to which a block of so many samples is best for a stream. Mean (longest) us of a 64-sample block, float32,
# with the call from Python, about 3 us:
#     taps      128         256         512         1024        2048
#     500       3.6 (4.4)   3.8 (4.9)   3.9 (4.6)
#     2,000     3.7 (4.4)   3.8 (5.1)   4.2 (6.4)   5.1 (9.2)   6.7 (7.7)
#     4,800     4.1 (4.8)   4.0 (5.0)   4.3 (6.3)   5.1 (9.5)   7.0 (15.7)
#     16,000    5.1 (6.1)   4.5 (5.9)   4.7 (6.8)   5.4 (9.4)   7.1 (15.8)
#     48,000    9.0 (10.3)  6.3 (7.8)   5.5 (7.7)   5.9 (10.3)  7.4 (16.0)
#     192,000               16.5 (18.4) 10.9 (13.4) 12.0 (17.2) 9.0 (18.6)
# Longer caller's blocks change the share of a call, not which is best.
PARTITIONS = ((2_000, 128), (20_000, 256))


def partition(taps):
    """Length of the partitions of a stream's filter: the head costs as many products a sample, the rest 1/B as many."""
    return next((block for most, block in PARTITIONS if taps <= most), 512)
