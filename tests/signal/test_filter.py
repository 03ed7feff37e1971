"""`Fir`, correlation, sparse filters, silence, loud beside quiet, and exactness where no sum can be checked in full."""

import copy
import pickle
import threading
import tracemalloc

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from tests.compare import assert_close
from tests.signals import noise

TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
METHODS = pytest.mark.parametrize("method", ["direct", "sparse", "overlap_add", "fft", "auto"])


# --- Fir --------------------------------------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize("mode", ["full", "same", "valid", "causal"])
def test_a_fir_gives_the_bits_of_convolve_again_and_again(method, mode):
    h = noise(300, seed=1)
    fir = ac.Fir(h)
    for samples in (5000, 100, 5000):
        x = noise(samples, seed=samples)
        assert np.array_equal(fir.convolve(x, mode, method=method), ac.convolve(x, h, mode, method=method))
    for dtype in (np.float64, np.float32):
        x = noise((700, 2), dtype)
        y = fir.convolve(x, mode, method=method, dilation=2, stride=3)
        assert y.dtype == dtype
        assert np.array_equal(y, ac.convolve(x, h, mode, method=method, dilation=2, stride=3))


def test_a_fir_is_of_the_taps_that_it_was_given():
    h = noise(100, seed=1)
    fir, x = ac.Fir(h), noise(3000)
    expected = ac.convolve(x, h)
    h[:] = 0
    assert np.array_equal(fir.convolve(x), expected)
    with pytest.raises(ValueError, match="read-only"):
        fir.taps[0] = 1
    for other in (pickle.loads(pickle.dumps(fir)), copy.deepcopy(fir)):
        assert np.array_equal(other.convolve(x), expected)
        assert not other.taps.flags.writeable
    assert repr(fir) == "Fir(taps=100, dtype='float32')"


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (np.zeros(0, "f4"), ac.ShapeError, "taps is empty"),
        (np.zeros((2, 2, 2), "f4"), ac.ShapeError, "taps must have 1 or 2"),
        (np.arange(3), ac.DtypeError, "taps must be float32"),
    ],
)
def test_taps_that_make_no_filter_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        ac.Fir(wrong)


def test_a_fir_makes_streams():
    h, x = noise((100, 2), seed=1), noise((3000, 2))
    stream = ac.Fir(h).stream(max_block=3000, channels=2)
    y = np.concatenate([stream.process(x), stream.flush()])
    assert_close(y, ac.convolve(x, h), 2e-6)


