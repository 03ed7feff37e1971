"""audioconv denoise: the network and the gate over files of any format, length and number of channels."""

import os

import numpy as np
import pytest

import audioconv as ac
from audioconv.enhance.denoiser_model import SHIPPED
from audioconv.io import info
from tests.command import refused, run

RATE = 16000


@pytest.fixture
def noisy():
    clean = ac.read("data/recordings/speech.flac").samples
    hiss = 0.02 * np.random.default_rng(0).standard_normal(RATE + len(clean))
    return (np.concatenate((np.zeros(RATE), clean)) + hiss).astype(np.float32)


@pytest.fixture
def source(tmp_path, noisy):
    ac.write(tmp_path / "noisy.wav", noisy, RATE, subtype="FLOAT")
    return tmp_path / "noisy.wav"


def test_the_file_is_what_the_function_makes_of_it(tmp_path, source, noisy):
    for more, says, expected in (
        ([], "by the network for speech", ac.neural_denoise(noisy, RATE)),
        (["--method", "gate"], "by the spectral gate, noise estimated", ac.denoise(noisy, RATE)),
        (["--model", SHIPPED, "--reduction", 12], f"of {SHIPPED}", ac.neural_denoise(noisy, RATE, reduction_db=12)),
        (["--memory", 3], "by the spectral gate, noise estimated", ac.denoise(noisy, RATE, memory_s=3)),
    ):
        result = run("denoise", source, tmp_path / "clean.wav", "--force", *more)
        assert result.exit_code == 0, result.output
        assert says in result.stdout.replace("\n", "")
        assert np.array_equal(ac.read(tmp_path / "clean.wav").samples, expected)


def test_what_does_not_sound_like_speech_goes_through_the_gate(tmp_path):
    t = np.arange(3 * RATE) / RATE
    chord = sum(0.1 * np.sin(2 * np.pi * hz * t) for hz in (220, 277.2, 329.6)).astype(np.float32)
    hiss = (0.05 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)
    for name, x in (("chord", chord), ("hiss", hiss), ("silence", np.zeros(RATE, np.float32)), ("none", hiss[:5])):
        ac.write(tmp_path / f"{name}.wav", x, RATE, subtype="FLOAT")
        result = run("denoise", tmp_path / f"{name}.wav", tmp_path / f"{name}-clean.wav")
        assert result.exit_code == 0, result.output
        assert "by the spectral gate" in result.stdout


def test_a_stretch_says_what_the_noise_is(tmp_path, source, noisy):
    result = run("denoise", source, tmp_path / "clean.wav", "--noise", "0.25-0.9", "--reduction", 20, "--threshold", 6)
    assert result.exit_code == 0, result.output
    assert "noise profile given" in result.stdout
    expected = ac.denoise(noisy, RATE, noise=noisy[4000:14400], reduction_db=20, threshold_db=6)
    assert np.array_equal(ac.read(tmp_path / "clean.wav").samples, expected)


