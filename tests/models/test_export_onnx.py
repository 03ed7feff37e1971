"""Files of ONNX, run in onnxruntime: every op, every network, whole models, clips and streams."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv import models, nn
from audioconv.errors import ArgumentError, ModelFileError, ShapeError
from audioconv.models.export import c_tables, nodes, onnx_check, onnx_ops
from audioconv.nn.ops import pointwise
from audioconv.nn.ops.convolution import TransposedConvolutionSpec
from audioconv.nn.ops.graph import OpSpec
from tests.models_at_random import random_classifier, random_detector, random_sound_event_detector

onnx = pytest.importorskip("onnx", reason="ONNX files need the packages onnx and onnxruntime")
pytest.importorskip("onnxruntime", reason="ONNX files are checked in onnxruntime")


def at_random(network, seed=0):
    """Statistics and biases that are not those of an untrained network."""
    rng = np.random.default_rng(seed)
    for name, array in network.state_dict().items():
        if name.endswith(("mean", "shift", "bias")):
            array[...] += 0.3 * rng.standard_normal(array.shape)
        if name.endswith(("variance", "scale")):
            array[...] *= np.exp(0.3 * rng.standard_normal(array.shape))
    return network


def run(path, x):
    return onnx_check.session(str(path)).run(None, {onnx_check.session(str(path)).get_inputs()[0].name: x})[0]


def zeros(running):
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(double)": np.float64}
    return {each.name: np.zeros(each.shape, kinds[each.type]) for each in running.get_inputs()[1:]}


def metadata(path):
    return {each.key: each.value for each in onnx.load(path).metadata_props}


def stream_rows(path, x):
    """What a step graph gives of a stream, as its metadata say that it is to be fed."""
    running, about = onnx_check.session(str(path)), metadata(path)
    name, size = running.get_inputs()[0].name, running.get_inputs()[0].shape[0]
    states, rows = zeros(running), []
    for begin in range(0, len(x) - size + 1, size):
        row, *kept = running.run(None, {name: x[begin : begin + size], **states})
        rows.append(row)
        states = dict(zip(states, kept, strict=True))
    return np.concatenate(rows)[json.loads(about["late_rows"]) :]


R = np.random.default_rng(3)
PLANES = {
    "conv2d": nn.Conv2d(3, 4, (3, 5), (2, 3), (2, 1), ("causal", (4, 2)), rng=R),
    "transposed": nn.Conv2dTranspose(3, 4, (4, 3), 2, 1, 1, rng=R),
    "tiled": nn.TiledConv2d(3, 4, (3, 3), (2, 3), rng=R),
    "depthwise": nn.DepthwiseConv2d(3, (3, 3), (1, 2), rng=R),
    "sub-spectral norm": nn.SubSpectralNorm(3, 5),
    "broadcast": nn.Broadcast(nn.ReLU()),
    "average": nn.AveragePool2d(3, 2, 1),
    "lp": nn.LpPool2d(3, 2, 1),
    "max": nn.MaxPool2d((3, 2), (2, 1), 1),
    "global average": nn.GlobalAveragePool(),
}
LINES = {
    "conv1d": nn.Conv1d(4, 6, 5, stride=3, rng=R),
    "groups": nn.Conv1d(4, 6, 3, dilation=3, groups=2, padding=(1, 7), rng=R),
    "transposed": nn.Conv1dTranspose(4, 6, 3, stride=4, groups=2, dilation=2, padding=(9, 3), rng=R),
    "tiled": nn.TiledConv1d(4, 6, 3, 3, stride=2, rng=R),
    "max": nn.MaxPool1d(3, 2, "same", ceil_mode=True),
    "average": nn.AveragePool1d(3, 2, "same", ceil_mode=True),
    "average with padding": nn.AveragePool1d(4, 3, "same", count_include_pad=True, ceil_mode=True),
    "lp": nn.LpPool1d(3, 2, "same", p=3, ceil_mode=True),
    "batch norm": nn.BatchNorm(4),
    "maxout": nn.Maxout(2),
    "branches": nn.Sequential([
        nn.Conv1d(4, 4, 5, rng=R),
        nn.Residual(nn.Sequential([nn.Conv1d(4, 4, 7, rng=R), nn.Swish(), nn.Conv1d(4, 4, 5, dilation=2, rng=R)])),
        nn.MaxPool1d(3, 1, "same"), nn.AveragePool1d(5, 1, "same"), nn.Conv1d(4, 3, 9, stride=2, rng=R), nn.Sigmoid(),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "shape"),
    [pytest.param(layer, shape, id=f"{name} {len(shape)}")
     for layers, shape in ((LINES, (40, 4)), (PLANES, (40, 10, 3))) for name, layer in layers.items()],
)  # fmt: skip
def test_layers(tmp_path, layer, shape):
    export = models.export_onnx(at_random(layer), tmp_path / "layer.onnx", shape=shape)
    x = np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)
    np.testing.assert_allclose(run(export.clip.path, x), layer.forward(x), atol=1e-5)
    assert export.step is not None, export.step_error
    wanted = layer.stream(shape[1:]).process(x[0])
    got = stream_rows(export.step.path, x[0])
    rows = min(len(got), len(wanted))
    assert rows > 10
    np.testing.assert_allclose(got[:rows], wanted[:rows], atol=1e-5)


@pytest.mark.parametrize("name", [name for name in models.MODELS if name not in ("bc-resnet-2", "bc-resnet-3")])
def test_every_network(tmp_path, name):
    model = models.MODELS[name]
    features = model.features(16000)
    frames = features.frames(16000)
    network = at_random(models.build(name, 5, features.n_features, 0, frames))
    x = np.random.default_rng(2).standard_normal((3, frames, features.n_features)).astype(np.float32)
    x = models.network_input(network, x)
    export = models.export_onnx(network, tmp_path / "network.onnx", shape=x.shape[1:])
    np.testing.assert_allclose(run(export.clip.path, x), network.forward(x), rtol=1e-5, atol=1e-4)
    assert (export.step is None) == (name == "minirocket")


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_network(tmp_path_factory, data):
    rng, layers, channels = np.random.default_rng(data.draw(st.integers(0, 99))), [], 3
    for _ in range(data.draw(st.integers(1, 4))):
        width = data.draw(st.integers(1, 5))
        size, stride, dilation = (data.draw(st.integers(1, most)) for most in (5, 3, 2))
        padding = data.draw(st.sampled_from(["same", "causal", (1, 0), (0, 3)]))
        layers.append(nn.Conv1d(channels, width, size, stride, dilation, padding, rng=rng))
        layers.append(data.draw(st.sampled_from([nn.ReLU(), nn.Swish(), nn.MaxPool1d(3, 1, "same"), nn.Dropout(0.5)])))
        if data.draw(st.booleans()):
            inner = nn.Sequential([nn.Conv1d(width, width, size, padding=padding, rng=rng), nn.BatchNorm(width)])
            short = data.draw(st.sampled_from([None, nn.Conv1d(width, width, size, padding=padding, rng=rng)]))
            if short is not None or padding in ("same", "causal"):
                layers.append(nn.Residual(inner, short))
        channels = width
    network = at_random(nn.Sequential(layers))
    path = tmp_path_factory.mktemp("any") / "network.onnx"
    export = models.export_onnx(network, path, shape=(120, 3))  # is checked there
    assert export.step is not None, export.step_error


def test_there_is_a_converter_for_every_op():
    def below(kind):
        return {kind, *(each for child in kind.__subclasses__() for each in below(child))}

    specs = below(OpSpec) - {OpSpec, TransposedConvolutionSpec}  # which becomes two nodes
    assert specs == set(onnx_ops.CONVERTERS)
    assert specs - {nodes.PpvSpec} == set(c_tables.CONVERTERS)
    assert tuple(pointwise.ACTIVATIONS) == nodes.ACTIVATIONS


class OwnOp(nn.Layer):
    """A layer of a user's, with an op that is not one of ours."""

    def _build(self, graph, x):
        return pointwise.pointwise(graph, pointwise.kernels.scale, [x], x.shape, {"factor": 2.0})


