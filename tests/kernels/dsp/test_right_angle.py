"""Right-angle FFT convolution, against sums in the time domain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels._jit import JIT_ENABLED, kernel
from audioconv.kernels.dsp import right_angle
from audioconv.kernels.dsp.passes import PASS, PLAN, work_size
from tests import naive
from tests.compare import assert_close
from tests.signals import noise

TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
CASES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LARGEST = 2**17 if JIT_ENABLED else 2**11
SIZES = [size for k in range(8, 18) for size in (2**k, 3 * 2 ** (k - 1)) if 256 <= size <= LARGEST]


@kernel
def untransform(spectrum, header, table, work, discarded, y):
    """y = samples discarded ... of the 2 n of a spectrum; times n, but for a product with a `filter_spectrum`."""
    for begin in range(0, header[PLAN.points], header[PLAN.chunk]):
        right_angle.signal_chunk(spectrum, 2 * begin, header, table, work, begin)
    columns, none = header[PLAN.points] // header[PASS.radix], np.int64(0)
    right_angle.last_columns(header, table, work, discarded, y, none, y.size, none, columns)


def convolve(x, h, begin, count, size, *, discarded=None, kept=None):
    """Outputs begin ... of x * h by blocks of `size` samples."""
    header, table = right_angle.plan(size, x.dtype.name)
    work, spectrum = np.full(work_size(size), np.nan, x.dtype), right_angle.filter_spectrum(frozen(h), header, table)
    y = np.full(count + 2, 7, x.dtype)
    discarded = h.size - 1 if discarded is None else discarded
    kept = size - discarded if kept is None else kept
    right_angle.convolve_blocks(frozen(x), begin - discarded, discarded, kept, header, table, spectrum, work, y[1:-1])
    assert y[0] == y[-1] == 7
    return y[1:-1]


@CASES
@pytest.mark.parametrize("size", SIZES)
def test_every_size_gives_a_convolution_whose_wrap_around_is_negative(dtype, size):
    a, b = noise(size, dtype), noise(size, dtype, 1)
    header, table = right_angle.plan(size, np.dtype(dtype).name)
    work, one, y = (np.full(n, np.nan, dtype) for n in (work_size(size), size, size))
    right_angle.transform(frozen(a), np.int64(0), header, table, work, one)
    two = right_angle.filter_spectrum(frozen(b), header, table)
    pairs, others = (part.reshape(-1, 2, 8 if dtype == np.float32 else 4).astype(np.float64) for part in (one, two))
    product = np.empty_like(pairs)
    product[:, 0] = pairs[:, 0] * others[:, 0] - pairs[:, 1] * others[:, 1]
    product[:, 1] = pairs[:, 0] * others[:, 1] + pairs[:, 1] * others[:, 0]
    untransform(frozen(product.reshape(-1).astype(dtype)), header, table, work, np.int64(0), y)
    full = np.fft.irfft(np.fft.rfft(a.astype(float), 2 * size) * np.fft.rfft(b.astype(float), 2 * size))
    assert_close(y, full[:size] - full[size:], TOLERANCE[dtype])


@CASES
@pytest.mark.parametrize("size", [256, 384, 1024])
def test_there_and_back_gives_the_samples(dtype, size):
    x = noise(size, dtype)
    header, table = right_angle.plan(size, np.dtype(dtype).name)
    work, spectrum, y = (np.full(n, np.nan, dtype) for n in (work_size(size), size, size - 5))
    right_angle.transform(frozen(x), np.int64(0), header, table, work, spectrum)
    untransform(frozen(spectrum), header, table, work, np.int64(5), y)
    assert_close(y / (size // 2), x[5:], TOLERANCE[dtype])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([256, 384, 512, 1024]),
    st.sampled_from([1, 2, 7, 8, 9, 50, 127, 128, 256]),
    st.sampled_from([1, 2, 7, 60, 128, 300, 700]),
    st.integers(0, 300),
    st.sampled_from([0, 1, 7, 8, 9, 128, 300, 800]),
    st.sampled_from([np.float32, np.float64]),
)
def test_block_convolution_is_the_sum_that_defines_it(size, taps, samples, begin, count, dtype):
    x, h = noise(samples, dtype), noise(taps, dtype, 1)
    y = convolve(x, h, begin, count, size)
    expected = np.zeros(count, np.longdouble)
    full = np.convolve(x.astype(np.longdouble), h.astype(np.longdouble))[begin : begin + count]
    expected[: len(full)] = full
    scale = np.linalg.norm(x) * np.linalg.norm(h)  # outputs may lie beyond the end, where only rounding is left
    assert count == 0 or np.abs(y - expected).max() <= TOLERANCE[dtype] * scale


@CASES
def test_one_block_for_all_needs_no_lead_where_the_wrap_around_is_zeros(dtype):
    x, h = noise(200, dtype), noise(57, dtype, 1)
    assert_close(convolve(x, h, 0, 256, 256, discarded=0, kept=256), naive.convolve(x, h, 0, 256), TOLERANCE[dtype])


@CASES
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_non_finite_sample_spoils_its_own_blocks_only(dtype, poison):
    x, h = noise(2000, dtype), noise(20, dtype, 1)
    clean = convolve(x, h, 0, 2000, 256)
    x[900] = poison
    with np.errstate(invalid="ignore"):
        y = convolve(x, h, 0, 2000, 256)
    kept = 256 - 19
    first, last = 900 // kept * kept, ((900 + 19) // kept + 1) * kept
    spoilt = ~np.isfinite(y)
    assert spoilt[900:920].all()
    assert not spoilt[:first].any()
    assert not spoilt[last:].any()
    assert np.array_equal(y[~spoilt], clean[~spoilt])


@CASES
def test_silence_is_skipped_exactly_but_not_by_a_filter_that_is_not_finite(dtype):
    x, h = noise(2000, dtype), noise(20, dtype, 1)
    x[500:1500] = 0
    y = convolve(x, h, 0, 2000, 256)
    assert_close(y, np.convolve(x.astype(float), h.astype(float))[:2000], TOLERANCE[dtype])
    kept = 256 - 19
    first, last = -(-(500 + 20) // kept) * kept, 1500 // kept * kept
    assert last - first >= kept
    assert not y[first:last].any()
    h[3] = np.nan
    with np.errstate(invalid="ignore"):
        assert np.isnan(convolve(np.zeros(600, dtype), h, 0, 600, 256)).all()


@CASES
def test_loud_samples_leave_later_blocks_alone(dtype):
    x, h = noise(4000, dtype), noise(33, dtype, 1)
    x[2000:] *= 1e-5
    expected = np.convolve(x.astype(np.longdouble), h.astype(np.longdouble))[:4000]
    quiet = slice(2000 + 256 + 33, 4000)
    assert_close(convolve(x, h, 0, 4000, 256)[quiet], expected[quiet], TOLERANCE[dtype])


@pytest.mark.parametrize("size", [0, 100, 128, 255, 320, 640])
def test_sizes_without_a_plan_are_refused(size):
    with pytest.raises(ValueError, match="times a power of two"):
        right_angle.plan(size, "float32")
