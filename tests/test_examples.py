"""The scripts in examples/ do what they say, on small inputs."""

import re
import runpy
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv import report
from audioconv.classify.augmentation import synthetic_noise

ROOT = Path(__file__).resolve().parents[1]
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
    assert 0 <= len(wet) - (8000 + round(0.35 * rate) - 1) < 0.02 * rate  # the room rings on a little at its new rate
    assert 0.05 < np.abs(wet).max() <= 1


def test_denoise_speech_writes_sound_and_a_picture(tmp_path):
    main_of("denoise_speech")(tmp_path)
    assert (tmp_path / "denoised.png").read_bytes().startswith(b"\x89PNG")
    noisy, *cleaned = (ac.read(tmp_path / f"{name}.wav").samples[:8000] for name in (
        "speech in noise", "noise estimated as it goes", "noise known from the first second",
    ))  # fmt: skip
    assert all(np.std(samples) < 0.15 * np.std(noisy) for samples in cleaned)


def test_the_demo_counts_the_words_that_it_hears_in_noise(tmp_path, capsys):
    listen = runpy.run_path(str(EXAMPLES / "demo.py"))["listen"]
    short = partial(synthetic_noise, seconds=2)
    listen.__globals__.update(
        OUT=tmp_path, KEYWORDS=8, OTHER_WORDS=2, synthetic_noise=lambda rate, seed, **longer: short(rate, seed)
    )
    page = report.Report("demo")
    listen(page)
    page.save(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    found, delay_s = re.search(r"Found (\d+) of 8 keywords.* told ([\d.]+) s after their end \(median\)", text).groups()
    assert 3 <= int(found) <= 8
    assert 0 < float(delay_s) < 0.4
    told = [line.split()[:5] for line in capsys.readouterr().out.splitlines() if len(line.split()) == 6]
    right = [row for row in told if row[0] == row[2]]  # said, from-to, heard, from-to, told at
    assert right
    assert all(float(row[1].split("-")[1]) < float(row[4]) < float(row[1].split("-")[1]) + 0.8 for row in right)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of two tones and of noise, trained by the example."""
    folder = tmp_path_factory.mktemp("words")
    rng = np.random.default_rng(0)
    time_s = np.arange(8000) / 16000
    for label, hz in (("high", 2500), ("low", 300), ("unknown", 0)):
        (folder / label).mkdir()
        for i in range(40):
            tone = 0.3 * np.sin(2 * np.pi * hz * rng.uniform(0.9, 1.1) * time_s) * np.hanning(8000)
            clip = np.pad(tone, 4000) + 1e-2 * rng.standard_normal(16000)
            ac.write(folder / label / f"{i}.wav", clip.astype(np.float32), 16000)
    path = folder / "model.safetensors"
    main_of("train_keywords")(folder, path, 50)
    return path


@pytest.mark.slow
def test_train_keywords_writes_a_model_that_learned(model):
    classifier = ac.KeywordClassifier.load(model)
    assert classifier.classes_.tolist() == ["high", "low", "unknown"]
    labels = np.repeat(classifier.classes_, 40)
    files = [str(model.parent / label / f"{i % 40}.wav") for i, label in enumerate(labels)]
    assert classifier.score(files, labels) >= 0.95


@pytest.mark.slow
def test_listen_to_file_prints_what_the_detector_hears(model, tmp_path, capsys):
    high, low = (ac.read(model.parent / label / "0.wav").samples for label in ("high", "low"))
    gap = 1e-2 * np.random.default_rng(1).standard_normal(24000).astype(np.float32)
    stream = np.concatenate([gap, high, gap, low, gap])
    ac.write(tmp_path / "long.wav", ac.io.resample(np.stack([stream, stream], axis=1), 16000, 48000), 48000)
    main_of("listen_to_file")(model, tmp_path / "long.wav")
    heard = [line.split() for line in capsys.readouterr().out.splitlines()]

    detector = ac.KeywordClassifier.load(model).stream()
    expected = detector.process(stream) + detector.flush()
    assert [word[4] for word in heard] == [word.label for word in expected]
    assert np.allclose([float(word[0]) for word in heard], [word.start_s for word in expected], atol=0.11)
    assert {"high", "low"} & {word[4] for word in heard}


@pytest.mark.parametrize("name", ["enlarge_image", "filter_file", "listen_to_file", "live_hall", "train_keywords"])
def test_a_script_that_gets_too_little_says_how_it_is_called(name, monkeypatch):
    monkeypatch.setattr("sys.argv", [f"{name}.py"])
    with pytest.raises(SystemExit, match=f"python examples/{name}.py "):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("filter_file", "? ? ?"), ("listen_to_file", "? ?"), ("live_hall", "1 ?"), ("train_keywords", "? ?")]
)  # fmt: skip
def test_a_script_says_what_is_wrong_with_a_file_in_a_line(name, arguments, monkeypatch):
    monkeypatch.setattr("sys.argv", [f"{name}.py", *arguments.replace("?", "missing.wav").split()])
    with pytest.raises(SystemExit, match=rf"^{name}: .*missing\.wav"):
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
