"""Kernels of whole short convolutions, against naive twins, and to the bit against those for any length."""

from math import gcd

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.dsp._fir import CHAIN, fir
from audioconv.kernels.dsp.entry import entry
from audioconv.kernels.dsp.short import MOST_TAPS, STACK, fir_short, flip_finite, upfirdn_short
from tests import naive
from tests.compare import assert_close
from tests.signals import noise

DTYPES = st.sampled_from([np.float32, np.float64])
SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 31, 64, CHAIN + 1, 130])
RELATIVE = {np.float32: 2e-6, np.float64: 1e-14}


def run(x, h, flip, begin, count):
    y = np.full(count, np.nan, x.dtype)
    like = np.empty(2, x.dtype)[::2]
    return entry(fir_short, like, like, 0, 0, y)(x, h, flip, begin, y), y


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, DTYPES, st.booleans(), st.data())
def test_a_short_filter_is_the_sum_that_defines_it_and_has_the_bits_of_the_long_one(samples, taps, dtype, flip, data):
    x, h = noise(samples, dtype, 0), noise(taps, dtype, 1)
    flip = flip and taps <= samples
    begin = data.draw(st.integers(0, samples + taps - 2))
    count = data.draw(st.integers(1, samples + taps - 1 - begin))
    nonzero, y = run(x, h, int(flip), begin, count)
    assert nonzero == taps
    h = h[::-1] if flip else h
    assert_close(y, naive.convolve(x, h, begin, count), RELATIVE[dtype])
    signal, filter_taps = (x, h) if taps <= samples else (h, x)
    reach = len(filter_taps) - 1
    padded = frozen(np.concatenate((np.zeros(reach), signal, np.zeros(reach))), dtype)
    every = np.empty(len(padded) - reach, dtype)
    fir(padded, frozen(filter_taps), every)
    np.testing.assert_array_equal(y, every[begin : begin + count])


@pytest.mark.parametrize(
    ("samples", "taps"),
    [(STACK + 5, 3), (STACK - 2, 3), (2 * STACK, 64), *([(3000, MOST_TAPS)] if JIT_ENABLED else [])],
)
def test_the_ends_of_a_longer_signal_are_padded_apart(samples, taps):
    x, h = noise(samples, np.float64, 0), noise(taps, np.float64, 1)
    for begin, count in ((0, samples + taps - 1), (taps - 1, samples - taps + 1), (taps // 2, samples)):
        _, y = run(x, h, 0, begin, count)
        assert_close(y, np.convolve(x, h)[begin : begin + count], 1e-13)


def test_what_a_short_filter_does_not_do():
    x, h = noise(50, np.float32, 0), noise(5, np.float32, 1)
    for part in (x[::2], x[::-1], np.frombuffer(b"\0" * 201, np.uint8)[1:].view(np.float32)):
        for arrays in ((part, h), (x, part[:9])):
            code, y = run(*arrays, 0, 0, 9)
            assert code == -2
            assert np.isnan(y).all()
    h[2] = 0
    assert run(x, h, 0, 0, 9)[0] == 4
    h[2] = np.inf
    assert run(x, h, 0, 0, 9)[0] == -1
    assert run(h, x, 0, 0, 9)[0] == -1  # the shorter one is the filter
    x[7] = np.nan
    assert run(x, h[:2].copy(), 0, 0, 9)[0] == 2
    np.testing.assert_array_equal(np.isnan(run(x, h[:2].copy(), 0, 0, 9)[1]), np.isin(np.arange(9), [7, 8]))


@settings(max_examples=60, deadline=None)
@given(SIZES, SIZES, st.integers(1, 12), st.integers(1, 12), DTYPES)
def test_short_upfirdn_is_the_sum_that_defines_it(samples, taps, up, down, dtype):
    x, h = noise(samples, dtype, 0), noise(taps, dtype, 1)
    expected = naive.upfirdn(h, x, up, down)
    y, like = np.full(len(expected), np.nan, dtype), np.empty(2, dtype)[::2]
    kernel = entry(upfirdn_short, like, like, 1, 1, 1, y)
    assert kernel(x[::-1], h, up, down, up // gcd(up, down), y) == -2
    assert kernel(x, h, up, down, up // gcd(up, down), y) == 0
    assert_close(y, expected, RELATIVE[dtype], zeros_allowed=True)


def test_taps_are_flipped_and_looked_at():
    taps, out = noise(9, np.float32, 0), np.empty(9, np.float32)
    assert flip_finite(taps, out)
    np.testing.assert_array_equal(out, taps[::-1])
    taps[3] = np.nan
    assert not flip_finite(taps, out)
