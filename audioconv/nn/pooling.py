"""Maximum, average and Lp norm over windows of time and frequency, the average over all of it, and maxout."""

import numpy as np

from audioconv.arrays import whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn import operations
from audioconv.nn.layer import Layer
from audioconv.nn.operations import Window
from audioconv.nn.rows import seen_as, shape3
from audioconv.nn.windows import axes_1d, axes_2d, pair


class _Pool(Layer):
    """Windows of `size` steps, every `stride` (default: `size`); padding as for the convolutions.

    Parameters
    ----------
    size : int; for two dimensions also (time, freq)
    stride : the same, optional
    padding : int, (left, right), "same", "valid" or "causal"
        At most size - 1 a side, so that every window meets the input.
    dtype : float32 or float64
    """

    kind, power = None, 2.0

    def __init__(self, axes, dtype):
        super().__init__(dtype)
        self.axes = axes
        for axis in axes:
            if max(axis.padding) >= axis.taps:
                raise ShapeError(f"padding {axis.padding} must be below the size {axis.taps} of the window")

    def _build(self, graph, x):
        time, freq, channels = shape3(x.shape)
        count = [axis.outputs(size) for axis, size in zip(self.axes, (time, freq), strict=True)]
        if min(count) < 1:
            raise ShapeError(f"x {x.shape} is shorter than the window of {[a.taps for a in self.axes]}")
        window = Window(*zip(*((a.taps, a.stride, a.padding) for a in self.axes), strict=True))
        return operations.pool(graph, x, self.kind, window, seen_as((*count, channels), x.shape), self.power)


class _Pool1d(_Pool):
    __doc__ = _Pool.__doc__

    def __init__(self, size, stride=None, padding="valid", *, dtype=np.float32):
        super().__init__(axes_1d(whole(size, "size"), size if stride is None else stride, 1, padding), dtype)


class _Pool2d(_Pool):
    __doc__ = _Pool.__doc__
    dims = (4,)

    def __init__(self, size, stride=None, padding="valid", *, dtype=np.float32):
        super().__init__(axes_2d(pair(size, "size"), size if stride is None else stride, 1, padding), dtype)


class MaxPool1d(_Pool1d):
    __doc__ = f"The largest value; minus infinity pads, NaN stays NaN. {_Pool.__doc__}"
    kind = "max"


class MaxPool2d(_Pool2d):
    __doc__ = MaxPool1d.__doc__
    kind = "max"


class AveragePool1d(_Pool1d):
    __doc__ = f"The mean of those elements of the window that lie inside the input. {_Pool.__doc__}"
    kind = "average"


class AveragePool2d(_Pool2d):
    __doc__ = AveragePool1d.__doc__
    kind = "average"


class _Lp:
    """Shared by the two Lp pools: the power."""

    kind = "lp"

    def __init__(self, size, stride=None, padding="valid", p=2.0, *, dtype=np.float32):
        super().__init__(size, stride, padding, dtype=dtype)
        if not p >= 1:
            raise ArgumentError(f"p must be at least 1, not {p!r}")
        self.power = float(p)


class LpPool1d(_Lp, _Pool1d):
    __doc__ = f"(sum of |x|**p over the window)**(1 / p), p = 2 by default; zeros pad. {_Pool.__doc__}"


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
            return operations.running_mean(graph, x)
        if graph.stream:
            window = Window((graph.stream, freq), (1, 1), ((graph.stream - 1, 0), (0, 0)))
            return operations.pool(graph, x, "average", window, (time, channels))
        window = Window((time, freq), (1, 1), ((0, 0), (0, 0)))
        return operations.pool(graph, x, "average", window, (channels,))


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

    def __init__(self, pieces, *, dtype=np.float32):
        super().__init__(dtype)
        self.pieces = whole(pieces, "pieces")

    def _build(self, graph, x):
        channels = x.shape[-1]
        if channels % self.pieces:
            raise ShapeError(f"{channels} channels cannot be cut into {self.pieces} pieces (x {x.shape})")
        return operations.maxout(graph, x, self.pieces)
