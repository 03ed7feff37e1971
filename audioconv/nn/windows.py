"""What windows of convolutions and pools may be given as: numbers for one axis or for both, paddings by name."""

from audioconv.arrays import whole
from audioconv.errors import ArgumentError
from audioconv.nn.geometry import Axis


def padding_of(padding, taps, dilation):
    """Return (left, right) for a padding: "same", "valid", "causal", an int, or (left, right)."""
    span = dilation * (taps - 1)
    named = {"same": (span // 2, span - span // 2), "valid": (0, 0), "causal": (span, 0)}
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


def paddings(padding, taps, dilation):
    """Padding along time and frequency: one for both ("causal" is "same" along frequency), or (time, freq)."""
    both = (padding, "same" if padding == "causal" else padding)
    each = padding if isinstance(padding, (tuple, list)) else both
    if len(each) != 2:
        raise ArgumentError(f"padding must be one for both or (time, freq), not {padding!r}")
    return tuple(padding_of(p, n, d) for p, n, d in zip(each, taps, dilation, strict=True))


def axes_1d(taps, stride, dilation, padding, tiles=1):
    """The axes of windows along time."""
    taps, dilation = whole(taps, "taps"), whole(dilation, "dilation")
    time = Axis(taps, whole(stride, "stride"), dilation, padding_of(padding, taps, dilation), whole(tiles, "tiles"))
    return time, Axis(1)


def axes_2d(taps, stride, dilation, padding, tiles=1):
    """The axes of windows along time and frequency."""
    taps, stride, dilation, tiles = (
        pair(v, n) for v, n in ((taps, "taps"), (stride, "stride"), (dilation, "dilation"), (tiles, "tiles"))
    )
    both = paddings(padding, taps, dilation)
    return tuple(Axis(*each) for each in zip(taps, stride, dilation, both, tiles, strict=True))
