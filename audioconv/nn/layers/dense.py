"""The dense (fully connected, linear) layer."""

import numpy as np

from audioconv._typing import DTypeLike
from audioconv.arrays import whole
from audioconv.nn.layers.convolution import Convolution
from audioconv.nn.ops.geometry import Axis, Geometry


class Dense(Convolution):
    """A linear map of the channels: y = x @ weight + bias, x (batch, channels), or with time and frequency between.

    Parameters
    ----------
    in_features : int
        Channels of the input.
    out_features : int
        Channels of the output.
    bias : bool
        Whether there is a number that is added to each output channel.
    rng : numpy Generator
        Draws the weights (in_features, out_features): normal, variance 1 / in_features.
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
    >>> layer = nn.Dense(2, 1, rng=np.random.default_rng(0))
    >>> layer.weight, layer.bias = [[1.0], [2.0]], [0.5]
    >>> layer.forward(np.array([[10.0, 100.0]]))
    array([[210.5]], dtype=float32)
    """

    dims = (2, 3, 4)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        in_features, out_features = whole(in_features, "in_features"), whole(out_features, "out_features")
        super().__init__(Geometry(Axis(1), Axis(1), in_features, out_features), bias, rng, dtype, gain=1.0)

    @property
    def in_features(self) -> int:
        """Channels of the input."""
        return self.in_channels

    @property
    def out_features(self) -> int:
        """Channels of the output."""
        return self.out_channels
