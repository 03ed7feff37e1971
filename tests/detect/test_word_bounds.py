"""Bounds of words in clips: whole words, and no clicks or breaths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.detect import word_bounds

RATE = 16000
HOP = 160


def noise(samples, level_db=-60.0, seed=0):
    return 10 ** (level_db / 20) * np.random.default_rng(seed).standard_normal(samples)


def clip_with(*sounds, samples=RATE, floor_db=-60.0):
    """Noise, with sounds (first sample, end, level in dB) in it."""
    clip = noise(samples, floor_db)
    for i, (begin, end, level_db) in enumerate(sounds):
        clip[begin:end] += noise(end - begin, level_db, i + 1)
    return clip.astype(np.float32)


def assert_bounds(clip, begin, end, rate=RATE):
    found = word_bounds(clip, rate)
    assert abs(found[0] - begin) <= rate // 100
    assert abs(found[1] - end) <= rate // 100


@pytest.mark.parametrize("floor_db", [-100.0, -60.0, -35.0])
@pytest.mark.parametrize(("begin", "end"), [(4000, 9600), (0, 8000), (8000, 16000), (6400, 8000)])
def test_a_word_is_found_in_noise(begin, end, floor_db):
    assert_bounds(clip_with((begin, end, -20), floor_db=floor_db), begin, end)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_bounds_are_those_of_the_sample_rate(rate):
    clip = clip_with((rate // 4, rate // 2, -20), samples=rate)
    assert_bounds(clip, rate // 4, rate // 2, rate)


def test_a_burst_after_a_closure_belongs_to_the_word():
    assert_bounds(clip_with((4000, 8000, -20), (9600, 9920, -38)), 4000, 9920)


def test_a_hiss_before_the_vowel_belongs_to_the_word():
    assert_bounds(clip_with((4000, 5600, -40), (5600, 9600, -20)), 4000, 9600)


@pytest.mark.parametrize("level_db", [-30, -10, 0])
@pytest.mark.parametrize("begin", [320, 15360])
def test_a_click_far_from_the_word_does_not(begin, level_db):
    assert_bounds(clip_with((5600, 10400, -20), (begin, begin + 240, level_db)), 5600, 10400)


def test_a_breath_far_from_the_word_does_not():
    assert_bounds(clip_with((1600, 6400, -20), (10000, 14000, -44)), 1600, 6400)


def test_digital_silence_around_a_recording_is_no_noise_floor():
    clip = clip_with((6400, 9600, -20), floor_db=-45)
    clip[:3200] = clip[12800:] = 0
    assert_bounds(clip, 6400, 9600)


def test_an_offset_and_rumble_are_no_word():
    clip = clip_with((6400, 9600, -30)) + np.float32(0.1)
    clip += (0.1 * np.sin(2 * np.pi * 30 * np.arange(RATE) / RATE)).astype(np.float32)
    assert_bounds(clip, 6400, 9600)


@pytest.mark.parametrize("samples", [0, 1, 100, 1600])
def test_silent_and_short_clips_are_whole(samples):
    assert word_bounds(np.zeros(samples, np.float32), RATE) == (0, samples)


@given(st.integers(0, 4000), st.integers(0, 2**32 - 1), st.floats(-60, 0))
def test_bounds_lie_in_the_clip_and_do_not_depend_on_its_level(samples, seed, gain_db):
    clip = np.cumsum(np.random.default_rng(seed).standard_normal(samples)) / 100
    begin, end = word_bounds(clip, 8000)
    assert 0 <= begin <= end <= samples
    assert begin < end or not samples
    assert begin % 80 == 0
    assert word_bounds(clip * 2.0 ** round(gain_db / 6), 8000) == (begin, end)


def test_what_is_no_mono_clip_is_refused():
    with pytest.raises(ac.ShapeError, match="clip must have 1 dimension"):
        word_bounds(np.zeros((100, 2)), RATE)
    with pytest.raises(ac.DtypeError, match="clip must be float32 or float64"):
        word_bounds(np.zeros(100, np.int16), RATE)
    with pytest.raises(ac.ArgumentError, match="sample_rate"):
        word_bounds(np.zeros(100), 0)
