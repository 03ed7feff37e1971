"""What a convolution costs: the only model of it, from figures measured with the kernels of this package.

The figures are from one thread of an AMD EPYC (Zen 4, 1 MiB L2) at about 3.5 GHz, the least of 9 to 25 runs. Only
their ratios decide, and those hold from one machine to another well enough: around the point where two methods cost
the same it matters little which is taken.
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

# One block of `convolve_blocks`: two transforms of 2**7, 2**8, ... 2**19 points, a product, copies. In us, within a
# signal of 1.4 million samples; longer blocks are taken to cost 2.3 times as much for each doubling.
BLOCK_US = {
    "float32": (0.38, 0.56, 0.98, 2.0, 4.0, 7.6, 18, 45, 88, 200, 590, 1010, 2500),
    "float64": (0.55, 0.85, 1.6, 3.2, 7.0, 17, 37, 105, 195, 400, 1230, 2400, 6000),
}
SMALLEST = 7


class Plan(NamedTuple):
    """How to convolve: the method, its block length (0 for direct), and the seconds that it should take."""

    method: str
    fft_size: int
    predicted_s: float


def plan(samples, taps, count, dtype, *, method="auto", stride=1, dilation=1):
    """The cheaper plan for `count` outputs, each `stride` samples, of taps that are `dilation` samples apart.

    With `method` other than "auto", the plan for that one.
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


# Taps up to which a partition of so many samples is taken for a stream. Mean (longest) us of a 64-sample block,
# float32, of which the call from Python is about 2.8:
#     taps      128         256         512         1024        2048
#     500       3.3 (3.8)   3.4 (4.3)   3.5 (3.8)
#     2,000     3.5 (3.9)   3.5 (4.3)   3.7 (5.5)   4.5 (8.3)   5.6 (6.3)
#     4,800     3.8 (4.4)   3.7 (4.7)   3.9 (5.6)   4.5 (8.7)   5.9 (14.4)
#     16,000    4.9 (5.6)   4.1 (5.1)   4.1 (5.8)   4.6 (7.9)   5.8 (12.9)
#     48,000    9.3 (10.1)  6.4 (7.5)   5.4 (7.5)   5.3 (9.3)   6.3 (14.8)
#     192,000               16.2 (18.0) 10.7 (13.4) 8.1 (12.6)  7.7 (16.3)
# The longest is one that ends a partition, and is what a sound card waits for; longer blocks change neither.
PARTITIONS = ((2_000, 128), (20_000, 256), (100_000, 512))


def partition(taps):
    """Length of the partitions of a stream's filter."""
    return next((block for most, block in PARTITIONS if taps <= most), 1024)
