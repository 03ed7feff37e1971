"""Ops on single elements: scaling, activations, dropout, each with its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from audioconv.kernels.nn import elementwise as kernels
from audioconv.nn.ops.graph import Graph, OpOptions, OpSpec, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, OpKernel, extent, instruction
from audioconv.nn.ops.tensor_view import Shape, TensorView, coalesced, shape3

ActivationName: TypeAlias = Literal["linear", "relu", "swish", "sigmoid"]
ACTIVATIONS: dict[ActivationName, int] = {
    "linear": kernels.LINEAR, "relu": kernels.RELU, "swish": kernels.SWISH, "sigmoid": kernels.SIGMOID,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class ScaleSpec(OpSpec):
    """factor * x."""

    factor: float


@dataclass(frozen=True, eq=False)
class ActivationSpec(OpSpec):
    """The activation of x."""

    activation: ActivationName


def pointwise(
    graph: Graph,
    kernel: OpKernel,
    reads: Sequence[Tensor],
    shape: Shape,
    parameters: Mapping[str, float],
    coalesce: bool = True,
    change: Callable[[TensorView], TensorView] | None = None,
    spec: OpSpec | None = None,
) -> Tensor:
    """An op on one element at a time, rematerialised: the operands of its kernel are what it reads, then the result.

    `change` makes the view that is read of that of the first tensor.
    """

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        views = [*reads, *writes]
        if change is not None:
            views[0] = change(views[0])
        dims = coalesced(shape3(shape), views) if coalesce else shape3(shape)
        operands = dict(zip(kernel.layout.operands, views, strict=True))
        return [instruction(kernel, plan.dtype, **operands, **extent(dims), **parameters)]

    options: OpOptions = {"rematerialised": True}
    if spec is not None:
        options["spec"] = spec
    return graph.operation(encode, reads, shape, **options)


def scale(graph: Graph, x: Tensor, factor: float) -> Tensor:
    """factor * x."""
    return pointwise(graph, kernels.scale, [x], x.shape, {"factor": factor}, spec=ScaleSpec(factor))


def broadcast(graph: Graph, x: Tensor, shape: Shape, factor: float) -> Tensor:
    """factor * x, broadcast along time or frequency where x has one step."""
    time, freq, _ = shape3(x.shape)

    def change(view: TensorView) -> TensorView:
        return view.strided(int(time > 1), int(freq > 1))

    return pointwise(graph, kernels.scale, [x], shape, {"factor": factor}, coalesce=False, change=change)


def activate(graph: Graph, x: Tensor, activation: ActivationName) -> Tensor:
    """The activation of x, with its gradient."""
    parameters = {"activation": ACTIVATIONS[activation]}
    y = pointwise(graph, kernels.activate, [x], x.shape, parameters, spec=ActivationSpec(activation))

    graph.record_gradient(y, lambda grad_y: graph.add_gradient(x, activation_gradient(graph, x, grad_y, activation)))
    return y


def activation_gradient(graph: Graph, x: Tensor, grad_y: Tensor, activation: ActivationName) -> Tensor:
    """The gradient of x from that of its activation."""
    parameters = {"activation": ACTIVATIONS[activation]}
    return pointwise(graph, kernels.activate_gradient, [x, grad_y], x.shape, parameters)


def dropout(graph: Graph, x: Tensor, rate: float) -> Tensor:
    """x with a fraction of its elements zero, with its gradient."""
    seeds = graph.placeholder("seeds", (1,))
    graph.dropouts += 1
    parameters = {"layer": graph.dropouts, "rate": rate}

    def dropped(z: Tensor) -> Tensor:
        return pointwise(graph, kernels.dropout, [z, seeds], z.shape, parameters, coalesce=False)

    y = dropped(x)
    graph.record_gradient(y, lambda grad_y: graph.add_gradient(x, dropped(grad_y)))
    return y
