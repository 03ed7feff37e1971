"""Model files of anybody: whatever is changed in one gives an error that says what, quickly and without memory."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.io import model_file
from tests.models_at_random import random_classifier, random_detector, random_sound_event_detector

KINDS = {"detector": ac.KeywordDetector, "classifier": ac.KeywordClassifier}
ALL_KINDS = KINDS | {"sounds": ac.SoundEventDetector}
MAKERS = {"detector": random_detector, "classifier": random_classifier, "sounds": random_sound_event_detector}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of each kind."""
    folder = tmp_path_factory.mktemp("models")
    for name, make in MAKERS.items():
        make().save(folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in ALL_KINDS}


def changed(files, kind, tmp_path, change):
    """A file whose arrays and settings were changed by a function."""
    arrays, stored = model_file.load(files[kind])
    change(arrays, stored)
    path = tmp_path / "changed.safetensors"
    model_file.save(path, arrays, {name: value for name, value in stored.items() if name != "format"})
    return path


def put(*keys_and_value):
    """A change of a setting, within others."""
    *keys, last, value = keys_and_value

    def change(arrays, stored):
        for key in keys:
            stored = stored[key]
        stored[last] = value

    return change


def put_array(name, function):
    return lambda arrays, stored: arrays.update({name: function(arrays[name])})


def nan_at_start(array):
    array = array.copy()
    array.flat[0] = np.nan
    return array