def test_what_cannot_be_exported_is_named(tmp_path):
    network = nn.Sequential([nn.ReLU(), nn.Residual(nn.Sequential([nn.ReLU(), OwnOp()]))])
    with pytest.raises(ArgumentError, match=r"layer 1\.main\.1 \(OwnOp\) cannot be exported: it adds an op of its own"):
        models.export_onnx(network, tmp_path / "x.onnx", shape=(20, 4))
    wrong = nn.Sequential([nn.ReLU(), nn.Conv1d(5, 4, 3, rng=R)])
    with pytest.raises(ShapeError, match=r"layer 1 \(Conv1d\) cannot be exported: Conv1d takes 5 channels, not 4"):
        models.export_onnx(wrong, tmp_path / "x.onnx", shape=(20, 4))
    with pytest.raises(ArgumentError, match="only float32 networks are exported, and this one is float64"):
        models.export_onnx(nn.ReLU(np.float64), tmp_path / "x.onnx", shape=(20, 4))
    with pytest.raises(ArgumentError, match="shape="):
        models.export_onnx(nn.ReLU(), tmp_path / "x.onnx")
    with pytest.raises(ArgumentError, match=r"ends in \.onnx"):
        models.export_onnx(nn.ReLU(), tmp_path / "x.pt", shape=(20, 4))
    assert not [*tmp_path.iterdir()]


