"""Smoothed parameters: numbers that may be set while a step runs, and that go to their target linearly over a block.

One number is a float64 row (current, target). Several are rows of `size` numbers, the current ones and two targets
(double buffering): the next targets are written to the one that no step reads, and hold once the version is
incremented, so that a step in another thread sees all of them or none.
"""

from audioconv.kernels._jit import part
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.atomics import load_atomic
from audioconv.kernels.realtime.nonfinite import COUNTER
from audioconv.kernels.simd.pointers import doubles_at, integers_at

SMOOTHED = layout("SMOOTHED", "current", "target")
SMOOTHED_SIZE = SMOOTHED.row_size
SMOOTHED_ROWS = layout("SMOOTHED_ROWS", "current", ("targets", 2))  # in rows


@part
def ramp(start, target, slope, t):
    """The parameter at frame t of a block; slope is (target - start) / frames."""
    return target if slope == 0.0 else start + (t + 1) * slope


@part
def smoothed_rows(state, rows, version, size):
    """The current numbers, the targets that hold, and whether they differ; rows and version are fields of the state."""
    current, versions = doubles_at(state, rows, 0, size, state), integers_at(state, version, 0, 1, state)
    turn = SMOOTHED_ROWS.targets + load_atomic(versions, COUNTER.value) % 2
    target = doubles_at(state, rows, size * turn, size, state)
    moving = False
    for i in range(size):
        moving |= current[i] != target[i]
    return current, target, moving


@part
def between(current, target, i, done):
    """The i-th number, interpolated linearly: `done` is the share of the way from current to target."""
    return current[i] + done * (target[i] - current[i])


@part
def copy_numbers(to, numbers):
    """Copy numbers into an array of their length: parameters that have arrived, or states."""
    for i in range(numbers.size):
        to[i] = numbers[i]
