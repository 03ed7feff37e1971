"""Steps that change activations one by one: copies, activations, batch norm, sums, dropout, each with its gradient.

An operand is (clips, time, freq, channels) with channels side by side and any steps between the rest, so that a step
can write into the middle of an array with margins, or read one frequency for all. A row of numbers ends with time,
freq, channels, and what else a step needs. Sums are kept in float64 and run in order of clip, time and frequency.
max(0, NaN) is NaN, and gradients pass there.
"""

import numpy as np

from audioconv.kernels._jit import part, step
from audioconv.kernels.nn.operands import FREQ, INNER, OPERAND, TIME, doubles, floats, integers, real, rest
from audioconv.kernels.simd.vector import fma, lanes, maximum, splat, zero
from audioconv.kernels.simd.vector_math import (
    accumulator_add,
    accumulator_fma,
    accumulator_plus,
    accumulator_square,
    accumulator_store,
    accumulator_zero,
    divide,
    exp,
    masked_load,
    masked_store,
    where_positive,
)

LINEAR, RELU, SWISH, SIGMOID = range(4)
_1, _2, _3, _4, _5 = (rest(n) for n in range(1, 6))
_INNER, _TIME, _FREQ = 1 + INNER, 1 + TIME, 1 + FREQ
FAR = 64.0  # beyond which float32 counts as far from zero: sums of squares in float64 are then off by up to 1e-12


@part
def place(row, i, b, t, f):
    """Where channel 0 of an operand is: clip b of the group, time t, frequency f."""
    o = OPERAND * i
    return b * row[_INNER + o] + t * row[_TIME + o] + f * row[_FREQ + o]


@part
def sigmoid(a, v):
    one = splat(a, 1.0)
    return divide(one, one + exp(-v))


@part
def activated(a, v, kind):
    if kind == RELU:
        v = maximum(v, zero(a))
    elif kind == SWISH:
        v = v * sigmoid(a, v)
    elif kind == SIGMOID:
        v = sigmoid(a, v)
    return v


@part
def sloped(a, v, g, kind):
    """The gradient of v from that of activated(v)."""
    if kind == RELU:
        g = where_positive(v, g)
    elif kind == SWISH:
        s = sigmoid(a, v)
        g = g * (s + v * s * (splat(a, 1.0) - s))
    elif kind == SIGMOID:
        s = sigmoid(a, v)
        g = g * s * (splat(a, 1.0) - s)
    return g


@step
def fill(row, spaces, like, clip, clips, group, thread):
    """y = a number, the first of the rest after time, freq, channels."""
    y = floats(row, spaces, like, 0, (clip, clips, group))
    value, channels = splat(y, real(row, _1 + 3)), row[_1 + 2]
    for b in range(clips):
        for t in range(row[_1]):
            for f in range(row[_1 + 1]):
                i = place(row, 0, b, t, f)
                for c in range(0, channels, lanes(y)):
                    masked_store(y, i + c, value, channels - c)


@step
def scaled(row, spaces, like, clip, clips, group, thread):
    """y = factor * x."""
    at = (clip, clips, group)
    x, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    factor, channels = splat(y, real(row, _2 + 3)), row[_2 + 2]
    for b in range(clips):
        for t in range(row[_2]):
            for f in range(row[_2 + 1]):
                i, j = place(row, 0, b, t, f), place(row, 1, b, t, f)
                for c in range(0, channels, lanes(y)):
                    masked_store(y, j + c, masked_load(x, i + c, channels - c) * factor, channels - c)


@step
def activate(row, spaces, like, clip, clips, group, thread):
    """y = activation of x."""
    at = (clip, clips, group)
    x, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    kind, channels = row[_2 + 3], row[_2 + 2]
    for b in range(clips):
        for t in range(row[_2]):
            for f in range(row[_2 + 1]):
                i, j = place(row, 0, b, t, f), place(row, 1, b, t, f)
                for c in range(0, channels, lanes(y)):
                    masked_store(y, j + c, activated(y, masked_load(x, i + c, channels - c), kind), channels - c)


@step
def activate_gradient(row, spaces, like, clip, clips, group, thread):
    """grad_x = grad_y * slope of the activation at x; operands x, grad_y, grad_x."""
    at = (clip, clips, group)
    x, g, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at), floats(row, spaces, like, 2, at)
    kind, channels = row[_3 + 3], row[_3 + 2]
    for b in range(clips):
        for t in range(row[_3]):
            for f in range(row[_3 + 1]):
                i, j, k = place(row, 0, b, t, f), place(row, 1, b, t, f), place(row, 2, b, t, f)
                for c in range(0, channels, lanes(y)):
                    n = channels - c
                    masked_store(y, k + c, sloped(y, masked_load(x, i + c, n), masked_load(g, j + c, n), kind), n)


