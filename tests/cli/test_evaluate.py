"""evaluate of detectors, on negatives, and as a page."""

import csv
import json

import numpy as np
import pytest

import audioconv as ac
from tests.command import refused, run
from tests.models_at_random import random_classifier
from tests.tone_detector import RATE, labelled_tones, negatives, tone_detector


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model file, a folder of clips, and one of negatives."""
    folder = tmp_path_factory.mktemp("tones")
    (folder / "clips").mkdir(), (folder / "speech").mkdir()
    rows = [("file", "label", "speaker", "split")]
    for i, (clip, label, speaker) in enumerate(zip(*labelled_tones(), strict=True)):
        ac.write(folder / "clips" / f"{i}.wav", clip, RATE)
        rows.append((f"{i}.wav", label, speaker, "test"))
    spoken = [("file", "text")]
    for i, (sound, text) in enumerate(zip([*negatives(), np.zeros(RATE)], ["HUSH", "SOME TALK", "LOW"], strict=True)):
        ac.write(folder / "speech" / f"{i}.wav", sound, RATE)
        spoken.append((f"{i}.wav", text))
    for name, table in (("clips", rows), ("speech", spoken)):
        with open(folder / name / "manifest.csv", "w", newline="") as file:
            csv.writer(file).writerows(table)
    detector = tone_detector()
    detector.model = "tones"
    detector.save(folder / "tones.safetensors")
    return folder


@pytest.fixture
def evaluate(place, monkeypatch):
    """Run `evaluate` on the detector; its network is not one that a file can name."""
    import audioconv.detect

    monkeypatch.setattr(audioconv.detect.KeywordDetector, "load", lambda path: tone_detector())
    model = place / "tones.safetensors"

    def go(*args):
        return run("evaluate", model, place / "clips", *args)

    return go


def test_a_page_and_its_figures_are_written(evaluate, place, tmp_path):
    out = tmp_path / "report"
    result = evaluate("--negatives", place / "speech", "--out", out, "--examples", 1)
    assert result.exit_code == 0, result.output
    assert "accuracy 83.33% (10 of 12 clips; 95 % interval" in result.stdout
    assert "10 dB: 77.78% of 9 words found" in result.stdout
    assert "false alarms in speech: 1 in 0.00 h, 450 an hour" in result.stdout
    assert result.stdout.splitlines()[-2:] == [str(out / "report.html"), str(out / "report.json")]
    assert "speech: left out are 1 that hold a keyword" in result.stderr
    figures = json.loads((out / "report.json").read_text())
    assert figures["model"]["file"] == "tones.safetensors"
    assert figures["data"]["folder"] == f"{place / 'clips'}, part test"
    assert figures["data"]["speakers"] == 4
    page = (out / "report.html").read_text()
    assert "[SOME] TALK" in page
    assert page.count("<audio") == 4


def test_without_a_folder_the_figures_are_printed(evaluate, place):
    result = evaluate("--errors")
    assert result.exit_code == 0, result.output
    assert "rooms: 77.78% of 9 words found" in result.stdout
    assert "not known: How often it fires in hours without the words" in result.stdout
    assert len([line for line in result.stdout.splitlines() if "\t" in line]) == 2


def test_what_cannot_be_done_is_refused_before_the_work(place, tmp_path):
    model, clips = place / "tones.safetensors", place / "clips"
    (tmp_path / "report.json").write_text("mine")
    assert "report.json exists and is not overwritten" in refused("evaluate", model, clips, "--out", tmp_path)
    random_classifier().save(tmp_path / "clips.model")
    said = refused("evaluate", tmp_path / "clips.model", clips, "--noise", place / "speech")
    assert "--noise and --sound-alikes are for detectors, or with --out or --negatives" in said


def test_clips_without_the_words_say_nothing(place, evaluate, tmp_path):
    for i in range(4):
        ac.write(tmp_path / f"{i}.wav", np.zeros(800), RATE)
    table = ["file,label,split", *(f"{i}.wav,{'ab'[i % 2]},test" for i in range(4))]
    (tmp_path / "manifest.csv").write_text("\n".join(table))
    assert "has no clips of the words" in refused("evaluate", place / "tones.safetensors", tmp_path)
