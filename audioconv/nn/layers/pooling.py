"""Maximum and average over windows of time and frequency, and the average over all of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from audioconv._typing import DTypeLike
from audioconv.errors import ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.windows import Padding1d, Padding2d, Size2d, Windows, by_axes, check_stream
from audioconv.nn.ops import pooling, reductions
from audioconv.nn.ops.geometry import Axis
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.pooling import PoolWindow
from audioconv.nn.ops.tensor_view import shape3, squeeze_like
from audioconv.nn.settings import Check, boolean, shown

PoolKind: TypeAlias = Literal["max", "average", "lp"]


class Pool(Layer):
    """Base of pools over windows."""

    kind: ClassVar[PoolKind]
    power: float = 2.0
    signed: bool = False
    count_include_pad: bool = False
    _checks: ClassVar[Mapping[str, Check]] = {
        "signed": boolean,
        "ceil_mode": boolean,
        "count_include_pad": boolean,
    }
    _fixed = ("dtype", "axes")
    _constructed = ("kind", "kernel_size", "stride", "padding")

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None,
        padding: Padding2d,
        ceil_mode: bool,
        dtype: DTypeLike,
    ) -> None:
        super().__init__(dtype)
        stride = kernel_size if stride is None else stride
        self.axes = Windows(kernel_size, stride, 1, padding).axes(self._rank)
        self.ceil_mode, self._padding = ceil_mode, padding
        for axis in self.axes:
            if not isinstance(axis.padding, str) and max(axis.padding) >= axis.taps:
                raise ShapeError(f"padding {axis.padding} must be below the size {axis.taps} of the window")

    @property
    def _rank(self) -> int:
        """Axes that windows have: time, or time and frequency."""
        return self.dims[0] - 2

    @property
    def kernel_size(self) -> int | tuple[int, int]:
        """Steps of a window."""
        return by_axes(self.axes, "taps", self._rank)

    @property
    def stride(self) -> int | tuple[int, int]:
        """Steps from a window to the next."""
        return by_axes(self.axes, "stride", self._rank)

    @property
    def padding(self) -> Padding2d:
        """Padding around the input, as it was given."""
        return self._padding

    def __repr__(self) -> str:
        return shown(self, *(("stride",) if self.stride == self.kernel_size else ()))

    def _windows(self, time: int, freq: int) -> tuple[list[Axis], tuple[Any, ...]]:
        """(axes, their padding as it was given) for inputs of this size: `ceil_mode` is more padding at the end."""
        given = [axis.at(size) for axis, size in zip(self.axes, (time, freq), strict=True)]
        axes = given
        if self.ceil_mode:  # adds at most one window, which is cut off at the end and does not begin in the padding
            more = [(a.sides[0], min(a.sides[1] + a.stride - 1, a.taps - 1)) for a in given]
            axes = [replace(axis, padding=padding) for axis, padding in zip(given, more, strict=True)]
        return axes, tuple(axis.padding for axis in given)

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        if graph.stream is not None:
            check_stream(self.axes[0])
        time, freq, channels = shape3(x.shape)
        axes, given = self._windows(time, freq)
        rows, bins = (axis.outputs(size) for axis, size in zip(axes, (time, freq), strict=True))
        if min(rows, bins) < 1:
            raise ShapeError(f"x {x.shape} is shorter than the window of {[a.taps for a in self.axes]}")
        window = PoolWindow(*zip(*((a.taps, a.stride, a.padding) for a in axes), strict=True))
        if self.count_include_pad:
            window.counted = given
        shape = squeeze_like((rows, bins, channels), x.shape)
        return pooling.pool(graph, x, self.kind, window, shape, self.power, self.signed)


class MaxPool1d(Pool):
    """The largest value of each window; minus infinity pads, NaN stays NaN.

    Parameters
    ----------
    kernel_size : int
        Steps of a window (PyTorch's kernel_size).
    stride : int, optional
        From a window to the next; default: `kernel_size`.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        As for the convolutions, at most kernel_size - 1 a side, so that every window overlaps the input.
    ceil_mode : bool
        Whether a last window that the end cuts off counts, too, if it begins before the padding at the end.
    dtype : float32 or float64
        Of inputs and outputs.

    Raises
    ------
    ArgumentError, ShapeError
        For numbers out of range, and for padding that a window fits into.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.MaxPool1d(2).forward(np.array([[[1.0], [4.0], [3.0], [2.0]]])).ravel()
    array([4., 3.], dtype=float32)
    """

    kind = "max"

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: Padding1d = "valid",
        *,
        ceil_mode: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, dtype)


class MaxPool2d(Pool):
    """The largest value of each window; minus infinity pads, NaN stays NaN.

    Parameters
    ----------
    kernel_size : int or (time, freq)
        Steps of a window along time and frequency (PyTorch's kernel_size).
    stride : int or (time, freq), optional
        From a window to the next; default: `kernel_size`.
    padding : one for both, or (time, freq), each as of `Conv1d`
        As for the convolutions, at most kernel_size - 1 a side, so that every window overlaps the input.
    ceil_mode : bool
        Whether a last window that the end cuts off counts, too, if it begins before the padding at the end.
    dtype : float32 or float64
        Of inputs and outputs.

    Raises
    ------
    ArgumentError, ShapeError
        For numbers out of range, and for padding that a window fits into.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.MaxPool2d((2, 1)).forward(np.zeros((1, 10, 5, 3))).shape
    (1, 5, 5, 3)
    """

    kind = "max"
    dims = (4,)

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None = None,
        padding: Padding2d = "valid",
        *,
        ceil_mode: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, dtype)


class AveragePool(Pool):
    """Base of averages over windows."""

    kind = "average"

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None,
        padding: Padding2d,
        ceil_mode: bool,
        count_include_pad: bool,
        dtype: DTypeLike,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, dtype)
        self.count_include_pad = count_include_pad


class AveragePool1d(AveragePool):
    """The mean of those elements of each window that lie inside the input.

    Parameters
    ----------
    kernel_size : int
        Steps of a window (PyTorch's kernel_size).
    stride : int, optional
        From a window to the next; default: `kernel_size`.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        As for the convolutions, at most kernel_size - 1 a side, so that every window overlaps the input.
    ceil_mode : bool
        Whether a last window that the end cuts off counts, too, if it begins before the padding at the end.
    count_include_pad : bool
        Whether zeros of the padding are elements, too: the default is no, as in Keras; PyTorch's is yes. What
        `ceil_mode` adds never is.
    dtype : float32 or float64
        Of inputs and outputs.

    Raises
    ------
    ArgumentError, ShapeError
        For numbers out of range, and for padding that a window fits into.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.AveragePool1d(2).forward(np.array([[[1.0], [4.0], [3.0], [2.0]]])).ravel()
    array([2.5, 2.5], dtype=float32)
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: Padding1d = "valid",
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, dtype)


class AveragePool2d(AveragePool):
    """The mean of those elements of each window that lie inside the input.

    Parameters
    ----------
    kernel_size : int or (time, freq)
        Steps of a window along time and frequency (PyTorch's kernel_size).
    stride : int or (time, freq), optional
        From a window to the next; default: `kernel_size`.
    padding : one for both, or (time, freq), each as of `Conv1d`
        As for the convolutions, at most kernel_size - 1 a side, so that every window overlaps the input.
    ceil_mode : bool
        Whether a last window that the end cuts off counts, too, if it begins before the padding at the end.
    count_include_pad : bool
        Whether zeros of the padding are elements, too: the default is no, as in Keras; PyTorch's is yes. What
        `ceil_mode` adds never is.
    dtype : float32 or float64
        Of inputs and outputs.

    Raises
    ------
    ArgumentError, ShapeError
        For numbers out of range, and for padding that a window fits into.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.AveragePool2d((2, 1)).forward(np.zeros((1, 10, 5, 3))).shape
    (1, 5, 5, 3)
    """

    dims = (4,)

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None = None,
        padding: Padding2d = "valid",
        *,
        ceil_mode: bool = False,
        count_include_pad: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, dtype)


class GlobalAveragePool(Layer):
    """The mean over all of time and frequency: (batch, time, channels) to (batch, channels).

    On a stream it is the mean over all frames so far, or over the last so many: see `Layer.stream`.

    Parameters
    ----------
    dtype : float32 or float64
        Of inputs and outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.GlobalAveragePool().forward(np.array([[[1.0], [2.0], [6.0]]]))
    array([[3.]], dtype=float32)
    """

    dims = (3, 4)

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        time, freq, channels = shape3(x.shape)
        if not time * freq:
            raise ShapeError(f"there is no mean over no time (x {x.shape})")
        if graph.stream == "clip":
            return reductions.running_mean(graph, x)
        if graph.stream:
            window = PoolWindow((graph.stream, freq), (1, 1), ((graph.stream - 1, 0), (0, 0)))
            return pooling.pool(graph, x, "average", window, (time, channels))
        window = PoolWindow((time, freq), (1, 1), ((0, 0), (0, 0)))
        return pooling.pool(graph, x, "average", window, (channels,))