@step
def add(row, spaces, like, clip, clips, group, thread):
    """y = activation of a + b."""
    at = (clip, clips, group)
    a, b, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at), floats(row, spaces, like, 2, at)
    kind, channels = row[_3 + 3], row[_3 + 2]
    for n in range(clips):
        for t in range(row[_3]):
            for f in range(row[_3 + 1]):
                i, j, k = place(row, 0, n, t, f), place(row, 1, n, t, f), place(row, 2, n, t, f)
                for c in range(0, channels, lanes(y)):
                    m = channels - c
                    masked_store(y, k + c, activated(y, masked_load(a, i + c, m) + masked_load(b, j + c, m), kind), m)


@part
def _band(f, bands, freq):
    """Which of `bands` equal bands of frequencies f lies in."""
    return f * bands // freq if bands > 1 else 0


@step
def normalise(row, spaces, like, clip, clips, group, thread):
    """y = activation of (x - mean) * scale + shift; operands x, coefficients, y.

    coefficients (3, bands, channels): mean, scale, shift; the rest: activation, bands.
    """
    at = (clip, clips, group)
    x, k, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at), floats(row, spaces, like, 2, at)
    freq, channels, kind, bands = row[_3 + 1], row[_3 + 2], row[_3 + 3], row[_3 + 4]
    width = bands * channels
    for b in range(clips):
        for t in range(row[_3]):
            for f in range(freq):
                i, j = place(row, 0, b, t, f), place(row, 2, b, t, f)
                o = _band(f, bands, freq) * channels
                for c in range(0, channels, lanes(y)):
                    n, p = channels - c, o + c
                    v = masked_load(x, i + c, n) - masked_load(k, p, n)
                    v = fma(v, masked_load(k, p + width, n), masked_load(k, p + 2 * width, n))
                    masked_store(y, j + c, activated(y, v, kind), n)


@step
def normalise_gradient(row, spaces, like, clip, clips, group, thread):
    """grad_x = g * k1 + (x - mean) * k2 + k3, g = grad_y * slope; operands x, grad_y, coefficients, k, grad_x.

    coefficients as for `normalise`; k (3, bands, channels): k1, k2, k3.
    """
    at = (clip, clips, group)
    x, g = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    k, q = floats(row, spaces, like, 2, at), floats(row, spaces, like, 3, at)
    y = floats(row, spaces, like, 4, at)
    freq, channels, kind, bands = row[_5 + 1], row[_5 + 2], row[_5 + 3], row[_5 + 4]
    width = bands * channels
    for b in range(clips):
        for t in range(row[_5]):
            for f in range(freq):
                i, j, h = place(row, 0, b, t, f), place(row, 1, b, t, f), place(row, 4, b, t, f)
                o = _band(f, bands, freq) * channels
                for c in range(0, channels, lanes(y)):
                    n, p = channels - c, o + c
                    v = masked_load(x, i + c, n) - masked_load(k, p, n)
                    u = masked_load(g, j + c, n)
                    if kind != LINEAR:
                        u = sloped(y, fma(v, masked_load(k, p + width, n), masked_load(k, p + 2 * width, n)), u, kind)
                    v = fma(v, masked_load(q, p + width, n), masked_load(q, p + 2 * width, n))
                    masked_store(y, h + c, fma(u, masked_load(q, p, n), v), n)


