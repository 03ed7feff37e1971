"""Steps on what belongs to the whole batch: its statistics, the sums of partial gradients, the optimiser.

Partial sums are one a group of clips and are added in float64 in the order of groups.
"""

import numpy as np

from audioconv.kernels._jit import part, step
from audioconv.kernels.memory import doubles, floats, integers, real, rest
from audioconv.kernels.vector_math import narrow, put, take, wide_add, wide_zero

_2, _3, _5, _6, _7 = (rest(n) for n in (2, 3, 5, 6, 7))
FAR = 64.0  # deviations from zero beyond which it matters how a mean is rounded to float32


@part
def _total(sums, i, groups, step):
    total = 0.0
    for g in range(groups):
        total += sums[i + g * step]
    return total


@part
def _mean_and_variance(moments, c, width, groups):
    """Of channel c, from the moments of groups: each has its own pivot, from which they are brought to the first."""
    pivot, known, plain, squares, count = 0.0, False, 0.0, 0.0, 0.0
    for g in range(groups):
        i = c + g * 4 * width
        n = moments[i + 3 * width]
        if n > 0:
            if not known:
                pivot, known = moments[i + 2 * width], True
            shift = moments[i + 2 * width] - pivot
            plain += moments[i] + n * shift
            squares += moments[i + width] + shift * (2.0 * moments[i] + n * shift)
            count += n
    count = max(count, 1.0)
    centre = plain / count
    spread = squares / count - centre * centre
    if spread < 0:  # NaN stays NaN
        spread = 0.0
    return pivot + centre, spread


@step
def batch_statistics(row, spaces, like, clip, clips, group, thread):
    """Coefficients of a batch norm, and what its running statistics become; every thread for itself.

    Operands moments (groups, 4, width), scale, shift, mean and variance of all batches, coefficients (3, width),
    deviation (2, width), which is followed by what the coefficients have too little of the mean, where that matters;
    the rest: width, groups, elements a channel, momentum, epsilon.
    """
    at = (clip, clips, group)
    total, scale, shift = (
        doubles(row, spaces, like, 0, at),
        floats(row, spaces, like, 1, at),
        floats(row, spaces, like, 2, at),
    )
    mean, variance = doubles(row, spaces, like, 3, at), doubles(row, spaces, like, 4, at)
    coefficients, deviation = floats(row, spaces, like, 5, at), doubles(row, spaces, like, 6, at)
    o = _7
    width, groups, count = row[o], row[o + 1], row[o + 2]
    momentum, epsilon = real(row, o + 3), real(row, o + 4)
    for c in range(width):
        centre, spread = _mean_and_variance(total, c, width, groups)
        deviation[c], lost = np.sqrt(spread + epsilon), 0.0
        coefficients[c] = centre
        if abs(centre) > FAR * deviation[c] and np.isfinite(centre):
            lost = centre - np.float64(coefficients[c])
        deviation[c + width] = lost
        coefficients[c + width] = scale[c] / deviation[c]
        coefficients[c + 2 * width] = shift[c] - lost * scale[c] / deviation[c]
        if thread == 0 and count and np.isfinite(centre + spread):
            mean[c] += momentum * (centre - mean[c])
            variance[c] += momentum * (spread * count / max(count - 1, 1) - variance[c])


@step
def batch_gradient(row, spaces, like, clip, clips, group, thread):
    """Gradients of a batch norm's scale and shift, and the coefficients of that of x.

    With z = (x - mean) / deviation the gradient of x is scale / deviation * (g - mean(g) - z * mean(g * z)).
    Operands sums (groups, 2, width) as of `normalise_sums`, scale, deviation (2, width) as of `batch_statistics`,
    k (3, width), gradients of scale and of shift; the rest: width, groups, elements a channel.
    """
    at = (clip, clips, group)
    total, scale, deviation = (
        doubles(row, spaces, like, 0, at),
        floats(row, spaces, like, 1, at),
        doubles(row, spaces, like, 2, at),
    )
    k, grad_scale, grad_shift = (
        floats(row, spaces, like, 3, at), floats(row, spaces, like, 4, at), floats(row, spaces, like, 5, at)
    )  # fmt: skip
    o = _6
    width, groups, count = row[o], row[o + 1], max(row[o + 2], 1)
    for c in range(width):
        plain, lost = _total(total, c, groups, 2 * width), deviation[c + width]
        product = (_total(total, c + width, groups, 2 * width) - plain * lost) / deviation[c]
        factor = scale[c] / deviation[c]
        k[c], k[c + width], k[c + 2 * width] = factor, -factor * product / count / deviation[c], -factor * plain / count
        if lost != 0.0:
            k[c + 2 * width] += factor * product / count / deviation[c] * lost
        if thread == 0:
            grad_scale[c], grad_shift[c] = product, plain


