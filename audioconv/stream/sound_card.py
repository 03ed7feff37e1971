"""Live sound: a chain between the input and the output of a sound card, without Python on the way."""

import atexit
import ctypes
import time
import weakref
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from audioconv.arrays import choice, whole
from audioconv.errors import ArgumentError, SoundDeviceError
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.realtime import _callback as kernels
from audioconv.kernels.simd.pointers import address_of
from audioconv.stream._devices import default_sample_rate, loudspeakers, sounddevice, there_are
from audioconv.stream.fir import Fir
from audioconv.stream.monitors import Monitor
from audioconv.stream.processor import table_of, width_after
from audioconv.stream.values import hertz

_ABANDONED = []  # what a callback could still read
KINDS = ("duplex", "input", "output")


class Statistics(NamedTuple):
    """What a live stream has done so far.

    Overflows and underflows are dropouts as PortAudio reports them: blocks of input that were lost, or that came with
    gaps; blocks of output that came too late, or found no place. A late block took longer than it lasts. The load is
    the part of a block's time that its work took, in the mean and for the worst; 0 before the first block is over, and
    nan on Windows.
    """

    blocks: int
    frames: int
    input_overflows: int
    input_underflows: int
    output_overflows: int
    output_underflows: int
    late_blocks: int
    load_mean: float
    load_worst: float
    nonfinite_count: int  # samples of output, which were played as silence

    @property
    def dropouts(self):
        return self.input_overflows + self.input_underflows + self.output_overflows + self.output_underflows


