"""Where results of a graph go: arrays of the caller, and the sums of partial gradients."""

from __future__ import annotations

from collections.abc import Sequence

from audioconv.kernels.nn import gradients
from audioconv.nn.ops.graph import Graph, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, copy_instructions, instruction
from audioconv.nn.ops.tensor_view import TensorView


def output(graph: Graph, y: Tensor, name: str, stage: int = 0) -> None:
    """Write a tensor to the placeholder of this name, by the end of a stage.

    Without a copy, unless another op reads it, too: the array belongs to the caller, who may change it.
    """
    if y.producer is not None and not any(y in op.reads for op in graph.ops):
        y.name, y.producer.rematerialised = name, False
        return

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        return copy_instructions(plan, reads[0], writes[0], y)

    graph.add(encode, [y], [graph.placeholder(name, y.shape)], stage=stage)


def sum_partials(graph: Graph) -> None:
    """Add up the partial sums of all gradients, and the gradients of layers that are used more than once."""
    for partial, gradient in graph.partials:
        _sum_partial(graph, partial, graph.array(gradient))
    graph.stage += bool(graph.repeated)
    for gradient, total in graph.repeated:
        _accumulate(graph, graph.array(gradient), graph.array(total))


def _sum_partial(graph: Graph, partial: Tensor, total: Tensor) -> None:
    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        count, sums = plan.micro_batch_count, reads[0].all_micro_batches(plan.micro_batch_count)
        if partial.accumulator:
            return [instruction(gradients.bias_gradient, plan.dtype, sums=sums, gradient=writes[0], width=total.size,
                                micro_batches=count)]  # fmt: skip
        return [instruction(gradients.sum_partials, plan.dtype, partials=sums, total=writes[0], size=total.size,
                            terms=count, micro_batches=count)]  # fmt: skip

    graph.add(encode, [partial], [total], once=partial.accumulator)


def _accumulate(graph: Graph, gradient: Tensor, total: Tensor) -> None:
    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        return [instruction(gradients.accumulate, plan.dtype, x=reads[0], total=writes[0], size=total.size,
                            micro_batches=plan.micro_batch_count)]  # fmt: skip

    graph.add(encode, [gradient, total], [total])
