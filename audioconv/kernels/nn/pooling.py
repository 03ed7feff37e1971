"""Steps of pooling over windows of time and frequency: maximum, average, Lp, each with its gradient.

Operands are (clips, time, freq, channels); the input of a maximum has margins of minus infinity, that of a sum of
zeros, and begins where the first window does. A row ends with frames, bins and channels of the output, then the window
(time, freq), its stride (time, freq), the size of what counts as input (time, freq): without margins, or with some of
them, the left margins that do not count, p, and whether powers of an Lp pool keep their sign.
A gradient adds to what `fill` has made zero.
"""

import numpy as np

from audioconv.kernels._jit import part, step
from audioconv.kernels.nn.elementwise import place
from audioconv.kernels.nn.operands import floats, real, rest
from audioconv.kernels.simd.vector import lanes, maximum, splat, zero
from audioconv.kernels.simd.vector_math import masked_load, masked_store

_2, _4 = rest(2), rest(4)
FRAMES, BINS, CHANNELS, WINDOW, STRIDE, SIZE, MARGIN, POWER, SIGNED = 0, 1, 2, 3, 5, 7, 9, 11, 12


@part
def _inside(index, window, stride, size, margin):
    """How many elements of a window count as input."""
    begin = index * stride
    return max(1, min(begin + window, margin + size) - max(begin, margin))


@part
def _count(row, o, t, f):
    return _inside(t, row[o + WINDOW], row[o + STRIDE], row[o + SIZE], row[o + MARGIN]) * _inside(
        f, row[o + WINDOW + 1], row[o + STRIDE + 1], row[o + SIZE + 1], row[o + MARGIN + 1]
    )


@step
def max_pool(row, spaces, like, clip, clips, group, thread):
    """y = the largest of the window; NaN if one of them is."""
    at, o = (clip, clips, group), _2
    x, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    for b in range(clips):
        for t in range(row[o + FRAMES]):
            for f in range(row[o + BINS]):
                for c in range(0, row[o + CHANNELS], lanes(y)):
                    n = row[o + CHANNELS] - c
                    total = splat(y, -np.inf)
                    for i in range(row[o + WINDOW]):
                        for j in range(row[o + WINDOW + 1]):
                            p = place(row, 0, b, t * row[o + STRIDE] + i, f * row[o + STRIDE + 1] + j)
                            total = maximum(total, masked_load(x, p + c, n))
                    masked_store(y, place(row, 1, b, t, f) + c, total, n)


@step
def average_pool(row, spaces, like, clip, clips, group, thread):
    """y = the sum of the window, in order, divided by how many of it count as input."""
    at, o = (clip, clips, group), _2
    x, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    for b in range(clips):
        for t in range(row[o + FRAMES]):
            for f in range(row[o + BINS]):
                for c in range(0, row[o + CHANNELS], lanes(y)):
                    n = row[o + CHANNELS] - c
                    total = zero(y)
                    for i in range(row[o + WINDOW]):
                        for j in range(row[o + WINDOW + 1]):
                            p = place(row, 0, b, t * row[o + STRIDE] + i, f * row[o + STRIDE + 1] + j)
                            total = total + masked_load(x, p + c, n)
                    masked_store(y, place(row, 1, b, t, f) + c, total * splat(y, 1.0 / _count(row, o, t, f)), n)


@part
def _filled_up(row, o, t, f):
    """What to multiply a sum with, as if what is missing of a window that the end cuts off were like the rest: 1 for
    others.
    """
    return np.float64(row[o + WINDOW] * row[o + WINDOW + 1]) / np.float64(_count(row, o, t, f))


@step
def lp_pool(row, spaces, like, clip, clips, group, thread):
    """y = (sum of |x|**p over the window)**(1 / p), or of x**p."""
    at, o = (clip, clips, group), _2
    x, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    power = real(row, o + POWER)
    for b in range(clips):
        for t in range(row[o + FRAMES]):
            for f in range(row[o + BINS]):
                for c in range(row[o + CHANNELS]):
                    total = 0.0
                    for i in range(row[o + WINDOW]):
                        for j in range(row[o + WINDOW + 1]):
                            p = place(row, 0, b, t * row[o + STRIDE] + i, f * row[o + STRIDE + 1] + j)
                            value = np.float64(x[p + c])
                            total += value**power if row[o + SIGNED] else abs(value) ** power
                    y[place(row, 1, b, t, f) + c] = (total * _filled_up(row, o, t, f)) ** (1.0 / power)


