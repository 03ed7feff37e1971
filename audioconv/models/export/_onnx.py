"""Models as files of ONNX: samples in, posteriors or samples out, of whole clips and step by step."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as PathObject
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv import nn
from audioconv.arrays import sizes
from audioconv.errors import ArgumentError, ModelFileError
from audioconv.io import atomic_write, display_path, writable_path
from audioconv.models._minirocket import MiniRocket
from audioconv.models.export import mask_deployment, onnx_check, onnx_mask, onnx_model, onnx_network
from audioconv.models.export.deployment import STREAM_FRAMES, Deployable, Deployment, deployment_of
from audioconv.models.export.nodes import network_nodes
from audioconv.models.export.onnx_check import MOST_CUT, PROBE_S, StatesOf
from audioconv.models.export.onnx_int8 import Calibration, Int8Result, quantise
from audioconv.models.export.onnx_writer import OPSET, require_onnx

if TYPE_CHECKING:
    from audioconv._typing import Array, Path

SUFFIX, STEP_SUFFIX = ".onnx", ".step.onnx"
NETWORK_FRAMES = 98  # of features that a network alone is checked with on a stream


@dataclass(frozen=True)
class OnnxFile:
    """A file that was written.

    Parameters
    ----------
    path : Path
    size : int, in bytes
    deviation : float
        By how much its posteriors, or samples, differ at most from those of the model here; of an int8 file, its
        float32 twin's.
    time_ms : float
        Of a clip, or of a step, by one thread of onnxruntime on this machine.
    step : int
        Samples (of a network alone: frames) that it takes; 0 for whole clips.
    int8 : Int8Result, optional
        What int8 costs and gains.
    """

    path: PathObject
    size: int
    deviation: float
    time_ms: float
    step: int = 0
    int8: Int8Result | None = None


@dataclass(frozen=True)
class OnnxExport:
    """What `export_onnx` has written.

    Parameters
    ----------
    clip : OnnxFile
        The graph of whole clips.
    step : OnnxFile, optional
        That of a step of a stream.
    step_error : str, optional
        Why there is no such graph.
    """

    clip: OnnxFile
    step: OnnxFile | None
    step_error: str | None = None


@dataclass(frozen=True, eq=False)
class _Graph:
    """A graph that is written, its checks and what it is timed with."""

    model: Any
    inputs: Mapping[str, Array]
    deviation: float
    step: StatesOf | None = None


def export_onnx(
    model: Deployable | nn.Layer | MiniRocket,
    path: Path,
    *,
    shape: tuple[int, ...] | None = None,
    calibration: Calibration | None = None,
    overwrite: bool = False,
) -> OnnxExport:
    """Write a model as ONNX, for onnxruntime and whatever else reads that.

    Two files: `path`, of whole clips (of a detector: recordings of any length), and beside it one that ends in
    ".step.onnx", which takes a few hops of samples and all state and gives a row of posteriors and the new state. The
    whole way is in them, samples in and posteriors out: frames and DFT as a product with cosines and sines, mel bands,
    logarithms, levels, test-time augmentation. Both are run in onnxruntime and kept only if they give what the model
    gives here, within 1e-4. Metadata say labels, sample rate, thresholds and how a stream is fed.

    Of a denoiser samples come out: of whole recordings, and in a step as many as go in, `late_samples` late. Of a
    network alone features go in, and what it makes of them comes out.

    Parameters
    ----------
    model : KeywordClassifier, KeywordDetector, SoundEventDetector, DenoiserModel, nn.Layer or MiniRocket
        Trained.
    path : path that ends in ".onnx"
    shape : tuple of int, optional
        For a network alone: of a clip of features, (time, channels) or (time, freq, channels).
    calibration : Calibration, optional
        Write weights and activations of the network as int8, with ranges from these clips, by onnxruntime's static
        quantisation. What that costs is in the result; it is not held to 1e-4. Not of denoisers.
    overwrite : bool
        Whether files that are there may be replaced.

    Returns
    -------
    export : OnnxExport

    Raises
    ------
    ArgumentError, ShapeError
        For a layer that cannot be exported, which is named; and without the packages onnx and onnxruntime.
    ModelFileError
        If a file cannot be written, is there already, or does not give what the model gives.

    Examples
    --------
    >>> import tempfile, audioconv as ac
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export = ac.models.export_onnx(ac.KeywordDetector.load(), f"{folder}/words.onnx")
    >>> export.step.path.name, export.step.step  # samples
    ('words.step.onnx', 320)
    >>> export.clip.deviation < 1e-4
    True
    """
    require_onnx()
    target = PathObject(os.fspath(path))
    if target.suffix != SUFFIX:
        raise ArgumentError(f"the name of an ONNX file ends in {SUFFIX}, not as {display_path(target)}")
    paths = target, target.with_suffix(STEP_SUFFIX)
    for each in paths:
        if writable_path(each, ModelFileError).exists() and not overwrite:
            raise ModelFileError(f"{display_path(each)} exists and is not overwritten; give another name, or "
                                 "--force (overwrite=True)")  # fmt: skip
    if isinstance(model, (nn.Layer, MiniRocket)):
        clip, step, step_error = _network_graphs(model, shape)
    else:
        if shape is not None:
            raise ArgumentError("shape is for a network alone; a trained model knows what it is given")
        deployment, step_error = deployment_of(model), None
        if isinstance(deployment, mask_deployment.MaskDeployment):
            if calibration is not None:
                raise ArgumentError(mask_deployment.NO_INT8)
            clip, step = _mask_graphs(deployment)
        else:
            clip, step = _model_graphs(deployment)
    graphs = [clip] if step is None else [clip, step]
    files = [_written(graph, at, calibration) for graph, at in zip(graphs, paths, strict=False)]
    return OnnxExport(files[0], files[1] if step else None, step_error)


def _written(graph: _Graph, path: PathObject, calibration: Calibration | None) -> OnnxFile:
    """Write a graph to a file, as int8 if there is a calibration."""
    result = None
    data = graph.model.SerializeToString()
    if calibration is not None:
        data, result = quantise(data, calibration, graph.step)
    with atomic_write(path, ModelFileError) as part:
        part.write_bytes(data)
    running = onnx_check.session(data)
    time_ms = onnx_check.median_ms(lambda: running.run(None, dict(graph.inputs)))
    step = graph.step.size if graph.step else 0
    return OnnxFile(path, len(data), graph.deviation, time_ms, step, result)


def _metadata(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}


# --- whole models ---


def _model_graphs(model: Deployment) -> tuple[_Graph, _Graph]:
    rng = np.random.default_rng(0)
    rate = model.log_mel.sample_rate
    facts = {"opset": OPSET, "labels": list(model.labels), "sample_rate": rate, **model.facts}
    writer = onnx_model.clip_graph(model)
    made = writer.model("clip", _metadata(facts | {"clip_length": model.clip_length}))
    sounds = onnx_check.probes(model.clip_length or round(PROBE_S * rate), rate, rng)
    got = onnx_check.session(made).run(None, {"samples": sounds})[0]
    wanted = np.stack([model.posteriors(sound) for sound in sounds])
    clip = _Graph(made, {"samples": sounds[:1]}, onnx_check.check("the graph of clips", got, wanted))

    step = onnx_model.step_graph(model)
    late, hop = step.rows.late, step.samples // step.rows.rows
    facts |= {"step_samples": step.samples, "step_rows": step.rows.rows, "late_rows": late, "row_hop": hop,
              "states": "zeros at first; next_NAME is what NAME is at the next step. Row r of the stream is row "
                        "r + late_rows of the outputs"}  # fmt: skip
    made = step.writer.model("step", _metadata(facts))
    states = StatesOf("samples", step.samples, late, onnx_check.zeros_of(step.flow.states))
    longer = np.concatenate([sounds[1], sounds[-1][: rate // 3], *sounds[:3]])
    longer = np.resize(longer, max(len(longer), 2 * (model.clip_length or 0)))
    rows = onnx_check.cut_at_random(longer, model.stream().process, rng, MOST_CUT)
    deviation = onnx_check.check_steps("the graph of a step", onnx_check.session(made), states, longer, rows)
    inputs = {"samples": longer[: step.samples], **states.states}
    return clip, _Graph(made, inputs, deviation, states)


def _mask_graphs(model: mask_deployment.MaskDeployment) -> tuple[_Graph, _Graph]:
    rng, rate, hop = np.random.default_rng(0), model.sample_rate, model.hop
    facts = {"opset": OPSET, "sample_rate": rate, **model.facts}
    made = onnx_mask.clip_graph(model).model("clip", _metadata(facts))
    sounds = onnx_check.probes(round(PROBE_S * rate), rate, rng)
    got = onnx_check.session(made).run(None, {"samples": sounds})[0]
    wanted = np.stack([model.denoised(sound) for sound in sounds])
    clip = _Graph(made, {"samples": sounds[:1]}, onnx_check.check("the graph of recordings", got, wanted))

    writer, flow = onnx_mask.step_graph(model)
    facts |= {"step_samples": hop, "late_samples": hop,
              "states": "zeros at first; next_NAME is what NAME is at the next step. Sample n of the stream is sample "
                        "n + late_samples of the outputs"}  # fmt: skip
    made = writer.model("step", _metadata(facts))
    states, stage = StatesOf("samples", hop, hop, onnx_check.zeros_of(flow.states)), model.stream()
    longer = np.concatenate([sounds[1], sounds[-1][: rate // 3], *sounds[:2]])
    samples = onnx_check.cut_at_random(longer, stage.process, rng, MOST_CUT)[stage.latency :]
    deviation = onnx_check.check_steps("the graph of a step", onnx_check.session(made), states, longer, samples)
    return clip, _Graph(made, {"samples": longer[:hop], **states.states}, deviation, states)


# --- networks alone ---


def _network_graphs(network: Any, shape: tuple[int, ...] | None) -> tuple[_Graph, _Graph | None, str | None]:
    if shape is None:
        raise ArgumentError("say what a clip of features is: shape=(time, channels) or (time, freq, channels)")
    shape, rng = sizes(shape, "shape"), np.random.default_rng(0)
    x = rng.standard_normal((onnx_check.PROBES, *shape)).astype(np.float32)
    nodes = network_nodes(network, shape, None)
    wanted = network.forward(x)
    made = onnx_network.clip_graph(nodes, shape, wanted.shape[1:]).model("clip", _metadata({"opset": OPSET}))
    got = onnx_check.session(made).run(None, {"features": x})[0]
    clip = _Graph(made, {"features": x[:1]}, onnx_check.check("the graph of clips", got, wanted))
    if len(shape) < 2:
        return clip, None, "features without time make no stream"
    try:
        return clip, _network_step(network, shape[1:], rng), None
    except ArgumentError as error:
        return clip, None, str(error)


def _network_step(network: Any, frame: tuple[int, ...], rng: np.random.Generator) -> _Graph:
    nodes = network_nodes(network, (STREAM_FRAMES, *frame), "clip")
    stream = network.stream(frame)
    frames = NETWORK_FRAMES + 2 * stream.receptive_field
    x = rng.standard_normal((frames, *frame)).astype(np.float32)
    rows = onnx_check.cut_at_random(x, stream.process, rng, NETWORK_FRAMES)
    writer, flow = onnx_network.step_graph(nodes, frame, rows.shape[1:])
    count, late = flow.pace(nodes.x).rows, flow.pace(nodes.y).late
    facts = {"opset": OPSET, "step_frames": count, "step_rows": flow.pace(nodes.y).rows, "late_rows": late}
    made = writer.model("step", _metadata(facts))
    states = StatesOf("features", count, late, onnx_check.zeros_of(flow.states))
    deviation = onnx_check.check_steps("the graph of a step", onnx_check.session(made), states, x, rows)
    return _Graph(made, {"features": x[:count], **states.states}, deviation, states)
