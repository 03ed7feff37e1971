"""The sum of two tensors, as of a residual connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audioconv.kernels.nn import elementwise as kernels
from audioconv.nn.ops.graph import Graph, OpSpec, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, extent, instruction
from audioconv.nn.ops.pointwise import ACTIVATIONS, ActivationName, activation_gradient
from audioconv.nn.ops.reductions import frequency_sum
from audioconv.nn.ops.tensor_view import TensorView, coalesced, shape3


@dataclass(frozen=True, eq=False)
class AddSpec(OpSpec):
    """activation(a + b); b may have one frequency."""

    activation: ActivationName


def add(graph: Graph, a: Tensor, b: Tensor, activation: ActivationName = "linear") -> Tensor:
    """activation(a + b), with its gradient; b may have one frequency for all of a's.

    The sum is kept in memory: rematerialised in each phase, it would need all sums before it, too.
    """
    spread = shape3(b.shape)[1] == 1 != shape3(a.shape)[1]

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (a_view, b_view), (y_view,) = reads, writes
        if spread:
            b_view = b_view.strided(1, 0)
        dims = shape3(a.shape) if spread else coalesced(shape3(a.shape), [a_view, b_view, y_view])
        return [instruction(kernels.add, plan.dtype, a=a_view, b=b_view, y=y_view, **extent(dims),
                            activation=ACTIVATIONS[activation])]  # fmt: skip

    y = graph.operation(encode, [a, b], a.shape, spec=AddSpec(activation))

    def backward(grad_y: Tensor) -> None:
        # the ReLU is positive where the sum is, so that the sum itself need not be kept
        grad = grad_y if activation == "linear" else activation_gradient(graph, y, grad_y, activation)
        graph.add_gradient(a, grad)
        graph.add_gradient(b, frequency_sum(graph, grad) if spread else grad)

    graph.record_gradient(y, backward)
    return y
