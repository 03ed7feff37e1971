"""Stages that weight and sum channels: a gain, a matrix mixer."""

from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.errors import ShapeError
from audioconv.kernels.realtime.mixing import GAIN, MATRIX_MIXER, gain, matrix_mixer
from audioconv.kernels.realtime.smoothed import SMOOTHED
from audioconv.stream.processor import Processor
from audioconv.stream.smoothed import SmoothedParameter
from audioconv.stream.steps import Entry, compiled
from audioconv.stream.values import factor, finite_table


class Gain(Processor):
    """Multiply a signal by a gain.

    Parameters
    ----------
    gain_db : float, in dB
        A smoothed parameter: it may be set later, and is interpolated linearly over the next block. -inf is silence.
    channels : int

    Attributes
    ----------
    channels, out_channels : int

    Raises
    ------
    ArgumentError
        For a gain that is nan, infinite, or above 770 dB.

    Notes
    -----
    After `reset` it starts with the gain as it is set.

    Examples
    --------
    >>> import numpy as np
    >>> Gain(20.0).process(np.ones(2, "float32"))
    array([10., 10.], dtype=float32)
    """

    def __init__(self, gain_db: float = 0.0, *, channels: int = 1) -> None:
        super().__init__(channels)
        self._gain = np.ones(SMOOTHED.row_size)
        self.gain_db = gain_db
        self._reset()

    @property
    def gain_db(self) -> float:
        """In decibels; -inf is silence."""
        target = self._gain[SMOOTHED.target]
        return float(20 * np.log10(target)) if target else -np.inf

    @gain_db.setter
    def gain_db(self, value: float) -> None:
        self._gain[SMOOTHED.target] = factor(value, "gain_db", silence=True)

    def _reset(self) -> None:
        self._gain[SMOOTHED.current] = self._gain[SMOOTHED.target]

    def _compiled_step(self) -> Entry:
        return compiled(gain, GAIN.pack(channels=self.channels, gain=self._gain))

    def _parameters(self) -> dict[str, Any]:
        return {"gain_db": self.gain_db}


class MatrixMixer(Processor):
    """Each channel of the result is a sum of those of the signal, each times its factor: y = x @ matrix.

    Parameters
    ----------
    matrix : float array, shape (channels, out_channels)
        A smoothed parameter: it may be set later.

    Attributes
    ----------
    channels, out_channels : int

    Raises
    ------
    ShapeError, ArgumentError
        If the matrix has another shape, or numbers that are not finite.

    Notes
    -----
    After `reset` it starts with the matrix as it is set.

    Examples
    --------
    >>> import numpy as np
    >>> MatrixMixer([[1.0, 1.0]]).process(np.array([1.0, 2.0], "float32"))  # one channel on two
    array([[1., 1.],
           [2., 2.]], dtype=float32)
    >>> MatrixMixer([[0.5], [0.5]]).process(np.array([[1.0, 3.0]], "float32"))  # the mean of two
    array([2.], dtype=float32)
    >>> middle_and_side = MatrixMixer([[0.5, 0.5], [0.5, -0.5]])
    """

    _for_channels = "a matrix of {rows}"

    def __init__(self, matrix: ArrayLike) -> None:
        factors = _checked_matrix(matrix)
        super().__init__(*factors.shape)
        self._smoothed, self._frame = SmoothedParameter(factors), np.empty(self.channels)

    @property
    def matrix(self) -> Array:
        """The factors, a copy; may be set to others of this shape, interpolated linearly over the next block."""
        return self._smoothed.target.reshape(self.channels, self.out_channels).copy()

    @matrix.setter
    def matrix(self, value: ArrayLike) -> None:
        factors = _checked_matrix(value)
        if factors.shape != (self.channels, self.out_channels):
            raise ShapeError(f"matrix must have shape {(self.channels, self.out_channels)} as before, "
                             f"not {factors.shape}")  # fmt: skip
        self._smoothed.target = factors

    def _reset(self) -> None:
        self._smoothed.settle()

    def _compiled_step(self) -> Entry:
        factors, version = self._smoothed.fields
        row = MATRIX_MIXER.pack(in_channels=self.channels, out_channels=self.out_channels, factors=factors,
                                version=version, frame=self._frame)  # fmt: skip
        return compiled(matrix_mixer, row)

    def _channels(self) -> dict[str, int]:
        return {"channels": self.channels, "out_channels": self.out_channels}


def _checked_matrix(matrix: ArrayLike) -> Array:
    factors = finite_table(matrix, "matrix")
    if factors.ndim != 2 or not factors.size:
        raise ShapeError(f"matrix must have shape (channels, out_channels), not {factors.shape}")
    return factors
