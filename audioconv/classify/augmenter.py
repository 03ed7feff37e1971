"""What augmentation makes of each clip in an epoch: drawn for all at once, done to a few at a time by kernels.

Speed and pitch cost nothing: frames are taken at another hop, and bands at other edges, which is what resampling would
do to them. What is done to a clip depends on (seed, epoch) and its number alone, neither on the order of the work nor
on the number of threads.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from audioconv.arrays import frozen
from audioconv.classify.augmentation import synthetic_room_impulse_responses
from audioconv.kernels.dsp import augment as kernels
from audioconv.signal import convolve

WAVES = np.arange(1, 5, dtype=np.float32)[:, None]  # half periods of the equaliser's waves over the bands


class AugmentationParameters(NamedTuple):
    """What is done in an epoch, a row for each clip; the clips of noise alone come after the others."""

    hops: np.ndarray  # samples from frame to frame
    pitches: np.ndarray  # in percent, less the lowest one that there is
    cuts: np.ndarray  # clip or -1, and its first sample
    room_impulse_responses: np.ndarray  # -1 for none
    mixtures: np.ndarray  # the rows and levels of `mix_noise`
    levels: np.ndarray
    waves: np.ndarray  # of the equaliser
    masks: np.ndarray  # (clips, masks, 2, 2): first and last + 1 in time, and in bands

    def select(self, clips):
        """Those of some clips."""
        return AugmentationParameters(*(array[clips] for array in self))


class Augmenter:
    """Clips, and clips of noise alone, as log-mel frames that are others in each epoch.

    Parameters
    ----------
    clips : float32 array, shape (clips, samples)
    features : LogMel or Mfcc
    noises : list of float32 arrays of unit power
    settings : Augmentation
    seed : int
    """

    def __init__(self, clips, features, noises, settings, seed):
        self._clips, self._features, self._settings, self._seed = frozen(clips, np.float32), features, settings, seed
        self._noises = frozen(np.concatenate(noises), np.float32)
        self._noise_sizes = np.array([noise.size for noise in noises])
        self._frames = features.frames(clips.shape[1])
        self._room_impulse_responses = (
            synthetic_room_impulse_responses(features.sample_rate, seed) if settings.reverb_probability else []
        )
        self.size = len(clips) + round(len(clips) * settings.noise_clip_ratio)

    @cached_property
    def _hops(self):
        """The least and the most."""
        return [round(self._features.hop * speed) for speed in self._settings.speed]

    @cached_property
    def _percents(self):
        """The pitches that there may be."""
        pace = np.array(self._hops) / self._features.hop
        ends = np.rint(100 * np.outer(pace, self._settings.vocal_tract)).astype(int)
        return np.arange(ends.min(), ends.max() + 1)

    @cached_property
    def _frames_of(self):
        return self._features.absolute.perturbed(self._percents / 100)

    def draw(self, epoch):
        """What is done to all clips in this epoch."""
        settings, features, count, clips = self._settings, self._features, self.size, len(self._clips)
        rng = np.random.default_rng([self._seed, epoch, 0x76])
        hops = rng.integers(self._hops[0], self._hops[1] + 1, count)
        percents = np.rint(100 * hops / features.hop * rng.uniform(*settings.vocal_tract, count)).astype(int)
        lengths = self._clips.shape[1] + (self._frames - 1) * (hops - features.hop)
        reach = min(round(settings.shift_s * features.sample_rate), self._clips.shape[1])
        starts = (self._clips.shape[1] - lengths) // 2 - rng.integers(-reach, reach + 1, count)
        alone = np.arange(count) >= clips  # noise
        room_impulse_responses = np.where(
            rng.random(count) < settings.reverb_probability,
            rng.integers(max(1, len(self._room_impulse_responses)), size=count),
            -1,
        )
        return AugmentationParameters(
            hops,
            percents - self._percents[0],
            np.column_stack((np.where(alone, -1, np.arange(count)), starts)),
            np.where(alone, -1, room_impulse_responses),
            self._mixtures(lengths, rng),
            self._levels(alone, rng),
            rng.standard_normal((count, len(WAVES), 1), np.float32),
            self._masks(count, rng),
        )

    def _mixtures(self, lengths, rng):
        """Which stretch of which noise."""
        which = rng.integers(len(self._noise_sizes), size=len(lengths))
        sizes, places = self._noise_sizes[which], (np.cumsum(self._noise_sizes) - self._noise_sizes)[which]
        first = np.floor(rng.random(len(lengths)) * np.maximum(1, sizes - lengths + 1)).astype(np.int64)
        return np.column_stack((lengths, places, sizes, first))

    def _levels(self, alone, rng):
        """Noise to clip, noise by itself, and the gain of both, as `mix_noise` takes them."""
        settings, count = self._settings, len(alone)
        noisy = rng.random(count) < settings.noise_probability
        beside = np.where(noisy & ~alone, 10 ** (-rng.uniform(*settings.snr_db, count) / 10), 0)
        gains_db = np.where(alone, rng.uniform(*settings.noise_dbfs, count), rng.uniform(*settings.gain_db, count))
        return np.column_stack((beside, alone, 10 ** (gains_db / 20))).astype(np.float32)

    def _masks(self, count, rng):
        """Stretches of time and of bands that are hidden.

        References: Park et al., SpecAugment, 2019.
        """
        settings, frames, bands = self._settings, self._frames, self._features.n_features
        longest = min(round(1000 * settings.time_mask_s / self._features.hop_ms), frames // 2)
        widths = rng.integers(
            0, [longest + 1, min(settings.frequency_mask_bands, bands // 2) + 1], (count, settings.n_masks, 2)
        )
        first = np.floor(rng.random(widths.shape) * ([frames, bands] - widths + 1)).astype(np.int64)
        return np.stack((first, first + widths), axis=-1)

    def waveforms(self, parameters):
        """The clips of some parameters, changed: shift, room, noise, gain; as long as the longest of them."""
        sounds = np.empty((len(parameters.hops), np.max(parameters.mixtures[:, 0], initial=0)), np.float32)
        kernels.cut_out(self._clips, frozen(parameters.cuts, np.int64), sounds)
        for row in np.flatnonzero(parameters.room_impulse_responses >= 0):
            room = self._room_impulse_responses[parameters.room_impulse_responses[row]]
            sounds[row] = convolve(sounds[row], room, "causal", method="overlap_add", threads=1)
        kernels.mix_noise(sounds, frozen(parameters.mixtures, np.int64), frozen(parameters.levels), self._noises)
        return sounds

    def features(self, parameters):
        """The features of some parameters, (clips, frames, numbers), before masks."""
        frames = self._frames_of(self.waveforms(parameters), parameters.hops, parameters.pitches, self._frames)
        if self._settings.equaliser_db:
            frames += equaliser(parameters.waves, frames.shape[2], self._settings.equaliser_db)[:, None]
        return self._features.from_absolute(frames)


def equaliser(strengths, bands, deviation_db):
    """Smooth curves over so many bands, in natural logarithms of power: another microphone, another voice.

    strengths (..., 4, 1): of waves of half a period to two, the shorter ones weaker.
    """
    waves = np.cos(WAVES * np.linspace(0, np.pi, bands, dtype=np.float32)) / np.sqrt(WAVES)
    return (strengths * waves).sum(axis=-2) * np.float32(deviation_db * np.log(10) / 10)


def spec_augment(frames, masks):
    """Put zeros (the mean of standardised features) over the stretches of `AugmentationParameters.masks`, in place."""
    for clip, stretches in zip(frames, masks.tolist(), strict=True):
        for (first, last), (low, high) in stretches:
            clip[first:last] = 0
            clip[:, low:high] = 0
    return frames
