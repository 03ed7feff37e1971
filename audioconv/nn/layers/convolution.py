"""Convolutional layers: shared, depthwise, tiled and unshared weights; and the dense layer."""

import numpy as np

from audioconv.arrays import floating, whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.windows import axes_1d, axes_2d, check_stream
from audioconv.nn.ops import convolution as convolving
from audioconv.nn.ops import pointwise
from audioconv.nn.ops.geometry import Axis, Geometry
from audioconv.nn.ops.tensor_view import shape3


class _Convolution(Layer):
    """Weights, bias and gradients of all convolutional layers; `geometry` says which it is."""

    _fixed = ("dtype", "geometry")
    _given = ("channels", "filters", "units", "kernel_size", "stride", "dilation", "padding", "groups",
              "output_padding", "tiles", "frames", "places")  # fmt: skip
    _unshared = False  # whether each output has weights of its own

    def __init__(self, geometry, shape, bias, rng, dtype, gain=2.0):
        super().__init__(dtype)
        self.geometry = geometry
        seen = geometry.taps * geometry.inner
        self.weight = (rng.standard_normal(shape) * np.sqrt(gain / seen)).astype(dtype)
        self.bias = np.zeros(geometry.filters, dtype) if bias else None
        self._grad_weight = np.zeros_like(self.weight)
        self._grad_bias = np.zeros(geometry.filters, dtype)

    def parameters(self):
        return {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})

    def gradients(self):
        return {"weight": self._grad_weight} | ({} if self.bias is None else {"bias": self._grad_bias})

    @property
    def channels(self):
        """Of the input."""
        return self.geometry.channels

    def _check(self, x, streams=False):
        time, freq, channels = shape3(x.shape)
        if channels != self.channels:
            raise ShapeError(f"{type(self).__name__} takes {self.channels} channels, not {channels} (x {x.shape})")
        return time, freq

    def _build(self, graph, x, fold=None, activation="linear"):
        """As every layer; `fold` () -> (scale, shift) of the outputs and the activation are for inference alone."""
        self._check(x, graph.stream is not None)
        if graph.stream is not None:
            check_stream(self.geometry.time)
        geometry = self.geometry.at(x.shape)
        weight, bias = self._tensors(graph, fold)
        y = self._convolve(graph, x, weight, bias, geometry, activation == "relu")
        if activation not in ("linear", "relu"):
            y = pointwise.activate(graph, y, activation)
        graph.record_gradient(y, lambda grad_y: self._back(graph, x, weight, grad_y, geometry))
        return y

    def _tensors(self, graph, fold):
        if graph.training:
            return graph.array(self.weight), None if self.bias is None else graph.array(self.bias)
        if fold is None:
            return graph.folded_constant(lambda: self.weight), None if self.bias is None else graph.folded_constant(
                lambda: self.bias
            )
        bias = 0 if self.bias is None else self.bias
        return graph.folded_constant(lambda: self.weight * fold()[0]), graph.folded_constant(
            lambda: bias * fold()[0] + fold()[1]
        )

    def _convolve(self, graph, x, weight, bias, geometry, relu):
        for size, axis in zip(shape3(x.shape), geometry.axes, strict=False):
            if axis.outputs(size) < 1:
                raise ShapeError(
                    f"{size} steps padded by {axis.padding} are shorter than the filter, which spans {axis.span}"
                )
        return convolving.forward(graph, x, weight, bias, geometry, relu)

    def _back(self, graph, x, weight, grad_y, geometry):
        graph.partial(convolving.weight_gradient(graph, x, grad_y, geometry), self._grad_weight)
        self._bias_back(graph, grad_y)
        if graph.needs_gradient(x):
            grad_x = convolving.input_gradient(graph, grad_y, weight, None, geometry, x.shape, exchange=True)
            graph.add_gradient(x, grad_x)

    def _bias_back(self, graph, grad_y):
        from audioconv.nn.ops.batch_norm import sums

        if self.bias is not None:
            graph.partial(sums(graph, grad_y), self._grad_bias)


def _sizes(channels, filters, groups):
    channels, filters, groups = whole(channels, "channels"), whole(filters, "filters"), whole(groups, "groups")
    if channels % groups or filters % groups:
        raise ArgumentError(f"channels and filters must be multiples of groups {groups}, not {channels} and {filters}")
    return channels, filters, groups


