"""Convolutions with shared weights, along time, or time and frequency; the base of all convolutions."""

from collections.abc import Callable
from typing import ClassVar, cast

import numpy as np

from audioconv._typing import Array, ArrayLike, DTypeLike
from audioconv.arrays import floating, whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.windows import Padding1d, Padding2d, Size2d, Windows, by_axes, check_stream
from audioconv.nn.ops import convolution as convolving
from audioconv.nn.ops import pointwise
from audioconv.nn.ops.geometry import Geometry
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.pointwise import ActivationName
from audioconv.nn.ops.tensor_view import shape3


class Convolution(Layer):
    """Weights, bias and gradients of all convolutional layers; `geometry` says which it is."""

    _fixed = ("dtype", "geometry")
    _constructed = (
        "in_channels", "out_channels", "in_features", "out_features", "channels", "kernel_size", "stride", "dilation",
        "padding", "groups", "output_padding", "tiles", "output_size",
    )  # fmt: skip
    _tiled: ClassVar[bool] = False  # whether there are several sets of weights

    def __init__(
        self,
        geometry: Geometry,
        bias: bool,
        rng: np.random.Generator,
        dtype: DTypeLike,
        *,
        padding: Padding2d = "valid",
        gain: float = 2.0,
    ) -> None:
        if not isinstance(rng, (np.random.Generator, np.random.RandomState)):
            raise ArgumentError(f"rng must be a Generator of NumPy, as np.random.default_rng(0) makes it, not {rng!r}")
        super().__init__(dtype)
        self.geometry, self._padding = geometry, padding
        fan_in = geometry.taps * geometry.inner
        self.weight: Array = (rng.standard_normal(self._weight_shape()) * np.sqrt(gain / fan_in)).astype(dtype)
        self.bias: Array | None = np.zeros(self.out_channels, dtype) if bias else None
        self._grad_weight = np.zeros_like(self.weight)
        self._grad_bias = np.zeros(self.out_channels, dtype)

    def _weight_shape(self) -> tuple[int, ...]:
        geometry, axes = self.geometry, self.geometry.axes[: self._rank]
        tiles = tuple(axis.tiles for axis in axes) if self._tiled else ()
        channels = (geometry.filters,) if geometry.depthwise else (geometry.inner, geometry.filters)
        return (*tiles, *(axis.taps for axis in axes), *channels)

    @property
    def _rank(self) -> int:
        """Axes that windows have: time, or time and frequency, or none."""
        return self.dims[0] - 2

    @property
    def in_channels(self) -> int:
        """Channels of the input."""
        return self.geometry.channels

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return self.geometry.filters

    @property
    def kernel_size(self) -> int | tuple[int, int]:
        """Taps along time, or along time and frequency."""
        return by_axes(self.geometry.axes, "taps", self._rank)

    @property
    def stride(self) -> int | tuple[int, int]:
        """Steps of the input from an output to the next."""
        return by_axes(self.geometry.axes, "stride", self._rank)

    @property
    def dilation(self) -> int | tuple[int, int]:
        """Steps of the input from a tap to the next."""
        return by_axes(self.geometry.axes, "dilation", self._rank)

    @property
    def padding(self) -> Padding2d:
        """Zeros around the input, as they were given."""
        return self._padding

    @property
    def groups(self) -> int:
        """Groups of channels that are convolved separately."""
        return self.geometry.groups

    def _parameters(self) -> dict[str, Array]:
        return {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})

    def _gradients(self) -> dict[str, Array]:
        return {"weight": self._grad_weight} | ({} if self.bias is None else {"bias": self._grad_bias})

    def _input_channels(self) -> int:
        return self.in_channels

    def _check(self, x: Tensor, streams: bool = False) -> tuple[int, int]:
        time, freq, channels = shape3(x.shape)
        if channels != self.in_channels:
            raise ShapeError(f"{type(self).__name__} takes {self.in_channels} channels, not {channels} (x {x.shape})")
        return time, freq

    def _build(
        self,
        graph: Graph,
        x: Tensor,
        fold: Callable[[], tuple[Array, Array]] | None = None,
        activation: ActivationName = "linear",
    ) -> Tensor:
        """As every layer; `fold` () -> (scale, shift) of the outputs and the activation are for inference alone."""
        self._check(x, graph.stream is not None)
        if graph.stream is not None:
            check_stream(self.geometry.time)
        geometry = self.geometry.at(x.shape)
        weight, bias = self._tensors(graph, fold)
        y = self._convolve(graph, x, weight, bias, geometry, activation == "relu")
        if activation not in ("linear", "relu"):
            y = pointwise.activate(graph, y, activation)
        graph.record_gradient(y, lambda grad_y: self._backward(graph, x, weight, grad_y, geometry))
        return y

    def _tensors(self, graph: Graph, fold: Callable[[], tuple[Array, Array]] | None) -> tuple[Tensor, Tensor | None]:
        """Weight and bias as tensors; for inference with the batch norm that follows folded in."""
        if graph.training:
            return graph.array(self.weight), None if self.bias is None else graph.array(self.bias)
        if fold is not None:
            weight = graph.folded_constant(lambda: self.weight * fold()[0])
            return weight, graph.folded_constant(
                lambda: (0 if self.bias is None else self.bias) * fold()[0] + fold()[1]
            )
        weight = graph.folded_constant(lambda: self.weight)
        # a bias may be another array later, but not be taken away
        return weight, None if self.bias is None else graph.folded_constant(lambda: cast(Array, self.bias))

    def _convolve(
        self, graph: Graph, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, relu: bool
    ) -> Tensor:
        for size, axis in zip(shape3(x.shape), geometry.axes, strict=False):
            if axis.outputs(size) < 1:
                raise ShapeError(
                    f"{size} steps padded by {axis.padding} are shorter than the filter, which spans {axis.span}"
                )
        return convolving.forward(graph, x, weight, bias, geometry, relu)

    def _backward(self, graph: Graph, x: Tensor, weight: Tensor, grad_y: Tensor, geometry: Geometry) -> None:
        graph.partial(convolving.weight_gradient(graph, x, grad_y, geometry), self._grad_weight)
        self._bias_gradient(graph, grad_y)
        if graph.needs_gradient(x):
            grad_x = convolving.input_gradient(graph, grad_y, weight, None, geometry, x.shape, exchange=True)
            graph.add_gradient(x, grad_x)

    def _bias_gradient(self, graph: Graph, grad_y: Tensor) -> None:
        from audioconv.nn.ops.batch_norm import sums

        if self.bias is not None:
            graph.partial(sums(graph, grad_y), self._grad_bias)


