"""The first page: all that it shows runs as written, and its figures are those of the benchmarks."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import parsed, run

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = sorted([README, *(ROOT / "docs").rglob("*.md")])
NOT_RUN = {
    "git clone https://github.com/audioconv/audioconv && cd audioconv": "is where the tests run",
    "python3 -m venv .venv && . .venv/bin/activate": "makes an environment",
    "pip install --constraint constraints.txt '.[live,onnx]'": "downloads",
    "audioconv doctor --warm": "compiles all kernels for half a minute; tests/cli/test_doctor.py runs it",
    "audioconv record hello --clips 10": "needs a microphone",
    "audioconv adapt words.safetensors clips --out more.safetensors": "needs what was recorded",
    "audioconv live --ir data/impulse_responses/hall.flac --meter": "needs a sound card",
    "audioconv listen more.safetensors": "needs a microphone",
}
QUICK = {  # the same commands in seconds instead of a minute; and the test part stays closed
    "audioconv train data/keywords --out words.safetensors": ["--epochs", "1", "--no-check", "--no-augment"],
    "audioconv evaluate words.safetensors data/keywords --split test": ["--split", "val"],
}


def blocks_of(page, language):
    found = re.findall(r"^```([^\n]*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


def lines_of(page):
    """The lines of the shell in a page, those that go on in the next one joined."""
    blocks = [*blocks_of(page, "bash"), *blocks_of(page, "")]
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with what a clone has, in which others can be written."""
    for name in ("data", "examples", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_is_short_and_begins_with_what_it_is():
    assert len(README.read_text().splitlines()) <= 140


def test_each_command_runs_as_written_from_a_clone(clone):
    lines = lines_of(README)
    assert len(lines) > 15
    assert NOT_RUN.keys() | QUICK.keys() <= set(lines)
    for line in lines:
        if line in NOT_RUN:
            continue
        if "|" in line:
            as_module = line.replace("audioconv ", f"{shlex.quote(sys.executable)} -m audioconv ")
            subprocess.run(as_module, shell=True, check=True, timeout=120)
            continue
        done = run(*shlex.split(line)[1:], *QUICK.get(line, ()))
        assert done.exit_code == 0, (line, done.output)
    assert {"hall.wav", "clean.wav", "low.wav", "softer", "softer.wav", "clean.png", "words.onnx"} <= {
        path.name for path in clone.iterdir()
    }


def test_the_detector_finds_the_words_that_it_says(clone):
    assert "it finds two" in README.read_text()
    assert "2 detections" in run("listen", "--file", "data/recordings/speech.flac").stdout


def test_its_python_runs(clone):
    blocks = blocks_of(README, "python")
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert (clone / "speech in a hall.flac").exists()


def commands_of(page):
    for line in lines_of(page):
        for command in line.split("|"):
            words = command.split(" > ")[0].split()
            if words[:1] == ["audioconv"] and len(words) > 1 and not set(line) & set("<…["):
                yield re.split(r"  +#|  +", command.split(" > ")[0].strip())[0]


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands_of(page))], ids=lambda page: page.stem)
def test_commands_of_pages_have_the_options_that_they_show(page):
    for command in commands_of(page):
        parsed(shlex.split(command, comments=True)[1:])


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http|mailto)([^)#]+)", README.read_text()):
        assert (ROOT / target).exists(), target


def test_its_figures_are_those_of_the_last_runs(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import readme

    assert readme.with_figures(README.read_text()) == README.read_text()
    assert "1.0 to 3.0 times" in readme.times([{"a": 3.0}, {"a": 1.0}, {"a": None}], "a")
