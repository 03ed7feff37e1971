"""The polyphase kernel against its naive twin, and its promise that no bit depends on blocks or channels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels.dsp._fir import CHAIN
from audioconv.kernels.dsp._polyphase import polyphase
from tests import naive
from tests.compare import assert_close

TOLERANCE = {np.float32: 5e-7, np.float64: 1e-15}


def case(count, size, channels, taps, reach, dtype, seed):
    """A signal (rows, size, channels), and columns of these numbers of taps anywhere in reach + 1 rows."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count + reach, size, channels)).astype(dtype)
    bounds = np.concatenate(([0], np.cumsum(taps))).astype(int)
    h = rng.standard_normal((channels, bounds[-1])).astype(dtype)
    return x, h, rng.integers(0, reach + 1, bounds[-1]), rng.integers(0, size, bounds[-1]), bounds


def run(x, taps, rows, places, bounds, count, width):
    reach, size, channels = len(x) - count, x.shape[1], x.shape[2]
    offsets = places * channels * (width + reach) + rows
    phases = np.zeros((size * channels, width + reach), x.dtype)
    sums = np.zeros(((len(bounds) - 1) * channels, width), x.dtype)
    y = np.full((count, len(bounds) - 1, channels), np.nan, x.dtype)
    inputs = frozen(x.ravel()), frozen(taps.ravel()), frozen(offsets, np.int64), frozen(bounds, np.int64)
    polyphase(*inputs, phases, sums, y.reshape(-1))
    return y


@settings(max_examples=40)
@given(
    st.sampled_from([1, 2, 7, 8, 9, 65]),
    st.sampled_from([1, 2, 3, 7, 8, 9, 17, 70]),
    st.sampled_from([1, 2, 8]),
    st.lists(st.integers(0, 9), min_size=1, max_size=9),
    st.integers(0, 3),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
def test_it_is_the_sum_that_defines_it(count, size, channels, taps, reach, dtype, seed):
    given_case = case(count, size, channels, taps, reach, dtype, seed)
    expected = naive.polyphase(*given_case, count)
    assert_close(run(*given_case, count, 64), expected, TOLERANCE[dtype], zeros_allowed=not any(taps))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_bit_depends_on_the_blocks(dtype):
    given_case = case(70, 9, 2, [3, 0, CHAIN + 5, 1], 2, dtype, 0)
    whole = run(*given_case, 70, 128)
    assert np.abs(whole[:, 2]).min() > 0
    assert not whole[:, 1].any()
    for width in (1, 5, 64, 65):
        assert np.array_equal(run(*given_case, 70, width), whole)


def test_one_filter_serves_all_channels():
    x, taps, *where = case(20, 5, 3, [4, 2], 1, np.float32, 0)
    same = np.repeat(taps[:1], 3, axis=0)
    assert np.array_equal(run(x, taps[:1], *where, 20, 64), run(x, same, *where, 20, 64))


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_non_finite_sample_spoils_what_it_has_a_part_in_and_no_more(poison):
    x, taps, rows, places, bounds = case(30, 9, 2, [5, 5, 0], 2, np.float32, 0)
    x[12, places[0], 1] = poison
    expected = np.zeros((30, 3, 2), bool)
    for q in range(3):
        for k in range(bounds[q], bounds[q + 1]):
            if places[k] == places[0]:
                expected[12 - rows[k], q, 1] = True
    assert expected.any()
    assert np.array_equal(~np.isfinite(run(x, taps, rows, places, bounds, 30, 64)), expected)


def test_nothing_to_compute_writes_nothing():
    given_case = case(1, 3, 1, [2], 0, np.float32, 0)
    assert run(*given_case, 1, 64).size == 1
    assert run(given_case[0][:0], *given_case[1:], 0, 64).size == 0
