"""train, evaluate, predict and data check on folders as people have them, and what they write over."""

import shutil
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import audioconv as ac
from audioconv.io import model_file
from tests.cli.test_models import LABELS, RATE, same_weights, sound, write_manifest
from tests.command import refused, run

FAST = ("--epochs", 2, "--no-augment", "--threads", 1)


def make_folder(folder, voices, labels=LABELS):
    """A folder a label, without a manifest; the voice is in the names."""
    for label in labels:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for voice in voices:
            for take in (0, 1):
                ac.write(folder / label / f"v{voice}_{take}.wav", sound(label, 2 * voice + take), RATE)
    return folder


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("words") / "clips", range(10))


@pytest.fixture(scope="module")
def model(clips, tmp_path_factory):
    """Trained with the speakers of the file names."""
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    result = run("train", clips, "--out", path, "--speaker", r"^(v\d+)_", *FAST)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture
def broken(clips, tmp_path):
    """The clips, and three that cannot be read."""
    folder = tmp_path / "broken"
    shutil.copytree(clips, folder)
    for name in ("high/bad1.wav", "low/bad2.wav", "low/bad3.wav"):
        (folder / name).write_bytes(b"RIFFxxxx")
    return folder


def counted(result):
    """Clips that were evaluated."""
    assert result.exit_code == 0, result.output
    return int(result.stdout.split(" of ")[1].split()[0])


# --- broken clips -----------------------------------------------------------------------------------------------


def names_all(text):
    return all(f"bad{i}.wav" in text for i in (1, 2, 3))


@pytest.mark.parametrize("more", [(), ("--no-check",)])
def test_train_names_all_broken_clips_and_goes_on_without_them_if_asked(broken, tmp_path, more):
    args = ("train", broken, "--out", tmp_path / "m.safetensors", *FAST, *more)
    result = run(*args)
    assert result.exit_code == 2
    assert names_all(result.stderr)
    assert "--skip-broken" in result.stderr
    assert not (tmp_path / "m.safetensors").exists()
    result = run(*args, "--skip-broken")
    assert result.exit_code == 0, result.output
    assert "skipped: 3 of 63 clips cannot be read" in result.stderr
    assert names_all(result.stderr)


def test_files_of_a_manifest_that_are_gone_are_skipped_too(broken, tmp_path):
    rows = [(f"{label}/v{voice}_0.wav", label, f"v{voice}", "train") for label in LABELS for voice in range(4)]
    rows += [(f"{label}/v{voice}_0.wav", label, f"v{voice}", "test") for label in LABELS for voice in (4, 5)]
    write_manifest(broken, [*rows, ("low/gone.wav", "low", "v1", "train"), ("low/bad2.wav", "low", "v5", "test")])
    args = ("train", broken, "--out", tmp_path / "m.safetensors", *FAST)
    assert "1 missing file, such" in refused(*args)
    result = run(*args, "--skip-broken")
    assert result.exit_code == 0, result.output
    assert "gone.wav does not exist" in result.stderr
    assert "from 12 clips, 0 to validate" in result.stdout
    result = run("data", "check", broken)
    assert result.exit_code == 1
    assert "broken: 2 of 20 clips cannot be read" in result.stdout
    assert "gone.wav does not exist" in result.stdout
    assert "gone.wav" in refused("evaluate", tmp_path / "m.safetensors", broken)
    assert counted(run("evaluate", tmp_path / "m.safetensors", broken, "--skip-broken")) == 6


def test_predict_and_evaluate_name_all_broken_clips(broken, model):
    files = sorted((broken / "low").iterdir())
    assert all(f"bad{i}.wav" in refused("predict", model, *files) for i in (2, 3))
    result = run("predict", model, *files, "--skip-broken")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 20
    assert "skipped: 2 of 22 clips cannot be read" in result.stderr
    assert "none of 1 clip can be read" in refused("predict", model, broken / "low/bad2.wav", "--skip-broken")
    result = run("evaluate", model, broken, "--split", "all")
    assert result.exit_code == 2
    assert names_all(result.stderr)
    assert "--skip-broken goes on" in result.stderr
    result = run("evaluate", model, broken, "--split", "all", "--skip-broken")
    assert counted(result) == 60
    assert names_all(result.stderr)


