"""Backpropagation: the tape of a graph gone through from its end, with the gradients of each tensor added up."""

from audioconv.kernels.nn import elementwise as kernels
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.ops.tensor_view import merged, shape3


def gradient(graph, x):
    """The whole gradient of x, or None if nothing depends on it."""
    found = graph.gradients.get(x, [])
    while len(found) > 1:
        found[:2] = [_sum(graph, *found[:2])]
    return found[0] if found else None


def _sum(graph, a, b):
    def encode(plan, place):
        where = [place(a), place(b), place(y)]
        return [instruction(kernels.add, plan.dtype, where, [*merged(shape3(a.shape), where), kernels.LINEAR])]

    y = graph.operation(encode, [a, b], a.shape)
    return y


def backward(graph, y, grad_y):
    """Go back from the gradient of y."""
    graph.add_gradient(y, grad_y)
    for tensor, step in reversed(graph.tape):
        grad = gradient(graph, tensor)
        if grad is not None:
            step(grad)
