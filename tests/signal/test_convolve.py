"""`convolve` against the sum that defines it, against scipy, on real recordings, and with what it must refuse."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import ArgumentError, DtypeError, ShapeError
from audioconv.signal import convolve
from tests import naive
from tests.compare import assert_close
from tests.signals import noise

TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
METHODS = pytest.mark.parametrize("method", ["direct", "sparse", "overlap_add", "fft", "auto"])
BOTH = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def expected_range(mode, samples, taps):
    if mode == "valid":
        return min(samples, taps) - 1, abs(samples - taps) + 1
    first = (taps - 1) // 2 if mode == "same" else 0
    return first, samples + taps - 1 if mode == "full" else samples


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 7, 8, 9, 63, 64, 65, 150]),
    st.sampled_from([1, 2, 3, 7, 8, 9, 64, 65, 130]),
    st.sampled_from(["full", "same", "valid", "causal"]),
    st.sampled_from(["direct", "sparse", "overlap_add", "fft", "auto"]),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([np.float32, np.float64]),
)
def test_it_is_the_sum_that_defines_it(samples, taps, mode, method, stride, dilation, dtype):
    x, h = noise(samples, dtype), noise(taps, dtype, 1)
    begin, count = expected_range(mode, samples, (taps - 1) * dilation + 1)
    every = naive.convolve(x, h, 0, samples + (taps - 1) * dilation, 1, dilation)
    y = convolve(x, h, mode, method=method, stride=stride, dilation=dilation)
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    expected = every[begin : begin + count][::stride]
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= TOLERANCE[dtype] * np.abs(every).max()


@METHODS
@pytest.mark.parametrize(("samples", "taps"), [(1000, 31), (1000, 32), (31, 1000), (5, 5), (1, 1), (1, 4)])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_modes_are_those_of_scipy(samples, taps, mode, method):
    x, h = noise(samples, np.float64), noise(taps, np.float64, 1)
    expected = scipy.signal.convolve(x, h, mode, method="direct")
    # relative to the whole: a single output of "valid" may be small by chance
    scale = np.abs(scipy.signal.convolve(x, h, "full", method="direct")).max()
    y = convolve(x, h, mode, method=method)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 5e-15 * scale


@BOTH
@METHODS
@pytest.mark.parametrize("taps", [1, 16, 255, 4800])
def test_noise_is_accurate(dtype, method, taps):
    x, h = noise(20_000, dtype), noise(taps, dtype, 1)
    expected = scipy.signal.oaconvolve(x.astype(np.longdouble), h.astype(np.longdouble))
    assert_close(convolve(x, h, method=method), expected, TOLERANCE[dtype])


@METHODS
def test_a_long_moving_average_is_accurate(method):
    x, h = np.ones(5000, np.float32), np.full(2000, 1 / 2000, np.float32)
    expected = scipy.signal.oaconvolve(x.astype(float), h.astype(float))
    assert_close(convolve(x, h, method=method), expected, 2e-6)


@METHODS
@pytest.mark.parametrize("per_channel", [False, True])
def test_channels_are_convolved_each_by_itself(method, per_channel):
    x = noise((700, 3))
    h = noise((90, 3) if per_channel else 90, seed=1)
    y = convolve(x, h, "same", method=method)
    for channel in range(3):
        one = convolve(x[:, channel], h[:, channel] if per_channel else h, "same", method=method)
        assert np.array_equal(y[:, channel], one)


@METHODS
def test_axis_says_where_time_is(method):
    x, h = noise((700, 3)), noise((90, 3), seed=1)
    y = convolve(x, h, method=method)
    assert np.array_equal(convolve(x.T, h, method=method, axis=1), y.T)
    assert np.array_equal(convolve(x.T, h, method=method, axis=-1), y.T)


@METHODS
def test_the_result_is_the_same_with_any_number_of_threads(method):
    x, h = noise((3000, 5)), noise((200, 5), seed=1)
    one = convolve(x, h, method=method, threads=1)
    for threads in (2, 3, 8):
        assert np.array_equal(convolve(x, h, method=method, threads=threads), one)


def test_direct_has_the_same_bits_however_a_signal_is_cut():
    x, h = noise(1000), noise(100, seed=1)
    whole = convolve(x, h, "valid", method="direct")
    for cut in (100, 101, 163, 500, 901):
        left = convolve(x[:cut], h, "valid", method="direct")
        right = convolve(x[cut - 99 :], h, "valid", method="direct")
        assert np.array_equal(np.concatenate([left, right]), whole)


def test_strided_read_only_and_foreign_byte_order_input():
    x, h = noise(999), noise(20, seed=1)
    expected = convolve(x[::3].copy(), h[::-1].copy())
    frozen = x[::3]
    frozen.flags.writeable = False
    assert np.array_equal(convolve(frozen, h[::-1]), expected)
    assert np.array_equal(convolve(x.astype(">f4")[::3], h[::-1]), expected)


def test_dtypes_widen_and_are_never_rescaled():
    x, h = noise(50), noise(5, seed=1)
    assert convolve(x, h).dtype == np.float32
    assert convolve(x, h.astype(float)).dtype == np.float64
    assert convolve(x.astype(float), h).dtype == np.float64
    with pytest.raises(DtypeError, match="32768"):
        convolve(np.arange(5, dtype=np.int16), h)
    for wrong in (np.float16, np.complex64, bool):
        with pytest.raises(DtypeError, match="float32"):
            convolve(x, h.astype(wrong))


@METHODS
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_non_finite_samples_stay_in_their_channel(method, poison):
    x, h = noise((4000, 2)), noise(300, seed=1)
    clean = convolve(x, h, method=method)
    x[2000, 0] = poison
    y = convolve(x, h, method=method)
    assert np.array_equal(y[:, 1], clean[:, 1])
    assert not np.isfinite(y[2000:2300, 0]).any()
    if method == "direct":
        spoiled = ~np.isfinite(y[:, 0])
        assert spoiled.sum() == 300


@METHODS
def test_zeros_give_zeros(method):
    x = noise((500, 2))
    x[:, 1] = 0
    y = convolve(x, noise(100, seed=1), method=method)
    assert not y[:, 1].any()
    assert y[:, 0].any()


def test_no_channels_give_no_channels():
    assert convolve(np.zeros((10, 0), np.float32), noise(3)).shape == (12, 0)


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
        convolve(x, h)


@pytest.mark.parametrize(
    "wrong",
    [{"mode": "all"}, {"method": "fast"}, {"stride": 0}, {"dilation": 1.5}, {"threads": 0}, {"axis": 1}, {"axis": -2}],
)
def test_arguments_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ArgumentError):
        convolve(noise(9), noise(3), **wrong)


@pytest.mark.data
@METHODS
def test_a_recording_in_a_room_is_accurate(data_folder, method):
    import soundfile

    recording = sorted((data_folder / "recordings").glob("*.ogg"))[0]
    x = soundfile.read(recording, dtype="float32", frames=200_000, always_2d=True)[0][:, 0]
    room = data_folder / "impulse_responses" / "webaudio" / "omni-35-10.flac"
    h = soundfile.read(room, dtype="float32", frames=5_000, always_2d=True)[0][:, 0]
    expected = scipy.signal.oaconvolve(x.astype(np.longdouble), h.astype(np.longdouble))
    assert_close(convolve(x, h, method=method), expected, 2e-6)
    assert_close(convolve(x.astype(float), h.astype(float), method=method), expected, 5e-15)
