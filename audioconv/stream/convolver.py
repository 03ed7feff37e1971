"""Convolution of a stream with an impulse response of any length, without latency."""

import numpy as np

from audioconv.arrays import aligned, float_dtype, floating, frozen, whole
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.kernels import ring
from audioconv.kernels.chain import convolver
from audioconv.kernels.partition import DONE, NEWEST, POSITION, layout, step
from audioconv.signal import cost
from audioconv.stage import Guard
from audioconv.stream.sound import compiled


class StreamConvolver:
    """Convolve a signal that comes block by block, and give each output sample with its input sample.

    The blocks of results, joined, and then `flush()` are `convolve(signal, ir)`: the same bits however the signal is
    cut, and within 2e-6 (float32) of the maximum of the offline result.

    Parameters
    ----------
    ir : float array, shape (taps,) for one filter, or (taps, channels) for a filter a channel
    max_block : int >= 1, in samples
        The longest block that `process` takes; shorter ones, of 0 samples too, may come in any order.
    channels : int >= 1
    latency : int, in samples
        Only 0.
    dtype : "float32" or "float64"
        Of the blocks and of the computation; `ir` is converted to it.

    Attributes
    ----------
    latency : int
        0: results come with their input.

    Raises
    ------
    ShapeError
        If ir is empty, or its channels differ from `channels`.
    DtypeError
        If ir is not float32 or float64.
    ArgumentError
        For a max_block or channels below 1, another latency, another dtype.

    Notes
    -----
    A sample that is not finite spoils results of its own channel for at most taps + two partitions; `reset` forgets it.

    References
    ----------
    Gardner, Efficient convolution without input-output delay, JAES 43 (1995).

    Examples
    --------
    >>> import numpy as np
    >>> stream = StreamConvolver(np.array([1.0, 0.5, 0.25], "float32"), max_block=2)
    >>> stream.process(np.array([1.0, 0.0], "float32"))
    array([1. , 0.5], dtype=float32)
    >>> stream.flush()
    array([0.25, 0.  ], dtype=float32)
    """

    def __init__(self, ir, *, max_block=512, channels=1, latency=0, dtype="float32"):
        self._dtype = float_dtype(dtype)
        self._channels, self._max_block = whole(channels, "channels"), whole(max_block, "max_block")
        self.latency = whole(latency, "latency", least=0)
        if self.latency:
            raise ArgumentError(f"latency must be 0, not {latency!r}: only convolution without latency is built")
        ir = _checked_ir(ir, self._channels).astype(self._dtype)
        self._taps = len(ir)
        block = cost.partition(self._taps)
        self._header, state_size = layout(block, self._taps, self._channels, ir.shape[1])
        self._state = aligned(state_size, self._dtype)
        self._ring, self._table = ring.plan(2 * block, self._dtype.name)
        self._ir = frozen(np.concatenate([_partitioned(column, block, self._ring, self._table) for column in ir.T]))
        self._guard = Guard("StreamConvolver")
        self._clear()
        self._step(np.empty(0, self._dtype))  # compiles or loads now what would make the first block late

    def process(self, block, out=None):
        """Convolve the next block.

        Parameters
        ----------
        block : float array, shape (samples,) or (samples, channels), of the stream's dtype
            0 to max_block samples; (samples,) only with one channel.
        out : array like block, optional
            Where to put the result; it may be `block` itself, or share memory with it.

        Returns
        -------
        y : array like block
            `out`, or a new array.

        Raises
        ------
        ShapeError, DtypeError, ArgumentError, BusyError
            The stream stays as it was.
        """
        with self._guard:
            block = self._checked(block, "block")
            if out is None:
                out = np.array(block, order="C")
                self._step(out)
            else:
                self._process_into(out, block)
            self._dims = block.ndim
            return out

    def flush(self):
        """End the signal: the taps - 1 samples after it. The stream is then as after `reset`.

        Returns
        -------
        y : float array, shape (taps - 1,), or (taps - 1, channels) if the blocks had two dimensions
        """
        with self._guard:
            out = np.zeros((self._taps - 1, self._channels)[: self._dims], self._dtype)
            self._step(out)
            self._clear()
            return out

    def reset(self):
        """Forget the signal so far."""
        with self._guard:
            self._clear()

    @property
    def channels(self):
        """Of the signal."""
        return self._channels

    def compiled_step(self):
        """The stage as code: address and state of `void step(void* state, float* in, float* out, int64 frames)`.

        The state and the stream must be kept as long as the step is used. Blocks may then have any length.
        """
        if self._dtype != np.float32:
            raise DtypeError(f"a step of a chain takes float32, and this stream {self._dtype}")
        arrays = self._header, self._state, self._ir, self._ring, self._table
        sized = [slot for array in arrays for slot in (array, array.size)]
        return compiled(convolver, [self._channels, *sized])

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._ir, self._table = frozen(self._ir), frozen(self._table)  # copied arrays come back writable

    def _clear(self):
        self._state.fill(0)
        self._header[[POSITION, NEWEST, DONE]] = 0, 0, 1
        self._dims = 1 if self._channels == 1 else 2

    def _step(self, samples):
        step(self._header, self._state, self._ir, self._ring, self._table, samples.reshape(-1))

    def _process_into(self, out, block):
        self._checked(out, "out")
        if not isinstance(out, np.ndarray) or out.shape != block.shape or not out.flags.writeable:
            raise ShapeError(f"out must be a writable array of the block's shape {block.shape}, not {np.shape(out)}")
        usable = type(out) is np.ndarray and out.flags.carray  # contiguous and aligned, and no subclass
        work = out if usable else np.empty(block.shape, self._dtype)
        np.copyto(work, block)
        self._step(work)
        if work is not out:
            out[...] = work

    def _checked(self, block, name):
        """`block` as an array, if it is one that this stream takes."""
        array = np.asarray(block)
        if array.dtype != self._dtype:
            floating(array, name)  # says more where it is no float at all
            raise DtypeError(f"{name} is {array.dtype}, but the stream is {self._dtype}; convert one or the other")
        if not ((array.ndim == 2 and array.shape[1] == self._channels) or array.ndim == 1 == self._channels):
            wanted = f"(samples, {self._channels})" + (" or (samples,)" if self._channels == 1 else "")
            raise ShapeError(f"{name} has shape {array.shape}, wanted is {wanted}")
        if len(array) > self._max_block:
            raise ShapeError(f"{name} has {len(array)} samples, more than max_block = {self._max_block}")
        return array


def _checked_ir(ir, channels):
    """The impulse response with two dimensions: a column for all channels, or one for each."""
    ir = floating(ir, "ir", dims=(1, 2))
    if len(ir) == 0:
        raise ShapeError(f"ir is empty (shape {ir.shape}); at least one tap is needed")
    if ir.ndim == 2 and ir.shape[1] != channels:
        raise ShapeError(f"ir of shape {ir.shape} has {ir.shape[1]} channels, but the stream has channels={channels}")
    return ir.reshape(len(ir), -1)


def _partitioned(taps, block, header, table):
    """The spectra of all partitions after the head, and then the head."""
    rest = frozen(taps[block:])
    starts = range(0, len(rest), block)
    spectra = [ring.filter_spectrum(rest[start : start + block], header, table) for start in starts]
    return np.concatenate([*spectra, taps[:block]])
