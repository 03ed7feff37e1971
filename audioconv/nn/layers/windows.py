"""What windows of convolutions and pools may be given as: numbers for one axis or for both, paddings by name."""

from audioconv.arrays import whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.ops.geometry import KERAS, Axis


def padding_of(padding, kernel_size, dilation, stride=1):
    """Return (left, right) for a padding: "same", "valid", "causal", an int, or (left, right); KERAS as it is, unless
    it does not depend on the size of the input.
    """
    span = dilation * (kernel_size - 1)
    same = span // 2, span - span // 2
    named = {"same": same, "valid": (0, 0), "causal": (span, 0), KERAS: same if stride == 1 else KERAS}
    if isinstance(padding, str):
        if padding not in named:
            raise ArgumentError(f"padding must be one of {', '.join(named)}, an int or (left, right), not {padding!r}")
        return named[padding]
    pair = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    if len(pair) != 2:
        raise ArgumentError(f"padding must be an int or (left, right), not {padding!r}")
    return tuple(whole(p, "padding", 0) for p in pair)


def pair(value, name, least=1):
    """(time, freq) of a number for both, or of two."""
    values = value if isinstance(value, (tuple, list)) else (value, value)
    if len(values) != 2:
        raise ArgumentError(f"{name} must be a whole number or (time, freq), not {value!r}")
    return tuple(whole(v, name, least) for v in values)


def paddings(padding, kernel_size, dilation, stride):
    """Padding along time and frequency: one for both ("causal" is "same" along frequency), or (time, freq)."""
    both = (padding, "same" if padding == "causal" else padding)
    each = padding if isinstance(padding, (tuple, list)) else both
    if len(each) != 2:
        raise ArgumentError(f"padding must be one for both or (time, freq), not {padding!r}")
    return tuple(padding_of(*numbers) for numbers in zip(each, kernel_size, dilation, stride, strict=True))


def check_stream(axis):
    """Refuse padding in time that depends on how long a clip is."""
    if axis.padding == KERAS:
        raise ShapeError(
            f'padding "{KERAS}" with stride {axis.stride} depends on the length of a clip, which a stream cannot know '
            'before the end; with padding "same" or "causal" the network works on streams'
        )


def axes_1d(kernel_size, stride, dilation, padding, tiles=1):
    """The axes of windows along time."""
    kernel_size, stride, dilation = (
        whole(kernel_size, "kernel_size"),
        whole(stride, "stride"),
        whole(dilation, "dilation"),
    )
    return Axis(
        kernel_size, stride, dilation, padding_of(padding, kernel_size, dilation, stride), whole(tiles, "tiles")
    ), Axis(1)


def axes_2d(kernel_size, stride, dilation, padding, tiles=1):
    """The axes of windows along time and frequency."""
    kernel_size, stride, dilation, tiles = (
        pair(v, n)
        for v, n in ((kernel_size, "kernel_size"), (stride, "stride"), (dilation, "dilation"), (tiles, "tiles"))
    )
    both = paddings(padding, kernel_size, dilation, stride)
    return tuple(Axis(*each) for each in zip(kernel_size, stride, dilation, both, tiles, strict=True))
