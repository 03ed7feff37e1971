"""Augmentation: each change does what it says, and depends on its seed alone."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import models
from audioconv.classify import augment
from audioconv.classify.augment import Augmentation
from audioconv.classify.batches import Batches

RATE = 16000
STILL = Augmentation(
    shift_s=0,
    speed=(1, 1),
    vocal_tract=(1, 1),
    gain_db=(0, 0),
    noise_chance=0,
    room_chance=0,
    time_mask_s=0,
    mel_mask=0,
)
CLIP = np.concatenate((np.zeros(4000), np.sin(np.arange(8000) / 5), np.zeros(4000))).astype(np.float32)
NOISES, ROOMS = augment.synthetic_noise(RATE, 0), augment.synthetic_rooms(RATE, 0)


def rng(seed=0):
    return np.random.default_rng(seed)


def changed(seed=0, **settings):
    settings = Augmentation(**(STILL.__dict__ | settings))
    return augment.augment_clip(CLIP, CLIP.size, NOISES[:1], ROOMS, RATE, settings, rng(seed))


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


def voice(times_s):
    """A harmonic sound that glides, with a resonance."""
    phase = 2 * np.pi * (150 * times_s + 40 * times_s**2)
    return sum(np.sin(k * phase) / (1 + ((150 * k - 900) / 300) ** 2) for k in range(1, 12)).astype(np.float32) / 10


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.1, 1.25])
@pytest.mark.parametrize("features", [ac.LogMel(), ac.Mfcc(), ac.LogMel(center=True)])
def test_frames_of_another_pace_and_pitch_are_those_of_the_resampled_sound(features, factor):
    times_s = np.arange(RATE) / RATE
    wanted = features(voice(times_s * factor))
    found = features.pitched(factor).paced(round(features.hop * factor))(voice(times_s))
    frames = min(len(found), len(wanted)) - 4  # those at the end reach beyond one of the two
    worst = np.abs(found[:frames] - wanted[:frames]).mean()
    moved = np.abs(features(voice(times_s))[:frames] - wanted[:frames]).mean()
    assert worst < 0.35 * moved
    assert features.paced(features.hop)(voice(times_s)) == pytest.approx(features(voice(times_s)))


def test_bands_from_beyond_the_spectrum_hold_nothing():
    frames = ac.LogMel().pitched(0.75)(np.random.default_rng(0).standard_normal(RATE).astype("float32"))
    assert np.allclose(frames[:, -2:], np.log(1e-6))
    assert frames[:, :-4].min() > -6


def test_rooms_have_unit_energy_and_die_away():
    assert len({room.size for room in ROOMS}) > 30
    for room in ROOMS:
        assert np.sum(room.astype(float) ** 2) == pytest.approx(1, rel=1e-3)
        assert room[0] == np.abs(room).max() > 0.3
        assert np.sum(room[room.size // 2 :] ** 2) < 0.01


def test_a_room_is_heard():
    for seed in range(5):
        dry, wet = changed(seed), changed(seed, room_chance=1.0)
        assert not np.any(dry[12001:])
        assert np.abs(wet[12100:13000]).max() > 1e-4
        assert np.abs(wet[:4000]).max() < 1e-6


@pytest.mark.parametrize(("start", "length"), [(0, 5), (-2, 5), (3, 9), (-4, 20), (9, 3), (-9, 4), (2, 2)])
def test_cutting_out_puts_zeros_where_nothing_is(start, length):
    clip = np.arange(1, 7, dtype=np.float32)
    wanted = [clip[i] if 0 <= i < 6 else 0 for i in range(start, start + length)]
    assert augment.cut_out(clip, start, length).tolist() == wanted


def test_mixtures_keep_shares_of_frames_and_targets_alike():
    targets = np.eye(8, dtype=np.float32)
    frames = np.tile(targets[:, None, :], (1, 3, 1))
    mixed, shares = augment.mix(frames, targets, 0.3, rng())
    assert np.array_equal(mixed, np.tile(shares[:, None, :], (1, 3, 1)))
    assert np.allclose(shares.sum(axis=1), 1)
    assert 0.05 < np.sort(shares, axis=1)[:, -2].mean() < 0.4


def test_the_equaliser_is_smooth_and_as_strong_as_was_said():
    curves = np.array([augment.equaliser(40, 3.0, rng(seed)) for seed in range(300)]) * 10 / np.log(10)
    assert curves.std() == pytest.approx(3.0, rel=0.15)
    assert np.abs(curves.mean(axis=0)).max() < 1
    assert np.abs(np.diff(curves, axis=1)).max() < 4


def test_the_equaliser_bends_all_frames_alike():
    def batch(deviation_db):
        settings = Augmentation(**(STILL.__dict__ | {"equaliser_db": deviation_db, "noise_clips": 0}))
        clips, features = np.stack([CLIP, CLIP / 2]) + np.float32(0.001), ac.LogMel()
        network = models.build("tc-resnet8", 2, 40, 0)
        return Batches(
            clips, np.array([0, 1]), features, NOISES, settings, 1, 1, batch_size=2, network=network
        )._varied(1, 0)[0]

    curve = batch(3.0) - batch(0)
    assert np.abs(curve).max() > 0.3
    assert np.abs(curve - curve[0]).max() < 1e-4


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
