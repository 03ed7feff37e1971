"""A user's own compiled function as a stage."""

from collections.abc import Callable
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike, FloatArray
from audioconv.arrays import floating, whole
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime.jit_stage import JIT_STAGE, jit_step
from audioconv.stream.processor import Processor
from audioconv.stream.steps import Entry, compiled
from audioconv.stream.values import hertz_or_none


class JitStage(Processor):
    """A user's function as a stage, compiled by Numba and called without Python.

    Parameters
    ----------
    function : function(block, memory), plain or decorated with `numba.njit`
        Changes block, a float32 array (samples, channels), in place; what it returns is ignored. Blocks may have no
        samples. Its state between blocks is kept in memory. It must not raise: an error in it is
        printed and not passed on.
    memory : float64 array, of any shape, optional
        Copied; kept from block to block, and brought back to its first content by `reset`. Default an empty array.
    channels : int
    latency : int, in samples
        Delay of the function's results.
    tail : int, in samples
        Length of its tail after the signal: an echo, a reverb. `flush` sends `latency` + `tail` zeros through it.
    sample_rate : float, optional
        In Hz, that the function is made for. Chains, files and sound cards of another one then refuse the stage.

    Attributes
    ----------
    latency, tail : int, in samples
    channels, out_channels : int
    rate_in, rate_out : float or None
        The sample rate, if it is known.

    Raises
    ------
    ArgumentError
        For a function that cannot be compiled, with the reason that Numba gives, and numbers that make no sense.

    Notes
    -----
    Samples that are not finite are passed on: a function with memory must handle them itself.

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

    def __init__(self, function: Callable[[Any, Any], Any], memory: ArrayLike | None = None, *, channels: int = 1,
                 latency: int = 0, tail: int = 0, sample_rate: float | None = None) -> None:  # fmt: skip
        super().__init__(channels)
        self.latency, self.tail = whole(latency, "latency", least=0), whole(tail, "tail", least=0)
        self.rate_in = self.rate_out = hertz_or_none(sample_rate)
        if not callable(function) or isinstance(function, type):
            raise ArgumentError(f"a function of (block, memory) is wanted, not {function!r}")
        first = np.zeros(0) if memory is None else floating(memory, "memory")
        self._function, self._first = function, np.array(np.atleast_1d(first), np.float64, order="C")
        self._memory = self._first.copy()
        self._compiled = jit_step(function, self._first.shape)

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_compiled": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state["_compiled"] = jit_step(state["_function"], state["_first"].shape)
        super().__setstate__(state)

    @property
    def memory(self) -> Array:
        """The function's state, and its parameters; may be read and set between blocks."""
        return self._memory

    @memory.setter
    def memory(self, value: ArrayLike) -> None:
        self._memory[...] = value

    def _flush(self) -> FloatArray:
        return self._ended(self.latency + self.tail)

    def _reset(self) -> None:
        self._memory[...] = self._first

    def _compiled_step(self) -> Entry:
        row = JIT_STAGE.pack(channels=self.channels, memory=self._memory.reshape(-1))
        return compiled(self._compiled, row)

    def _parameters(self) -> dict[str, Any]:
        """The function by its name; latency and tail where it has one."""
        late = {name: value for name in ("latency", "tail") if (value := getattr(self, name))}
        return {"function": _Name(getattr(self._function, "__name__", repr(self._function)))} | late


class _Name(str):
    """A text that `repr` shows without quotation marks."""

    def __repr__(self) -> str:
        return str(self)
