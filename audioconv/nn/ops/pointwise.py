"""Operations on single elements: scaling, activations, dropout, each with its gradient."""

from audioconv.kernels.nn import elementwise as kernels
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.ops.tensor_view import merged, shape3

ACTIVATIONS = {"linear": kernels.LINEAR, "relu": kernels.RELU, "swish": kernels.SWISH, "sigmoid": kernels.SIGMOID}


def pointwise(graph, step, reads, shape, numbers, merge=True, places=None):
    """An operation on one element at a time: `step` with its operands, the result last; always cheap."""

    def encode(plan, place):
        where = [place(t) for t in reads]
        if places:
            where = [change(p) for change, p in zip(places, where, strict=True)]
        where.append(place(result))
        dims = merged(shape3(shape), where) if merge else shape3(shape)
        return [instruction(step, plan.dtype, where, [*dims, *numbers])]

    result = graph.operation(encode, reads, shape, rematerialised=True)
    return result


def scaled(graph, x, factor):
    """factor * x, cheap."""
    return pointwise(graph, kernels.scaled, [x], x.shape, [float(factor)])


def repeated(graph, x, shape, factor):
    """factor * x, for all of time or frequency where x has one step of them; cheap."""
    time, freq, _ = shape3(x.shape)

    def spread(place):
        return place.every(int(time > 1), int(freq > 1))

    return pointwise(graph, kernels.scaled, [x], shape, [float(factor)], merge=False, places=[spread])


def activate(graph, x, activation):
    """The activation of x, and its way back."""
    y = pointwise(graph, kernels.activate, [x], x.shape, [ACTIVATIONS[activation]])

    graph.record_gradient(y, lambda grad_y: graph.add_gradient(x, activation_gradient(graph, x, grad_y, activation)))
    return y


def activation_gradient(graph, x, grad_y, activation):
    """The gradient of x from that of its activation."""
    return pointwise(graph, kernels.activate_gradient, [x, grad_y], x.shape, [ACTIVATIONS[activation]])


def dropout(graph, x, rate):
    """x with a share of its elements zero, and its way back."""
    seeds = graph.placeholder("seeds", (1,))
    graph.dropouts += 1
    numbers = [graph.dropouts, float(rate)]

    def dropped(z):
        return pointwise(graph, kernels.drop, [z, seeds], z.shape, numbers, merge=False)

    y = dropped(x)
    graph.record_gradient(y, lambda grad_y: graph.add_gradient(x, dropped(grad_y)))
    return y
