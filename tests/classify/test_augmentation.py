"""Augmentation: each change does what it says, and depends on its seed alone."""

from dataclasses import replace

import numpy as np
import pytest

import audioconv as ac
from audioconv import models
from audioconv.classify import augmentation
from audioconv.classify.augmentation import UNCHANGED, Augmentation
from audioconv.classify.augmenter import Augmenter, equaliser, spec_augment
from audioconv.classify.data_loader import DataLoader

RATE = 16000
CLIP = np.concatenate((np.zeros(4000), np.sin(np.arange(8000) / 5), np.zeros(4000))).astype(np.float32)
NOISES = augmentation.synthetic_noise(RATE, 0)


def variations(clips=CLIP[None], seed=0, noises=NOISES[:1], features=None, **settings):
    return Augmenter(clips, features or ac.LogMel(), noises, replace(UNCHANGED, **settings), seed)


def changed(count=40, **settings):
    """The clip as it is changed in so many ways."""
    varied = variations(np.tile(CLIP, (count, 1)), **settings)
    return varied.waveforms(varied.draw(1))


def test_nothing_switched_on_changes_nothing():
    assert np.array_equal(changed(3), [CLIP] * 3)
    varied = variations()
    assert np.array_equal(varied.frames(varied.draw(1))[0], ac.LogMel()(CLIP))


def test_shift_moves_the_clip_and_keeps_its_length():
    found = {int(np.flatnonzero(sound)[0]) - 4001 for sound in changed(shift_s=0.1)}
    assert len(found) > 30
    assert -1600 <= min(found) < 0 < max(found) <= 1600


def test_gain_scales_within_its_range():
    gains_db = 20 * np.log10(changed(gain_db=(-12, 6)).max(axis=1) / np.max(CLIP))
    assert -12 <= min(gains_db) < -8
    assert 2 < max(gains_db) <= 6.0001


