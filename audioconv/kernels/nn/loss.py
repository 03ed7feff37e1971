"""Steps of losses: the gradient of the outputs, and the loss of a group. Operands outputs, targets, weights of clips,
gradient, loss (and for binary cross-entropy weights of positive targets, one a channel); the rest: channels, time and
frequencies of a clip. All in float64 within, because there is little of it.
"""

from math import exp, log, log1p

import numpy as np

from audioconv.kernels._jit import part, step
from audioconv.kernels.nn.elementwise import place
from audioconv.kernels.nn.operands import doubles, floats, rest

_5, _6 = rest(5), rest(6)


@part
def _operands(row, spaces, like, at):
    return (
        floats(row, spaces, like, 0, at),
        floats(row, spaces, like, 1, at),
        doubles(row, spaces, like, 2, at),
        floats(row, spaces, like, 3, at),
        doubles(row, spaces, like, 4, at),
    )


@part
def _places(row, n, o):
    """Clip of the n-th row, and where it begins in outputs, targets and gradient, which may have margins."""
    bins = row[o + 2]
    b, t, f = n // (row[o + 1] * bins), n // bins % row[o + 1], n % bins
    return b, place(row, 0, b, t, f), place(row, 1, b, t, f), place(row, 3, b, t, f)


@step
def softmax_cross_entropy(row, spaces, like, clip, clips, group, thread):
    """loss = -sum over clips of weight * sum over c of target_c * log softmax(outputs)_c."""
    outputs, targets, weights, gradient, loss = _operands(row, spaces, like, (clip, clips, group))
    channels, total = row[_5], 0.0
    for n in range(clips * row[_5 + 1] * row[_5 + 2]):
        b, i, j, k = _places(row, n, _5)
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


@step
def binary_cross_entropy(row, spaces, like, clip, clips, group, thread):
    """loss = -sum over clips and c of weight * (positive_c * target * log sigmoid(y) + (1 - target) * log(1 -
    sigmoid(y))).
    """
    at = (clip, clips, group)
    outputs, targets, weights, gradient, loss = _operands(row, spaces, like, at)
    positive = doubles(row, spaces, like, 5, at)
    channels, total = row[_6], 0.0
    for n in range(clips * row[_6 + 1] * row[_6 + 2]):
        b, i, j, k = _places(row, n, _6)
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


@step
def mean_squared_error(row, spaces, like, clip, clips, group, thread):
    """loss = sum over clips and c of weight * (y - target)**2."""
    outputs, targets, weights, gradient, loss = _operands(row, spaces, like, (clip, clips, group))
    channels, total = row[_5], 0.0
    for n in range(clips * row[_5 + 1] * row[_5 + 2]):
        b, i, j, k = _places(row, n, _5)
        for c in range(channels):
            error = np.float64(outputs[i + c]) - np.float64(targets[j + c])
            total += weights[b] * error * error
            gradient[k + c] = 2.0 * weights[b] * error
    loss[0] = total
