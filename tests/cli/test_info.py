"""audioconv info: what a model or a sound holds, for people and as JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

import audioconv as ac
from audioconv.io import model_file
from tests.command import refused, run
from tests.models_at_random import random_classifier, random_detector


def info(path):
    result = run("info", path, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def lines_of(path):
    result = run("info", path)
    assert result.exit_code == 0, result.output
    assert all(line.isprintable() for line in result.stdout.splitlines())
    return " ".join(result.stdout.split())


def test_a_detector_is_shown(tmp_path):
    path = tmp_path / "words"  # whatever its name is
    random_detector().save(path)
    about = info(path)
    assert (about["kind"], about["model"], about["sample_rate"]) == ("KeywordDetector", "ds-tcn", 16000)
    assert about["labels"] == [
        {"label": "no", "threshold": 0.4, "word_s": 0.3},
        {"label": "yes", "threshold": None, "word_s": 0.4},  # infinity: JSON has no such number
    ]
    assert about["card"]["licence"] == "CC0"
    assert about["card"]["facts"] == {"clips": 3}
    assert about["parity"] == {"deviation": 0.0, "limit": 1e-5}
    assert about["features"]["n_mels"] == 40
    assert about["training"]["rounds"] == ac.detect.DetectorTraining().rounds
    assert about["mixtures"]["pace"] == list(ac.detect.MixtureSettings().pace)
    assert about["bytes"] == path.stat().st_size
    shown = lines_of(path)
    for text in ("no: from 0.400, 0.30 s long", "yes: not told in streams", "CC0", "Random. Of no use.", "clips: 3"):
        assert text in shown
    for text in ("within 0 (limit 1e-05)", "rounds 4", "pace (0.87, 1.15)", "1 record, the last one round 1"):
        assert text in shown


def test_a_classifier_is_shown(tmp_path):
    path = tmp_path / "words.model"
    random_classifier().save(path)
    about = info(path)
    assert (about["kind"], about["model"], about["clip_s"]) == ("KeywordClassifier", "tc-resnet8", 1.0)
    assert [label["threshold"] for label in about["labels"]] == [0.5, 0.5]
    assert about["parameters"]["batch_size"] == 100
    assert "yes: from 0.500" in lines_of(path)


def test_without_a_file_the_detector_that_comes_along_is_shown():
    result = run("info")
    assert result.exit_code == 0, result.output
    assert "CC BY 4.0" in result.stdout
    assert "yes: from 0." in result.stdout


def test_what_a_file_says_steers_no_terminal(tmp_path):
    """Labels and texts with control characters are refused; what else is in a file is shown harmlessly."""
    path, detector = tmp_path / "words.model", random_detector()
    detector.card_ = replace(detector.card_, data="[red]<b>&amp;</b>[/red]")
    detector.save(path)
    assert "[red]<b>&amp;</b>[/red]" in lines_of(path)
    arrays, stored = model_file.load(path)
    del stored["format"]
    model_file.save(path, arrays, stored | {"more": "\x1b[2J\u202e"})
    assert r"\x1b[2J\u202e" in lines_of(path)


@pytest.mark.parametrize("name", ["words.safetensors", "words.model"])
def test_a_model_that_is_broken_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(b"RIFF")
    assert "cut short or not a model file" in refused("info", tmp_path / name)


def test_a_sound_is_shown(tmp_path):
    ac.write(tmp_path / "a.wav", np.zeros((8000, 2), np.float32), 16000)
    about = info(tmp_path / "a.wav")
    assert about | {"tags": {}, "markers": []} == about
    assert (about["format"], about["subtype"], about["channels"]) == ("WAV", "PCM_16", 2)
    assert (about["frames"], about["duration_s"], about["sample_rate"]) == (8000, 0.5, 16000)
    assert "duration_s 0.5" in lines_of(tmp_path / "a.wav")
    assert "b.wav" in refused("info", tmp_path / "b.wav")
