"""The command line as a whole: what holds of every command."""

import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest

import audioconv as ac
from audioconv.cli import COMMANDS
from tests.command import examples_of, parsed, parsed_command, refused, run

ALONE = [name for name in COMMANDS if name != "data"]
EVERY = [[name] for name in ALONE] + [["data", name] for name in ("list", "fetch", "check")]
# a file that is not there, with what else each command must have; the others read no file of the user's
MISSING = {
    "filter": ["{no}", "{out}", "--gain", 1],
    "denoise": ["{no}", "{out}"],
    "spectrogram": ["{no}", "{out}.png"],
    "features": ["{no}", "{out}.npy"],
    "live": ["{no}", "--listen"],
    "record": ["yes", "--file", "{no}", "--into", "{out}"],
    "train": ["{no}", "--out", "{out}"],
    "adapt": ["{no}", "{no}", "--out", "{out}"],
    "evaluate": ["{no}", "{no}"],
    "predict": ["{no}", "{no}"],
    "listen": ["--file", "{no}"],
    "events": ["{no}", "--model", "{no}"],
    "serve": ["--wyoming", "tcp://127.0.0.1:0", "--model", "{no}"],
    "export": ["{no}", "{out}.onnx"],
    "info": ["{no}"],
    "data check": ["{no}"],
}
NO_FILE = {"lab", "bench", "doctor", "data list", "data fetch"}


def help_of(command, columns=80):
    done = subprocess.run(
        [sys.executable, "-m", "audioconv", *command, "--help"],
        env={**os.environ, "COLUMNS": str(columns)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("command", [[], *EVERY, ["data"]], ids=" ".join)
def test_help_fits_a_terminal_and_has_an_example_that_can_be_run(command):
    text = help_of(command)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "  --help " in text
    examples = examples_of(text)
    assert examples
    for example in examples:
        assert example.split()[1 : 1 + len(command)] == command
        parsed(shlex.split(example)[1:])


def test_an_example_with_a_mistake_is_seen():
    with pytest.raises(Exception, match="--gian"):
        parsed(["filter", "a.wav", "b.wav", "--gian", "3"])


def test_options_that_commands_share_are_called_alike():
    """One name has one meaning, and one default, wherever it is."""
    found = {}
    for command in EVERY:
        for option in parsed_command(command).params:
            for name in option.opts:
                if name.startswith("--"):
                    found.setdefault(name, {}).setdefault(option.metavar, []).append(command)
    assert "--force" in found
    for name in ("--force", "--json", "--partial", "--jobs", "--scheduler", "--skip-broken", "--rate", "--threads"):
        assert len(found[name]) == 1, (name, found[name])
    assert "--sample-rate" not in found


def test_every_command_is_in_one_of_the_lists():
    assert MISSING.keys() | NO_FILE == {" ".join(command) for command in EVERY}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of wyoming
@pytest.mark.parametrize("command", MISSING)
def test_a_missing_file_is_one_line_that_names_it(command, tmp_path):
    places = {"no": tmp_path / "missing.wav", "out": tmp_path / "out"}
    said = refused(*command.split(), *(str(argument).format(**places) for argument in MISSING[command]))
    assert "missing.wav" in said
    assert "\x1b" not in said
    assert not list(tmp_path.iterdir())


JSON = {
    "info": ["{sound}"],
    "info of two": ["{sound}", "{sound}"],
    "doctor": [],
    "data list": [],
    "data check": ["{clips}"],
    "predict": ["audioconv/classify/keywords.safetensors", "{clips}"],
    "listen": ["--file", "{sound}"],
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for label in ("yes", "no"):
        (folder / label).mkdir()
        for i in range(3):
            ac.write(folder / label / f"{i}.wav", 0.1 * rng.standard_normal(16000).astype("float32"), 16000)
    return folder


@pytest.mark.parametrize("what", JSON)
def test_json_is_json_and_nothing_else(what, clips):
    command, places = what.split(" of ")[0].split(), {"sound": clips / "yes/0.wav", "clips": clips}
    done = run(*command, *(argument.format(**places) for argument in JSON[what]), "--json")
    assert done.exit_code == 0, done.output
    if what == "listen":
        assert [json.loads(line)["label"] for line in done.stdout.splitlines()] == []
        return
    found = json.loads(done.stdout)
    assert found
    if what == "predict":
        assert len(found) == 6
        assert set(found[0]) == {"file", "labels"}
        assert set(found[0]["labels"][0]) == {"label", "probability"}


def test_the_words_of_a_recording_are_a_line_of_json_each():
    done = run("listen", "--file", "data/recordings/speech.flac", "--json")
    assert done.exit_code == 0, done.output
    for line in done.stdout.splitlines():
        assert set(json.loads(line)) == {"start_s", "end_s", "label", "score"}


def completed(words):
    environment = {"_AUDIOCONV_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "audioconv"], env=os.environ | environment, capture_output=True, text=True, timeout=60
    )
    return done.stdout.split()


def test_a_shell_completes_commands_options_and_choices():
    assert completed("audioconv fi") == ["filter"]
    assert completed("audioconv filter --lo") == ["--lowpass", "--loudness"]
    assert completed("audioconv denoise --method ") == ["network", "gate"]
    assert completed("audioconv data f") == ["fetch"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell):
    done = subprocess.run(
        [sys.executable, "-m", "audioconv", "--show-completion", shell],
        env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_AUDIOCONV_COMPLETE=complete_{shell}" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True, timeout=60)


def test_several_sounds_are_shown_and_drawn(clips, tmp_path, monkeypatch):
    monkeypatch.chdir(clips.parent)
    found = json.loads(run("info", clips.name, f"{clips.name}/yes/0.wav", "--json").stdout)
    assert [about["file"] for about in found][-2:] == [f"{clips.name}/yes/2.wav", f"{clips.name}/yes/0.wav"]
    assert len(found) == 7
    assert run("info", f"{clips.name}/*/0.wav").stdout.count("sample_rate") == 2
    done = run("spectrogram", f"{clips.name}/yes", tmp_path / "pictures", "--size", "300x200", "--jobs", 1)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert sorted(path.name for path in (tmp_path / "pictures").glob("*")) == [".audioconv", "0.png", "1.png", "2.png"]
    alone = run("spectrogram", clips / "yes/1.wav", tmp_path / "1.png", "--size", "300x200")
    assert alone.exit_code == 0, alone.output
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "pictures/1.png").read_bytes()


def test_a_picture_goes_to_standard_output(clips, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "audioconv", "spectrogram", clips / "yes/1.wav", "-", "--size", "300x200"],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(b"\x89PNG")
    assert b"1.000 s, up to 8000 Hz" in done.stderr


def test_predict_takes_patterns_and_lists(clips, tmp_path):
    model = "audioconv/classify/keywords.safetensors"
    (tmp_path / "list").write_text(f"{clips}/no/0.wav\n{clips}/yes/0.wav\n")
    lines = run("predict", model, f"@{tmp_path}/list").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == [f"{clips}/no/0.wav", f"{clips}/yes/0.wav"]
    assert run("predict", model, clips / "*" / "0.wav").stdout.splitlines() == lines
    assert "holds no sound files" in refused("predict", model, clips / "*.mp3")