BOTH = [
    (put("classes", ["no\x1b[2J", "yes"]), "a label must hold no control characters"),
    (put("classes", ["no", "x" * 1_000_000]), "a label must have at most 200 characters, not 1000000"),
    (put("classes", ["no", "no"]), "different labels"),
    (put("classes", ["no", 3]), "labels of one kind"),
    (put("classes", [["no"], ["yes"]]), "a label must be text"),
    (put("classes", {}), "classes must be a list"),
    (put("classes", [f"w{i}" for i in range(3000)]), "classes must be|more weights than the file|must have shape"),
    (put("classes", [f"w{i}" for i in range(20_000)]), "at most 10000 labels"),
    (put("dtype", "<U2000000000"), "labels of one kind"),
    (put("dtype", "<i4"), "classes|invalid literal"),
    (put("model", "resnet-1000"), "made by 'resnet-1000', which is no part of audioconv"),
    (put("model", ["ds-tcn"]), "must be text"),
    (put("kind", "Pickle"), "kind must be one of"),
    (put("sample_rate", 10**12), "sample_rate must be at least 100 and at most 768000"),
    (put("sample_rate", 8000), "sample_rate of features must be that of the model"),
    (put("features", "hop_ms", 1e-3), "hop_ms must be at least 1 and at most 1000"),
    (put("features", "hop_ms", 1e9), "hop_ms must be"),
    (put("features", "window_ms", 1e9), "window_ms must be"),
    (put("features", "n_mels", 10**9), "n_mels must be"),
    (put("features", "n_mels", 41), "filters must have shape"),
    (put("features", "kind", "os.system"), "kind LogMel or Mfcc"),
    (put("features", "pickle", 3), "unexpected keyword"),
    (put("features", []), "features must be an object"),
    (put("history", [{"\x1b": 1}]), "control characters"),
    (put("history", [{"loss": "<script>"}]), "history must hold numbers"),
    (put("history", 3), "history must be a list"),
    (put("interrupted", "no"), "interrupted must be true or false"),
    (put("seed", -1), "seed must be at least 0"),
    (put("card", "licence", "\x1b]0;owned\x07"), "licence must hold no control characters"),
    (put("card", "limits", "x" * 1_000_000), "limits must have at most 10000 characters"),
    (put("card", "owner", "me"), "a card must be a table of data, licence"),
    (put("card", "facts", {"clips": [1]}), "fact clips must be text"),
    (put("card", "facts", {f"n{i}": i for i in range(1000)}), "at most 100"),
    (put("card", None), "a card must be a table"),
    (put_array("mean", lambda a: a[:-1]), r"mean must have shape \(40,\), not \(39,\)"),
    (put_array("std", lambda a: 0 * a), "std must be from 1e-12 to inf, not 0"),
    (put_array("mean", nan_at_start), "mean holds NaN or infinity"),
    (put_array("mean", lambda a: a.astype(np.float64)), "mean must be float32, not float64"),
    (put_array("filter_weights", nan_at_start), "filter_weights holds NaN"),
    (put_array("filter_weights", lambda a: a[1:]), r"filter_spans must be .* with \d+ weights in all"),
    (put_array("filter_spans", lambda a: a[:, ::-1]), "filter_spans must be"),
    (put_array("filter_spans", lambda a: a + np.int32(1 << 20)), "filter_spans must be from 0 to 257"),
    (put_array("filter_bins", lambda a: a << 15), "and at most 16777216 with zeros"),
    (put_array("filter_bins", lambda a: a << 50), "filter_bins must be from 1 to"),
    (put_array("filter_bins", lambda a: a + 1), r"filters must have shape \(40, 257\), not \(40, 258\)"),
    (put_array("probe", lambda a: np.zeros(1 << 21, np.int16)), "probe must have from 1 to 1048576 samples"),
    (put_array("probe", lambda a: a[:0]), "probe must have"),
    (put_array("probe_posteriors", lambda a: a[:, :1]), "probe_posteriors must have shape"),
    (put_array("probe_posteriors", lambda a: a + np.float32(0.001)), "does not give the posteriors here"),
    (lambda arrays, stored: arrays.pop("std"), "array std is missing"),
    (lambda arrays, stored: stored.pop("card"), "'card' is missing"),
    (lambda arrays, stored: arrays.update({"network.9999.weight": np.zeros(3, np.float32)}), "do not fit the network"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("change", "says"), BOTH)
def test_what_is_wrong_with_a_model_is_said(files, kind, tmp_path, change, says):
    path = changed(files, kind, tmp_path, change)
    with pytest.raises(ac.ModelFileError, match=says) as error:
        KINDS[kind].load(path)
    assert str(error.value).startswith(f"{path} ")
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("training", 5), "training must be an object"),
        (put("mixtures", "stretch_s", -1), "stretch_s must be at least"),
        (put("training", "lag_s", 1e6), "lag_s must be at most 10"),
        (put_array("thresholds", lambda a: a * np.nan), "thresholds holds NaN"),
        (put_array("thresholds", lambda a: -np.ones(2)), "thresholds must be from"),
        (put_array("word_s", lambda a: a + 1e9), "word_s must be from 0 to 60"),
        (put("features", "kind", "Mfcc"), "must be LogMel|unexpected keyword"),
    ],
)
def test_what_is_wrong_with_a_detector_is_said(files, tmp_path, change, says):
    with pytest.raises(ac.ModelFileError, match=says):
        ac.KeywordDetector.load(changed(files, "detector", tmp_path, change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("decision", 5), "decision must be an object"),
        (put("decision", "smoothing_s", 1e9), "smoothing_s must be at least 0 and at most 60"),
        (put("decision", "gap_s", -1), "gap_s must be at least 0"),
        (put("training", "lag_s", 1e6), "lag_s must be at most 10"),
        (put("classes", ["bell", "dog", "rain", "sea"]), "must have shape|more weights"),
        (put_array("thresholds", lambda a: a * np.nan), "thresholds holds NaN"),
        (put("kind", "KeywordDetector"), "is a KeywordDetector, not a SoundEventDetector"),
    ],
)
def test_what_is_wrong_with_a_detector_of_sounds_is_said(files, tmp_path, change, says):
    with pytest.raises(ac.ModelFileError, match=says):
        ac.SoundEventDetector.load(changed(files, "sounds", tmp_path, change))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("clip_s", 1e9), "clip_s must be"),
        (put("clip_s", 3000), "features of a clip must be at most 4194304 numbers"),
        (put("tta_pitch_factors", [1.0] * 1000), "tta_pitch_factors must be a list of at most 32"),
        (put("tta_pitch_factors", [1e-9]), "tta_pitch_factors must be"),
        (put("tta_shifts_s", []), "at least one number"),
        (put("threshold", None), "threshold must be"),
        (put("best_epoch", 7), "best_epoch must be"),
        (put("split", {"speaker": 3, "words": None, "seed": 0}), "speaker must be text"),
        (put("split", {"speaker": None, "words": ["\x1b"], "seed": 0}), "control characters"),
        (put("parameters", "threads", "many"), "threads must be"),
        (put("parameters", "training", {"epochs": 0}), "epochs must be at least 1"),
        (put("parameters", "augment", {"speed": "fast"}), "speed must be"),
        (put("parameters", "class_weight", [1]), "not a whole model"),
        (put("parameters", []), "parameters must be an object"),
    ],
)
def test_what_is_wrong_with_a_classifier_is_said(files, tmp_path, change, says):
    with pytest.raises(ac.ModelFileError, match=says):
        ac.KeywordClassifier.load(changed(files, "classifier", tmp_path, change))


