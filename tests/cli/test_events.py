"""audioconv events, and train --events: from recordings and a table to a model, and from a recording to its events."""

import csv
import json
from dataclasses import dataclass

import numpy as np
import pytest

import audioconv as ac
from audioconv.detect import SoundEventTraining, sound_event_detector
from tests.command import refused, run
from tests.models_at_random import random_sound_event_detector

RATE = 16000


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model of random weights that finds something at a low threshold, and a recording of two channels."""
    folder = tmp_path_factory.mktemp("events")
    random_sound_event_detector().save(folder / "sounds.safetensors")
    noise = 0.1 * np.random.default_rng(0).standard_normal((3 * 44100, 2)) * np.linspace(0, 1, 3 * 44100)[:, None]
    ac.write(folder / "yard.wav", noise.astype(np.float32), 44100)
    return folder


def events(files, *more):
    return run("events", files / "yard.wav", "--model", files / "sounds.safetensors", "--threshold", 0.2, *more)


def test_events_are_shown_and_written(files, tmp_path):
    paths = {name: tmp_path / name for name in ("e.csv", "e.txt", "e.png")}
    done = events(files, "--csv", paths["e.csv"], "--labels", paths["e.txt"], "--picture", paths["e.png"])
    assert done.exit_code == 0, done.output
    detector = ac.SoundEventDetector.load(files / "sounds.safetensors")
    samples, rate = ac.read(files / "yard.wav")
    wanted = sorted(detector.detect(samples.mean(axis=1), rate, threshold=0.2), key=lambda event: event.start_s)
    assert wanted, "nothing is found, so that nothing is shown"
    *lines, summary = done.stdout.splitlines()
    assert len(lines) == len(wanted)
    assert [line.split()[3] for line in lines] == [event.label for event in wanted]
    assert summary.startswith(f"{len(wanted)} events in 3.0 s: ")
    rows = list(csv.DictReader(paths["e.csv"].open()))
    assert [(row["start_s"], row["label"]) for row in rows] == [(f"{e.start_s:.3f}", e.label) for e in wanted]
    tracks = [line.split("\t") for line in paths["e.txt"].read_text().splitlines()]
    assert [(float(begin), float(end), label) for begin, end, label in tracks] == [
        (round(e.start_s, 6), round(e.end_s, 6), e.label) for e in wanted
    ]
    assert paths["e.png"].read_bytes().startswith(b"\x89PNG")
    assert "the 2 channels of" in done.stderr
    again = ("events", files / "yard.wav", "--model", files / "sounds.safetensors", "--csv", paths["e.csv"])
    assert "exists and is not overwritten" in refused(*again)


def test_several_recordings(files, tmp_path):
    samples, rate = ac.read(files / "yard.wav")
    for name in ("a", "b"):
        ac.write(tmp_path / f"{name}.wav", samples, rate)
    model = ("--model", files / "sounds.safetensors", "--threshold", 0.2)
    alone = json.loads(events(files, "--json").stdout)
    done = run("events", tmp_path, *model, "--json", "--csv", tmp_path / "e.csv")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [report["file"] for report in found] == [str(tmp_path / "a.wav"), str(tmp_path / "b.wav")]
    assert [report["events"] for report in found] == [alone["events"]] * 2
    rows = list(csv.DictReader((tmp_path / "e.csv").open()))
    assert [row["recording"] for row in rows] == [report["file"] for report in found for _ in report["events"]]
    assert "are of one recording, and 2 are given" in refused("events", tmp_path, *model, "--labels", tmp_path / "l")


def test_events_as_json(files):
    found = json.loads(events(files, "--json").stdout)
    assert found["duration_s"] == 3.0
    assert set(found["events"][0]) == {"start_s", "end_s", "label", "score"}
    none = run("events", files / "yard.wav", "--model", files / "sounds.safetensors", "--threshold", 1.0)
    assert none.stdout.splitlines()[-1] == "0 events in 3.0 s: none"


def test_what_cannot_be_done_is_said(files, tmp_path):
    given = ("events", files / "yard.wav", "--model")
    assert "must end in .png" in refused(*given, files / "sounds.safetensors", "--picture", tmp_path / "a.gif")
    assert "not a model file" in refused(*given, files / "yard.wav")


@dataclass(frozen=True, repr=False)
class QuickTraining(SoundEventTraining):
    """Other defaults, because the command has no option for them."""

    rounds: int = 1
    steps: int = 2
    stretches: int = 4
    batch_size: int = 2
    stretch_s: float = 1.0


@pytest.mark.parametrize("count", [3, 10])
def test_a_folder_and_a_table_become_a_model(count, tmp_path, monkeypatch):
    monkeypatch.setattr(sound_event_detector, "SoundEventTraining", QuickTraining)
    (tmp_path / "yard").mkdir()
    lines = ["filename\tonset\toffset\tevent_label"]
    for k in range(count):
        tone = 0.1 * np.sin(np.arange(2 * RATE) * (0.1 + 0.2 * (k % 2)))
        ac.write(tmp_path / "yard" / f"{k}.wav", np.pad(tone, RATE // 2).astype(np.float32), RATE)
        lines.append(f"{k}.wav\t0.5\t2.5\t{('low', 'high')[k % 2]}")
    (tmp_path / "events.tsv").write_text("\n".join(lines))
    out = tmp_path / "yard.safetensors"
    done = run("train", tmp_path / "yard", "--events", tmp_path / "events.tsv", "--out", out)
    assert done.exit_code == 0, done.output
    assert "2 classes from" in done.stdout
    assert ("too few to choose thresholds" in done.stderr) == (count == 3)
    model = ac.SoundEventDetector.load(out)
    assert model.card_.facts["recordings"] == (3 if count == 3 else 8)
    assert ("calibration_h" in model.card_.facts) == (count == 10)
    more = ("--events", tmp_path / "events.tsv", "--out", tmp_path / "b")
    assert "--silence, --negatives: for other models only, not with --events" in refused(
        "train", tmp_path / "yard", *more, "--silence", "--negatives", tmp_path
    )
    shown = run("info", out)
    assert "sounds in streams, from when to when" in shown.stdout
