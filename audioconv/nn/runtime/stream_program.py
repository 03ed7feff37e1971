"""What all streams of a network share: the plan, its tables, and the weights of when it was made."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from audioconv.errors import ShapeError
from audioconv.kernels.nn import streaming as kernels
from audioconv.kernels.nn.streaming import PATCH, READ, STREAM_OP
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.pointwise import scale
from audioconv.nn.runtime.plan import FIRST_ARRAY
from audioconv.nn.runtime.program import one_buffer
from audioconv.nn.runtime.stream_plan import StreamPlan, receptive, tile_round

if TYPE_CHECKING:
    from audioconv._typing import Array, IntArray

TRIAL_FRAMES = 1 << 12  # of the graph that a receptive field is looked up in


class Network(Protocol):
    """What a stream needs of a layer."""

    dtype: np.dtype[Any]

    def _build(self, graph: Graph, x: Tensor) -> Tensor: ...

    def _stream_program(self, shape: tuple[int, ...], average: Literal["clip"] | int) -> StreamProgram: ...


class StreamProgram:
    """A plan for streams, its tables as they are at the start, and its weights. It is not changed by streams.

    Parameters
    ----------
    network : Layer
    shape : tuple of int, of a frame
    average : "clip" or int
        As of `NetworkStream`.

    Attributes
    ----------
    plan : StreamPlan
    receptive_field, look_ahead : int, in frames
    step : Fraction, frames from one output to the next
    y_shape : tuple of int, of a row of outputs
    weights : array, all folded constants
    arrays : dict of the segments that streams share to their arrays
    states : dict of the segments that each stream has for itself to the arrays that they are like
    """

    def __init__(self, network: Network, shape: tuple[int, ...], average: Literal["clip"] | int) -> None:
        self.dtype = network.dtype
        trial = _graph(network, shape, average, TRIAL_FRAMES)[0]
        self.receptive_field, self.step, self.look_ahead = receptive(trial)
        room = kernels.NETWORK_BLOCK + self.receptive_field + 2 * tile_round(trial)
        graph, x, y = _graph(network, shape, average, room)
        self.y_shape = y.shape[1:]
        self.plan = plan = StreamPlan(graph, x, y)
        self.weights = one_buffer(plan.arrays, self.dtype)
        self._folded = [tensor for tensor in plan.arrays if tensor.make is not None]
        segments = {i: t.array for i, t in enumerate(plan.arrays, FIRST_ARRAY) if t.array is not None}
        own = {id(state) for state in graph.states}
        self.states = {i: array for i, array in segments.items() if id(array) in own}
        self.arrays = {i: array for i, array in segments.items() if id(array) not in own}
        width = max(map(len, plan.table), default=1)
        self.table = rows_of([row + [0] * (width - len(row)) for row in plan.table], width)
        self.patches = rows_of(plan.patches, PATCH.row_size)
        self.fills: Array = np.array(plan.fills, self.dtype)
        self.queues, self.reads = plan.queues(), rows_of(plan.reads, READ.row_size)
        self.ops = rows_of(plan.ops, STREAM_OP.row_size)
        self.limited = any(op.window.limit for op in graph.ops)
        self.max_rows = ceil(kernels.NETWORK_BLOCK / self.step) + 1  # of outputs for a block of frames

    def __repr__(self) -> str:
        return f"StreamProgram({self.plan!r}, weights of {self.weights.nbytes / 1e3:.0f} kB)"

    def is_current(self) -> bool:
        """Whether its weights are those that the network has now."""
        return all(
            np.array_equal(tensor.array, np.array(tensor.make(), self.dtype), equal_nan=True)
            for tensor in self._folded
            if tensor.make is not None and tensor.array is not None
        )


def rows_of(rows: Sequence[Sequence[int]], width: int) -> IntArray:
    """Rows of numbers as an int64 array, also if there are none."""
    return np.array(rows, np.int64).reshape(-1, width)


def _graph(
    network: Network, shape: tuple[int, ...], average: Literal["clip"] | int, time: int
) -> tuple[Graph, Tensor, Tensor]:
    graph = Graph(network.dtype, False, 1, stream=average)
    x = graph.placeholder("x", (time, *shape))
    y = network._build(graph, x)
    if len(y.shape) < 2:
        raise ShapeError(f"the output of a stream must have time, not shape {y.shape}")
    return graph, x, scale(graph, x, 1.0) if y is x else y
