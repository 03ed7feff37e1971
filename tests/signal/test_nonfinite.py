"""Taps that are not finite spoil the outputs that they have a part in, and no others, by every method."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from tests import naive
from tests.signals import noise

METHODS = pytest.mark.parametrize("method", ["direct", "sparse", "overlap_add", "fft", "auto"])
METHODS_2D = pytest.mark.parametrize("method", ["direct", "separable", "overlap_add", "auto"])
VALUES = [np.inf, -np.inf, np.nan]


def spoiled(size, seed, dtype=np.float32, values=VALUES):
    """Noise with some zeros, and one to three numbers that are not finite."""
    rng = np.random.default_rng(seed)
    taps = rng.standard_normal(size).astype(dtype)
    taps[rng.random(size) < 0.3] = 0
    for place in rng.integers(0, taps.size, rng.integers(1, 4)):
        taps.flat[place] = values[rng.integers(len(values))]
    return taps


def assert_same(actual, expected, scale, relative):
    """NaN, and each infinity, in the same places; the rest as near as told."""
    assert actual.shape == expected.shape
    rest = np.isfinite(expected)
    assert np.array_equal(actual[~rest], expected[~rest].astype(actual.dtype), equal_nan=True)
    assert np.isfinite(actual[rest]).all()
    assert np.all(np.abs(actual[rest] - expected[rest]) <= relative * scale)


def test_an_infinite_last_tap_leaves_the_first_output_alone():
    assert ac.convolve(np.ones(3), np.array([1.0, np.inf])).tolist() == [1.0, np.inf, np.inf, np.inf]
    assert ac.convolve(np.array([1.0, np.inf]), np.ones(3)).tolist() == [1.0, np.inf, np.inf, np.inf]
    assert ac.correlate(np.ones(3), np.array([np.inf, 1.0])).tolist() == [1.0, np.inf, np.inf, np.inf]
    assert ac.upfirdn(np.array([1.0, 2.0, np.inf]), np.ones(2), up=2).tolist() == [1.0, 2.0, np.inf, 2.0, np.inf]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([1, 2, 7, 9, 64, 65, 150]),
    st.sampled_from([1, 2, 3, 8, 9, 65, 130]),
    st.sampled_from(["full", "same", "valid", "causal"]),
    st.sampled_from(["direct", "overlap_add", "fft", "auto"]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([np.float32, np.float64]),
    st.integers(0, 10**6),
)
def test_it_is_the_sum_that_defines_it(samples, taps, mode, method, stride, dilation, dtype, seed):
    x, h = noise(samples, dtype, seed), spoiled(taps, seed, dtype)
    if seed % 2:
        x[seed % samples] = 0  # zero times infinity is not a number, where there is such a product
    with np.errstate(invalid="ignore"):
        every = naive.convolve(x, h, 0, samples + (taps - 1) * dilation, 1, dilation)
    first = {"same": (taps - 1) * dilation // 2, "valid": min(samples - 1, (taps - 1) * dilation)}.get(mode, 0)
    count = {"full": len(every), "valid": abs(samples - (taps - 1) * dilation - 1) + 1}.get(mode, samples)
    expected = every[first : first + count][::stride]
    y = ac.convolve(x, h, mode, method=method, stride=stride, dilation=dilation)
    scale = np.abs(x).sum() * max(1, np.abs(h[np.isfinite(h)]).max(initial=0))
    assert_same(y, expected, scale, 1e-6 if dtype == np.float32 else 1e-14)


@METHODS
@pytest.mark.parametrize("shape", [(3000, 40), (40, 3000), (300, 300)])
def test_methods_agree_with_numpy(method, shape):
    for seed in range(5):
        x, h = noise(shape[0], np.float64, seed), spoiled(shape[1], seed, np.float64)
        if method == "sparse":
            h[h == 0] = 1
        with np.errstate(invalid="ignore"):
            expected = np.convolve(x, h)
        assert not np.isfinite(expected).all()
        assert_same(ac.convolve(x, h, method=method), expected, np.abs(x).sum() * 4, 1e-14)


@METHODS
def test_a_signal_shorter_than_its_filter_spoils_no_more(method):
    x, h = noise(20), noise(3000, seed=1)
    x[7] = np.inf
    with np.errstate(invalid="ignore"):
        expected = np.convolve(x.astype(float), h)
    y = ac.convolve(x, h, method=method)
    assert np.isfinite(y).sum() == 19
    assert_same(y, expected, 100, 1e-6)


@METHODS
def test_channels_side_by_side_are_spoiled_each_by_itself(method):
    x, h = noise((3000, 3)), noise((200, 3), seed=1)
    clean = ac.convolve(x, h, method=method)
    h[50, 1] = np.nan
    y = ac.convolve(x, h, method=method)
    assert np.array_equal(np.isnan(y), np.repeat([[False, True, False]], len(y), axis=0) & _span(len(y), 50, 3000))
    assert np.abs(y[:, [0, 2]] - clean[:, [0, 2]]).max() <= 2e-6 * np.abs(clean).max()
    assert np.abs(y[:50, 1] - clean[:50, 1]).max() <= 2e-6 * np.abs(clean).max()


def _span(size, first, count):
    inside = np.zeros((size, 1), bool)
    inside[first : first + count] = True
    return inside


@METHODS
def test_digital_silence_times_infinity_is_not_a_number(method):
    h = np.array([1.0, np.inf, 2.0], "f4")
    y = ac.convolve(np.zeros(10_000, "f4"), h, method=method)
    assert np.isnan(y[1:10_001]).all()
    assert y[0] == y[10_001] == 0


def test_many_taps_that_are_no_numbers_take_no_time():
    x, h = noise(20_000), np.full(20_000, np.nan, "f4")
    assert np.isnan(ac.convolve(x, h)).all()
    h[:5] = 1
    y = ac.convolve(x, h)
    assert np.isnan(y[5:]).all()
    assert np.abs(y[:5] - np.cumsum(x[:5])).max() < 1e-4  # an FFT's rounding of the whole


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([1, 2, 9, 70]), st.sampled_from([1, 2, 7, 40]), st.integers(1, 5), st.integers(1, 5),
    st.sampled_from([np.float32, np.float64]), st.integers(1, 2), st.integers(0, 10**6),
)  # fmt: skip
def test_polyphase_filters_never_multiply_by_inserted_zeros(samples, taps, up, down, dtype, channels, seed):
    x, h = noise((samples, channels), dtype, seed), spoiled((taps, channels), seed, dtype)
    expected = np.zeros((((samples - 1) * up + taps - 1) // down + 1, channels), np.longdouble)
    with np.errstate(invalid="ignore"):
        for t, i, c in np.ndindex(len(expected), samples, channels):
            if 0 <= t * down - i * up < taps:
                expected[t, c] += np.longdouble(h[t * down - i * up, c]) * np.longdouble(x[i, c])
    y = ac.upfirdn(h, x, up, down, axis=0)
    assert_same(y, expected, np.abs(x).sum() * 4, 1e-6 if dtype == np.float32 else 1e-14)
    assert np.array_equal(ac.upfirdn(h, x.T, up, down, axis=1).T, y, equal_nan=True)


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.sampled_from([1, 2, 5, 9, 20]), st.sampled_from([1, 3, 8, 33])),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from(["direct", "separable", "overlap_add", "auto"]),
    st.sampled_from(["full", "same", "causal"]),
    st.sampled_from(["zero", "reflect", "mirror", "edge", "wrap"]),
    st.integers(1, 2), st.integers(1, 2), st.integers(0, 10**6),
)  # fmt: skip
def test_planes_too(shape, taps, method, mode, boundary, stride, dilation, seed):
    x, kernel = noise(shape, np.float64, seed), spoiled(taps, seed, np.float64)
    reach = [(n - 1) * dilation for n in taps]
    begin = [0 if mode in part else r // 2 for r, part in zip(reach, (("full", "causal"), ("full",)), strict=True)]
    outputs = [-(-(n + r if mode == "full" else n) // stride) for n, r in zip(shape, reach, strict=True)]
    with np.errstate(invalid="ignore"):
        expected = naive.convolve2d(x, kernel, begin, outputs, (stride,) * 2, (dilation,) * 2, (boundary,) * 2)
    y = ac.convolve2d(x, kernel, mode, boundary=boundary, method=method, stride=stride, dilation=dilation)
    assert_same(y, expected, np.abs(x).sum() * 10, 1e-12)


@METHODS_2D
def test_planes_agree_with_scipy(method):
    x, kernel = noise((60, 70), np.float64), noise((9, 9), np.float64, 1)
    kernel[2, 3] = np.inf
    expected = scipy.signal.convolve2d(x, kernel)  # fills the border with zeros, which it multiplies
    inside = (slice(8, 60), slice(8, 70))
    y = ac.convolve2d(x, kernel, method=method)
    assert np.array_equal(np.isfinite(y), ~np.pad(np.ones((60, 70), bool), ((2, 6), (3, 5))))
    assert np.array_equal(y[inside], expected[inside])


def test_ordinary_taps_beside_keep_their_digits():
    x, h = noise(5000), np.full(400, 1e-6, np.float32)
    clean = ac.convolve(x, h, method="overlap_add")
    h[-1] = np.inf
    y = ac.convolve(x, h, method="overlap_add")
    assert np.isfinite(y[:399]).all()
    assert np.abs(y[:399] - clean[:399]).max() <= 2e-6 * np.abs(clean).max()
