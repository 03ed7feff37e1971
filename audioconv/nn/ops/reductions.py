"""Means and sums over frequency, and the running mean of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audioconv.kernels.nn import pooling as kernels
from audioconv.kernels.nn import streaming
from audioconv.nn.ops.graph import Graph, OpSpec, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, extent, instruction
from audioconv.nn.ops.pointwise import broadcast, scale
from audioconv.nn.ops.pooling import PoolWindow
from audioconv.nn.ops.tensor_view import TensorView, shape3


@dataclass(frozen=True, eq=False)
class RunningMeanSpec(OpSpec):
    """The mean over all frames so far and all frequencies, a row a frame."""


@dataclass(frozen=True, eq=False)
class FrequencyMeanSpec(OpSpec):
    """The mean over frequency."""


def running_mean(graph: Graph, x: Tensor) -> Tensor:
    """In a stream: the mean over all frames so far, a row a frame."""
    time, _, channels = shape3(x.shape)
    state = np.zeros(channels + 1)
    graph.states.append(state)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (source, sums), (target,) = reads, writes
        dims = extent(shape3(x.shape))
        return [instruction(streaming.running_mean, plan.dtype, x=source, y=target, sums=sums, **dims)]

    return graph.operation(encode, [x, graph.array(state)], (time, channels), spec=RunningMeanSpec())


def frequency_sum(graph: Graph, x: Tensor) -> Tensor:
    """The sum over frequency, (time, 1, channels), without a gradient."""
    _, freq, _ = shape3(x.shape)
    return scale(graph, _frequency_mean(graph, x), freq)


def frequency_mean(graph: Graph, x: Tensor) -> Tensor:
    """The mean over frequency, (time, 1, channels), with its gradient."""
    _, freq, _ = shape3(x.shape)
    y = _frequency_mean(graph, x)
    graph.record_gradient(y, lambda grad_y: graph.add_gradient(x, broadcast(graph, grad_y, x.shape, 1 / freq)))
    return y


def _frequency_mean(graph: Graph, x: Tensor) -> Tensor:
    time, freq, channels = shape3(x.shape)
    shape = time, 1, channels
    parameters = PoolWindow((1, freq), (1, 1)).parameters(x.shape, shape)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (source,), (target,) = reads, writes
        return [instruction(kernels.average_pool, plan.dtype, x=source, y=target, **parameters)]

    return graph.operation(encode, [x], shape, spec=FrequencyMeanSpec())