def test_hidden_files_do_not_stop_a_training(clips, tmp_path):
    folder = tmp_path / "mac"
    shutil.copytree(clips, folder)
    for label in LABELS:
        (folder / label / "._v0_0.wav").write_bytes(b"resource fork")
    (folder / "_background_noise_").mkdir()
    ac.write(folder / "_background_noise_" / "hum.wav", sound("unknown", 900), RATE)
    assert run("train", folder, "--out", tmp_path / "m.safetensors", *FAST).exit_code == 0


def test_labels_with_underscores_are_trained_and_evaluated(clips, tmp_path):
    folder = tmp_path / "google"
    shutil.copytree(clips, folder)
    (folder / "unknown").rename(folder / "_unknown_")
    shutil.copytree(folder / "_unknown_", folder / "_silence_")
    for path in (folder / "_silence_").iterdir():
        ac.write(path, 0.01 * ac.read(path).samples, RATE)
    path = tmp_path / "m.safetensors"
    assert run("train", folder, "--out", path, *FAST).exit_code == 0
    assert ac.KeywordClassifier.load(path).classes_.tolist() == ["_silence_", "_unknown_", "high", "low"]
    shutil.copytree(clips / "low", folder / "bed")
    result = run("evaluate", path, folder, "--split", "all")
    assert result.exit_code == 0
    assert "does not know are '_unknown_'" in result.stderr


# --- what a model was trained on ----------------------------------------------------------------------------------


def test_a_folder_of_new_clips_is_used_as_a_whole(model, tmp_path):
    folder = make_folder(tmp_path / "new", range(30, 33))
    result = run("evaluate", model, folder)
    assert counted(result) == 18
    assert "left out" not in result.stderr
    assert "no split into train, val and test: all clips are used" in result.stderr
    assert "70 / 15 / 15" not in result.stderr
    assert counted(run("evaluate", model, folder, "--split", "test")) == 6


def test_clips_that_were_trained_on_are_left_out_and_that_is_said(model, clips):
    """Ten speakers, of which six were trained on; the split is that of the training whether it is asked for or not."""
    loaded = ac.KeywordClassifier.load(model)
    assert loaded.split_ == {"speaker": r"^(v\d+)_", "words": None, "seed": 0}
    assert (loaded.trained_on_.size, loaded.validated_on_.size) == (36, 12)
    result = run("evaluate", model, clips)
    assert counted(result) == 12
    assert "48 of 60 clips left out" in result.stderr
    assert r"by --speaker '^(v\\d+)_'" in result.stderr
    for split, count in (("test", 12), ("val", 12), ("train", 36), ("all", 60)):
        result = run("evaluate", model, clips, "--split", split)
        assert counted(result) == count
        assert "left out" not in result.stderr
        assert ("36 of these" in result.stderr) is (split in ("train", "all"))


def test_another_split_than_that_of_the_training_tests_on_nothing_known(model, clips):
    result = run("evaluate", model, clips, "--split", "test", "--speaker", r"_(\d)")  # too few: at random
    assert counted(result) < 9
    assert f"left out: {model} was trained on them" in result.stderr


def test_a_test_part_that_was_trained_on_is_refused(model, clips, tmp_path):
    folder = tmp_path / "same"
    shutil.copytree(clips, folder)
    known = ac.KeywordClassifier.load(model)
    rows = []
    for label in LABELS:
        files = sorted((folder / label).iterdir())
        trained, _ = known.was_trained_on([str(file) for file in files])
        rows += [(file.relative_to(folder), label, "", "test") for file in np.array(files)[trained]]
    write_manifest(folder, rows)
    assert "was trained on all of these 36 clips" in refused("evaluate", model, folder)
    assert counted(run("evaluate", model, folder, "--split", "all")) == 36


