"""What windows of convolutions and pools may be given as: numbers for one axis or for both, paddings by name."""

from typing import Literal, NamedTuple, TypeAlias

from audioconv.arrays import pair, whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.ops.geometry import KERAS, Axis

PaddingName: TypeAlias = Literal["same", "valid", "causal", "same_keras"]
Padding1d: TypeAlias = int | tuple[int, int] | PaddingName
Padding2d: TypeAlias = Padding1d | tuple[Padding1d, Padding1d]
Size2d: TypeAlias = int | tuple[int, int]  # for time and frequency, or for both
_Zeros: TypeAlias = tuple[int, int] | Literal["same_keras"]


def padding_of(padding: Padding1d, kernel_size: int, dilation: int, stride: int = 1) -> _Zeros:
    """Return (left, right) for a padding; KERAS as it is, unless it does not depend on the size of the input."""
    span = dilation * (kernel_size - 1)
    same = span // 2, span - span // 2
    named: dict[str, _Zeros] = {
        "same": same,
        "valid": (0, 0),
        "causal": (span, 0),
        KERAS: same if stride == 1 else "same_keras",
    }
    if isinstance(padding, str):
        if padding not in named:
            raise ArgumentError(f"padding must be one of {', '.join(named)}, an int or (left, right), not {padding!r}")
        return named[padding]
    both = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    if len(both) != 2:
        raise ArgumentError(f"padding must be an int or (left, right), not {padding!r}")
    return whole(both[0], "padding", 0), whole(both[1], "padding", 0)


def _padding_by_axis(padding: Padding2d, rank: int) -> tuple[Padding1d, ...]:
    """Padding along each axis: one for both ("causal" is "same" along frequency), or (time, freq)."""
    if rank == 1:
        return (padding,)  # type: ignore[return-value]  # of one axis; anything else is refused by `padding_of`
    if not isinstance(padding, (tuple, list)):
        return padding, "same" if padding == "causal" else padding
    if len(padding) != 2:
        raise ArgumentError(f"padding must be one for both or (time, freq), not {padding!r}")
    return tuple(padding)


def check_stream(axis: Axis) -> None:
    """Refuse padding in time that depends on how long a clip is."""
    if axis.padding == KERAS:
        raise ShapeError(
            f'padding "{KERAS}" with stride {axis.stride} depends on the length of a clip, which a stream cannot know '
            'before the end; with padding "same" or "causal" the network works on streams'
        )


def by_axis(value: Size2d, name: str, rank: int, least: int = 1) -> tuple[int, ...]:
    """A whole number for each of `rank` axes, of one for all or of as many."""
    return (whole(value, name, least),) if rank == 1 else pair(value, name, least)


def by_axes(
    axes: tuple[Axis, Axis], setting: Literal["taps", "stride", "dilation", "tiles"], rank: int
) -> int | tuple[int, int]:
    """A setting of the axes: a number for time (rank 1), or one for time and one for frequency (rank 2)."""
    time, freq = (getattr(axis, setting) for axis in axes)
    return time if rank == 1 else (time, freq)


class Windows(NamedTuple):
    """Windows as they are given to a layer: for time (rank 1), or for both axes or as (time, freq) (rank 2)."""

    kernel_size: Size2d
    stride: Size2d
    dilation: Size2d
    padding: Padding2d

    def axes(self, rank: int, tiles: Size2d = 1, tiles_name: str = "tiles") -> tuple[Axis, Axis]:
        """The axes of windows along time (rank 1), or along time and frequency (rank 2), all checked."""
        named = {"kernel_size": self.kernel_size, "stride": self.stride, "dilation": self.dilation, tiles_name: tiles}
        sizes, strides, dilations, tile_counts = (by_axis(value, name, rank) for name, value in named.items())
        paddings = _padding_by_axis(self.padding, rank)
        zeros = [padding_of(*each) for each in zip(paddings, sizes, dilations, strides, strict=True)]
        axes = [Axis(*each) for each in zip(sizes, strides, dilations, zeros, tile_counts, strict=True)]
        return axes[0], axes[1] if rank == 2 else Axis(1)