@step
def sums(row, spaces, like, clip, clips, group, thread):
    """Sums of x and of x * x over a group, for each band and channel; operands x, sums (2, bands, channels)."""
    at = (clip, clips, group)
    x, out = floats(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    freq, channels, bands = row[_2 + 1], row[_2 + 2], row[_2 + 3]
    for band in range(bands):
        first, last = -(-band * freq // bands), -(-(band + 1) * freq // bands)
        for c in range(0, channels, lanes(x)):
            plain, squares = accumulator_zero(x), accumulator_zero(x)
            for b in range(clips):
                for t in range(row[_2]):
                    for f in range(first, last):
                        v = masked_load(x, place(row, 0, b, t, f) + c, channels - c)
                        plain, squares = accumulator_add(plain, v), accumulator_fma(squares, v, v)
            i = band * channels + c
            accumulator_store(out, i, plain, channels - c)
            accumulator_store(out, i + bands * channels, squares, channels - c)


@part
def _pivot(x, first):
    """What values are counted from: the first of them, but zero where float32 is near enough to it."""
    if x.itemsize == 4:
        return where_positive(first * first - splat(x, FAR * FAR), first)
    return first


@step
def moments(row, spaces, like, clip, clips, group, thread):
    """Sums of x - pivot and of its square over a group, the pivot, and how many x there are, for each band and channel.

    Operands x, moments (4, bands, channels). Squares of what is far from zero would leave no digits for the variance.
    """
    at = (clip, clips, group)
    x, out = floats(row, spaces, like, 0, at), doubles(row, spaces, like, 1, at)
    freq, channels, bands = row[_2 + 1], row[_2 + 2], row[_2 + 3]
    width = bands * channels
    for band in range(bands):
        first, last = -(-band * freq // bands), -(-(band + 1) * freq // bands)
        count = np.float64(clips * row[_2] * (last - first))
        for c in range(0, channels, lanes(x)):
            n, pivot = channels - c, zero(x)
            if count > 0:
                pivot = _pivot(x, masked_load(x, place(row, 0, 0, 0, first) + c, n))
            back = accumulator_add(accumulator_zero(x), zero(x) - pivot)
            plain, squares = accumulator_zero(x), accumulator_zero(x)
            for b in range(clips):
                for t in range(row[_2]):
                    for f in range(first, last):
                        v = accumulator_add(back, masked_load(x, place(row, 0, b, t, f) + c, n))
                        plain, squares = accumulator_plus(plain, v), accumulator_square(squares, v)
            i = band * channels + c
            accumulator_store(out, i, plain, n)
            accumulator_store(out, i + width, squares, n)
            accumulator_store(out, i + 2 * width, accumulator_add(accumulator_zero(x), pivot), n)
        for c in range(channels):
            out[band * channels + c + 3 * width] = count


@step
def normalise_sums(row, spaces, like, clip, clips, group, thread):
    """Sums of g and of g * (x - mean) over a group, g = grad_y * slope; operands x, grad_y, coefficients, sums."""
    at = (clip, clips, group)
    x, g = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    k, out = floats(row, spaces, like, 2, at), doubles(row, spaces, like, 3, at)
    freq, channels, kind, bands = row[_4 + 1], row[_4 + 2], row[_4 + 3], row[_4 + 4]
    width = bands * channels
    for band in range(bands):
        first, last = -(-band * freq // bands), -(-(band + 1) * freq // bands)
        for c in range(0, channels, lanes(x)):
            i, n = band * channels + c, channels - c
            plain, products = accumulator_zero(x), accumulator_zero(x)
            mean, scale, shift = masked_load(k, i, n), masked_load(k, i + width, n), masked_load(k, i + 2 * width, n)
            for b in range(clips):
                for t in range(row[_4]):
                    for f in range(first, last):
                        v = masked_load(x, place(row, 0, b, t, f) + c, n) - mean
                        u = masked_load(g, place(row, 1, b, t, f) + c, n)
                        if kind != LINEAR:
                            u = sloped(x, fma(v, scale, shift), u, kind)
                        plain, products = accumulator_add(plain, u), accumulator_fma(products, u, v)
            accumulator_store(out, i, plain, n)
            accumulator_store(out, i + width, products, n)


@part
def _mixed(x):
    """Scramble 64 bits (splitmix64; Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@step
def drop(row, spaces, like, clip, clips, group, thread):
    """y = x / (1 - rate), or 0 with probability rate; operands x, seeds of clips, y; the rest: layer, rate.

    Whether element e of a clip is dropped depends on the seed of the clip, the layer and e alone.
    """
    at = (clip, clips, group)
    x, seeds, y = floats(row, spaces, like, 0, at), integers(row, spaces, like, 1, at), floats(row, spaces, like, 2, at)
    rate = real(row, _3 + 4)
    kept, bound = x.dtype.type(1.0 / (1.0 - rate)), np.int64(rate * 4294967296.0)
    for b in range(clips):
        key = _mixed(np.uint64(seeds[b]) + np.uint64(row[_3 + 3]) * np.uint64(0x9E3779B97F4A7C15))
        e = np.uint64(0)
        for t in range(row[_3]):
            for f in range(row[_3 + 1]):
                i, j = place(row, 0, b, t, f), place(row, 2, b, t, f)
                for c in range(row[_3 + 2]):
                    chance = np.int64(_mixed(key + e) >> np.uint64(32))
                    y[j + c] = x[i + c] * kept if chance >= bound else x.dtype.type(0.0)
                    e += np.uint64(1)
