"""Chains of stages for sound: gain, filters, dry and wet; each stage compiled, and a chain one call."""

import numpy as np

from audioconv.arrays import aligned, floating, whole
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.kernels import chain as kernels
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.stage import Guard
from audioconv.stream import shapes


def compiled(step, slots):
    """(address of a step for float32, its state): slots are numbers and arrays; arrays must outlive the state."""
    if not JIT_ENABLED:
        return step.address(np.dtype(np.float32)), list(slots)
    state = [slot.ctypes.data if isinstance(slot, np.ndarray) else slot for slot in slots]
    return step.address(np.dtype(np.float32)), np.array(state, np.int64)


def table_of(stages):
    """The table of `kernels.chain.run_chain` for stages, and what it points at."""
    entries = [stage.compiled_step() for stage in stages]
    if not JIT_ENABLED:
        flat = np.empty(2 * len(entries), object)
        for i, (address, state) in enumerate(entries):
            flat[2 * i], flat[2 * i + 1] = address, state
        return flat, entries
    return np.array([n for address, state in entries for n in (address, state.ctypes.data)], np.int64), entries


class _Sound:
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
            work = np.array(block, order="C")
            self._run(work.reshape(-1), len(work))
            if out is None:
                return work
            if not isinstance(out, np.ndarray) or out.shape != block.shape or out.dtype != block.dtype:
                raise ShapeError(f"out must be a float32 array of the block's shape {block.shape}, not {np.shape(out)}")
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


class Gain(_Sound):
    """Louder or softer.

    Parameters
    ----------
    gain_db : float
        May be set later; the next block then goes from one gain to the other in a straight line.
    channels : int

    Examples
    --------
    >>> import numpy as np
    >>> Gain(20.0).process(np.ones(2, "float32"))
    array([10., 10.], dtype=float32)
    """

    def __init__(self, gain_db=0.0, *, channels=1):
        super().__init__(channels)
        self._gain = np.ones(2)
        self.gain_db = gain_db
        self.reset()

    @property
    def gain_db(self):
        """In decibels; -inf is silence."""
        return 20 * np.log10(self._gain[1]) if self._gain[1] else -np.inf

    @gain_db.setter
    def gain_db(self, value):
        if not value < np.inf:
            raise ArgumentError(f"gain_db must be a number below infinity, not {value!r}")
        self._gain[1] = 10 ** (value / 20)

    def reset(self):
        """Start with the gain as it is set."""
        self._gain[0] = self._gain[1]

    def compiled_step(self):
        return compiled(kernels.gain, [self.channels, self._gain])

    compiled_step.__doc__ = _Sound.compiled_step.__doc__


class Biquad(_Sound):
    """Second-order sections, one after the other, computed in float64.

    Parameters
    ----------
    sos : float array, shape (sections, 6)
        As `scipy.signal` designs them (`butter(..., output="sos")`): b0 b1 b2 a0 a1 a2 a section.
    channels : int

    Raises
    ------
    ShapeError, ArgumentError
        If sos has another shape, an a0 of 0, or numbers that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> Biquad([[1.0, 0, 0, 1, -0.5, 0]]).process(np.array([1, 0, 0], "float32"))
    array([1.  , 0.5 , 0.25], dtype=float32)
    """

    def __init__(self, sos, *, channels=1):
        super().__init__(channels)
        sos = np.array(sos, np.float64)
        if sos.ndim != 2 or sos.shape[1] != 6 or not len(sos):
            raise ShapeError(f"sos must have shape (sections, 6), not {sos.shape}")
        if not np.isfinite(sos).all() or not sos[:, 3].all():
            raise ArgumentError("sos must be finite, and its a0 (column 3) not 0")
        sos = sos / sos[:, 3:4]
        self._coefficients = np.ascontiguousarray(sos[:, [0, 1, 2, 4, 5]])
        self._memory, self._work = np.zeros((self.channels, len(sos), 3)), np.empty(kernels.CHUNK)

    @classmethod
    def design(cls, kind, sample_rate, frequency_hz, *, q=0.5**0.5, gain_db=0.0, channels=1):
        """One section of a usual shape.

        Parameters
        ----------
        kind : str
            "lowpass", "highpass", "bandpass" (0 dB at its peak), "notch", "allpass", "peak", "lowshelf" or "highshelf".
        sample_rate : float
        frequency_hz : float
            Of the corner, or the middle; between 0 and half of the sample rate.
        q : float
            Sharpness; 0.707 is Butterworth's for "lowpass" and "highpass".
        gain_db : float
            Of "peak" in its middle, of a shelf at its end.

        Raises
        ------
        ArgumentError
            For another kind, frequency, q or gain.

        References
        ----------
        Bristow-Johnson, Audio EQ Cookbook (W3C Note, 2021).

        Examples
        --------
        >>> rumble = Biquad.design("highpass", 48000, 80.0)
        """
        return cls([shapes.section(kind, sample_rate, frequency_hz, q, gain_db)], channels=channels)

    def reset(self):
        """Forget the signal so far."""
        self._memory.fill(0)

    def compiled_step(self):
        arrays = [each.reshape(-1) for each in (self._coefficients, self._memory, self._work)]
        return compiled(kernels.biquad, [self.channels, len(self._coefficients), *arrays])

    compiled_step.__doc__ = _Sound.compiled_step.__doc__


