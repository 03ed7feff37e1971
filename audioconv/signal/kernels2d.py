"""Kernels for spectrograms (frames, bins), as `convolve2d` takes them: Gaussian, Sobel, unsharp masking."""

from collections.abc import Callable
from typing import Any

import numpy as np

from audioconv._typing import FloatArray
from audioconv.arrays import is_finite, number, whole
from audioconv.errors import ArgumentError

_SMOOTH = np.array([1.0, 2.0, 1.0]) / 4
_SLOPE = np.array([1.0, 0.0, -1.0]) / 2  # flipped by convolution: later minus earlier


def gaussian(
    sigma: float | tuple[float, float] = 1.5, side: int | tuple[int | None, int | None] | None = None
) -> FloatArray:
    """Return a Gaussian kernel, its sum 1.

    Parameters
    ----------
    sigma : float > 0, or a pair, in frames and bins
    side : odd int, or a pair
        Rows and columns; by default all within four sigma.

    Returns
    -------
    kernel : float32 array, shape (rows, columns)

    Raises
    ------
    ArgumentError
        For a sigma that is not above 0, or an even side.

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
    kernel: FloatArray = np.outer(*bells).astype(np.float32)
    return kernel


def onsets() -> FloatArray:
    """Return the Sobel kernel in time, per frame: positive where it becomes louder.

    Returns
    -------
    kernel : float32 array, shape (3, 3)

    Examples
    --------
    >>> onsets()[:, 1]
    array([ 0.25,  0.  , -0.25], dtype=float32)
    """
    return np.outer(_SLOPE, _SMOOTH).astype(np.float32)


def partials() -> FloatArray:
    """Return the Sobel kernel in frequency, per bin: from positive to negative across each partial.

    Returns
    -------
    kernel : float32 array, shape (3, 3)

    Examples
    --------
    >>> partials()[1]
    array([ 0.25,  0.  , -0.25], dtype=float32)
    """
    return np.outer(_SMOOTH, _SLOPE).astype(np.float32)


def unsharp(sigma: float | tuple[float, float] = 1.5, amount: float = 1.0) -> FloatArray:
    """Return the kernel of unsharp masking: (1 + amount) times the plane minus amount times its blur.

    Parameters
    ----------
    sigma : float > 0, or a pair, in frames and bins
        Of the Gaussian that blurs.
    amount : float
        How much of the difference to the blur is added.

    Returns
    -------
    kernel : float32 array, shape (rows, columns)

    Examples
    --------
    >>> float(unsharp(1.0).sum().round(3))
    1.0
    """
    amount = number(amount, "amount")
    kernel = -amount * gaussian(sigma)
    kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] += 1 + amount
    return kernel.astype(np.float32)


BY_NAME: dict[str, Callable[..., Any]] = {
    "gaussian": gaussian,
    "onsets": onsets,
    "partials": partials,
    "unsharp": unsharp,
}
