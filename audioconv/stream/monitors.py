"""Stages at the ends of a chain and within it that lead to memory: sound from an array, into one, and for Python."""

import numpy as np

from audioconv.arrays import floating, whole
from audioconv.errors import ArgumentError, DtypeError
from audioconv.kernels.realtime import _callback as kernels
from audioconv.stream.processor import Processor, compiled


class Source(Processor):
    """Sound from an array, whatever comes in: to play a recording, or to try a chain without a microphone.

    Parameters
    ----------
    samples : float32 array, shape (samples,) or (samples, channels)
    channels : int
        Of what comes in and is not heard.
    loop : bool
        Begin again at the end; otherwise silence follows.

    Examples
    --------
    >>> import numpy as np
    >>> Source(np.ones(2, "float32")).process(np.zeros(3, "float32"))
    array([1., 1., 0.], dtype=float32)
    """

    def __init__(self, samples, *, channels=1, loop=False):
        samples = floating(samples, "samples", dims=(1, 2))
        if samples.dtype != np.float32:
            raise DtypeError(f"samples are {samples.dtype}, but stages take float32; convert them")
        super().__init__(channels, 1 if samples.ndim == 1 else samples.shape[1])
        self._samples, self._place = np.array(samples, order="C").reshape(-1), np.array([0, bool(loop)], np.int64)

    def reset(self):
        """Begin again."""
        self._place[0] = 0

    def compiled_step(self):
        frames = self._samples.size // self.out_channels
        return compiled(kernels.source, [self.channels, self.out_channels, self._samples, frames, self._place])

    compiled_step.__doc__ = Processor.compiled_step.__doc__


class Sink(Processor):
    """What passes is also written into memory, until that is full.

    Parameters
    ----------
    frames : int >= 1
        For how many there is room.
    channels : int

    Examples
    --------
    >>> import numpy as np
    >>> sink = Sink(2)
    >>> sink.process(np.ones(1, "float32"))
    array([1.], dtype=float32)
    >>> sink.recorded
    array([1.], dtype=float32)
    """

    def __init__(self, frames, *, channels=1):
        super().__init__(channels)
        self._frames, self._filled = whole(frames, "frames"), np.zeros(1, np.int64)
        self._memory = np.zeros(self._frames * self.channels, np.float32)
        self._memory.fill(0)  # touches it, so that the sound card need not wait for it

    @property
    def recorded(self):
        """A copy of what has come so far, (samples,) or (samples, channels)."""
        samples = self._memory[: self._filled[0] * self.channels].copy()
        return samples if self.channels == 1 else samples.reshape(-1, self.channels)

    def reset(self):
        """Begin again."""
        self._filled[0] = 0

    def compiled_step(self):
        return compiled(kernels.sink, [self.channels, self._memory, self._frames, self._filled])

    compiled_step.__doc__ = Processor.compiled_step.__doc__


class Monitor(Processor):
    """What passes can be read from Python, by one thread, while a sound card plays on.

    The reader never makes the sound wait. Where it is late by more than there is room for, it misses samples, which are
    counted.

    Parameters
    ----------
    frames : int >= 1
        For how many there is room.
    channels : int

    Examples
    --------
    >>> import numpy as np
    >>> monitor = Monitor(4)
    >>> _ = monitor.process(np.arange(6, dtype="float32"))
    >>> monitor.read(), monitor.dropped
    (array([0., 1., 2., 3.], dtype=float32), 2)
    """

    def __init__(self, frames=65536, *, channels=1):
        super().__init__(channels)
        self._frames, self._counters = whole(frames, "frames"), np.zeros(kernels.MONITOR_COUNTERS, np.int64)
        self._ring = np.zeros(self._frames * self.channels, np.float32)
        self._ring.fill(0)  # touches it, so that the sound card need not wait for it

    @property
    def dropped(self):
        """Frames for which there was no room."""
        return int(self._counters[kernels.DROPPED])

    @property
    def available(self):
        """How many frames can be read."""
        return int(self._counters[kernels.WRITTEN] - self._counters[kernels.READ])

    def read(self, most=None):
        """Take what has passed since the last time: an array (samples,) or (samples, channels).

        Parameters
        ----------
        most : int, optional
            No more than so many; the rest stays for the next time.
        """
        if most is not None and most < 0:
            raise ArgumentError(f"most must not be negative, and it is {most}")
        frames = self.available if most is None else min(self.available, most)
        samples = np.empty(frames * self.channels, np.float32)
        kernels.read_monitor(self._ring, self._counters, samples, self.channels)
        return samples if self.channels == 1 else samples.reshape(-1, self.channels)

    def reset(self):
        """Forget what was not read."""
        self._counters.fill(0)

    def compiled_step(self):
        return compiled(kernels.monitor, [self.channels, self._ring, self._frames, self._counters])

    compiled_step.__doc__ = Processor.compiled_step.__doc__
