"""An echo: a delay line with feedback."""

from functools import partial
from math import ceil, log
from typing import Any

import numpy as np

from audioconv._typing import FloatArray
from audioconv.arrays import number
from audioconv.kernels.realtime._delay import DELAY, DELAY_SETTINGS, delay
from audioconv.kernels.realtime.mixing import POSITION
from audioconv.stream.processor import counter
from audioconv.stream.smoothed_processor import SmoothedProcessor, setting
from audioconv.stream.steps import Entry, compiled
from audioconv.stream.values import hertz

_MAX_DELAY_S = 2.0
_FADED_DB = -60.0  # so soft a tail is over, as in the reverberation time


class Delay(SmoothedProcessor):
    """Echo: the signal, and what it was some time ago, again and again if there is feedback.

    y = (1 - mix) x + mix d, where d(t) = v(t - delay) and v = x + feedback d.

    Parameters
    ----------
    delay_s : float, in seconds
        Above 0; rounded to samples, at least one.
    feedback : float, -0.99 to 0.99
        What of an echo is in the next one.
    mix : float, 0 to 1
        What the echoes are of the result; the rest is the signal.
    sample_rate : float, in Hz
    max_delay_s : float, optional
        The longest delay that may be set later; by default 2 s, or delay_s if that is longer.
    channels : int

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : float
        The sample rate: chains, files and sound cards of another one refuse the stage.
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError
        For numbers that make no sense.

    Notes
    -----
    delay_s, feedback and mix may be set later; they are interpolated linearly over the next block. Another delay is
    cross-faded to, so that the pitch stays.

    `flush` gives the echoes after the end, until they are 60 dB softer: see `tail`.

    Examples
    --------
    >>> import numpy as np
    >>> echo = Delay(0.002, 0.5, 0.5, sample_rate=1000)
    >>> echo.process(np.array([1, 0, 0, 0, 0], "float32"))
    array([0.5 , 0.  , 0.5 , 0.  , 0.25], dtype=float32)
    """

    delay_s: float = setting("delay_s", "In seconds.")
    feedback: float = setting("feedback", "What of an echo is in the next one.")
    mix: float = setting("mix", "What the echoes are of the result.")

    def __init__(self, delay_s: float = 0.5, feedback: float = 0.0, mix: float = 0.5, *, sample_rate: float,
                 max_delay_s: float | None = None, channels: int = 1) -> None:  # fmt: skip
        self.rate_in = self.rate_out = self._rate = hertz(sample_rate)
        longest = max(number(delay_s, "delay_s", above=0), _MAX_DELAY_S) if max_delay_s is None else max_delay_s
        self._max_delay_s = number(longest, "max_delay_s", above=0)
        self._checks = {
            "delay_s": partial(number, above=0, most=self._max_delay_s),
            "feedback": partial(number, least=-0.99, most=0.99),
            "mix": partial(number, least=0, most=1),
        }
        super().__init__(channels, delay_s=delay_s, feedback=feedback, mix=mix)
        self._frames = self._samples(self._max_delay_s)
        self._line = np.zeros(self._frames * self.channels, np.float32)
        self._position, self._nonfinite = np.zeros(POSITION.row_size, np.int64), counter()

    @property
    def tail(self) -> int:
        """How many samples of echo `flush` gives: until they are 60 dB softer than the first."""
        again = abs(self.feedback)
        repeats = ceil(_FADED_DB / 20 * log(10) / log(again)) if again else 0
        return self._samples(self.delay_s) * (1 + repeats) if self.mix else 0

    def _samples(self, seconds: float) -> int:
        return max(1, round(seconds * self._rate))

    def _numbers(self, values: dict[str, float]) -> Any:
        delay = float(self._samples(values["delay_s"]))
        return DELAY_SETTINGS.pack(delay=delay, feedback=values["feedback"], mix=values["mix"])

    def _flush(self) -> FloatArray:
        return self._ended(self.tail)

    def _reset(self) -> None:
        super()._reset()
        for zeros in (self._line, self._position, self._nonfinite):
            zeros.fill(0)

    def _compiled_step(self) -> Entry:
        settings, version = self._smoothed.fields
        row = DELAY.pack(channels=self.channels, settings=settings, version=version, line=self._line,
                         frames=self._frames, position=self._position, nonfinite=self._nonfinite)  # fmt: skip
        return compiled(delay, row)

    def _parameters(self) -> dict[str, Any]:
        return self._values | {"sample_rate": self.rate_in}
