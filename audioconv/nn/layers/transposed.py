"""Transposed convolutions, which upsample: for decoders, and to undo a stride."""

from dataclasses import replace

import numpy as np

from audioconv._typing import DTypeLike
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.layers.convolution import Convolution, channel_counts
from audioconv.nn.layers.windows import Padding1d, Padding2d, Size2d, Windows, by_axis
from audioconv.nn.ops import convolution as convolving
from audioconv.nn.ops.geometry import KERAS, Axis, Geometry
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.tensor_view import squeeze_like
from audioconv.nn.settings import shown


class TransposedConvolution(Convolution):
    """The transpose of the linear map that a convolution from `out_channels` to `in_channels` is."""

    def __init__(
        self,
        channels: tuple[int, int, int],
        windows: Windows,
        bias: bool,
        rng: np.random.Generator,
        dtype: DTypeLike,
        output_padding: Size2d,
    ) -> None:
        in_channels, out_channels, groups = channel_counts(*channels)
        axes = windows.axes(self._rank)
        self._output_padding = by_axis(output_padding, "output_padding", self._rank, 0)
        cut = [_cut(*each) for each in zip(axes, self._output_padding, strict=False)]
        # of the convolution that this is the transpose of
        geometry = Geometry(cut[0], cut[1] if self._rank == 2 else axes[1], out_channels, in_channels, groups)
        gain = 2.0 * out_channels / in_channels
        super().__init__(geometry, bias, rng, dtype, padding=windows.padding, gain=gain)

    def _weight_shape(self) -> tuple[int, ...]:
        taps = tuple(axis.taps for axis in self.geometry.axes[: self._rank])
        return (*taps, self.in_channels // self.groups, self.out_channels)

    @property
    def in_channels(self) -> int:
        """Channels of the input."""
        return self.geometry.filters

    @property
    def out_channels(self) -> int:
        """Channels of the output."""
        return self.geometry.channels

    @property
    def output_padding(self) -> int | tuple[int, ...]:
        """Extra steps at the end of the output."""
        return self._output_padding[0] if self._rank == 1 else self._output_padding

    def __repr__(self) -> str:
        return shown(self, *(() if any(self._output_padding) else ("output_padding",)))

    def _convolve(
        self, graph: Graph, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, relu: bool
    ) -> Tensor:
        shape = squeeze_like(geometry.transposed(x.shape), x.shape)
        if min(shape) < 1:
            raise ShapeError(f"x {x.shape} gives an output of shape {shape} after the padding is cut off")
        return convolving.input_gradient(graph, x, weight, bias, geometry, shape, exchange=False, relu=relu)

    def _backward(self, graph: Graph, x: Tensor, weight: Tensor, grad_y: Tensor, geometry: Geometry) -> None:
        graph.partial(convolving.transposed_weight_gradient(graph, x, grad_y, geometry), self._grad_weight)
        self._bias_gradient(graph, grad_y)
        if graph.needs_gradient(x):
            other = Geometry(*geometry.axes, geometry.filters, geometry.channels, geometry.groups)
            exchanged = convolving.flipped_weights(graph, weight, other, range(other.taps), exchange=True)
            graph.add_gradient(x, convolving.forward(graph, grad_y, exchanged, None, geometry))


def _cut(axis: Axis, output_padding: int) -> Axis:
    """An axis with the cropping of its output in numbers, less at the end by `output_padding`."""
    if output_padding and output_padding >= max(axis.stride, axis.dilation):
        raise ArgumentError(
            f"output_padding must be below stride {axis.stride} or dilation {axis.dilation}, not {output_padding}"
        )
    if axis.padding == KERAS:
        left = max(axis.span - axis.stride, 0) // 2
        axis = replace(axis, padding=(left, axis.span - axis.stride - left))
    return replace(axis, padding=(axis.sides[0], axis.sides[1] - output_padding))


class Conv1dTranspose(TransposedConvolution):
    """The transpose of a `Conv1d`: y[t * stride + tap * dilation - left] += x[t] @ weight[tap].

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int
        Taps of each filter.
    stride : int
        Steps of the output from what an input adds to what the next one does.
    dilation : int
        Steps of the output from a tap to the next.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        As for `Conv1d`: so much is cut off the output, which has
        (time - 1) * stride + dilation * (kernel_size - 1) + 1 - left - right + output_padding frames.
        "same_keras" is what Keras calls "same": time * stride frames, of clips and on streams; where taps do not
        reach so far, the last ones are the bias alone.
    bias : bool
        Whether there is a number that is added to each output channel.
    groups : int
        Each of so many groups of filters sees its own group of channels.
    output_padding : int
        So many frames more at the end, as in PyTorch: less is cut off there, and beyond the taps are zeros and the
        bias. Below stride or dilation. With it the output has the length of any input of the `Conv1d` that this is
        the transpose of.
    rng : numpy Generator
        Draws the weights (kernel_size, in_channels // groups, out_channels): normal, variance
        2 / (kernel_size * in_channels // groups). (For PyTorch's, (in_channels, out_channels // groups, kernel_size),
        the kernel of each group is flipped by itself.)
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Raises
    ------
    ArgumentError
        For numbers out of range.

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
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding1d = "valid",
        bias: bool = True,
        *,
        groups: int = 1,
        output_padding: int = 0,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels, groups), windows, bias, rng, dtype, output_padding)


class Conv2dTranspose(TransposedConvolution):
    """The transpose of a `Conv2d`; as `Conv1dTranspose`, with a number for both axes or (time, freq).

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size, stride, dilation : int or (time, freq)
        As for `Conv1dTranspose`.
    padding : one for both, or (time, freq), each as of `Conv1d`
        So much is cut off the output.
    bias : bool
        Whether there is a number that is added to each output channel.
    groups : int
        Each of so many groups of filters sees its own group of channels.
    output_padding : int or (time, freq)
        So many steps more at the end.
    rng : numpy Generator
        Draws the weights (taps in time, taps in frequency, in_channels // groups, out_channels).
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.Conv2dTranspose(1, 1, 4, stride=2, padding=1, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((1, 8, 8, 1))).shape
    (1, 16, 16, 1)
    """

    dims = (4,)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2d,
        stride: Size2d = 1,
        dilation: Size2d = 1,
        padding: Padding2d = "valid",
        bias: bool = True,
        *,
        groups: int = 1,
        output_padding: Size2d = 0,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels, groups), windows, bias, rng, dtype, output_padding)
