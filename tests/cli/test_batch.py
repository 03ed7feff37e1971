"""filter, denoise, features and predict on folders, patterns and lists: as one by one, and what is said of failures."""

import os

import numpy as np
import pytest

import audioconv as ac
from tests.command import refused, run
from tests.models_at_random import random_classifier

pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, rate, channels in (
        ("a.wav", 8000, 1),
        ("b.flac", 16000, 2),
        ("sub/c.wav", 8000, 1),
        ("sub/a.wav", 8000, 2),
    ):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        ac.write(tmp_path / "in" / name, rng.uniform(-0.4, 0.4, (rate, channels)).astype("float32"), rate)
    return tmp_path / "in"


def outputs(folder):
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if not path.parts[0].startswith("."))


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("filter", ["--highpass", 100, "--rate", 12000]),
        ("filter", ["--ir", "ir.wav", "--wet", 0.5]),
        ("denoise", ["--reduction", 20]),
        ("denoise", ["--noise", "0.1-0.5"]),
        ("features", ["--kind", "mfcc"]),
    ],
)
def test_a_folder_gives_what_files_give_one_by_one(folder, tmp_path, command, options, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ac.write("ir.wav", np.hanning(400).astype("float32") / 200, 8000)
    done = run(command, "in", "out", *options, "--jobs", 1)
    assert (done.exit_code, done.stderr) == (0, "")
    *said, last = done.stdout.splitlines()
    assert last == "out: 4 files done"
    by_itself = command == "denoise" and "--noise" not in options  # each file by the network or by the gate
    assert [line.split(": ")[1] for line in said] == ["by the spectral gate, noise estimated"] * 4 * by_itself
    names = ["a.wav", "b.flac", "sub/a.wav", "sub/c.wav"]
    if command == "features":
        names = [os.path.splitext(name)[0] + ".npy" for name in names]
    assert outputs(tmp_path / "out") == names
    for name in names:
        source = next(folder.glob(os.path.splitext(name)[0] + ".*"))
        assert run(command, source, f"one{os.path.splitext(name)[1]}", *options, "--force").exit_code == 0
        assert (tmp_path / f"one{os.path.splitext(name)[1]}").read_bytes() == (tmp_path / "out" / name).read_bytes()
    assert run(command, "in", "out", *options).stdout == "out: 0 files done, 4 done before\n"


def test_files_patterns_and_lists(folder, tmp_path):
    (tmp_path / "list.txt").write_text(f"{folder}/a.wav\n\n{folder}/b.flac\n")
    cases = {
        "files": [folder / "a.wav", folder / "sub/a.wav"],
        "pattern": [folder / "**/a.wav"],
        "list": [f"@{tmp_path}/list.txt"],
        "format": [folder / "a.wav", folder / "b.flac"],
    }
    for name, sources in cases.items():
        done = run("filter", *sources, tmp_path / name, "--gain", -6, *(["--format", "ogg"] * (name == "format")))
        assert done.exit_code == 0, done.output
    assert [outputs(tmp_path / name) for name in cases] == [
        ["a-2.wav", "a.wav"], ["a.wav", "sub/a.wav"], ["a.wav", "b.flac"], ["a.ogg", "b.ogg"],
    ]  # fmt: skip
    (tmp_path / "here").mkdir()
    assert run("filter", folder / "a.wav", tmp_path / "here", "--gain", -6).exit_code == 0
    assert outputs(tmp_path / "here") == ["a.wav"]


def test_failures_are_said_at_the_end_and_exit_code_is_1(folder, tmp_path):
    (folder / "bad.wav").write_bytes(b"no sound")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.wav").write_bytes(b"a stranger's")
    done = run("filter", folder, tmp_path / "out", "--gain", -6, "--jobs", 1)
    assert done.exit_code == 1
    assert done.stdout == f"{tmp_path}/out: 3 files done, 2 failed\n"
    lines = done.stderr.splitlines()
    assert lines[0].startswith(
        f"audioconv: failed: {folder}/a.wav: {tmp_path}/out/a.wav exists and is not overwritten;"
    )
    assert lines[1].startswith(f"audioconv: failed: {folder}/bad.wav cannot be read as a sound file")
    assert lines[2] == f"audioconv: 2 failed: {tmp_path}/out/.audioconv/failures.csv"
    assert (tmp_path / "out/a.wav").read_bytes() == b"a stranger's"
    forced = run("filter", folder, tmp_path / "out", "--gain", -6, "--jobs", 1, "--force")
    assert forced.stdout == f"{tmp_path}/out: 4 files done, 1 failed\n"


def test_what_is_clipped_is_warned_of(folder, tmp_path):
    done = run("filter", folder, tmp_path / "out", "--gain", 20, "--jobs", 1)
    assert done.exit_code == 0
    assert f"samples of {tmp_path}/out/sub/a.wav clipped at full scale" in done.stderr


def test_other_settings_and_contents_of_files_are_told_apart(folder, tmp_path):
    for level in (0.5, 0.25):
        ac.write(tmp_path / "ir.wav", np.full(3, level, "float32"), 8000)
        args = "filter", folder / "a.wav", folder / "sub/c.wav", tmp_path / "out", "--ir", tmp_path / "ir.wav"
        if level == 0.5:
            assert run(*args).exit_code == 0
    assert "is of a run with other settings" in refused(*args)
    assert "Filtering(gain=-1.0)" in refused("filter", folder, tmp_path / "out", "--gain", -1)


def test_wrong_targets_are_refused(folder, tmp_path):
    assert "a folder as well" in refused("filter", folder, tmp_path / "out.wav", "--gain", 1)
    assert "another folder is wanted" in refused("filter", folder, folder, "--gain", 1)
    (tmp_path / "empty").mkdir()
    assert "holds no sound files" in refused("denoise", tmp_path / "empty", tmp_path / "out/")
    assert "no.txt cannot be read" in refused("denoise", "@no.txt", tmp_path / "out")


def test_features_of_one_file_are_those_of_the_features_object(folder, tmp_path):
    x = ac.read(folder / "b.flac").samples.mean(axis=1)
    assert run("features", folder / "b.flac", tmp_path / "x.npy", "--n-mels", 32).stdout.endswith(
        "98 frames of 32 numbers\n"
    )
    assert np.array_equal(np.load(tmp_path / "x.npy"), ac.LogMel(n_mels=32)(x))
    assert "exists" in refused("features", folder / "b.flac", tmp_path / "x.npy")


def test_features_as_a_table(folder, tmp_path):
    assert run("features", folder, tmp_path / "t.parquet", "--jobs", 1).exit_code == 0
    table = pq.read_table(tmp_path / "t.parquet").to_pydict()
    files = [str(folder / name) for name in ("a.wav", "b.flac", "sub/a.wav", "sub/c.wav")]
    assert table["file"] == [file for file in files for _ in range(98)]
    run("features", folder / "sub/c.wav", tmp_path / "c.npy")
    assert np.array_equal(np.array(table["features"][-98:], np.float32), np.load(tmp_path / "c.npy"))
    assert np.allclose(table["time_s"][-98:], 0.0125 + 0.01 * np.arange(98))


def test_predictions_as_a_table(folder, tmp_path):
    classifier = random_classifier()
    classifier.save(tmp_path / "model.safetensors")
    done = run("predict", tmp_path / "model.safetensors", folder, tmp_path / "t.parquet", "--top", 2, "--jobs", 1)
    assert done.exit_code == 0, done.output
    files = [str(folder / name) for name in ("a.wav", "b.flac", "sub/a.wav", "sub/c.wav")]
    table = pq.read_table(tmp_path / "t.parquet").to_pydict()
    assert table["file"] == [file for file in files for _ in range(2)]
    assert table["rank"] == [1, 2] * 4
    posteriors = classifier.predict_proba(files)
    assert np.array_equal(table["probability"][::2], posteriors.max(axis=1).astype(float))
    assert table["label"][::2] == [str(label) for label in classifier.predict(files)]
    printed = run("predict", tmp_path / "model.safetensors", folder)
    assert [line.split("\t")[:2] for line in printed.stdout.splitlines()] == [
        [file, label] for file, label in zip(files, table["label"][::2], strict=True)
    ]
