"""audioconv export."""

import numpy as np
import pytest

import audioconv as ac
from tests.command import refused, run
from tests.models_at_random import random_classifier, random_denoiser, random_detector, random_sound_event_detector


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    random_detector().save(folder / "words.safetensors")
    random_classifier().save(folder / "clips.safetensors")
    random_sound_event_detector().save(folder / "events.safetensors")
    random_denoiser().save(folder / "denoiser.safetensors")
    return folder


def test_onnx(models, tmp_path):
    pytest.importorskip("onnxruntime", reason="ONNX files are checked in onnxruntime")
    done = run("export", models / "words.safetensors", tmp_path / "words.onnx")
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'words.onnx'}: whole clips; ")
    assert f"{tmp_path / 'words.step.onnx'}: a step of 320 samples, 20 ms; " in second
    assert "posteriors within " in second
    assert "exists and is not overwritten" in refused("export", models / "words.safetensors", tmp_path / "words.onnx")
    assert run("export", models / "words.safetensors", tmp_path / "words.onnx", "--force").exit_code == 0


def test_sound_events(models, tmp_path):
    done = run("export", models / "events.safetensors", tmp_path / "events.h")
    assert done.exit_code == 0, done.output
    assert '"kind": "SoundEventDetector"' in (tmp_path / "events.h").read_text()


def test_a_denoiser(models, tmp_path):
    done = run("export", models / "denoiser.safetensors", tmp_path / "clean.h")
    assert done.exit_code == 0, done.output
    assert '"kind": "NeuralDenoise"' in (tmp_path / "clean.h").read_text()
    given = models / "denoiser.safetensors", tmp_path / "clean.onnx"
    assert "as float32 only" in refused("export", *given, "--int8", tmp_path)
    assert "give one of them" in refused("export", *given, "--denoiser")
    pytest.importorskip("onnxruntime", reason="ONNX files are checked in onnxruntime")
    done = run("export", *given)
    assert done.exit_code == 0, done.output
    assert "a step of 256 samples, 16 ms" in done.stdout
    assert done.stdout.count("samples within") == 2


def test_int8(models, tmp_path):
    pytest.importorskip("onnxruntime", reason="ONNX files are checked in onnxruntime")
    for label in ("no", "yes", "other"):
        for number in range(4):
            (tmp_path / "clips" / label).mkdir(parents=True, exist_ok=True)
            noise = 0.1 * np.random.default_rng(number).standard_normal(16000)
            ac.write(tmp_path / "clips" / label / f"{number}.wav", noise.astype(np.float32), 16000)
    done = run("export", models / "clips.safetensors", tmp_path / "small.onnx", "--int8", tmp_path / "clips")
    assert done.exit_code == 0, done.output
    assert done.stdout.count("  int8 on ") == 2
    assert "accuracy " in done.stdout
    said = refused("export", models / "clips.safetensors", tmp_path / "x.onnx", "--int8", tmp_path / "clips" / "no")
    assert said


def test_c(models, tmp_path):
    done = run("export", models / "words.safetensors", tmp_path / "words.h")
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'words.h'}: a step of 160 samples; ")
    assert "posteriors within" in second or "not compiled" in second
    assert "exists and is not overwritten" in refused("export", models / "words.safetensors", tmp_path / "words.h")


def test_what_is_wrong_is_said_before_a_model_is_read(tmp_path):
    assert "OUT must end in .onnx or .h" in refused("export", tmp_path / "none.safetensors", tmp_path / "words.pt")
    assert "folder" in refused("export", tmp_path / "none.safetensors", tmp_path / "nowhere" / "words.onnx")
    assert "a model and a file to write are wanted, not 3" in refused("export", "a", "b", "c.onnx")
