"""A network as a list of nodes, which the writers of ONNX and of C walk: the ops of its graph, and their weights.

Nodes are those of clips or those of streams, as graphs are. A transposed convolution is two: zeros between the rows,
and a convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from audioconv import nn
from audioconv.errors import ArgumentError, AudioconvError, ShapeError
from audioconv.models._minirocket import MiniRocket
from audioconv.nn.ops.convolution import ConvolutionSpec, TransposedConvolutionSpec
from audioconv.nn.ops.geometry import Axis
from audioconv.nn.ops.graph import CLIP, Graph, Op, OpSpec, Tensor
from audioconv.nn.ops.pointwise import ScaleSpec
from audioconv.nn.ops.tensor_view import Shape3, shape3

if TYPE_CHECKING:
    from audioconv._typing import Array, IntArray


ACTIVATIONS = "linear", "relu", "swish", "sigmoid"  # that the writers know


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor between nodes: (time, freq, channels)."""

    shape: Shape3


@dataclass(frozen=True, eq=False)
class Node:
    """What is computed, of which values and arrays, and where it is from.

    The arrays of a convolution are its weights (tiles in time, in frequency, taps in time, in frequency, in, out) and
    its bias.
    """

    spec: OpSpec
    reads: tuple[Value, ...]
    arrays: tuple[Array, ...]
    write: Value
    layer: str


@dataclass(frozen=True, eq=False)
class UpsampleSpec(OpSpec):
    """Zeros after each row and each bin, so that they are `time` and `freq` times as many."""

    time: int
    freq: int


@dataclass(frozen=True, eq=False)
class PpvSpec(OpSpec):
    """The features of MiniRocket: shares of positive values; reads biases. `choices`: bands of each kernel, then -1."""

    dilations: IntArray  # of each row of 84 kernels
    counts: IntArray  # of biases of each kernel of a row
    choices: Array


@dataclass(frozen=True)
class NodeList:
    """Nodes in their order, from `x` to `y`."""

    nodes: tuple[Node, ...]
    x: Value
    y: Value


def network_nodes(network: nn.Layer | MiniRocket, shape: tuple[int, ...], stream: Literal["clip"] | None) -> NodeList:
    """The nodes of a network.

    Parameters
    ----------
    network : nn.Layer or MiniRocket
    shape : tuple of int
        Of a clip: (time, channels) or (time, freq, channels).
    stream : "clip" or None
        Whether they are to run on a stream.

    Raises
    ------
    ArgumentError, ShapeError
        If a layer cannot be exported, or not work on such clips, or on streams; it is named.
    """
    if np.dtype(network.dtype) != np.float32:
        raise ArgumentError(f"only float32 networks are exported, and this one is {network.dtype}; load its weights "
                            "into one of dtype float32")  # fmt: skip
    if isinstance(network, MiniRocket):
        return _minirocket_nodes(network, stream)
    graph = Graph(np.float32, False, 1, stream=stream)
    x = graph.placeholder("x", shape)
    try:
        with graph.within("", network):
            y: Tensor = network._build(graph, x)
    except AudioconvError as error:
        raise type(error)(f"layer {graph.layer} cannot be exported: {error}") from error
    values: dict[Tensor, Value] = {x: Value(shape3(x.shape))}
    nodes = [node for op in graph.ops for node in _op_nodes(op, values, stream is not None)]
    return NodeList(tuple(nodes), values[x], values[y])