@part
def _same(a, b):
    return a == b or (a != a and b != b)


@step
def max_pool_gradient(row, spaces, like, clip, clips, group, thread):
    """Add grad_y to grad_x where x has the window's first maximum (or NaN); operands x, y, grad_y, grad_x."""
    at, o = (clip, clips, group), _4
    x, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    grad_y, grad_x = floats(row, spaces, like, 2, at), floats(row, spaces, like, 3, at)
    for b in range(clips):
        for t in range(row[o + FRAMES]):
            for f in range(row[o + BINS]):
                for c in range(row[o + CHANNELS]):
                    largest = y[place(row, 1, b, t, f) + c]
                    tap, taps = 0, row[o + WINDOW] * row[o + WINDOW + 1]
                    while tap < taps:
                        s = t * row[o + STRIDE] + tap // row[o + WINDOW + 1]
                        q = f * row[o + STRIDE + 1] + tap % row[o + WINDOW + 1]
                        if _same(x[place(row, 0, b, s, q) + c], largest):
                            grad_x[place(row, 3, b, s, q) + c] += grad_y[place(row, 2, b, t, f) + c]
                            tap = taps
                        tap += 1


@step
def average_pool_gradient(row, spaces, like, clip, clips, group, thread):
    """Add grad_y, divided as in `average_pool`, to all of the window of grad_x; operands x, y, grad_y, grad_x."""
    at, o = (clip, clips, group), _4
    grad_y, grad_x = floats(row, spaces, like, 2, at), floats(row, spaces, like, 3, at)
    for b in range(clips):
        for t in range(row[o + FRAMES]):
            for f in range(row[o + BINS]):
                for c in range(0, row[o + CHANNELS], lanes(grad_x)):
                    n = row[o + CHANNELS] - c
                    share = masked_load(grad_y, place(row, 2, b, t, f) + c, n) * splat(
                        grad_x, 1.0 / _count(row, o, t, f)
                    )
                    for i in range(row[o + WINDOW]):
                        for j in range(row[o + WINDOW + 1]):
                            p = place(row, 3, b, t * row[o + STRIDE] + i, f * row[o + STRIDE + 1] + j) + c
                            masked_store(grad_x, p, masked_load(grad_x, p, n) + share, n)


@step
def lp_pool_gradient(row, spaces, like, clip, clips, group, thread):
    """Add grad_y * sign(x) * (|x| / y)**(p - 1) to grad_x, or grad_y * (x / y)**(p - 1); operands x, y, grad_y,
    grad_x.
    """
    at, o = (clip, clips, group), _4
    x, y = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    grad_y, grad_x = floats(row, spaces, like, 2, at), floats(row, spaces, like, 3, at)
    power = real(row, o + POWER)
    for b in range(clips):
        for t in range(row[o + FRAMES]):
            for f in range(row[o + BINS]):
                for c in range(row[o + CHANNELS]):
                    total, filled_up = np.float64(y[place(row, 1, b, t, f) + c]), _filled_up(row, o, t, f)
                    for i in range(row[o + WINDOW]):
                        for j in range(row[o + WINDOW + 1]):
                            s, q = t * row[o + STRIDE] + i, f * row[o + STRIDE + 1] + j
                            value = np.float64(x[place(row, 0, b, s, q) + c])
                            if row[o + SIGNED]:
                                slope = (value / total) ** (power - 1.0) if total != 0 else 0.0
                            else:
                                slope = (abs(value) / total) ** (power - 1.0) if total > 0 else 0.0
                                slope = slope if value > 0 else -slope
                            grad = slope * filled_up * grad_y[place(row, 2, b, t, f) + c]
                            grad_x[place(row, 3, b, s, q) + c] += x.dtype.type(grad)