def voice(times_s):
    """A harmonic sound that glides, with a resonance."""
    phase = 2 * np.pi * (150 * times_s + 40 * times_s**2)
    return sum(np.sin(k * phase) / (1 + ((150 * k - 900) / 300) ** 2) for k in range(1, 12)).astype(np.float32) / 10


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.1, 1.25])
@pytest.mark.parametrize("features", [ac.LogMel(), ac.LogMel(hop_ms=7, n_mels=23), ac.Mfcc()])
def test_frames_of_another_pace_and_pitch_are_those_of_the_resampled_sound(features, factor):
    times_s = np.arange(RATE) / RATE
    wanted = features(voice(times_s * factor))
    hop = round(features.hop * factor)
    frames = min(len(wanted), 1 + (RATE - features.win_length) // hop)
    frames_of = features.absolute.perturbed([1.0, factor])
    found, usual = frames_of(voice(times_s)[None].repeat(2, 0), [hop, features.hop], [1, 0], min(frames, 98))
    frames = min(frames, 98) - 4  # those at the end reach beyond one of the two
    worst = np.abs(features.from_absolute(found)[:frames] - wanted[:frames]).mean()
    moved = np.abs(features.from_absolute(usual)[:frames] - wanted[:frames]).mean()
    assert worst < 0.35 * moved
    assert np.array_equal(features.from_absolute(usual)[:frames], features(voice(times_s))[:frames])


def test_bands_from_beyond_the_spectrum_hold_nothing():
    frames = ac.LogMel().with_pitch_factor(0.75)(np.random.default_rng(0).standard_normal(RATE).astype("float32"))
    assert np.allclose(frames[:, -2:], np.log(1e-6))
    assert frames[:, :-4].min() > -6


def test_rooms_have_unit_energy_and_die_away():
    rooms = augmentation.synthetic_room_impulse_responses(RATE, 0)
    assert len({room.size for room in rooms}) > 30
    for room in rooms:
        assert np.sum(room.astype(float) ** 2) == pytest.approx(1, rel=1e-3)
        assert room[0] == np.abs(room).max() > 0.3
        assert np.sum(room[room.size // 2 :] ** 2) < 0.01


def test_a_room_is_heard():
    for dry, wet in zip(changed(5), changed(5, reverb_probability=1.0), strict=True):
        assert not np.any(dry[12001:])
        assert np.abs(wet[12100:13000]).max() > 1e-4
        assert np.abs(wet[:4000]).max() < 1e-6
    some = np.any(changed(reverb_probability=0.5)[:, 12100:], axis=1)
    assert 10 < some.sum() < 30


def test_mixtures_keep_shares_of_frames_and_targets_alike():
    targets = np.eye(8, dtype=np.float32)
    frames = np.tile(targets[:, None, :], (1, 3, 1))
    mixed, shares = augmentation.mixup(frames, targets, 0.3, np.random.default_rng(0))
    assert np.array_equal(mixed, np.tile(shares[:, None, :], (1, 3, 1)))
    assert np.allclose(shares.sum(axis=1), 1)
    assert 0.05 < np.sort(shares, axis=1)[:, -2].mean() < 0.4


def test_the_equaliser_is_smooth_and_as_strong_as_was_said():
    strengths = np.random.default_rng(0).standard_normal((300, 4, 1)).astype(np.float32)
    curves = equaliser(strengths, 40, 3.0) * 10 / np.log(10)
    assert curves.std() == pytest.approx(3.0, rel=0.15)
    assert np.abs(curves.mean(axis=0)).max() < 1
    assert np.abs(np.diff(curves, axis=1)).max() < 4


def test_the_equaliser_bends_all_frames_alike():
    def frames(deviation_db):
        varied = variations(CLIP[None] + np.float32(0.001), equaliser_db=deviation_db)
        return varied.frames(varied.draw(1))[0]

    curve = frames(3.0) - frames(0)
    assert np.abs(curve).max() > 0.3
    assert np.abs(curve - curve[0]).max() < 1e-4


def test_noise_has_the_ratio_that_was_asked_for():
    for sound in changed(5, noise_probability=1.0, snr_db=(10, 10)):
        assert 10 * np.log10(np.mean(CLIP**2) / np.mean((sound - CLIP) ** 2)) == pytest.approx(10, abs=0.1)
    some = np.any(changed(noise_probability=0.5)[:, :4000], axis=1)
    assert 10 < some.sum() < 30


def test_clips_of_noise_alone_have_levels_of_their_own():
    varied = variations(np.tile(CLIP, (40, 1)), noise_clip_ratio=0.5, noise_dbfs=(-30, -20))
    assert len(varied) == 60
    alone = varied.waveforms(varied.draw(1))[40:]
    levels_db = 10 * np.log10(np.mean(alone**2, axis=1))
    assert -31 < min(levels_db) < -28
    assert -22 < max(levels_db) < -19
    assert len(np.unique(alone[:, 0])) == 20


def test_synthetic_noises_have_unit_power_and_different_colours():
    slopes = []
    for noise in NOISES:
        assert np.mean(noise.astype(float) ** 2) == pytest.approx(1, rel=1e-3)
        spectrum = np.abs(np.fft.rfft(noise)) ** 2
        slopes.append(spectrum[: spectrum.size // 8].sum() / spectrum.sum())
    assert slopes[0] == pytest.approx(1 / 8, abs=0.01)
    assert slopes[0] < slopes[1] < slopes[2]


def test_masks_stay_in_their_limits():
    parameters = variations(np.tile(CLIP, (60, 1)), n_masks=1).draw(1)
    widths = []
    for frames in spec_augment(np.ones((60, 98, 40)), parameters.masks):
        rows, bands = np.flatnonzero(~frames.any(axis=1)), np.flatnonzero(~frames.any(axis=0))
        assert np.all(np.diff(rows) == 1)
        assert np.all(np.diff(bands) == 1)
        widths.append((len(rows), len(bands)))
    assert np.max(widths, axis=0).tolist() == [10, 5]
    assert np.min(widths, axis=0).tolist() == [0, 0]
    tiny = variations(features=ac.LogMel(n_mels=1), clips=CLIP[None, :400], n_masks=1)
    assert spec_augment(np.ones((1, 1, 1)), tiny.draw(1).masks).sum() == 1


def test_silent_noise_is_refused():
    with pytest.raises(ac.ArgumentError, match=r"noise hum.wav is silent"):
        augmentation.check_noise(np.zeros(100, np.float32), "hum.wav")


@pytest.mark.parametrize("size", [100, 16000, 400000])
def test_noise_of_any_length_is_drawn_in_full(size):
    alone = variations(noises=[np.ones(size, np.float32)], noise_clip_ratio=3.0, noise_dbfs=(0, 0))
    assert np.array_equal(alone.waveforms(alone.draw(1))[1:], np.ones((3, RATE)))


def test_paces_and_pitches_that_a_sound_does_not_have_are_refused():
    frames_of, sound = ac.LogMel().perturbed([1.0, 1.1]), np.zeros((1, 15920), np.float32)
    assert frames_of(sound, [160], [1], 98).shape == (1, 98, 40)
    with pytest.raises(ac.ShapeError, match="98 frames need 97 samples more than 15920"):
        frames_of(sound, [161], [0], 98)
    with pytest.raises(ac.ShapeError, match="1 sounds need as many hops and pitches"):
        frames_of(sound, [160, 160], [0, 0], 98)
    for hop, pitch in ((0, 0), (-160, 0), (160, 2), (160, -1)):
        with pytest.raises(ac.ArgumentError, match="hops must be at least 1 and pitches below 2"):
            frames_of(sound, [hop], [pitch], 98)


def test_batches_depend_on_seed_and_epoch_and_not_on_threads():
    clips = np.stack([CLIP, CLIP[::-1]] * 10)
    targets, network = np.array([0, 1] * 10), models.build("tc-resnet8", 2, 40, 0)

    def loader(seed, threads):
        augmenter = Augmenter(clips, ac.LogMel(), NOISES, Augmentation(), seed)
        return DataLoader(augmenter, targets, network=network, batch_size=8, threads=threads)

    def epoch(number, seed=1, threads=1):
        batches = loader(seed, threads)
        return [np.concatenate(parts) for parts in zip(*batches(number), strict=True)]

    x, y, seeds = epoch(1)
    assert len(set(seeds.tolist() + epoch(2)[2].tolist())) == 44
    starting = loader(1, 1)
    assert np.array_equal(np.concatenate([b[0] for b in starting(1, 1)]), x[len(next(starting(1))[0]) :])
    assert x.shape == (22, 98, 40)
    assert np.array_equal(np.sort(y.max(axis=1)), [0.5] * 2 + [1] * 20)
    for again in (epoch(1, threads=3), epoch(1)):
        assert np.array_equal(again[0], x)
        assert np.array_equal(again[1], y)
    for other in (epoch(2), epoch(1, seed=2)):
        assert not np.array_equal(other[0], x)
