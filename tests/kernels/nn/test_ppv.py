"""Shares of outputs above biases, against loops; what NaN does, and where a tie falls."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.nn import _ppv as ppv
from tests import naive

TAPS = list(combinations(range(9), 3))
EXAMPLES = settings(max_examples=60 if JIT_ENABLED else 10, deadline=None)


def rows_of(rng, frames, channels, rows, most=5):
    """A plan of random rows, with channels and biases of halves, which outputs of whole numbers never tie with."""
    plan, members, biases = [], [], []
    for _ in range(rows):
        chosen = rng.choice(channels, rng.integers(1, min(channels, 9) + 1), replace=False).tolist()
        levels = (rng.integers(-20, 20, rng.integers(0, most)) + 0.5).tolist()
        dilation = rng.integers(1, (frames - 1) // 8 + 1)
        ranges = (len(members), len(members) + len(chosen), len(biases), len(biases) + len(levels))
        plan.append((*TAPS[rng.integers(84)], dilation, rng.integers(2), *ranges))
        members, biases = members + chosen, biases + levels
    return frozen(np.array(plan, np.int64)), frozen(np.array(members, np.int64)), frozen(np.array(biases, np.float32))


def features(x, plan, members, biases):
    x = frozen(x, np.float32)
    out = np.full(len(biases), np.nan, np.float32)
    scratch = np.full(ppv.scratch_size(*x.shape), np.nan, np.float32)  # nothing of what was there may count
    ppv.ppv(x, plan, members, biases, scratch, out)
    return out


def expected(x, plan, members, biases):
    at = ppv.DILATED

    def shares(row):
        chosen = members[row[at.first_member] : row[at.end_member]]
        levels = biases[row[at.first_bias] : row[at.end_bias]]
        return naive.ppv(x, row[at.tap_a : at.dilation], row[at.dilation], row[at.padded], chosen, levels)

    return np.concatenate([shares(row) for row in plan])


@EXAMPLES
@given(
    st.sampled_from([9, 10, 16, 17, 98] if JIT_ENABLED else [9, 10, 17]),
    st.sampled_from([1, 3, 40]),
    st.integers(1, 6),
    st.integers(0, 2**32),
)
def test_shares_are_those_of_loops(frames, channels, rows, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-8, 9, (frames, channels)).astype(np.float32)  # sums are exact, so that shares are equal
    made = rows_of(rng, frames, channels, rows)
    wanted = expected(x, *made).astype(np.float32)
    assert np.array_equal(features(x, *made), wanted)
    double = np.asfortranarray(x, np.float64)
    assert np.array_equal(features(double, *made), wanted)
    assert np.array_equal(features(np.repeat(x, 2, axis=0)[::2], *made), wanted)


def test_shares_of_random_values_differ_from_each_other():
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 9, (98, 40)).astype(np.float32)
    made = rows_of(rng, 98, 40, 20)
    found = features(x, *made)
    assert len(np.unique(found)) > 10
    assert found.min() >= 0
    assert 0 < found.max() <= 1


@pytest.mark.parametrize("padded", [0, 1])
@pytest.mark.parametrize("frames", [9, 10, 17])
def test_nan_lies_above_nothing_and_still_counts_as_a_frame(frames, padded):
    rng = np.random.default_rng(frames)
    x = rng.integers(-8, 9, (frames, 3)).astype(np.float32)
    x[frames // 2, 1] = np.nan
    plan = frozen(np.array([(0, 4, 8, 1, padded, 0, 2, 0, 3), (1, 2, 3, 1, padded, 2, 3, 3, 6)], np.int64))
    made = plan, frozen(np.array([0, 1, 2])), frozen(np.array([-1e9, -np.inf, np.nan] * 2, np.float32))
    found = features(x, *made)
    assert np.array_equal(found, expected(x, *made).astype(np.float32))
    assert found[0] < 1  # the outputs that saw the NaN
    assert found[3:].tolist() == [1, 1, 0]


def test_an_output_equal_to_the_bias_is_not_above_it():
    x = np.zeros((9, 1), np.float32)
    plan = frozen(np.array([(0, 1, 2, 1, 1, 0, 1, 0, 2)], np.int64))
    found = features(x, plan, frozen(np.array([0])), frozen(np.array([0, -1e-30], np.float32)))
    assert found.tolist() == [0, 1]


@pytest.mark.parametrize(("frames", "dilation"), [(9, 1), (10, 1), (17, 2), (98, 12)])
def test_outputs_are_a_convolution(frames, dilation):
    rng = np.random.default_rng(dilation)
    x = rng.integers(-8, 9, (frames, 3)).astype(np.float32)
    row = frozen(np.array([0, 3, 7, dilation, 1, 0, 2, 0, 0]))
    out, scratch = np.empty(frames, np.float32), np.full(ppv.scratch_size(frames, 3), np.nan, np.float32)
    ppv.outputs(frozen(x), row, frozen(np.array([0, 2])), scratch, out)
    weights = np.where(np.isin(np.arange(9), (0, 3, 7)), 2, -1)
    wanted = naive.convolve(x[:, 0] + x[:, 2], weights[::-1], 4 * dilation, frames, dilation=dilation)
    assert np.abs(wanted).max() > 0
    assert np.array_equal(out, wanted.astype(np.float32))
