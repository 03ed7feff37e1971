"""Pooling along time, (batch, time, channels): maximum and average, forward and gradient.

The input is already padded, with minus infinity for the maximum and with zeros for the average.
"""

from audioconv.kernels import simd
from audioconv.kernels._jit import kernel


@kernel
def max_pool(x, y, size, stride):
    """y[b, t, c] = the largest of x[b, t * stride : t * stride + size, c]; NaN if one of them is."""
    batch, frames, channels = y.shape
    for b in range(batch):
        for t in range(frames):
            for c in range(channels):
                y[b, t, c] = x[b, t * stride, c]
            for tap in range(1, size):
                for c in range(channels):
                    y[b, t, c] = simd.maximum(y[b, t, c], x[b, t * stride + tap, c])


@kernel
def _same(a, b):
    return a == b or (a != a and b != b)


@kernel
def max_pool_gradient(x, y, grad_y, grad_x, size, stride):
    """Add grad_y[b, t, c] to grad_x where x has the window's first maximum (or NaN); y is the result of `max_pool`."""
    batch, frames, channels = y.shape
    for b in range(batch):
        for t in range(frames):
            for c in range(channels):
                tap = 0
                while tap < size - 1 and not _same(x[b, t * stride + tap, c], y[b, t, c]):
                    tap += 1
                grad_x[b, t * stride + tap, c] += grad_y[b, t, c]


@kernel
def average_pool(x, counts, y, size, stride):
    """y[b, t, c] = the sum, in order, of x[b, t * stride : t * stride + size, c], divided by counts[t]."""
    batch, frames, channels = y.shape
    for b in range(batch):
        for t in range(frames):
            for c in range(channels):
                y[b, t, c] = x[b, t * stride, c]
            for tap in range(1, size):
                for c in range(channels):
                    y[b, t, c] += x[b, t * stride + tap, c]
            for c in range(channels):
                y[b, t, c] /= counts[t]


@kernel
def average_pool_gradient(grad_y, counts, grad_x, size, stride):
    """Add grad_y[b, t, c] / counts[t] to each of grad_x[b, t * stride : t * stride + size, c]."""
    batch, frames, channels = grad_y.shape
    for b in range(batch):
        for t in range(frames):
            for tap in range(size):
                for c in range(channels):
                    grad_x[b, t * stride + tap, c] += grad_y[b, t, c] / counts[t]
