"""Resampling: tones keep their frequency and level, and block by block gives the same as whole."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.io import resample, resample_blocks, resample_response
from tests.compare import assert_close


@pytest.mark.parametrize(("rate_in", "rate_out"), [(8000, 16000), (44100, 16000), (48000, 44100), (16000, 16000)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_tone_stays_a_tone(rate_in, rate_out, dtype):
    def tone(rate):
        return np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)

    y = resample(tone(rate_in).astype(dtype), rate_in, rate_out)
    assert y.dtype == dtype
    middle = slice(rate_out // 10, -rate_out // 10)  # both ends see the edge of the signal
    assert_close(y[middle], tone(rate_out)[middle], 2e-4)


def test_what_lies_above_the_new_band_is_gone():
    y = resample(np.sin(2 * np.pi * 10000 * np.arange(44100) / 44100), 44100, 16000)
    assert len(y) == 16000
    assert np.abs(y[1000:-1000]).max() < 1e-4


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    rates=st.sampled_from([(8000, 16000), (44100, 16000), (16000, 16000), (16000, 44100)]),
    channels=st.sampled_from([(), (1,), (2,)]),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_block_by_block_gives_the_same_as_whole(sizes, rates, channels, dtype):
    samples = np.random.default_rng(sum(sizes)).standard_normal((sum(sizes), *channels)).astype(dtype)
    cuts = np.split(samples, np.cumsum(sizes)[:-1])
    whole = resample(samples, *rates)
    joined = list(resample_blocks(iter(cuts), *rates))
    joined = np.concatenate(joined) if joined else np.zeros((0, *channels), dtype)
    assert joined.dtype == dtype
    assert len(joined) == len(whole)
    if len(whole):
        assert_close(joined, whole, 1e-5)


def test_wrong_arguments_are_refused():
    with pytest.raises(ac.ArgumentError, match="rate_out"):
        resample(np.zeros(5), 8000, 0)
    with pytest.raises(ac.DtypeError):
        resample(np.zeros(5, "int16"), 8000, 16000)
    with pytest.raises(ac.ShapeError, match="channels"):
        list(resample_blocks([np.zeros((5, 2)), np.zeros((5, 3))], 8000, 16000))
    assert list(resample_blocks([], 8000, 16000)) == []


def in_another_process(code):
    """What a script prints: a crash of libsoxr would end this process."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, (run.returncode, run.stderr)
    return run.stdout.strip()


def test_no_array_ends_the_process():
    script = """
import numpy as np, audioconv as ac
from audioconv.io import resample, resample_blocks
for shape in ((2, 48000), (1, 48000), (100, 70)):
    for call in (resample, lambda *a: list(resample_blocks([a[0]], *a[1:]))):
        try:
            call(np.zeros(shape, "f4"), 44100, 16000)
        except ac.ShapeError as error:
            print(".T" in str(error))
print(resample(np.zeros((2, 48000), "f4"), 44100, 16000, axis=0).shape)
"""
    assert in_another_process(script).splitlines() == ["True"] * 5 + ["(1, 48000)"]


@pytest.mark.parametrize("channels", [0, 1, 16, 17, 40, 64, 100])
def test_many_channels_are_resampled_each_by_itself(channels):
    samples = np.random.default_rng(0).standard_normal((900, channels)).astype("float32")
    y = resample(samples, 44100, 16000, axis=0)
    assert y.shape == (900 if channels == 0 else 327, channels)
    for channel in range(channels):
        assert np.array_equal(y[:, channel], resample(samples[:, channel].copy(), 44100, 16000))
    turned = resample(np.asfortranarray(samples).T, 44100, 16000, axis=1)
    assert np.array_equal(turned, y.T)


@pytest.mark.parametrize("rates", [(1, 1_000_000), (2**32, 1), (10**21, 8000), (16000, 2**62)])
def test_rates_that_are_too_far_apart_are_refused(rates):
    for call in (
        resample,
        resample_response,
        lambda x, *r: list(resample_blocks([x], *r)),
        lambda x, *r: ac.Resample(*r),
    ):
        with pytest.raises(ac.ArgumentError, match="may differ by a factor of 65536"):
            call(np.ones(10), *rates)
    assert resample(np.ones(3, "f4"), 1, 65536).shape == (3 * 65536,)


@pytest.mark.parametrize("rates", [(8000, 16000), (44100, 16000), (16000, 48000), (16000, 16001)])
@pytest.mark.parametrize("shape", [(1,), (300,), (40, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_response_keeps_its_gain_at_its_time(rates, shape, dtype):
    rate_in, rate_out = rates
    h = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    y, ahead = resample_response(h, *rates)
    assert y.dtype == dtype
    for frequency_hz in (0, 500, 3000):
        wanted = spectrum(h, np.arange(len(h)) / rate_in, frequency_hz)
        actual = spectrum(y, (np.arange(len(y)) - ahead) / rate_out, frequency_hz)
        assert np.abs(actual - wanted).max() < 2e-3 * np.abs(h).sum(axis=0).max()


def spectrum(taps, times_s, frequency_hz):
    return np.tensordot(np.exp(-2j * np.pi * frequency_hz * times_s), taps, 1)


def test_a_response_at_its_own_rate_is_left_alone():
    h = np.ones(5)
    assert resample_response(h, 8000, 8000)[0] is h
    assert resample_response(h, 8000, 8000)[1] == 0
