"""Products of spectra and one step of the partitioned convolution, against sums in the time domain."""

import numpy as np
import pytest

from audioconv.arrays import frozen
from audioconv.kernels import ring
from audioconv.kernels.partition import layout, step
from audioconv.kernels.spectrum import multiply_add, multiply_add4
from tests.compare import assert_close

TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
BLOCK = 128  # the smallest partition: half the smallest transform
CASES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def noise(size, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


def spectrum(taps):
    """That of a partition's taps, as the filter of a stream has it."""
    return ring.filter_spectrum(frozen(taps), *ring.plan(2 * BLOCK, taps.dtype.name))


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
@pytest.mark.parametrize("taps", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5, 9 * BLOCK])
@pytest.mark.parametrize(("channels", "filters"), [(1, 1), (3, 1), (2, 2)])
def test_steps_convolve_each_channel_with_its_filter(dtype, taps, channels, filters):
    responses = noise((filters, taps), dtype)
    parts = []
    for response in responses:
        for first in range(BLOCK, taps, BLOCK):
            parts.append(spectrum(response[first : first + BLOCK]))
        parts.append(response[:BLOCK])
    header, size = layout(BLOCK, taps, channels, filters)
    state, ir = np.zeros(size, dtype), frozen(np.concatenate(parts))
    x = noise((300, channels), dtype, 1)
    y = x.copy()
    for first, last in ((0, 1), (1, 1), (1, 64), (64, 200), (200, 300)):
        step(header, state, ir, *ring.plan(2 * BLOCK, np.dtype(dtype).name), y[first:last].reshape(-1))
    for channel in range(channels):
        expected = np.convolve(x[:, channel].astype(np.longdouble), responses[channel % filters].astype(np.longdouble))
        assert_close(y[:, channel], expected[:300], TOLERANCE[dtype])