def test_weights_for_one_length_are_no_stream(tmp_path):
    layer = nn.LocallyConnected1d(2, 3, 3, 20, rng=R)
    export = models.export_onnx(layer, tmp_path / "x.onnx", shape=(20, 2))
    assert export.step is None
    assert "layer (LocallyConnected1d) cannot be exported for streams" in export.step_error
    assert [each.name for each in tmp_path.iterdir()] == ["x.onnx"]


# --- whole models ---


def sound(seconds=3.0, seed=4):
    rng = np.random.default_rng(seed)
    samples = round(16000 * seconds)
    swell = np.interp(np.arange(samples), np.linspace(0, samples, 20), rng.uniform(0, 1, 20))
    return (0.3 * swell * rng.standard_normal(samples)).astype(np.float32)


def telling(detector):
    """A detector of random weights that is sure of something now and then."""
    layer = detector.scorer_.network.layers[-1]
    layer.weight = 4 * layer.weight
    return detector


def test_a_detector_of_recordings_of_any_length(tmp_path):
    detector = telling(random_detector())
    export = detector_export = models.export_onnx(detector, tmp_path / "words.onnx")
    for seconds in (0.5, 3.0):
        wanted = detector.scorer_.posteriors(sound(seconds))
        got = run(export.clip.path, np.stack([sound(seconds)] * 2))
        assert got.shape == (2, *wanted.shape)
        np.testing.assert_allclose(got[1], wanted, atol=1e-4)
    assert np.ptp(wanted) > 0.1
    got = stream_rows(detector_export.step.path, sound())
    np.testing.assert_allclose(got, wanted[: len(got)], atol=1e-4)
    assert len(wanted) - len(got) <= 1
    about = metadata(export.step.path)
    assert json.loads(about["labels"]) == ["no", "yes"]
    assert json.loads(about["thresholds"]) == [0.4, None]
    assert about["kind"] == "KeywordDetector"
    assert json.loads(about["sample_rate"]) == 16000
    assert json.loads(about["opset"]) == onnx.load(export.step.path).opset_import[0].version == 17


def test_sound_events_may_overlap(tmp_path):
    detector = random_sound_event_detector()
    export = models.export_onnx(detector, tmp_path / "events.onnx")
    wanted = detector.scorer_.posteriors(sound())
    np.testing.assert_allclose(run(export.clip.path, sound()[None])[0], wanted, atol=1e-4)
    got = stream_rows(export.step.path, sound())
    np.testing.assert_allclose(got, wanted[: len(got)], atol=1e-4)
    assert np.ptp(wanted) > 0.01
    about = metadata(export.step.path)
    assert (about["gap_s"], about["release_ratio"]) == ("0.6", "0.5")