def test_a_network_that_is_larger_than_its_file_is_not_made(tmp_path):
    """The first layer of mlp is as long as a clip."""
    random_classifier("mlp").save(tmp_path / "mlp.safetensors")
    path = changed({"mlp": tmp_path / "mlp.safetensors"}, "mlp", tmp_path, put("clip_s", 3000.0))
    with pytest.raises(ac.ModelFileError, match="more weights than the file"):
        ac.KeywordClassifier.load(path)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**30, -1, 1e-300, "F32"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize("kind", ALL_KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(data=st.data())
def test_any_setting_is_one_or_refused(files, kind, tmp_path, data):
    """Whatever a setting becomes, at any depth: the model is loaded and can be used, or refused."""

    def change(arrays, stored):
        inside = stored
        while True:
            key = data.draw(st.sampled_from(sorted(inside)))
            if not isinstance(inside[key], dict) or not inside[key] or data.draw(st.booleans()):
                break
            inside = inside[key]
        inside[key] = data.draw(json_values)

    path = changed(files, kind, tmp_path, change)
    try:
        model = ALL_KINDS[kind].load(path)
    except ac.ModelFileError:
        return
    stream = model.stream()
    stream.process(np.zeros(20_000, np.float32))
    stream.flush()


HOSTILE = """
import json, resource, struct, sys, time
import audioconv as ac

out, *paths = sys.argv[1:]
for name, path in zip(("KeywordDetector", "KeywordClassifier"), paths):
    getattr(ac, name).load(path)  # compiles, and takes what memory that takes
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (200 << 20), -1))

def array(name, **values):
    return lambda described, settings: described[name].update(values)

def setting(name, value, inside=None):
    return lambda described, settings: (settings[inside] if inside else settings).update({name: value})

def copies(described, settings):
    described.update({f"a{i}": described["mean"] for i in range(10_000)})

changes = [
    array("mean", shape=[1 << 40]),
    array("mean", shape=[1 << 62, 4]),
    array("mean", data_offsets=[0, 1 << 50]),
    array("mean", dtype="F8_E4M3"),
    copies,
    setting("classes", ["x" * (1 << 21), "y"]),
    setting("dtype", "<U100000000"),
    setting("sample_rate", 1 << 60),
    setting("hop_ms", 1e-6, "features"),
    setting("window_ms", 1e12, "features"),
    setting("n_mels", 1 << 40, "features"),
]
more = [setting("clip_s", 3599.0), setting("tta_shifts_s", [0.0] * 100_000)]

def refused(kind, data, change):
    length = struct.unpack("<Q", data[:8])[0]
    described = json.loads(data[8 : 8 + length])
    settings = json.loads(described["__metadata__"]["audioconv"])
    change(described, settings)
    described["__metadata__"]["audioconv"] = json.dumps(settings)
    text = json.dumps(described).encode()
    open(out, "wb").write(struct.pack("<Q", len(text)) + text + data[8 + length :])
    start = time.perf_counter()
    try:
        kind.load(out)
    except ac.ModelFileError as error:
        assert time.perf_counter() - start < 10, error
        print(error)

for path, kind, all_changes in zip(paths, (ac.KeywordDetector, ac.KeywordClassifier), (changes, changes + more)):
    for change in all_changes:
        refused(kind, open(path, "rb").read(), change)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_hostile_files_are_refused_with_little_memory(files, tmp_path):
    """Each of these would take gigabytes, by what the file says."""
    args = [sys.executable, "-c", HOSTILE, tmp_path / "hostile", files["detector"], files["classifier"]]
    done = subprocess.run(args, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 11 + 13


def test_files_say_the_same_of_the_same_model(files, tmp_path):
    for kind, path in files.items():
        ALL_KINDS[kind].load(path).save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_loaded_models_know_what_they_were_trained_with(files):
    detector = ac.KeywordDetector.load(files["detector"])
    assert detector.mixtures == ac.detect.MixtureSettings()
    assert detector.card_ == random_detector().card_
    assert detector.thresholds_.tolist() == [0.4, np.inf]
    assert detector.parity_ == ac.KeywordClassifier.load(files["classifier"]).parity_ == 0


@pytest.mark.parametrize("model", ["mlp", "minirocket", "ds-cnn-s"])
def test_models_of_each_kind_have_a_parity_record(model, tmp_path):
    random_classifier(model).save(tmp_path / "m")
    assert ac.KeywordClassifier.load(tmp_path / "m").parity_ == 0
    arrays, stored = model_file.load(tmp_path / "m")
    name = next(name for name in arrays if name.startswith("network.") and name.endswith("bias"))
    arrays[name] = arrays[name] + np.arange(arrays[name].size, dtype=np.float32)
    del stored["format"]
    model_file.save(tmp_path / "m", arrays, stored)
    with pytest.raises(ac.ModelFileError, match="does not give the posteriors here"):
        ac.KeywordClassifier.load(tmp_path / "m")


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    detector = random_detector()
    next(iter(detector.scorer_.network.parameters().values())).flat[0] = np.nan
    with pytest.raises(ac.ModelFileError, match="not finite, so that there is no model to save"):
        detector.save(tmp_path / "m")
    assert not list(tmp_path.iterdir())
