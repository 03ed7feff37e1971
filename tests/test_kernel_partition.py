"""Products of spectra and one step of the partitioned convolution, against sums in the time domain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels.fft import irfft, rfft, tables
from audioconv.kernels.partition import layout, step
from audioconv.kernels.spectrum import convolve_blocks, multiply, multiply_add, multiply_add4
from tests import naive
from tests.compare import assert_close

TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
BLOCK = 64  # the smallest partition: half the smallest transform
CASES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def noise(size, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def spectrum(x):
    result = np.empty_like(x)
    rfft(x.copy(), result, np.empty_like(x), tables(x.size, x.dtype))
    return result


def signal(packed):
    x = np.empty_like(packed)
    irfft(packed.copy(), x, np.empty_like(x), tables(x.size, x.dtype))
    return x


def circular(a, b):
    n = len(a)
    full = np.append(np.convolve(a.astype(np.longdouble), b.astype(np.longdouble)), 0)
    return full[:n] + full[n:]


@CASES
def test_a_product_of_spectra_is_a_circular_convolution(dtype):
    a, b = noise(128, dtype), noise(128, dtype, 1)
    product = spectrum(a)
    multiply(product, frozen(spectrum(b)))
    assert_close(signal(product), circular(a, b), TOLERANCE[dtype])


@CASES
def test_four_products_in_one_pass_have_the_bits_of_four_passes(dtype):
    n = 128
    a, b = frozen(noise(6 * n, dtype)), frozen(noise(5 * n, dtype, 1))
    one = np.concatenate([np.full(n, 7, dtype), noise(n, dtype, 2)])
    four = one.copy()
    for q in range(4):
        multiply_add(one, n, a, (4 - q) * n, b, (1 + q) * n, n)
    multiply_add4(four, n, a, 4 * n, b, n, n)
    assert np.array_equal(one, four)
    assert (one[:n] == 7).all()
    assert not np.array_equal(one[n:], noise(n, dtype, 2))


@CASES
def test_a_sum_of_products_of_spectra_is_a_sum_of_circular_convolutions(dtype):
    a, b, c = noise(256, dtype), noise(256, dtype, 1), noise(256, dtype, 2)
    total = spectrum(c)
    multiply_add(total, 0, frozen(spectrum(a)), 0, frozen(spectrum(b)), 0, 256)
    assert_close(signal(total), circular(a, b) + c, TOLERANCE[dtype])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([1, 2, 50, 127, 128]),
    st.sampled_from([1, 2, 60, 128, 300]),
    st.integers(0, 300),
    st.sampled_from([1, 7, 128, 300]),
    st.sampled_from([np.float32, np.float64]),
)
def test_block_convolution_is_the_sum_that_defines_it(taps, samples, begin, count, dtype):
    x, h, n = frozen(noise(samples, dtype)), noise(taps, dtype, 1), 128
    padded = np.concatenate([h, np.zeros(n - taps, dtype)])
    y = np.full(count, np.nan, dtype)
    convolve_blocks(x, begin, taps, frozen(spectrum(padded)), tables(n, dtype), np.full(3 * n, np.nan, dtype), y)
    expected = naive.convolve(x, h, begin, count)
    scale = np.linalg.norm(x) * np.linalg.norm(h)  # outputs may lie beyond the end, where only rounding is left
    assert np.abs(y - expected).max() <= TOLERANCE[dtype] * scale


@CASES
@pytest.mark.parametrize("taps", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5, 9 * BLOCK])
@pytest.mark.parametrize(("channels", "filters"), [(1, 1), (3, 1), (2, 2)])
def test_steps_convolve_each_channel_with_its_filter(dtype, taps, channels, filters):
    table = tables(2 * BLOCK, dtype)
    responses = noise((filters, taps), dtype)
    parts = []
    for response in responses:
        for first in range(BLOCK, taps, BLOCK):
            part = response[first : first + BLOCK]
            parts.append(spectrum(np.concatenate([part, np.zeros(2 * BLOCK - part.size, dtype)])))
        parts.append(response[:BLOCK])
    header, size = layout(BLOCK, taps, channels, filters)
    state, ir = np.zeros(size, dtype), frozen(np.concatenate(parts))
    x = noise((300, channels), dtype, 1)
    y = x.copy()
    for first, last in ((0, 1), (1, 1), (1, 64), (64, 200), (200, 300)):
        step(header, state, ir, table, y[first:last].reshape(-1))
    for channel in range(channels):
        expected = np.convolve(x[:, channel].astype(np.longdouble), responses[channel % filters].astype(np.longdouble))
        assert_close(y[:, channel], expected[:300], TOLERANCE[dtype])
