"""train, evaluate, predict and listen on three sounds that a tiny training tells apart."""

import csv
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file

import audioconv as ac
from audioconv.io.model_file import FORMAT
from tests.command import refused, run

RATE = 16000
LABELS = ("high", "low", "unknown")


def sound(label, voice, rate=RATE):
    """A second with half a second of a high or low harmonic tone somewhere; unknown is noise of any level."""
    rng = np.random.default_rng([LABELS.index(label), voice])
    noise = rng.normal(size=rate)
    if label == "unknown":
        return (noise * 10 ** rng.uniform(-3.5, -1)).astype("float32")
    times_s = np.arange(rate) / rate
    pitch_hz = {"high": 1500, "low": 250}[label] * rng.uniform(0.85, 1.15)
    tone = sum(np.sin(2 * np.pi * k * pitch_hz * times_s) / k for k in (1, 2, 3))
    start_s = rng.uniform(0.05, 0.45)
    envelope = np.where((times_s > start_s) & (times_s < start_s + 0.5), 1, 0)
    return (rng.uniform(0.05, 0.2) * tone * envelope + 0.001 * noise).astype("float32")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder with a manifest: 20 voices, split 14 / 3 / 3."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for voice in range(20):
        for label in LABELS:
            name = f"{label}_{voice}.wav"
            ac.write(folder / name, sound(label, voice), RATE)
            rows.append(
                (name, label, f"voice{voice}", "train" if voice < 14 else "validation" if voice < 17 else "test")
            )
    write_manifest(folder, rows)
    return folder


def write_manifest(folder, rows):
    with open(folder / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "speaker", "split"), *rows])


