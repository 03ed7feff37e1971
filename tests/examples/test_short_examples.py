"""The short scripts of examples/, each on what takes seconds."""

import ast
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv.detect import SoundEventTraining
from audioconv.kernels._jit import JIT_ENABLED
from tests import jack

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, DATA = ROOT / "examples", ROOT / "data"
SCRIPTS = sorted(path for path in EXAMPLES.glob("*.py") if path.name != "demo.py")
SPEECH = DATA / "recordings" / "speech.flac"


def main_of(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Two recordings of a second and a file that is none."""
    folder = tmp_path_factory.mktemp("recordings")
    samples, rate = ac.read(SPEECH, stop_s=1)
    samples = 0.3 * samples
    ac.write(folder / "mono.wav", samples, rate)
    ac.write(folder / "stereo.wav", np.stack([samples, samples[::-1]], axis=1), rate)
    (folder / "none.wav").write_bytes(b"RIFF")
    return folder


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_short_and_says_what_it_does_and_how_it_is_called(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 60
    title, line, *_ = ast.get_docstring(ast.parse(text)).splitlines()
    assert line == "=" * len(title)
    assert f"python examples/{path.name}" in text


def test_filter_folder_goes_on_past_a_file_that_fails(recordings, tmp_path, capsys):
    summary = main_of("filter_folder")(recordings, tmp_path / "out", 1)
    assert (summary.done, summary.failed) == (2, 1)
    assert "none.wav" in capsys.readouterr().out
    clip = ac.read(tmp_path / "out" / "stereo.wav")
    assert clip.samples.shape[1] == 2
    assert 0.01 < np.abs(clip.samples).max() < 1


def test_own_stage_is_an_echo(recordings, tmp_path):
    main_of("own_stage")(recordings / "mono.wav", tmp_path / "echo.wav", 0.1)
    dry, rate = ac.read(recordings / "mono.wav")
    wet = ac.read(tmp_path / "echo.wav").samples
    late = round(0.1 * rate)
    assert len(wet) == len(dry) + 8 * late
    expected = np.zeros(len(wet))
    for i in range(9):
        expected[i * late : i * late + len(dry)] += 0.5**i * dry
    assert 0.05 < np.abs(expected).max() < 0.85  # below the limiter
    np.testing.assert_allclose(wet, expected, atol=2e-3)


def test_choose_threshold_writes_a_detector_that_keeps_quiet(recordings, tmp_path, capsys):
    detector = main_of("choose_threshold")(10, tmp_path / "d.safetensors", str(recordings / "mono.wav"))
    assert len(capsys.readouterr().out.splitlines()) == len(detector.classes_)
    again = ac.KeywordDetector.load(tmp_path / "d.safetensors")
    assert np.array_equal(again.thresholds_, detector.thresholds_)
    assert again.detect(ac.read(recordings / "mono.wav").samples) == []


def test_few_shot_word_learns_a_word(tmp_path, capsys):
    folder = tmp_path / "off"
    folder.mkdir()
    for path in sorted((DATA / "keywords" / "off").iterdir())[:4]:
        shutil.copy(path, folder)
    more = main_of("few_shot_word")(folder, tmp_path / "more.safetensors")
    assert "off" in more.classes_
    assert "off" in ac.KeywordClassifier.load(tmp_path / "more.safetensors").classes_
    assert int(capsys.readouterr().out.split()[0]) >= 3


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """Twelve clips of two words, of four speakers."""
    folder = tmp_path_factory.mktemp("words")
    header, *lines = (DATA / "keywords" / "manifest.csv").read_text().splitlines()
    speakers = sorted({line.split(",")[2] for line in lines if line.endswith("train")})[:4]
    taken = [line for line in lines if line.split(",")[2] in speakers and line.split(",")[1] in ("yes", "no")]
    (folder / "manifest.csv").write_text("\n".join([header, *taken]) + "\n")
    for label in ("yes", "no"):
        (folder / label).symlink_to(DATA / "keywords" / label)
    return folder


def test_grid_search_tries_each_setting(words):
    search = main_of("grid_search")(words, 1, {"learning_rate": [0.001, 0.02]}, 2)
    assert len(search.cv_results_["params"]) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_find_events_prints_what_it_finds(tmp_path, capsys):
    time_s = np.arange(16000) / 16000
    rng = np.random.default_rng(0)
    for label, sound in (("beep", np.sin(2 * np.pi * 900 * time_s)), ("hiss", rng.standard_normal(16000))):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for i in range(3):
            ac.write(tmp_path / "clips" / label / f"{i}.wav", (0.2 * sound).astype("float32"), 16000)
    training = SoundEventTraining(rounds=1, stretches=8, steps=2, stretch_s=4.0)
    found = main_of("find_events")(tmp_path / "clips", SPEECH, 2, training)
    assert len(capsys.readouterr().out.splitlines()) >= len(found)


def test_own_layer_learns_and_streams():
    losses, rows = main_of("own_layer")(30)
    assert losses[-1] < 0.9 * losses[0]
    assert rows.shape == (100, 2)


def test_export_onnx_gives_the_rows_of_the_detector(recordings, tmp_path):
    pytest.importorskip("onnxruntime")
    labels, rows = main_of("export_onnx")(str(tmp_path / "words.onnx"), recordings / "mono.wav")
    detector = ac.KeywordDetector.load()
    assert labels == [str(word) for word in detector.classes_]
    expected = detector.scorer_.posteriors(ac.read(recordings / "mono.wav").samples)
    np.testing.assert_allclose(rows[0], expected, atol=1e-4)
    assert expected.max() > 0


@pytest.mark.slow
def test_filter_on_dask_starts_a_cluster(recordings, tmp_path):
    pytest.importorskip("distributed")
    summary = main_of("filter_on_dask")(recordings, tmp_path / "out")
    assert (summary.done, summary.failed) == (2, 1)


@pytest.mark.live
@pytest.mark.skipif(not JIT_ENABLED, reason="a C callback needs compiled code")
@pytest.mark.skipif(jack.missing() is not None, reason=str(jack.missing()))
def test_live_equaliser_plays():
    with jack.server():
        statistics = main_of("live_equaliser")(0.6)
    assert statistics.frames > 0.1 * 48000  # less than is due where others keep the machine busy
