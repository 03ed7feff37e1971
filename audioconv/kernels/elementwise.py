"""Fused passes over activations (batch, time, channels): batch norm, ReLU, sums over frames, and the optimiser's step.

Plain loops, which the compiler vectorises, because nothing here is limited by arithmetic. Sums are kept in float64
and run in order of batch and time, so that they depend on nothing but the array. max(0, NaN) is NaN, and the gradient
passes there.
"""

import numpy as np

from audioconv.kernels import simd
from audioconv.kernels._jit import kernel


@kernel
def pad(x, fill, left, out):
    """out[b, left : left + time] = x[b], and fill[0] before and after it."""
    batch, time, channels = x.shape
    for b in range(batch):
        for t in range(out.shape[1]):
            if left <= t < left + time:
                for c in range(channels):
                    out[b, t, c] = x[b, t - left, c]
            else:
                for c in range(channels):
                    out[b, t, c] = fill[0]


@kernel
def channel_sums(x, bounds, sums):
    """Add to sums[shard, 0] the sum of x over batch and time, to sums[shard, 1] that of its squares.

    A shard is the batch from bounds[shard] to bounds[shard + 1]; sums (shards, 2, channels) float64.
    """
    _, time, channels = x.shape
    for shard in range(bounds.size - 1):
        for b in range(bounds[shard], bounds[shard + 1]):
            for t in range(time):
                for c in range(channels):
                    value = np.float64(x[b, t, c])
                    sums[shard, 0, c] += value
                    sums[shard, 1, c] += value * value


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


@kernel
def normalise_sums(x, y, grad_y, coefficients, relu, bounds, sums):
    """Add to sums[shard, 0] the sum of g over batch and time, to sums[shard, 1] that of g * (x - mean).

    g is grad_y, without what `normalise` cut off if relu; y is its result; mean is coefficients[0]; shards and sums
    as for `channel_sums`.
    """
    _, time, channels = x.shape
    for shard in range(bounds.size - 1):
        for b in range(bounds[shard], bounds[shard + 1]):
            for t in range(time):
                for c in range(channels):
                    g = np.float64(grad_y[b, t, c])
                    if relu and y[b, t, c] <= 0:
                        g = 0.0
                    sums[shard, 0, c] += g
                    sums[shard, 1, c] += g * np.float64(x[b, t, c] - coefficients[0, c])


@kernel
def normalise_gradient(x, y, grad_y, coefficients, relu, grad_x):
    """grad_x = g * k1 + (x - mean) * k2 + k3, g as in `normalise_sums`; coefficients: mean, k1, k2, k3."""
    batch, time, channels = x.shape
    for b in range(batch):
        for t in range(time):
            for c in range(channels):
                g = grad_y[b, t, c]
                if relu and y[b, t, c] <= 0:
                    g = x.dtype.type(0)
                centred = x[b, t, c] - coefficients[0, c]
                grad_x[b, t, c] = g * coefficients[1, c] + centred * coefficients[2, c] + coefficients[3, c]


@kernel
def relu(x, y):
    """y = max(0, x), flat arrays; y may be x."""
    for i in range(x.size):
        y[i] = simd.maximum(x[i], x.dtype.type(0))


@kernel
def add_relu(a, b, y):
    """y = max(0, a + b), flat arrays."""
    for i in range(a.size):
        y[i] = simd.maximum(a[i] + b[i], a.dtype.type(0))


@kernel
def relu_gradient(y, grad_y, grad_x):
    """grad_x = grad_y, but 0 where y <= 0; flat arrays."""
    for i in range(y.size):
        grad_x[i] = grad_y[i] if not y[i] <= 0 else y.dtype.type(0)


@kernel
def add_partials(partials, total):
    """total[i] = sum over p of partials[p, i], in order and in float64."""
    count, size = partials.shape
    for i in range(size):
        value = 0.0
        for p in range(count):
            value += np.float64(partials[p, i])
        total[i] = value


@kernel
def adamw(weight, gradient, mean, square, settings):
    """One step of AdamW in place on flat arrays; mean and square are its moving averages of the gradient.

    settings, float64: learning rate, beta1, beta2, epsilon, decay, 1 - beta1**step, 1 - beta2**step.
    Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """
    rate, beta1, beta2, epsilon, decay, correction1, correction2 = (
        settings[0],
        settings[1],
        settings[2],
        settings[3],
        settings[4],
        settings[5],
        settings[6],
    )
    for i in range(weight.size):
        g = np.float64(gradient[i])
        mean[i] = beta1 * mean[i] + (1.0 - beta1) * g
        square[i] = beta2 * square[i] + (1.0 - beta2) * g * g
        change = (mean[i] / correction1) / (np.sqrt(square[i] / correction2) + epsilon)
        weight[i] -= rate * (change + decay * weight[i])
