"""Live sound: a chain between the input and the output of a sound card, without Python on the way."""

import atexit
import ctypes
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from audioconv._typing import FloatArray
from audioconv.arrays import choice, whole
from audioconv.errors import ArgumentError, SoundDeviceError
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.realtime import _callback as kernels
from audioconv.kernels.realtime._callback import CALLBACK, COUNTERS
from audioconv.kernels.simd.pointers import address_of
from audioconv.stage import Guard
from audioconv.stream._devices import DeviceName, Kind, default_sample_rate, loudspeakers, sounddevice, there_are
from audioconv.stream.fir import Fir
from audioconv.stream.monitors import Monitor
from audioconv.stream.steps import channels_after, table_of
from audioconv.stream.values import hertz

Latency: TypeAlias = Literal["low", "high"] | float
_ABANDONED: list[Any] = []  # what a callback could still read


class Statistics(NamedTuple):
    """Counters and load of a live stream so far.

    Overflows and underflows are dropouts as PortAudio reports them: blocks of input that were lost, or that came with
    gaps; blocks of output that came too late, or found no place. A late block took longer than it lasts. The load is
    the part of a block's time that its work took, in the mean and for the worst; 0 before the first block is over, and
    nan on Windows.

    Parameters
    ----------
    blocks, frames : int
    input_overflows, input_underflows, output_overflows, output_underflows : int
    late_blocks : int
    load_mean, load_worst : float
    nonfinite_count : int
        Samples of output that were not finite, and were played as silence.

    Examples
    --------
    >>> Statistics(1000, 64000, 0, 1, 0, 2, 0, 0.1, 0.3, 0).dropouts
    3
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
    nonfinite_count: int

    @property
    def dropouts(self) -> int:
        """Overflows and underflows, all together."""
        return self.input_overflows + self.input_underflows + self.output_overflows + self.output_underflows


class Live:
    """A stage that runs between the input and the output of a sound card; see `live`.

    Parameters
    ----------
    stage : stage
    block_size : int or None
    sample_rate : float or None, in Hz
    device : int, str or a pair of them, or None
    latency : {"low", "high"} or float
    kind : {"duplex", "input", "output"}
    output_channels : int or None
        All as `live` takes them.

    Attributes
    ----------
    stage : stage
    sample_rate : float, in Hz
    input_channels, output_channels : int
        Of the sound card; 0 where it has no input or output.
    block_size : int or None

    Examples
    --------
    >>> import audioconv as ac
    >>> with ac.live(ac.Gain(-6.0)) as sound:  # doctest: +SKIP
    ...     sound.wait(10)
    """

    def __init__(self, stage: Any, *, block_size: int | None, sample_rate: float | None, device: DeviceName,
                 latency: Latency, kind: Kind, output_channels: int | None) -> None:  # fmt: skip
        choice(kind, "kind", get_args(Kind))
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
        self._counters = np.zeros(COUNTERS.row_size, np.int64)
        self._table, self._steps = table_of([self.stage])
        self._row, self._buffers = np.zeros(CALLBACK.row_size, np.int64), list[Any]()
        self._stream: Any = None
        self._held: list[Guard] = []
        self.input_channels = 0 if kind == "output" else self.stage.channels
        self.output_channels = 0 if kind == "input" else self._output_channels(device, output_channels)
        self._open(device, rate, latency)

    def __enter__(self) -> "Live":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the sound card.

        Raises
        ------
        BusyError
            If another thread, or another sound card, is in the stage or in what it is a part of.
        SoundDeviceError
            If the sound card does not start.
        """
        if not self._held:
            self._hold()
        try:
            self._try(self._stream.start)
        except BaseException:
            self._let_go()
            raise

    def stop(self) -> None:
        """Stop the sound card; `start` goes on from there."""
        if self._stream is not None and self._stream.active:
            self._try(self._stream.stop)
        self._let_go()

    def _hold(self) -> None:
        """Lock the stage against Python, and all that belongs to it or that it belongs to."""
        for guard in _guards(self.stage):
            if all(guard.lock is not held.lock for held in self._held):  # a chain's stages have one lock
                if not guard.lock.acquire(False):
                    self._let_go()
                    raise guard.busy()
                self._held.append(guard)
        self._mark(True)

    def _mark(self, live: bool) -> None:
        """Note in the guards, for the errors of others, that a sound card holds them."""
        for guard in self._held:
            guard.mark(live)

    def _let_go(self) -> None:
        """Unlock the stage for Python."""
        self._mark(False)
        while self._held:
            self._held.pop().lock.release()

    def close(self) -> None:
        """Stop, and close the sound card."""
        self.stop()
        self._close()

    @property
    def latency_s(self) -> tuple[float, ...]:
        """Latency of input and output in seconds, as the driver reports it."""
        late_s = self._stream.latency
        return tuple(late_s) if isinstance(late_s, tuple) else (late_s,)

    @property
    def active(self) -> bool:
        """Whether the sound card is running."""
        return self._stream is not None and bool(self._stream.active)

    def wait(self, seconds: float | None = None) -> None:
        """Sleep while the sound plays: so long, or until it ends by itself or by Ctrl-C.

        Parameters
        ----------
        seconds : float, optional
        """
        end = np.inf if seconds is None else time.monotonic() + seconds
        while self.active and (left := end - time.monotonic()) > 0:
            time.sleep(min(0.1, left))

    @property
    def statistics(self) -> Statistics:
        """The `Statistics` so far."""
        count = self._counters.copy()
        megaframes = max(count[COUNTERS.frames], 1) / 1e6
        whole_load = self._row[CALLBACK.megaframe_ns] if self._row[CALLBACK.clock] else np.nan
        return Statistics(
            blocks=int(count[COUNTERS.blocks]),
            frames=int(count[COUNTERS.frames]),
            input_overflows=int(count[COUNTERS.input_overflows]),
            input_underflows=int(count[COUNTERS.input_underflows]),
            output_overflows=int(count[COUNTERS.output_overflows]),
            output_underflows=int(count[COUNTERS.output_underflows]),
            late_blocks=int(count[COUNTERS.late]),
            load_mean=float(count[COUNTERS.busy_ns] / (megaframes * whole_load)),
            load_worst=float(count[COUNTERS.worst_ns] / whole_load),
            nonfinite_count=int(count[COUNTERS.nonfinite]),
        )

    def take_peaks_db(self) -> tuple[float, float]:
        """Read and reset the peaks of input and output since the last call.

        Returns
        -------
        input_db, output_db : float, in dB of full scale
            -inf for silence.
        """
        peak_in, peak_out = (self._taken_peak_db(field) for field in (COUNTERS.peak_in, COUNTERS.peak_out))
        return peak_in, peak_out

    def _taken_peak_db(self, field: int) -> float:
        peak, self._counters[field] = self._counters[field] / kernels.FULL_SCALE, 0
        with np.errstate(divide="ignore"):
            return float(20 * np.log10(peak))

    def __repr__(self) -> str:
        playing = "playing" if self.active else "stopped"
        return f"Live({self.stage!r}, block_size={self.block_size}, sample_rate={self.sample_rate:g}, {playing})"

    # --- the sound card -----------------------------------------------------------------------------------

    def _open(self, device: DeviceName, sample_rate: float | None, latency: Latency) -> None:
        inputs, outputs = self.stage.channels, channels_after(self.stage)
        channels = {"duplex": (self.input_channels, self.output_channels), "input": self.input_channels,
                    "output": self.output_channels}[self._kind]  # fmt: skip
        most = max(self.block_size or 0, 1024)
        silence, unheard = self._buffers = [np.zeros(most * inputs, np.float32), np.zeros(most * outputs, np.float32)]
        self._row[:] = CALLBACK.pack(
            in_channels=inputs, out_channels=outputs, table=address_of(self._table),
            counters=address_of(self._counters), silence=address_of(silence), unheard=address_of(unheard),
            buffer_frames=most, clock=_clock(), megaframe_ns=0, card_channels=self.output_channels or outputs,
        )  # fmt: skip
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
        self._row[CALLBACK.megaframe_ns] = round(1e15 / self.sample_rate)
        # what the callback reads lives at least as long as the stream, also where nobody closes it
        referenced = self._row, self._buffers, self._table, self._steps, self._counters, self.stage
        self._close = weakref.finalize(self, _close, self._stream, referenced, self._sounddevice._exit_handler)

    def _try(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        except (self._sounddevice.PortAudioError, ValueError) as error:
            stage_rate = getattr(self.stage, "rate_in", None)
            rate = f" (the stage is made for {stage_rate} Hz)" if stage_rate and "rate" in str(error) else ""
            raise SoundDeviceError(f"{error}{rate}; there are: {there_are()}") from error

    def _output_channels(self, device: DeviceName, requested: int | None) -> int:
        """Channels of the card's output."""
        out_channels = channels_after(self.stage)
        if requested is None:
            return out_channels if out_channels > 1 else max(1, loudspeakers(device))
        if whole(requested, "output_channels") != out_channels > 1:
            raise ArgumentError(f"output_channels is {requested}, but the stage gives {out_channels} channels; only "
                                f"one channel is played on several, and a MatrixMixer makes others")  # fmt: skip
        return int(requested)


def _fitting_rate(stage: Any, sample_rate: float | None) -> float | None:
    """The sample rate to ask the card for: as given, else the one that the stage is made for, if it knows one."""
    made_for: float | None = getattr(stage, "rate_in", None)
    if sample_rate is None:
        return made_for
    if made_for not in (None, hertz(sample_rate)):
        raise ArgumentError(f"sample_rate is {sample_rate!r} Hz, but the stage is made for {made_for} Hz")
    return hertz(sample_rate)


def _guards(stage: Any) -> list[Guard]:
    """The guards of a stage and of those inside it, each once."""
    guards = [stage._guard] if hasattr(stage, "_guard") else []
    for inside in getattr(stage, "_inside", ()):
        guards += [guard for guard in _guards(inside) if guard not in guards]
    return guards


def live(stage: Any, block_size: int | None = 64, *, sample_rate: float | None = None, device: DeviceName = None,
         latency: Latency = "low", kind: Kind = "duplex", output_channels: int | None = None) -> Live:  # fmt: skip
    """Run a stage or a chain between the input and the output of a sound card.

    The sound card calls compiled code that never waits for Python: it plays on while Python computes, collects garbage
    or sleeps. Parameters may be set meanwhile, `StreamConvolver.set_ir` too. It needs the `live` extra.

    Parameters
    ----------
    stage : stage
        With a compiled step: `Chain`, `Gain`, `Fir`, `Biquad`, `StreamConvolver`, `DryWet`, `Limiter`, `MatrixMixer`,
        `JitStage`, `Monitor`, `Source`, `Sink`, a network's stream. It belongs to the sound card until that stops, with
        all inside it: to call its `process`, `flush` or `reset`, or theirs, is a `BusyError`. Parameters may be set.
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
def microphone(
    *, device: DeviceName = None, seconds: float | None = None, block_size: int = 1024
) -> Iterator[tuple[Iterator[FloatArray], int]]:
    """Capture from the microphone: (blocks, sample_rate), the blocks of one channel as they come.

    They end after `seconds`, if given. Only if Python is late by more than ten seconds, samples are dropped.
    """
    rate = default_sample_rate(device, "input")
    monitor = Monitor(10 * rate)
    with live(monitor, block_size, sample_rate=rate, device=device, latency="high", kind="input") as sound:
        yield _captured(sound, monitor, np.inf if seconds is None else round(seconds * rate)), rate


def _captured(sound: Live, monitor: Monitor, left: float) -> Iterator[FloatArray]:
    while left > 0 and (sound.active or monitor.available):
        block = monitor.read(int(min(left, monitor.available)))
        left -= len(block)
        if len(block):
            yield block
        else:
            time.sleep(0.01)


def _clock() -> int:
    """The address of clock_gettime, or 0."""
    try:
        return ctypes.cast(ctypes.CDLL(None).clock_gettime, ctypes.c_void_p).value or 0
    except (AttributeError, OSError, TypeError):  # Windows
        return 0


def _close(stream: Any, referenced: Any, exit_handler: Any) -> None:
    if stream.active or stream.stopped:
        stream.close()
        return
    # It has ended by itself: the sound server is gone. PortAudio would wait for it for ten minutes, and abort at exit.
    _ABANDONED.append((stream, referenced))
    atexit.unregister(exit_handler)
