"""Operations on activations, as layers put them into a `Graph`: each with its rows for the kernels, and its
gradient.
"""

from dataclasses import replace

import numpy as np

from audioconv.kernels.nn import elementwise as kernels
from audioconv.kernels.nn import pool as pools
from audioconv.kernels.nn import streaming
from audioconv.nn.ops import graph as graphs
from audioconv.nn.ops.graph import Margins
from audioconv.nn.ops.rows import merged, row, seen_as, shape3

ACTIVATIONS = {"linear": kernels.LINEAR, "relu": kernels.RELU, "swish": kernels.SWISH, "sigmoid": kernels.SIGMOID}


def _pointwise(graph, step, reads, shape, numbers, merge=True, places=None):
    """An operation on one element at a time: `step` with its operands, the result last; always cheap."""

    def encode(plan, place):
        where = [place(t) for t in reads]
        if places:
            where = [change(p) for change, p in zip(places, where, strict=True)]
        where.append(place(result))
        dims = merged(shape3(shape), where) if merge else shape3(shape)
        return [row(step, plan.dtype, where, [*dims, *numbers])]

    result = graph.operation(encode, reads, shape, cheap=True)
    return result


def scaled(graph, x, factor):
    """factor * x, cheap."""
    return _pointwise(graph, kernels.scaled, [x], x.shape, [float(factor)])


def repeated(graph, x, shape, factor):
    """factor * x, for all of time or frequency where x has one step of them; cheap."""
    time, freq, _ = shape3(x.shape)

    def spread(place):
        return place.every(int(time > 1), int(freq > 1))

    return _pointwise(graph, kernels.scaled, [x], shape, [float(factor)], merge=False, places=[spread])


def add(graph, a, b, activation="linear"):
    """activation(a + b), and its way back; b may have one frequency for all of a's.

    The sum is kept in memory: done again in each phase, as what is cheap, it would need all sums before it, too.
    """
    spread = shape3(b.shape)[1] == 1 != shape3(a.shape)[1]

    def encode(plan, place):
        where = [place(a), place(b).every(1, 0) if spread else place(b), place(y)]
        dims = shape3(a.shape) if spread else merged(shape3(a.shape), where)
        return [row(kernels.add, plan.dtype, where, [*dims, ACTIVATIONS[activation]])]

    y = graph.operation(encode, [a, b], a.shape)

    def back(grad_y):
        # where the sum is positive its ReLU is, so that the sum itself need not be kept
        grad = grad_y if activation == "linear" else _sloped(graph, y, grad_y, activation)
        graph.add_gradient(a, grad)
        graph.add_gradient(b, frequency_sum(graph, grad) if spread else grad)

    graph.on_the_way_back(y, back)
    return y


def activate(graph, x, activation):
    """The activation of x, and its way back."""
    y = _pointwise(graph, kernels.activate, [x], x.shape, [ACTIVATIONS[activation]])

    graph.on_the_way_back(y, lambda grad_y: graph.add_gradient(x, _sloped(graph, x, grad_y, activation)))
    return y


def _sloped(graph, x, grad_y, activation):
    """The gradient of x from that of its activation."""
    return _pointwise(graph, kernels.activate_gradient, [x, grad_y], x.shape, [ACTIVATIONS[activation]])


def drop(graph, x, rate):
    """x with a share of its elements zero, and its way back."""
    seeds = graph.given("seeds", (1,))
    graph.dropouts += 1
    numbers = [graph.dropouts, float(rate)]

    def dropped(z):
        return _pointwise(graph, kernels.drop, [z, seeds], z.shape, numbers, merge=False)

    y = dropped(x)
    graph.on_the_way_back(y, lambda grad_y: graph.add_gradient(x, dropped(grad_y)))
    return y


# --- the way back ---


def gradient(graph, x):
    """The whole gradient of x, or None if nothing depends on it."""
    found = graph.gradients.get(x, [])
    while len(found) > 1:
        found[:2] = [_sum(graph, *found[:2])]
    return found[0] if found else None


def _sum(graph, a, b):
    def encode(plan, place):
        where = [place(a), place(b), place(y)]
        return [row(kernels.add, plan.dtype, where, [*merged(shape3(a.shape), where), kernels.LINEAR])]

    y = graph.operation(encode, [a, b], a.shape)
    return y


def backward(graph, y, grad_y):
    """Go back from the gradient of y."""
    graph.add_gradient(y, grad_y)
    for tensor, step in reversed(graph.way_back):
        grad = gradient(graph, tensor)
        if grad is not None:
            step(grad)


# --- pools ---


class Window:
    """Windows over time and frequency: (size, stride, margins, those of them that count as input) for each, as
    pairs.
    """

    def __init__(self, size, stride, padding, counted=((0, 0), (0, 0))):
        self.size, self.stride, self.padding, self.counted = size, stride, padding, counted

    def numbers(self, x, y):
        """What rows of pools end with, but the power and its sign."""
        sizes = [size + sum(counted) for size, counted in zip(shape3(x.shape), self.counted, strict=False)]
        before = [padding[0] - counted[0] for padding, counted in zip(self.padding, self.counted, strict=True)]
        return [*shape3(y.shape), *self.size, *self.stride, *sizes, *before]


