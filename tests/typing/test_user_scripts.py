"""Type checkers understand the public names: a good script has no errors, a bad one has each that is marked."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typing import user_script

ROOT = Path(__file__).resolve().parents[2]
GOOD, BAD = (Path("tests", "typing", f"{name}.py") for name in ("user_script", "wrong_uses"))
TIME_LIMIT_S = 600


def mypy():
    """{(file, line): {code}} of both scripts."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(GOOD), str(BAD)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = re.findall(r"^(tests/typing/\w+\.py):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    return _by_line((file, int(line), code) for file, line, code in found)


def pyright():
    """{(file, line): {code}} of both scripts."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, str(GOOD), str(BAD)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    found = [d for d in json.loads(done.stdout)["generalDiagnostics"] if d["severity"] == "error"]
    files = [Path(d["file"]).relative_to(ROOT).as_posix() for d in found]
    return _by_line((f, d["range"]["start"]["line"] + 1, d.get("rule", "")) for f, d in zip(files, found, strict=True))


def _by_line(errors):
    found = {}
    for file, line, code in errors:
        found.setdefault((file, line), set()).add(code)
    return found


@pytest.fixture(scope="module", params=[mypy, pyright])
def checked(request):
    """The errors that a type checker finds, and which column of the marks is its own."""
    return request.param(), [mypy, pyright].index(request.param)


def test_the_good_script_has_no_errors(checked):
    errors, _ = checked
    assert not {place: codes for place, codes in errors.items() if place[0] == GOOD.as_posix()}


def test_the_bad_script_has_the_marked_errors(checked):
    errors, column = checked
    lines = enumerate((ROOT / BAD).read_text().splitlines(), 1)
    marked = {
        (BAD.as_posix(), n): {mark[1].split()[column]}
        for n, line in lines
        if (mark := re.search("# wrong: (.*)", line))
    }
    assert len(marked) >= 25
    found = {place: codes for place, codes in errors.items() if place[0] == BAD.as_posix()}
    assert {place: found.get(place) for place in marked} == marked
    assert set(found) == set(marked), "errors where none is marked"


def test_the_good_script_runs(tmp_path):
    assert isinstance(user_script.main(tmp_path), list)
    assert (tmp_path / "tones.safetensors").is_file()
