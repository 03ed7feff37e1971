"""Op kernels of pooling over windows of time and frequency: maximum, average, Lp, each with its gradient.

Operands are (clips, time, freq, channels); the input of a maximum has a halo of minus infinity, that of a sum of zeros,
and begins where the first window does. Parameters are the size of the output, of the window and of its stride; the size
of what counts as input, without its padding or with some of it, and the padding on the left that does not count; p, and
whether powers of an Lp pool keep their sign. A gradient accumulates into zeros of `fill`.
"""

import numpy as np

from audioconv.kernels._jit import op_kernel, part
from audioconv.kernels.nn.operands import DIMS, element, floats, op_layout, real
from audioconv.kernels.simd.vector import lanes, maximum, splat, zero
from audioconv.kernels.simd.vector_math import masked_load, masked_store

_WINDOW = (
    *DIMS, "window_time", "window_freq", "stride_time", "stride_freq", "size_time", "size_freq", "padding_time",
    "padding_freq", "signed",
)  # fmt: skip
POOL = op_layout("POOL", operands=("x", "y"), integers=_WINDOW, reals=("power",))
POOL_GRADIENT = op_layout("POOL_GRADIENT", operands=("x", "y", "grad_y", "grad_x"), integers=_WINDOW, reals=("power",))


@part
def _operands(instruction, segments, like, at):
    """The operands of a pool."""
    return floats(instruction, segments, like, POOL.x, at), floats(instruction, segments, like, POOL.y, at)


@part
def _gradient_operands(instruction, segments, like, at):
    """The operands of a gradient."""
    return (
        floats(instruction, segments, like, POOL_GRADIENT.x, at),
        floats(instruction, segments, like, POOL_GRADIENT.y, at),
        floats(instruction, segments, like, POOL_GRADIENT.grad_y, at),
        floats(instruction, segments, like, POOL_GRADIENT.grad_x, at),
    )


@part
def _inside(index, window, stride, size, padding):
    """How many elements of a window count as input."""
    begin = index * stride
    return max(1, min(begin + window, padding + size) - max(begin, padding))


@part
def _count(instruction, names, t, f):
    """How many elements of the window of an output count as input; `names` is the layout, here and below."""
    time = _inside(
        t, instruction[names.window_time], instruction[names.stride_time], instruction[names.size_time],
        instruction[names.padding_time],
    )  # fmt: skip
    freq = _inside(
        f, instruction[names.window_freq], instruction[names.stride_freq], instruction[names.size_freq],
        instruction[names.padding_freq],
    )  # fmt: skip
    return time * freq


@part
def _window_element(instruction, names, operand, b, t, f, i, j):
    """Where channel 0 of element (i, j) of the window of an output is."""
    s, q = t * instruction[names.stride_time] + i, f * instruction[names.stride_freq] + j
    return element(instruction, operand, b, s, q)


