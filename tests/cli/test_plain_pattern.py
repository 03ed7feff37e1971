"""Expressions out of model files: those that come to an end are taken, others are not."""

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.cli.plain_pattern import is_plain_pattern
from tests.command import run
from tests.models_at_random import random_classifier

PIECES = [
    "a", "b", "_", ".", r"\w", r"\d", "[ab]", "[^_]", "+", "*", "?", "{2,}", "{1,9}", "(", ")", "(?:", "|",
    r"\1", "^", "$",
]  # fmt: skip
ORDINARY = [r"^(.+)_nohash", r"^(v\d+)_", r"_(\d+)", r"^(?P<who>[\w-]+?)_\d{1,4}\.wav$", r"voice", r"(\w+)-(\d+)"]
INVOLVED = [
    "^(a+)+$", "(a*)*b", "(a|a)*b", "(a|b)", r"(a)\1", "(?=a+)a", "a?a?a?a?" * 5 + "a" * 20, "a" * 201, "(.*){9}", "[a",
    "(?i)a", "a**", "(?:a+){2,}", "x*x*x*x*y",
]  # fmt: skip


@pytest.mark.parametrize("pattern", ORDINARY)
def test_ordinary_expressions_are_taken(pattern):
    assert is_plain_pattern(pattern)


@pytest.mark.parametrize("pattern", INVOLVED)
def test_those_that_may_take_for_ever_are_not(pattern):
    assert not is_plain_pattern(pattern)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_whatever_is_taken_is_quick(pattern):
    if is_plain_pattern(pattern):
        start = time.process_time()
        try:
            re.search(pattern, "a" * 100 + "!")
        except re.error:
            return
        assert time.process_time() - start < 2


def test_evaluate_does_not_run_what_a_file_says(tmp_path):
    fitted = random_classifier()
    fitted.split_ = {"speaker": "^(a+)+$", "words": None, "seed": 0}
    fitted.save(tmp_path / "hostile.model")
    for label in ("no", "yes"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        for i in range(2):
            ac.write(
                tmp_path / "clips" / label / f"{'a' * 60}{i}.wav", np.full(16000, 0.1 * (i + 1), np.float32), 16000
            )
    result = run("evaluate", tmp_path / "hostile.model", tmp_path / "clips", "--split", "all")
    assert result.exit_code == 0, result.output
    assert "too involved to be taken from a file; give --speaker '^(a+)+$'" in result.stderr
