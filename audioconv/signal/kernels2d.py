"""Kernels for spectrograms (frames, bins), as `convolve2d` takes them: the usual ones, by name."""

import numpy as np

from audioconv.arrays import is_finite, number, whole
from audioconv.errors import ArgumentError

_SMOOTH = np.array([1.0, 2.0, 1.0]) / 4
_SLOPE = np.array([1.0, 0.0, -1.0]) / 2  # a convolution turns it round: later minus earlier


def gaussian(sigma=1.5, side=None):
    """A bell, its sum 1.

    Parameters
    ----------
    sigma : float > 0, or a pair, in frames and bins
    side : odd int, or a pair
        Rows and columns; by default all within four sigma.

    Examples
    --------
    >>> gaussian(1.0).shape
    (9, 9)
    """
    sigmas = sigma if isinstance(sigma, (tuple, list)) else (sigma, sigma)
    if len(sigmas) != 2 or not all(is_finite(one) and one > 0 for one in sigmas):
        raise ArgumentError(f"sigma must be a number above 0, or two, not {sigma!r}")
    sides = side if isinstance(side, (tuple, list)) else (side, side)
    if len(sides) != 2 or any(one is not None and not whole(one, "side") % 2 for one in sides):
        raise ArgumentError(f"side must be an odd number, or two, not {side!r}")
    bells = []
    for one, count in zip(sigmas, sides, strict=True):
        reach = int(4 * one + 0.5) if count is None else int(count) // 2
        bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / one) ** 2)
        bells.append(bell / bell.sum())
    return np.outer(*bells).astype(np.float32)


def onsets():
    """Sobel's in time, per frame: positive where it becomes louder."""
    return np.outer(_SLOPE, _SMOOTH).astype(np.float32)


def partials():
    """Sobel's in frequency, per bin: from positive to negative across each partial."""
    return np.outer(_SMOOTH, _SLOPE).astype(np.float32)


def unsharp(sigma=1.5, amount=1.0):
    """What stands out becomes more so: (1 + amount) times the plane minus amount times its blur."""
    amount = number(amount, "amount")
    kernel = -amount * gaussian(sigma)
    kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] += 1 + amount
    return kernel.astype(np.float32)


BY_NAME = {"gaussian": gaussian, "onsets": onsets, "partials": partials, "unsharp": unsharp}