def test_a_file_says_what_the_noise_is_at_another_rate(tmp_path, source, noisy):
    hiss = ac.io.resample(noisy[: RATE * 9 // 10], RATE, 48000)
    ac.write(tmp_path / "hiss.wav", hiss, 48000, subtype="FLOAT")
    result = run("denoise", source, tmp_path / "clean.wav", "--noise-file", tmp_path / "hiss.wav")
    assert result.exit_code == 0, result.output
    found = ac.read(tmp_path / "clean.wav").samples
    # the uppermost 9 % of the band are lost on the way, so that the noise there is not known
    assert np.std(found[: RATE // 2]) < 0.3 * np.std(noisy[: RATE // 2])


def test_a_file_of_noise_that_is_cut_short_is_taken_as_far_as_it_goes(tmp_path, source, noisy):
    ac.write(tmp_path / "hiss.wav", noisy[: RATE * 9 // 10], RATE, subtype="FLOAT")
    os.truncate(tmp_path / "hiss.wav", (tmp_path / "hiss.wav").stat().st_size - 4000)
    words = ("denoise", source, tmp_path / "clean.wav", "--noise-file", tmp_path / "hiss.wav")
    assert "hiss.wav is cut short" in refused(*words)
    result = run(*words, "--partial")
    assert result.exit_code == 0, result.output
    assert "hiss.wav is cut short" in result.stderr
    expected = ac.denoise(noisy, RATE, noise=noisy[: RATE * 9 // 10 - 1000])
    assert np.array_equal(ac.read(tmp_path / "clean.wav").samples, expected)


def test_format_and_channels_are_kept(tmp_path, noisy):
    stereo = np.stack((noisy, 0.5 * noisy), axis=1)
    ac.write(tmp_path / "noisy.flac", stereo, RATE, subtype="PCM_24")
    result = run("denoise", tmp_path / "noisy.flac", tmp_path / "clean.flac")
    assert result.exit_code == 0, result.output
    about = info(tmp_path / "clean.flac")
    assert (about.channels, about.sample_rate, about.subtype, about.frames) == (2, RATE, "PCM_24", len(noisy))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--noise", "5"], "START-END in seconds"),
        (["--noise", "1-b"], "START-END in seconds"),
        (["--noise", "2-1"], "must begin before it ends"),
        (["--noise", "0-99"], "lie within the 9.280 s"),
        (["--noise", "0-0.01"], "at least the 1024 samples of a window"),
        (["--noise", "0-1", "--noise-file", "x.wav"], "one of them"),
        (["--noise-file", "missing.wav"], "missing.wav does not exist"),
        (["--subtype", "PCM_99"], "PCM_99"),
        (["--noise", "0-1", "--method", "network"], "--noise is of the gate"),
        (["--noise", "0-1", "--model", str(SHIPPED)], "--noise is of the gate"),
        (["--method", "gate", "--model", str(SHIPPED)], "--model is a network"),
        (["--model", "missing.safetensors"], "missing.safetensors"),
    ],
)
def test_what_makes_no_sense_is_refused_and_an_older_file_stays(tmp_path, source, more, says):
    (tmp_path / "clean.wav").write_text("older")
    assert says in refused("denoise", source, tmp_path / "clean.wav", *more)
    assert says in refused("denoise", source, tmp_path / "clean.wav", "--force", *more)
    assert (tmp_path / "clean.wav").read_text() == "older"
    assert {path.name for path in tmp_path.iterdir()} == {"noisy.wav", "clean.wav"}


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    assert "does not exist" in refused("denoise", tmp_path / "no.wav", tmp_path / "out.wav")


def test_help_names_the_options():
    result = run("denoise", "--help")
    assert result.exit_code == 0
    options = (
        "--method --model --noise --noise-file --reduction --threshold --memory --subtype --format --partial --force"
    )
    for option in options.split():
        assert option in result.stdout


def test_what_is_there_is_overwritten_only_by_force(tmp_path, source):
    before = source.read_bytes()
    for target in (source, tmp_path / "clean.wav"):
        target.exists() or target.write_text("older")
        assert "--force to overwrite it" in refused("denoise", source, target)
    assert source.read_bytes() == before
    assert run("denoise", source, source, "--force").exit_code == 0
    assert source.read_bytes() != before


def test_a_part_of_a_file_by_standard_input(tmp_path, noisy):
    import subprocess
    import sys

    ac.write(tmp_path / "noisy.flac", noisy, RATE)
    content = (tmp_path / "noisy.flac").read_bytes()
    assert run("denoise", tmp_path / "noisy.flac", tmp_path / "clean.flac", "--noise", "0.25-0.9").exit_code == 0
    command = [sys.executable, "-m", "audioconv", "denoise", "-", "-", "--format", "flac", "--noise", "0.25-0.9"]
    done = subprocess.run(command, input=content, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, (tmp_path / "clean.flac").read_bytes()), done.stderr
    ac.write(tmp_path / "noisy.wav", noisy, RATE)
    (tmp_path / "noisy.wav").write_bytes((tmp_path / "noisy.wav").read_bytes()[:-50000])
    assert "or --partial" in refused("denoise", tmp_path / "noisy.wav", tmp_path / "part.wav")
    result = run("denoise", tmp_path / "noisy.wav", tmp_path / "part.wav", "--partial")
    assert result.exit_code == 0
    assert result.stderr.count("warning: ") == 1
    assert info(tmp_path / "part.wav").frames == len(noisy) - 25000


# --- folders ---


@pytest.fixture
def folder(tmp_path, noisy):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    ac.write(tmp_path / "in" / "a.wav", noisy[: 2 * RATE], RATE)
    ac.write(tmp_path / "in" / "deep" / "b.flac", noisy[: 3 * RATE], RATE)
    (tmp_path / "in" / "notes.txt").write_text("no sound")
    return tmp_path / "in"


@pytest.mark.parametrize("out", ["out", "in/clean"])
def test_a_folder_becomes_a_folder(folder, tmp_path, out):
    result = run("denoise", folder, tmp_path / out, "--reduction", 20)
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith(": 2 files done\n")
    for name in ("a.wav", "deep/b.flac"):
        assert run("denoise", folder / name, tmp_path / f"one{name[-5:]}", "--force", "--reduction", 20).exit_code == 0
        assert np.array_equal(ac.read(tmp_path / out / name).samples, ac.read(tmp_path / f"one{name[-5:]}").samples)
    again = run("denoise", folder, tmp_path / out, "--reduction", 20)
    assert again.stdout.endswith(": 0 files done, 2 done before\n")
    result = run("denoise", folder, tmp_path / out, "--force", "--format", "flac")
    assert result.exit_code == 0
    paths = (path.relative_to(tmp_path / out) for path in (tmp_path / out).rglob("*.*") if path.is_file())
    written = {str(path) for path in paths if path.parts[0] != ".audioconv"}
    assert written == {"a.wav", "a.flac", os.path.join("deep", "b.flac")}


def test_a_file_of_a_folder_that_cannot_be_read_stops_no_other(folder, tmp_path):
    (folder / "0.wav").write_text("junk")
    result = run("denoise", folder, tmp_path / "out", "--method", "network")
    assert result.exit_code == 1
    assert "failed: " in result.stderr
    assert "0.wav cannot be read as a sound file" in result.stderr.replace("\n", "")
    assert "out: 2 files done, 1 failed" in result.stdout
    assert (tmp_path / "out" / "a.wav").exists()
    assert not (tmp_path / "out" / "0.wav").exists()


def test_what_is_wrong_with_folders_is_said(folder, tmp_path):
    (tmp_path / "file").write_text("older")
    assert "is a file; a folder" in refused("denoise", folder, tmp_path / "file")
    assert "one file each" in refused("denoise", folder, "-")
    ac.write(folder / "a.flac", np.zeros(100, np.float32), RATE)
    assert run("denoise", folder, tmp_path / "out", "--format", "ogg").exit_code == 0
    assert {"a.ogg", "a-2.ogg"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert "hiss.wav does not exist" in refused("denoise", folder, tmp_path / "out", "--noise-file", "hiss.wav")
    (tmp_path / "empty").mkdir()
    assert "no sound files" in refused("denoise", tmp_path / "empty", tmp_path / "out2")
