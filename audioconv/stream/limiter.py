"""A look-ahead limiter."""

from typing import Any

import numpy as np

from audioconv._typing import FloatArray
from audioconv.arrays import number
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime._limiter import GAIN_COMPUTER, LIMITER, PROGRESS, limiter
from audioconv.stream.processor import Processor, counter
from audioconv.stream.steps import Entry, compiled
from audioconv.stream.values import factor, hertz


class Limiter(Processor):
    """Look-ahead limiter: no sample beyond a threshold, and no corner in the gain.

    Each frame gets the mean of gains over as many frames as it looks ahead, each of which is small enough for all of
    these frames. The gain of all channels is one.

    Parameters
    ----------
    threshold_db : float, in dB of full scale
        A smoothed parameter: it may be set later, and is interpolated linearly over the next block; until the frames
        before have come out the larger one holds.
    sample_rate : float, in Hz
    look_ahead_ms : float
        Look-ahead, which is the latency.
    release_ms : float
        After a peak the gain returns with this time constant.
    channels : int

    Attributes
    ----------
    latency : int, in samples
    channels, out_channels : int
    rate_in, rate_out : float
        The sample rate: chains, files and sound cards of another one refuse the stage.
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> limiter = Limiter(0.0, sample_rate=1000, look_ahead_ms=1)
    >>> limiter.process(np.array([0, 5, 0, 0], "float32"))
    array([0., 0., 1., 0.], dtype=float32)
    """

    def __init__(self, threshold_db: float = -1.0, *, sample_rate: float, look_ahead_ms: float = 1.5,
                 release_ms: float = 50.0, channels: int = 1) -> None:  # fmt: skip
        super().__init__(channels)
        self.rate_in = self.rate_out = rate = hertz(sample_rate)
        self._look_ahead_ms = number(look_ahead_ms, "look_ahead_ms", 0)
        self._release_ms = number(release_ms, "release_ms", above=0)
        self.latency = round(rate * self._look_ahead_ms / 1000)
        span = self.latency + 1
        self._numbers, self._needs, self._gains = np.zeros(GAIN_COMPUTER.row_size), np.ones(span), np.ones(span)
        self._queue, self._progress = np.zeros(span, np.int64), np.zeros(PROGRESS.row_size, np.int64)
        self._delay, self._nonfinite = np.zeros(span * self.channels, np.float32), counter()
        self._numbers[GAIN_COMPUTER.release] = -np.expm1(-1000 / (self._release_ms * rate))
        self.threshold_db = threshold_db
        self._reset()

    @property
    def threshold_db(self) -> float:
        """In decibels of full scale."""
        return float(20 * np.log10(self._numbers[GAIN_COMPUTER.threshold_target]))

    @threshold_db.setter
    def threshold_db(self, value: float) -> None:
        threshold = factor(value, "threshold_db")
        if not threshold:
            raise ArgumentError(f"threshold_db must be more than silence, not {value!r}")
        self._numbers[GAIN_COMPUTER.threshold_target] = threshold

    def _flush(self) -> FloatArray:
        return self._ended(self.latency)

    def _reset(self) -> None:
        self._numbers[GAIN_COMPUTER.threshold] = self._numbers[GAIN_COMPUTER.threshold_target]
        self._numbers[GAIN_COMPUTER.gain], self._numbers[GAIN_COMPUTER.gain_sum] = 1, self.latency + 1
        for ones in (self._needs, self._gains):
            ones.fill(1)
        for zeros in (self._queue, self._progress, self._delay, self._nonfinite):
            zeros.fill(0)

    def _compiled_step(self) -> Entry:
        row = LIMITER.pack(channels=self.channels, span=self.latency + 1, numbers=self._numbers, needs=self._needs,
                           gains=self._gains, queue=self._queue, progress=self._progress, delay=self._delay,
                           nonfinite=self._nonfinite)  # fmt: skip
        return compiled(limiter, row)

    def _parameters(self) -> dict[str, Any]:
        return {"threshold_db": self.threshold_db, "sample_rate": self.rate_in, "look_ahead_ms": self._look_ahead_ms,
                "release_ms": self._release_ms}  # fmt: skip
