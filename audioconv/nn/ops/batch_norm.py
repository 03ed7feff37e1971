"""Batch norm as ops of a `Graph`: statistics of the whole batch, and the gradient through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from audioconv.kernels.nn import batch_norm as kernels
from audioconv.kernels.nn import gradients
from audioconv.nn.ops.graph import MICRO_BATCH, THREAD, Graph, OpSpec, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, extent, instruction
from audioconv.nn.ops.pointwise import ACTIVATIONS, ActivationName
from audioconv.nn.ops.tensor_view import TensorView, shape3

if TYPE_CHECKING:
    from audioconv._typing import Array


class Norm(Protocol):
    """What a layer of batch norm has: its trained arrays, their gradients, running statistics, and settings."""

    scale: Array
    shift: Array
    mean: Array
    variance: Array
    grad_scale: Array
    grad_shift: Array
    momentum: float
    epsilon: float


@dataclass(frozen=True, eq=False)
class NormaliseSpec(OpSpec):
    """activation((x - mean) * scale + shift), each of (bands, channels); reads x and the three as rows."""

    activation: ActivationName
    bands: int


def normalise(graph: Graph, x: Tensor, coefficients: Tensor, activation: ActivationName, bands: int = 1) -> Tensor:
    """activation((x - mean) * scale + shift), rematerialised; coefficients (3, bands * channels)."""
    parameters = {**extent(shape3(x.shape)), "activation": ACTIVATIONS[activation], "bands": bands}

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (source, factors), (target,) = reads, writes
        return [instruction(kernels.normalise, plan.dtype, x=source, coefficients=factors, y=target, **parameters)]

    spec = NormaliseSpec(activation, bands)
    return graph.operation(encode, [x, coefficients], x.shape, rematerialised=True, spec=spec)


def sums(graph: Graph, x: Tensor, bands: int = 1) -> Tensor:
    """Sums of x and x * x over a micro-batch, (2, bands * channels) in float64."""
    dims = extent(shape3(x.shape))

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        return [instruction(gradients.sums, plan.dtype, x=reads[0], sums=writes[0], **dims, bands=bands)]

    return graph.operation(encode, [x], (2, bands * dims["channels"]), MICRO_BATCH, accumulator=True)


def moments(graph: Graph, x: Tensor, bands: int = 1) -> Tensor:
    """Sums, pivots and counts of a micro-batch as the kernel `moments` gives them, (4, bands * channels) in float64."""
    dims = extent(shape3(x.shape))

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        return [instruction(kernels.moments, plan.dtype, x=reads[0], moments=writes[0], **dims, bands=bands)]

    return graph.operation(encode, [x], (4, bands * dims["channels"]), MICRO_BATCH, accumulator=True)


def batch_norm(graph: Graph, x: Tensor, norm: Norm, activation: ActivationName, bands: int = 1) -> Tensor:
    """Batch norm with the statistics of the batch and an activation, with its gradient."""
    time, freq, channels = shape3(x.shape)
    width, total = bands * channels, moments(graph, x, bands)
    elements = graph.batch * time * freq // bands
    arrays = [graph.array(a) for a in (norm.scale, norm.shift, norm.mean, norm.variance)]

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (all_moments, scale, shift, mean, variance, *_), (factors, spread) = reads, writes
        return [instruction(
            kernels.batch_statistics, plan.dtype, moments=all_moments.all_micro_batches(plan.micro_batch_count),
            scale=scale, shift=shift, mean=mean, variance=variance, coefficients=factors, deviation=spread, width=width,
            micro_batches=plan.micro_batch_count, elements=elements, momentum=norm.momentum, epsilon=norm.epsilon,
        )]  # fmt: skip

    before = graph.uses(norm.mean)  # earlier uses of the layer, which update its running statistics first
    coefficients, deviation = Tensor((3, width), THREAD), Tensor((2, width), THREAD, True)
    graph.add(encode, [total, *arrays, *before], [coefficients, deviation], once=True)
    before.append(coefficients)
    y = normalise(graph, x, coefficients, activation, bands)

    def backward(grad_y: Tensor) -> None:
        _batch_norm_backward(graph, norm, (x, grad_y, coefficients, deviation), activation, bands, elements)

    graph.record_gradient(y, backward)
    return y


def _batch_norm_backward(
    graph: Graph,
    norm: Norm,
    tensors: tuple[Tensor, Tensor, Tensor, Tensor],
    activation: ActivationName,
    bands: int,
    elements: int,
) -> None:
    """Add the gradient of x; tensors x, grad_y, coefficients and deviation."""
    x, grad_y, coefficients, deviation = tensors
    width = bands * shape3(x.shape)[2]
    parameters = {**extent(shape3(x.shape)), "activation": ACTIVATIONS[activation], "bands": bands}
    # the gradients of this use of the layer
    own = [graph.array(graph.gradient_of(g)) for g in (norm.grad_scale, norm.grad_shift)]

    def encode_sums(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        source, grad, factors = reads
        return [instruction(kernels.normalise_sums, plan.dtype, x=source, grad_y=grad, coefficients=factors,
                            sums=writes[0], **parameters)]  # fmt: skip

    total = graph.operation(encode_sums, [x, grad_y, coefficients], (2, width), MICRO_BATCH, accumulator=True)

    def encode_once(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (all_sums, scale, spread), (terms, grad_scale, grad_shift) = reads, writes
        return [instruction(
            kernels.batch_gradient, plan.dtype, sums=all_sums.all_micro_batches(plan.micro_batch_count), scale=scale,
            deviation=spread, grad_coefficients=terms, grad_scale=grad_scale, grad_shift=grad_shift, width=width,
            micro_batches=plan.micro_batch_count, elements=elements,
        )]  # fmt: skip

    terms = Tensor((3, width), THREAD)
    graph.add(encode_once, [total, graph.array(norm.scale), deviation], [terms, *own], once=True)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        source, grad, factors, terms = reads
        return [instruction(kernels.normalise_gradient, plan.dtype, x=source, grad_y=grad, coefficients=factors,
                            grad_coefficients=terms, grad_x=writes[0], **parameters)]  # fmt: skip

    reads = [x, grad_y, coefficients, terms]
    graph.add_gradient(x, graph.operation(encode, reads, x.shape, rematerialised=True))


def folded(norm: Norm) -> tuple[Array, Array]:
    """(scale, shift) in float64 of the affine map that a batch norm is in inference."""
    scale = norm.scale / np.sqrt(norm.variance + norm.epsilon)
    return scale, norm.shift - norm.mean * scale


def running_norm(graph: Graph, x: Tensor, norm: Norm, activation: ActivationName, bands: int = 1) -> Tensor:
    """Batch norm with the running statistics."""

    def make() -> Array:
        scale, rounding_error = folded(norm)[0], norm.mean - norm.mean.astype(graph.dtype)
        far = np.abs(norm.mean) > kernels.FAR * np.sqrt(norm.variance + norm.epsilon)
        return np.stack([norm.mean, scale, norm.shift - np.where(far, rounding_error, 0) * scale])

    return normalise(graph, x, graph.folded_constant(make), activation, bands)
