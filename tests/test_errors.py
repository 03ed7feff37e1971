"""Bad input on the command line: one clear line that names the culprit, exit code 2, and no file left behind."""

import numpy as np
import pytest
import soundfile

import audioconv as ac
from tests.command import refused

TONE = (0.5 * np.sin(np.arange(16000) * 0.1)).astype("float32")


def whole(path):
    ac.write(path, TONE, 16000)
    return path


def missing(path):
    return path


def empty(path):
    path.write_bytes(b"")
    return path


def cut(path):
    data = whole(path).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def cut_flac(path):
    return cut(path.with_suffix(".flac"))


def text(path):
    path.write_text("file,label\n")
    return path


def header_only(path):
    soundfile.write(path, np.zeros(0), 16000)
    return path


def folder(path):
    path.mkdir()
    return path


def nan(path):
    soundfile.write(path, np.where(np.arange(16000) == 8000, np.nan, TONE), 16000, subtype="FLOAT")
    return path


BAD_FILES = {
    missing: "does not exist",
    empty: "is empty (0 bytes)",
    cut: "is cut short",
    cut_flac: "damaged or cut short",
    text: "cannot be read as a sound file",
    header_only: "no samples",
    folder: "is a folder",
    nan: "holds nan at 0.5000 s (sample 8000)",
}


@pytest.fixture(params=BAD_FILES, ids=lambda make: make.__name__)
def bad(request, tmp_path):
    """A bad sound file and what is to be said about it."""
    return request.param(tmp_path / "bad.wav"), BAD_FILES[request.param]


def test_filter_refuses_a_bad_input(tmp_path, bad):
    path, says = bad
    line = refused("filter", path, tmp_path / "out.wav", "--ir", whole(tmp_path / "ir.wav"))
    assert str(path) in line
    assert says in line
    assert not [name for name in tmp_path.iterdir() if name.suffix == ".part" or name.name == "out.wav"]


def test_filter_refuses_a_bad_impulse_response(tmp_path, bad):
    path, says = bad
    line = refused("filter", whole(tmp_path / "in.wav"), tmp_path / "out.wav", "--ir", path)
    assert str(path) in line
    assert says in line
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    "make", [make for make in BAD_FILES if make not in (missing, folder)], ids=lambda m: m.__name__
)
def test_train_refuses_a_bad_clip(tmp_path, make):
    for label in ("yes", "no"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(4):
            whole(tmp_path / "clips" / label / f"{number}.wav")
    bad = [make(tmp_path / "clips" / "yes" / f"{number}.wav") for number in range(4)]
    line = refused_training(tmp_path)
    assert any(str(path) in line for path in bad)
    assert BAD_FILES[make] in line


def refused_training(tmp_path, *options):
    """Train on tmp_path/clips; the last line on stderr is the error (those before it are notices)."""
    from tests.command import run

    result = run("train", tmp_path / "clips", "--out", tmp_path / "model", "--epochs", 1, *options)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert not (tmp_path / "model").exists()
    lines = result.stderr.splitlines()
    assert [line for line in lines if "error" in line] == lines[-1:]
    assert lines[-1].startswith("audioconv: error: ")
    return lines[-1]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({}, "at least two labels"),
        ({"yes": 4}, "at least two labels"),
        ({"yes": 4, "no": 1}, "'no'"),
        ({"yes": 4, "no": 0}, "no holds no sound files"),
    ],
)
def test_train_refuses_a_folder_without_two_classes_of_two_clips(tmp_path, labels, says):
    (tmp_path / "clips").mkdir()
    for label, count in labels.items():
        (tmp_path / "clips" / label).mkdir()
        for number in range(count):
            whole(tmp_path / "clips" / label / f"{number}.wav")
    assert says in refused_training(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ("", "columns file and label"),
        ("file,word\na.wav,yes\n", "columns file and label"),
        ("file,label\na.wav,yes\nb.wav,no\na.wav,yes\nnothing.wav,no\n", "nothing.wav"),
        ("file,label\na.wav,yes\na.wav,\n", "line 3"),
        ("file,label\na.wav,yes\nb.wav,yes\n", "at least two labels"),
        ("file,label\na.wav,yes\nb.wav,yes\na.wav,no\n", "'no'"),
    ],
)
def test_train_refuses_a_bad_manifest(tmp_path, manifest, says):
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "manifest.csv").write_text(manifest)
    whole(tmp_path / "clips" / "a.wav"), whole(tmp_path / "clips" / "b.wav")
    assert says in refused_training(tmp_path)


def test_train_refuses_a_missing_folder(tmp_path):
    assert str(tmp_path / "clips") in refused_training(tmp_path)


def good_clips(tmp_path):
    for label in ("yes", "no"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for number in range(4):
            whole(tmp_path / "clips" / label / f"{number}.wav")


def test_train_refuses_bad_options(tmp_path):
    good_clips(tmp_path)
    (tmp_path / "noise").mkdir()
    assert "'tc-resnet9'" in refused_training(tmp_path, "--model", "tc-resnet9")
    assert "holds no sound files" in refused_training(tmp_path, "--noise", tmp_path / "noise")
    assert "does not exist" in refused_training(tmp_path, "--noise", tmp_path / "nothing")
    nan(tmp_path / "noise" / "a.wav")
    assert "holds nan" in refused_training(tmp_path, "--noise", tmp_path / "noise")


def test_train_says_first_that_the_model_cannot_be_written(tmp_path):
    good_clips(tmp_path)
    assert "does not exist; make it first" in refused("train", tmp_path / "clips", "--out", tmp_path / "no" / "model")
    assert "it is a folder" in refused("train", tmp_path / "clips", "--out", tmp_path)


@pytest.mark.parametrize("make", [missing, empty, text, whole, cut, folder], ids=lambda make: make.__name__)
@pytest.mark.parametrize("command", ["predict", "evaluate", "listen"])
def test_what_is_not_a_model_is_refused(tmp_path, make, command):
    good_clips(tmp_path)
    model = make(tmp_path / "model.wav")
    rest = {"predict": [tmp_path / "a.wav"], "evaluate": [tmp_path / "clips"], "listen": ["--file", tmp_path / "a.wav"]}
    whole(tmp_path / "a.wav")
    assert str(model) in refused(command, model, *rest[command])
