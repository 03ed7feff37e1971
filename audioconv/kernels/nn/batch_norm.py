"""Batch norm: statistics of the whole batch from the moments of its micro-batches, and the gradient through them.

Coefficients are (3, bands, channels): mean, scale and shift of y = (x - mean) * scale + shift; of the gradient
grad_x = g * k1 + (x - mean) * k2 + k3 they are k1, k2, k3. Sums are kept in float64 and run in order of clip, time and
frequency.
"""

import numpy as np

from audioconv.kernels._jit import op_kernel, part
from audioconv.kernels._layout import layout
from audioconv.kernels.nn.elementwise import LINEAR, activation, activation_gradient
from audioconv.kernels.nn.gradients import frequencies_of, sum_over_micro_batches
from audioconv.kernels.nn.operands import DIMS, doubles, element, floats, op_layout, real
from audioconv.kernels.simd.vector import fma, lanes, splat, zero
from audioconv.kernels.simd.vector_math import (
    accumulator_add,
    accumulator_fma,
    accumulator_plus,
    accumulator_square,
    accumulator_store,
    accumulator_zero,
    masked_load,
    masked_store,
    where_positive,
)

# Rows of the arrays that these kernels share, each row with one number a band and channel.
MOMENT_ROWS = layout("MOMENT_ROWS", "sum", "squares", "pivot", "count")
COEFFICIENTS = layout("COEFFICIENTS", "mean", "scale", "shift")
GRAD_COEFFICIENTS = layout("GRAD_COEFFICIENTS", "grad", "x", "constant")
DEVIATION = layout("DEVIATION", "std", "lost")
GRAD_SUMS = layout("GRAD_SUMS", "grad", "product")
MOMENT_ROWS_SIZE, GRAD_SUMS_SIZE = MOMENT_ROWS.row_size, GRAD_SUMS.row_size

FAR = 64.0  # standard deviations: a mean farther from zero needs what rounding it to float32 loses
_FAR_VALUE = 64.0  # beyond which float32 is far from zero: sums of squares in float64 are then off by up to 1e-12


@part
def _sizes(instruction, names):
    """Frequencies, channels and bands, and the length of a row of the arrays above; `names` is the layout."""
    freq, channels, bands = instruction[names.freq], instruction[names.channels], instruction[names.bands]
    return freq, channels, bands, bands * channels


@part
def _band(f, bands, freq):
    """Which of `bands` equal bands of frequencies f lies in."""
    return f * bands // freq if bands > 1 else 0


NORMALISE = op_layout("NORMALISE", operands=("x", "coefficients", "y"), integers=(*DIMS, "activation", "bands"))


