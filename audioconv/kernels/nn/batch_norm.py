"""Batch norm: statistics of the whole batch, from the moments of its groups, and the gradient through them."""

import numpy as np

from audioconv.kernels._jit import part, step
from audioconv.kernels.nn.gradients import total_of
from audioconv.kernels.nn.operands import doubles, floats, real, rest

FAR = 64.0  # deviations from zero beyond which it matters how a mean is rounded to float32

_6, _7 = rest(6), rest(7)


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
        plain, lost = total_of(total, c, groups, 2 * width), deviation[c + width]
        product = (total_of(total, c + width, groups, 2 * width) - plain * lost) / deviation[c]
        factor = scale[c] / deviation[c]
        k[c], k[c + width], k[c + 2 * width] = factor, -factor * product / count / deviation[c], -factor * plain / count
        if lost != 0.0:
            k[c + 2 * width] += factor * product / count / deviation[c] * lost
        if thread == 0:
            grad_scale[c], grad_shift[c] = product, plain
