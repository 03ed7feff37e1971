"""Convolutions with weights that depend on the position: tiled (several sets in rotation), and locally connected."""

from typing import ClassVar

import numpy as np

from audioconv._typing import DTypeLike
from audioconv.errors import ShapeError
from audioconv.nn.layers.convolution import Convolution, channel_counts
from audioconv.nn.layers.windows import Padding1d, Padding2d, Size2d, Windows, by_axes
from audioconv.nn.ops.geometry import Geometry
from audioconv.nn.ops.graph import Tensor


class _Unshared(Convolution):
    """Base of tiled and locally connected layers: sets of weights by output position, `tiles` along each axis."""

    _tiled = True
    _local: ClassVar[bool] = False  # whether each output has weights of its own
    _tiles_name: ClassVar[str] = "tiles"  # the parameter that says how many sets of weights there are

    def __init__(
        self,
        channels: tuple[int, int],
        windows: Windows,
        tiles: Size2d,
        bias: bool,
        rng: np.random.Generator,
        dtype: DTypeLike,
    ) -> None:
        axes = windows.axes(self._rank, tiles, self._tiles_name)
        geometry = Geometry(*axes, *channel_counts(*channels, 1), unshared=self._local)
        super().__init__(geometry, bias, rng, dtype, padding=windows.padding)


class _Tiled(_Unshared):
    @property
    def tiles(self) -> int | tuple[int, int]:
        """Sets of weights along each axis."""
        return by_axes(self.geometry.axes, "tiles", self._rank)


class _LocallyConnected(_Unshared):
    _local, _tiles_name = True, "output_size"

    @property
    def output_size(self) -> int | tuple[int, int]:
        """Outputs along each axis."""
        return by_axes(self.geometry.axes, "tiles", self._rank)

    def _check(self, x: Tensor, streams: bool = False) -> tuple[int, int]:
        """A stream is checked at its end, for time."""
        sizes = super()._check(x)
        axes = self.geometry.axes[: self._rank]
        found = tuple(axis.outputs(size) for axis, size in zip(axes, sizes, strict=False))
        expected = tuple(axis.tiles for axis in axes)
        if found[streams:] != expected[streams:]:
            raise ShapeError(f"{type(self).__name__} has weights for {expected} outputs, but x {x.shape} gives {found}")
        return sizes


class TiledConv1d(_Tiled):
    """As `Conv1d`, with `tiles` sets of weights in rotation: output t has set t % tiles.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int
        Taps of each filter.
    tiles : int
        Sets of weights.
    stride, dilation, padding, bias : as of `Conv1d`
        What windows there are, and whether each output has a bias.
    rng : numpy Generator
        Draws the weights (tiles, kernel_size, in_channels, out_channels) as for `Conv1d`.
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5 (tiled convolution).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.TiledConv1d(1, 1, 1, tiles=2, rng=np.random.default_rng(0))
    >>> layer.weight = np.reshape([1.0, -1.0], (2, 1, 1, 1))
    >>> layer.forward(np.ones((1, 5, 1)))[0, :, 0]
    array([ 1., -1.,  1., -1.,  1.], dtype=float32)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        tiles: int,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding1d = "same",
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels), windows, tiles, bias, rng, dtype)


class TiledConv2d(_Tiled):
    """As `Conv2d`, with sets of weights in rotation along time and frequency.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int or (time, freq)
        Taps of each filter.
    tiles : int or (time, freq)
        Sets of weights.
    stride, dilation, padding, bias : as of `Conv2d`
        What windows there are, and whether each output has a bias.
    rng : numpy Generator
        Draws the weights (tiles in time, tiles in frequency, taps in time, taps in frequency, in_channels,
        out_channels) as for `Conv1d`.
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
    >>> nn.TiledConv2d(1, 8, 3, tiles=2, rng=np.random.default_rng(0)).weight.shape
    (2, 2, 3, 3, 1, 8)
    """

    dims = (4,)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2d,
        tiles: Size2d,
        stride: Size2d = 1,
        dilation: Size2d = 1,
        padding: Padding2d = "same",
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels), windows, tiles, bias, rng, dtype)


class LocallyConnected1d(_LocallyConnected):
    """As `Conv1d`, with weights of its own for each output frame.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int
        Taps of each filter.
    output_size : int
        Output frames; an input that gives another number is refused.
    stride, dilation, padding, bias : as of `Conv1d`
        What windows there are, and whether each output has a bias.
    rng : numpy Generator
        Draws the weights (output_size, kernel_size, in_channels, out_channels) as for `Conv1d`.
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5 (unshared convolution).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.LocallyConnected1d(4, 2, 3, output_size=10, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((1, 10, 4))).shape, layer.weight.shape
    ((1, 10, 2), (10, 3, 4, 2))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        output_size: int,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding1d = "same",
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels), windows, output_size, bias, rng, dtype)


class LocallyConnected2d(_LocallyConnected):
    """As `Conv2d`, with weights of its own for each output (frame, bin).

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    out_channels : int
        Channels of the output.
    kernel_size : int or (time, freq)
        Taps of each filter.
    output_size : int or (time, freq)
        Output frames and bins; an input that gives other numbers is refused.
    stride, dilation, padding, bias : as of `Conv2d`
        What windows there are, and whether each output has a bias.
    rng : numpy Generator
        Draws the weights (output frames, output bins, taps in time, taps in frequency, in_channels, out_channels) as
        for `Conv1d`.
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
    >>> layer = nn.LocallyConnected2d(1, 2, 3, output_size=(25, 5), stride=2, rng=np.random.default_rng(0))
    >>> layer.forward(np.zeros((1, 49, 10, 1))).shape
    (1, 25, 5, 2)
    """

    dims = (4,)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size2d,
        output_size: Size2d,
        stride: Size2d = 1,
        dilation: Size2d = 1,
        padding: Padding2d = "same",
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        windows = Windows(kernel_size, stride, dilation, padding)
        super().__init__((in_channels, out_channels), windows, output_size, bias, rng, dtype)
