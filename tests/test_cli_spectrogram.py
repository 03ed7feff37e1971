"""audioconv spectrogram: a picture of a file, whole or not at all."""

import numpy as np
import pytest
from matplotlib.image import imread

from tests.command import refused, run

SPEECH = "data/recordings/speech.flac"
SIGNS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.parametrize("suffix", sorted(SIGNS))
def test_each_format_is_what_its_suffix_says(tmp_path, suffix):
    result = run("spectrogram", SPEECH, tmp_path / f"speech{suffix}")
    assert result.exit_code == 0, result.output
    assert "8.280 s, up to 8000 Hz" in result.stdout
    assert (tmp_path / f"speech{suffix}").read_bytes().startswith(SIGNS[suffix])


def test_each_kernel_gives_another_picture(tmp_path):
    np.save(tmp_path / "lower.npy", np.full((1, 1), 0.25))
    pictures = []
    for kernel in (None, "gaussian", "onsets", "partials", "unsharp", str(tmp_path / "lower.npy")):
        more = [] if kernel is None else ["--kernel", kernel]
        result = run("spectrogram", SPEECH, tmp_path / "speech.png", *more, "--high", 4000)
        assert result.exit_code == 0, result.output
        pictures.append(imread(tmp_path / "speech.png"))
    for i, one in enumerate(pictures):
        assert one.std() > 0.1
        assert all(one.shape != other.shape or np.abs(one - other).max() > 0.1 for other in pictures[:i])
    assert run("spectrogram", SPEECH, tmp_path / "a.png", "--kernel", "gaussian", "--kernel", "onsets").exit_code == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read as an array"),
        (b"text", "cannot be read as an array"),
        (np.ones(3), "must hold numbers (rows, columns)"),
        (np.ones((2, 2), complex), "must hold numbers (rows, columns)"),
        (np.array([[{}]]), "cannot be read as an array"),
    ],
)
def test_a_file_that_holds_no_kernel_is_refused(tmp_path, content, says):
    path = tmp_path / "kernel.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    assert says in refused("spectrogram", SPEECH, tmp_path / "out.png", "--kernel", path)
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("source", "more", "says"),
    [
        ("missing.wav", [], "missing.wav does not exist"),
        (SPEECH, ["--kernel", "sobel"], "one of gaussian, onsets, partials, unsharp, or a .npy file, not 'sobel'"),
    ],
)
def test_an_older_picture_stays_after_an_error(tmp_path, source, more, says):
    (tmp_path / "out.png").write_text("older")
    assert says in refused("spectrogram", source, tmp_path / "out.png", *more)
    assert (tmp_path / "out.png").read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_another_suffix_is_refused(tmp_path):
    assert ".png, .svg or .pdf, not 'out.jpg'" in refused("spectrogram", SPEECH, tmp_path / "out.jpg")


def test_help_names_the_kernels():
    result = run("spectrogram", "--help")
    assert result.exit_code == 0
    for word in ("gaussian", "onsets", "partials", "unsharp", ".npy"):
        assert word in result.stdout
