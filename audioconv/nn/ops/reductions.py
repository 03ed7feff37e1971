"""Means and sums over frequency, and the running mean of a stream."""

import numpy as np

from audioconv.kernels.nn import pooling as pools
from audioconv.kernels.nn import streaming
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.ops.pointwise import repeated, scaled
from audioconv.nn.ops.pooling import PoolWindow
from audioconv.nn.ops.tensor_view import shape3


def running_mean(graph, x):
    """In a stream: the mean over all frames so far, a row a frame."""
    time, freq, channels = shape3(x.shape)
    state = graph.array(np.zeros(channels + 1))
    graph.states.append(state.array)

    def encode(plan, place):
        where = [place(x), place(y), place(state)]
        return [instruction(streaming.running_mean, plan.dtype, where, [time, freq, channels])]

    y = graph.operation(encode, [x, state], (time, channels))
    return y


def frequency_sum(graph, x):
    """The sum over frequency."""
    _, freq, _ = shape3(x.shape)
    return scaled(graph, frequency_mean(graph, x, differentiable=False), freq)


def frequency_mean(graph, x, differentiable=True):
    """The mean over frequency, (time, 1, channels), and its way back."""
    time, freq, channels = shape3(x.shape)
    window = PoolWindow((1, freq), (1, 1), ((0, 0), (0, 0)))

    def encode(plan, place):
        return [instruction(pools.average_pool, plan.dtype, [place(x), place(y)], [*window.numbers(x, y), 1.0])]

    y = graph.operation(encode, [x], (time, 1, channels))
    if differentiable:
        graph.record_gradient(y, lambda grad_y: graph.add_gradient(x, repeated(graph, grad_y, x.shape, 1 / freq)))
    return y
