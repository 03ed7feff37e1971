"""`upfirdn` against the definition, against scipy and `convolve`, and with what it must refuse."""

import sys

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import ArgumentError, DtypeError, ShapeError
from audioconv.signal import convolve, upfirdn
from tests import naive
from tests.compare import assert_close
from tests.signals import noise

TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])
RATES = pytest.mark.parametrize(("up", "down"), [(1, 1), (2, 1), (1, 3), (4, 6), (7, 5), (147, 160), (160, 147)])
RATIOS = st.one_of(
    st.tuples(st.integers(1, 9), st.integers(1, 9)), st.sampled_from([(147, 160), (160, 147), (4, 6), (50, 3), (3, 50)])
)


@settings(max_examples=150)
@given(st.integers(1, 50), st.integers(1, 40), RATIOS, st.sampled_from([np.float32, np.float64]), st.integers(0, 999))
def test_it_is_the_sum_that_defines_it(samples, taps, ratio, dtype, seed):
    x, h = noise(samples, dtype, seed), noise(taps, dtype, seed + 1)
    every = naive.upfirdn(h, x, ratio[0], 1)
    y = upfirdn(h, x, *ratio)
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    assert y.shape == scipy.signal.upfirdn(h, x, *ratio).shape
    # relative to the whole: the few outputs that are kept may be small by chance, or zeros
    assert np.abs(y - every[:: ratio[1]]).max() <= TOLERANCE[dtype] * np.abs(every).max()


@BOTH
@RATES
@pytest.mark.parametrize(
    ("samples", "taps"), [(1, 1), (2, 900), (50, 1), (999, 40), (3000, 33), (3000, 2500), (30_000, 64)]
)
def test_results_are_those_of_scipy(samples, taps, up, down, dtype):
    x, h = noise(samples, dtype), noise(taps, dtype, 1)
    expected = scipy.signal.upfirdn(h.astype(float), x.astype(float), up, down)
    assert_close(upfirdn(h, x, up, down), expected, TOLERANCE[dtype])


@RATES
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("per_channel", [False, True])
def test_channels_are_filtered_each_by_itself(up, down, channels, per_channel):
    x = noise((700, channels))
    h = noise((90, channels) if per_channel else 90, seed=1)
    y = upfirdn(h, x, up, down)
    assert y.any()
    for c in range(channels):
        assert np.array_equal(y[:, c], upfirdn(h[:, c] if per_channel else h, x[:, c], up, down))


@RATES
def test_axis_says_where_time_is(up, down):
    x, h = noise((700, 3)), noise((90, 3), seed=1)
    y = upfirdn(h, x, up, down)
    for axis in (1, -1):
        assert np.array_equal(upfirdn(h, x.T, up, down, axis=axis), y.T)
        assert np.array_equal(upfirdn(h[:, 0], x.T, up, down, axis=axis)[0], y[:, 0])


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
@pytest.mark.parametrize("taps", [1, 31, 64, 65, 300])
def test_without_zeros_it_is_the_direct_convolution_bit_by_bit(stride, taps):
    x, h = noise(2000), noise(taps, seed=1)
    assert np.array_equal(upfirdn(h, x, 1, stride), convolve(x, h, method="direct", stride=stride))


def test_it_is_the_transpose_of_the_strided_convolution():
    x, y, h = noise(40, float), noise(41 * 3 + 7, float, 1), noise(11, float, 2)
    forward = convolve(y, h[::-1].copy(), "valid", stride=3)[:40]
    assert np.isclose(np.sum(forward * x), np.sum(y[: 39 * 3 + 11] * upfirdn(h, x, 3)), rtol=1e-12)


@RATES
def test_no_bit_depends_on_threads_or_pieces(up, down, monkeypatch):
    x, h = noise((20_000, 3)), noise(1000, seed=1)
    whole = upfirdn(h, x, up, down)
    monkeypatch.setattr(sys.modules["audioconv.signal._upfirdn"], "PIECE", 5000)
    for threads in ("1", "2", "3", "8"):
        monkeypatch.setenv("AUDIOCONV_THREADS", threads)
        assert np.array_equal(upfirdn(h, x, up, down), whole)


def test_strided_read_only_and_foreign_byte_order_input():
    x, h = noise(999), noise(20, seed=1)
    expected = upfirdn(h[::-1].copy(), x[::3].copy(), 3, 2)
    frozen = x[::3]
    frozen.flags.writeable = False
    assert np.array_equal(upfirdn(h[::-1], frozen, 3, 2), expected)
    assert np.array_equal(upfirdn(h[::-1].astype(">f4"), x.astype(">f4")[::3], 3, 2), expected)


def test_dtypes_widen_and_are_never_rescaled():
    x, h = noise(50), noise(5, seed=1)
    assert upfirdn(h, x, 2).dtype == np.float32
    assert upfirdn(h.astype(float), x, 2).dtype == np.float64
    assert upfirdn(h, x.astype(float), 2).dtype == np.float64
    with pytest.raises(DtypeError, match="32768"):
        upfirdn(h, np.arange(5, dtype=np.int16))
    for wrong in (np.float16, np.complex64, bool):
        with pytest.raises(DtypeError, match="float32"):
            upfirdn(h.astype(wrong), x)


@RATES
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_non_finite_sample_spoils_what_it_has_a_part_in_and_no_more(up, down, poison):
    x, h = noise((2000, 2)), noise(300, seed=1)
    clean = upfirdn(h, x, up, down)
    x[1000, 0] = poison
    y = upfirdn(h, x, up, down)
    age = np.arange(len(y)) * down - 1000 * up
    assert np.array_equal(~np.isfinite(y[:, 0]), (age >= 0) & (age < 300))
    assert np.array_equal(y[:, 1], clean[:, 1])


def test_zeros_give_zeros():
    x = noise((500, 2))
    x[:, 1] = 0
    y = upfirdn(noise(100, seed=1), x, 3, 2)
    assert not y[:, 1].any()
    assert y[:, 0].any()


def test_no_channels_give_no_channels():
    assert upfirdn(noise(3), np.zeros((10, 0), np.float32), 2).shape == (21, 0)
    assert upfirdn(noise(3), np.zeros((0, 10), np.float32), 2, axis=1).shape == (0, 21)


def test_enormous_factors_cost_no_more_than_their_outputs():
    x, h = noise(3), noise(5, seed=1)
    assert upfirdn(h, x, 1, 10**15) == h[0] * x[0]
    assert np.array_equal(upfirdn(h, x, 10**15, 10**15), h[0] * x)
    assert np.array_equal(upfirdn(h, x, 10**9, 10**9 + 1), h[:3] * x)
    assert np.array_equal(upfirdn(h, x[:1], 10**15), h * x[0])


@pytest.mark.parametrize(
    ("x", "h", "message"),
    [
        (np.zeros(0, "f4"), noise(3), "x is empty"),
        (noise(3), np.zeros(0, "f4"), "h is empty"),
        (np.zeros((0, 2), "f4"), noise(3), "x is empty"),
        (noise((3, 3, 3)), noise(3), "1 or 2"),
        (np.float32(1), noise(3), "1 or 2"),
        (noise((9, 2)), noise((3, 3)), "3 channels, but x has 2"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(x, h, message):
    with pytest.raises(ShapeError, match=message):
        upfirdn(h, x)


@pytest.mark.parametrize(
    "wrong", [{"up": 0}, {"down": 0}, {"up": 1.5}, {"down": "2"}, {"up": 2**62}, {"axis": 1}, {"axis": -2}]
)
def test_arguments_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ArgumentError):
        upfirdn(noise(3), noise(9), **wrong)
