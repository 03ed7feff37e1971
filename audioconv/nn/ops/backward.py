"""Backpropagation: the backward pass over the tape of a graph, which adds up the gradients of each tensor."""

from __future__ import annotations

from collections.abc import Sequence

from audioconv.kernels.nn import elementwise as kernels
from audioconv.nn.ops.graph import Graph, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, extent, instruction
from audioconv.nn.ops.tensor_view import TensorView, coalesced, shape3


def backpropagate(graph: Graph, y: Tensor, grad_y: Tensor) -> None:
    """Walk the tape in reverse, beginning with the gradient of y."""
    graph.add_gradient(y, grad_y)
    for tensor, backward in reversed(graph.tape):
        grad = gradient(graph, tensor)
        if grad is not None:
            backward(grad)


def gradient(graph: Graph, x: Tensor) -> Tensor | None:
    """The whole gradient of x, or None if nothing depends on it."""
    found = graph.gradients.get(x, [])
    while len(found) > 1:
        found[:2] = [_sum(graph, *found[:2])]
    return found[0] if found else None


def _sum(graph: Graph, a: Tensor, b: Tensor) -> Tensor:
    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (a_view, b_view), (y_view,) = reads, writes
        dims = extent(coalesced(shape3(a.shape), [*reads, *writes]))
        return [instruction(kernels.add, plan.dtype, a=a_view, b=b_view, y=y_view, **dims, activation=kernels.LINEAR)]

    return graph.operation(encode, [a, b], a.shape)
