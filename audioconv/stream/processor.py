"""The base of compiled stages: blocks in and out, one step behind them, and the guard around it."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from audioconv._typing import ArrayLike, FloatArray
from audioconv.arrays import whole
from audioconv.errors import DtypeError, ShapeError
from audioconv.kernels.dsp.entry import entry
from audioconv.kernels.realtime import chain as kernels
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.stage import Guard, GuardedStage, checked_block, described, sample_shapes
from audioconv.stream.steps import Entry, Table, table_of, table_of_steps

_WHOLE_BLOCK = 65536  # samples of a whole signal that go through a chain at a time, while they are in the cache


class Processor(GuardedStage):
    """Base of stages that take float32 blocks (samples,) or (samples, channels) and give as many samples.

    The results have `out_channels` columns, as many as the block if a stage does not say otherwise.
    """

    latency = 0
    rate_in: float | None = None  # the sample rates, in Hz, for which a stage is made, if it knows one,
    rate_out: float | None = None  # and which it gives
    _dtype: np.dtype[Any] = np.dtype(np.float32)
    _max_block: int | None = None
    _nonfinite: Any = None  # a `COUNTER` of samples that were replaced, where a stage counts them
    _inside: Sequence[Any] = ()  # stages of which this one's step calls the steps, by a table of theirs

    def __init__(self, channels: int, out_channels: int | None = None) -> None:
        self.channels = whole(channels, "channels")
        self.out_channels = self.channels if out_channels is None else whole(out_channels, "out_channels")
        self._mono = self.channels == self.out_channels == 1
        self._shapes = sample_shapes(self.channels)
        self._guard, self._dims = Guard(type(self).__name__), 1 + (self.out_channels > 1)
        self._table: Table | None = None
        self._steps: Table | None = None
        self._run_step: Callable[..., bool] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_table": None, "_steps": None, "_run_step": None}  # addresses are of this process

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._share_guard()
        self._prepare()

    def _prepare(self) -> None:
        """Note all addresses, and compile or load what would delay the first block."""
        self._table = self._whole_table()
        self._run_step = _run_step(self._dtype)
        self._run(np.empty(0, self._dtype), np.empty(0, self._dtype))

    def _whole_table(self) -> Table:
        return table_of([self])

    def _table_inside(self) -> Any:
        """The table of the stages inside, which stays where it is."""
        if self._steps is None:
            self._steps = table_of(self._inside)
        return self._steps[0]

    def _held(self) -> Sequence[Any]:
        """The stages that are in use while this one is."""
        return self._inside

    def _share_guard(self) -> None:
        """Lock the stages inside with this one: they belong to it."""
        guards = [stage._guard for stage in self._held() if isinstance(stage, GuardedStage)]
        if guards:
            self._guard.share(guards)

    def compiled_step(self) -> Entry:
        """The stage as code: address and state of `void step(void* state, float* in, float* out, int64 frames)`.

        The state and the stage must be kept as long as the step is used. `out` may be `in` if the stage gives as many
        channels as it takes.

        Returns
        -------
        address : int
        state : int64 array
            Its `ctypes.data` is what the step takes.
        """
        return self._compiled_step()

    @abstractmethod
    def _compiled_step(self) -> Entry: ...

    def process(self, block: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        """Take the next block and return what comes out.

        Parameters
        ----------
        block : float array, shape (samples,) with one channel, or (samples, channels)
            Of the stage's dtype, float32 if it does not say otherwise.
        out : array like the result, optional
            Where to put the result; it may be `block` itself, or share memory with it.

        Returns
        -------
        y : array, shape like block, or (samples,) or (samples, out_channels) if the number of channels changes
            `out`, or a new array.

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        lock = self._guard.lock  # `with` would take a tenth of the time of a short block
        if not lock.acquire(False):
            raise self._guard.busy()
        try:
            if out is not None and self._passes(block, out):
                return out
            return self._process(block, out)
        finally:
            lock.release()

    def __call__(self, x: ArrayLike) -> FloatArray:
        """Return the result for a whole signal: with its tail, without the latency.

        The signal so far is forgotten, before and afterwards.

        Parameters
        ----------
        x : float array, shape (samples,) with one channel, or (samples, channels)
            Of the stage's dtype.

        Returns
        -------
        y : array, shape like that of the blocks of `process`

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        signal = checked_block(x, self._dtype, self._shapes, stage=self, name="x")
        size = min(_WHOLE_BLOCK, self._max_block or _WHOLE_BLOCK)
        with self._guard:
            self._reset()
            blocks = [self._process(signal[at : at + size]) for at in range(0, len(signal) or 1, size)]
            whole: FloatArray = np.concatenate([*blocks, self._flush()])[self.latency :]
        return whole

    def _process(self, block: ArrayLike, out: FloatArray | None = None) -> FloatArray:
        samples: Any = block
        usual = (
            type(block) is np.ndarray and block.dtype is self._dtype and block.ndim and block.shape[1:] in self._shapes
        )
        if not usual:
            samples = checked_block(block, self._dtype, self._shapes, stage=self)
        if self._max_block is not None and len(samples) > self._max_block:
            raise ShapeError(f"block has {len(samples)} samples, more than max_block = {self._max_block}")
        shape = samples.shape
        if self.out_channels != self.channels:
            shape = (len(samples), self.out_channels)[: 1 + (self.out_channels > 1)]
        result = np.empty(shape, self._dtype) if out is None else self._checked_out(out, shape)
        plain = samples.flags.carray and (out is None or result.flags.carray)
        if not (plain and self._run(samples, result)):
            result = np.empty(shape, self._dtype)
            self._run(np.array(samples, order="C"), result)
        self._dims = result.ndim
        if out is None:
            return result
        if result is not out:
            out[...] = result
        return out

    def _passes(self, block: Any, out: Any) -> bool:
        """The fast path for the usual case: from one plain contiguous array to another; whether it was taken."""
        if not (
            type(block) is type(out) is np.ndarray and block.dtype is out.dtype is self._dtype
            and block.flags.carray and out.flags.carray and self._table is not None and self._run_step is not None
        ):  # fmt: skip
            return False
        if block.ndim == 1:
            fits = self._mono and out.ndim == 1 and out.size == block.size
        else:
            fits = block.shape[1:] == (self.channels,) and out.shape == (len(block), self.out_channels)
        if not fits or (self._max_block is not None and len(block) > self._max_block):
            return False
        self._dims = block.ndim
        if self._dims > 1:
            return self._run(block, out)
        apart: bool = self._run_step(self._table[0], block, out, block.size)
        return apart

    def _run(self, samples: Any, result: Any) -> bool:
        """One block, from one contiguous array to another; False, and nothing done, if they share a part of memory."""
        if self._table is None:
            self._prepare()
        assert self._table is not None
        assert self._run_step is not None
        if samples.ndim == result.ndim == 1:  # `reshape` takes as long as a check
            apart: bool = self._run_step(self._table[0], samples, result, samples.size)
        else:
            apart = self._run_step(self._table[0], samples.reshape(-1), result.reshape(-1), len(samples))
        return apart

    def _checked_out(self, out: Any, shape: tuple[int, ...]) -> FloatArray:
        if not isinstance(out, np.ndarray) or out.dtype != self._dtype:
            raise DtypeError(
                f"out must be an array of {self._dtype}, not {type(out).__name__} of {np.asarray(out).dtype}"
            )
        if out.shape != shape or not out.flags.writeable:
            raise ShapeError(f"out must be a writable array of shape {shape}, not {out.shape}")
        return out

    def _shaped(self, samples: Any) -> FloatArray:
        """Samples as an array with as many dimensions as the blocks had."""
        shaped: FloatArray = samples.reshape((-1, self.out_channels)[: self._dims])
        return shaped

    @property
    def nonfinite_count(self) -> int:
        """How many samples were not finite and have been replaced, since the signal began.

        Stages that remember, `Biquad`, `DryWet` and `Limiter`, always replace them; `StreamConvolver` does so with
        `replace_nonfinite`. That of a chain counts all inside it.
        """
        own = 0 if self._nonfinite is None else int(self._nonfinite[COUNTER.value])
        return own + sum(getattr(stage, "nonfinite_count", 0) for stage in self._inside)

    def _flush(self) -> FloatArray:
        """Nothing: a stage without memory has no tail."""
        self._reset()
        return self._shaped(np.empty((0, self.out_channels), self._dtype))

    def _ended(self, frames: int) -> FloatArray:
        """The output for `frames` zeros after the signal; then reset."""
        rest = self._process(np.zeros((frames, self.channels)[: self._dims], np.float32))
        self._reset()
        return rest

    def _reset(self) -> None:
        """Forget the signal so far."""

    def __repr__(self) -> str:
        return described(type(self).__name__, self._parameters() | self._channels())

    def _channels(self) -> dict[str, int]:
        """The channels, for `repr`, where the parameters do not say them."""
        if self.channels != self.out_channels:
            return {"channels": self.channels, "out_channels": self.out_channels}
        return {"channels": self.channels}


@lru_cache
def _run_step(dtype: np.dtype[Any]) -> Callable[..., bool]:
    """What runs one step on blocks of a dtype; looking it up takes as long as filtering a short file."""
    samples = np.empty(0, dtype)
    run: Callable[..., bool] = entry(kernels.run_step, table_of_steps([])[0], samples, samples, 0)
    return run


def counter() -> Any:
    """A `COUNTER` at 0."""
    return np.zeros(COUNTER.row_size, np.int64)
