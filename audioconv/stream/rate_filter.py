"""The filter that brings a signal to another sample rate inside of a compiled step."""

from functools import lru_cache
from math import ceil, gcd
from typing import NamedTuple

import numpy as np

from audioconv._typing import Float32Array
from audioconv.arrays import frozen
from audioconv.kernels.dsp.rate_filter import TAPS_STEP

FLAT, ATTENUATION_DB = 0.91, 90.0  # of the narrower band, up to which it is flat; of what lies beyond that band
MOST_PHASES = 512  # as many as that have taps of their own; between them taps are interpolated, to -100 dB


class RateFilter(NamedTuple):
    """A low-pass filter, as `kernels.dsp.rate_filter.change_rate` takes it.

    Parameters
    ----------
    up, down : int
        A sample of the output each down / up samples of the input, in lowest terms.
    phases : int
    taps : float32 array, shape (phases + 1, taps of a phase)
        Half of them before the place of an output.
    """

    up: int
    down: int
    phases: int
    taps: Float32Array


@lru_cache(maxsize=8)
def rate_filter(rate_in: int, rate_out: int) -> RateFilter:
    """Make the filter between two sample rates: a sinc in a Kaiser window, with the passband of `io.resample`."""
    common = gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    band = min(1.0, rate_out / rate_in)  # of that of the input
    width = (1 - FLAT) * band / 2  # of the transition, in cycles a sample
    count = ceil((ATTENUATION_DB - 7.95) / (14.36 * width) / TAPS_STEP) * TAPS_STEP
    phases = min(up, MOST_PHASES)
    distance = np.arange(phases + 1)[:, None] / phases + (count // 2 - 1) - np.arange(count)
    cutoff = band * (1 + FLAT) / 2
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    window = np.i0(beta * np.sqrt(np.maximum(1 - (2 * distance / count) ** 2, 0))) / np.i0(beta)
    taps = cutoff * np.sinc(cutoff * distance) * window
    taps /= taps.sum(axis=1, keepdims=True)  # a constant stays what it is
    return RateFilter(up, down, phases, frozen(taps, np.float32))
