"""Optimisers: AdamW, SGD with Nesterov momentum, gradient clipping by norm, moving average of the weights."""

import numpy as np

from audioconv.kernels._jit import step
from audioconv.kernels.nn.gradients import share_of, total_of
from audioconv.kernels.nn.operands import doubles, floats, real, rest

_2, _3, _5 = rest(2), rest(3), rest(5)


@step
def square_sum(row, spaces, like, clip, clips, group, thread):
    """The sum of the squares of a group's share of x; operands x, sum; the rest: size, groups."""
    at = (clip, clips, group)
    x, out = floats(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    first, last = share_of(row[_2], group, row[_2 + 1])
    total = 0.0
    for i in range(first, last):
        total += np.float64(x[i]) * np.float64(x[i])
    out[0] = total


@step
def adamw(row, spaces, like, clip, clips, group, thread):
    """One step of AdamW on the share of a group; operands weight, gradient, mean, square, settings.

    settings: learning rate, beta1, beta2, epsilon, 1 - beta1**step, 1 - beta2**step, factor of the gradient, decay,
    whether to do it at all; the rest: size, groups, whether the weight decays.
    Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """
    at = (clip, clips, group)
    weight, gradient = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    mean, square, s = (
        doubles(row, spaces, like, 2, at),
        doubles(row, spaces, like, 3, at),
        doubles(row, spaces, like, 4, at),
    )
    rate, beta1, beta2, epsilon, scale1, scale2 = s[0], s[1], s[2], s[3], 1.0 / s[4], 1.0 / s[5]
    factor, decay = s[6], s[7] if row[_5 + 2] else 0.0
    first, last = share_of(row[_5], group, row[_5 + 1])
    if s[8] == 0.0:
        last = first
    for i in range(first, last):
        g = np.float64(gradient[i]) * factor
        mean[i] = beta1 * mean[i] + (1.0 - beta1) * g
        square[i] = beta2 * square[i] + (1.0 - beta2) * g * g
        change = mean[i] * scale1 / (np.sqrt(square[i] * scale2) + epsilon)
        weight[i] -= rate * (change + decay * weight[i])


@step
def sgd(row, spaces, like, clip, clips, group, thread):
    """One step of gradient descent with Nesterov's momentum; operands as for `adamw`, square not used.

    settings: learning rate, momentum, whether Nesterov's, -, -, -, factor of the gradient, decay, whether to do it.
    Sutskever, Martens, Dahl, Hinton, On the importance of initialization and momentum in deep learning, ICML 2013.
    """
    at = (clip, clips, group)
    weight, gradient = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    velocity, s = doubles(row, spaces, like, 2, at), doubles(row, spaces, like, 4, at)
    rate, momentum, nesterov = s[0], s[1], s[2]
    factor, decay = s[6], s[7] if row[_5 + 2] else 0.0
    first, last = share_of(row[_5], group, row[_5 + 1])
    if s[8] == 0.0:
        last = first
    for i in range(first, last):
        g = np.float64(gradient[i]) * factor + decay * weight[i]
        velocity[i] = momentum * velocity[i] + g
        weight[i] -= rate * (g + momentum * velocity[i] if nesterov else velocity[i])


@step
def clip_grad_norm(row, spaces, like, clip, clips, group, thread):
    """settings[6] = the factor that brings the norm of the gradient to at most `largest`, never above 1.

    Operands sums (count,) of squares, settings; the rest: count, largest. Only thread 0 does it.
    """
    at = (clip, clips, group)
    squares, settings = doubles(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    if thread == 0:
        norm = np.sqrt(total_of(squares, 0, row[_2], 1))
        largest = real(row, _2 + 1)
        settings[6] = largest / norm if norm > largest else 1.0


@step
def ema_update(row, spaces, like, clip, clips, group, thread):
    """average += (1 - decay) * (weight - average) on the share of a group, if the step is done at all.

    Operands weight, average, settings as of `adamw`; the rest: size, groups, decay.
    """
    at = (clip, clips, group)
    weight, average = floats(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    settings = doubles(row, spaces, like, 2, at)
    first, last = share_of(row[_3], group, row[_3 + 1])
    rate = 1.0 - real(row, _3 + 2)
    if settings[8] == 0.0:
        last = first
    for i in range(first, last):
        average[i] += rate * (np.float64(weight[i]) - average[i])


@step
def check_finite(row, spaces, like, clip, clips, group, thread):
    """settings[8] = whether the whole loss is finite; operands losses of groups, settings; the rest: groups."""
    at = (clip, clips, group)
    losses, settings = doubles(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    if thread == 0:
        settings[8] = 1.0 if np.isfinite(total_of(losses, 0, row[_2], 1)) else 0.0
