"""Pooling over windows of time and frequency, and maxout, with their gradients."""

from dataclasses import replace

from audioconv.kernels.nn import elementwise as kernels
from audioconv.kernels.nn import pooling as pools
from audioconv.nn.ops.graph import Halo, ReceptiveWindow
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.ops.pointwise import pointwise, scaled
from audioconv.nn.ops.tensor_view import merged, shape3, squeeze_like


class PoolWindow:
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
    margins = Halo(*window.padding, fill)
    (before, _), (low, _) = window.padding
    if graph.stream and fill and margins:
        x = scaled(graph, x, 1.0)  # for itself, because no other wants such margins

    def encode(plan, place):
        where = [place(x).moved(-before, -low), place(y)]
        each = instruction(step, plan.dtype, where, [*window.numbers(x, y), float(power), int(signed)])
        each.counted = sum(window.counted[0])
        return [each]

    seen = ReceptiveWindow(window.size[0], window.stride[0])
    y = graph.operation(encode, [x], shape, margins={x: margins} if margins else {}, window=seen)

    def back(grad_y):
        time, freq, channels = shape3(x.shape)
        whole = (before + time + window.padding[0][1], low + freq + window.padding[1][1], channels)

        def encode(plan, place):
            target = place(grad_whole)
            zero = instruction(kernels.fill, plan.dtype, [target], [*merged(whole, [target]), 0.0])
            where = [place(x).moved(-before, -low), place(y), place(grad_y), target]
            return [zero, instruction(step_back, plan.dtype, where, [*window.numbers(x, y), float(power), int(signed)])]

        reads = [x, y, grad_y]
        grad_whole = graph.operation(encode, reads, whole, margins={x: margins} if margins else {})
        cut = [lambda place: place.moved(before, low)]
        inside = pointwise(graph, kernels.scaled, [grad_whole], x.shape, [1.0], places=cut) if margins else grad_whole
        graph.add_gradient(x, inside)

    graph.record_gradient(y, back)
    return y


def maxout(graph, x, pieces):
    """The largest of `pieces` values a unit, and its way back: windows over the pieces, as if these were
    frequencies.
    """
    time, freq, channels = shape3(x.shape)
    units = channels // pieces
    numbers = [time, 1, units, 1, pieces, 1, pieces, time, pieces, 0, 0, 2.0]
    y_shape = squeeze_like((time, freq, units), x.shape)

    def at(place, f):
        here = place.moved(0, f)
        return replace(here, freq=units)

    def encode(plan, place):
        return [
            instruction(pools.max_pool, plan.dtype, [at(place(x), f), at(place(y), f)], numbers) for f in range(freq)
        ]

    y = graph.operation(encode, [x], y_shape)

    def back(grad_y):
        def encode(plan, place):
            target = place(grad_x)
            rows = [instruction(kernels.fill, plan.dtype, [target], [time, freq, channels, 0.0])]
            for f in range(freq):
                where = [at(place(t), f) for t in (x, y, grad_y, grad_x)]
                rows.append(instruction(pools.max_pool_gradient, plan.dtype, where, numbers))
            return rows

        grad_x = graph.operation(encode, [x, y, grad_y], x.shape)
        graph.add_gradient(x, grad_x)

    graph.record_gradient(y, back)
    return y
