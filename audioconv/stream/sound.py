"""What all compiled stages of sound share: blocks in and out, and their place in a table of steps."""

import numpy as np

from audioconv.arrays import floating, whole
from audioconv.errors import DtypeError, ShapeError
from audioconv.kernels import chain as kernels
from audioconv.kernels._jit import JIT_ENABLED
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


class Sound:
    """Base of stages that take float32 blocks (samples,) or (samples, channels) and give as many samples."""

    latency = 0

    def __init__(self, channels):
        self.channels = whole(channels, "channels")
        self._guard, self._table = Guard(type(self).__name__), None

    def __getstate__(self):
        return self.__dict__ | {"_table": None}  # addresses are of this process

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._prepare()

    def _prepare(self):
        """Note where everything is, and compile or load what would make the first block late."""
        self._table = table_of(self._stages())
        self._run(np.empty(0, np.float32), 0)

    def compiled_step(self):
        """The stage as code: address and state of `void step(void* state, float* in, float* out, int64 frames)`.

        The state and the stage must be kept as long as the step is used.
        """
        raise NotImplementedError

    def process(self, block, out=None):
        """Take the next block and return what comes out.

        Parameters
        ----------
        block : float32 array, shape (samples,) with one channel, or (samples, channels)
        out : array like block, optional
            Where to put the result; it may be `block` itself.

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        with self._guard:
            block = checked_block(block, self.channels)
            like_block = isinstance(out, np.ndarray) and out.shape == block.shape and out.dtype == block.dtype
            if out is not None and not (like_block and out.flags.writeable):
                raise ShapeError(f"out must be a writable float32 array of the block's shape {block.shape}, "
                                 f"not {np.shape(out)}")  # fmt: skip
            work = np.array(block, order="C")
            self._run(work.reshape(-1), len(work))
            if out is None:
                return work
            out[...] = work
            return out

    def _run(self, samples, frames):
        if self._table is None:
            self._prepare()
        kernels.run_chain(self._table[0], len(self._table[0]) // 2, samples, samples, frames)

    def _stages(self):
        return [self]

    def flush(self):
        """End the signal: what is still due, here nothing; then start afresh."""
        self.reset()
        return np.empty((0, self.channels) if self.channels > 1 else 0, np.float32)

    def reset(self):
        """Forget the signal so far."""


def checked_block(block, channels):
    """A block as an array, if stages with so many channels take it."""
    array = np.asarray(block)
    if array.dtype != np.float32:
        floating(array, "block")  # says more where it is no float at all
        raise DtypeError(f"block is {array.dtype}, but stages take float32; convert it with block.astype('float32')")
    if not ((array.ndim == 2 and array.shape[1] == channels) or array.ndim == 1 == channels):
        wanted = f"(samples, {channels})" + (" or (samples,)" if channels == 1 else "")
        raise ShapeError(f"block has shape {array.shape}, wanted is {wanted}")
    return array
