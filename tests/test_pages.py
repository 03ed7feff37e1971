"""What the pages of the site show runs, block by block, in the order of a page."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import run

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / "docs" / f"{name}.md" for name in ("tutorial", "live", "deploy", "scaling")),
    *sorted((ROOT / "docs" / "howto").glob("*.md")),
    *sorted((ROOT / "docs" / "coming_from").glob("*.md")),
]
BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHORTER = {"train": ["--epochs", "1"]}  # the tests train a network for an epoch, a reader for all
KEPT = {"train": 3, "val": 1, "test": 1}  # clips of each label


def blocks(page):
    """(language, text) of all that is to be run."""
    found = [match.groups() for match in BLOCK.finditer(page.read_text())]
    return [
        (language, text)
        for skipped, language, text in found
        if not skipped and language in ("python", "bash") and ">>>" not in text
    ]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as the repository looks to a reader, with few clips."""
    (tmp_path / "data" / "keywords").mkdir(parents=True)
    for name in ("recordings", "impulse_responses"):
        (tmp_path / "data" / name).symlink_to(ROOT / "data" / name)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    header, *lines = (ROOT / "data" / "keywords" / "manifest.csv").read_text().splitlines()
    taken, left = [header], {}
    for line in lines:
        file, label, _, part = line.split(",")
        left.setdefault((label, part), KEPT[part])
        if left[label, part] > 0 or file.endswith(("/f3-en-us_1.flac", "/gene2-en-gb_1.flac")):
            left[label, part] -= 1
            taken.append(line)
            (tmp_path / "data" / "keywords" / label).mkdir(exist_ok=True)
            (tmp_path / "data" / "keywords" / file).symlink_to(ROOT / "data" / "keywords" / file)
    (tmp_path / "data" / "keywords" / "manifest.csv").write_text("\n".join(taken) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(text):
    """Commands of a block: without comments, each on one line."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


def run_command(line):
    """A command as it stands there; a pipe by the shell."""
    if "|" in line:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(line, shell=True, capture_output=True, env=os.environ | {"PATH": path})
        assert done.returncode == 0, done.stderr
        return
    program, command, *rest = shlex.split(line)
    assert program == "audioconv", f"{line}: say why it is not run, in a comment above the block"
    done = run(command, *rest, *SHORTER.get(command, []))
    assert done.exit_code == 0, f"{line}\n{done.output}"


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_code_of_a_page_runs(page, folder, capsys):
    names, found = {}, blocks(page)
    assert found
    for language, text in found:
        if language == "bash":
            for line in commands(text):
                run_command(line)
        else:
            exec(compile(text, str(page), "exec"), names)


def test_the_tutorial_hears_its_words(folder):
    text = next(text for language, text in blocks(ROOT / "docs" / "tutorial.md") if "three.wav" in text)
    exec(text, {})
    heard = run("listen", "--file", "three.wav").stdout
    assert re.findall(r" s  (\w+) ", heard) == ["yes", "left", "stop"]


def test_blocks_are_found_and_skipped_ones_have_a_reason():
    page = ROOT / "docs" / "tutorial.md"
    every = re.findall(r"^```(?:python|bash)$", page.read_text(), re.MULTILINE)
    assert 4 <= len(blocks(page)) < len(every)
