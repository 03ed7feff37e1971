"""The Fourier transform against the sum that defines it, and against NumPy where that sum is too slow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import aligned, frozen
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.dsp._fft import fft, irfft, plan, plan_real, rfft
from audioconv.kernels.dsp.passes import work_size
from tests import naive
from tests.compare import assert_close
from tests.signals import complex_noise

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
TOLERANCE = {np.float32: 1e-6, np.float64: 2e-15}
LARGEST = 2**16 if JIT_ENABLED else 2**10  # without JIT a transform of 65,536 points takes a minute
SIZES = sorted(
    size for k in range(2, 17) for size in (2**k, 3 * 2**k) if size <= LARGEST
)  # from 8 on, and the halves that real transforms of 8 and 12 use
SOME = st.sampled_from([size for size in SIZES if 8 <= size <= 2048])


def transform(x):
    """The packed spectrum of x as complex bins 0 ... n/2, and as it is."""
    spectrum, work = np.full_like(x, np.nan), np.full(work_size(x.size), np.nan, x.dtype)
    rfft(frozen(x), spectrum, work, *plan_real(x.size, x.dtype.name))
    half = x.size // 2
    bins = np.zeros(half + 1, np.result_type(x.dtype, np.complex64))
    bins.real[:half], bins.imag[:half] = spectrum[:half], spectrum[half:]
    bins[0], bins[half] = spectrum[0], spectrum[half]
    return bins, spectrum


def transform_complex(z, dtype, *, inverse=False, in_place=False):
    n = z.size
    x = np.concatenate((z.real, z.imag)).astype(dtype)
    y = x if in_place else np.full(2 * n, np.nan, dtype)
    work = np.full(work_size(2 * n), np.nan, dtype)
    re, im = (n, 0) if inverse else (0, n)
    fft(frozen(x), re, im, 0, *plan(n, np.dtype(dtype).name), work, y, re, im)
    return y[:n] + 1j * y[n:]


@DTYPES
@pytest.mark.parametrize("size", [4, 8, 12, 24, 64, 96, 128, 192, 256])
def test_fft_is_the_sum_that_defines_it(dtype, size):
    z = complex_noise(size).astype(np.complex64)
    assert_close(transform_complex(z, dtype), naive.fft(z), TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize("size", SIZES)
def test_fft_of_every_size(dtype, size):
    z = complex_noise(size, size).astype(np.complex64)
    expected = np.fft.fft(z.astype(np.complex128))
    assert_close(transform_complex(z, dtype), expected, TOLERANCE[dtype])
    assert_close(transform_complex(z, dtype, in_place=True), expected, TOLERANCE[dtype])
    assert_close(
        transform_complex(z, dtype, inverse=True) / size, np.fft.ifft(z.astype(np.complex128)), TOLERANCE[dtype]
    )


@pytest.mark.slow
@pytest.mark.skipif(not JIT_ENABLED, reason="hours without JIT")
@pytest.mark.parametrize(("size", "dtype"), [(2**22, np.float32), (3 * 2**19, np.float64)])
def test_fft_of_sizes_far_beyond_the_caches(size, dtype):
    z = complex_noise(size).astype(np.complex64)
    assert_close(transform_complex(z, dtype), np.fft.fft(z.astype(np.complex128)), TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize("size", [size for size in SIZES if size >= 8])
def test_rfft_of_every_size(dtype, size):
    x = complex_noise(size, size).real.astype(dtype)
    bins, spectrum = transform(x)
    assert_close(bins, np.fft.rfft(x.astype(np.float64)), TOLERANCE[dtype])
    back = np.full_like(x, np.nan)
    irfft(spectrum, back, np.full(work_size(size), np.nan, dtype), *plan_real(size, np.dtype(dtype).name))
    assert_close(back, x, TOLERANCE[dtype])


@settings(max_examples=40, deadline=None)
@given(SOME, st.data(), st.sampled_from([np.float32, np.float64]))
def test_an_impulse_has_the_twiddles_as_spectrum(size, data, dtype):
    place = data.draw(st.integers(0, size - 1))
    x = aligned(size, dtype)
    x[:] = 0
    x[place] = 1
    expected = np.exp(-2j * np.pi * (np.arange(size // 2 + 1) * place % size) / size)
    assert_close(transform(x)[0], expected, TOLERANCE[dtype])


@DTYPES
@pytest.mark.parametrize("size", [size for size in SIZES if 8 <= size <= 512])
def test_a_flat_spectrum_is_an_impulse(dtype, size):
    """A long chain of equal terms would be rounded the same way at every step."""
    spectrum, back = np.zeros(size, dtype), np.full(size, np.nan, dtype)
    spectrum[: size // 2 + 1] = 0.7  # element size // 2 is the last bin
    irfft(spectrum, back, np.full(work_size(size), np.nan, dtype), *plan_real(size, np.dtype(dtype).name))
    assert_close(back, np.eye(1, size)[0] * float(dtype(0.7)), 4 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("size", [16, 128, 384])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_non_finite_sample_is_seen(dtype, size, poison):
    x = np.ones(size, dtype)
    x[7] = poison
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(transform(x)[0]).any()


@DTYPES
@pytest.mark.parametrize("size", [8, 128, 192])
def test_zeros_give_zeros(dtype, size):
    assert np.all(transform(np.zeros(size, dtype))[0] == 0)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 20, 100, 127])
def test_sizes_without_a_plan_are_refused(size):
    with pytest.raises(ValueError, match="power of two"):
        plan(size, "float32")
    with pytest.raises(ValueError, match="power of two"):
        plan_real(size, "float32")
