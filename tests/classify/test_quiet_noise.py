"""Noises of sets of many clips: margins of clips, and rooms."""

import numpy as np
import pytest

from audioconv.classify import quiet_noise, set_size, training
from audioconv.classify.progress import Notices
from tests.classify.test_classifier import make

RATE = 16000


def clip(seed, room=1e-3):
    """A word of half a second in a room."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, room, RATE) if room else np.zeros(RATE)
    samples[4000:12000] += 0.3 * np.sin(2 * np.pi * 700 * np.arange(8000) / RATE)
    return samples.astype(np.float32)


def share_of_word(samples):
    """Of the power, what is near the pitch of the words."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    hz = np.fft.rfftfreq(samples.size, 1 / RATE)
    return power[(hz > 690) & (hz < 710)].sum() / power.sum()


def test_margins_hold_the_room_and_not_the_word():
    margins = quiet_noise.margins_of(clip(0), RATE)
    assert [margin.size for margin in margins] == pytest.approx([4000 - 800, 4000 - 1120], abs=200)
    assert max(map(share_of_word, margins)) < 0.01
    assert share_of_word(clip(0)) > 0.9
    assert quiet_noise.margins_of(clip(0, room=0), RATE) == []
    assert quiet_noise.margins_of(clip(0)[3000:13000], RATE) == []


def test_noise_is_made_of_margins_and_rooms():
    clips = np.stack([clip(seed, room) for seed, room in enumerate((1e-3, 1e-2, 1e-4))])
    noises = quiet_noise.quiet_noises(clips, RATE, 0, seconds=1)
    margins, rooms = noises
    assert margins.shape == rooms.shape == (RATE,)
    assert all(np.isfinite(noise).all() for noise in noises)
    assert share_of_word(margins) < 0.02
    loud = np.sqrt(np.mean(margins.reshape(100, -1) ** 2, axis=1))
    assert 0.2 < loud.min() < loud.max() < 5  # one piece is as loud as others, and none is missing
    again, other = (quiet_noise.quiet_noises(clips, RATE, seed, seconds=1) for seed in (0, 1))
    assert all(map(np.array_equal, noises, again))
    assert not np.array_equal(margins, other[0])
    few = quiet_noise.quiet_noises(clips[:1], RATE, 0, seconds=10)
    assert 0 < few[0].size < few[1].size == 10 * RATE


def test_clips_without_margins_leave_rooms():
    assert len(quiet_noise.quiet_noises(np.zeros((3, RATE), np.float32), RATE, 0, seconds=1)) == 1


def test_a_room_is_not_steady():
    rooms = quiet_noise.rooms(60 * RATE, RATE, np.random.default_rng(0))
    power = np.mean(rooms.reshape(-1, 160) ** 2, axis=1)
    assert 0.05 < np.mean(power == 0) < 0.4  # digital silence
    level_db = 10 * np.log10(power[power > 0])
    assert np.percentile(level_db, 99) - np.percentile(level_db, 10) > 15
    assert rooms.dtype == np.float32


def test_many_clips_are_trained_with_them(monkeypatch):
    clips = np.stack([clip(0), clip(1)])
    few = training.load_noises(make(), clips, 0, Notices(0))
    monkeypatch.setattr(set_size, "MANY_CLIPS", 2)
    many = training.load_noises(make(), clips, 0, Notices(0))
    assert len(many) == len(few) + 2
    for noise in many:
        assert np.mean(np.square(noise, dtype=np.float64)) == pytest.approx(1, rel=1e-4)
