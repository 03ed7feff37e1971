"""What all compiled stages of sound share: blocks in and out, and their place in a table of steps."""

import numpy as np

from audioconv.arrays import MOST_CHANNELS, floating, whole
from audioconv.errors import DtypeError, ShapeError
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.realtime import chain as kernels
from audioconv.stage import Guard


def compiled(step, slots, dtype="float32"):
    """(address of a step, its state): slots are numbers and arrays; arrays must outlive the state."""
    if not JIT_ENABLED:
        return step.address(np.dtype(dtype)), list(slots)
    state = [slot.ctypes.data if isinstance(slot, np.ndarray) else slot for slot in slots]
    return step.address(np.dtype(dtype)), np.array(state, np.int64)


def table_of(stages):
    """The table of `kernels.chain.run_chain` for stages, and what it points at."""
    return table_of_steps([stage.compiled_step() for stage in stages])


def table_of_steps(entries):
    """The same for pairs (address, state)."""
    if not JIT_ENABLED:
        flat = np.empty(2 * len(entries), object)
        for i, (address, state) in enumerate(entries):
            flat[2 * i], flat[2 * i + 1] = address, state
        return flat, entries
    return np.array([n for address, state in entries for n in (address, state.ctypes.data)], np.int64), entries


def width_after(stage):
    """How many channels a stage gives: as many as it takes unless it says otherwise."""
    return getattr(stage, "out_channels", stage.channels)


class Processor:
    """Base of stages that take float32 blocks (samples,) or (samples, channels) and give as many samples.

    The results have `out_channels` columns, as many as the block if a stage does not say otherwise.
    """

    latency = 0
    rate_in = rate_out = None  # the sample rates, in Hz, for which a stage is made, if it knows one, and which it gives
    _dtype, _max_block = np.dtype(np.float32), None
    _nonfinite = None  # how many samples were replaced, where a stage counts them
    _for_channels = "{name}(..., channels={0})"  # what makes such a stage for other channels
    _inside = ()  # stages of which this one's step calls the steps, by a table of theirs

    def __init__(self, channels, out_channels=None):
        self.channels = whole(channels, "channels")
        self.out_channels = self.channels if out_channels is None else whole(out_channels, "out_channels")
        self._mono = self.channels == self.out_channels == 1
        self._guard, self._dims = Guard(type(self).__name__), 1 + (self.out_channels > 1)
        self._table = self._steps = None

    def __getstate__(self):
        return self.__dict__ | {"_table": None, "_steps": None}  # addresses are of this process

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._prepare()

    def _prepare(self):
        """Note where everything is, and compile or load what would make the first block late."""
        self._table = self._whole_table()
        self._run(np.empty(0, self._dtype), np.empty(0, self._dtype))

    def _whole_table(self):
        return table_of([self])

    def _table_inside(self):
        """The table of the stages inside, which stays where it is."""
        if self._steps is None:
            self._steps = table_of(self._inside)
        return self._steps[0]

    def compiled_step(self):
        """The stage as code: address and state of `void step(void* state, float* in, float* out, int64 frames)`.

        The state and the stage must be kept as long as the step is used. `out` may be `in` if the stage gives as many
        channels as it takes.
        """
        raise NotImplementedError

    def process(self, block, out=None):
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
            block = checked_block(block, self, self._max_block)
            shape = block.shape
            if self.out_channels != self.channels:
                shape = (len(block), self.out_channels)[: 1 + (self.out_channels > 1)]
            result = np.empty(shape, self._dtype) if out is None else self._checked_out(out, shape)
            if not (block.flags.carray and result.flags.carray and self._run(block, result)):
                result = np.empty(shape, self._dtype)
                self._run(np.array(block, order="C"), result)
            self._dims = result.ndim
            if out is None:
                return result
            if result is not out:
                out[...] = result
            return out
        finally:
            lock.release()

    def _passes(self, block, out):
        """The shortest way, for what most streams are: from one plain array to another, nothing unusual about them."""
        if not (
            type(block) is type(out) is np.ndarray and block.dtype is out.dtype is self._dtype
            and block.flags.carray and out.flags.carray and self._table is not None
        ):  # fmt: skip
            return False
        if block.ndim == 1:
            fits = self._mono and out.ndim == 1 and out.size == block.size
        else:
            fits = block.shape[1:] == (self.channels,) and out.shape == (len(block), self.out_channels)
        if not fits or (self._max_block is not None and len(block) > self._max_block):
            return False
        self._dims = block.ndim
        return kernels.run_step(self._table[0], block, out, block.size) if self._dims == 1 else self._run(block, out)

    def _run(self, samples, result):
        """One block, from one contiguous array to another; False, and nothing done, if they share a part of memory."""
        if self._table is None:
            self._prepare()
        if samples.ndim == result.ndim == 1:  # `reshape` takes as long as a check
            return kernels.run_step(self._table[0], samples, result, samples.size)
        return kernels.run_step(self._table[0], samples.reshape(-1), result.reshape(-1), len(samples))

    def _checked_out(self, out, shape):
        if not isinstance(out, np.ndarray) or out.dtype != self._dtype:
            raise DtypeError(
                f"out must be an array of {self._dtype}, not {type(out).__name__} of {np.asarray(out).dtype}"
            )
        if out.shape != shape or not out.flags.writeable:
            raise ShapeError(f"out must be a writable array of shape {shape}, not {out.shape}")
        return out

    def _shaped(self, samples):
        """Samples as an array with as many dimensions as the blocks had."""
        return samples.reshape((-1, self.out_channels)[: self._dims])

    @property
    def nonfinite_count(self):
        """How many samples were not finite and have been replaced, since the signal began.

        Stages that remember, `Biquad`, `DryWet` and `Limiter`, always replace them; `StreamConvolver` does so with
        `replace_nonfinite`.
        """
        own = 0 if self._nonfinite is None else int(self._nonfinite[0])
        return own + sum(getattr(stage, "nonfinite_count", 0) for stage in self._inside)

    def flush(self):
        """End the signal: what is still due, here nothing; then start afresh."""
        self.reset()
        return self._shaped(np.empty((0, self.out_channels), np.float32))

    def _ended(self, frames):
        """What so many zeros after the signal bring out; then start afresh."""
        rest = self.process(np.zeros((frames, self.channels)[: self._dims], np.float32))
        self.reset()
        return rest

    def reset(self):
        """Forget the signal so far."""


