"""Levels relative to the loudest frame so far: the same from near and far, in clips, windows and streams."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.features.level import causal_top_db
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
