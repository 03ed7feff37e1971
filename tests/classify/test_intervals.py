"""Confidence intervals: those of tables and of SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import audioconv as ac
from audioconv.classify.intervals import poisson_interval, wilson_interval

TABLE = {  # Pearson and Hartley, Biometrika Tables for Statisticians, table 40: 95 % limits of a Poisson count
    0: (0.0, 3.69), 1: (0.0253, 5.57), 2: (0.242, 7.22), 5: (1.62, 11.67), 10: (4.80, 18.39), 30: (20.24, 42.83),
}  # fmt: skip


@pytest.mark.parametrize("count", TABLE)
def test_the_interval_of_a_poisson_count_is_that_of_the_table(count):
    assert poisson_interval(count) == pytest.approx(TABLE[count], abs=0.006)


@given(st.integers(0, 5000), st.floats(0.5, 0.999))
def test_the_interval_is_made_of_quantiles_of_chi_squared(count, confidence):
    low, high = poisson_interval(count, confidence)
    outside = (1 - confidence) / 2
    expected = stats.chi2.ppf(outside, 2 * count) / 2 if count else 0.0
    assert low == pytest.approx(expected, rel=1e-9)
    assert high == pytest.approx(stats.chi2.ppf(1 - outside, 2 * count + 2) / 2, rel=1e-9)


@pytest.mark.parametrize("mean", [0.2, 1.0, 3.7, 25.0])
def test_the_interval_holds_the_mean_as_often_as_it_says(mean):
    counts = np.arange(200)
    holds = [low <= mean <= high for low, high in map(poisson_interval, counts.tolist())]
    assert 0.95 <= stats.poisson.pmf(counts, mean)[holds].sum() < 1


def test_counts_and_confidences_that_make_no_sense_are_refused():
    with pytest.raises(ac.ArgumentError, match="count must be at least 0"):
        poisson_interval(-1)
    with pytest.raises(ac.ArgumentError, match="confidence must be above 0 and below 1"):
        poisson_interval(1, 95)


def test_the_interval_of_a_share_is_the_one_of_scipy():
    for right, total in [(0, 7), (3, 7), (7, 7), (90, 100)]:
        expected = stats.binomtest(right, total).proportion_ci(method="wilson")
        assert wilson_interval(right, total, stats.norm.ppf(0.975)) == pytest.approx(expected)
