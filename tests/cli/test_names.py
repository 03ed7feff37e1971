"""File names that nobody would choose: through commands, alone and as a folder; messages stay in one line each."""

import os
from pathlib import Path

import pytest

import audioconv as ac
from tests.command import run
from tests.signals import noise

NAMES = [
    b"new\nline.wav", b"caf\xe9.wav", b"-x.wav", b"--help.wav", b"x" * 251 + b".wav", b"$(touch owned);'\".wav",
    b"<script>alert(1)<\xe2\x81\x84script>.wav", b"\x1b[2J.wav", b"a [b]*?.wav", b"@list.wav", b" .wav",
    b"\xff\xfe.wav", "\u202egnp.wav".encode(), b"%s%n{0}.wav", b"file:concat|x.wav", b"a\tb\r.wav",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a sound of each name, in which commands are run."""
    if os.name == "nt":
        pytest.skip("Windows has no such names")
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    for name in NAMES:
        ac.write(b"in/" + name, noise(1600, scale=0.1), 16000)
    return tmp_path


def is_harmless(text):
    return all(line.isprintable() for line in text.splitlines())


def test_one_by_one(folder):
    os.chdir("in")
    for name in NAMES:
        source = os.fsdecode(name)
        for command in (
            ("info", "--", source),
            ("filter", "--gain", "-6", "--", source, "../out.wav"),
            ("filter", "--force", "--gain", "-6", "--", "../out.wav", source),
            ("features", "--", source, "../out.npy"),
        ):
            result = run(*command)
            assert result.exit_code == 0, result
            assert is_harmless(result.output), result
        os.unlink("../out.wav")
        os.unlink("../out.npy")
    assert sorted(os.listdir(b".")) == sorted(NAMES)
    assert not Path("owned").exists()


def test_all_of_a_folder(folder):
    assert run("filter", "in", "out/", "--gain", "-6", "--jobs", "1").exit_code == 0
    assert sorted(set(os.listdir(b"out")) - {b".audioconv"}) == sorted(NAMES)
    result = run("filter", "in", "out/", "--gain", "-6", "--jobs", "1")  # the journal knows each of them again
    assert result.exit_code == 0
    assert f"{len(NAMES)} " in result.stdout
    assert len(ac.read(b"out/" + NAMES[0]).samples) == 1600


def test_what_is_wrong_with_them_is_said_in_one_harmless_line(folder):
    for name in NAMES:
        Path(os.fsdecode(b"in/" + name)).write_bytes(b"no sound")
        result = run("filter", "--gain", "-6", "--", f"in/{os.fsdecode(name)}", "out.wav")
        assert result.exit_code == 2
        assert result.stdout == ""
        assert result.stderr.startswith("audioconv: error: in/")
        assert result.stderr.count("\n") == 1
        assert is_harmless(result.stderr)
    result = run("filter", "in", "out/", "--gain", "-6", "--jobs", "1")
    assert result.exit_code == 1
    assert result.stderr.count("audioconv: failed: ") == len(NAMES)
    assert is_harmless(result.output)


def test_names_that_cannot_be_are_refused(folder):
    for name in ("x" * 300 + ".wav", "x/" * 3000 + "a.wav", "", "/dev/null", "/dev/zero"):
        for command in (("info", name), ("filter", name, "o.wav", "--gain", "0"), ("features", name, "o.npy")):
            result = run(*command)
            assert result.exit_code == 2, (command, result)
            assert result.stderr.startswith("audioconv: error: ")
            assert is_harmless(result.stderr)
    for name in ("x" * 300 + ".wav", "x/" * 3000 + "a.wav"):
        result = run("filter", "in/@list.wav", name, "--gain", "0")
        assert result.exit_code == 2
        assert is_harmless(result.stderr)


def test_a_list_of_names_that_are_no_text_is_told_file_by_file(folder):
    Path("list").write_bytes(b"in/\xff\xff\x7f\nin/\x80\x1b.wav\nin/a\0.wav\n")
    for command in (("filter", "@list", "out/", "--gain", "0"), ("features", "@list", "frames/")):
        result = run(*command, "--jobs", "1")
        assert result.exit_code == 1
        assert result.stderr.count("does not exist") == 3
        assert is_harmless(result.output)
