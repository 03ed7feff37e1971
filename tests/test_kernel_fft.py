"""The Fourier transform against the sum that defines it, and against NumPy where that sum is too slow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.fft import SMALLEST, irfft, rfft, tables
from tests import naive
from tests.compare import assert_close

LARGEST_LOG = 16 if JIT_ENABLED else 10  # without JIT a transform of 65,536 points takes a minute
TOLERANCE = {np.float32: 5e-7, np.float64: 1e-15}


def transform(x):
    """The packed spectrum of x as complex bins 0 ... n/2."""
    spectrum, work = np.empty_like(x), np.empty_like(x)
    rfft(x, spectrum, work, tables(x.size, x.dtype))
    half = x.size // 2
    bins = np.zeros(half + 1, np.result_type(x.dtype, np.complex64))
    bins.real[:half], bins.imag[:half] = spectrum[:half], spectrum[half:]
    bins[0], bins[half] = spectrum[0], spectrum[half]
    return bins, spectrum


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [128, 256, 512])
def test_rfft_is_the_sum_that_defines_it(dtype, size):
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    assert_close(transform(x)[0], naive.rfft(x), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [2**k for k in range(7, LARGEST_LOG + 1)])
def test_rfft_of_every_size(dtype, size):
    x = np.random.default_rng(size).standard_normal(size).astype(dtype)
    assert_close(transform(x)[0], np.fft.rfft(x.astype(np.float64)), TOLERANCE[dtype])


@settings(max_examples=40, deadline=None)
@given(st.integers(7, min(12, LARGEST_LOG)), st.sampled_from([np.float32, np.float64]), st.integers(0, 2**32 - 1))
def test_inverse_gives_the_samples_back(log_size, dtype, seed):
    x = np.random.default_rng(seed).standard_normal(2**log_size).astype(dtype)
    spectrum, back = transform(x)[1], np.empty_like(x)
    irfft(spectrum, back, np.empty_like(x), tables(x.size, dtype))
    assert_close(back, x, TOLERANCE[dtype])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 255), st.sampled_from([np.float32, np.float64]))
def test_an_impulse_has_the_twiddles_as_spectrum(place, dtype):
    x = np.zeros(256, dtype)
    x[place] = 1
    assert_close(transform(x)[0], np.exp(-2j * np.pi * (np.arange(129) * place % 256) / 256), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_non_finite_sample_is_seen(dtype, poison):
    x = np.ones(128, dtype)
    x[17] = poison
    assert not np.isfinite(transform(x)[0]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_give_zeros(dtype):
    bins, _ = transform(np.zeros(SMALLEST, dtype))
    assert np.all(bins == 0)


@pytest.mark.parametrize("size", [0, 1, 64, 127, 192])
def test_sizes_without_a_plan_are_refused(size):
    with pytest.raises(ValueError, match="power of two"):
        tables(size, "float32")
