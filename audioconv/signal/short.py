"""Short signals through short filters: what `Filter` checks and keeps would take longer than the sums of products."""

import math
from typing import Any

import numpy as np

from audioconv._typing import Array, FloatName
from audioconv.kernels.dsp.skip_zeros import fir_skip_zeros
from audioconv.signal import cost
from audioconv.signal.options import MODES, Mode, output_range

MOST_SAMPLES = 16384
NAMES: dict[np.dtype[Any], FloatName] = {np.dtype(np.float32): "float32", np.dtype(np.float64): "float64"}


def plain_taps(h: object) -> Array | None:
    """The taps in the form that `convolve_short` takes; None unless they are finite and none is zero."""
    if (
        type(h) is not np.ndarray
        or h.ndim != 1
        or h.dtype not in NAMES
        or not (h.flags.c_contiguous and h.flags.aligned)
    ):
        return None
    taps = h.view()
    taps.setflags(write=False)
    # their product is not finite if one of them is not, or if they are so large that the long way does no harm
    return taps if np.count_nonzero(taps) == taps.size and math.isfinite(np.vdot(taps, taps)) else None


def convolve_short(x: object, taps: Array | None, mode: Mode) -> Array | None:
    """Convolve by the direct method where `method="auto"` would take it for so few samples.

    Parameters
    ----------
    x : object
        What the caller gave.
    taps : array of `plain_taps`, or None
    mode : {"full", "same", "valid", "causal"}

    Returns
    -------
    y : float array, or None
        None: nothing was done, and `Filter` has to do it, or to say what is wrong.
    """
    if taps is None or type(x) is not np.ndarray or x.ndim != 1 or x.dtype != taps.dtype:
        return None
    samples, length = x.size, taps.size
    if not 0 < length <= samples <= MOST_SAMPLES or type(mode) is not str or mode not in MODES:
        return None
    begin, count = output_range(mode, samples, length)
    if cost.choose(samples, length, begin, count, NAMES[x.dtype])[0].method != "direct":
        return None
    padded = np.zeros(count + length - 1, x.dtype)
    first = length - 1 - begin
    padded[first : first + samples] = x[: padded.size - first]
    padded.setflags(write=False)
    y: Array = np.empty(count, x.dtype)
    fir_skip_zeros(padded, taps, y)
    return y
