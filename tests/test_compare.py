"""The comparison that all tests lean on can fail."""

import numpy as np
import pytest

from tests.compare import assert_close

ONES = np.ones(4)


@pytest.mark.parametrize(
    "actual",
    [np.zeros(4), ONES * 1.01, ONES[:3], np.array([1, 1, 1, np.nan]), np.array([1, 1, 1, np.inf]), ONES * (1 + 1e-3j)],
)
def test_a_difference_fails(actual):
    expected = ONES.astype(complex) if np.iscomplexobj(actual) else ONES
    with pytest.raises(AssertionError):
        assert_close(actual, expected, 1e-4)


def test_an_expectation_of_zeros_fails():
    with pytest.raises(AssertionError, match="only checks nothing"):
        assert_close(np.zeros(4), np.zeros(4), 1e-6)


def test_a_tolerance_that_zeros_would_pass_fails():
    with pytest.raises(AssertionError, match="checks nothing"):
        assert_close(ONES, ONES, 1.0)


def test_equal_arrays_pass():
    assert_close(ONES + 1e-7, ONES, 1e-6)
    assert_close(np.array([np.nan, np.inf, 1]), np.array([np.nan, np.inf, 1]), 1e-6)
