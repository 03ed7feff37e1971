"""Levels that adapt: the same from near and far, in clips, windows and streams."""

import itertools

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.features import Pcen
from audioconv.features.level import causal_pcen, causal_top_db
from tests.compare import assert_close

RATE = 16000
HEARD = {"offset": 1e-10, "top_db": 18}


def word(seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(RATE) * np.hanning(RATE) ** 2 / 10).astype(np.float32)


def naive(frames, range_db):
    """Frame by frame, in words."""
    loudest, rows = 0.0, []
    for frame in frames.astype(float):
        power = np.exp(frame)
        loudest = max(loudest, power.mean() + 1e-5)
        rows.append(np.log(power / loudest + 10 ** (-range_db / 10)))
    return np.array(rows)


@given(st.integers(0, 9), st.integers(1, 5), st.integers(0, 99))
def test_it_is_what_it_says(frames, bands, seed):
    x = np.random.default_rng(seed).normal(-3, 4, (frames, bands)).astype(np.float32)
    found, _ = causal_top_db(x, 25)
    assert found.dtype == np.float32
    assert found.shape == x.shape
    if frames:
        assert np.abs(found - naive(x, 25)).max() < 2e-6  # of numbers from about -6 to 2; of 1.003, 6e-8 of 0.003


@pytest.mark.parametrize("make", [ac.LogMel, ac.Mfcc])
def test_near_and_far_are_the_same(make):
    features = make(**HEARD)
    near, far = features(word()), features(word() * np.float32(0.2))
    late = slice(len(near) // 2, None)  # before, nothing loud has been heard yet
    assert np.abs(near[late] - far[late]).max() < 0.05 * np.abs(near[late]).max()
    assert np.abs(near[late] - make(offset=1e-10)(word())[late]).max() > 1


def naive_pcen(frames, settings, hop_s):
    """Frame by frame, in words."""
    ratio = settings.time_constant_s / hop_s
    weight = (np.sqrt(1 + 4 * ratio**2) - 1) / (2 * ratio**2)
    mean, rows = None, []
    for frame in frames.astype(float):
        energy = np.exp(frame)
        mean = energy if mean is None else (1 - weight) * mean + weight * energy
        level = energy / (settings.eps + mean) ** settings.gain + settings.bias
        rows.append(level**settings.power - settings.bias**settings.power)
    return np.array(rows)


@given(st.integers(0, 9), st.integers(1, 17), st.integers(0, 99), st.sampled_from(["float32", "float64"]))
def test_pcen_is_what_it_says(frames, bands, seed, dtype):
    x = np.random.default_rng(seed).normal(-3, 4, (2, frames, bands)).astype(dtype)
    settings = Pcen(0.9, 1.5, 0.4, 0.1, 1e-5)
    found, _ = causal_pcen(x, settings, 0.01)
    assert (found.dtype, found.shape) == (x.dtype, x.shape)
    for clip, expected in zip(found, x, strict=True):
        if frames:
            assert_close(clip, naive_pcen(expected, settings, 0.01), 1e-5 if dtype == "float32" else 1e-12)


def test_pcen_is_librosas_but_for_the_first_moment():
    features = ac.LogMel(pcen=Pcen(time_constant_s=0.05), offset=0)
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    expected = librosa.pcen(features.power(noise).T, sr=RATE, hop_length=features.hop, time_constant=0.05).T
    assert_close(features(noise)[100:], expected[100:], 1e-6)  # librosa's mean begins with one, which is forgotten


def test_pcen_spoils_no_other_band():
    x = np.zeros((1, 30, 5), np.float32)
    x[0, 3, 2] = np.nan
    found, _ = causal_pcen(x, Pcen(), 0.01)
    assert np.isnan(found[0, 3:, 2]).all()
    assert np.isfinite(np.delete(found, 2, axis=2)).all()


@given(cuts=st.lists(st.integers(0, RATE), max_size=6))
def test_a_stream_of_pcen_is_the_clip_at_any_cut(cuts):
    features = ac.LogMel(pcen={"gain": 0.9})
    stream, edges = features.stream(), [0, *sorted(cuts), RATE]
    parts = [stream.process(word()[a:b]) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate([*parts, stream.flush()]), features(word()))
    assert np.array_equal(features.from_absolute(features.absolute(word())), features(word()))


@pytest.mark.parametrize("make", [ac.LogMel, ac.Mfcc])
@given(cuts=st.lists(st.integers(0, RATE), max_size=6))
def test_a_stream_is_the_clip_at_any_cut(make, cuts):
    features = make(**HEARD)
    stream, edges = features.stream(), [0, *sorted(cuts), RATE]
    parts = [stream.process(word()[a:b]) for a, b in itertools.pairwise(edges)]
    assert np.array_equal(np.concatenate([*parts, stream.flush()]), features(word()))
    assert np.array_equal(stream.process(word()), features(word()))  # flush has forgotten the level


@pytest.mark.parametrize("make", [ac.LogMel, ac.Mfcc])
def test_a_window_is_a_clip_that_begins_with_it(make):
    features = make(**HEARD)
    long = np.concatenate((word(1) * 8, word(2)))
    absolute = features.absolute(long)
    window = absolute[RATE // features.hop :][: features.frames(RATE)]
    assert_close(features.from_absolute(window), features(word(2)), 1e-5)
    stacked = features.from_absolute(np.stack([window, window * 0]))
    assert np.array_equal(stacked[0], features.from_absolute(window))


def test_silence_is_not_blown_up():
    features = ac.LogMel(**HEARD)
    floor = np.log(10 ** (-HEARD["top_db"] / 10))
    assert features(np.zeros(RATE, np.float32)).max() == pytest.approx(floor, abs=1e-3)
    hiss = 1e-5 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    assert features(hiss).max() < floor + 0.5


def test_settings_are_kept_and_checked():
    assert ac.LogMel(**ac.LogMel(**HEARD).settings()).top_db == HEARD["top_db"]
    assert ac.LogMel().absolute.top_db is None
    for bad in (0, -3, np.inf):
        with pytest.raises(ac.ArgumentError, match=r"top_db must be .*above 0"):
            ac.LogMel(top_db=bad)


def test_pcen_is_kept_and_checked():
    features = ac.LogMel(pcen=Pcen(bias=1.0))
    assert ac.LogMel(**features.settings()).pcen == features.pcen
    assert features.absolute.pcen is None
    assert "pcen=Pcen(" in repr(features)
    with pytest.raises(ac.ArgumentError, match="not by both"):
        ac.LogMel(pcen=Pcen(), top_db=18)
    with pytest.raises(ac.ArgumentError, match="pcen must be a Pcen or the arguments of one, not"):
        ac.LogMel(pcen={"strength": 3})
    for name in ("gain", "bias", "power", "time_constant_s", "eps"):
        with pytest.raises(ac.ArgumentError, match=name):
            Pcen(**{name: -1})