def channel_counts(in_channels: int, out_channels: int, groups: int) -> tuple[int, int, int]:
    """Channels in and out and groups, checked."""
    in_channels, out_channels = whole(in_channels, "in_channels"), whole(out_channels, "out_channels")
    groups = whole(groups, "groups")
    if in_channels % groups or out_channels % groups:
        raise ArgumentError(
            f"in_channels and out_channels must be multiples of groups {groups}, not {in_channels} and {out_channels}"
        )
    return in_channels, out_channels, groups


class SharedConvolution(Convolution):
    """Base of convolutions with one filter for all positions and all channels of a group."""

    def __init__(
        self,
        channels: tuple[int, int, int],
        windows: Windows,
        bias: bool,
        rng: np.random.Generator,
        dtype: DTypeLike,
    ) -> None:
        geometry = Geometry(*windows.axes(self._rank), *channel_counts(*channels))
        super().__init__(geometry, bias, rng, dtype, padding=windows.padding)


class Conv1d(SharedConvolution):
    """A bank of filters along time: y[t] = bias + sum over tap of x[t * stride + tap * dilation - left] @ weight[tap].

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output: the number of filters.
    kernel_size : int
        Taps of each filter.
    stride : int
        Steps of time from an output to the next.
    dilation : int
        Steps of time from a tap to the next.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        Zeros around the input, in steps of time. "same" is left = dilation * (kernel_size - 1) // 2 and the rest on
        the right, whatever stride and length: the n-th output looks at the same place in a clip and in a stream of any
        length (PyTorch has no "same" with a stride). "same_keras" is what Keras and TensorFlow call "same": as much as
        ceil(time / stride) outputs need, which with a stride depends on the length; streams refuse it then. With
        stride 1 both are one.
    groups : int
        Each of so many groups of filters sees its own group of channels.
    bias : bool
        Whether there is a number that is added to each output channel.
    rng : numpy Generator
        Draws the weights (kernel_size, in_channels // groups, out_channels): normal, variance
        2 / (kernel_size * in_channels // groups).
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Attributes
    ----------
    weight : array, shape (kernel_size, in_channels // groups, out_channels)
    bias : array, shape (out_channels,), or None

    Raises
    ------
    ArgumentError
        For numbers out of range, or channels that are no multiple of groups.

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5.
    He et al., Delving Deep into Rectifiers, ICCV 2015, section 2.2 (initial weights).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.Conv1d(40, 16, 3, stride=2, rng=np.random.default_rng(0))
    >>> layer
    Conv1d(40, 16, 3, stride=2)
    >>> layer.forward(np.zeros((5, 98, 40), "float32")).shape
    (5, 49, 16)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding1d = "same",
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels, groups), windows, bias, rng, dtype)


class Conv2d(SharedConvolution):
    """A bank of filters along time and frequency; as `Conv1d`, with a number for both or (time, freq).

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output: the number of filters.
    kernel_size : int or (time, freq)
        Taps of each filter.
    stride : int or (time, freq)
        Steps of the input from an output to the next.
    dilation : int or (time, freq)
        Steps of the input from a tap to the next.
    padding : one for both, or (time, freq), each as of `Conv1d`
        Zeros around the input. "causal" for both is "same" along frequency.
    groups : int
        Each of so many groups of filters sees its own group of channels.
    bias : bool
        Whether there is a number that is added to each output channel.
    rng : numpy Generator
        Draws the weights (taps in time, taps in frequency, in_channels // groups, out_channels) as for `Conv1d`.
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Raises
    ------
    ArgumentError
        For numbers out of range, or channels that are no multiple of groups.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.Conv2d(1, 64, (10, 4), stride=2, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((5, 49, 10, 1), "float32")).shape
    (5, 25, 5, 64)
    """

    dims = (4,)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2d,
        stride: Size2d = 1,
        dilation: Size2d = 1,
        padding: Padding2d = "same",
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels, groups), windows, bias, rng, dtype)


def conv1d(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: Padding1d = 0,
) -> Array:
    """Correlate a batch of sequences with a bank of filters along time.

    Parameters
    ----------
    x : float array, shape (batch, time, in_channels)
        The sequences.
    weight : float array, shape (kernel_size, in_channels, out_channels)
        The filters.
    bias : float array, shape (out_channels,), optional
        Is added to each output.
    stride, dilation : int
        At least 1, in steps of time.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        Zeros, in steps of time; see `Conv1d`.

    Returns
    -------
    y : float array, shape (batch, frames, out_channels)
        frames = (left + time + right - dilation * (kernel_size - 1) - 1) // stride + 1

    Raises
    ------
    ShapeError
        If channels differ, or the padded sequence is shorter than the dilated filter.

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> steps = np.array([0.0, 0.0, 1.0, 1.0, 3.0]).reshape(1, 5, 1)
    >>> difference = np.array([-1.0, 1.0]).reshape(2, 1, 1)
    >>> nn.conv1d(steps, difference)[0, :, 0]
    array([0., 1., 0., 2.])
    """
    x, weight = floating(x, "x", (3,)), floating(weight, "weight", (3,))
    kernel_size, channels, filters = weight.shape
    if kernel_size < 1 or channels != x.shape[2]:
        raise ShapeError(
            f"weight must have shape (kernel_size >= 1, {x.shape[2]}, out) to fit x {x.shape}, not {weight.shape}"
        )
    bias = np.zeros(filters, weight.dtype) if bias is None else floating(bias, "bias", (1,))
    if bias.shape != (filters,):
        raise ShapeError(f"bias must have shape ({filters},), not {bias.shape}")
    dtype = np.result_type(x, weight, bias)
    layer = Conv1d(channels, filters, kernel_size, stride, dilation, padding, rng=np.random.default_rng(0), dtype=dtype)
    layer.weight, layer.bias = weight, bias
    return layer.forward(x)