POOLS = {
    "max": (pools.max_pool, pools.max_pool_gradient, float("-inf")),
    "average": (pools.average_pool, pools.average_pool_gradient, 0.0),
    "lp": (pools.lp_pool, pools.lp_pool_gradient, 0.0),
}


def pool(graph, x, kind, window, shape, power=2.0, signed=False):
    """The maximum, average or Lp norm over windows, and its way back; `shape` is what the output is seen as.

    signed: an Lp norm of powers of x, not of |x|.
    """
    step, step_back, fill = POOLS[kind]
    margins = Margins(*window.padding, fill)
    (before, _), (low, _) = window.padding
    if graph.stream and fill and margins:
        x = scaled(graph, x, 1.0)  # for itself, because no other wants such margins

    def encode(plan, place):
        where = [place(x).moved(-before, -low), place(y)]
        each = row(step, plan.dtype, where, [*window.numbers(x, y), float(power), int(signed)])
        each.counted = sum(window.counted[0])
        return [each]

    seen = graphs.Window(window.size[0], window.stride[0])
    y = graph.operation(encode, [x], shape, margins={x: margins} if margins else {}, window=seen)

    def back(grad_y):
        time, freq, channels = shape3(x.shape)
        whole = (before + time + window.padding[0][1], low + freq + window.padding[1][1], channels)

        def encode(plan, place):
            target = place(grad_whole)
            zero = row(kernels.fill, plan.dtype, [target], [*merged(whole, [target]), 0.0])
            where = [place(x).moved(-before, -low), place(y), place(grad_y), target]
            return [zero, row(step_back, plan.dtype, where, [*window.numbers(x, y), float(power), int(signed)])]

        reads = [x, y, grad_y]
        grad_whole = graph.operation(encode, reads, whole, margins={x: margins} if margins else {})
        cut = [lambda place: place.moved(before, low)]
        inside = _pointwise(graph, kernels.scaled, [grad_whole], x.shape, [1.0], places=cut) if margins else grad_whole
        graph.add_gradient(x, inside)

    graph.on_the_way_back(y, back)
    return y


def running_mean(graph, x):
    """In a stream: the mean over all frames so far, a row a frame."""
    time, freq, channels = shape3(x.shape)
    state = graph.array(np.zeros(channels + 1))
    graph.states.append(state.array)

    def encode(plan, place):
        where = [place(x), place(y), place(state)]
        return [row(streaming.running_mean, plan.dtype, where, [time, freq, channels])]

    y = graph.operation(encode, [x, state], (time, channels))
    return y


def maxout(graph, x, pieces):
    """The largest of `pieces` values a unit, and its way back: windows over the pieces, as if these were
    frequencies.
    """
    time, freq, channels = shape3(x.shape)
    units = channels // pieces
    numbers = [time, 1, units, 1, pieces, 1, pieces, time, pieces, 0, 0, 2.0]
    y_shape = seen_as((time, freq, units), x.shape)

    def at(place, f):
        here = place.moved(0, f)
        return replace(here, freq=units)

    def encode(plan, place):
        return [row(pools.max_pool, plan.dtype, [at(place(x), f), at(place(y), f)], numbers) for f in range(freq)]

    y = graph.operation(encode, [x], y_shape)

    def back(grad_y):
        def encode(plan, place):
            target = place(grad_x)
            rows = [row(kernels.fill, plan.dtype, [target], [time, freq, channels, 0.0])]
            for f in range(freq):
                where = [at(place(t), f) for t in (x, y, grad_y, grad_x)]
                rows.append(row(pools.max_pool_gradient, plan.dtype, where, numbers))
            return rows

        grad_x = graph.operation(encode, [x, y, grad_y], x.shape)
        graph.add_gradient(x, grad_x)

    graph.on_the_way_back(y, back)
    return y


def frequency_sum(graph, x):
    """The sum over frequency."""
    _, freq, _ = shape3(x.shape)
    return scaled(graph, frequency_mean(graph, x, way_back=False), freq)


def frequency_mean(graph, x, way_back=True):
    """The mean over frequency, (time, 1, channels), and its way back."""
    time, freq, channels = shape3(x.shape)
    window = Window((1, freq), (1, 1), ((0, 0), (0, 0)))

    def encode(plan, place):
        return [row(pools.average_pool, plan.dtype, [place(x), place(y)], [*window.numbers(x, y), 1.0])]

    y = graph.operation(encode, [x], (time, 1, channels))
    if way_back:
        graph.on_the_way_back(y, lambda grad_y: graph.add_gradient(x, repeated(graph, grad_y, x.shape, 1 / freq)))
    return y
