"""Op kernels of losses: the gradient of the outputs, and the loss of a micro-batch.

Everything is computed in float64, because outputs are few.
"""

from math import exp, log, log1p, log10, sqrt

import numpy as np

from audioconv.kernels._jit import op_kernel, part
from audioconv.kernels.nn.operands import doubles, element, floats, op_layout

LOSS = op_layout(
    "LOSS", operands=("outputs", "targets", "weights", "gradient", "loss"), integers=("channels", "time", "freq")
)


@part
def _operands(instruction, segments, like, at):
    """The operands that all losses have."""
    return (
        floats(instruction, segments, like, LOSS.outputs, at),
        floats(instruction, segments, like, LOSS.targets, at),
        doubles(instruction, segments, like, LOSS.weights, at),
        floats(instruction, segments, like, LOSS.gradient, at),
        doubles(instruction, segments, like, LOSS.loss, at),
    )


@part
def _offsets(instruction, names, n):
    """Clip of the n-th row of channels, and where that begins in outputs, targets and gradient, which may have a halo.

    `names` is the layout.
    """
    time, freq = instruction[names.time], instruction[names.freq]
    b, t, f = n // (time * freq), n // freq % time, n % freq
    return (
        b,
        element(instruction, names.outputs, b, t, f),
        element(instruction, names.targets, b, t, f),
        element(instruction, names.gradient, b, t, f),
    )


@op_kernel(LOSS)
def softmax_cross_entropy(instruction, segments, like, clip, clips, micro_batch, thread):
    """loss = -sum over clips of weight * sum over c of target_c * log softmax(outputs)_c."""
    outputs, targets, weights, gradient, loss = _operands(instruction, segments, like, (clip, clips, micro_batch))
    channels, total = instruction[LOSS.channels], 0.0
    for n in range(clips * instruction[LOSS.time] * instruction[LOSS.freq]):
        b, i, j, k = _offsets(instruction, LOSS, n)
        largest, mass, power = -np.inf, 0.0, 0.0
        for c in range(channels):
            largest = max(largest, outputs[i + c])
        for c in range(channels):
            power += exp(outputs[i + c] - largest)
            mass += targets[j + c]
        own = mass * (largest + log(power))
        for c in range(channels):
            own -= targets[j + c] * outputs[i + c]
            share = exp(outputs[i + c] - largest) / power
            gradient[k + c] = weights[b] * (mass * share - targets[j + c])
        total += weights[b] * own
    loss[0] = total


BINARY_CROSS_ENTROPY = op_layout(
    "BINARY_CROSS_ENTROPY",
    operands=("outputs", "targets", "weights", "gradient", "loss", "positive_weights"),
    integers=("channels", "time", "freq"),
)


@op_kernel(BINARY_CROSS_ENTROPY)
def binary_cross_entropy(instruction, segments, like, clip, clips, micro_batch, thread):
    """loss = -sum over clips and c of weight * (positive_c * target * log sigmoid(y) + (1 - target) * log(1 -
    sigmoid(y))).
    """
    at = (clip, clips, micro_batch)
    outputs, targets, weights, gradient, loss = _operands(instruction, segments, like, at)
    positive = doubles(instruction, segments, like, BINARY_CROSS_ENTROPY.positive_weights, at)
    channels, total = instruction[BINARY_CROSS_ENTROPY.channels], 0.0
    for n in range(clips * instruction[BINARY_CROSS_ENTROPY.time] * instruction[BINARY_CROSS_ENTROPY.freq]):
        b, i, j, k = _offsets(instruction, BINARY_CROSS_ENTROPY, n)
        for c in range(channels):
            y, target = np.float64(outputs[i + c]), np.float64(targets[j + c])
            small, more = exp(-abs(y)), (positive[c] - 1.0) * np.float64(targets[j + c])
            own = max(y, 0.0) - y * target + log1p(small)
            share = 1.0 / (1.0 + small) if y >= 0 else small / (1.0 + small)
            grad = share - target
            if more != 0:
                own += more * (max(-y, 0.0) + log1p(small))
                grad += more * (share - 1.0)
            total += weights[b] * own
            gradient[k + c] = weights[b] * grad
    loss[0] = total


