"""Transposed convolutions, which make signals longer: of decoders and of what undoes a stride."""

from dataclasses import replace

import numpy as np

from audioconv.arrays import whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.layers.convolution import _Convolution, _sizes
from audioconv.nn.layers.windows import axes_1d, axes_2d, pair
from audioconv.nn.ops import convolution as convolving
from audioconv.nn.ops.geometry import KERAS, Geometry
from audioconv.nn.ops.tensor_view import squeeze_like


class _Transposed(_Convolution):
    """The transpose of the linear map that a convolution from `filters` to `channels` is."""

    def __init__(self, axes, channels, filters, groups, bias, rng, dtype):
        geometry = Geometry(*axes, filters, channels, groups)  # of the convolution that this is the transpose of
        taps = [axis.taps for axis in axes][: self.dims[0] - 2]
        shape = (*taps, channels // groups, filters)
        super().__init__(geometry, shape, False, rng, dtype, gain=2.0 * filters / channels)
        self._grad_bias = np.zeros(filters, dtype)
        self.bias = np.zeros(filters, dtype) if bias else None

    @property
    def channels(self):
        return self.geometry.filters

    def _convolve(self, graph, x, weight, bias, geometry, relu):
        shape = squeeze_like(geometry.transposed(x.shape), x.shape)
        if min(shape) < 1:
            raise ShapeError(f"x {x.shape} gives an output of shape {shape} after the padding is cut off")
        return convolving.input_gradient(graph, x, weight, bias, geometry, shape, exchange=False, relu=relu)

    def _back(self, graph, x, weight, grad_y, geometry):
        graph.partial(convolving.transposed_weight_gradient(graph, x, grad_y, geometry), self._grad_weight)
        self._bias_back(graph, grad_y)
        if graph.needs_gradient(x):
            other = Geometry(*geometry.axes, geometry.filters, geometry.channels, geometry.groups)
            exchanged = convolving.flipped_weights(graph, weight, other, range(other.taps), exchange=True)
            graph.add_gradient(x, convolving.forward(graph, grad_y, exchanged, None, geometry))


def _cut(axis, output_padding):
    """An axis with what is cut off its output in numbers, less at the end by so much."""
    if output_padding and output_padding >= max(axis.stride, axis.dilation):
        raise ArgumentError(
            f"output_padding must be below stride {axis.stride} or dilation {axis.dilation}, not {output_padding}"
        )
    if axis.padding == KERAS:
        left = max(axis.span - axis.stride, 0) // 2
        axis = replace(axis, padding=(left, axis.span - axis.stride - left))
    return replace(axis, padding=(axis.padding[0], axis.padding[1] - output_padding))


class Conv1dTranspose(_Transposed):
    """The transpose of a `Conv1d`: y[t * stride + tap * dilation - left] += x[t] @ weight[tap].

    Parameters
    ----------
    channels, filters : int
        Channels of the input and of the output.
    kernel_size, stride, dilation, bias, dtype :
        As for `Conv1d`.
    padding :
        As for `Conv1d`: so much is cut off the output, which has
        (time - 1) * stride + dilation * (kernel_size - 1) + 1 - left - right + output_padding frames.
        "same_keras" is what Keras calls "same": time * stride frames, of clips and on streams; where taps do not
        reach so far, the last ones are the bias alone.
    groups : int
        Each of so many groups of filters sees its own group of channels.
    output_padding : int
        So many frames more at the end, as in PyTorch: less is cut off there, and beyond the taps are zeros and the
        bias. Below stride or dilation. With it the output has the length of any input of the `Conv1d` that this is
        the transpose of.
    rng : numpy Generator
        Draws the weights (kernel_size, channels // groups, filters): normal, variance
        2 / (kernel_size * channels // groups). (For PyTorch's, (channels, filters // groups, kernel_size),
        each group is turned by itself.)

    References
    ----------
    Dumoulin, Visin, A guide to convolution arithmetic for deep learning (arXiv 1603.07285), chapter 4.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> up = nn.Conv1dTranspose(1, 1, 3, stride=2, padding=1, output_padding=1, rng=np.random.default_rng(0))
    >>> up.weight[:, 0, 0] = 0.5, 1, 0.5
    >>> up.forward(np.array([[[1.0], [2.0], [3.0]]]))[0, :, 0]
    array([1. , 1.5, 2. , 2.5, 3. , 1.5], dtype=float32)
    """

    def __init__(
        self,
        channels,
        filters,
        kernel_size,
        stride=1,
        dilation=1,
        padding="valid",
        bias=True,
        *,
        groups=1,
        output_padding=0,
        rng,
        dtype=np.float32,
    ):
        channels, filters, groups = _sizes(channels, filters, groups)
        time, freq = axes_1d(kernel_size, stride, dilation, padding)
        axes = _cut(time, whole(output_padding, "output_padding", 0)), freq
        super().__init__(axes, channels, filters, groups, bias, rng, dtype)


class Conv2dTranspose(_Transposed):
    """The transpose of a `Conv2d`; as `Conv1dTranspose`, with a number for both or (time, freq)."""

    dims = (4,)

    def __init__(
        self,
        channels,
        filters,
        kernel_size,
        stride=1,
        dilation=1,
        padding="valid",
        bias=True,
        *,
        groups=1,
        output_padding=0,
        rng,
        dtype=np.float32,
    ):
        channels, filters, groups = _sizes(channels, filters, groups)
        both = axes_2d(kernel_size, stride, dilation, padding), pair(output_padding, "output_padding", 0)
        axes = [_cut(*each) for each in zip(*both, strict=True)]
        super().__init__(axes, channels, filters, groups, bias, rng, dtype)
