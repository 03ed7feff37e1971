"""Another sample rate, block by block."""

import numpy as np

from audioconv.arrays import choice, whole
from audioconv.errors import ArgumentError
from audioconv.io._resample import rates
from audioconv.stage import Guard
from audioconv.stream.processor import checked_block

QUALITIES = ("QQ", "LQ", "MQ", "HQ", "VHQ")


class Resample:
    """Bring a signal to another sample rate with libsoxr, whose stream makes up for its delay.

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

    def __init__(self, rate_in, rate_out, *, channels=1, quality="HQ"):
        self.rate_in, self.rate_out = rates(rate_in, rate_out)
        self.channels, self.quality = whole(channels, "channels"), choice(quality, "quality", QUALITIES)
        self._guard = Guard("Resample")
        self._open()

    def _open(self):
        import soxr

        self._stream = soxr.ResampleStream(self.rate_in, self.rate_out, self.channels, "float32", self.quality)
        self._dims, self._fresh = 1 + (self.channels > 1), True

    def __getstate__(self):
        if not self._fresh:
            raise ArgumentError("a Resample cannot be copied amid a signal; flush or reset it first")
        return {name: value for name, value in self.__dict__.items() if name != "_stream"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._open()

    @property
    def out_channels(self):
        """As many as `channels`."""
        return self.channels

    def process(self, block):
        """Take the next block and return as many samples as are due.

        Parameters
        ----------
        block : float32 array, shape (samples,) with one channel, or (samples, channels)

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        with self._guard:
            block = checked_block(block, self)
            self._dims, self._fresh = block.ndim, self._fresh and not len(block)
            return self._taken(block, last=False)

    def flush(self):
        """End the signal: what is still due; then start afresh."""
        with self._guard:
            rest = self._taken(np.empty((0, self.channels), np.float32), last=True)
            self._clear()
            return rest

    def reset(self):
        """Forget the signal so far."""
        with self._guard:
            self._clear()

    def _clear(self):
        self._stream.clear()
        self._fresh = True

    def _taken(self, block, last):
        due = self._stream.resample_chunk(np.ascontiguousarray(block).reshape(-1, self.channels), last=last)
        return due.reshape((-1, self.channels)[: self._dims])
