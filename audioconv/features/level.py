"""Levels that count from the loudest frame so far, so that a word is the same from near and from far."""

import numpy as np

QUIET = np.log(1e-3)  # frames whose mean power is below count as silent: nothing is raised to the level of speech


def relative_level(frames):
    """Log-mel frames less the level of the loudest frame so far, from the first frame of each clip on.

    It is causal: a clip, and a window of a stream that begins where the clip does, give the same numbers.

    Parameters
    ----------
    frames : float array, shape (..., frames, bands)
        Natural logarithms of power.

    Returns
    -------
    relative : float array of the same shape and dtype

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.log(np.array([[1.0, 1.0], [4.0, 4.0], [2.0, 2.0]]))
    >>> np.exp(relative_level(frames)).round(2).tolist()
    [[1.0, 1.0], [1.0, 1.0], [0.5, 0.5]]
    """
    power = np.mean(np.exp(frames), axis=-1, keepdims=True)
    loudest = np.maximum.accumulate(np.log(power + np.exp(QUIET)), axis=-2)
    return frames - loudest.astype(frames.dtype)
