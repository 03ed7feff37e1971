"""A whole model as graphs of ONNX: samples in, posteriors out, of whole recordings and step by step."""

from __future__ import annotations

from typing import NamedTuple

from audioconv.models.export.deployment import Deployment
from audioconv.models.export.flows import (
    ClipFlow,
    Pace,
    StepFlow,
    TimeWindow,
    pace_of_windows,
    shortest_step,
)
from audioconv.models.export.nodes import NodeList, Value
from audioconv.models.export.onnx_front_end import FrontEnd
from audioconv.models.export.onnx_network import add_network
from audioconv.models.export.onnx_writer import OnnxWriter


class Step(NamedTuple):
    """The graph of a step: samples that it takes, rows that it gives, and by how many rows these are late."""

    writer: OnnxWriter
    flow: StepFlow
    samples: int
    rows: Pace


def clip_graph(model: Deployment) -> OnnxWriter:
    """The graph of whole clips, or of recordings of any length where every row is scored."""
    writer, nodes = OnnxWriter(), model.nodes()
    samples = writer.input("samples", ("clips", model.clip_length or "samples"))
    front = FrontEnd(writer, model)
    if model.clip_length is not None:
        posteriors = _clip_posteriors(model, nodes, front, front.clip_energies(samples, model.frames))
        writer.output("posteriors", posteriors, ("clips", len(model.labels)))
        return writer
    flow = ClipFlow(writer, fixed=False)
    levels = front.clip_levels(front.clip_energies(samples, -1), -1)
    flow.put(nodes.x, front.network_input(levels))
    posteriors = _row_posteriors(model, writer, add_network(flow, nodes))
    writer.output("posteriors", posteriors, ("clips", "rows", len(model.labels)))
    return writer


def step_graph(model: Deployment) -> Step:
    """The graph of a step of a stream."""
    writer, nodes = OnnxWriter(), model.nodes()
    clips = model.clip_length is not None
    hops = model.window_frames if clips else shortest_step(nodes.nodes, nodes.x)
    front, length = FrontEnd(writer, model), hops * model.log_mel.hop
    samples = writer.input("samples", (length,))
    flow = StepFlow(writer)
    value, energies = front.step_energies(flow, samples, hops)
    if clips:
        window = TimeWindow(model.frames, hops)
        as_rows = Value(value.shape)
        rows = writer.add("Unsqueeze", writer.add("Transpose", energies, perm=[0, 2, 1]), writer.whole(3))
        flow.put(as_rows, rows, flow.pace(value))
        heard = writer.add("Squeeze", flow.windowed(as_rows, window).name, writer.whole(3))
        heard = writer.add("Transpose", heard, perm=[0, 2, 1])
        posteriors, pace = _clip_posteriors(model, nodes, front, heard), pace_of_windows(window, flow.pace(value))
    else:
        levels = front.step_levels(flow, value, energies)
        flow.put(nodes.x, front.network_input(levels), flow.pace(value))
        posteriors = writer.add("Squeeze", _row_posteriors(model, writer, add_network(flow, nodes)), writer.whole(0))
        pace = flow.pace(nodes.y)
    writer.output("posteriors", posteriors, (pace.rows, len(model.labels)))
    flow.declare_outputs()
    return Step(writer, flow, length, pace)


def _clip_posteriors(model: Deployment, nodes: NodeList, front: FrontEnd, energies: str) -> str:
    """Posteriors (clips, labels) of energies (clips, frames, pitches * bands)."""
    writer = front.writer
    levels = front.clip_levels(front.versions(energies, model.frames), model.frames)
    flow = ClipFlow(writer, fixed=True)
    flow.put(nodes.x, front.network_input(levels))
    logits = add_network(flow, nodes)
    each = writer.add("Reshape", logits, writer.whole(-1, model.versions, len(model.labels)))
    return writer.add("Softmax", writer.add("ReduceMean", each, axes=[1], keepdims=0), axis=1)


def _row_posteriors(model: Deployment, writer: OnnxWriter, logits: str) -> str:
    """Posteriors (clips, rows, labels) of logits (clips, labels, rows, 1); the background's come first, if any."""
    rows = writer.add("Transpose", writer.add("Squeeze", logits, writer.whole(3)), perm=[0, 2, 1])
    if model.multi_label:
        return writer.add("Sigmoid", rows)
    return writer.slice(writer.add("Softmax", rows, axis=2), 1, None, 2)
