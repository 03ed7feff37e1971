"""Where tensors lie in memory, and their shapes."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TensorView:
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

    def all_micro_batches(self, groups):
        """What belongs to a group, for all groups at once."""
        return replace(self, group=0, size=self.size * groups)

    def numbers(self):
        """The operand."""
        return [self.space, self.offset, self.clip, self.group, self.inner, self.size, self.time, self.freq]


def shape3(shape):
    """(time, freq, channels) of a tensor that is (channels,), (time, channels) or all three."""
    *before, channels = shape
    return (*before, *(1, 1)[len(before) :], channels)


def squeeze_like(shape, like):
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
