"""Augmentation: parameters are drawn for all clips of an epoch at once, and applied to a few at a time by kernels.

Speed and pitch cost nothing: frames are taken at another hop, and bands at other edges, which is what resampling would
do to them. What is done to a clip depends on (seed, epoch) and its number alone, neither on the order of the work nor
on the number of threads.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.arrays import frozen
from audioconv.classify.augmentation import Augmentation, synthetic_room_impulse_responses
from audioconv.classify.made_up_words import MadeUpWords, make_word
from audioconv.features import LogMel, Mfcc
from audioconv.kernels.dsp import augment as kernels
from audioconv.signal import convolve

WAVES = np.arange(1, 5, dtype=np.float32)[:, None]  # half periods of the equaliser's cosines over the bands


class AugmentationParameters(NamedTuple):
    """The random parameters of an epoch, a row for each clip; the clips of noise alone come after the others."""

    hops: Array  # samples from frame to frame
    pitches: Array  # pitch factors in percent, less the lowest one that there is
    crops: Array  # rows of `CROP`
    room_impulse_responses: Array  # which one; -1 for none
    noises: Array  # rows of `NOISE`
    noise_levels: Array  # rows of `NOISE_LEVEL`
    equaliser_weights: Array  # of the cosines
    masks: Array  # (clips, masks, 2, 2): first and last + 1 in time, and in bands
    recipes: Array  # of made-up words

    def select(self, clips: Any) -> "AugmentationParameters":
        """Those of some clips."""
        return AugmentationParameters(*(array[clips] for array in self))


class Augmenter:
    """Clips, and clips of noise alone, as log-mel frames that differ in each epoch.

    Parameters
    ----------
    clips : float32 array, shape (clips, samples)
    features : LogMel or Mfcc
    noises : list of float32 arrays of unit power
    settings : Augmentation
    seed : int
    made_up : MadeUpWords, optional
        More clips, after the others, which are made of them.
    """

    def __init__(
        self,
        clips: Float32Array,
        features: LogMel | Mfcc,
        noises: Sequence[Float32Array],
        settings: Augmentation,
        seed: int,
        made_up: MadeUpWords | None = None,
    ) -> None:
        self.features, self.settings, self.seed = features, settings, seed
        self.clips, self.noises = frozen(clips, np.float32), frozen(np.concatenate(noises), np.float32)
        self.made_up = made_up
        self._noise_sizes = np.array([noise.size for noise in noises])
        self._frames = features.frames(clips.shape[1])
        self._room_impulse_responses = (
            synthetic_room_impulse_responses(features.sample_rate, seed) if settings.reverb_probability else []
        )

    @property
    def noise_clips(self) -> int:
        """Clips of noise alone."""
        return round(len(self.clips) * self.settings.noise_clip_ratio)

    @property
    def words(self) -> int:
        """Made-up words."""
        return 0 if self.made_up is None else len(self.made_up)

    def __len__(self) -> int:
        return len(self.clips) + self.words + self.noise_clips

    def __repr__(self) -> str:
        return f"Augmenter({len(self.clips)} clips and {self.noise_clips} of noise alone, {self.settings!r})"

    @cached_property
    def _hops(self) -> tuple[int, int]:
        """The least and the most."""
        slow, fast = (round(self.features.hop * speed) for speed in self.settings.speed)
        return slow, fast

    @cached_property
    def _percents(self) -> Array:
        """The pitch factors that there may be, in percent."""
        pace = np.array(self._hops) / self.features.hop
        ends = np.rint(100 * np.outer(pace, self.settings.vocal_tract)).astype(int)
        return np.arange(ends.min(), ends.max() + 1)

    @cached_property
    def _frames_of(self) -> Callable[..., Array]:
        return self.features.absolute.perturbed((self._percents / 100).tolist())

    def draw(self, epoch: int) -> AugmentationParameters:
        """Draw the random parameters of all clips for an epoch."""
        settings, features, count, clips = self.settings, self.features, len(self), len(self) - self.noise_clips
        rng = np.random.default_rng([self.seed, epoch, 0x76])
        hops = rng.integers(self._hops[0], self._hops[1] + 1, count)
        percents = np.rint(100 * hops / features.hop * rng.uniform(*settings.vocal_tract, count)).astype(int)
        lengths = self.clips.shape[1] + (self._frames - 1) * (hops - features.hop)
        reach = min(round(settings.shift_s * features.sample_rate), self.clips.shape[1])
        starts = (self.clips.shape[1] - lengths) // 2 - rng.integers(-reach, reach + 1, count)
        noise_alone = np.arange(count) >= clips
        responses = max(1, len(self._room_impulse_responses))
        rooms = np.where(rng.random(count) < settings.reverb_probability, rng.integers(responses, size=count), -1)
        return AugmentationParameters(
            hops,
            percents - self._percents[0],
            np.column_stack(kernels.CROP.pack(clip=np.where(noise_alone, -1, np.arange(count)), start=starts)),
            np.where(noise_alone, -1, rooms),
            self._draw_noises(lengths, rng),
            self._draw_noise_levels(noise_alone, rng),
            rng.standard_normal((count, len(WAVES), 1), np.float32),
            self._draw_masks(count, rng),
            self._draw_recipes(count, rng),
        )

    def _draw_noises(self, lengths: Array, rng: np.random.Generator) -> Array:
        """Which crop of which noise."""
        which = rng.integers(len(self._noise_sizes), size=len(lengths))
        sizes, places = self._noise_sizes[which], (np.cumsum(self._noise_sizes) - self._noise_sizes)[which]
        first = np.floor(rng.random(len(lengths)) * np.maximum(1, sizes - lengths + 1)).astype(np.int64)
        row = kernels.NOISE.pack(length=lengths, recording=places, recording_size=sizes, start=first)
        return np.column_stack(row)

    def _draw_noise_levels(self, noise_alone: Array, rng: np.random.Generator) -> Array:
        """Noise-to-signal ratio, noise by itself, and the gain of both."""
        settings, count = self.settings, len(noise_alone)
        noisy = rng.random(count) < settings.noise_probability
        beside = np.where(noisy & ~noise_alone, 10 ** (-rng.uniform(*settings.snr_db, count) / 10), 0)
        alone_db = rng.uniform(*settings.noise_dbfs, count)
        gains_db = np.where(noise_alone, alone_db, rng.uniform(*settings.gain_db, count))
        row = kernels.NOISE_LEVEL.pack(relative_power=beside, absolute_power=noise_alone, gain=10 ** (gains_db / 20))
        levels: Array = np.column_stack(row).astype(np.float32)
        return levels

    def _draw_masks(self, count: int, rng: np.random.Generator) -> Array:
        """Time and frequency masks of SpecAugment (Park et al., 2019)."""
        settings, frames, bands = self.settings, self._frames, self.features.n_features
        widest = round(1000 * settings.time_mask_s / self.features.hop_ms), settings.frequency_mask_bands
        return draw_masks((count, settings.n_masks), (frames, bands), widest, rng)

    def _draw_recipes(self, count: int, rng: np.random.Generator) -> Array:
        """Those of made-up words, in their rows."""
        recipes, clips = np.zeros(count, MadeUpWords.RECIPE), len(self.clips)
        if self.made_up is not None:
            recipes[clips : clips + self.words] = self.made_up.draw(rng)
        return recipes

    def waveforms(self, parameters: AugmentationParameters) -> Float32Array:
        """Augmented clips: shift, room, noise, gain; as long as the longest of them."""
        size = len(parameters.hops), np.max(parameters.noises[:, kernels.NOISE.length], initial=0)
        sounds = np.empty(size, np.float32)
        self._cut_out(parameters, sounds)
        for row in np.flatnonzero(parameters.room_impulse_responses >= 0):
            response = self._room_impulse_responses[parameters.room_impulse_responses[row]]
            sounds[row] = convolve(sounds[row], response, "causal", method="overlap_add", threads=1)
        noises, levels = frozen(parameters.noises, np.int64), frozen(parameters.noise_levels)
        kernels.mix_noise(sounds, noises, levels, self.noises)
        return sounds

    def _cut_out(self, parameters: AugmentationParameters, sounds: Float32Array) -> None:
        """Clips, made-up words, and zeros where noise is alone."""
        crops, column = parameters.crops.copy(), kernels.CROP.clip
        made_up = np.flatnonzero(crops[:, column] >= len(self.clips))
        own = crops[made_up]
        crops[made_up, column], own[:, column] = -1, np.arange(len(own))
        kernels.cut_out(self.clips, frozen(crops, np.int64), sounds)
        if made_up.size:
            words = frozen([make_word(self.clips, recipe) for recipe in parameters.recipes[made_up]], np.float32)
            cropped = np.empty((made_up.size, sounds.shape[1]), np.float32)
            kernels.cut_out(words, frozen(own, np.int64), cropped)
            sounds[made_up] = cropped

    def frames(self, parameters: AugmentationParameters) -> Float32Array:
        """Features of augmented clips, (clips, frames, features), before masks."""
        sounds = self.waveforms(parameters)
        frames = self._frames_of(sounds, parameters.hops, parameters.pitches, self._frames)
        if self.settings.equaliser_db:
            curves = equaliser(parameters.equaliser_weights, frames.shape[2], self.settings.equaliser_db)
            frames += curves[:, None]
        features: Array = self.features.from_absolute(frames)
        return features


def equaliser(weights: Array, bands: int, deviation_db: float) -> Float32Array:
    """Equaliser: smooth gain curves over the bands, in natural logarithms of power, as of other microphones and voices.

    weights (..., 4, 1): of cosines of half a period to two, the shorter ones weaker.
    """
    waves = np.cos(WAVES * np.linspace(0, np.pi, bands, dtype=np.float32)) / np.sqrt(WAVES)
    curves: Float32Array = (weights * waves).sum(axis=-2) * np.float32(deviation_db * np.log(10) / 10)
    return curves


def draw_masks(
    count: tuple[int, int], shape: tuple[int, int], widest: tuple[int, int], rng: np.random.Generator
) -> Array:
    """Masks of SpecAugment for (clips, masks): first and last + 1 in time, and in bands, of at most half of `shape`."""
    limits = [min(width, size // 2) + 1 for width, size in zip(widest, shape, strict=True)]
    widths = rng.integers(0, limits, (*count, 2))
    first = np.floor(rng.random(widths.shape) * (np.array(shape) - widths + 1)).astype(np.int64)
    return np.stack((first, first + widths), axis=-1)


def spec_augment(frames: Float32Array, masks: Array) -> Float32Array:
    """SpecAugment: put zeros (the mean of standardised features) over masked times and bands, in place.

    References
    ----------
    Park et al., SpecAugment, 2019.
    """
    for clip, stretches in zip(frames, masks.tolist(), strict=True):
        for (first, last), (low, high) in stretches:
            clip[first:last] = 0
            clip[:, low:high] = 0
    return frames
