"""A gain that stays as it is: no kernel, so that a file with nothing but a gain needs no compiler."""

import numpy as np

from audioconv._typing import ArrayLike, FloatArray
from audioconv.arrays import whole
from audioconv.stage import checked_block, sample_shapes
from audioconv.stream.values import factor


class ConstantGain:
    """Multiply a signal by a gain, with the bits of `Gain`.

    Parameters
    ----------
    gain_db : float, in dB
    channels : int

    Examples
    --------
    >>> import numpy as np
    >>> ConstantGain(20.0).process(np.ones(2, "float32"))
    array([10., 10.], dtype=float32)
    """

    latency = 0

    def __init__(self, gain_db: float = 0.0, *, channels: int = 1) -> None:
        self.channels = whole(channels, "channels")
        self._factor = np.float32(factor(gain_db, "gain_db", silence=True))
        self._shapes, self._dims = sample_shapes(self.channels), 1 + (self.channels > 1)

    def process(self, block: ArrayLike) -> FloatArray:
        """Take the next block and return it with the gain."""
        samples: FloatArray = checked_block(block, np.dtype(np.float32), self._shapes, stage=self)
        self._dims = samples.ndim
        louder: FloatArray = samples * self._factor
        return louder

    def flush(self) -> FloatArray:
        """Nothing: a gain has no tail."""
        return np.empty((0, self.channels)[: self._dims], np.float32)

    def reset(self) -> None:
        """There is nothing to forget."""
