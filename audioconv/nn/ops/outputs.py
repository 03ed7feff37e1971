"""Where results of a graph go: arrays of the caller, and the sums of partial gradients."""

from audioconv.kernels.nn import gradients
from audioconv.nn.ops.instructions import copy_instructions, instruction


def output(graph, y, name, stage=0):
    """Have a tensor in the array that is given by this name, at the end of a stage.

    It is written there at once unless something else reads it too: the array belongs to the caller, who may change it.
    """
    if y.producer is not None and not any(y in operation.reads for operation in graph.operations):
        y.name, y.producer.rematerialised = name, False
        return
    target = graph.placeholder(name, y.shape)

    def encode(plan, place):
        return copy_instructions(plan, place(y), place(target), y)

    graph.add(encode, [y], [target], stage=stage)


def add_partials(graph):
    """Add up the partial sums of all gradients."""
    for partial, gradient in graph.partials:
        total = graph.array(gradient)

        def encode(plan, place, partial=partial, total=total):
            where = [place(partial).all_micro_batches(plan.micro_batch_count), place(total)]
            numbers = [total.size, plan.micro_batch_count]
            if partial.accumulator:
                return [instruction(gradients.bias_gradient, plan.dtype, where, numbers)]
            return [instruction(gradients.add_partials, plan.dtype, where, [*numbers, plan.micro_batch_count])]

        graph.add(encode, [partial], [total], once=partial.accumulator)
    _add_repeated(graph)


def _add_repeated(graph):
    """Add up the gradients of layers that are used more than once."""
    graph.stage += bool(graph.repeated)
    for gradient, total in graph.repeated:
        tensors = [graph.array(gradient), graph.array(total)]

        def encode(plan, place, tensors=tensors):
            return [
                instruction(
                    gradients.accumulate,
                    plan.dtype,
                    list(map(place, tensors)),
                    [tensors[0].size, plan.micro_batch_count],
                )
            ]

        graph.add(encode, tensors, tensors[1:])