class Live:
    """A stage that runs between the input and the output of a sound card; see `live`.

    Attributes
    ----------
    stage : stage
    sample_rate : float, in Hz
    input_channels, output_channels : int
        Of the sound card; 0 where it does not hear or play.
    """

    def __init__(self, stage, *, block_size, sample_rate, device, latency, kind, output_channels):
        choice(kind, "kind", tuple(KINDS))
        if not JIT_ENABLED:
            raise SoundDeviceError("live sound needs compiled code, and NUMBA_DISABLE_JIT is set")
        self.stage = stage.stream() if isinstance(stage, Fir) else stage
        if not (hasattr(self.stage, "compiled_step") and hasattr(self.stage, "channels")):
            raise ArgumentError(
                f"{type(stage).__name__} has no compiled step and cannot run on a sound card: "
                f"let it read a Monitor from Python"
            )
        self.block_size, self._kind = None if block_size is None else whole(block_size, "block_size"), kind
        rate = _fitting_rate(self.stage, sample_rate)
        self._sounddevice = sounddevice()
        self._counters = np.zeros(kernels.COUNT, np.int64)
        self._table, self._steps = table_of([self.stage])
        self._row, self._buffers = None, []
        self._stream, self._held = None, []
        self.input_channels = 0 if kind == "output" else self.stage.channels
        self.output_channels = 0 if kind == "input" else self._played(device, output_channels)
        self._open(device, rate, latency)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.close()

    def start(self):
        """Let the sound begin."""
        if not self._held:
            self._hold()
        try:
            self._try(self._stream.start)
        except BaseException:
            self._let_go()
            raise

    def stop(self):
        """Let the sound end; `start` goes on from there."""
        if self._stream is not None and self._stream.active:
            self._try(self._stream.stop)
        self._let_go()

    def _hold(self):
        """Keep Python out of the stage, and of those inside it."""
        for guard in _guards(self.stage):
            if not guard.lock.acquire(False):
                self._let_go()
                raise guard.busy()
            guard.live = True
            self._held.append(guard)

    def _let_go(self):
        """Give the stage back to Python."""
        while self._held:
            guard = self._held.pop()
            guard.live = False
            guard.lock.release()

    def close(self):
        """Stop, and give the sound card back."""
        self.stop()
        self._close()

    @property
    def latency_s(self):
        """By how much input and output are late, as the driver says."""
        late_s = self._stream.latency
        return tuple(late_s) if isinstance(late_s, tuple) else (late_s,)

    @property
    def active(self):
        """Whether the sound card is running."""
        return self._stream is not None and bool(self._stream.active)

    def wait(self, seconds=None):
        """Sleep while the sound plays: so long, or until it ends by itself or by Ctrl-C."""
        end = np.inf if seconds is None else time.monotonic() + seconds
        while self.active and (left := end - time.monotonic()) > 0:
            time.sleep(min(0.1, left))

    @property
    def statistics(self):
        """The `Statistics` so far."""
        count = self._counters.copy()
        megaframes = max(count[kernels.FRAMES], 1) / 1e6
        whole_load = self._row[kernels.MEGAFRAME_NS] if self._row[kernels.CLOCK] else np.nan
        numbers = (count[i] for i in (kernels.BLOCKS, kernels.FRAMES, kernels.INPUT_OVERFLOWS, kernels.INPUT_UNDERFLOWS,
                                      kernels.OUTPUT_OVERFLOWS, kernels.OUTPUT_UNDERFLOWS, kernels.LATE))  # fmt: skip
        mean, worst = count[kernels.BUSY_NS] / (megaframes * whole_load), count[kernels.WORST_NS] / whole_load
        return Statistics(*map(int, numbers), float(mean), float(worst), int(count[kernels.NONFINITE]))

    def take_peaks_db(self):
        """The peaks of input and output since the last time, in dB of full scale; -inf for silence."""
        peaks = self._counters[[kernels.PEAK_IN, kernels.PEAK_OUT]] / kernels.FULL_SCALE
        self._counters[[kernels.PEAK_IN, kernels.PEAK_OUT]] = 0
        with np.errstate(divide="ignore"):
            return tuple(map(float, 20 * np.log10(peaks)))

    # --- the sound card -----------------------------------------------------------------------------------

    def _open(self, device, sample_rate, latency):
        inputs, outputs = self.stage.channels, width_after(self.stage)
        channels = {"duplex": (self.input_channels, self.output_channels), "input": self.input_channels,
                    "output": self.output_channels}[self._kind]  # fmt: skip
        self._row = np.zeros(kernels.ROW, np.int64)
        most = max(self.block_size or 0, 1024)
        self._buffers = [np.zeros(most * inputs, np.float32), np.zeros(most * outputs, np.float32)]
        self._row[: kernels.CLOCK] = [
            inputs,
            outputs,
            *map(address_of, (self._table, self._counters, *self._buffers)),
            most,
        ]
        self._row[kernels.CLOCK], self._row[kernels.PLAYED] = _clock(), self.output_channels or outputs
        ffi = self._sounddevice._ffi
        pointer = ffi.cast("PaStreamCallback *", kernels.callback.address(np.dtype(np.float32)))
        # The base class is for libraries: it alone takes a C function with user data for a callback.
        self._stream = self._try(
            self._sounddevice._StreamBase, self._kind, samplerate=sample_rate, blocksize=self.block_size or 0,
            device=device,
            channels=channels, dtype="float32", latency=latency, callback=pointer,
            userdata=ffi.cast("void *", address_of(self._row)), clip_off=True, dither_off=True,
        )  # fmt: skip
        self.sample_rate = float(self._stream.samplerate)
        self._row[kernels.MEGAFRAME_NS] = round(1e15 / self.sample_rate)
        # what the callback reads lives at least as long as the stream, also where nobody closes it
        kept = self._row, self._buffers, self._table, self._steps, self._counters, self.stage
        self._close = weakref.finalize(self, _close, self._stream, kept, self._sounddevice._exit_handler)

    def _try(self, call, *arguments, **options):
        try:
            return call(*arguments, **options)
        except (self._sounddevice.PortAudioError, ValueError) as error:
            asked = getattr(self.stage, "rate_in", None)
            rate = f" (the stage is made for {asked} Hz)" if asked and "rate" in str(error) else ""
            raise SoundDeviceError(f"{error}{rate}; there are: {there_are()}") from error

    def _played(self, device, wanted):
        """Channels of the card's output."""
        made = width_after(self.stage)
        if wanted is None:
            return made if made > 1 else max(1, loudspeakers(device))
        if whole(wanted, "output_channels") != made > 1:
            raise ArgumentError(f"output_channels is {wanted}, but the stage gives {made} channels; only one channel "
                                f"is played on several, and a MatrixMixer makes others")  # fmt: skip
        return int(wanted)


