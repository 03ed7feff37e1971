"""Where tensors lie in memory, and their shapes as (time, freq, channels)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

Shape: TypeAlias = tuple[int, ...]
Shape3: TypeAlias = tuple[int, int, int]


class TensorView(NamedTuple):
    """Where a tensor is: the numbers of an operand (`kernels.nn.operands.OPERAND`), in elements.

    `read` is for streams: the number of the read that this is for, or "y" for what is written.
    """

    segment: int
    offset: int = 0
    batch_stride: int = 0
    micro_batch_stride: int = 0
    clip_stride: int = 0
    size: int = 0
    time_stride: int = 0
    freq_stride: int = 0
    read: int | Literal["y"] | None = None

    def shifted(self, time: int = 0, freq: int = 0, channel: int = 0) -> TensorView:
        """The same, beginning so many steps of each axis later; with negative numbers earlier, in the halo."""
        shift = time * self.time_stride + freq * self.freq_stride + channel
        return self._replace(offset=self.offset + shift, size=self.size - shift)

    def strided(self, time: int, freq: int) -> TensorView:
        """The same, only every so many steps of time and frequency; with 0 always the first."""
        return self._replace(time_stride=self.time_stride * time, freq_stride=self.freq_stride * freq)

    def all_micro_batches(self, count: int) -> TensorView:
        """What belongs to a micro-batch, for all of them at once."""
        return self._replace(micro_batch_stride=0, size=self.size * count)

    def numbers(self) -> tuple[int, ...]:
        """The operand, in the order of its layout."""
        return self[:8]


def shape3(shape: Shape) -> Shape3:
    """(time, freq, channels) of a tensor that is (channels,), (time, channels) or all three."""
    *before, channels = shape
    time, freq = (*before, *(1, 1)[len(before) :])
    return time, freq, channels


def squeeze_like(shape: Shape3, like: Shape) -> Shape:
    """(time, freq, channels) with as many dimensions as another shape has."""
    time, freq, channels = shape
    return {1: (channels,), 2: (time, channels), 3: (time, freq, channels)}[len(like)]


def coalesced(shape: Shape3, views: Iterable[TensorView]) -> Shape3:
    """Time, freq and channels as fewer, longer runs of elements, where the views allow it."""
    (time, freq, channels), views = shape, list(views)
    if all(v.freq_stride == channels or freq == 1 for v in views):
        freq, channels = 1, freq * channels
        if all(v.time_stride == channels or time == 1 for v in views):
            time, channels = 1, time * channels
    return time, freq, channels
