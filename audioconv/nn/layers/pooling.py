"""Maximum, average and Lp norm over windows of time and frequency, the average over all of it, and maxout."""

from dataclasses import replace
from math import isfinite

import numpy as np

from audioconv.arrays import is_number, whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.windows import axes_1d, axes_2d, check_stream, pair
from audioconv.nn.ops import pooling as pooling_ops
from audioconv.nn.ops import reductions
from audioconv.nn.ops.pooling import PoolWindow
from audioconv.nn.ops.tensor_view import shape3, squeeze_like
from audioconv.nn.settings import boolean

_PARAMETERS = """
    Parameters
    ----------
    size : int; for two dimensions also (time, freq)
        Of a window, in steps (PyTorch: kernel_size).
    stride : the same, optional
        From a window to the next; default: `size`.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        As for the convolutions, at most size - 1 a side, so that every window meets the input. "same" does not depend
        on stride and length, so that it works on streams; "same_keras" is what Keras calls "same".
    ceil_mode : bool
        Whether a last window that the end cuts off counts, too, if it begins before the padding at the end
        (PyTorch's ceil_mode)."""


def _power(p, name):
    """p of an Lp pool, as it is kept."""
    if not (is_number(p) and p >= 1 and isfinite(p)):
        raise ArgumentError(f"p must be a number from 1, not {p!r}; the limit of large p is MaxPool of |x|")
    return float(p)


class _Pool(Layer):
    """What pools over windows share."""

    kind, power, signed, count_include_pad = None, 2.0, False, False
    _checks = {"power": _power, "signed": boolean, "ceil_mode": boolean, "count_include_pad": boolean}
    _fixed = ("dtype", "axes")
    _given = ("kind", "size", "stride", "padding")

    def __init__(self, axes, ceil_mode, dtype):
        super().__init__(dtype)
        self.axes, self.ceil_mode = axes, ceil_mode
        for axis in axes:
            if not isinstance(axis.padding, str) and max(axis.padding) >= axis.taps:
                raise ShapeError(f"padding {axis.padding} must be below the size {axis.taps} of the window")

    def windows(self, time, freq):
        """(axes, their padding as it was given) for inputs of this size: `ceil_mode` is more padding at the end."""
        given = [axis.at(size) for axis, size in zip(self.axes, (time, freq), strict=True)]
        axes = given
        if self.ceil_mode:  # no window is whole but those that are there anyway, and none begins in the padding
            more = [(a.padding[0], min(a.padding[1] + a.stride - 1, a.taps - 1)) for a in given]
            axes = [replace(axis, padding=padding) for axis, padding in zip(given, more, strict=True)]
        return axes, tuple(axis.padding for axis in given)

    def _build(self, graph, x):
        if graph.stream is not None:
            check_stream(self.axes[0])
        time, freq, channels = shape3(x.shape)
        axes, given = self.windows(time, freq)
        count = [axis.outputs(size) for axis, size in zip(axes, (time, freq), strict=True)]
        if min(count) < 1:
            raise ShapeError(f"x {x.shape} is shorter than the window of {[a.taps for a in self.axes]}")
        window = PoolWindow(*zip(*((a.taps, a.stride, a.padding) for a in axes), strict=True))
        if self.count_include_pad:
            window.counted = given
        shape = squeeze_like((*count, channels), x.shape)
        return pooling_ops.pool(graph, x, self.kind, window, shape, self.power, self.signed)


class _Pool1d(_Pool):
    def __init__(self, size, stride=None, padding="valid", *, ceil_mode=False, dtype=np.float32):
        axes = axes_1d(whole(size, "size"), size if stride is None else stride, 1, padding)
        super().__init__(axes, ceil_mode, dtype)


class _Pool2d(_Pool):
    dims = (4,)

    def __init__(self, size, stride=None, padding="valid", *, ceil_mode=False, dtype=np.float32):
        axes = axes_2d(pair(size, "size"), size if stride is None else stride, 1, padding)
        super().__init__(axes, ceil_mode, dtype)