@op_kernel(POOL)
def max_pool(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = the largest of the window; NaN if one of them is."""
    x, y = _operands(instruction, segments, like, (clip, clips, micro_batch))
    for b in range(clips):
        for t in range(instruction[POOL.time]):
            for f in range(instruction[POOL.freq]):
                for c in range(0, instruction[POOL.channels], lanes(y)):
                    n = instruction[POOL.channels] - c
                    total = splat(y, -np.inf)
                    for i in range(instruction[POOL.window_time]):
                        for j in range(instruction[POOL.window_freq]):
                            p = _window_element(instruction, POOL, POOL.x, b, t, f, i, j)
                            total = maximum(total, masked_load(x, p + c, n))
                    masked_store(y, element(instruction, POOL.y, b, t, f) + c, total, n)


@op_kernel(POOL)
def average_pool(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = the sum of the window, in order, divided by how many of it count as input."""
    x, y = _operands(instruction, segments, like, (clip, clips, micro_batch))
    for b in range(clips):
        for t in range(instruction[POOL.time]):
            for f in range(instruction[POOL.freq]):
                for c in range(0, instruction[POOL.channels], lanes(y)):
                    n = instruction[POOL.channels] - c
                    total = zero(y)
                    for i in range(instruction[POOL.window_time]):
                        for j in range(instruction[POOL.window_freq]):
                            p = _window_element(instruction, POOL, POOL.x, b, t, f, i, j)
                            total = total + masked_load(x, p + c, n)
                    masked_store(
                        y,
                        element(instruction, POOL.y, b, t, f) + c,
                        total * splat(y, 1.0 / _count(instruction, POOL, t, f)),
                        n,
                    )


@part
def _filled_up(instruction, names, t, f):
    """The factor that scales the sum of a window cut off at the end up to a whole window's; 1 for whole ones."""
    taps = instruction[names.window_time] * instruction[names.window_freq]
    return np.float64(taps) / np.float64(_count(instruction, names, t, f))


@op_kernel(POOL)
def lp_pool(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = (sum of |x|**p over the window)**(1 / p), or of x**p."""
    x, y = _operands(instruction, segments, like, (clip, clips, micro_batch))
    power = real(instruction, POOL.power)
    for b in range(clips):
        for t in range(instruction[POOL.time]):
            for f in range(instruction[POOL.freq]):
                for c in range(instruction[POOL.channels]):
                    total = 0.0
                    for i in range(instruction[POOL.window_time]):
                        for j in range(instruction[POOL.window_freq]):
                            p = _window_element(instruction, POOL, POOL.x, b, t, f, i, j)
                            value = np.float64(x[p + c])
                            total += value**power if instruction[POOL.signed] else abs(value) ** power
                    y[element(instruction, POOL.y, b, t, f) + c] = (total * _filled_up(instruction, POOL, t, f)) ** (
                        1.0 / power
                    )


@part
def _same(a, b):
    return a == b or (a != a and b != b)


@op_kernel(POOL_GRADIENT)
def max_pool_gradient(instruction, segments, like, clip, clips, micro_batch, thread):
    """Add grad_y to grad_x where x has the window's first maximum (or NaN)."""
    x, y, grad_y, grad_x = _gradient_operands(instruction, segments, like, (clip, clips, micro_batch))
    for b in range(clips):
        for t in range(instruction[POOL_GRADIENT.time]):
            for f in range(instruction[POOL_GRADIENT.freq]):
                for c in range(instruction[POOL_GRADIENT.channels]):
                    largest = y[element(instruction, POOL_GRADIENT.y, b, t, f) + c]
                    tap, taps = 0, instruction[POOL_GRADIENT.window_time] * instruction[POOL_GRADIENT.window_freq]
                    while tap < taps:
                        s = t * instruction[POOL_GRADIENT.stride_time] + tap // instruction[POOL_GRADIENT.window_freq]
                        q = f * instruction[POOL_GRADIENT.stride_freq] + tap % instruction[POOL_GRADIENT.window_freq]
                        if _same(x[element(instruction, POOL_GRADIENT.x, b, s, q) + c], largest):
                            grad_x[element(instruction, POOL_GRADIENT.grad_x, b, s, q) + c] += grad_y[
                                element(instruction, POOL_GRADIENT.grad_y, b, t, f) + c
                            ]
                            tap = taps
                        tap += 1


@op_kernel(POOL_GRADIENT)
def average_pool_gradient(instruction, segments, like, clip, clips, micro_batch, thread):
    """Add grad_y, divided as in `average_pool`, to all of the window of grad_x."""
    at = (clip, clips, micro_batch)
    grad_y = floats(instruction, segments, like, POOL_GRADIENT.grad_y, at)
    grad_x = floats(instruction, segments, like, POOL_GRADIENT.grad_x, at)
    for b in range(clips):
        for t in range(instruction[POOL_GRADIENT.time]):
            for f in range(instruction[POOL_GRADIENT.freq]):
                for c in range(0, instruction[POOL_GRADIENT.channels], lanes(grad_x)):
                    n = instruction[POOL_GRADIENT.channels] - c
                    share = masked_load(grad_y, element(instruction, POOL_GRADIENT.grad_y, b, t, f) + c, n) * splat(
                        grad_x, 1.0 / _count(instruction, POOL_GRADIENT, t, f)
                    )
                    for i in range(instruction[POOL_GRADIENT.window_time]):
                        for j in range(instruction[POOL_GRADIENT.window_freq]):
                            p = _window_element(instruction, POOL_GRADIENT, POOL_GRADIENT.grad_x, b, t, f, i, j) + c
                            masked_store(grad_x, p, masked_load(grad_x, p, n) + share, n)


@op_kernel(POOL_GRADIENT)
def lp_pool_gradient(instruction, segments, like, clip, clips, micro_batch, thread):
    """Add grad_y * sign(x) * (|x| / y)**(p - 1) to grad_x, or grad_y * (x / y)**(p - 1)."""
    x, y, grad_y, grad_x = _gradient_operands(instruction, segments, like, (clip, clips, micro_batch))
    power = real(instruction, POOL_GRADIENT.power)
    for b in range(clips):
        for t in range(instruction[POOL_GRADIENT.time]):
            for f in range(instruction[POOL_GRADIENT.freq]):
                for c in range(instruction[POOL_GRADIENT.channels]):
                    total, filled_up = (
                        np.float64(y[element(instruction, POOL_GRADIENT.y, b, t, f) + c]),
                        _filled_up(instruction, POOL_GRADIENT, t, f),
                    )
                    for i in range(instruction[POOL_GRADIENT.window_time]):
                        for j in range(instruction[POOL_GRADIENT.window_freq]):
                            s, q = (
                                t * instruction[POOL_GRADIENT.stride_time] + i,
                                f * instruction[POOL_GRADIENT.stride_freq] + j,
                            )
                            value = np.float64(x[element(instruction, POOL_GRADIENT.x, b, s, q) + c])
                            if instruction[POOL_GRADIENT.signed]:
                                slope = (value / total) ** (power - 1.0) if total != 0 else 0.0
                            else:
                                slope = (abs(value) / total) ** (power - 1.0) if total > 0 else 0.0
                                slope = slope if value > 0 else -slope
                            grad = slope * filled_up * grad_y[element(instruction, POOL_GRADIENT.grad_y, b, t, f) + c]
                            grad_x[element(instruction, POOL_GRADIENT.grad_x, b, s, q) + c] += x.dtype.type(grad)
