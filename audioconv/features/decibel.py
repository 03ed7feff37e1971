"""Decibels of powers."""

from collections.abc import Callable

import numpy as np

from audioconv._typing import Array, ArrayLike, FloatArray
from audioconv.arrays import floating, is_number, number
from audioconv.errors import DtypeError


def power_to_db(
    power: ArrayLike,
    ref: float | Callable[[FloatArray], float] = 1.0,
    amin: float = 1e-10,
    top_db: float | None = 80.0,
) -> FloatArray:
    """Convert powers (squared magnitudes) to dB: 10 log10(power / ref), as `librosa.power_to_db`.

    Parameters
    ----------
    power : float array, any shape
    ref : float, or function of an array
        The power that is 0 dB, or what gives it, such as `np.max`.
    amin : float > 0
        Powers, and `ref`, below it count as this.
    top_db : float >= 0, optional
        Levels further below the largest one are raised to there; None leaves them.

    Returns
    -------
    db : float array of the same shape and dtype

    Raises
    ------
    DtypeError
        If power is not float32 or float64: of a complex spectrum it is np.abs(spectrum)**2.
    ArgumentError
        If amin is not above 0, top_db below 0, or ref no number.

    Examples
    --------
    >>> import numpy as np
    >>> power_to_db(np.array([1.0, 0.1, 0.0]))
    array([  0., -10., -80.])
    >>> power_to_db(np.array([1.0, 0.1, 0.0]), ref=np.max, top_db=None)
    array([   0.,  -10., -100.])
    """
    if np.iscomplexobj(power):
        raise DtypeError("power must be float32 or float64, not complex; that of a spectrum is np.abs(spectrum)**2")
    power = floating(power, "power")
    least = power.dtype.type(number(amin, "amin", above=0))
    top_db = None if top_db is None or (is_number(top_db) and top_db == np.inf) else number(top_db, "top_db", 0)
    zero_db = ref(power) if callable(ref) else abs(number(ref, "ref"))
    db: Array = 10 * np.log10(np.maximum(least, power)) - 10 * np.log10(np.maximum(least, power.dtype.type(zero_db)))
    if top_db is None or not power.size:
        return db
    floored: Array = np.maximum(db, db.max() - power.dtype.type(top_db))
    return floored
