"""Batch normalisation over batch, time and frequency."""

import numpy as np

from audioconv.arrays import whole
from audioconv.errors import ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.ops import batch_norm as norms
from audioconv.nn.ops.tensor_view import shape3
from audioconv.nn.settings import bounded


class BatchNorm(Layer):
    """Normalise each channel to mean 0 and variance 1 over batch, time and frequency, then scale and shift it.

    In training the statistics are those of the whole batch; otherwise their running means, which `Sequential` folds
    into the convolution before. An activation after it is done in the same pass. A layer that is used twice normalises
    each time by itself, and its running statistics follow both, in order.

    Parameters
    ----------
    channels : int
    momentum : float, 0 < momentum <= 1
        Share of the newest batch in the running statistics.
    epsilon : float, above 0
        Added to the variance.
    scale : bool
        Whether there is a scale to be trained (Keras' scale); without, there is the shift alone.
    dtype : float32 or float64

    References
    ----------
    Ioffe, Szegedy, Batch Normalization, ICML 2015, algorithms 1 and 2.
    """

    dims = (2, 3, 4)
    bands = 1
    _checks = {"momentum": bounded(most=1, above=0), "epsilon": bounded(above=0)}
    _fixed = ("dtype", "channels", "bands")

    def __init__(self, channels, momentum=0.1, epsilon=1e-5, *, scale=True, dtype=np.float32):
        super().__init__(dtype)
        self._trained = ("scale", "shift") if scale else ("shift",)
        self.channels, self.bands = whole(channels, "channels"), self.bands  # of this layer, and fixed
        width = self.channels * self.bands
        self.momentum, self.epsilon = momentum, epsilon
        self.scale, self.shift = np.ones(width, dtype), np.zeros(width, dtype)
        self.mean, self.variance = np.zeros(width), np.ones(width)
        self.grad_scale, self.grad_shift = np.zeros(width, dtype), np.zeros(width, dtype)

    def parameters(self):
        return {name: getattr(self, name) for name in self._trained}

    def gradients(self):
        return {name: getattr(self, f"grad_{name}") for name in self._trained}

    def buffers(self):
        return {"mean": self.mean, "variance": self.variance}

    def affine(self):
        """(scale, shift) in float64 of the map that the layer is outside of training."""
        return norms.folded(self)

    def _check(self, x):
        _, freq, channels = shape3(x.shape)
        if channels != self.channels:
            raise ShapeError(f"{type(self).__name__} takes {self.channels} channels, not {channels} (x {x.shape})")
        if freq % self.bands:
            raise ShapeError(f"{freq} frequencies cannot be cut into {self.bands} equal bands (x {x.shape})")

    def _build(self, graph, x, activation="linear"):
        self._check(x)
        make = norms.batch_norm if graph.training else norms.running_norm
        return make(graph, x, self, activation, self.bands)


class SubSpectralNorm(BatchNorm):
    """A batch norm for each of `bands` equal bands of frequencies.

    References
    ----------
    Chang et al., SubSpectral Normalization for Neural Audio Data Processing, ICASSP 2021.
    """

    dims = (4,)

    def __init__(self, channels, bands, momentum=0.1, epsilon=1e-5, *, dtype=np.float32):
        self.bands = whole(bands, "bands")
        super().__init__(channels, momentum, epsilon, dtype=dtype)
