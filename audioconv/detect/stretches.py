"""Stretches of labelled recordings to train a detector of sound events on, each cut out and changed anew."""

from collections.abc import Sequence

import numpy as np

from audioconv._typing import Float32Array
from audioconv.classify.augmentation import check_noise, synthetic_noise
from audioconv.detect.mixtures import Span
from audioconv.detect.negatives import NegativeFrames
from audioconv.detect.training_config import SoundEventTraining
from audioconv.io import resample


class StretchCutter:
    """Stretches of recordings, and which sounds are where in them. What a stretch is depends on (seed, number) alone.

    Parameters
    ----------
    recordings : NegativeFrames
    spans : sequence of lists of Span
        The events of each, in samples.
    noises : sequence of float arrays, shape (samples,)
        Recordings of background noise, used beside synthetic ones.
    config : SoundEventTraining
    seed : int >= 0
    """

    def __init__(
        self,
        recordings: NegativeFrames,
        spans: Sequence[list[Span]],
        noises: Sequence[Float32Array],
        config: SoundEventTraining,
        seed: int,
    ) -> None:
        self._recordings, self._spans, self._config, self._seed = recordings, spans, config, seed
        self._rate = recordings.features.sample_rate
        self._ends = np.cumsum(recordings.lengths)
        beside = [check_noise(samples, i) for i, samples in enumerate(noises)]
        self._noises = [*beside, *synthetic_noise(self._rate, seed)]

    @property
    def samples(self) -> int:
        """The length of a stretch."""
        return round(self._config.stretch_s * self._rate)

    def draw(self, number: int) -> tuple[Float32Array, list[Span]]:
        """Make a stretch of sound.

        Parameters
        ----------
        number : int >= 0
            Which one: with the same seed it is always the same.

        Returns
        -------
        samples : float32 array, shape (samples,)
        spans : list of Span
            The sounds in it.
        """
        config = self._config
        rng = np.random.default_rng([self._seed, number, 0x53])
        stretch, spans = self._piece(rng)
        if rng.random() < config.together_probability:
            other, more = self._piece(rng)
            stretch, spans = stretch + other, spans + more
        stretch *= np.float32(10 ** (rng.uniform(*config.gain_db) / 20))
        if rng.random() < config.noise_probability:
            power = float(np.mean(np.square(stretch, dtype=np.float64)))
            noise = self._noises[int(rng.integers(len(self._noises)))]
            start = int(rng.integers(max(1, noise.size - stretch.size + 1)))
            amplitude = np.sqrt(power) * 10 ** (-rng.uniform(*config.snr_db) / 20)
            stretch += np.resize(noise[start:], stretch.size) * np.float32(amplitude)
        return np.clip(stretch, -1, 1, out=stretch), spans

    def _piece(self, rng: np.random.Generator) -> tuple[Float32Array, list[Span]]:
        """A piece of a recording at some pace; each second of all recordings is as likely to be in one."""
        percent = round(100 * rng.uniform(*self._config.pace))
        wanted = -(-self.samples * percent // 100)
        which = int(np.searchsorted(self._ends, rng.random() * self._ends[-1], "right"))
        begin = int(rng.integers(max(0, int(self._recordings.lengths[which]) - wanted) + 1))
        taken = self._recordings.samples(which, begin, begin + wanted)
        samples = resample(taken, percent, 100).astype(np.float32, copy=False)[: self.samples]
        spans = [
            Span(label, (first - begin) * 100 // percent, (end - begin) * 100 // percent)
            for label, first, end in self._spans[which]
            if first < begin + wanted and end > begin
        ]
        return np.pad(samples, (0, self.samples - samples.size)), spans
