"""The direct filter against its naive twin, and its promise that no bit depends on where it is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels.dsp._fir import CHAIN, fir, fir_at
from tests import naive
from tests.compare import assert_close
from tests.signals import frozen_noise

# of the sum of all products without signs, which bounds the error of a sum that cancels as well
TOLERANCE = {np.float32: 2.4e-7, np.float64: 4.5e-16}
DTYPES = st.sampled_from([np.float32, np.float64])
LENGTHS = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 96, 97, 131, 193])
TAPS = st.sampled_from(
    [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 31, CHAIN - 1, CHAIN, CHAIN + 1, CHAIN + 9, 2 * CHAIN + 3]
)
SEEDS = st.integers(0, 2**32 - 1)


def run(x, taps):
    y = np.full(len(x) - len(taps) + 1, np.nan, x.dtype)
    fir(x, taps, y)
    return y


def run_at(x, taps, offsets, count):
    y = np.full(count, np.nan, x.dtype)
    fir_at(x, taps, frozen(offsets, np.int64), y)
    return y


def assert_close_sums(y, x, h, offsets):
    """Each output is the sum that the naive twin says, but for a rounding error of its products' size."""
    expected = naive.fir(x, h, offsets, len(y))
    largest = naive.fir(np.abs(x), np.abs(h), offsets, len(y))
    assert np.all(np.abs(y - expected) <= TOLERANCE[x.dtype.type] * largest)
    assert np.any(y != 0) == np.any(expected != 0)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, TAPS, DTYPES, SEEDS)
def test_fir_is_the_sum_that_defines_it(length, taps, dtype, seed):
    x, h = frozen_noise(length + taps - 1, dtype, seed), frozen_noise(taps, dtype, seed + 1)
    assert_close_sums(run(x, h), x, h, np.arange(taps)[::-1])


@settings(max_examples=60, deadline=None)
@given(LENGTHS, TAPS, DTYPES, SEEDS)
def test_fir_at_any_offsets_is_the_sum_that_defines_it(length, taps, dtype, seed):
    offsets = np.random.default_rng(seed).integers(0, 50, taps)
    x, h = frozen_noise(length + 49, dtype, seed), frozen_noise(taps, dtype, seed + 1)
    assert_close_sums(run_at(x, h, offsets, length), x, h, offsets)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, TAPS, DTYPES, st.integers(0, 140), SEEDS)
def test_no_bit_depends_on_the_cut(length, taps, dtype, cut, seed):
    x, h = frozen_noise(length + taps - 1, dtype, seed), frozen_noise(taps, dtype, seed + 1)
    cut = min(cut, length)
    whole = run(x, h)
    parts = [run(frozen(x[: cut + taps - 1]), h)] if cut else []
    parts += [run(frozen(x[cut:]), h)] if cut < length else []
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(run_at(x, h, np.arange(taps)[::-1], length), whole)


def chains(x, taps):
    """What every output must be, bit for bit: chains of CHAIN multiply-adds in tap order, added in order."""
    y = np.empty(len(x) - len(taps) + 1, x.dtype)
    for t in range(len(y)):
        fir_at(
            x[t : t + len(taps)], taps, frozen(np.arange(len(taps))[::-1]), y[t : t + 1]
        )  # one output: the scalar path
    return y


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([32, 33, 64, 65, 130, 193]), TAPS, DTYPES, st.integers(0, 31), SEEDS)
def test_no_bit_depends_on_where_x_and_y_lie_in_memory(length, taps, dtype, shift, seed):
    size = length + taps - 1
    h, samples = frozen_noise(taps, dtype, seed + 1), frozen_noise(size, dtype, seed)
    moved = np.full(size + 32, np.nan, dtype)  # what is read beyond the ends of x shows
    moved[shift : shift + size] = samples
    around = np.full(length + 64, 7, dtype)
    y = around[shift + 1 : shift + 1 + length]
    fir(frozen(moved[shift : shift + size]), h, y)
    assert np.array_equal(y, chains(samples, h))
    assert np.all(around[: shift + 1] == 7)
    assert np.all(around[shift + 1 + length :] == 7)


def test_nothing_to_compute_writes_nothing():
    around = np.full(64, 7, np.float32)
    fir(frozen_noise(4, np.float32), frozen_noise(5, np.float32), around[32:32])
    fir_at(frozen_noise(4, np.float32), frozen_noise(5, np.float32), frozen(np.arange(5)), around[32:32])
    assert np.all(around == 7)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("length", [5, 20, 64, 150])
def test_a_non_finite_sample_spoils_what_it_has_a_part_in_and_no_more(poison, length):
    taps, place = 9, length // 2
    x = np.array(frozen_noise(length + taps - 1, np.float32))
    x[place] = poison
    spoiled = ~np.isfinite(run(frozen(x), frozen_noise(taps, np.float32, 1)))
    t = np.arange(length)
    assert np.array_equal(spoiled, (t <= place) & (place <= t + taps - 1))


@pytest.mark.parametrize("taps", [2 * CHAIN, 1000])
def test_a_long_moving_average_keeps_its_digits(taps):
    x, h = frozen(np.ones(taps + 99, np.float32)), frozen(np.full(taps, 1 / taps, np.float32))
    assert_close(run(x, h), np.full(100, h.sum(dtype=np.float64)), 1e-6)


def test_zeros_give_zeros():
    assert not run(frozen(np.zeros(200, np.float32)), frozen_noise(20, np.float32)).any()
