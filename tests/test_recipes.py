"""The recipes for developers work: what they show is put into a copy of the tree where they say, and tested there."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "develop"
STEP = re.compile(r"`((?:audioconv|tests)/[\w/]+\.py)`|^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a recipe leaves to its reader (imports of a new file of tests, lines in tables), and what is tested then. Not of
# add-a-layer, which shows pieces of files.
IMPORTS = """
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.arrays import frozen
from tests import naive
from tests.command import refused, run
from tests.compare import assert_close
from tests.signals import noise
"""
HARD_CLIP = "\nfrom audioconv.stream.hard_clip import HardClip\n\nac.HardClip = HardClip\n\n"
RECIPES = {
    "add-a-kernel": (
        {"tests/kernels/dsp/test_difference.py": IMPORTS + "from audioconv.kernels.dsp.difference import difference\n"},
        ["tests/kernels/dsp/test_difference.py"],
    ),
    "add-a-command": (
        {"tests/cli/test_level.py": IMPORTS, "audioconv/cli/__init__.py": 'COMMANDS += ("level",)\n'},
        ["tests/cli/test_level.py"],
    ),
    "add-a-stage": (
        {"tests/kernels/realtime/test_chain.py": HARD_CLIP},
        ["tests/kernels/realtime/test_chain.py", "-k", "hard_clip"],
    ),
    "add-a-model": (
        {"audioconv/models/__init__.py": "from audioconv.models._averaged import averaged\n"},
        ["--doctest-modules", "audioconv/models/_averaged.py"],
    ),
}


def shown(page):
    """(file, code) of each block that is whole; pieces of tables are not."""
    file = None
    for named, code in STEP.findall((PAGES / f"{page}.md").read_text()):
        file = named or file
        if code and is_whole(code):
            yield file, code


def is_whole(code):
    try:
        return bool(ast.parse(code))
    except SyntaxError:
        return False


@pytest.mark.parametrize("page", RECIPES)
def test_a_recipe_works(page, tmp_path):
    for part in ("audioconv", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    left, tests = RECIPES[page]
    blocks = [*left.items(), *shown(page)]
    assert len(blocks) >= 2
    for file, code in blocks:
        with open(tmp_path / file, "a") as out:
            out.write("\n\n" + code if out.tell() else code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[1-9]\d* passed", done.stdout)
