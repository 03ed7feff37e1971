"""Levels that count from the loudest frame so far, so that a word is the same from near and from far."""

import numpy as np

LEAST = 1e-5  # mean power of a frame that counts as loud at all, so that silence is not blown up


def relative_level(frames, range_db, loudest=None):
    """Log-mel frames less the level of the loudest frame so far, down to `range_db` below it, where they level out.

    It is causal: a clip, and a window of a stream that begins where the clip does, give the same numbers.

    Parameters
    ----------
    frames : float array, shape (..., frames, bands)
        Natural logarithms of power.
    range_db : float
    loudest : float array, shape (..., 1, 1), optional
        Mean power of the loudest frame before the first.

    Returns
    -------
    relative : float array of the same shape and dtype
    loudest : float array, shape (..., 1, 1)
        To go on with.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.log(np.array([[1.0, 1.0], [4.0, 4.0], [2.0, 1e-9]]))
    >>> relative, loudest = relative_level(frames, 30)
    >>> np.exp(relative).round(3).tolist()
    [[1.001, 1.001], [1.001, 1.001], [0.501, 0.001]]
    """
    power = np.exp(frames)
    level = np.mean(power, axis=-1, keepdims=True) + np.asarray(LEAST, frames.dtype)
    running = level if loudest is None else np.concatenate((loudest, level), axis=-2)
    running = np.maximum.accumulate(running, axis=-2)
    so_far = running if loudest is None else running[..., 1:, :]
    floor = np.asarray(10 ** (-range_db / 10), frames.dtype)
    return np.log(power / so_far + floor), running[..., -1:, :]  # np.logaddexp takes five times as long
