"""Depthwise convolutions: a filter of its own for each channel."""

import numpy as np

from audioconv._typing import DTypeLike
from audioconv.arrays import whole
from audioconv.nn.layers.convolution import Convolution
from audioconv.nn.layers.windows import Padding1d, Padding2d, Size2d, Windows
from audioconv.nn.ops.geometry import Geometry


class _Depthwise(Convolution):
    def __init__(self, channels: int, windows: Windows, bias: bool, rng: np.random.Generator, dtype: DTypeLike) -> None:
        channels = whole(channels, "channels")
        geometry = Geometry(*windows.axes(self._rank), channels, channels, depthwise=True)
        super().__init__(geometry, bias, rng, dtype, padding=windows.padding)

    @property
    def channels(self) -> int:
        """Channels of input and output."""
        return self.geometry.channels


class DepthwiseConv1d(_Depthwise):
    """A filter along time for each channel.

    Parameters
    ----------
    channels : int
        Of input and output.
    kernel_size : int
        Taps of each filter.
    stride : int
        Steps of time from an output to the next.
    dilation : int
        Steps of time from a tap to the next.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        Zeros around the input, as of `Conv1d`.
    bias : bool
        Whether there is a number that is added to each channel.
    rng : numpy Generator
        Draws the weights (kernel_size, channels): normal, variance 2 / kernel_size.
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
    >>> layer = nn.DepthwiseConv1d(64, 8, dilation=2, padding="causal", rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((5, 98, 64), "float32")).shape
    (5, 98, 64)
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding1d = "same",
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(channels, Windows(kernel_size, stride, dilation, padding), bias, rng, dtype)


class DepthwiseConv2d(_Depthwise):
    """A filter along time and frequency for each channel.

    Parameters
    ----------
    channels : int
        Of input and output.
    kernel_size : int or (time, freq)
        Taps of each filter.
    stride : int or (time, freq)
        Steps of the input from an output to the next.
    dilation : int or (time, freq)
        Steps of the input from a tap to the next.
    padding : one for both, or (time, freq), each as of `Conv1d`
        Zeros around the input.
    bias : bool
        Whether there is a number that is added to each channel.
    rng : numpy Generator
        Draws the weights (taps in time, taps in frequency, channels): normal, variance 2 / taps.
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
    >>> layer = nn.DepthwiseConv2d(64, (3, 1), rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((5, 25, 5, 64), "float32")).shape
    (5, 25, 5, 64)
    """

    dims = (4,)

    def __init__(
        self,
        channels: int,
        kernel_size: Size2d,
        stride: Size2d = 1,
        dilation: Size2d = 1,
        padding: Padding2d = "same",
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(channels, Windows(kernel_size, stride, dilation, padding), bias, rng, dtype)
