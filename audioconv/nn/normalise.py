"""Batch normalisation over batch and time."""

import numpy as np

from audioconv.arrays import whole
from audioconv.errors import ShapeError
from audioconv.kernels import elementwise as kernels
from audioconv.nn.layer import SHARDS, Layer, view


class BatchNorm(Layer):
    """Normalise each channel to mean 0 and variance 1 over batch and time, then scale and shift it.

    In training the statistics are those of the whole batch; otherwise their running means, which `Sequential` folds
    into the convolution before.

    Parameters
    ----------
    channels : int
    relu : bool
        Follow with ReLU in the same pass.
    momentum : float
        Share of the newest batch in the running statistics.
    epsilon : float
        Added to the variance.
    dtype : float32 or float64

    References
    ----------
    Ioffe, Szegedy, Batch Normalization, ICML 2015, algorithms 1 and 2.
    """

    def __init__(self, channels, relu=False, momentum=0.1, epsilon=1e-5, *, dtype=np.float32):
        super().__init__(dtype)
        channels = whole(channels, "channels")
        self.relu, self.momentum, self.epsilon = bool(relu), momentum, epsilon
        self.scale, self.shift = np.ones(channels, dtype), np.zeros(channels, dtype)
        self.mean, self.variance = np.zeros(channels), np.ones(channels)
        self._grad_scale, self._grad_shift = np.zeros(channels, dtype), np.zeros(channels, dtype)

    def parameters(self):
        return {"scale": self.scale, "shift": self.shift}

    def gradients(self):
        return {"scale": self._grad_scale, "shift": self._grad_shift}

    def state(self):
        return {"mean": self.mean, "variance": self.variance}

    def affine(self):
        """(scale, shift) in float64 of the map that the layer is outside of training."""
        scale = self.scale / np.sqrt(self.variance + self.epsilon)
        return scale, self.shift - self.mean * scale

    def inference(self):
        coefficients = view(np.stack([self.mean, self.affine()[0], self.shift]).astype(self.dtype))

        def apply(x):
            y = np.empty_like(self._checked(x))
            kernels.normalise(view(x), coefficients, self.relu, y)
            return y

        return apply

    def _checked(self, x):
        if x.shape[2] != len(self.scale):
            raise ShapeError(f"the batch norm takes {len(self.scale)} channels, not {x.shape[2]} (x {x.shape})")
        return x

    def _begin(self):
        self._sums = np.zeros((SHARDS, 2, len(self.scale)))
        self._grad_sums = np.zeros((SHARDS, 2, len(self.scale)))
        self._count = [0] * SHARDS

    def _forward_steps(self, part, x):
        reading = view(self._checked(x))
        kernels.channel_sums(reading, part.bounds, self._sums[part.shards])
        self._count[part.key] = x.shape[0] * x.shape[1]
        yield self._use_batch
        y = self._buffer(part, "y", x.shape)
        kernels.normalise(reading, self._coefficients, self.relu, y)
        self._saved[part.key] = reading, view(y)
        return y

    def _use_batch(self):
        """Make the statistics of the batch from the sums of all shards, and let the running ones follow."""
        count = sum(self._count)
        total, squares = self._sums.sum(axis=0) / max(count, 1)
        variance = np.maximum(squares - total * total, 0)  # NaN stays NaN
        self._deviation = np.sqrt(variance + self.epsilon)
        self._coefficients = view(np.stack([total, self.scale / self._deviation, self.shift]).astype(self.dtype))
        if count:
            self.mean += self.momentum * (total - self.mean)
            self.variance += self.momentum * (variance * count / max(count - 1, 1) - self.variance)

    def _backward_steps(self, part, grad_y):
        x, y = self._saved[part.key]
        if grad_y.shape != y.shape:
            raise ShapeError(f"grad_y must have shape {y.shape}, not {grad_y.shape}")
        reading = view(grad_y)
        sums = self._grad_sums[part.shards]
        kernels.normalise_sums(x, y, reading, self._coefficients, self.relu, part.bounds, sums)
        yield self._use_gradient
        grad_x = self._buffer(part, "grad_x", x.shape)
        kernels.normalise_gradient(x, y, reading, self._grad_coefficients, self.relu, grad_x)
        return grad_x

    def _use_gradient(self):
        """Gradients of scale and shift, and the coefficients of that of x, from the sums of all shards.

        With z = (x - mean) / deviation the gradient of x is scale / deviation * (g - mean(g) - z * mean(g * z)).
        """
        plain, centred = self._grad_sums.sum(axis=0)
        product = centred / self._deviation
        self._grad_shift[:], self._grad_scale[:] = plain, product
        factor, count = self.scale / self._deviation, max(sum(self._count), 1)
        rows = [self._coefficients[0], factor, -factor * product / count / self._deviation, -factor * plain / count]
        self._grad_coefficients = view(np.stack(rows).astype(self.dtype))
