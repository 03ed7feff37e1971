"""Augmentation: each change does what it says, and depends on its seed alone."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import models
from audioconv.classify import augment
from audioconv.classify.augment import Augmentation
from audioconv.classify.batches import Batches

RATE = 16000
STILL = Augmentation(shift_s=0, speed=(1, 1), gain_db=(0, 0), noise_chance=0, time_mask_s=0, mel_mask=0)
CLIP = np.concatenate((np.zeros(4000), np.sin(np.arange(8000) / 5), np.zeros(4000))).astype(np.float32)
NOISES = augment.synthetic_noise(RATE, 0)


def rng(seed=0):
    return np.random.default_rng(seed)


def changed(seed=0, **settings):
    settings = Augmentation(**(STILL.__dict__ | settings))
    return augment.augment_clip(CLIP, NOISES[:1], RATE, settings, rng(seed))


def test_nothing_switched_on_changes_nothing():
    assert np.array_equal(changed(), CLIP)


def test_shift_moves_the_clip_and_keeps_its_length():
    found = {int(np.flatnonzero(changed(seed, shift_s=0.1))[0]) - 4001 for seed in range(40)}
    assert len(found) > 30
    assert -1600 <= min(found) < 0 < max(found) <= 1600


def test_gain_scales_within_its_range():
    gains_db = [20 * np.log10(np.max(changed(seed, gain_db=(-12, 6))) / np.max(CLIP)) for seed in range(40)]
    assert -12 <= min(gains_db) < -8
    assert 2 < max(gains_db) <= 6


def test_speed_changes_length_and_pitch():
    for seed in range(5):
        fast, slow = changed(seed, speed=(1.25, 1.26)), changed(seed, speed=(0.79, 0.8))
        assert fast.size == slow.size == CLIP.size
        assert np.count_nonzero(np.abs(fast) > 0.01) == pytest.approx(8000 / 1.25, rel=0.03)
        assert np.count_nonzero(np.abs(slow) > 0.01) == pytest.approx(8000 / 0.8, rel=0.03)


def test_noise_has_the_ratio_that_was_asked_for():
    for seed in range(5):
        noise = changed(seed, noise_chance=1.0, snr_db=(10, 10)) - CLIP
        assert 10 * np.log10(np.mean(CLIP**2) / np.mean(noise**2)) == pytest.approx(10, abs=0.1)


def test_synthetic_noises_have_unit_power_and_different_colours():
    slopes = []
    for noise in NOISES:
        assert np.mean(noise.astype(float) ** 2) == pytest.approx(1, rel=1e-3)
        spectrum = np.abs(np.fft.rfft(noise)) ** 2
        slopes.append(spectrum[: spectrum.size // 8].sum() / spectrum.sum())
    assert slopes[0] == pytest.approx(1 / 8, abs=0.01)
    assert slopes[0] < slopes[1] < slopes[2]


def test_masks_stay_in_their_limits():
    for seed in range(40):
        frames = augment.mask_features(np.ones((98, 40)), 10, Augmentation(), rng(seed))
        rows, bands = np.flatnonzero(~frames.any(axis=1)), np.flatnonzero(~frames.any(axis=0))
        assert len(rows) <= 10
        assert len(bands) <= 5
        assert np.all(np.diff(rows) == 1)
        assert np.all(np.diff(bands) == 1)
    assert augment.mask_features(np.ones((1, 1)), 10, Augmentation(), rng()).sum() == 1


def test_silent_noise_is_refused():
    with pytest.raises(ac.ArgumentError, match=r"noise hum.wav is silent"):
        augment.check_noise(np.zeros(100, np.float32), "hum.wav")


@pytest.mark.parametrize("size", [100, 16000, 400000])
def test_noise_of_any_length_is_drawn_in_full(size):
    drawn = augment.draw_noise([np.ones(size, np.float32)], RATE, rng())
    assert np.array_equal(drawn, np.ones(RATE))


def test_batches_depend_on_seed_and_epoch_and_not_on_threads():
    clips = np.stack([CLIP, CLIP[::-1]] * 10)
    targets, network = np.array([0, 1] * 10), models.build("tc-resnet8", 2, 40, 0)

    def epoch(number, seed=1, threads=1):
        batches = Batches(
            clips, targets, ac.LogMel(), NOISES, Augmentation(), seed, threads, batch_size=8, network=network
        )
        return [np.concatenate(parts) for parts in zip(*batches(number), strict=True)]

    x, y, seeds = epoch(1)
    assert len(set(seeds.tolist() + epoch(2)[2].tolist())) == 44
    starting = Batches(clips, targets, ac.LogMel(), NOISES, Augmentation(), 1, 1, batch_size=8, network=network)
    assert np.array_equal(np.concatenate([b[0] for b in starting(1, 1)]), x[len(next(starting(1))[0]) :])
    assert x.shape == (22, 98, 40)
    assert np.array_equal(np.sort(y.max(axis=1)), [0.5] * 2 + [1] * 20)
    for again in (epoch(1, threads=3), epoch(1)):
        assert np.array_equal(again[0], x)
        assert np.array_equal(again[1], y)
    for other in (epoch(2), epoch(1, seed=2)):
        assert not np.array_equal(other[0], x)
