"""The sum of two tensors, as of a residual connection."""

from audioconv.kernels.nn import elementwise as kernels
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.ops.pointwise import ACTIVATIONS, activation_gradient
from audioconv.nn.ops.reductions import frequency_sum
from audioconv.nn.ops.tensor_view import merged, shape3


def add(graph, a, b, activation="linear"):
    """activation(a + b), and its way back; b may have one frequency for all of a's.

    The sum is kept in memory: done again in each phase, as what is cheap, it would need all sums before it, too.
    """
    spread = shape3(b.shape)[1] == 1 != shape3(a.shape)[1]

    def encode(plan, place):
        where = [place(a), place(b).every(1, 0) if spread else place(b), place(y)]
        dims = shape3(a.shape) if spread else merged(shape3(a.shape), where)
        return [instruction(kernels.add, plan.dtype, where, [*dims, ACTIVATIONS[activation]])]

    y = graph.operation(encode, [a, b], a.shape)

    def back(grad_y):
        # where the sum is positive its ReLU is, so that the sum itself need not be kept
        grad = grad_y if activation == "linear" else activation_gradient(graph, y, grad_y, activation)
        graph.add_gradient(a, grad)
        graph.add_gradient(b, frequency_sum(graph, grad) if spread else grad)

    graph.record_gradient(y, back)
    return y