class Chain(_Sound):
    """Stages one after the other, in one compiled call a block.

    Parameters
    ----------
    stages : list of stages
        All with the same number of channels and in float32: `Gain`, `Biquad`, `DryWet`, `StreamConvolver`, chains.
        They are the chain's own from then on.

    Raises
    ------
    ArgumentError
        For a stage that has no compiled step, or another number of channels.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.stream import StreamConvolver
    >>> echo = StreamConvolver(np.array([1.0, 0.0, 0.5], "float32"))
    >>> chain = Chain([Gain(20.0), echo])
    >>> chain.process(np.array([1.0, 0.0], "float32"))
    array([10.,  0.], dtype=float32)
    >>> chain.flush()
    array([5., 0.], dtype=float32)
    """

    def __init__(self, stages):
        self.stages = [each for stage in stages for each in (stage.stages if isinstance(stage, Chain) else [stage])]
        for stage in self.stages:
            if not hasattr(stage, "compiled_step") or not hasattr(stage, "channels"):
                raise ArgumentError(f"{type(stage).__name__} cannot be a stage of a chain: it has no step for sound")
        counts = {stage.channels for stage in self.stages}
        if len(counts) != 1:
            raise ArgumentError(f"the stages of a chain must have one number of channels, not {sorted(counts)}")
        super().__init__(counts.pop())
        self.latency = sum(stage.latency for stage in self.stages)
        self._prepare()

    def _stages(self):
        return self.stages

    def flush(self):
        """End the signal: what is still due of each stage, through those after it; then start afresh."""
        with self._guard:
            due = [np.empty(0, np.float32)]
            for i, stage in enumerate(self.stages):
                rest = np.array(stage.flush(), order="C").reshape(-1)
                later = self._table[0][2 * i + 2 :].copy()
                kernels.run_chain(later, len(later) // 2, rest, rest, len(rest) // self.channels)
                due.append(rest)
            whole = np.concatenate(due)
            return whole if self.channels == 1 else whole.reshape(-1, self.channels)

    def reset(self):
        """Forget the signal so far."""
        for stage in self.stages:
            stage.reset()


class DryWet(_Sound):
    """A part of the signal as it came, the rest through a stage: (1 - wet) x + wet y.

    Parameters
    ----------
    stage : a stage, or a chain
        Without latency. It is this one's own from then on.
    wet : float, 0 to 1
        May be set later; the next block then goes from one to the other in a straight line.

    Raises
    ------
    ArgumentError
        For wet outside of 0 to 1, or a stage that is late.

    Examples
    --------
    >>> import numpy as np
    >>> DryWet(Gain(20.0), 0.5).process(np.ones(1, "float32"))
    array([5.5], dtype=float32)
    """

    def __init__(self, stage, wet=0.5):
        self._inside = Chain(stage.stages if isinstance(stage, Chain) else [stage])
        super().__init__(self._inside.channels)
        if self._inside.latency:
            raise ArgumentError(
                f"a stage beside the dry signal must not be late, and this one is {stage.latency} samples"
            )
        self._wet, self._work = np.zeros(2), aligned(kernels.CHUNK * self.channels, np.float32)
        self.wet = wet
        self._wet[0] = self._wet[1]

    @property
    def wet(self):
        """The part that goes through the stage."""
        return float(self._wet[1])

    @wet.setter
    def wet(self, value):
        if not 0 <= value <= 1:
            raise ArgumentError(f"wet must be from 0 to 1, not {value!r}")
        self._wet[1] = value

    def flush(self):
        """End the signal: what the stage still has to say; then start afresh."""
        with self._guard:
            rest = self._inside.flush() * np.float32(self.wet)
            self._wet[0] = self._wet[1]
            return rest

    def reset(self):
        """Forget the signal so far."""
        self._inside.reset()
        self._wet[0] = self._wet[1]

    def compiled_step(self):
        table = self._inside._table[0]
        return compiled(kernels.dry_wet, [self.channels, self._wet, table, len(table) // 2, self._work])

    compiled_step.__doc__ = _Sound.compiled_step.__doc__
