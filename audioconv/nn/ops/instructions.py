"""Instructions of a program, rows of its table: how one is made, and those that copy and fill."""

import numpy as np

from audioconv.kernels.nn import elementwise
from audioconv.nn.ops.tensor_view import merged, shape3


def copy_instructions(plan, source, target, tensor, factor=1.0):
    """Rows that copy a tensor from one place to another."""
    return [
        instruction(
            elementwise.scaled, plan.dtype, [source, target], [*merged(shape3(tensor.shape), [source, target]), factor]
        )
    ]


def fill_halo(plan, place, tensor, margins):
    """Rows that fill the margins around a tensor."""
    time, freq, channels = shape3(tensor.shape)
    (before, after), (low, high) = margins.time, margins.freq
    wide = low + freq + high
    parts = [
        (place.moved(-before, -low), before, wide),
        (place.moved(time, -low), after, wide),
        (place.moved(0, -low), time, low),
        (place.moved(0, freq), time, high),
    ]
    return [
        instruction(elementwise.fill, plan.dtype, [p], [*merged((t, f, channels), [p]), float(margins.fill)])
        for p, t, f in parts
        if t and f and channels
    ]


class Instruction(list):
    """Numbers of a row, and for a stream: its `step`, what each operand is (`reads`), which of `tiles` units of time it
    is for, and rows of its tables in each; of a pool, how many margins count as input (`counted`).
    """

    tile, tiles, per_frame, counted = 0, 1, 1, 0


def instruction(step, dtype, locations, numbers):
    """A row of the table: address, operands, other numbers; a float among them as its bits."""
    result = Instruction([step.address(dtype)])
    for location in locations:
        result += location.numbers()
    result.step, result.reads = step, [location.read for location in locations]
    result += [int(np.float64(n).view(np.int64)) if isinstance(n, float) else int(n) for n in numbers]
    return result
