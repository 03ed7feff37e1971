"""A user's own compiled function as a stage."""

import numpy as np

from audioconv.arrays import floating, whole
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime.jit_stage import jitted_step
from audioconv.stream.processor import Processor, compiled
from audioconv.stream.values import hertz_or_none


class JitStage(Processor):
    """A function of one's own as a stage, compiled by Numba and called without Python.

    Parameters
    ----------
    function : function(block, memory), plain or decorated with `numba.njit`
        Changes block, a float32 array (samples, channels), in place; what it returns is ignored. Blocks may have no
        samples. Whatever it has to know of earlier blocks it keeps in memory. It must not raise: an error in it is
        printed and not passed on.
    memory : float64 array, of any shape, optional
        Copied; kept from block to block, and brought back to its first content by `reset`. Default an empty array.
    channels : int
    latency : int, in samples
        By how much the function's results are late.
    tail : int, in samples
        For how long it rings after the signal: an echo, a reverb. `flush` sends `latency` + `tail` zeros through it.
    sample_rate : float, optional
        In Hz, that the function is made for. Chains, files and sound cards of another one then refuse the stage.

    Attributes
    ----------
    latency, tail : int, in samples
    rate_in, rate_out : float or None
        The sample rate, if it is known.

    Raises
    ------
    ArgumentError
        For a function that cannot be compiled, with the reason that Numba gives, and numbers that make no sense.

    Notes
    -----
    A sample that is not finite comes to the function as it is: one that remembers has to see to it itself.

    Examples
    --------
    >>> import numpy as np
    >>> def slower(block, memory):
    ...     for t in range(len(block)):
    ...         memory[0] = 0.5 * memory[0] + block[t, 0]
    ...         block[t, 0] = memory[0]
    >>> stage = JitStage(slower, np.zeros(1), tail=2)
    >>> stage.process(np.array([1, 0, 0], "float32")), stage.flush()
    (array([1.  , 0.5 , 0.25], dtype=float32), array([0.125 , 0.0625], dtype=float32))
    """

    def __init__(self, function, memory=None, *, channels=1, latency=0, tail=0, sample_rate=None):
        super().__init__(channels)
        self.latency, self.tail = whole(latency, "latency", least=0), whole(tail, "tail", least=0)
        self.rate_in = self.rate_out = hertz_or_none(sample_rate)
        if not callable(function) or isinstance(function, type):
            raise ArgumentError(f"a function of (block, memory) is wanted, not {function!r}")
        memory = np.zeros(0) if memory is None else floating(memory, "memory")
        self._function, self._first = function, np.array(np.atleast_1d(memory), np.float64, order="C")
        self._memory = self._first.copy()
        self._compiled = jitted_step(function, self._first.shape)

    def __getstate__(self):
        return super().__getstate__() | {"_compiled": None}

    def __setstate__(self, state):
        state["_compiled"] = jitted_step(state["_function"], state["_first"].shape)
        super().__setstate__(state)

    @property
    def memory(self):
        """The function's own: to be read, and set, between blocks; also for parameters of one's own."""
        return self._memory

    @memory.setter
    def memory(self, value):
        self._memory[...] = value

    def flush(self):
        """End the signal: what the function is late by, and for how long it rings; then start afresh."""
        return self._ended(self.latency + self.tail)

    def reset(self):
        """Bring the memory back to its first content."""
        self._memory[...] = self._first

    def compiled_step(self):
        return compiled(self._compiled, [self.channels, self._memory.reshape(-1)])

    compiled_step.__doc__ = Processor.compiled_step.__doc__
