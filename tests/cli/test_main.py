"""The command line as a whole: help, version, usage errors, debugging, signals."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import audioconv as ac
from tests.command import run

COMMANDS = ["filter", "denoise", "features", "live", "record", "train", "evaluate", "predict", "listen", "doctor"]


def test_help_names_every_command_with_a_whole_line():
    result = run("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} +[A-Z].*\.$", result.stdout, re.MULTILINE), command
    assert "..." not in result.stdout.split("Commands:")[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage:")


def test_version():
    assert run("--version").stdout == f"audioconv {ac.__version__}\n"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ([], "Usage:"),
        (["fil"], "fil"),
        (["filter"], "IN"),
        (["filter", "a.wav", "b.wav"], "--ir"),
        (["filter", "a.wav", "b.wav", "--ir", "c.wav", "--block", "0"], "--block"),
        (["filter", "a.wav", "b.wav", "--ir", "c.wav", "--ir-rate", "maybe"], "strict"),
        (["filter", "a.wav", "b.wav", "--ir", "c.wav", "--gain", "loud"], "--gain"),
        (["filter", "a", "b.wav", "-", "--gain", "1"], "several are meant"),
        (["filter", "a", "b", "--gain", "1", "--jobs", "0"], "--jobs"),
        (["features", "a.wav", "b.txt"], ".npy"),
        (["features", "a.wav", "b.npy", "--n-mfcc", "99", "--kind", "mfcc"], "n_mfcc"),
        (["predict", "model", "out.parquet"], "clips are wanted"),
        (["predict", "model"], "FILES"),
        (["predict", "model", "a.wav", "--top", "0"], "--top"),
        (["listen", "model", "--file", "a.wav", "--threshold", "2"], "--threshold"),
        (["record"], "LABEL"),
        (["record", "yes", "--clips", "0"], "--clips"),
        (["record", "yes", "--seconds", "0.01"], "--seconds"),
        (["train", "folder"], "--out"),
        (["train", "folder", "--out", "m", "--epochs", "0"], "--epochs"),
        (["doctor", "--cold"], "--cold"),
    ],
)
def test_wrong_usage_is_exit_code_2(args, says):
    result = run(*args)
    assert result.exit_code == 2
    assert says.lower() in result.output.lower()
    assert "Traceback" not in result.output


def audioconv(*args, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "audioconv", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_the_program_itself_fails_in_one_line(tmp_path):
    process = audioconv("filter", tmp_path / "no.wav", tmp_path / "out.wav", "--ir", tmp_path / "ir.wav")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == f"audioconv: error: {tmp_path / 'no.wav'} does not exist; a sound file is wanted\n"


def test_debugging_shows_the_traceback(tmp_path):
    args = ("filter", tmp_path / "no.wav", tmp_path / "out.wav", "--ir", tmp_path / "ir.wav")
    process = audioconv(*args, env={**os.environ, "AUDIOCONV_DEBUG": "1"})
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" in err
    assert "AudioFileError" in err


@pytest.mark.skipif(sys.platform == "win32", reason="other signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_half_file(tmp_path, number, code):
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 4_000_000).astype("float32")
    ac.write(tmp_path / "in.wav", noise, 8000)
    ac.write(tmp_path / "ir.wav", noise[:2000], 8000)
    process = audioconv(
        "filter", tmp_path / "in.wav", tmp_path / "out.wav", "--ir", tmp_path / "ir.wav", "--block", "16"
    )
    deadline = time.monotonic() + 120
    while not any(path.suffix == ".part" and path.stat().st_size > 1000 for path in tmp_path.iterdir()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, ""), err
    assert "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "ir.wav"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise")
@pytest.mark.parametrize("command", ["info {one}", "info {one} --json", "--help", "filter --help"])
def test_a_reader_that_has_enough_ends_a_command_without_a_word(tmp_path, command):
    ac.write(tmp_path / "one.wav", np.zeros(200_000, "float32"), 8000)
    given = [sys.executable, "-m", "audioconv", *command.format(one=tmp_path / "one.wav").split()]
    with subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()  # as `| head -c 0` does
        err = process.stderr.read()
        assert (process.wait(60), err) == (141, b"")


def test_a_progress_bar_passes_every_block_on(capsys):
    from audioconv.cli.messages import with_progress

    blocks = [np.full(n, n) for n in (3, 0, 5)]
    passed = list(with_progress(iter(blocks), 8, "counting", patience_s=-1))
    assert [len(block) for block in passed] == [3, 0, 5]
    assert capsys.readouterr() == ("", "")  # no bar where nobody looks


def test_a_message_is_one_line(capsys):
    from audioconv.cli.messages import say

    say("several\n  lines")
    assert capsys.readouterr().err == "audioconv: several lines\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_a_long_line_is_wrapped_at_words(monkeypatch, capsys):
    from audioconv.cli.messages import say, tell

    monkeypatch.setenv("COLUMNS", "30")
    text = "a-name-that-is-longer-than-the-whole-line.wav holds three words"
    tell(text)
    assert capsys.readouterr().out == f"{text}\n"  # in a pipe it is one line
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(sys, "stdout", Terminal())
    tell(f"  {text}")
    say("three words")
    wrapped = sys.stdout.getvalue()
    assert wrapped.splitlines() == ["  a-name-that-is-longer-than-the-whole-line.wav", "    holds three words"]
    assert sys.stderr.getvalue() == "audioconv: three words\n"
