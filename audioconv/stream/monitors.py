"""Source, sink and monitor: stages that play an array, record into one, or pass samples to Python by a ring buffer."""

from typing import Any

import numpy as np

from audioconv._typing import ArrayLike, FloatArray
from audioconv.arrays import floating, whole
from audioconv.errors import ArgumentError, DtypeError
from audioconv.kernels.realtime import monitors as kernels
from audioconv.kernels.realtime.atomics import read
from audioconv.kernels.realtime.monitors import MONITOR, PLAYBACK, RECORDING, RING_COUNTERS, SINK, SOURCE
from audioconv.stage import Guard
from audioconv.stream.processor import Processor
from audioconv.stream.steps import Entry, compiled


class Source(Processor):
    """Sound from an array, whatever comes in: to play a recording, or to try a chain without a microphone.

    Parameters
    ----------
    samples : float32 array, shape (samples,) or (samples, channels)
    channels : int
        Of the input, which is ignored.
    loop : bool
        Begin again at the end; otherwise silence follows.

    Attributes
    ----------
    channels, out_channels : int

    Raises
    ------
    DtypeError, ShapeError
        If samples are no such array.

    Notes
    -----
    `reset` begins again.

    Examples
    --------
    >>> import numpy as np
    >>> Source(np.ones(2, "float32")).process(np.zeros(3, "float32"))
    array([1., 1., 0.], dtype=float32)
    """

    def __init__(self, samples: ArrayLike, *, channels: int = 1, loop: bool = False) -> None:
        sound = floating(samples, "samples", dims=(1, 2))
        if sound.dtype != np.float32:
            raise DtypeError(f"samples are {sound.dtype}, but stages take float32; convert them")
        super().__init__(channels, 1 if sound.ndim == 1 else sound.shape[1])
        self._samples = np.array(sound, order="C").reshape(-1)
        self._playback = np.array(PLAYBACK.pack(position=0, loop=bool(loop)), np.int64)

    def _reset(self) -> None:
        self._playback[PLAYBACK.position] = 0

    def _compiled_step(self) -> Entry:
        row = SOURCE.pack(in_channels=self.channels, out_channels=self.out_channels, samples=self._samples,
                          frames=self._frames, playback=self._playback)  # fmt: skip
        return compiled(kernels.source, row)

    @property
    def _frames(self) -> int:
        return self._samples.size // self.out_channels

    def _parameters(self) -> dict[str, Any]:
        return {"samples": self._frames, "loop": bool(self._playback[PLAYBACK.loop])}


class Sink(Processor):
    """Pass a signal on, and record it into memory until that is full.

    Parameters
    ----------
    frames : int >= 1
        For how many there is room.
    channels : int

    Attributes
    ----------
    channels, out_channels : int

    Notes
    -----
    `reset` begins again.

    Examples
    --------
    >>> import numpy as np
    >>> sink = Sink(2)
    >>> sink.process(np.ones(1, "float32"))
    array([1.], dtype=float32)
    >>> sink.recorded
    array([1.], dtype=float32)
    """

    def __init__(self, frames: int, *, channels: int = 1) -> None:
        super().__init__(channels)
        self._frames, self._recording = whole(frames, "frames"), np.zeros(RECORDING.row_size, np.int64)
        self._memory = np.zeros(self._frames * self.channels, np.float32)
        self._memory.fill(0)  # touches the pages, so that no page fault delays the sound card

    @property
    def recorded(self) -> FloatArray:
        """A copy of what has come so far, (samples,) or (samples, channels)."""
        samples = self._memory[: read(self._recording, RECORDING.frames) * self.channels].copy()
        return samples if self.channels == 1 else samples.reshape(-1, self.channels)

    def _reset(self) -> None:
        self._recording.fill(0)

    def _compiled_step(self) -> Entry:
        row = SINK.pack(channels=self.channels, memory=self._memory, frames=self._frames, recording=self._recording)
        return compiled(kernels.sink, row)

    def _parameters(self) -> dict[str, Any]:
        return {"frames": self._frames}


class Monitor(Processor):
    """Pass a signal on, for one thread of Python to read while a sound card plays.

    It is a ring buffer with one writer and one reader, who never makes the sound wait. Where the reader is late by more
    than there is room for, frames are dropped and counted.

    Parameters
    ----------
    frames : int >= 1
        For how many there is room.
    channels : int

    Attributes
    ----------
    channels, out_channels : int

    Notes
    -----
    `reset` forgets what was not read.

    Examples
    --------
    >>> import numpy as np
    >>> monitor = Monitor(4)
    >>> _ = monitor.process(np.arange(6, dtype="float32"))
    >>> monitor.read(), monitor.dropped
    (array([0., 1., 2., 3.], dtype=float32), 2)
    """

    def __init__(self, frames: int = 65536, *, channels: int = 1) -> None:
        super().__init__(channels)
        self._frames, self._counters = whole(frames, "frames"), np.zeros(RING_COUNTERS.row_size, np.int64)
        self._ring = np.zeros(self._frames * self.channels, np.float32)
        self._ring.fill(0)  # touches the pages, so that no page fault delays the sound card
        self._reading = Guard("Monitor's read")

    @property
    def dropped(self) -> int:
        """Frames for which there was no room."""
        return int(self._counters[RING_COUNTERS.dropped])

    @property
    def available(self) -> int:
        """How many frames can be read."""
        return int(read(self._counters, RING_COUNTERS.written) - self._counters[RING_COUNTERS.read])

    def read(self, most: int | None = None) -> FloatArray:
        """Read the frames that have passed since the last call.

        Parameters
        ----------
        most : int, optional
            At most this number of frames; the rest stays for the next call.

        Returns
        -------
        samples : float32 array, shape (frames,) or (frames, channels)

        Raises
        ------
        ArgumentError
            If most is negative.
        BusyError
            If another thread is reading.
        """
        if most is not None and most < 0:
            raise ArgumentError(f"most must not be negative, and it is {most}")
        with self._reading:
            frames = self.available if most is None else min(self.available, most)
            samples = np.empty(frames * self.channels, np.float32)
            kernels.read_ring(self._ring, self._counters, samples, self.channels)
        return samples if self.channels == 1 else samples.reshape(-1, self.channels)

    def _reset(self) -> None:
        with self._reading:
            self._counters.fill(0)

    def _compiled_step(self) -> Entry:
        row = MONITOR.pack(channels=self.channels, ring=self._ring, frames=self._frames, counters=self._counters)
        return compiled(kernels.monitor, row)

    def _parameters(self) -> dict[str, Any]:
        return {"frames": self._frames}
