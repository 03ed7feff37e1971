"""Op kernels on single elements: copies, activations, sums of two tensors, dropout, with their gradients.

An operand is (clips, time, freq, channels) with contiguous channels and any strides of the other axes, so that an op
kernel can write into the middle of an array with a halo, or broadcast over frequency. max(0, NaN) is NaN, and
gradients pass there.
"""

import numpy as np

from audioconv.kernels._jit import op_kernel, part
from audioconv.kernels.nn.operands import DIMS, element, floats, integers, op_layout, real
from audioconv.kernels.simd.vector import lanes, maximum, splat, zero
from audioconv.kernels.simd.vector_math import divide, exp, masked_load, masked_store, where_positive

LINEAR, RELU, SWISH, SIGMOID = range(4)


@part
def sigmoid(a, v):
    one = splat(a, 1.0)
    return divide(one, one + exp(-v))


@part
def activation(a, v, kind):
    if kind == RELU:
        v = maximum(v, zero(a))
    elif kind == SWISH:
        v = v * sigmoid(a, v)
    elif kind == SIGMOID:
        v = sigmoid(a, v)
    return v


@part
def activation_gradient(a, v, g, kind):
    """The gradient of v from that of activation(v)."""
    if kind == RELU:
        g = where_positive(v, g)
    elif kind == SWISH:
        s = sigmoid(a, v)
        g = g * (s + v * s * (splat(a, 1.0) - s))
    elif kind == SIGMOID:
        s = sigmoid(a, v)
        g = g * s * (splat(a, 1.0) - s)
    return g


FILL = op_layout("FILL", operands=("y",), integers=DIMS, reals=("value",))


@op_kernel(FILL)
def fill(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = value."""
    y = floats(instruction, segments, like, FILL.y, (clip, clips, micro_batch))
    value, channels = splat(y, real(instruction, FILL.value)), instruction[FILL.channels]
    for b in range(clips):
        for t in range(instruction[FILL.time]):
            for f in range(instruction[FILL.freq]):
                i = element(instruction, FILL.y, b, t, f)
                for c in range(0, channels, lanes(y)):
                    masked_store(y, i + c, value, channels - c)


SCALE = op_layout("SCALE", operands=("x", "y"), integers=DIMS, reals=("factor",))


@op_kernel(SCALE)
def scale(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = factor * x."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, SCALE.x, at)
    y = floats(instruction, segments, like, SCALE.y, at)
    factor, channels = splat(y, real(instruction, SCALE.factor)), instruction[SCALE.channels]
    for b in range(clips):
        for t in range(instruction[SCALE.time]):
            for f in range(instruction[SCALE.freq]):
                i, j = element(instruction, SCALE.x, b, t, f), element(instruction, SCALE.y, b, t, f)
                for c in range(0, channels, lanes(y)):
                    masked_store(y, j + c, masked_load(x, i + c, channels - c) * factor, channels - c)


ACTIVATE = op_layout("ACTIVATE", operands=("x", "y"), integers=(*DIMS, "activation"))


@op_kernel(ACTIVATE)
def activate(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = activation of x."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, ACTIVATE.x, at)
    y = floats(instruction, segments, like, ACTIVATE.y, at)
    kind, channels = instruction[ACTIVATE.activation], instruction[ACTIVATE.channels]
    for b in range(clips):
        for t in range(instruction[ACTIVATE.time]):
            for f in range(instruction[ACTIVATE.freq]):
                i, j = element(instruction, ACTIVATE.x, b, t, f), element(instruction, ACTIVATE.y, b, t, f)
                for c in range(0, channels, lanes(y)):
                    masked_store(y, j + c, activation(y, masked_load(x, i + c, channels - c), kind), channels - c)


ACTIVATE_GRADIENT = op_layout("ACTIVATE_GRADIENT", operands=("x", "grad_y", "grad_x"), integers=(*DIMS, "activation"))


@op_kernel(ACTIVATE_GRADIENT)
def activate_gradient(instruction, segments, like, clip, clips, micro_batch, thread):
    """grad_x = grad_y * slope of the activation at x."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, ACTIVATE_GRADIENT.x, at)
    g = floats(instruction, segments, like, ACTIVATE_GRADIENT.grad_y, at)
    y = floats(instruction, segments, like, ACTIVATE_GRADIENT.grad_x, at)
    kind, channels = instruction[ACTIVATE_GRADIENT.activation], instruction[ACTIVATE_GRADIENT.channels]
    for b in range(clips):
        for t in range(instruction[ACTIVATE_GRADIENT.time]):
            for f in range(instruction[ACTIVATE_GRADIENT.freq]):
                i, j, k = (
                    element(instruction, ACTIVATE_GRADIENT.x, b, t, f),
                    element(instruction, ACTIVATE_GRADIENT.grad_y, b, t, f),
                    element(instruction, ACTIVATE_GRADIENT.grad_x, b, t, f),
                )
                for c in range(0, channels, lanes(y)):
                    n = channels - c
                    masked_store(
                        y, k + c, activation_gradient(y, masked_load(x, i + c, n), masked_load(g, j + c, n), kind), n
                    )


ADD = op_layout("ADD", operands=("a", "b", "y"), integers=(*DIMS, "activation"))


@op_kernel(ADD)
def add(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = activation of a + b."""
    at = (clip, clips, micro_batch)
    a = floats(instruction, segments, like, ADD.a, at)
    b = floats(instruction, segments, like, ADD.b, at)
    y = floats(instruction, segments, like, ADD.y, at)
    kind, channels = instruction[ADD.activation], instruction[ADD.channels]
    for n in range(clips):
        for t in range(instruction[ADD.time]):
            for f in range(instruction[ADD.freq]):
                i, j, k = (
                    element(instruction, ADD.a, n, t, f),
                    element(instruction, ADD.b, n, t, f),
                    element(instruction, ADD.y, n, t, f),
                )
                for c in range(0, channels, lanes(y)):
                    m = channels - c
                    masked_store(y, k + c, activation(y, masked_load(a, i + c, m) + masked_load(b, j + c, m), kind), m)


@part
def _mixed(x):
    """Scramble 64 bits (splitmix64; Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


DROPOUT = op_layout("DROPOUT", operands=("x", "seeds", "y"), integers=(*DIMS, "layer"), reals=("rate",))


@op_kernel(DROPOUT)
def dropout(instruction, segments, like, clip, clips, micro_batch, thread):
    """y = x / (1 - rate), or 0 with probability rate.

    Whether element e of a clip is dropped depends on the seed of the clip, the number of the layer and e alone.
    """
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, DROPOUT.x, at)
    seeds = integers(instruction, segments, like, DROPOUT.seeds, at)
    y = floats(instruction, segments, like, DROPOUT.y, at)
    rate = real(instruction, DROPOUT.rate)
    kept, bound = x.dtype.type(1.0 / (1.0 - rate)), np.int64(rate * 4294967296.0)
    for b in range(clips):
        key = _mixed(np.uint64(seeds[b]) + np.uint64(instruction[DROPOUT.layer]) * np.uint64(0x9E3779B97F4A7C15))
        e = np.uint64(0)
        for t in range(instruction[DROPOUT.time]):
            for f in range(instruction[DROPOUT.freq]):
                i, j = element(instruction, DROPOUT.x, b, t, f), element(instruction, DROPOUT.y, b, t, f)
                for c in range(instruction[DROPOUT.channels]):
                    chance = np.int64(_mixed(key + e) >> np.uint64(32))
                    y[j + c] = x[i + c] * kept if chance >= bound else x.dtype.type(0.0)
                    e += np.uint64(1)
