"""Levels relative to a running peak, the loudest frame so far: a word is the same from near and from far."""

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import frozen
from audioconv.kernels.dsp import level

MIN_POWER = 1e-5  # mean power of a frame that counts as loud at all, so that silence is not blown up


def causal_top_db(frames: Array, top_db: float, running_peak: Array | None = None) -> tuple[Array, Array]:
    """Log-mel frames less the level of the loudest frame so far, down to `top_db` below it, where they level out.

    It is causal: a clip, and a window of a stream that begins where the clip does, give the same numbers.

    Parameters
    ----------
    frames : float array, shape (..., frames, bands)
        Natural logarithms of power.
    top_db : float
        Range below the peak, in dB.
    running_peak : float array, shape (..., 1, 1), optional
        Mean power of the loudest frame before the first.

    Returns
    -------
    relative : float array of the same shape and dtype
    running_peak : float array, shape (..., 1, 1)
        To go on with.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.log(np.array([[1.0, 1.0], [4.0, 4.0], [2.0, 1e-9]]))
    >>> relative, running_peak = causal_top_db(frames, 30)
    >>> np.exp(relative).round(3).tolist()
    [[1.001, 1.001], [1.001, 1.001], [0.501, 0.001]]
    """
    frames = frozen(frames)
    clips = (*frames.shape[:-2], 1, 1)
    peak: Array = np.zeros(clips, frames.dtype) if running_peak is None else np.array(running_peak, frames.dtype)
    out = np.empty_like(frames)
    min_power, floor = (frozen([number], frames.dtype) for number in (MIN_POWER, 10 ** (-top_db / 10)))
    by_clip = (-1, *frames.shape[-2:]) if frames.size else (0, 1, 1)
    level.relative_levels(frames.reshape(by_clip), min_power, floor, peak.reshape(-1), out.reshape(by_clip))
    return out, peak
