"""Ops of networks in ONNX: one converter an op, in `CONVERTERS`. Tensors are (clips, channels, time, freq)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from audioconv.errors import ArgumentError, ShapeError
from audioconv.models._minirocket import KERNELS
from audioconv.models.export.flows import TIME, Flow, TimeWindow, time_window
from audioconv.models.export.nodes import Node, PpvSpec, UpsampleSpec
from audioconv.models.export.onnx_writer import channels_first
from audioconv.nn.ops.addition import AddSpec
from audioconv.nn.ops.batch_norm import NormaliseSpec
from audioconv.nn.ops.convolution import ConvolutionSpec
from audioconv.nn.ops.graph import OpSpec
from audioconv.nn.ops.pointwise import ActivationName, ActivationSpec, ScaleSpec
from audioconv.nn.ops.pooling import MaxoutSpec, PoolSpec
from audioconv.nn.ops.reductions import FrequencyMeanSpec, RunningMeanSpec

if TYPE_CHECKING:
    from audioconv._typing import Array
    from audioconv.models.export.onnx_writer import OnnxWriter

Converter: TypeAlias = Callable[[Flow, Node], str]
FREQ = 3
PPV_TAPS = 9


def convert(flow: Flow, node: Node) -> str:
    """Write a node, and return the name of its result.

    Raises
    ------
    ArgumentError, ShapeError
        If it cannot be written; the layer is named.
    """
    converter = CONVERTERS.get(type(node.spec))
    if converter is None:
        raise ArgumentError(f"layer {node.layer} cannot be exported to ONNX: there is no converter for "
                            f"{type(node.spec).__name__}")  # fmt: skip
    return converter(flow, node)


def activated(writer: OnnxWriter, name: str, activation: ActivationName) -> str:
    """The activation of a tensor."""
    if activation == "relu":
        return writer.add("Relu", name)
    if activation == "sigmoid":
        return writer.add("Sigmoid", name)
    return writer.add("Mul", name, writer.add("Sigmoid", name)) if activation == "swish" else name


def _padded(writer: OnnxWriter, name: str, time: tuple[int, int], freq: tuple[int, int], fill: float = 0.0) -> str:
    """A tensor with padding around it; what is negative is cut off."""
    if not any(time + freq):
        return name
    pads = writer.whole(0, 0, time[0], freq[0], 0, 0, time[1], freq[1])
    return writer.add("Pad", name, pads, writer.constant(np.full((), fill)))


def _pads(time: tuple[int, int], freq: tuple[int, int]) -> list[int]:
    return [time[0], freq[0], time[1], freq[1]]


def _convolution(flow: Flow, node: Node) -> str:
    geometry, (weight, bias) = node.spec.geometry, node.arrays  # type: ignore[attr-defined]  # as the table says
    writer, (time, freq) = flow.writer, geometry.axes
    source = flow.windowed(node.reads[0], time_window(node))
    if geometry.tiles > 1 or geometry.unshared:
        made = _tiled(flow, node, _padded(writer, source.name, source.pads, freq.sides))
    else:
        name, sides = source.name, freq.sides
        if min(sides) < 0:
            name, sides = _padded(writer, name, (0, 0), sides), (0, 0)
        made = writer.add(
            "Conv", name, writer.constant(weight[0, 0].transpose(3, 2, 0, 1)), writer.constant(bias),
            group=geometry.channels if geometry.depthwise else geometry.groups, kernel_shape=[time.taps, freq.taps],
            strides=[time.stride, freq.stride], dilations=[time.dilation, freq.dilation],
            pads=_pads(source.pads, sides),
        )  # fmt: skip
    return activated(writer, made, "relu" if node.spec.relu else "linear")  # type: ignore[attr-defined]


def _tiled(flow: Flow, node: Node, source: str) -> str:
    """Each output by its own set of weights: windows are gathered, and multiplied by the weights of their place."""
    geometry, (weight, bias) = node.spec.geometry, node.arrays  # type: ignore[attr-defined]
    writer, (time, freq), rows = flow.writer, geometry.axes, flow.rows(node.write)
    if rows is None:
        raise ShapeError(f"layer {node.layer} cannot be exported for recordings of any length: which of its "
                         f"{geometry.tiles} sets of weights is used depends on the row")  # fmt: skip
    bins, inner = node.write.shape[1], weight.shape[4]
    in_time = np.arange(rows)[:, None] * time.stride + np.arange(time.taps) * time.dilation
    in_freq = np.arange(bins)[:, None] * freq.stride + np.arange(freq.taps) * freq.dilation
    windows = writer.add("Gather", source, writer.constant(in_time, np.int64), axis=TIME)
    windows = writer.add("Gather", windows, writer.constant(in_freq, np.int64), axis=TIME + 2)
    windows = writer.add("Transpose", windows, perm=[2, 4, 0, 3, 5, 1])  # rows, bins, clips, taps, taps, channels
    windows = writer.add("Reshape", windows, writer.whole(rows, bins, -1, time.taps * freq.taps * inner))
    tile_t = (np.arange(rows) + flow.first_row(node.write)) % time.tiles
    chosen = weight[tile_t][:, np.arange(bins) % freq.tiles].reshape(rows, bins, -1, geometry.filters)
    product = writer.add("MatMul", windows, writer.constant(chosen))  # rows, bins, clips, filters
    return writer.add("Add", writer.add("Transpose", product, perm=[2, 3, 0, 1]), writer.constant(channels_first(bias)))


def _upsample(flow: Flow, node: Node) -> str:
    spec: Any = node.spec
    writer, (_, bins, channels) = flow.writer, node.reads[0].shape
    apart = writer.add("Reshape", flow.name(node.reads[0]), writer.whole(0, channels, -1, 1, bins, 1))
    pads = writer.whole(0, 0, 0, 0, 0, 0, 0, 0, 0, spec.time - 1, 0, spec.freq - 1)
    with_zeros = writer.add("Pad", apart, pads, writer.constant(np.zeros(())))
    return writer.add("Reshape", with_zeros, writer.whole(0, channels, -1, bins * spec.freq))


def _pool(flow: Flow, node: Node) -> str:
    spec: Any = node.spec
    writer, window, (rows, bins, _) = flow.writer, spec.window, node.reads[0].shape
    if spec.kind == "average" and node.write.shape[:2] == (1, 1) and window.size == (rows, bins):
        return writer.add("ReduceMean", flow.name(node.reads[0]), axes=[TIME, FREQ], keepdims=1)
    if spec.kind == "max":
        source = flow.windowed(node.reads[0], time_window(node), float("-inf"))
        return writer.add(
            "MaxPool", source.name, kernel_shape=list(window.size), strides=list(window.stride),
            pads=_pads(source.pads, window.padding[1]),
        )  # fmt: skip
    source = flow.windowed(node.reads[0], time_window(node))
    name = source.name
    if spec.kind == "lp":
        base = name if spec.signed else writer.add("Abs", name)
        name = writer.add("Pow", base, writer.constant(np.float32(spec.power)))
    mean = _mean_inside(flow, node, name, source.pads)
    if spec.kind == "average":
        return mean
    total = writer.add("Mul", mean, writer.constant(np.float32(window.size[0] * window.size[1])))
    return writer.add("Pow", total, writer.constant(np.float32(1 / spec.power)))


def _mean_inside(flow: Flow, node: Node, name: str, pads: tuple[int, int]) -> str:
    """The mean of those elements of each window that count as input."""
    spec: Any = node.spec
    writer, window = flow.writer, spec.window
    (padding_t, padding_f), (counted_t, counted_f) = window.padding, window.counted

    def mean(tensor: str, time: tuple[int, int], freq: tuple[int, int]) -> str:
        return writer.add(
            "AveragePool", tensor, kernel_shape=list(window.size), strides=list(window.stride),
            pads=_pads(time, freq), count_include_pad=1,
        )  # fmt: skip

    means = mean(name, pads, padding_f)
    if padding_t == counted_t and padding_f == counted_f:
        return means
    in_time = flow.inside(node.reads[0], time_window(node), counted_t)
    zeros = padding_f[0] - counted_f[0], padding_f[1] - counted_f[1]
    in_freq = np.pad(np.ones(node.reads[0].shape[1] + sum(counted_f), np.float32), zeros)
    inside = writer.add("Mul", in_time, writer.constant(in_freq.reshape(1, 1, 1, -1)))
    return writer.add("Div", means, mean(inside, (0, 0), (0, 0)))


def _running_mean(flow: Flow, node: Node) -> str:
    """In float64, because a stream may be long."""
    writer, (value,) = flow.writer, node.reads
    channels = value.shape[2]
    rows = writer.add("ReduceSum", flow.masked(value), writer.whole(FREQ), keepdims=1)
    ones = flow.inside(value, TimeWindow(), (0, 0))
    sums = []
    for name, tensor, width in (("sum", rows, channels), ("count", ones, 1)):
        state = flow.state(f"state_{name}_{len(writer.nodes)}", (1, width, 1, 1), np.float64)
        running = writer.add("CumSum", writer.add("Cast", tensor, to=_DOUBLE), writer.constant(TIME, np.int64))
        now = writer.add("Add", running, state)
        flow.keep(state, writer.slice(now, -1, None, TIME))
        sums.append(now)
    count = writer.add("Max", sums[1], writer.constant(np.ones(()), np.float64))
    elements = writer.add("Mul", count, writer.constant(np.float64(value.shape[1]), np.float64))
    return writer.add("Cast", writer.add("Div", sums[0], elements), to=_FLOAT)


_FLOAT, _DOUBLE = 1, 11  # TensorProto's


def _frequency_mean(flow: Flow, node: Node) -> str:
    return flow.writer.add("ReduceMean", flow.name(node.reads[0]), axes=[FREQ], keepdims=1)


def _maxout(flow: Flow, node: Node) -> str:
    spec: Any = node.spec
    units, name = node.write.shape[2], flow.name(node.reads[0])
    pieces = [flow.writer.slice(name, p * units, (p + 1) * units, 1) for p in range(spec.pieces)]
    return flow.writer.add("Max", *pieces)


def _normalise(flow: Flow, node: Node) -> str:
    """As a product and a sum; of bands, each over its frequencies."""
    spec: Any = node.spec
    mean, scale, shift = (_by_band(row, spec.bands, node.reads[0].shape[1]) for row in node.arrays[0])
    writer = flow.writer
    centred = writer.add("Sub", flow.name(node.reads[0]), writer.constant(mean))
    made = writer.add("Add", writer.add("Mul", centred, writer.constant(scale)), writer.constant(shift))
    return activated(writer, made, spec.activation)


def _by_band(row: Array, bands: int, bins: int) -> Array:
    """Numbers (bands * channels,) as (1, channels, 1, bins or 1)."""
    table = row.reshape(bands, -1)
    return (np.repeat(table, bins // bands, axis=0) if bands > 1 else table).T[None, :, None, :]


def _add(flow: Flow, node: Node) -> str:
    spec: Any = node.spec
    names = flow.align(node.reads)
    return activated(flow.writer, flow.writer.add("Add", *names), spec.activation)


def _activate(flow: Flow, node: Node) -> str:
    spec: Any = node.spec
    return activated(flow.writer, flow.name(node.reads[0]), spec.activation)


def _scale(flow: Flow, node: Node) -> str:
    spec: Any = node.spec
    return flow.writer.add("Mul", flow.name(node.reads[0]), flow.writer.constant(np.float32(spec.factor)))


def _ppv(flow: Flow, node: Node) -> str:
    """Shares of outputs above biases; kernels of one dilation are one convolution."""
    spec: Any = node.spec
    writer, (frames, _, bands) = flow.writer, node.reads[0].shape
    kernels, biases, shares = len(KERNELS), node.arrays[0], []
    taps = np.full((kernels, PPV_TAPS), -1.0)
    np.put_along_axis(taps, KERNELS, 2.0, axis=1)
    begin = 0
    for place, (dilation, count) in enumerate(zip(spec.dilations.tolist(), spec.counts.tolist(), strict=True)):
        chosen = np.zeros((kernels, bands))
        for row, members in zip(chosen, spec.choices[place * kernels : (place + 1) * kernels], strict=True):
            row[members[members >= 0]] = 1
        weight = chosen[:, :, None, None] * taps[:, None, :, None]
        reach = PPV_TAPS // 2 * dilation
        made = writer.add("Conv", flow.name(node.reads[0]), writer.constant(weight), dilations=[dilation, 1],
                          kernel_shape=[PPV_TAPS, 1], pads=[reach, 0, reach, 0])  # fmt: skip
        own = biases[begin : begin + kernels * count].reshape(1, kernels, 1, count)
        above = writer.add("Cast", writer.add("Greater", made, writer.constant(own)), to=_FLOAT)
        padded = ((place + np.arange(kernels)) % 2 == 0)[:, None]
        inside = (np.arange(frames) >= reach) & (np.arange(frames) < frames - reach) | padded
        part = inside / inside.sum(axis=1, keepdims=True)
        weighted = writer.add("Mul", above, writer.constant(part[None, :, :, None]))
        share = writer.add("ReduceSum", weighted, writer.whole(TIME), keepdims=0)  # clips, kernels, biases
        shares.append(writer.add("Reshape", share, writer.whole(0, kernels * count, 1, 1)))
        begin += kernels * count
    return writer.add("Concat", *shares, axis=1)


CONVERTERS: dict[type[OpSpec], Converter] = {
    ConvolutionSpec: _convolution,
    UpsampleSpec: _upsample,
    PoolSpec: _pool,
    RunningMeanSpec: _running_mean,
    FrequencyMeanSpec: _frequency_mean,
    MaxoutSpec: _maxout,
    NormaliseSpec: _normalise,
    AddSpec: _add,
    ActivationSpec: _activate,
    ScaleSpec: _scale,
    PpvSpec: _ppv,
}
