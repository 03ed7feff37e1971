"""The scripts in examples/ do what they say, on small inputs."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES, DATA = ROOT / "examples", ROOT / "data"


def main_of(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


def test_filter_file_brings_the_room_to_the_rate_of_the_recording(tmp_path):
    speech, rate = ac.read(DATA / "recordings/speech.flac")
    ac.write(tmp_path / "in.wav", 0.3 * speech[16000:24000], rate, subtype="FLOAT")
    main_of("filter_file")(
        tmp_path / "in.wav", DATA / "impulse_responses/small_room.flac", tmp_path / "out.flac"
    )  # fmt: skip
    wet, wet_rate = ac.read(tmp_path / "out.flac")
    assert wet_rate == rate
    assert len(wet) == 8000 + round(0.35 * rate) - 1
    assert 0.05 < np.abs(wet).max() <= 1


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of two sounds, trained by the example."""
    folder = tmp_path_factory.mktemp("words")
    rng = np.random.default_rng(0)
    time_s = np.arange(8000) / 16000
    for label, hz in (("high", 2500), ("low", 300)):
        (folder / label).mkdir()
        for i in range(20):
            tone = 0.3 * np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * time_s) * np.hanning(8000)
            clip = np.pad(tone, 4000) + 1e-2 * rng.standard_normal(16000)
            ac.write(folder / label / f"{i}.wav", clip.astype(np.float32), 16000)
    path = folder / "model.safetensors"
    main_of("train_keywords")(folder, path, 40)
    return path


def test_train_keywords_writes_a_model_that_learned(model):
    classifier = ac.KeywordClassifier.load(model)
    assert classifier.classes_.tolist() == ["high", "low"]
    files = [str(model.parent / label / f"{i}.wav") for label in ("high", "low") for i in range(20)]
    assert classifier.score(files, ["high"] * 20 + ["low"] * 20) >= 0.95


def test_listen_to_file_prints_each_word_once_at_its_time(model, tmp_path, capsys):
    high, _ = ac.read(model.parent / "high/0.wav")
    low, _ = ac.read(model.parent / "low/0.wav")
    stream = np.zeros(6 * 16000, np.float32)
    stream[16000:32000], stream[56000:72000] = high, low
    stream += 1e-2 * np.random.default_rng(1).standard_normal(stream.size).astype(np.float32)
    stereo_44 = ac.io.resample(np.stack([stream, stream], axis=1), 16000, 44100)
    ac.write(tmp_path / "long.wav", stereo_44, 44100)
    main_of("listen_to_file")(model, tmp_path / "long.wav")
    heard = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[2] for line in heard] == ["high", "low"]
    assert abs(float(heard[0][0]) - 1.5) < 0.5
    assert abs(float(heard[1][0]) - 4.0) < 0.5
