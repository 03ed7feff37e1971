"""Smoothed parameters: set while a step runs, and interpolated linearly over its next block."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import ArrayLike
from audioconv.kernels.realtime.atomics import increment
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.kernels.realtime.smoothed import SMOOTHED_ROWS


class SmoothedParameter:
    """A smoothed parameter: numbers that a step interpolates linearly to a target over a block.

    The target is double-buffered: written beside the current one, then published by a version number, so that a step in
    another thread sees all of it or nothing.

    Parameters
    ----------
    values : float array
        The numbers at first.
    """

    def __init__(self, values: ArrayLike) -> None:
        self._rows = np.array([np.ravel(values)] * SMOOTHED_ROWS.row_size, np.float64)
        self._version = np.zeros(COUNTER.row_size, np.int64)

    def _row(self, later: int) -> int:
        row: int = SMOOTHED_ROWS.targets + (self._version[COUNTER.value] + later) % 2
        return row

    @property
    def target(self) -> NDArray[np.float64]:
        """The numbers as they were set, flat."""
        row: NDArray[np.float64] = self._rows[self._row(0)]
        return row

    @target.setter
    def target(self, values: ArrayLike) -> None:
        self._rows[self._row(1)] = np.ravel(values)
        increment(self._version, COUNTER.value)

    def settle(self) -> None:
        """Jump to the target."""
        self._rows[SMOOTHED_ROWS.current] = self.target

    @property
    def fields(self) -> tuple[Any, Any]:
        """Rows and version, as the state of a step has them."""
        return self._rows.reshape(-1), self._version
