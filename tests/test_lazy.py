"""Names of parts that are loaded on first use: what tools read is what a part says that it has, and gives."""

import ast
import importlib
from pathlib import Path

import pytest

import audioconv

ROOT = Path(audioconv.__file__).parent
LAZY = sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if "on_first_use(" in path.read_text())


def test_the_parts_are_found():
    assert {"classify", "detect", "enhance", "nn", "report", "signal", "stream"} <= set(LAZY)


@pytest.mark.parametrize("part", LAZY)
def test_a_part_gives_what_tools_read(part):
    tree = ast.parse((ROOT / part / "__init__.py").read_text())
    (branch,) = [node for node in tree.body if isinstance(node, ast.If)]
    read = {alias.name: node.module for node in branch.body for alias in node.names}
    eager = {
        a.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for a in node.names
        if node.module == f"audioconv.{part}"
    }
    module = importlib.import_module(f"audioconv.{part}")
    assert set(module.__all__) == read.keys() | eager
    assert set(dir(module)) >= read.keys()
    for name, home in read.items():
        assert getattr(module, name) is getattr(importlib.import_module(home), name), name
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = module.no_such_name
    assert not [name for name in read if (ROOT / part / f"{name}.py").exists()]  # which would take its place


def test_a_constant_gain_is_a_gain_to_the_bit():
    import numpy as np

    from audioconv.stream.constant_gain import ConstantGain

    x = np.random.default_rng(0).standard_normal((999, 2)).astype("float32")
    for gain_db in (-200.0, -3.0, 0.0, 17.3):
        constant, gain = ConstantGain(gain_db, channels=2), audioconv.Gain(gain_db, channels=2)
        assert isinstance(constant, audioconv.Stage)
        assert np.array_equal(constant.process(x), gain.process(x))
        assert constant.flush().shape == gain.flush().shape