class SmoothedParameter:
    """Numbers that a step brings from where they are to an aim over a block, in a straight line.

    The aim is written where no step looks and then made to hold, so that a step in another thread sees all of it or
    nothing.
    """

    def __init__(self, values):
        self.rows = np.array([np.ravel(values)] * 3, np.float64)  # now, and two aims in turn
        self.turns = np.zeros(1, np.int64)

    @property
    def aim(self):
        """The numbers as they were set."""
        return self.rows[1 + self.turns[0] % 2]

    @aim.setter
    def aim(self, values):
        self.rows[1 + (self.turns[0] + 1) % 2] = np.ravel(values)
        self.turns[0] += 1

    def arrive(self):
        """Be at the aim at once."""
        self.rows[0] = self.aim

    @property
    def slots(self):
        """What a step's state has of it."""
        return [self.rows.reshape(-1), self.turns]


def checked_block(block, stage, most=None):
    """A block as an array, if it fits that stage: its channels, and its dtype (float32 if it does not say)."""
    array, channels, dtype = np.asarray(block), stage.channels, getattr(stage, "_dtype", Processor._dtype)
    if array.dtype != dtype:
        array = floating(array, "block")  # brings it to the byte order of this machine, or says what is wrong with it
    if array.dtype != dtype:
        raise DtypeError(f"block is {array.dtype}, but wanted is {dtype}; convert it with block.astype('{dtype}')")
    if not ((array.ndim == 2 and array.shape[1] == channels) or array.ndim == 1 == channels):
        wanted = f"(samples, {channels})" + (" or (samples,)" if channels == 1 else "")
        raise ShapeError(f"block has shape {array.shape}, wanted is {wanted}{_what_helps(array.shape, stage)}")
    if most is not None and len(array) > most:
        raise ShapeError(f"block has {len(array)} samples, more than max_block = {most}")
    return array


def for_channels(stage, channels):
    """How a stage like this one is made for so many channels."""
    wanted = getattr(stage, "_for_channels", Processor._for_channels)
    return wanted.format(channels, name=type(stage).__name__)


def _what_helps(shape, stage):
    """What to do about a block of another shape than the stage takes."""
    if len(shape) not in (1, 2):
        return ""
    columns, helps = 1 if len(shape) == 1 else max(1, shape[1]), []
    if len(shape) == 2 and 0 < shape[0] < columns:
        helps.append("give block.T if it is (channels, samples)")
    if not helps or (shape[0] != stage.channels and columns <= MOST_CHANNELS):
        helps.append(f"this {type(stage).__name__} is made for {stage.channels} channel(s), and one for {columns} is "
                     f"made with {for_channels(stage, columns)}")  # fmt: skip
    return "; " + "; ".join(helps)
