"""Batch norm as operations of a `Graph`: statistics of the whole batch, and the way back through them."""

import numpy as np

from audioconv.kernels.nn import batch_norm as kernels
from audioconv.kernels.nn import elementwise
from audioconv.nn.ops.graph import MICRO_BATCH, THREAD, Tensor
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.ops.pointwise import ACTIVATIONS
from audioconv.nn.ops.tensor_view import shape3


def normalise(graph, x, factors, activation, bands=1):
    """activation((x - mean) * scale + shift), cheap; factors (3, bands * channels)."""
    numbers = [ACTIVATIONS[activation], bands]

    def encode(plan, place):
        return [
            instruction(
                elementwise.normalise, plan.dtype, [place(x), place(factors), place(y)], [*shape3(x.shape), *numbers]
            )
        ]

    y = graph.operation(encode, [x, factors], x.shape, rematerialised=True)
    return y


def sums(graph, x, bands=1):
    """Sums of x and x * x over a group, (2, bands * channels) in float64."""
    shape = shape3(x.shape)

    def encode(plan, place):
        return [instruction(elementwise.sums, plan.dtype, [place(x), place(total)], [*shape, bands])]

    total = graph.operation(encode, [x], (2, bands * shape[2]), MICRO_BATCH, accumulator=True)
    return total


def moments(graph, x, bands=1):
    """Sums, pivots and counts of a group as `elementwise.moments` gives them, (4, bands * channels) in float64."""
    shape = shape3(x.shape)

    def encode(plan, place):
        return [instruction(elementwise.moments, plan.dtype, [place(x), place(total)], [*shape, bands])]

    total = graph.operation(encode, [x], (4, bands * shape[2]), MICRO_BATCH, accumulator=True)
    return total


def batch_norm(graph, x, norm, activation, bands=1):
    """Batch norm with the statistics of the batch and an activation, and its way back.

    `norm` has arrays scale, shift, mean, variance, their gradients, and momentum, epsilon.
    """
    time, freq, channels = shape3(x.shape)
    width, total = bands * channels, moments(graph, x, bands)
    count = graph.batch * time * freq // bands
    arrays = [graph.array(a) for a in (norm.scale, norm.shift, norm.mean, norm.variance)]

    def encode(plan, place):
        numbers = [width, plan.micro_batch_count, count, float(norm.momentum), float(norm.epsilon)]
        where = [place(total).all_micro_batches(plan.micro_batch_count), *map(place, (*arrays, factors, deviation))]
        return [instruction(kernels.batch_statistics, plan.dtype, where, numbers)]

    before = graph.uses(norm.mean)  # of the same layer: its running statistics follow one use after the other
    factors = graph.operation(encode, [total, *arrays, *before], (3, width), THREAD, once=True)
    before.append(factors)
    deviation = _also_written(factors, (2, width))
    y = normalise(graph, x, factors, activation, bands)

    def back(grad_y):
        _batch_norm_gradient(graph, norm, (x, grad_y, factors, deviation), ACTIVATIONS[activation], bands, count)

    graph.record_gradient(y, back)
    return y


def _also_written(first, shape):
    """A second result, in float64 and a thread's own, of the operation that makes the first."""
    second = Tensor(shape, THREAD, True, first.producer)
    first.producer.writes.append(second)
    return second


def _batch_norm_gradient(graph, norm, tensors, kind, bands, count):
    x, grad_y, factors, deviation = tensors
    shape = shape3(x.shape)
    width = bands * shape[2]

    def encode_sums(plan, place):
        where = [place(t) for t in (x, grad_y, factors, total)]
        return [instruction(elementwise.normalise_sums, plan.dtype, where, [*shape, kind, bands])]

    total = graph.operation(encode_sums, [x, grad_y, factors], (2, width), MICRO_BATCH, accumulator=True)
    own = map(graph.gradient_of, (norm.grad_scale, norm.grad_shift))
    scale, grad_scale, grad_shift = map(graph.array, (norm.scale, *own))

    def encode_once(plan, place):
        rest = (scale, deviation, terms, grad_scale, grad_shift)
        where = [place(total).all_micro_batches(plan.micro_batch_count), *map(place, rest)]
        return [instruction(kernels.batch_gradient, plan.dtype, where, [width, plan.micro_batch_count, count])]

    terms = graph.operation(encode_once, [total, scale, deviation], (3, width), THREAD, once=True)
    terms.producer.writes += [grad_scale, grad_shift]

    def encode(plan, place):
        where = [place(t) for t in (x, grad_y, factors, terms, grad_x)]
        return [instruction(elementwise.normalise_gradient, plan.dtype, where, [*shape, kind, bands])]

    grad_x = graph.operation(encode, [x, grad_y, factors, terms], x.shape, rematerialised=True)
    graph.add_gradient(x, grad_x)


def folded(norm):
    """(scale, shift) in float64 of the map that a batch norm is outside of training."""
    scale = norm.scale / np.sqrt(norm.variance + norm.epsilon)
    return scale, norm.shift - norm.mean * scale


def running_norm(graph, x, norm, activation, bands=1):
    """Batch norm with the running statistics."""

    def make():
        scale, lost = folded(norm)[0], norm.mean - norm.mean.astype(graph.dtype)
        far = np.abs(norm.mean) > kernels.FAR * np.sqrt(norm.variance + norm.epsilon)
        return np.stack([norm.mean, scale, norm.shift - np.where(far, lost, 0) * scale])

    factors = graph.folded_constant(make)
    return normalise(graph, x, factors, activation, bands)