class Conv1d(_Convolution):
    """A bank of filters along time: y[t] = bias + sum over tap of x[t * stride + tap * dilation - left] @ weight[tap].

    Parameters
    ----------
    channels, filters : int
        Channels of the input and of the output.
    kernel_size : int
    stride, dilation : int >= 1, in steps of time
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"; zeros, in steps of time
        "same" is left = dilation * (kernel_size - 1) // 2 and the rest on the right, whatever stride and length: the
        n-th output looks at the same place in a clip and in a stream of any length (PyTorch has no "same" with
        a stride).
        "same_keras" is what Keras and TensorFlow call "same": as much as ceil(time / stride) outputs need, which
        with a stride depends on the length; streams refuse it then. With stride 1 both are one.
    groups : int
        Each of so many groups of filters sees its own group of channels.
    bias : bool
    rng : numpy Generator
        Draws the weights (kernel_size, channels // groups, filters): normal, variance
        2 / (kernel_size * channels // groups).
    dtype : float32 or float64

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5.
    He et al., Delving Deep into Rectifiers, ICCV 2015, section 2.2 (initial weights).
    """

    def __init__(
        self,
        channels,
        filters,
        kernel_size,
        stride=1,
        dilation=1,
        padding="same",
        groups=1,
        bias=True,
        *,
        rng,
        dtype=np.float32,
    ):
        channels, filters, groups = _sizes(channels, filters, groups)
        geometry = Geometry(*axes_1d(kernel_size, stride, dilation, padding), channels, filters, groups)
        super().__init__(geometry, (geometry.taps, geometry.inner, filters), bias, rng, dtype)


class Conv2d(_Convolution):
    """A bank of filters along time and frequency; as `Conv1d`, with a number for both or (time, freq).

    Weights (taps in time, taps in frequency, channels // groups, filters). Padding may be one for both, where "causal"
    is "same" along frequency, or a pair of those of `Conv1d`.
    """

    dims = (4,)

    def __init__(
        self,
        channels,
        filters,
        kernel_size,
        stride=1,
        dilation=1,
        padding="same",
        groups=1,
        bias=True,
        *,
        rng,
        dtype=np.float32,
    ):
        channels, filters, groups = _sizes(channels, filters, groups)
        geometry = Geometry(*axes_2d(kernel_size, stride, dilation, padding), channels, filters, groups)
        shape = (geometry.time.taps, geometry.freq.taps, geometry.inner, filters)
        super().__init__(geometry, shape, bias, rng, dtype)


class DepthwiseConv1d(_Convolution):
    """A filter along time for each channel: weights (kernel_size, channels)."""

    def __init__(
        self, channels, kernel_size, stride=1, dilation=1, padding="same", bias=True, *, rng, dtype=np.float32
    ):
        channels = whole(channels, "channels")
        geometry = Geometry(*axes_1d(kernel_size, stride, dilation, padding), channels, channels, depthwise=True)
        super().__init__(geometry, (geometry.taps, channels), bias, rng, dtype)


class DepthwiseConv2d(_Convolution):
    """A filter along time and frequency for each channel: weights (taps in time, taps in frequency, channels)."""

    dims = (4,)

    def __init__(
        self, channels, kernel_size, stride=1, dilation=1, padding="same", bias=True, *, rng, dtype=np.float32
    ):
        channels = whole(channels, "channels")
        geometry = Geometry(*axes_2d(kernel_size, stride, dilation, padding), channels, channels, depthwise=True)
        shape = (geometry.time.taps, geometry.freq.taps, channels)
        super().__init__(geometry, shape, bias, rng, dtype)


class TiledConv1d(_Convolution):
    """As `Conv1d`, with `tiles` sets of weights in rotation: output t has set t % tiles.

    Weights (tiles, kernel_size, in, out).

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5 (tiled convolution).
    """

    def __init__(
        self,
        channels,
        filters,
        kernel_size,
        tiles,
        stride=1,
        dilation=1,
        padding="same",
        bias=True,
        *,
        rng,
        dtype=np.float32,
    ):
        channels, filters, _ = _sizes(channels, filters, 1)
        axes = axes_1d(kernel_size, stride, dilation, padding, tiles)
        geometry = Geometry(*axes, channels, filters, unshared=self._unshared)
        super().__init__(geometry, (geometry.time.tiles, geometry.taps, channels, filters), bias, rng, dtype)


