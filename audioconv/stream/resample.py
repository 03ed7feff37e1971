"""Resampling, block by block."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from audioconv._typing import ArrayLike, FloatArray
from audioconv.arrays import choice, whole
from audioconv.errors import ArgumentError
from audioconv.io._resample import rates
from audioconv.stage import Guard, GuardedStage, checked_block, sample_shapes

Quality: TypeAlias = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]


class Resample(GuardedStage):
    """Bring a signal to another sample rate with libsoxr, which compensates its delay.

    The blocks of results, joined, and then `flush()` are what `audioconv.io.resample` makes of the whole signal,
    however it is cut. It works in Python: a chain with it has no compiled step.

    Parameters
    ----------
    rate_in, rate_out : int, in Hz
    channels : int
    quality : "QQ", "LQ", "MQ", "HQ" or "VHQ"
        As libsoxr names them, from quick to very high. HQ is flat to 91 % of the band.

    Attributes
    ----------
    latency : int
        0: a result comes later than its input does, but no zeros come before it.
    channels, out_channels : int
    quality : str

    Raises
    ------
    ArgumentError
        For rates or channels below 1, and another quality.

    Examples
    --------
    >>> import numpy as np
    >>> resample = Resample(16000, 8000)
    >>> tone = np.sin(np.arange(1600, dtype="float32") / 10)
    >>> blocks = [resample.process(tone[:1000]), resample.process(tone[1000:]), resample.flush()]
    >>> sum(map(len, blocks))
    800
    """

    latency = 0

    def __init__(self, rate_in: int, rate_out: int, *, channels: int = 1, quality: Quality = "HQ") -> None:
        self.rate_in, self.rate_out = rates(rate_in, rate_out)
        self.channels, self.quality = whole(channels, "channels"), choice(quality, "quality", get_args(Quality))
        self._guard = Guard("Resample")
        self._open()

    def _open(self) -> None:
        import soxr

        self._stream = soxr.ResampleStream(self.rate_in, self.rate_out, self.channels, "float32", self.quality)
        self._dims, self._fresh = 1 + (self.channels > 1), True

    def __getstate__(self) -> dict[str, Any]:
        if not self._fresh:
            raise ArgumentError("a Resample cannot be copied amid a signal; flush or reset it first")
        return {name: value for name, value in self.__dict__.items() if name != "_stream"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    @property
    def out_channels(self) -> int:
        """As many as `channels`."""
        return self.channels

    def _process(self, block: ArrayLike) -> FloatArray:
        samples = checked_block(block, np.dtype(np.float32), sample_shapes(self.channels), stage=self)
        self._dims, self._fresh = samples.ndim, self._fresh and not len(samples)
        return self._taken(samples, last=False)

    def _flush(self) -> FloatArray:
        rest = self._taken(np.empty((0, self.channels), np.float32), last=True)
        self._reset()
        return rest

    def _reset(self) -> None:
        self._stream.clear()
        self._fresh = True

    def _taken(self, samples: Any, last: bool) -> FloatArray:
        due = self._stream.resample_chunk(np.ascontiguousarray(samples).reshape(-1, self.channels), last=last)
        shaped: FloatArray = due.reshape((-1, self.channels)[: self._dims])
        return shaped

    def _parameters(self) -> dict[str, Any]:
        return {"rate_in": self.rate_in, "rate_out": self.rate_out, "channels": self.channels, "quality": self.quality}