class MaxPool1d(_Pool1d):
    __doc__ = f"""The largest value; minus infinity pads, NaN stays NaN.
    {_PARAMETERS}
    dtype : float32 or float64
    """
    kind = "max"


class MaxPool2d(_Pool2d):
    __doc__ = MaxPool1d.__doc__
    kind = "max"


class _Average:
    """Shared by the two average pools: what is divided by."""

    kind = "average"

    def __init__(
        self, size, stride=None, padding="valid", *, ceil_mode=False, count_include_pad=False, dtype=np.float32
    ):
        super().__init__(size, stride, padding, ceil_mode=ceil_mode, dtype=dtype)
        self.count_include_pad = count_include_pad


class AveragePool1d(_Average, _Pool1d):
    __doc__ = f"""The mean of those elements of the window that lie inside the input.
    {_PARAMETERS}
    count_include_pad : bool
        Whether zeros of the padding are elements, too: the default is no, as in Keras; PyTorch's is yes. What
        `ceil_mode` adds never is.
    dtype : float32 or float64
    """


class AveragePool2d(_Average, _Pool2d):
    __doc__ = AveragePool1d.__doc__


class _Lp:
    """Shared by the two Lp pools: the power."""

    kind, count_include_pad = "lp", True

    def __init__(self, size, stride=None, padding="valid", p=2.0, *, ceil_mode=False, signed=False, dtype=np.float32):
        super().__init__(size, stride, padding, ceil_mode=ceil_mode, dtype=dtype)
        self.power, self.signed = p, signed

    @property
    def p(self):
        return self.power

    @p.setter
    def p(self, p):
        self.power = p


class LpPool1d(_Lp, _Pool1d):
    __doc__ = f"""(sum of |x|**p over the window)**(1 / p): the p-norm of the window, not a mean; zeros pad.

    PyTorch's LPPool sums x**p, with its sign, which is the same for even p. It is here with signed=True: for p = 1 the
    plain sum; for other odd p NaN where the sum is negative, and for p that are not whole where an element is. As
    there, the sum of a window that `ceil_mode` adds counts as if its missing elements were like those that it has.
    {_PARAMETERS}
    p : float >= 1
        PyTorch's norm_type.
    signed : bool
        Whether to sum x**p, as PyTorch does, in place of |x|**p.
    dtype : float32 or float64
    """


class LpPool2d(_Lp, _Pool2d):
    __doc__ = LpPool1d.__doc__


class GlobalAveragePool(Layer):
    """The mean over all of time and frequency: (batch, time, channels) to (batch, channels)."""

    dims = (3, 4)

    def _build(self, graph, x):
        time, freq, channels = shape3(x.shape)
        if not time * freq:
            raise ShapeError(f"there is no mean over no time (x {x.shape})")
        if graph.stream == "clip":
            return reductions.running_mean(graph, x)
        if graph.stream:
            window = PoolWindow((graph.stream, freq), (1, 1), ((graph.stream - 1, 0), (0, 0)))
            return pooling_ops.pool(graph, x, "average", window, (time, channels))
        window = PoolWindow((time, freq), (1, 1), ((0, 0), (0, 0)))
        return pooling_ops.pool(graph, x, "average", window, (channels,))


class Maxout(Layer):
    """The largest of `pieces` values for each unit: y[u] = max over p of x[p * units + u].

    Parameters
    ----------
    pieces : int
        The input has pieces * units channels.

    References
    ----------
    Goodfellow et al., Maxout Networks, ICML 2013.
    """

    dims = (2, 3, 4)
    _checks = {"pieces": whole}

    def __init__(self, pieces, *, dtype=np.float32):
        super().__init__(dtype)
        self.pieces = pieces

    def _build(self, graph, x):
        channels = x.shape[-1]
        if channels % self.pieces:
            raise ShapeError(f"{channels} channels cannot be cut into {self.pieces} pieces (x {x.shape})")
        return pooling_ops.maxout(graph, x, self.pieces)