def test_threads_share_a_fir():
    fir, x = ac.Fir(noise(3000, seed=1)), noise(40_000)
    expected, results = ac.Fir(fir.taps).convolve(x), []
    threads = [threading.Thread(target=lambda: results.append(fir.convolve(x))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(y, expected) for y in results)


# --- correlation ------------------------------------------------------------------------------------------


@METHODS
@pytest.mark.parametrize(("samples", "taps"), [(500, 40), (40, 500), (7, 7), (1, 3)])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_correlate_is_that_of_scipy(samples, taps, mode, method):
    x, h = noise(samples, np.float64), noise(taps, np.float64, 1)
    expected = scipy.signal.correlate(x, h, mode, method="direct")
    y = ac.correlate(x, h, mode, method=method)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 5e-15 * np.abs(scipy.signal.correlate(x, h, method="direct")).max()


def test_correlate_takes_a_filter_a_channel():
    x, h = noise((300, 2)), noise((20, 2), seed=1)
    y = ac.correlate(x, h, stride=2, dilation=3)
    for channel in range(2):
        flipped = h[::-1, channel].copy()
        assert np.array_equal(y[:, channel], ac.convolve(x[:, channel], flipped, stride=2, dilation=3))


# --- sparse filters and silence ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 300), st.integers(0, 5), st.integers(1, 3), st.integers(0, 2**31))
def test_sparse_filters_are_those_of_their_taps(samples, taps, nonzero, stride, seed):
    rng = np.random.default_rng(seed)
    x, h = noise(samples, np.float64, seed), np.zeros(taps)
    places = rng.integers(0, taps, nonzero)
    h[places] = rng.standard_normal(nonzero)
    y = ac.convolve(x, h, method="sparse", stride=stride)
    expected = np.convolve(x, h)[::stride]
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 5e-15 * max(np.abs(np.convolve(x, h)).max(), 1e-300)


def test_auto_takes_velvet_noise_tap_by_tap_and_is_exact():
    x, h = noise(100_000), np.zeros(30_000, np.float32)
    h[np.random.default_rng(1).integers(0, 30_000, 30)] = 1
    assert ac.plan(x.size, h.size, nonzero=np.count_nonzero(h)).method == "sparse"
    expected = scipy.signal.oaconvolve(x.astype(float), h.astype(float))
    assert_close(ac.convolve(x, h), expected, 2e-6)


@METHODS
def test_a_filter_of_zeros_gives_zeros(method):
    assert not ac.convolve(noise(3000), np.zeros(300, np.float32), method=method).any()


@pytest.mark.parametrize("method", ["direct", "sparse", "overlap_add"])
@pytest.mark.parametrize("dilation", [1, 2])
def test_outputs_of_silence_are_exact_zeros_and_the_others_keep_their_bits(method, dilation):
    x, h = noise(60_000), noise(40, seed=1)
    h[3] = 0
    x[10_000:50_000] = 0
    y = ac.convolve(x, h, "causal", method=method, dilation=dilation)
    assert not y[24_000:40_000].any()
    expected = scipy.signal.oaconvolve(x.astype(float), np.kron(h, [1] + [0] * (dilation - 1)).astype(float))[:60_000]
    assert_close(y, expected, 2e-6)
    x[10_000:50_000] = noise(40_000, seed=2)
    other = ac.convolve(x, h, "causal", method=method, dilation=dilation)
    assert np.array_equal(y[:5000], other[:5000])  # whatever comes after: each block is by itself


@pytest.mark.parametrize("method", ["direct", "sparse", "overlap_add", "fft"])
def test_silence_through_a_filter_that_is_not_finite_is_not_silent(method):
    h = noise(20)
    h[4] = np.inf
    y = ac.convolve(np.zeros(10_000, np.float32), h, "causal", method=method)
    assert np.isnan(y[5:]).all()


# --- exactness --------------------------------------------------------------------------------------------


def spots(x, h, places):
    """Outputs of the full convolution at some places, summed in long double."""
    x, h = x.astype(np.longdouble), h.astype(np.longdouble)
    result = []
    for t in places:
        first, last = max(0, t - len(h) + 1), min(t, len(x) - 1)
        result.append(np.sum(x[first : last + 1] * h[t - last : t - first + 1][::-1]))
    return np.array(result)


@BOTH
@pytest.mark.parametrize(("samples", "taps"), [(200_000, 20_000), (1_000_000, 48_000), (300_000, 300_000)])
def test_long_filters_are_exact(dtype, samples, taps):
    x, h = noise(samples, dtype), noise(taps, dtype, 1) * np.exp(-5 * np.arange(taps) / taps).astype(dtype)
    rng = np.random.default_rng(2)
    total = samples + taps - 1
    places = np.concatenate([np.arange(20), np.arange(total - 20, total), rng.integers(0, total, 200)])
    expected = spots(x, h, places)
    for method in ("overlap_add", "fft"):
        y = ac.convolve(x, h, method=method)
        assert np.abs(y[places] - expected).max() <= TOLERANCE[dtype] * np.abs(y).max()


@BOTH
@METHODS
@pytest.mark.parametrize("taps", [16, 300, 3000])
def test_loud_samples_do_not_spoil_quiet_ones(dtype, method, taps):
    if method == "fft":
        pytest.skip("one transform of all cannot keep them apart")
    rate = 8000
    x, h = noise(18 * rate, dtype), noise(taps, dtype, 1)
    x[10 * rate :] *= dtype(1e-5)
    way = next(
        (way for way in ac.plan(x.size, taps, dtype=dtype).candidates if way.method == method), ac.plan(x.size, taps)
    )
    quiet = slice(10 * rate + taps + way.fft_size, x.size)
    assert quiet.stop - quiet.start > rate
    expected = np.zeros(x.size, np.longdouble)
    tail = x[quiet.start - taps :].astype(np.longdouble)
    expected[quiet] = scipy.signal.oaconvolve(tail, h.astype(np.longdouble))[taps : taps + x.size - quiet.start]
    assert_close(ac.convolve(x, h, method=method)[quiet], expected[quiet], TOLERANCE[dtype])


@METHODS
@pytest.mark.parametrize("layout", ["interleaved", "planar", "strided"])
def test_any_layout_of_channels_gives_the_same_bits(method, layout):
    x, h = noise((9000, 3)), noise((500, 3), seed=1)
    expected = np.stack([ac.convolve(x[:, c], h[:, c], method=method, threads=1) for c in range(3)], axis=1)
    if layout == "planar":
        x = np.asfortranarray(x)
    if layout == "strided":
        x = np.repeat(np.repeat(x, 2, axis=0), 2, axis=1)[::2, ::2]
    for threads in (1, 2, 3, 7):
        y = ac.convolve(x, h, method=method, threads=threads)
        assert y.flags.c_contiguous
        assert np.array_equal(y, expected)


@METHODS
@pytest.mark.parametrize("stride", [1, 3])
def test_threads_cut_one_channel_without_changing_a_bit(method, stride):
    x, h = noise(50_000), noise(700, seed=1)
    one = ac.convolve(x, h, method=method, stride=stride, threads=1)
    for threads in (2, 3, 8):
        assert np.array_equal(ac.convolve(x, h, method=method, stride=stride, threads=threads), one)


def peak_bytes(function):
    """The most memory that a call had at any time beyond what was there."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("channels", [None, 4])
def test_blocks_need_little_more_memory_than_the_result(channels):
    taps = 20_000
    x, h = noise((400_000, *([channels] if channels else []))), noise(taps, seed=1)
    plan = ac.plan(len(x), taps)
    assert plan.method == "overlap_add"
    y = ac.convolve(x, h, threads=1)
    allowed = y.nbytes + 4 * plan.fft_size + 16e6
    assert y.nbytes < peak_bytes(lambda: ac.convolve(x, h, threads=1)) < allowed


@pytest.mark.parametrize("taps", [100_000, 1_000_000])
def test_one_transform_needs_no_more_than_four_times_what_it_is_given_and_gives(taps):
    x, h = noise(1_000_000), noise(taps, seed=1)
    y = ac.convolve(x, h, method="fft", threads=1)
    assert peak_bytes(lambda: ac.convolve(x, h, method="fft", threads=1)) < 4 * (x.nbytes + h.nbytes + y.nbytes)
