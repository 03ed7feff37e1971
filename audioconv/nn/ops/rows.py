"""Rows of a program's table: where operands lie, and the rows that copy and fill."""

from dataclasses import dataclass, replace

import numpy as np

from audioconv.kernels.nn import elementwise


@dataclass(frozen=True)
class Location:
    """Where a tensor is: the numbers of an operand (see `kernels.memory`)."""

    space: int
    offset: int = 0
    clip: int = 0
    group: int = 0
    inner: int = 0
    size: int = 0
    time: int = 0
    freq: int = 0
    read: object = None  # in a stream: what is here, "y" or the number of a read

    def moved(self, time=0, freq=0, channel=0):
        """The same, beginning so many steps later (or earlier, in the margins)."""
        shift = time * self.time + freq * self.freq + channel
        return replace(self, offset=self.offset + shift, size=self.size - shift)

    def every(self, time, freq):
        """The same, only every so many steps of time and frequency."""
        return replace(self, time=self.time * time, freq=self.freq * freq)

    def of_all(self, groups):
        """What belongs to a group, for all groups at once."""
        return replace(self, group=0, size=self.size * groups)

    def numbers(self):
        """The operand."""
        return [self.space, self.offset, self.clip, self.group, self.inner, self.size, self.time, self.freq]


def shape3(shape):
    """(time, freq, channels) of a tensor that is (channels,), (time, channels) or all three."""
    *before, channels = shape
    return (*before, *(1, 1)[len(before) :], channels)


def seen_as(shape, like):
    """(time, freq, channels) with as many dimensions as another shape has."""
    return {1: shape[2:], 2: shape[::2], 3: shape}[len(like)]


def merged(shape, locations):
    """Time, freq and channels of places where they may be gone through as fewer, longer rows."""
    time, freq, channels = shape
    if all(p.freq == channels or freq == 1 for p in locations):
        freq, channels = 1, freq * channels
        if all(p.time == channels or time == 1 for p in locations):
            time, channels = 1, time * channels
    return time, freq, channels


def copy_rows(plan, source, target, tensor, factor=1.0):
    """Rows that copy a tensor from one place to another."""
    return [
        row(elementwise.scaled, plan.dtype, [source, target], [*merged(shape3(tensor.shape), [source, target]), factor])
    ]


def fill_rows(plan, place, tensor, margins):
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
        row(elementwise.fill, plan.dtype, [p], [*merged((t, f, channels), [p]), float(margins.fill)])
        for p, t, f in parts
        if t and f and channels
    ]


class Row(list):
    """Numbers of a row, and for a stream: its `step`, what each operand is (`reads`), which of `tiles` units of time it
    is for, and rows of its tables in each; of a pool, how many margins count as input (`counted`).
    """

    tile, tiles, per_frame, counted = 0, 1, 1, 0


def row(step, dtype, locations, numbers):
    """A row of the table: address, operands, other numbers; a float among them as its bits."""
    result = Row([step.address(dtype)])
    for location in locations:
        result += location.numbers()
    result.step, result.reads = step, [location.read for location in locations]
    result += [int(np.float64(n).view(np.int64)) if isinstance(n, float) else int(n) for n in numbers]
    return result
