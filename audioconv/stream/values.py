"""Checks on the numbers that stages are made with, and that may be set while they run."""

import numbers

import numpy as np

from audioconv.errors import ArgumentError

LOUDEST_DB = 20 * np.log10(float(np.finfo(np.float32).max))  # 770.6: a factor beyond is no float32 number


def number(value, name, least=-np.inf, most=np.inf):
    """Return `value` as a float if it is a finite number from `least` to `most`, or say what is wrong with it."""
    if not _is_number(value) or not np.isfinite(value):
        raise ArgumentError(f"{name} must be a finite number, not {value!r}")
    if not least <= value <= most:
        wanted = f"from {least:g} to {most:g}" if most < np.inf else f"at least {least:g}"
        raise ArgumentError(f"{name} must be {wanted}, not {value!r}")
    return float(value)


def above_zero(value, name, unit=""):
    """The same for a number above 0."""
    if number(value, name) <= 0:
        raise ArgumentError(f"{name} must be above 0{unit}, not {value!r}")
    return float(value)


def hertz(value, name="sample_rate"):
    """Return a sample rate as an int if it is a whole number, else as a float, or say what is wrong with it."""
    rate = above_zero(value, name, " Hz")
    return int(rate) if rate.is_integer() else rate


def hertz_or_none(value):
    """The same for a sample rate that need not be known."""
    return None if value is None else hertz(value)


def factor(value_db, name, silence=False):
    """Return the factor of a gain in decibels; -inf is 0 where `silence` is allowed."""
    if silence and _is_number(value_db) and value_db == -np.inf:
        return 0.0
    if not _is_number(value_db) or not -np.inf < value_db <= LOUDEST_DB:
        least = "or -inf, which is silence; " if silence else ""
        raise ArgumentError(f"{name} must be a finite number of dB up to 770, {least}not {value_db!r}")
    return 10 ** (float(value_db) / 20)


def finite(array, name):
    """Return an array if all of it is finite, or say how much is not."""
    if not np.isfinite(array).all():
        wrong = np.count_nonzero(~np.isfinite(array))
        raise ArgumentError(f"{name} must be finite, but {wrong} of its {array.size} numbers are nan or infinite")
    return array


def _is_number(value):
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
