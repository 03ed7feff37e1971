"""A denoiser as graphs of ONNX: samples in, samples out, of whole recordings and step by step."""

from __future__ import annotations

from math import log

import numpy as np

from audioconv.models.export.flows import ClipFlow, Flow, Pace, StepFlow
from audioconv.models.export.mask_deployment import MaskDeployment
from audioconv.models.export.nodes import NodeList
from audioconv.models.export.onnx_front_end import NEGLIGIBLE
from audioconv.models.export.onnx_network import add_network
from audioconv.models.export.onnx_writer import OnnxWriter

BINS = 2  # the axis of frames (clips, frames, bins)


def clip_graph(model: MaskDeployment) -> OnnxWriter:
    """The graph of recordings of any length: (clips, samples) to as many."""
    writer, hop, nodes = OnnxWriter(), model.hop, model.nodes()
    flow = ClipFlow(writer, fixed=False)
    samples = writer.input("samples", ("clips", "samples"))
    # silence of a hop before, and after to whole hops and one more
    padded = writer.add("Pad", samples, writer.whole(0, hop, 0, 2 * hop - 1), writer.constant(np.zeros(())))
    whole = writer.add("Mul", writer.add("Div", _length(writer, padded), writer.whole(hop)), writer.whole(hop))
    cut = writer.add("Slice", padded, writer.whole(0), whole, writer.whole(1))
    hops = writer.add("Reshape", cut, writer.whole(0, -1, hop))
    frames = writer.add("Concat", writer.slice(hops, 0, -1, 1), writer.slice(hops, 1, None, 1), axis=BINS)
    spectra = _compressed(model, writer, frames)
    sums, reach = _counted(model, writer, spectra), 1
    while reach < log(NEGLIGIBLE) / log(model.kept):
        earlier = writer.add("Pad", sums, writer.whole(0, reach, 0, 0, 0, 0), writer.constant(np.zeros(())))
        share = writer.constant(np.float32(model.kept**reach))
        sums = writer.add("Add", sums, writer.add("Mul", share, writer.slice(earlier, 0, -reach, 1)))
        reach *= 2
    flow.put(nodes.x, _heard(model, writer, spectra, sums))
    masked = _masked(model, flow, nodes, spectra)
    first, second = _halves(writer, masked, hop)
    total = writer.add("Add", writer.slice(first, 1, None, 1), writer.slice(second, 0, -1, 1))
    joined = writer.add("Reshape", total, writer.whole(0, -1))
    made = writer.add("Slice", joined, writer.whole(0), _length(writer, samples), writer.whole(1))
    writer.output("denoised", made, ("clips", "samples"))
    return writer


def step_graph(model: MaskDeployment) -> tuple[OnnxWriter, StepFlow]:
    """The graph of a step: a hop of samples to as many, a hop late."""
    writer, hop, nodes = OnnxWriter(), model.hop, model.nodes()
    samples = writer.input("samples", (hop,))
    flow = StepFlow(writer)
    now = writer.add("Reshape", samples, writer.whole(1, 1, hop))
    before, overlap = (flow.state(f"state_{name}", (1, 1, hop)) for name in ("samples", "overlap"))
    flow.keep(before, now)
    spectra = _compressed(model, writer, writer.add("Concat", before, now, axis=BINS))
    state = flow.state("state_means", (1, 1, model.bins + 1))
    earlier = writer.add("Mul", state, writer.constant(np.float32(model.kept)))
    flow.keep(state, sums := writer.add("Add", earlier, _counted(model, writer, spectra)))
    flow.put(nodes.x, _heard(model, writer, spectra, sums), Pace(1, 0))
    first, second = _halves(writer, _masked(model, flow, nodes, spectra), hop)
    flow.keep(overlap, second)
    made = writer.add("Reshape", writer.add("Add", first, overlap), writer.whole(hop))
    writer.output("denoised", made, (hop,))
    flow.declare_outputs()
    return writer, flow