def test_a_model_that_does_not_say_what_it_was_trained_on_is_used_with_a_warning(model, clips, tmp_path):
    arrays, settings = model_file.load(model)
    arrays = {name: array for name, array in arrays.items() if name not in ("trained_on", "validated_on")}
    path = tmp_path / "old.safetensors"
    model_file.save(path, arrays, settings)
    assert set(load_file(path)) == set(arrays)
    loaded = ac.KeywordClassifier.load(path)
    assert loaded.trained_on_ is None
    result = run("evaluate", path, clips)
    assert counted(result) == 60
    assert "does not say which clips it was trained on" in result.stderr
    loaded.save(tmp_path / "again.safetensors")
    assert ac.KeywordClassifier.load(tmp_path / "again.safetensors").trained_on_ is None


# --- numbers ------------------------------------------------------------------------------------------------------


def test_large_seeds_and_silence_that_is_balanced(clips, tmp_path):
    path = tmp_path / "m.safetensors"
    result = run(
        "train", clips, "--out", path, "--epochs", 1, "--seed", 20250101, "--silence", "--balance", "--no-check"
    )
    assert result.exit_code == 0, result.output
    assert ac.KeywordClassifier.load(path).random_state == 20250101
    assert all(np.isfinite(array).all() for array in load_file(path).values())


# --- what is written over -------------------------------------------------------------------------------------------


def test_an_older_model_is_written_over_only_if_asked(clips, model, tmp_path):
    path, history = tmp_path / "m.safetensors", tmp_path / "h.csv"
    shutil.copy(model, path)
    args = ("train", clips, "--out", path, *FAST)
    assert f"{path} exists and is not overwritten" in refused(*args)
    assert path.read_bytes() == model.read_bytes()
    assert run(*args, "--force").exit_code == 0
    assert not same_weights(path, model)
    history.write_text("mine")
    assert f"{history} exists" in refused(*args[:2], "--out", tmp_path / "n.safetensors", "--history", history)
    assert history.read_text() == "mine"
    assert "both" in refused(*args[:2], "--out", tmp_path / "n.csv.model", "--history", tmp_path / "n.csv.model")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.csv", "m.safetensors"]


@pytest.mark.parametrize("suffix", ["onnx", "pt", "h5", "tflite"])
def test_a_name_of_another_format_is_refused(clips, tmp_path, suffix):
    line = refused("train", clips, "--out", tmp_path / f"m.{suffix}", *FAST)
    assert line.endswith(f"not .{suffix}; name it m.safetensors\n")
    assert not list(tmp_path.iterdir())


def test_a_training_that_was_stopped_is_not_lost(clips, tmp_path, monkeypatch):
    """Stopped in the third epoch: the model so far is written, and only --resume and --force go over it."""
    from audioconv.classify.progress import TrainingProgress

    path, history = tmp_path / "m.safetensors", tmp_path / "h.csv"
    args = ("train", clips, "--out", path, "--history", history, "--epochs", 4, "--no-augment", "--no-check")
    before = TrainingProgress.epoch

    def stop(self, record):
        before(self, record)
        if record["epoch"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "epoch", stop)
        assert run(*args).exit_code == 130
    checkpoint = tmp_path / "m.safetensors.training"
    assert checkpoint.exists()
    assert ac.KeywordClassifier.load(path).interrupted_
    assert "exists and is not overwritten" in refused(*args)
    path.unlink()
    history.unlink()
    line = refused(*args)
    assert f"{checkpoint} holds a training that was stopped: --resume goes on with it, --force begins anew" in line
    assert run(*args, "--resume").exit_code == 0
    assert not checkpoint.exists()
    assert len(history.read_text().splitlines()) == 5
    whole = tmp_path / "whole.safetensors"
    assert run(*args[:2], "--out", whole, *args[6:]).exit_code == 0
    assert same_weights(path, whole)


@pytest.mark.skipif(sys.platform == "win32", reason="other file names")
def test_detections_are_written_over_only_if_asked(model, clips, tmp_path):
    table = tmp_path / "d.csv"
    table.write_text("mine")
    args = ("listen", model, "--file", clips / "low/v0_0.wav", "--csv", table)
    assert "exists and is not overwritten" in refused(*args)
    assert table.read_text() == "mine"
    assert run(*args, "--force").exit_code == 0
    assert table.read_text().startswith("start_s,")


def test_model_files_that_others_wrote_are_still_refused(tmp_path):
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    assert "no audioconv model" in refused("predict", tmp_path / "a.safetensors", "x.wav")
