"""A user's own function as a step of chains."""

from collections.abc import Callable
from itertools import dropwhile, takewhile
from typing import Any

from audioconv.errors import ArgumentError
from audioconv.kernels._jit import CFunction, stage_step, users_function
from audioconv.kernels._layout import layout
from audioconv.kernels.simd.pointers import carray, doubles_at

JIT_STAGE = layout("JIT_STAGE", "channels", "memory")


def jit_step(function: Callable[..., Any], shape: tuple[int, ...]) -> CFunction:
    """The step that calls function(block, memory); block (frames, channels) of float32, memory of that shape.

    Its state is a `JIT_STAGE` (memory: an address). The function gets `out`, into which `in` was copied.
    """
    function, size = _compiled(function, len(shape)), 1
    for length in shape:
        size *= length

    def jit_stage(state, x, y, frames):
        channels = state[JIT_STAGE.channels]
        source, target = carray(x, frames * channels), carray(y, frames * channels)
        for i in range(frames * channels):
            target[i] = source[i]
        function(target.reshape((frames, channels)), doubles_at(state, JIT_STAGE.memory, 0, size, state).reshape(shape))

    return stage_step(jit_stage, users=True)


def _compiled(function, memory_dims):
    name = getattr(function, "__name__", repr(function))
    try:
        return users_function(function, 2, memory_dims)
    except Exception as error:  # of numba's, or a TypeError where it does not take two arguments
        raise ArgumentError(
            f"{name} cannot be compiled for (block, memory): {_reason(error)}; it must run in numba's nopython mode"
        ) from error


def _reason(error):
    """Numba's message, without its locations in numba and in the source."""
    lines = [line.strip() for line in str(error).splitlines()]
    lines = dropwhile(lambda line: not line or line.startswith("Failed in"), lines)
    said = list(takewhile(lambda line: not line.startswith(("During:", "File ", "There are ", "This error")), lines))
    return " ".join(filter(None, said[:3])).rstrip(".:") or type(error).__name__
