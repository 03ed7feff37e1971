"""Batch normalisation over batch, time and frequency."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from audioconv._typing import Array, DTypeLike
from audioconv.arrays import whole
from audioconv.errors import ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.ops import batch_norm as norms
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.pointwise import ActivationName
from audioconv.nn.ops.tensor_view import shape3
from audioconv.nn.settings import Check, bounded, shown


class BatchNorm(Layer):
    """Normalise each channel to mean 0 and variance 1 over batch, time and frequency, then scale and shift it.

    In training the statistics are those of the whole batch; otherwise their running means, which `Sequential` folds
    into the convolution before. An activation after it is done in the same pass. A layer that is used twice normalises
    each time by itself, and its running statistics follow both, in order.

    Parameters
    ----------
    channels : int
        Of input and output.
    momentum : float, 0 < momentum <= 1
        Share of the newest batch in the running statistics.
    epsilon : float, above 0
        Added to the variance.
    scale : bool
        Whether there is a scale to be trained (Keras' scale); without, there is the shift alone.
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Attributes
    ----------
    mean, variance : float64 array, shape (channels,)
        Running statistics.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    References
    ----------
    Ioffe, Szegedy, Batch Normalization, ICML 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.BatchNorm(1)
    >>> layer.forward(np.array([[1.0], [3.0]]), training=True).round(3)
    array([[-1.],
           [ 1.]], dtype=float32)
    >>> layer.mean
    array([0.2])
    """

    dims: ClassVar[tuple[int, ...]] = (2, 3, 4)
    bands = 1
    _checks: ClassVar[Mapping[str, Check]] = {"momentum": bounded(most=1, above=0), "epsilon": bounded(above=0)}
    _fixed = ("dtype", "channels", "bands")

    def __init__(
        self,
        channels: int,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        *,
        scale: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(dtype)
        self._trained = ("scale", "shift") if scale else ("shift",)
        self.channels, self.bands = whole(channels, "channels"), self.bands  # of this layer, and fixed
        width = self.channels * self.bands
        self.momentum, self.epsilon = momentum, epsilon
        self.scale: Array = np.ones(width, dtype)
        self.shift: Array = np.zeros(width, dtype)
        self.mean: Array = np.zeros(width)
        self.variance: Array = np.ones(width)
        self.grad_scale: Array = np.zeros(width, dtype)
        self.grad_shift: Array = np.zeros(width, dtype)

    def __repr__(self) -> str:
        return shown(self, **({} if "scale" in self._trained else {"scale": False}))

    def _input_channels(self) -> int:
        return self.channels

    def _parameters(self) -> dict[str, Array]:
        return {name: getattr(self, name) for name in self._trained}

    def _gradients(self) -> dict[str, Array]:
        return {name: getattr(self, f"grad_{name}") for name in self._trained}

    def _buffers(self) -> dict[str, Array]:
        return {"mean": self.mean, "variance": self.variance}

    def _affine(self) -> tuple[Array, Array]:
        """(scale, shift) in float64 of the map that the layer is outside of training."""
        return norms.folded(self)

    def _check(self, x: Tensor) -> None:
        _, freq, channels = shape3(x.shape)
        if channels != self.channels:
            raise ShapeError(f"{type(self).__name__} takes {self.channels} channels, not {channels} (x {x.shape})")
        if freq % self.bands:
            raise ShapeError(f"{freq} frequencies cannot be cut into {self.bands} equal bands (x {x.shape})")

    def _build(self, graph: Graph, x: Tensor, activation: ActivationName = "linear") -> Tensor:
        self._check(x)
        make = norms.batch_norm if graph.training else norms.running_norm
        return make(graph, x, self, activation, self.bands)


class SubSpectralNorm(BatchNorm):
    """A batch norm for each of `bands` equal bands of frequencies.

    Parameters
    ----------
    channels : int
        Of input and output.
    bands : int
        The input has a multiple of so many frequencies.
    momentum : float, 0 < momentum <= 1
        Share of the newest batch in the running statistics.
    epsilon : float, above 0
        Added to the variance.
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    References
    ----------
    Chang et al., SubSpectral Normalization for Neural Audio Data Processing, ICASSP 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.SubSpectralNorm(16, bands=5)
    >>> layer.forward(np.zeros((1, 98, 20, 16))).shape, layer.mean.shape
    ((1, 98, 20, 16), (80,))
    """

    dims = (4,)

    def __init__(
        self,
        channels: int,
        bands: int,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        *,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.bands = whole(bands, "bands")
        super().__init__(channels, momentum, epsilon, dtype=dtype)