@op_kernel(LOSS)
def mean_squared_error(instruction, segments, like, clip, clips, micro_batch, thread):
    """loss = sum over clips and c of weight * (y - target)**2."""
    outputs, targets, weights, gradient, loss = _operands(instruction, segments, like, (clip, clips, micro_batch))
    channels, total = instruction[LOSS.channels], 0.0
    for n in range(clips * instruction[LOSS.time] * instruction[LOSS.freq]):
        b, i, j, k = _offsets(instruction, LOSS, n)
        for c in range(channels):
            error = np.float64(outputs[i + c]) - np.float64(targets[j + c])
            total += weights[b] * error * error
            gradient[k + c] = 2.0 * weights[b] * error
    loss[0] = total


# Of the loss of a mask: how much magnitudes, complex numbers and a decibel of the expanded spectrum's error count, and
# how far below the target an error may be before it counts no more.
MAGNITUDE, COMPLEX, DECIBEL, LEAST_ERROR = 0.7, 0.3, 0.02, 1e-4


@part
def _masked(outputs, i, targets, j):
    """A bin of the masked spectrum and of its target, each with its magnitude."""
    re, im, x, y = (
        np.float64(outputs[i]),
        np.float64(outputs[i + 1]),
        np.float64(targets[j]),
        np.float64(targets[j + 1]),
    )
    u, v = re * x - im * y, re * y + im * x
    s, t = np.float64(targets[j + 2]), np.float64(targets[j + 3])
    return u, v, sqrt(u * u + v * v), s, t, sqrt(s * s + t * t)


@part
def _mask_errors(instruction, outputs, targets, b):
    """Sums over the bins of a clip: power, complex and magnitude error, power and error of expanded spectra."""
    bins = instruction[LOSS.time] * instruction[LOSS.freq]
    power, error, magnitude_error, expanded, expanded_error = 0.0, 0.0, 0.0, 0.0, 0.0
    for n in range(b * bins, (b + 1) * bins):
        _, i, j, _ = _offsets(instruction, LOSS, n)
        u, v, r, s, t, q = _masked(outputs, i, targets, j)
        power += q * q
        error += (u - s) * (u - s) + (v - t) * (v - t)
        magnitude_error += (r - q) * (r - q)
        expanded += q**6
        d, e = u * r * r - s * q * q, v * r * r - t * q * q
        expanded_error += d * d + e * e
    return power + 1e-9, error, magnitude_error, expanded + 1e-30, expanded_error


@op_kernel(LOSS)
def spectral_mask(instruction, segments, like, clip, clips, micro_batch, thread):
    """The error of masked spectra relative to the clean ones: of magnitudes, of complex numbers, and in decibels.

    outputs (time, freq, 2): masks; targets (time, freq, 4): noisy and clean spectra, both compressed to cube roots.
    """
    outputs, targets, weights, gradient, loss = _operands(instruction, segments, like, (clip, clips, micro_batch))
    bins, total = instruction[LOSS.time] * instruction[LOSS.freq], 0.0
    for b in range(clips):
        power, error, magnitude_error, expanded, expanded_error = _mask_errors(instruction, outputs, targets, b)
        distance = expanded_error + LEAST_ERROR * expanded
        total += weights[b] * (
            (COMPLEX * error + MAGNITUDE * magnitude_error) / power + 10 * DECIBEL * log10(distance / expanded)
        )
        share, slope = 2 * weights[b] / power, 20 / log(10.0) * DECIBEL * weights[b] / distance
        for n in range(b * bins, (b + 1) * bins):
            _, i, j, k = _offsets(instruction, LOSS, n)
            u, v, r, s, t, q = _masked(outputs, i, targets, j)
            along = MAGNITUDE * (r - q) / (r + 1e-12)
            g, h = share * (COMPLEX * (u - s) + along * u), share * (COMPLEX * (v - t) + along * v)
            d, e = slope * (u * r * r - s * q * q), slope * (v * r * r - t * q * q)
            radial = 2 * (u * d + v * e)
            g, h = g + r * r * d + radial * u, h + r * r * e + radial * v
            x, y = np.float64(targets[j]), np.float64(targets[j + 1])
            gradient[k], gradient[k + 1] = x * g + y * h, x * h - y * g
    loss[0] = total
