"""Checks on the numbers that stages are made with, and that may be set while they run."""

from typing import Any

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import is_finite, is_number, number
from audioconv.errors import ArgumentError

LOUDEST_DB = 20 * np.log10(float(np.finfo(np.float32).max))  # 770.6: a factor beyond is no float32 number


def hertz(value: float, name: str = "sample_rate") -> int | float:
    """Return a sample rate as an int if it is a whole number, else as a float, or raise an error that says why."""
    rate = number(value, name, above=0)
    return int(rate) if rate.is_integer() else rate


def hertz_or_none(value: float | None) -> int | float | None:
    """`hertz` for a sample rate that need not be known."""
    return None if value is None else hertz(value)


def factor(value_db: float, name: str, silence: bool = False) -> float:
    """Return the factor of a gain in decibels; -inf is 0 where `silence` is allowed."""
    if silence and is_number(value_db) and value_db == -np.inf:
        return 0.0
    if not is_finite(value_db) or value_db > LOUDEST_DB:
        least = "or -inf, which is silence; " if silence else ""
        raise ArgumentError(f"{name} must be a finite number of dB up to 770, {least}not {value_db!r}")
    return float(10 ** (float(value_db) / 20))


def smoothing_coefficient(time_ms: float, sample_rate: float) -> float:
    """Return what of a difference is left after one sample, with this time constant; 0 for none."""
    samples = time_ms * sample_rate / 1000
    return float(np.exp(-1 / samples)) if samples else 0.0


def finite_table(values: Any, name: str) -> Array:
    """Return a copy of numbers, in rows, as a float64 array, or raise an error that says why."""
    try:
        table = np.array(values)
    except (TypeError, ValueError):  # rows of different lengths
        table = np.empty(0, object)
    if table.dtype.kind not in "iuf":
        raise ArgumentError(f"{name} must be rows of numbers, all of one length, not {values!r}")
    return finite(table.astype(np.float64), name)


def finite(array: Array, name: str) -> Array:
    """Return an array if all of it is finite, or raise an error that says how much is not."""
    if not np.isfinite(array).all():
        wrong = np.count_nonzero(~np.isfinite(array))
        raise ArgumentError(f"{name} must be finite, but {wrong} of its {array.size} numbers are nan or infinite")
    return array
