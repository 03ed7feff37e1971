"""Fused passes over activations (batch, time, channels): batch norm, ReLU, sums over frames, and the optimiser's step.

Plain loops, which the compiler vectorises, because nothing here is limited by arithmetic. Sums are kept in float64 and run in order
of batch and time, so that they depend on nothing but the array. max(0, NaN) is NaN, and so is its gradient.
"""

import numpy as np

from audioconv.kernels import simd
from audioconv.kernels._jit import kernel


@kernel
def channel_sums(x, sums):
    """Add to sums[0] the sum of x over batch and time, to sums[1] that of its squares; sums (2, channels) float64."""
    batch, time, channels = x.shape
    for b in range(batch):
        for t in range(time):
            for c in range(channels):
                value = np.float64(x[b, t, c])
                sums[0, c] += value
                sums[1, c] += value * value


@kernel
def normalise(x, coefficients, relu, y):
    """y = (x - mean) * scale + shift, cut off below 0 if relu; coefficients (3, channels): mean, scale, shift."""
    batch, time, channels = x.shape
    for b in range(batch):
        for t in range(time):
            if relu:
                for c in range(channels):
                    value = (x[b, t, c] - coefficients[0, c]) * coefficients[1, c] + coefficients[2, c]
                    y[b, t, c] = simd.maximum(value, x.dtype.type(0))
            else:
                for c in range(channels):
                    y[b, t, c] = (x[b, t, c] - coefficients[0, c]) * coefficients[1, c] + coefficients[2, c]