@pytest.fixture(scope="module")
def model(clips, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "words.model"
    result = run("train", clips, "--out", path, "--epochs", 20, "--seed", 3, "--no-augment")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{path}: 3 classes from 42 clips, 9 to validate, 20 epochs, validation accuracy ")
    assert [name.name for name in path.parent.iterdir()] == ["words.model"]
    return path


def test_same_seed_same_file(clips, model, tmp_path):
    for seed, same in ((3, True), (4, False)):
        path = tmp_path / f"{seed}.model"
        args = ("--epochs", 20, "--seed", seed, "--no-augment", "--threads", 3)
        assert run("train", clips, "--out", path, *args).exit_code == 0
        assert same_weights(path, model) is same


def same_weights(one, other):
    from safetensors.numpy import load_file

    one, other = load_file(one), load_file(other)
    return all(np.array_equal(one[name], other[name]) for name in other)


def test_help_names_every_architecture():
    from audioconv.models import MODELS

    said = "".join(run("train", "--help").stdout.split())  # names may be broken at the ends of lines
    for name in MODELS:
        assert any(name + mark in said for mark in ",.;"), name


def test_speakers_in_file_names_are_found(clips, tmp_path):
    folder = tmp_path / "folder"
    for row in csv.DictReader((clips / "manifest.csv").read_text().splitlines()):
        (folder / row["label"]).mkdir(parents=True, exist_ok=True)
        (folder / row["label"] / row["file"]).write_bytes((clips / row["file"]).read_bytes())
    result = run("data", "check", folder, "--speaker", r"_(\d+)")
    assert "were made by speaker" in result.stdout
    assert "at random" in run("data", "check", folder).stdout
    assert "finds none in 60 file names" in refused("data", "check", folder, "--speaker", "voice")


def test_words_are_chosen_and_silence_is_a_class(clips, tmp_path):
    args = ("--epochs", 1, "--words", "high", "--silence", "--no-check")
    assert run("train", clips, "--out", tmp_path / "m", *args).exit_code == 0
    assert ac.KeywordClassifier.load(tmp_path / "m").classes_.tolist() == ["high", "silence", "unknown"]
    assert "and loud are not" in refused("train", clips, "--out", tmp_path / "n", "--words", "high,loud")


def test_train_mixes_in_noise(clips, tmp_path):
    (tmp_path / "noise").mkdir()
    ac.write(tmp_path / "noise" / "hum.wav", sound("low", 99).repeat(3), RATE)
    args = ("--epochs", 1, "--noise", tmp_path / "noise")
    assert run("train", clips, "--out", tmp_path / "m", *args).exit_code == 0
    assert ac.KeywordClassifier.load(tmp_path / "m").classes_.tolist() == list(LABELS)


# --- evaluate -------------------------------------------------------------------------------------------------


def test_evaluate_counts_what_is_right(clips, model):
    for split, count in (("test", 9), ("val", 9), ("train", 42), ("all", 60)):
        result = run("evaluate", model, clips, "--split", split)
        assert result.exit_code == 0, result.output
        right = int(result.stdout.split("(")[1].split()[0])
        assert f"({right} of {count} clips; 95 % interval" in result.stdout
        assert right >= 0.8 * count
        rows = [line for line in result.stdout.splitlines() if "%" in line and "accuracy" not in line]
        assert len(rows) == 3
        assert all(label in row for label, row in zip(LABELS, rows, strict=True))


def test_evaluate_lists_errors(clips, model, tmp_path):
    """With the labels of two sounds exchanged, each of their clips is an error."""
    swap = {"high": "low", "low": "high", "unknown": "unknown"}
    for voice in range(17, 20):
        for label in LABELS:
            ac.write(tmp_path / f"{label}_{voice}.wav", sound(label, voice), RATE)
    write_manifest(tmp_path, [(f"{a}_{v}.wav", b, v, "test") for a, b in swap.items() for v in range(17, 20)])
    result = run("evaluate", model, tmp_path, "--errors")
    assert result.exit_code == 0
    listed = [line.split("\t") for line in result.stdout.splitlines() if "\t" in line]
    right = int(result.stdout.split("(")[1].split()[0])
    assert len(listed) == 9 - right >= 5
    assert all(true != said for _, true, said in listed)


def test_evaluate_refuses_what_it_cannot_compare(clips, model, tmp_path):
    assert "'train', 'val', 'test'" in refused("evaluate", model, clips, "--split", "folds")
    assert str(tmp_path / "no") in refused("evaluate", model, tmp_path / "no")
    ac.write(tmp_path / "a.wav", sound("low", 50), RATE)
    write_manifest(tmp_path, [("a.wav", label, 0, "test") for label in ("low", "low", "bed", "bed")])
    closed = ac.KeywordClassifier.load(model)
    closed.scorer_ = replace(closed.scorer_, classes=np.array(["high", "low", "other"]))
    closed.save(tmp_path / "closed.model")
    assert "labels that" in refused("evaluate", tmp_path / "closed.model", tmp_path)
    assert "bed" in refused("evaluate", tmp_path / "closed.model", tmp_path)
    result = run("evaluate", model, tmp_path)
    assert "clips of labels that" in result.stderr
    assert "are 'unknown'" in result.stderr
    assert "of 4 clips" in result.stdout
    assert "no clips in the part 'val'; it has test" in refused(
        "evaluate", tmp_path / "closed.model", tmp_path, "--split", "val"
    )


# --- predict --------------------------------------------------------------------------------------------------


def test_predict_gives_a_line_a_file(clips, model):
    files = [clips / f"{label}_18.wav" for label in LABELS]
    result = run("predict", model, *files)
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    probabilities = ac.KeywordClassifier.load(model).predict_proba([str(file) for file in files])
    assert [line[0] for line in lines] == [str(file) for file in files]
    assert [line[1] for line in lines] == [LABELS[k] for k in probabilities.argmax(axis=1)]
    assert [float(line[2]) for line in lines] == pytest.approx(probabilities.max(axis=1), abs=1e-4)


def test_predict_gives_the_best_few(clips, model):
    result = run("predict", model, clips / "low_18.wav", "--top", 5)
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert sorted(line[1] for line in lines) == sorted(LABELS)
    values = [float(line[2]) for line in lines]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1, abs=1e-3)


def test_predict_says_once_that_clips_are_converted(model, tmp_path):
    for voice in range(3):
        ac.write(tmp_path / f"{voice}.wav", np.stack([sound("low", voice, 44100)] * 2, axis=1), 44100)
    result = run("predict", model, *sorted(tmp_path.iterdir()))
    assert result.exit_code == 0
    assert result.stderr.count("resampled") == 1
    assert result.stderr.count("channels") == 1
    assert len(result.stdout.splitlines()) == 3