def _length(writer: OnnxWriter, samples: str) -> str:
    """Of (clips, samples), how many these are."""
    return writer.add("Slice", writer.add("Shape", samples), writer.whole(1), writer.whole(2))


def _halves(writer: OnnxWriter, frames: str, hop: int) -> tuple[str, str]:
    return writer.slice(frames, 0, hop, BINS), writer.slice(frames, hop, None, BINS)


Spectra = tuple[str, str, str, str, str]  # real and imaginary parts, the same compressed, and compressed magnitudes


def _power(writer: OnnxWriter, re: str, im: str) -> str:
    return writer.add("Add", writer.add("Mul", re, re), writer.add("Mul", im, im))


def _compressed(model: MaskDeployment, writer: OnnxWriter, frames: str) -> Spectra:
    """The spectra of frames (clips, frames, samples)."""
    both = writer.add("MatMul", frames, writer.constant(model.analysis()))
    re, im = writer.slice(both, 0, model.bins, BINS), writer.slice(both, model.bins, None, BINS)
    power = _power(writer, re, im)
    more = writer.add("Add", power, writer.constant(np.float32(model.tiny)))
    factor = writer.add("Pow", more, writer.constant(np.float32(-1 / 3)))
    magnitude = writer.add("Mul", writer.add("Sqrt", power), factor)
    return re, im, writer.add("Mul", re, factor), writer.add("Mul", im, factor), magnitude


def _counted(model: MaskDeployment, writer: OnnxWriter, spectra: Spectra) -> str:
    """What a frame adds to running sums, (clips, frames, bins + 1): its magnitudes, and behind them its weight."""
    magnitude = spectra[-1]
    one = writer.add("Pow", writer.slice(magnitude, 0, 1, BINS), writer.constant(np.zeros(())))
    both = writer.add("Concat", magnitude, one, axis=BINS)
    return writer.add("Mul", both, writer.constant(np.float32(1 - model.kept)))


def _heard(model: MaskDeployment, writer: OnnxWriter, spectra: Spectra, sums: str) -> str:
    """What the network takes, (clips, 4, frames, bins), of spectra and of sums as `_counted` adds them."""
    _, _, re, im, magnitude = spectra
    weights, least = writer.slice(sums, model.bins, None, BINS), writer.constant(np.float32(model.least_mean))
    means = writer.add("Div", writer.slice(sums, 0, model.bins, BINS), weights)
    level = writer.add("Add", writer.add("ReduceMean", means, axes=[BINS], keepdims=1), least)
    heard = [writer.add("Div", each, level) for each in (magnitude, re, im)]
    heard.append(writer.add("Div", magnitude, writer.add("Add", means, least)))
    return writer.add("Concat", *(writer.add("Unsqueeze", each, writer.whole(1)) for each in heard), axis=1)


def _masked(model: MaskDeployment, flow: Flow, nodes: NodeList, spectra: Spectra) -> str:
    """The frames (clips, frames, samples) of masked spectra; no bin is amplified."""
    writer, (re, im, x, y, _) = flow.writer, spectra
    mask = add_network(flow, nodes)
    a, b = (writer.add("Squeeze", writer.slice(mask, part, part + 1, 1), writer.whole(1)) for part in (0, 1))
    size = writer.add("Sqrt", writer.add("Max", _power(writer, a, b), writer.constant(np.ones(()))))
    a, b = writer.add("Div", a, size), writer.add("Div", b, size)
    u = writer.add("Sub", writer.add("Mul", a, x), writer.add("Mul", b, y))
    v = writer.add("Add", writer.add("Mul", a, y), writer.add("Mul", b, x))
    gain = writer.add("Mul", _power(writer, u, v), writer.constant(np.float32(1 - model.dry)))
    dry = writer.constant(np.float32(model.dry))
    clean = [
        writer.add("Add", writer.add("Mul", gain, wet), writer.add("Mul", dry, own)) for wet, own in ((u, re), (v, im))
    ]
    return writer.add("MatMul", writer.add("Concat", *clean, axis=BINS), writer.constant(model.synthesis()))
