"""The pages on streams, chains and planes: what they show runs."""

import doctest
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "chains.md"


@pytest.mark.parametrize(("page", "examples"), [("chains", 7), ("streaming", 5), ("planes", 13)])
def test_its_python_gives_what_it_says(page, examples):
    done = doctest.testfile(str(PAGE.with_stem(page)), module_relative=False)
    assert done.attempted >= examples
    assert done.failed == 0


def test_its_chain_in_a_file_is_one(tmp_path):
    (written,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "chain.toml").write_text(written)
    shutil.copy(ROOT / "data" / "impulse_responses" / "hall.flac", tmp_path)
    chain = ac.read_chain(tmp_path / "chain.toml", 48000, channels=1)
    assert (chain.channels, chain.out_channels, chain.rate_out) == (1, 2, 44100)
    y = np.concatenate([chain.process(np.ones(48000, "float32")), chain.flush()])
    assert 0.01 < np.abs(y).max() <= 10 ** (-1 / 20) * (1 + 1e-6)
