"""Pooling over windows of time and frequency, and maxout, with their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from audioconv.kernels.nn import elementwise
from audioconv.kernels.nn import pooling as kernels
from audioconv.nn.ops.graph import Graph, Halo, OpSpec, Planner, ReceptiveWindow, Tensor
from audioconv.nn.ops.instructions import Instruction, extent, instruction
from audioconv.nn.ops.pointwise import pointwise, scale
from audioconv.nn.ops.tensor_view import Shape, TensorView, coalesced, shape3, squeeze_like

Pair: TypeAlias = tuple[int, int]
PoolKind: TypeAlias = Literal["max", "average", "lp"]


@dataclass
class PoolWindow:
    """Windows of a pool, each as pairs (time, freq).

    Parameters
    ----------
    size, stride : pair of int
    padding : pair of (int, int)
    counted : pair of (int, int)
        What of the padding counts as input.
    """

    size: Pair
    stride: Pair
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    counted: tuple[Pair, Pair] = ((0, 0), (0, 0))

    def parameters(self, x: Shape, y: Shape, power: float = 1.0, signed: bool = False) -> dict[str, int | float]:
        """The parameters of a pool's instruction, for input and output of these shapes."""
        time, freq, _ = shape3(x)
        return {
            **extent(shape3(y)),
            "window_time": self.size[0], "window_freq": self.size[1],
            "stride_time": self.stride[0], "stride_freq": self.stride[1],
            "size_time": time + sum(self.counted[0]), "size_freq": freq + sum(self.counted[1]),
            "padding_time": self.padding[0][0] - self.counted[0][0],
            "padding_freq": self.padding[1][0] - self.counted[1][0],
            "signed": int(signed), "power": power,
        }  # fmt: skip


POOLS = {
    "max": (kernels.max_pool, kernels.max_pool_gradient, float("-inf")),
    "average": (kernels.average_pool, kernels.average_pool_gradient, 0.0),
    "lp": (kernels.lp_pool, kernels.lp_pool_gradient, 0.0),
}


@dataclass(frozen=True, eq=False)
class PoolSpec(OpSpec):
    """Maximum, average or Lp norm over windows."""

    kind: PoolKind
    window: PoolWindow
    power: float
    signed: bool


@dataclass(frozen=True, eq=False)
class MaxoutSpec(OpSpec):
    """y[u] = max over p of x[p * units + u]."""

    pieces: int


def pool(
    graph: Graph,
    x: Tensor,
    kind: PoolKind,
    window: PoolWindow,
    shape: Shape,
    power: float = 2.0,
    signed: bool = False,
) -> Tensor:
    """The maximum, average or Lp norm over windows, with its gradient; `shape` is that of the output.

    signed: an Lp norm of powers of x, not of |x|.
    """
    kernel, _, fill = POOLS[kind]
    halo = Halo(*window.padding, fill)
    (before, _), (low, _) = window.padding
    if graph.stream and fill and halo:
        x = scale(graph, x, 1.0)  # a copy, because no other op needs such a halo

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (source,), (target,) = reads, writes
        parameters = window.parameters(x.shape, y.shape, power, signed)
        made = instruction(kernel, plan.dtype, x=source.shifted(-before, -low), y=target, **parameters)
        made.padding_counted = sum(window.counted[0])
        return [made]

    seen = ReceptiveWindow(window.size[0], window.stride[0])
    spec = PoolSpec(kind, window, power, signed)
    y = graph.operation(encode, [x], shape, halos={x: halo} if halo else {}, window=seen, spec=spec)
    graph.record_gradient(y, lambda grad_y: _pool_backward(graph, (x, y, grad_y), kind, window, power, signed))
    return y


def _pool_backward(
    graph: Graph,
    tensors: tuple[Tensor, Tensor, Tensor],
    kind: PoolKind,
    window: PoolWindow,
    power: float,
    signed: bool,
) -> None:
    """Add the gradient of a pool's input: of all of it and its padding, of which the inside is taken."""
    x, y, _ = tensors
    (before, after), (low, high) = window.padding
    _, kernel, fill = POOLS[kind]
    halo = Halo(*window.padding, fill)
    time, freq, channels = shape3(x.shape)
    whole = before + time + after, low + freq + high, channels

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (x_view, y_view, grad_y), (grad_x,) = reads, writes
        dims = extent(coalesced(whole, writes))
        parameters = window.parameters(x.shape, y.shape, power, signed)
        x_view = x_view.shifted(-before, -low)
        return [
            instruction(elementwise.fill, plan.dtype, y=grad_x, **dims, value=0.0),
            instruction(kernel, plan.dtype, x=x_view, y=y_view, grad_y=grad_y, grad_x=grad_x, **parameters),
        ]

    grad = graph.operation(encode, tensors, whole, halos={x: halo} if halo else {})
    if halo:
        grad = pointwise(
            graph, elementwise.scale, [grad], x.shape, {"factor": 1.0}, change=lambda view: view.shifted(before, low)
        )
    graph.add_gradient(x, grad)


def maxout(graph: Graph, x: Tensor, pieces: int) -> Tensor:
    """The largest of `pieces` values a unit, with its gradient: a max pool, as if the pieces were frequencies."""
    time, freq, channels = shape3(x.shape)
    units = channels // pieces
    window = PoolWindow((1, pieces), (1, pieces))
    parameters = window.parameters((time, pieces, units), (time, 1, units), power=2.0)

    def at(view: TensorView, f: int) -> TensorView:
        return view.shifted(0, f)._replace(freq_stride=units)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (source,), (target,) = reads, writes
        return [
            instruction(kernels.max_pool, plan.dtype, x=at(source, f), y=at(target, f), **parameters)
            for f in range(freq)
        ]

    y = graph.operation(encode, [x], squeeze_like((time, freq, units), x.shape), spec=MaxoutSpec(pieces))

    def encode_gradient(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        made = [instruction(elementwise.fill, plan.dtype, y=writes[0], **extent(shape3(x.shape)), value=0.0)]
        for f in range(freq):
            views = dict(zip(kernels.POOL_GRADIENT.operands, (at(v, f) for v in (*reads, *writes)), strict=True))
            made.append(instruction(kernels.max_pool_gradient, plan.dtype, **views, **parameters))
        return made

    def backward(grad_y: Tensor) -> None:
        graph.add_gradient(x, graph.operation(encode_gradient, [x, y, grad_y], x.shape))

    graph.record_gradient(y, backward)
    return y
