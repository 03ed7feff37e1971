"""A network alone as graphs of ONNX: features in, what it makes of them out, of whole clips and step by step."""

from __future__ import annotations

from audioconv.models.export.flows import ClipFlow, Flow, Pace, StepFlow, shortest_step
from audioconv.models.export.nodes import NodeList
from audioconv.models.export.onnx_ops import convert
from audioconv.models.export.onnx_writer import OnnxWriter

NETWORK = "network_"  # begins the names of a network's operators


def add_network(flow: Flow, nodes: NodeList) -> str:
    """Write the nodes of a network whose input is known to the flow; the name of the result."""
    flow.writer.prefix = NETWORK
    for node in nodes.nodes:
        flow.begin(node)
        flow.finish(node, convert(flow, node))
    flow.writer.prefix = ""
    return flow.name(nodes.y)


def clip_graph(nodes: NodeList, shape: tuple[int, ...], y_shape: tuple[int, ...]) -> OnnxWriter:
    """The graph of clips of features: (clips, time, channels), or (clips, time, freq, channels)."""
    writer = OnnxWriter()
    flow = ClipFlow(writer, fixed=True)
    flow.put(nodes.x, _channels_first(writer, writer.input("features", ("clips", *shape)), len(shape)))
    y = add_network(flow, nodes)
    writer.output("outputs", _channels_last(writer, y, len(y_shape)), ("clips", *y_shape))
    return writer


def step_graph(nodes: NodeList, shape: tuple[int, ...], y_shape: tuple[int, ...]) -> tuple[OnnxWriter, StepFlow]:
    """The graph of a step, for as few frames as are a whole number of rows everywhere. Shapes are those of a row."""
    writer = OnnxWriter()
    rows = shortest_step(nodes.nodes, nodes.x)
    features = writer.input("features", (rows, *shape))
    flow = StepFlow(writer)
    batch = writer.add("Unsqueeze", features, writer.whole(0))
    flow.put(nodes.x, _channels_first(writer, batch, 1 + len(shape)), Pace(rows, 0))
    y = add_network(flow, nodes)
    result = writer.add("Squeeze", _channels_last(writer, y, 1 + len(y_shape)), writer.whole(0))
    writer.output("outputs", result, (flow.pace(nodes.y).rows, *y_shape))
    flow.declare_outputs()
    return writer, flow


def _channels_first(writer: OnnxWriter, name: str, dims: int) -> str:
    """(clips, channels), (clips, time, channels) or (clips, time, freq, channels) as (clips, channels, time, freq)."""
    for axis in {1: (1, 2), 2: (2,), 3: ()}[dims]:
        name = writer.add("Unsqueeze", name, writer.whole(axis))
    return writer.add("Transpose", name, perm=[0, 3, 1, 2])


def _channels_last(writer: OnnxWriter, name: str, dims: int) -> str:
    last = writer.add("Transpose", name, perm=[0, 2, 3, 1])
    return writer.add("Squeeze", last, writer.whole(*{1: (1, 2), 2: (2,)}[dims])) if dims < 3 else last
