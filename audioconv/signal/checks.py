"""Shape checks of a signal and a filter, and windows of a signal with zero padding."""

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import frozen, time_first
from audioconv.errors import ShapeError


def check_shapes(signal: Array, h: Array, named: str = "h", axis: int | None = None) -> None:
    """Raise a ShapeError if the signal (time first) or the filter is empty, or if their channels do not go together.

    They do if they are as many, or one. Without an `axis` that says where time is, a filter must not look channels
    first, unless it has the channels of the signal.
    """
    for array, name, unit in ((signal, "x", "sample"), (h, named, "tap")):
        if len(array) == 0:
            raise ShapeError(f"{name} is empty (shape {array.shape}); at least one {unit} is needed")
    if h.ndim == 1 or (signal.ndim == 2 and h.shape[1] == signal.shape[1]):
        return
    mono = signal.ndim == 1 or signal.shape[1] == 1
    if not mono and h.shape[1] != 1:
        channels = signal.shape[1]
        raise ShapeError(
            f"{named} of shape {h.shape} has {h.shape[1]} channels, but x has {channels}; "
            + (
                f"give {named}.T, whose shape is (taps, channels)"
                if len(h) == channels
                else f"give {named} as (taps,) or as (taps, channels) with the channels of x"
            )
        )
    time_first(h, named, None if axis is None else 0)


def window(x: Array, start: int, length: int) -> Array:
    """The samples x[start : start + length], with zeros where there are none; copied only then."""
    if start >= 0 and start + length <= len(x):
        return x[start : start + length]
    padded = np.zeros(length, x.dtype)
    first, last = max(start, 0), min(start + length, len(x))
    if first < last:
        padded[first - start : last - start] = x[first:last]
    return frozen(padded)