class TiledConv2d(_Convolution):
    """As `Conv2d`, with sets of weights in rotation: weights (tiles in time, in frequency, taps, taps, in, out)."""

    dims = (4,)

    def __init__(
        self,
        channels,
        filters,
        kernel_size,
        tiles,
        stride=1,
        dilation=1,
        padding="same",
        bias=True,
        *,
        rng,
        dtype=np.float32,
    ):
        channels, filters, _ = _sizes(channels, filters, 1)
        axes = axes_2d(kernel_size, stride, dilation, padding, tiles)
        geometry = Geometry(*axes, channels, filters, unshared=self._unshared)
        time, freq = geometry.axes
        shape = (time.tiles, freq.tiles, time.taps, freq.taps, channels, filters)
        super().__init__(geometry, shape, bias, rng, dtype)


class LocallyConnected1d(TiledConv1d):
    """As `Conv1d`, with weights of its own for each output frame: weights (frames, kernel_size, in, out).

    Parameters
    ----------
    frames : int
        Output frames; an input that gives another number is refused.
    """

    _unshared = True

    def __init__(self, channels, filters, kernel_size, frames, *args, **options):
        super().__init__(channels, filters, kernel_size, frames, *args, **options)

    def _check(self, x, streams=False):
        return _check_places(self, x, super()._check(x)[:1], streams)


class LocallyConnected2d(TiledConv2d):
    """As `Conv2d`, with weights of its own for each output (frame, bin); `places` is (frames, bins)."""

    _unshared = True

    def __init__(self, channels, filters, kernel_size, places, *args, **options):
        super().__init__(channels, filters, kernel_size, places, *args, **options)

    def _check(self, x, streams=False):
        return _check_places(self, x, super()._check(x), streams)


def _check_places(layer, x, sizes, streams):
    """A stream is checked at its end, for time."""
    found = tuple(axis.outputs(size) for axis, size in zip(layer.geometry.axes, sizes, strict=False))
    wanted = tuple(axis.tiles for axis, _ in zip(layer.geometry.axes, sizes, strict=False))
    if found[streams:] != wanted[streams:]:
        raise ShapeError(f"{type(layer).__name__} has weights for {wanted} outputs, but x {x.shape} gives {found}")
    return sizes


class Dense(_Convolution):
    """A linear map of the channels: y = x @ weight + bias, x (batch, channels), or with time and frequency between.

    Parameters
    ----------
    channels, units : int
    bias : bool
    rng : numpy Generator
        Draws the weights (channels, units): normal, variance 1 / channels.
    dtype : float32 or float64
    """

    dims = (2, 3, 4)

    def __init__(self, channels, units, bias=True, *, rng, dtype=np.float32):
        channels, units = whole(channels, "channels"), whole(units, "units")
        geometry = Geometry(Axis(1), Axis(1), channels, units)
        super().__init__(geometry, (channels, units), bias, rng, dtype, gain=1.0)


def conv1d(x, weight, bias=None, *, stride=1, dilation=1, padding=0):
    """Correlate a batch of sequences with a bank of filters along time.

    Parameters
    ----------
    x : float array, shape (batch, time, in_channels)
    weight : float array, shape (kernel_size, in_channels, out_channels)
    bias : float array, shape (out_channels,), optional
    stride, dilation : int >= 1, in steps of time
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"; zeros, in steps of time; see `Conv1d`

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
    kernel_size, channels, width = weight.shape
    if kernel_size < 1 or channels != x.shape[2]:
        raise ShapeError(
            f"weight must have shape (kernel_size >= 1, {x.shape[2]}, out) to fit x {x.shape}, not {weight.shape}"
        )
    bias = np.zeros(width, weight.dtype) if bias is None else floating(bias, "bias", (1,))
    if bias.shape != (width,):
        raise ShapeError(f"bias must have shape ({width},), not {bias.shape}")
    dtype = np.result_type(x, weight, bias)
    layer = Conv1d(channels, width, kernel_size, stride, dilation, padding, rng=np.random.default_rng(0), dtype=dtype)
    layer.weight[:], layer.bias[:] = weight, bias
    return layer.forward(x)
