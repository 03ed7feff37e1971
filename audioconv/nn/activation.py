"""ReLU and dropout."""

from itertools import pairwise

import numpy as np

from audioconv.errors import ArgumentError
from audioconv.kernels import elementwise as kernels
from audioconv.nn.layer import SHARDS, Layer, view


class ReLU(Layer):
    """max(0, x); NaN stays NaN. After a batch norm, `BatchNorm(relu=True)` does it in the same pass."""

    dims = (2, 3)

    def inference(self):
        def apply(x):
            y = np.empty_like(x)
            kernels.relu(view(x).reshape(-1), y.reshape(-1))
            return y

        return apply

    def _forward(self, part, x):
        y = self._buffer(part, "y", x.shape)
        kernels.relu(view(x).reshape(-1), y.reshape(-1))
        self._saved[part.key] = view(y)
        return y

    def _backward(self, part, grad_y):
        grad_x = self._buffer(part, "grad_x", grad_y.shape)
        kernels.relu_gradient(self._saved[part.key].reshape(-1), view(grad_y).reshape(-1), grad_x.reshape(-1))
        return grad_x


class Dropout(Layer):
    """In training set each value to zero with probability `rate` and divide the others by 1 - rate.

    Parameters
    ----------
    rate : float, 0 <= rate < 1
    rng : numpy Generator
        Seeds one generator for each part, so that the choice does not depend on the number of threads.

    References
    ----------
    Srivastava et al., Dropout, JMLR 15 (2014), section 10 (scaled at training time).
    """

    dims = (2, 3)

    def __init__(self, rate, *, rng, dtype=np.float32):
        super().__init__(dtype)
        if not 0 <= rate < 1:
            raise ArgumentError(f"the dropout rate must be from 0 to below 1, not {rate!r}")
        self.rate = rate
        self._rngs = [np.random.default_rng(int(seed)) for seed in rng.integers(2**63, size=SHARDS)]

    def inference(self):
        return lambda x: x

    def _forward(self, part, x):
        mask = self._buffer(part, "mask", x.shape)
        for rng, (start, stop) in zip(self._rngs[part.shards], pairwise(part.bounds), strict=True):
            mask[start:stop] = rng.random(mask[start:stop].shape, dtype=np.float32) >= self.rate
        mask /= 1 - self.rate
        self._saved[part.key] = mask
        return np.multiply(x, mask, out=self._buffer(part, "y", x.shape))

    def _backward(self, part, grad_y):
        return np.multiply(grad_y, self._saved[part.key], out=self._buffer(part, "grad_x", grad_y.shape))
