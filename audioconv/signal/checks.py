"""What functions of a signal and a filter ask of both, and a signal with zeros around it."""

import numpy as np

from audioconv.arrays import frozen, whole
from audioconv.errors import ShapeError


def time_axis(axis, dims):
    """Return `axis` as an int if an x of so many dimensions has it, or say what is wrong with it."""
    axis = whole(axis, "axis", least=-dims)
    if axis >= dims:
        raise ShapeError(f"axis {axis} does not exist in an x of {dims} dimension(s)")
    return axis


def check_shapes(signal, h):
    """Raise a ShapeError if the signal (time first) or the filter is empty, or if their channels differ."""
    for array, name, unit in ((signal, "x", "sample"), (h, "h", "tap")):
        if len(array) == 0:
            raise ShapeError(f"{name} is empty (shape {array.shape}); at least one {unit} is needed")
    if h.ndim == 2 and (signal.ndim == 1 or h.shape[1] != signal.shape[1]):
        channels = 1 if signal.ndim == 1 else signal.shape[1]
        raise ShapeError(
            f"h of shape {h.shape} has {h.shape[1]} channels, but x has {channels}"
            + (" (one-dimensional)" if signal.ndim == 1 else "")
            + "; give h as (taps,) or as (taps, channels) with the channels of x"
        )


def window(x, start, length):
    """The samples x[start : start + length], with zeros where there are none; copied only then."""
    if start >= 0 and start + length <= len(x):
        return x[start : start + length]
    padded = np.zeros(length, x.dtype)
    first, last = max(start, 0), min(start + length, len(x))
    if first < last:
        padded[first - start : last - start] = x[first:last]
    return frozen(padded)