@step
def bias_gradient(row, spaces, like, clip, clips, group, thread):
    """The first of two rows of sums, over all groups; operands sums (groups, 2, width), gradient; rest: width,
    groups.
    """
    at = (clip, clips, group)
    total, gradient = doubles(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    width, groups = row[_2], row[_2 + 1]
    if thread == 0:
        for c in range(width):
            gradient[c] = _total(total, c, groups, 2 * width)


@part
def _share(size, group, groups):
    """The part of `size` elements that a group does: whole vectors, so that it does not matter who does them."""
    vectors = (size + 7) // 8
    return vectors * group // groups * 8, min(size, vectors * (group + 1) // groups * 8)


@step
def add_partials(row, spaces, like, clip, clips, group, thread):
    """total[i] = sum over p of partials[p, i]; operands partials, total; the rest: size, partials, groups."""
    at = (clip, clips, group)
    partials, total = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    size, count = row[_2], row[_2 + 1]
    first, last = _share(size, group, row[_2 + 2])
    width = 8 if partials.itemsize == 4 else 4
    for i in range(first, last, width):
        value = wide_zero(total)
        for p in range(count):
            value = wide_add(value, take(partials, p * size + i, last - i))
        put(total, i, narrow(total, value), last - i)


@step
def accumulate(row, spaces, like, clip, clips, group, thread):
    """total += x on the share of a group; operands x, total; the rest: size, groups."""
    at = (clip, clips, group)
    x, total = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    first, last = _share(row[_2], group, row[_2 + 1])
    for i in range(first, last):
        total[i] += x[i]


@step
def square_sum(row, spaces, like, clip, clips, group, thread):
    """The sum of the squares of a group's share of x; operands x, sum; the rest: size, groups."""
    at = (clip, clips, group)
    x, out = floats(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    first, last = _share(row[_2], group, row[_2 + 1])
    total = 0.0
    for i in range(first, last):
        total += np.float64(x[i]) * np.float64(x[i])
    out[0] = total


@step
def turn_weights(row, spaces, like, clip, clips, group, thread):
    """Weights with taps in another order, and input and output exchanged: out[p, o, i] = w[taps[p], i, o].

    Operands w (taps, in // channel_groups, out), taps, out (taps, out // channel_groups, in); the rest: taps, in and
    out a group of channels, groups of channels, groups of clips that share the work; whether to exchange at all.
    """
    at = (clip, clips, group)
    w, taps, out = (
        floats(row, spaces, like, 0, at),
        integers(row, spaces, like, 1, at),
        floats(row, spaces, like, 2, at),
    )
    count, channels, filters, blocks = row[_3], row[_3 + 1], row[_3 + 2], row[_3 + 3]
    for p in range(count * group // row[_3 + 4], count * (group + 1) // row[_3 + 4]):
        size = channels * filters * blocks
        read, write = taps[p] * size, p * size
        if row[_3 + 5]:
            for block in range(blocks):
                for i in range(channels):
                    for o in range(filters):
                        out[write + o * channels * blocks + block * channels + i] = w[
                            read + i * filters * blocks + block * filters + o
                        ]
        else:
            for i in range(size):
                out[write + i] = w[read + i]


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
    first, last = _share(row[_5], group, row[_5 + 1])
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
    first, last = _share(row[_5], group, row[_5 + 1])
    if s[8] == 0.0:
        last = first
    for i in range(first, last):
        g = np.float64(gradient[i]) * factor + decay * weight[i]
        velocity[i] = momentum * velocity[i] + g
        weight[i] -= rate * (g + momentum * velocity[i] if nesterov else velocity[i])


@step
def limit_norm(row, spaces, like, clip, clips, group, thread):
    """settings[6] = the factor that brings the norm of the gradient to at most `largest`, never above 1.

    Operands sums (count,) of squares, settings; the rest: count, largest. Only thread 0 does it.
    """
    at = (clip, clips, group)
    squares, settings = doubles(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    if thread == 0:
        norm = np.sqrt(_total(squares, 0, row[_2], 1))
        largest = real(row, _2 + 1)
        settings[6] = largest / norm if norm > largest else 1.0


@step
def follow(row, spaces, like, clip, clips, group, thread):
    """average += (1 - decay) * (weight - average) on the share of a group, if the step is done at all.

    Operands weight, average, settings as of `adamw`; the rest: size, groups, decay.
    """
    at = (clip, clips, group)
    weight, average = floats(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    settings = doubles(row, spaces, like, 2, at)
    first, last = _share(row[_3], group, row[_3 + 1])
    rate = 1.0 - real(row, _3 + 2)
    if settings[8] == 0.0:
        last = first
    for i in range(first, last):
        average[i] += rate * (np.float64(weight[i]) - average[i])


@step
def judge(row, spaces, like, clip, clips, group, thread):
    """settings[8] = whether the whole loss is finite; operands losses of groups, settings; the rest: groups."""
    at = (clip, clips, group)
    losses, settings = doubles(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    if thread == 0:
        settings[8] = 1.0 if np.isfinite(_total(losses, 0, row[_2], 1)) else 0.0