def test_predict_refuses_a_bad_clip(model, clips, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes((clips / "low_1.wav").read_bytes()[:-100])
    line = refused("predict", model, clips / "low_1.wav", bad)
    assert f"{bad} is cut short" in line


# --- listen ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Twelve seconds of faint noise with a high sound between 2 and 3 s and a low one between 7 and 8 s."""
    samples = np.random.default_rng(0).normal(size=12 * RATE).astype("float32") / 1000
    samples[2 * RATE : 3 * RATE] += sound("high", 18)
    samples[7 * RATE : 8 * RATE] += sound("low", 18)
    path = tmp_path_factory.mktemp("recording") / "long.wav"
    ac.write(path, samples, RATE, subtype="FLOAT")
    return path


def heard(result):
    assert result.exit_code == 0, result.output
    *lines, summary = result.stdout.splitlines()
    assert summary.startswith(f"{len(lines)} detections in 12.0 s: ")
    return [(float(line.split()[0]), line.split()[3]) for line in lines]


@pytest.mark.parametrize("block", [97, 1600, 100_000])
def test_listen_hears_the_sounds_where_they_are(model, recording, tmp_path, block):
    result = run(
        "listen", model, "--file", recording, "--block", block, "--csv", tmp_path / "d.csv", "--threshold", 0.5
    )
    found = heard(result)
    assert result.stderr == ""
    assert [label for _, label in found] == ["high", "low"]
    assert 2 < found[0][0] < 3.2
    assert 7 < found[1][0] < 8.2
    with open(tmp_path / "d.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["high", "low"]
    assert [float(row["start_s"]) for row in rows] == pytest.approx([start for start, _ in found], abs=0.01)
    assert all(float(row["end_s"]) >= float(row["start_s"]) and float(row["score"]) >= 0.5 for row in rows)
    assert list(rows[0]) == ["start_s", "end_s", "label", "score"]


def test_the_block_changes_nothing_that_is_heard(model, recording):
    args = ("listen", model, "--file", recording, "--threshold", 0.5, "--block")
    assert run(*args, 97).stdout == run(*args, 50_000).stdout


def test_listen_converts_and_says_so_once(model, recording, tmp_path):
    from audioconv.io import resample

    samples = resample(ac.read(recording).samples, RATE, 44100)
    path = tmp_path / "stereo.wav"
    ac.write(path, np.stack([samples * 1.5, samples * 0.5], axis=1), 44100, subtype="FLOAT")
    result = run("listen", model, "--file", path, "--threshold", 0.5)
    original = heard(run("listen", model, "--file", recording, "--threshold", 0.5))
    assert [label for _, label in heard(result)] == [label for _, label in original]
    assert result.stderr.splitlines() == [
        f"audioconv: {path} is resampled from 44100 to 16000 Hz",
        f"audioconv: the 2 channels of {path} are averaged",
    ]


def test_listen_refuses_a_bad_recording(model, recording, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(recording.read_bytes()[:-1000])
    assert f"{bad} is cut short" in refused("listen", model, "--file", bad, "--csv", tmp_path / "d.csv")
    assert "does not exist" in refused("listen", model, "--file", tmp_path / "no.wav")
    assert "does not exist" in refused("listen", model, "--file", recording, "--csv", tmp_path / "no" / "d.csv")
    assert "threshold" in refused("listen", model, "--file", recording, "--threshold", 1)
    samples = ac.read(recording).samples.copy()
    samples[-100] = np.nan
    import soundfile

    soundfile.write(bad, samples, RATE, subtype="FLOAT")
    result = run("listen", model, "--file", bad, "--csv", tmp_path / "d.csv")  # the damage shows at the end only
    assert result.exit_code == 2
    assert result.stderr.startswith(f"audioconv: error: {bad} holds nan at 11.9938 s")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.wav"]


# --- models that are damaged, and Ctrl-C ----------------------------------------------------------------------


@pytest.mark.parametrize("part", [0.01, 0.5, 0.999])
@pytest.mark.parametrize("command", ["predict", "evaluate", "listen"])
def test_a_model_cut_short_is_refused(model, clips, recording, tmp_path, command, part):
    short = tmp_path / "short.model"
    short.write_bytes(model.read_bytes()[: int(part * model.stat().st_size)])
    rest = {"predict": [clips / "low_1.wav"], "evaluate": [clips], "listen": ["--file", recording]}[command]
    assert str(short) in refused(command, short, *rest)


def test_a_model_of_another_version_is_refused(model, clips, tmp_path):
    other = tmp_path / "other.model"
    whole = model.read_bytes()
    assert whole.count(b'\\"format\\": %d' % FORMAT) == 1
    other.write_bytes(whole.replace(b'\\"format\\": %d' % FORMAT, b'\\"format\\": 9'))
    line = refused("predict", other, clips / "low_1.wav")
    assert "format 9" in line
    assert f"format {FORMAT}" in line


@pytest.mark.skipif(sys.platform == "win32", reason="other signals")
def test_interrupted_training_keeps_the_best_so_far(clips, tmp_path):
    program = (
        "import sys, audioconv.nn as nn, audioconv.classify.classifier\n"
        "from audioconv.cli import main\n"
        "from audioconv.classify.progress import TrainingProgress\n"
        "before = TrainingProgress.epoch\n"
        "def epoch(self, record):\n"
        "    before(self, record)\n"
        "    sys.stderr.write('EPOCH\\n'); sys.stderr.flush()\n"
        "TrainingProgress.epoch = epoch\n"
        "main()\n"
    )
    path = tmp_path / "words.model"
    args = ["train", clips, "--out", path, "--epochs", 2000, "--no-augment"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if "EPOCH" in line:
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert f"interrupted; {path} holds the best weights so far" in err
    assert out.startswith(f"{path}: 3 classes from 42 clips, ")
    assert sorted(name.name for name in tmp_path.iterdir()) == ["words.model", "words.model.training"]
    assert run("predict", path, clips / "low_1.wav").exit_code == 0


def test_training_interrupted_before_the_first_epoch_leaves_an_older_model_alone(clips, tmp_path, monkeypatch):
    def interrupted(self, *args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("audioconv.classify.data_loader.DataLoader.__call__", interrupted)
    path = tmp_path / "older.model"
    path.write_bytes(b"older")
    result = run("train", clips, "--out", path, "--epochs", 2, "--force")
    assert result.exit_code == 130
    assert f"interrupted before the first epoch was done; nothing is written to {path}" in result.stderr
    assert path.read_bytes() == b"older"


def test_broken_noises_are_skipped_like_broken_clips(clips, tmp_path):
    noises = tmp_path / "noises"
    noises.mkdir()
    ac.write(noises / "hum.wav", sound("unknown", 30), RATE)
    (noises / "broken.wav").write_text("no sound")
    args = ("train", clips, "--out", tmp_path / "m.model", "--epochs", 1, "--noise", noises)
    result = run(*args)
    assert result.exit_code == 2
    assert "broken.wav cannot be read" in result.stderr
    assert "--skip-broken goes on without" in result.stderr
    result = run(*args, "--skip-broken")
    assert result.exit_code == 0, result.output
    assert "skipped: 1 of 2 clips cannot be read" in result.stderr
    parameters = ac.KeywordClassifier.load(tmp_path / "m.model").get_params()
    assert parameters["background_noise"] == [str(noises / "hum.wav")]


def test_a_training_that_cannot_begin_leaves_one_that_was_stopped_alone(tmp_path):
    path, checkpoint = tmp_path / "m.model", tmp_path / "m.model.training"
    checkpoint.write_bytes(b"hours of work")
    for force in ((), ("--force",)):
        assert run("train", tmp_path / "nowhere", "--out", path, *force).exit_code != 0
        assert checkpoint.read_bytes() == b"hours of work"


def test_a_training_that_was_killed_is_resumed_to_the_same_file(clips, tmp_path):
    whole, path = tmp_path / "whole.safetensors", tmp_path / "model.safetensors"
    args = ("train", clips, "--epochs", 6, "--seed", 3, "--no-augment")
    assert run(*args, "--out", whole, "--history", tmp_path / "history.csv").exit_code == 0
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 7
    checkpoint = tmp_path / "model.safetensors.training"
    command = [sys.executable, "-m", "audioconv", *map(str, args), "--out", str(path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not checkpoint.exists():
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.005)
        process.kill()
    assert not path.exists()
    result = run(*args, "--out", path, "--resume")
    assert result.exit_code == 0, result.output
    assert not checkpoint.exists()
    ours, theirs = (load_file(p) for p in (path, whole))
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    result = run(*args, "--out", path, "--resume")
    assert result.exit_code != 0
    assert "nothing to resume" in result.output