@op_kernel(NORMALISE)
def normalise(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = activation of (x - mean) * scale + shift."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, NORMALISE.x, at)
    k = floats(instruction, segments, like, NORMALISE.coefficients, at)
    y = floats(instruction, segments, like, NORMALISE.y, at)
    freq, channels, bands, width = _sizes(instruction, NORMALISE)
    kind = instruction[NORMALISE.activation]
    for b in range(clips):
        for t in range(instruction[NORMALISE.time]):
            for f in range(freq):
                i, j = element(instruction, NORMALISE.x, b, t, f), element(instruction, NORMALISE.y, b, t, f)
                o = _band(f, bands, freq) * channels
                for c in range(0, channels, lanes(y)):
                    n, p = channels - c, o + c
                    v = masked_load(x, i + c, n) - masked_load(k, p + COEFFICIENTS.mean * width, n)
                    scale = masked_load(k, p + COEFFICIENTS.scale * width, n)
                    v = fma(v, scale, masked_load(k, p + COEFFICIENTS.shift * width, n))
                    masked_store(y, j + c, activation(y, v, kind), n)


NORMALISE_GRADIENT = op_layout(
    "NORMALISE_GRADIENT",
    operands=("x", "grad_y", "coefficients", "grad_coefficients", "grad_x"),
    integers=(*DIMS, "activation", "bands"),
)


@op_kernel(NORMALISE_GRADIENT)
def normalise_gradient(instruction, segments, like, clip, clips, micro_batch, thread):
    """grad_x = g * k1 + (x - mean) * k2 + k3, g = grad_y * slope of the activation."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, NORMALISE_GRADIENT.x, at)
    g = floats(instruction, segments, like, NORMALISE_GRADIENT.grad_y, at)
    k = floats(instruction, segments, like, NORMALISE_GRADIENT.coefficients, at)
    q = floats(instruction, segments, like, NORMALISE_GRADIENT.grad_coefficients, at)
    y = floats(instruction, segments, like, NORMALISE_GRADIENT.grad_x, at)
    freq, channels, bands, width = _sizes(instruction, NORMALISE_GRADIENT)
    kind = instruction[NORMALISE_GRADIENT.activation]
    for b in range(clips):
        for t in range(instruction[NORMALISE_GRADIENT.time]):
            for f in range(freq):
                i, j, h = (
                    element(instruction, NORMALISE_GRADIENT.x, b, t, f),
                    element(instruction, NORMALISE_GRADIENT.grad_y, b, t, f),
                    element(instruction, NORMALISE_GRADIENT.grad_x, b, t, f),
                )
                o = _band(f, bands, freq) * channels
                for c in range(0, channels, lanes(y)):
                    n, p = channels - c, o + c
                    v = masked_load(x, i + c, n) - masked_load(k, p + COEFFICIENTS.mean * width, n)
                    u = masked_load(g, j + c, n)
                    if kind != LINEAR:
                        scale = masked_load(k, p + COEFFICIENTS.scale * width, n)
                        shift = masked_load(k, p + COEFFICIENTS.shift * width, n)
                        u = activation_gradient(y, fma(v, scale, shift), u, kind)
                    constant = masked_load(q, p + GRAD_COEFFICIENTS.constant * width, n)
                    v = fma(v, masked_load(q, p + GRAD_COEFFICIENTS.x * width, n), constant)
                    masked_store(y, h + c, fma(u, masked_load(q, p + GRAD_COEFFICIENTS.grad * width, n), v), n)


@part
def _pivot(x, first):
    """The pivot that is subtracted from values before summing: the first of them, or zero if that is small."""
    if x.itemsize == 4:
        return where_positive(first * first - splat(x, _FAR_VALUE * _FAR_VALUE), first)
    return first


MOMENTS = op_layout("MOMENTS", operands=("x", "moments"), integers=(*DIMS, "bands"))


@op_kernel(MOMENTS)
def moments(instruction, segments, like, clip, clips, micro_batch, thread):
    """Moments (4, bands, channels) of a micro-batch: sums of x - pivot and of its square, the pivot, how many x.

    Without a pivot, squares of values far from zero leave no digits for the variance (cancellation).
    """
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, MOMENTS.x, at)
    out = doubles(instruction, segments, like, MOMENTS.moments, at)
    freq, channels, bands, width = _sizes(instruction, MOMENTS)
    for band in range(bands):
        first, last = frequencies_of(band, bands, freq)
        count = np.float64(clips * instruction[MOMENTS.time] * (last - first))
        for c in range(0, channels, lanes(x)):
            n, pivot = channels - c, zero(x)
            if count > 0:
                pivot = _pivot(x, masked_load(x, element(instruction, MOMENTS.x, 0, 0, first) + c, n))
            back = accumulator_add(accumulator_zero(x), zero(x) - pivot)
            plain, squares = accumulator_zero(x), accumulator_zero(x)
            for b in range(clips):
                for t in range(instruction[MOMENTS.time]):
                    for f in range(first, last):
                        v = accumulator_add(back, masked_load(x, element(instruction, MOMENTS.x, b, t, f) + c, n))
                        plain, squares = accumulator_plus(plain, v), accumulator_square(squares, v)
            i = band * channels + c
            accumulator_store(out, i + MOMENT_ROWS.sum * width, plain, n)
            accumulator_store(out, i + MOMENT_ROWS.squares * width, squares, n)
            wide_pivot = accumulator_add(accumulator_zero(x), pivot)
            accumulator_store(out, i + MOMENT_ROWS.pivot * width, wide_pivot, n)
        for c in range(channels):
            out[band * channels + c + MOMENT_ROWS.count * width] = count


NORMALISE_SUMS = op_layout(
    "NORMALISE_SUMS", operands=("x", "grad_y", "coefficients", "sums"), integers=(*DIMS, "activation", "bands")
)


@op_kernel(NORMALISE_SUMS)
def normalise_sums(instruction, segments, like, clip, clips, micro_batch, thread):
    """Sums of g and of g * (x - mean) over a micro-batch, g = grad_y * slope: (2, bands, channels)."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, NORMALISE_SUMS.x, at)
    g = floats(instruction, segments, like, NORMALISE_SUMS.grad_y, at)
    k = floats(instruction, segments, like, NORMALISE_SUMS.coefficients, at)
    out = doubles(instruction, segments, like, NORMALISE_SUMS.sums, at)
    freq, channels, bands, width = _sizes(instruction, NORMALISE_SUMS)
    kind = instruction[NORMALISE_SUMS.activation]
    for band in range(bands):
        first, last = frequencies_of(band, bands, freq)
        for c in range(0, channels, lanes(x)):
            i, n = band * channels + c, channels - c
            plain, products = accumulator_zero(x), accumulator_zero(x)
            mean = masked_load(k, i + COEFFICIENTS.mean * width, n)
            scale = masked_load(k, i + COEFFICIENTS.scale * width, n)
            shift = masked_load(k, i + COEFFICIENTS.shift * width, n)
            for b in range(clips):
                for t in range(instruction[NORMALISE_SUMS.time]):
                    for f in range(first, last):
                        v = masked_load(x, element(instruction, NORMALISE_SUMS.x, b, t, f) + c, n) - mean
                        u = masked_load(g, element(instruction, NORMALISE_SUMS.grad_y, b, t, f) + c, n)
                        if kind != LINEAR:
                            u = activation_gradient(x, fma(v, scale, shift), u, kind)
                        plain, products = accumulator_add(plain, u), accumulator_fma(products, u, v)
            accumulator_store(out, i + GRAD_SUMS.grad * width, plain, n)
            accumulator_store(out, i + GRAD_SUMS.product * width, products, n)


@part
def _mean_and_variance(moments, c, width, micro_batches):
    """Mean and variance of channel c from the moments of micro-batches, which are shifted to the first one's pivot."""
    pivot, known, plain, squares, count = 0.0, False, 0.0, 0.0, 0.0
    for g in range(micro_batches):
        i = c + g * MOMENT_ROWS_SIZE * width
        n, total = moments[i + MOMENT_ROWS.count * width], moments[i + MOMENT_ROWS.sum * width]
        if n > 0:
            if not known:
                pivot, known = moments[i + MOMENT_ROWS.pivot * width], True
            shift = moments[i + MOMENT_ROWS.pivot * width] - pivot
            plain += total + n * shift
            squares += moments[i + MOMENT_ROWS.squares * width] + shift * (2.0 * total + n * shift)
            count += n
    count = max(count, 1.0)
    centre = plain / count
    spread = squares / count - centre * centre
    if spread < 0:  # NaN stays NaN
        spread = 0.0
    return pivot + centre, spread


BATCH_STATISTICS = op_layout(
    "BATCH_STATISTICS",
    operands=("moments", "scale", "shift", "mean", "variance", "coefficients", "deviation"),
    integers=("width", "micro_batches", "elements"),
    reals=("momentum", "epsilon"),
)


@op_kernel(BATCH_STATISTICS)
def batch_statistics(instruction, segments, like, clip, clips, micro_batch, thread):
    """Coefficients of a batch norm, which each thread computes for itself, and the update of its running statistics.

    `moments` are (micro-batches, 4, width), `mean` and `variance` the running ones, `elements` those of a channel.
    `deviation` (2, width) has standard deviations, then what means far from zero lose when rounded to coefficients.
    """
    at = (clip, clips, micro_batch)
    total = doubles(instruction, segments, like, BATCH_STATISTICS.moments, at)
    scale = floats(instruction, segments, like, BATCH_STATISTICS.scale, at)
    shift = floats(instruction, segments, like, BATCH_STATISTICS.shift, at)
    mean = doubles(instruction, segments, like, BATCH_STATISTICS.mean, at)
    variance = doubles(instruction, segments, like, BATCH_STATISTICS.variance, at)
    coefficients = floats(instruction, segments, like, BATCH_STATISTICS.coefficients, at)
    deviation = doubles(instruction, segments, like, BATCH_STATISTICS.deviation, at)
    width, micro_batches, count = (
        instruction[BATCH_STATISTICS.width],
        instruction[BATCH_STATISTICS.micro_batches],
        instruction[BATCH_STATISTICS.elements],
    )
    momentum, epsilon = real(instruction, BATCH_STATISTICS.momentum), real(instruction, BATCH_STATISTICS.epsilon)
    for c in range(width):
        centre, spread = _mean_and_variance(total, c, width, micro_batches)
        std, lost = np.sqrt(spread + epsilon), 0.0
        coefficients[c + COEFFICIENTS.mean * width] = centre
        if abs(centre) > FAR * std and np.isfinite(centre):
            lost = centre - np.float64(coefficients[c + COEFFICIENTS.mean * width])
        deviation[c + DEVIATION.std * width] = std
        deviation[c + DEVIATION.lost * width] = lost
        coefficients[c + COEFFICIENTS.scale * width] = scale[c] / std
        coefficients[c + COEFFICIENTS.shift * width] = shift[c] - lost * scale[c] / std
        if thread == 0 and count and np.isfinite(centre + spread):
            mean[c] += momentum * (centre - mean[c])
            variance[c] += momentum * (spread * count / max(count - 1, 1) - variance[c])


BATCH_GRADIENT = op_layout(
    "BATCH_GRADIENT",
    operands=("sums", "scale", "deviation", "grad_coefficients", "grad_scale", "grad_shift"),
    integers=("width", "micro_batches", "elements"),
)


@op_kernel(BATCH_GRADIENT)
def batch_gradient(instruction, segments, like, clip, clips, micro_batch, thread):
    """Gradients of a batch norm's scale and shift, and the coefficients of that of x.

    With z = (x - mean) / deviation the gradient of x is scale / deviation * (g - mean(g) - z * mean(g * z)).
    `sums` (micro-batches, 2, width) are those of `normalise_sums`, `deviation` (2, width) that of `batch_statistics`.
    """
    at = (clip, clips, micro_batch)
    total = doubles(instruction, segments, like, BATCH_GRADIENT.sums, at)
    scale = floats(instruction, segments, like, BATCH_GRADIENT.scale, at)
    deviation = doubles(instruction, segments, like, BATCH_GRADIENT.deviation, at)
    k = floats(instruction, segments, like, BATCH_GRADIENT.grad_coefficients, at)
    grad_scale = floats(instruction, segments, like, BATCH_GRADIENT.grad_scale, at)
    grad_shift = floats(instruction, segments, like, BATCH_GRADIENT.grad_shift, at)
    width, micro_batches, count = (
        instruction[BATCH_GRADIENT.width],
        instruction[BATCH_GRADIENT.micro_batches],
        max(instruction[BATCH_GRADIENT.elements], 1),
    )
    for c in range(width):
        std, lost = deviation[c + DEVIATION.std * width], deviation[c + DEVIATION.lost * width]
        stride = GRAD_SUMS_SIZE * width
        plain = sum_over_micro_batches(total, c + GRAD_SUMS.grad * width, micro_batches, stride)
        product = sum_over_micro_batches(total, c + GRAD_SUMS.product * width, micro_batches, stride)
        product = (product - plain * lost) / std
        factor = scale[c] / std
        k[c + GRAD_COEFFICIENTS.grad * width] = factor
        k[c + GRAD_COEFFICIENTS.x * width] = -factor * product / count / std
        k[c + GRAD_COEFFICIENTS.constant * width] = -factor * plain / count
        if lost != 0.0:
            k[c + GRAD_COEFFICIENTS.constant * width] += factor * product / count / std * lost
        if thread == 0:
            grad_scale[c], grad_shift[c] = product, plain