def _op_nodes(op: Op, values: dict[Tensor, Value], stream: bool) -> Iterator[Node]:
    """The nodes of an op; its result is in `values` afterwards."""
    reads = tuple(values[tensor] for tensor in op.reads if tensor.per == CLIP)
    target = op.writes[0]
    activation = getattr(op.spec, "activation", "linear")
    if activation not in ACTIVATIONS:
        raise ArgumentError(f"layer {op.layer} cannot be exported: {activation} is none of {', '.join(ACTIVATIONS)}")
    if op.spec is None:
        raise ArgumentError(f"layer {op.layer} cannot be exported: it adds an op of its own, {op!r}, of which nobody "
                            "knows how it is written in another language")  # fmt: skip
    if isinstance(op.spec, ScaleSpec) and op.spec.factor == 1.0:
        values[target] = reads[0]
        return
    if isinstance(op.spec, ConvolutionSpec) and op.spec.geometry.unshared and stream:
        raise ShapeError(f"layer {op.layer} cannot be exported for streams: it has weights of its own for each row of "
                         "a clip, and a stream has no end")  # fmt: skip
    arrays: tuple[Array, ...] = tuple(np.asarray(t.array, np.float32) for t in op.reads if t.make is not None)
    values[target] = Value(shape3(target.shape))
    yield from _LOWERED.get(type(op.spec), _as_it_is)(op.spec, reads, arrays, values[target], op.layer)


def _as_it_is(
    spec: Any, reads: tuple[Value, ...], arrays: tuple[Array, ...], write: Value, layer: str
) -> Iterator[Node]:
    yield Node(spec, reads, arrays, write, layer)


def _convolution(
    spec: Any, reads: tuple[Value, ...], arrays: tuple[Array, ...], write: Value, layer: str
) -> Iterator[Node]:
    weight, bias = arrays
    time, freq = spec.geometry.axes
    order = time.tiles, freq.tiles, time.taps, freq.taps, spec.geometry.inner, spec.geometry.filters
    yield Node(spec, reads, (weight.reshape(order), bias), write, layer)


def _transposed(
    spec: Any, reads: tuple[Value, ...], arrays: tuple[Array, ...], write: Value, layer: str
) -> Iterator[Node]:
    """A transposed convolution: zeros between rows and bins, then the flipped weights with stride 1."""
    geometry, source = spec.geometry, reads[0]
    time, freq = geometry.axes
    (rows, bins, channels), taps = source.shape, (time.taps, freq.taps)
    weight = np.asarray(spec.weight.array, np.float32).reshape(1, 1, *taps, -1, geometry.channels)[:, :, ::-1, ::-1]
    if time.stride > 1 or freq.stride > 1:
        zeros = Value((rows * time.stride, bins * freq.stride, channels))
        yield Node(UpsampleSpec(time.stride, freq.stride), reads, (), zeros, layer)
        source = zeros
    axes = [
        Axis(axis.taps, 1, axis.dilation, (axis.span - 1 - axis.sides[0], axis.span - axis.stride - axis.sides[1]))
        for axis in (time, freq)
    ]
    made = replace(geometry, time=axes[0], freq=axes[1], channels=geometry.filters, filters=geometry.channels)
    yield Node(ConvolutionSpec(made, spec.relu), (source,), (np.ascontiguousarray(weight), arrays[-1]), write, layer)


_Lowered: TypeAlias = Callable[[Any, tuple[Value, ...], "tuple[Array, ...]", Value, str], Iterator[Node]]
_LOWERED: dict[type[OpSpec], _Lowered] = {
    ConvolutionSpec: _convolution,
    TransposedConvolutionSpec: _transposed,
}


def _minirocket_nodes(network: MiniRocket, stream: object) -> NodeList:
    if stream is not None:
        raise ShapeError("MiniRocket hears clips as a whole, and cannot work row by row; as a model of clips it can be "
                         "exported, and a stream scores windows of it")  # fmt: skip
    x, features = Value((network.frames, 1, network.features)), Value((1, 1, network.num_features))
    spec = PpvSpec(network._dilations, network._counts, network._channels)
    dense = network_nodes(network.dense, (network.num_features,), None)
    ppv = Node(spec, (x,), (network._biases,), features, "MiniRocket")
    last = [replace(node, reads=(features,)) for node in dense.nodes]
    return NodeList((ppv, *last), x, dense.y)