def _fitting_rate(stage, sample_rate):
    """The sample rate to ask the card for: as given, else the one that the stage is made for, if it knows one."""
    made_for = getattr(stage, "rate_in", None)
    if sample_rate is None:
        return made_for
    if made_for not in (None, hertz(sample_rate)):
        raise ArgumentError(f"sample_rate is {sample_rate!r} Hz, but the stage is made for {made_for} Hz")
    return hertz(sample_rate)


def _guards(stage):
    """The guards of a stage and of those inside it, each once."""
    guards = [stage._guard] if hasattr(stage, "_guard") else []
    for inside in getattr(stage, "_inside", ()):
        guards += [guard for guard in _guards(inside) if guard not in guards]
    return guards


def live(stage, block_size=64, *, sample_rate=None, device=None, latency="low", kind="duplex", output_channels=None):
    """Run a stage or a chain between the input and the output of a sound card.

    The sound card calls compiled code that never waits for Python: it plays on while Python computes, collects garbage
    or sleeps. What is set on a stage meanwhile is heard, `StreamConvolver.set_ir` too. It needs the `live` extra.

    Parameters
    ----------
    stage : stage
        With a compiled step: `Chain`, `Gain`, `Fir`, `Biquad`, `StreamConvolver`, `DryWet`, `Limiter`, `MatrixMixer`,
        `JitStage`, `Monitor`, `Source`, `Sink`, a network's stream. It belongs to the sound card until that stops.
    block_size : int or None
        Samples of a block; the delay between input and output grows with it. None leaves it to the driver, which may
        then change it from block to block.
    sample_rate : float, optional
        In Hz; if not given, the one that the stage is made for, or the device's own if the stage knows none.
    device : int, str or a pair of them, optional
        Number or a part of the name, one for input and output or one each; see `devices`.
    latency : "low", "high" or float
        How much time the driver may take; in seconds if a number.
    kind : "duplex", "input" or "output"
        With "input" nothing is played; with "output" the chain gets silence, and begins with a `Source`.
    output_channels : int, optional
        Of the device. What a stage gives in one channel is played on all of them; by default on as many as the device
        has, or on two if these are more than 8. What it gives in several is played on as many.

    Returns
    -------
    Live
        Starts with `with` or `start()`; `wait`, `stop`, `close`, `statistics`, `take_peaks_db`, `output_channels`.

    Raises
    ------
    ArgumentError
        For a stage without a compiled step, or made for another sample rate, and numbers that make no sense.
    SoundDeviceError
        If there is no such device, it cannot do this, or sounddevice or PortAudio are not installed.
    BusyError
        If the stage is in use.

    Examples
    --------
    >>> import audioconv as ac
    >>> with ac.live(ac.Gain(-6.0), block_size=64) as sound:  # doctest: +SKIP
    ...     sound.wait(10)
    """
    return Live(stage, block_size=block_size, sample_rate=sample_rate, device=device, latency=latency, kind=kind,
                output_channels=output_channels)  # fmt: skip


@contextmanager
def microphone(*, device=None, seconds=None, block_size=1024):
    """Hear with Python: (blocks, sample_rate), the blocks of one channel as they come.

    They end after so many seconds, if any are given. What Python does with them may take its time; only if it is late
    by more than ten seconds, samples are lost.
    """
    rate = default_sample_rate(device, "input")
    monitor = Monitor(10 * rate)
    with live(monitor, block_size, sample_rate=rate, device=device, latency="high", kind="input") as sound:
        yield _heard(sound, monitor, np.inf if seconds is None else round(seconds * rate)), rate


def _heard(sound, monitor, left):
    while left > 0 and (sound.active or monitor.available):
        block = monitor.read(int(min(left, monitor.available)))
        left -= len(block)
        if len(block):
            yield block
        else:
            time.sleep(0.01)


def _clock():
    """The address of clock_gettime, or 0."""
    try:
        return ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value
    except (AttributeError, OSError, TypeError):  # Windows
        return 0


def _close(stream, kept, exit_handler):
    if stream.active or stream.stopped:
        stream.close()
        return
    # It has ended by itself: the sound server is gone. PortAudio would wait for it for ten minutes, and abort at exit.
    _ABANDONED.append((stream, kept))
    atexit.unregister(exit_handler)