LEVELS = [{"top_db": 18.0, "offset": 1e-10}, {}, {"pcen": {"time_constant_s": 0.05}}, {"center": True, "top_db": 30.0}]


@pytest.mark.parametrize("levels", LEVELS, ids=str)
def test_levels_of_detectors(tmp_path, levels):
    detector = random_detector()
    features = ac.LogMel(n_mels=20, window_ms=20, **levels)
    layers = [nn.Conv1d(20, 4, 5, stride=3, padding="causal", rng=R), nn.ReLU(), nn.Conv1d(4, 3, 3, rng=R)]
    still, ones = np.full(20, -3, np.float32), np.full(20, 2, np.float32)
    detector.scorer_ = ac.detect.FrameScorer(np.array(["a", "b"]), features, nn.Sequential(layers), still, ones)
    export = models.export_onnx(detector, tmp_path / "words.onnx")
    wanted = detector.scorer_.posteriors(sound())
    np.testing.assert_allclose(run(export.clip.path, sound()[None])[0], wanted, atol=1e-4)
    got = stream_rows(export.step.path, sound())
    np.testing.assert_allclose(got, wanted[: len(got)], atol=1e-4)
    assert len(wanted) - len(got) <= 2


@pytest.mark.parametrize("name", ["tc-resnet8", "ds-cnn-s", "minirocket"])
def test_classifiers(tmp_path, name):
    classifier = random_classifier(name)
    classifier.scorer_ = dataclasses.replace(classifier.scorer_, tta_shifts_s=(-0.05, 0.0, 0.05))
    if name == "minirocket":  # biases of 0 are where outputs for silence lie, but for rounding
        network = classifier.network_
        network.load_state_dict(network.state_dict() | {"biases": R.normal(0, 3, network.num_features)})
    export = models.export_onnx(classifier, tmp_path / "clips.onnx")
    clips = sound().reshape(3, -1)
    np.testing.assert_allclose(run(export.clip.path, clips), classifier.predict_proba(clips), atol=1e-4)
    wanted = classifier.scorer_.stream().process(sound())
    np.testing.assert_allclose(stream_rows(export.step.path, sound()), wanted, atol=1e-4)
    assert metadata(export.clip.path)["clip_length"] == "16000"


def test_nothing_is_kept_that_differs(tmp_path, monkeypatch):
    path = tmp_path / "words.onnx"
    monkeypatch.setattr(ac.detect.FrameScorer, "posteriors", lambda self, x: np.zeros((124, 2), np.float32))
    with pytest.raises(ModelFileError, match=r"the graph of clips differs by .* nothing is written"):
        models.export_onnx(random_detector(), path)
    assert not [*tmp_path.iterdir()]


def test_files_are_not_overwritten(tmp_path):
    (tmp_path / "x.step.onnx").write_text("mine")
    with pytest.raises(ModelFileError, match=r"x\.step\.onnx exists"):
        models.export_onnx(nn.ReLU(), tmp_path / "x.onnx", shape=(20, 4))
    models.export_onnx(nn.ReLU(), tmp_path / "x.onnx", shape=(20, 4), overwrite=True)
    assert onnx.load(tmp_path / "x.step.onnx").graph.name == "step"


def test_int8(tmp_path):
    classifier, clips = random_classifier(), sound(8.0).reshape(8, -1)
    targets = classifier.predict_proba(clips).argmax(axis=1)
    export = models.export_onnx(
        classifier, tmp_path / "small.onnx", calibration=models.Calibration(clips, targets)
    )  # fmt: skip
    result = export.clip.int8
    assert (result.clips, result.float_accuracy) == (4, 1.0)
    assert 0 < result.deviation < 0.5
    assert result.accuracy == result.agreement
    kinds = {node.op_type for node in onnx.load(export.clip.path).graph.node}
    assert "QuantizeLinear" in kinds
    assert export.step.int8.float_size > export.step.size
    with pytest.raises(ArgumentError, match="two clips"):
        models.Calibration(clips[:1])
