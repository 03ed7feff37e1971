"""Mixtures that a denoiser is trained on: speech in noise, with rooms, levels and bands drawn for each stretch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from audioconv._typing import Array, ComplexArray, Float32Array
from audioconv.classify.settings import Settings
from audioconv.enhance.compressed import frame_size, mask_transform, spectrum_scale
from audioconv.enhance.synthetic_noise import (
    at_random,
    at_speed,
    babble,
    clicks,
    coloured_noise,
    crowd,
    gain_curve,
    hum,
    rms,
    room_response,
)
from audioconv.signal import convolve

SAMPLE_RATE = 16000
STRETCH_S = {"babble": 20.0, "crowd": 20.0, "coloured": 10.0, "hum": 5.0, "clicks": 5.0}  # of one kind in a row
# how often each kind of noise is drawn; recordings of the user count as "recorded"
KINDS = {"recorded": 0.34, "babble": 0.16, "crowd": 0.16, "coloured": 0.2, "hum": 0.06, "clicks": 0.08}
SECOND_NOISE = 0.4  # probabilities: of one more noise, ...
OTHER_SPEED, ROOM, COLOUR_SPEECH, COLOUR_NOISE = 0.5, 0.35, 0.5, 0.6
PAUSE, NEARLY_CLEAN, NARROW, TELEPHONE = 0.3, 0.18, 0.5, 0.7  # ... the last: of a low cut-off, too, where it is narrow
TOP_HZ = 4000.0  # of what was sampled at 8 kHz


@dataclass(frozen=True, repr=False)
class NoisySpeechSettings(Settings):
    """How mixtures are drawn.

    Parameters
    ----------
    clip_s : float
        Length of a stretch.
    snr_db, high_snr_db : pair of float
        Ranges of signal-to-noise ratios: of most stretches, and of those that are nearly clean.
    level_db : pair of float
        Range of the root mean square of mixtures, in dB of full scale.
    synthetic_minutes : float
        Of each kind of synthetic noise.

    Examples
    --------
    >>> from audioconv.enhance import NoisySpeechSettings
    >>> NoisySpeechSettings(snr_db=(0.0, 10.0))
    NoisySpeechSettings(snr_db=(0.0, 10.0))
    """

    clip_s: float = 4.0
    snr_db: tuple[float, float] = (-5.0, 20.0)
    high_snr_db: tuple[float, float] = (20.0, 45.0)
    level_db: tuple[float, float] = (-50.0, -10.0)
    synthetic_minutes: float = 8.0


class NoisySpeech:
    """Draws of noisy and clean spectra.

    Parameters
    ----------
    speech : sequence of sequences of float32 arrays
        Utterances at 16 kHz by speaker.
    noises : sequence of float32 arrays
        Recordings at 16 kHz.
    rng : numpy Generator
        Draws the synthetic noises.
    settings : NoisySpeechSettings
    """

    def __init__(
        self,
        speech: Sequence[Sequence[Array]],
        noises: Sequence[Array],
        rng: np.random.Generator,
        settings: NoisySpeechSettings,
    ) -> None:
        self.speech, self.settings = speech, settings
        size = frame_size(SAMPLE_RATE)
        self._transform, self._scale = mask_transform(size), np.float32(spectrum_scale(size))
        voices = [np.concatenate(list(utterances)) for utterances in speech]
        self.noises: dict[str, list[Array]] = {"recorded": [noise / rms(noise) for noise in noises]}
        for kind, seconds in STRETCH_S.items():
            count = max(1, round(settings.synthetic_minutes * 60 / seconds))
            samples = round(seconds * SAMPLE_RATE)
            self.noises[kind] = [_synthetic(kind, voices, samples, rng) for _ in range(count)]

    def draw(self, clips: int, rng: np.random.Generator) -> tuple[ComplexArray, ComplexArray]:
        """Return (noisy, clean) spectra (clips, frames, bins), scaled so that those of a sine are its amplitude."""
        pairs = [self._pair(rng) for _ in range(clips)]
        noisy, clean = (np.stack(parts) for parts in zip(*pairs, strict=True))
        return noisy, clean

    def _pair(self, rng: np.random.Generator) -> tuple[ComplexArray, ComplexArray]:
        settings, samples = self.settings, round(self.settings.clip_s * SAMPLE_RATE)
        clean = self._spectra(self._utterances(samples, rng))
        if rng.random() < COLOUR_SPEECH:
            clean = clean * gain_curve(clean.shape[1], 2.0, rng)
        noise = self._noise(samples, rng)
        if rng.random() < SECOND_NOISE:
            noise = noise + self._noise(samples, rng) * np.float32(10 ** (rng.uniform(-10, 0) / 20))
        band = _band(clean.shape[1], rng)
        clean, noise = clean * band, noise * band
        snr_db = rng.uniform(*(settings.high_snr_db if rng.random() < NEARLY_CLEAN else settings.snr_db))
        noise *= np.float32(_size(clean) / _size(noise) * 10 ** (-snr_db / 20))
        noisy = clean + noise
        size = len(self._transform.window)
        root = _size(noisy) * np.sqrt(2 / size) / self._scale  # of the mean power of samples
        level = np.float32(10 ** (rng.uniform(*settings.level_db) / 20) / root)
        return noisy * level, clean * level

    def _spectra(self, samples: Array) -> ComplexArray:
        return self._transform(np.ascontiguousarray(samples, np.float32)) * self._scale

    def _utterances(self, samples: int, rng: np.random.Generator) -> Array:
        """Utterances of one speaker one after the other, some pauses between, at some speed, in some room."""
        own = self.speech[int(rng.integers(len(self.speech)))]
        speed = float(rng.uniform(0.87, 1.15)) if rng.random() < OTHER_SPEED else 1.0
        parts: list[Array] = []
        while sum(map(len, parts)) < samples * speed + 2:
            if rng.random() < PAUSE:
                parts.append(np.zeros(int(rng.uniform(0, 0.8) * SAMPLE_RATE), np.float32))
            utterance = own[int(rng.integers(len(own)))]
            begins = int(rng.integers(max(1, len(utterance) - SAMPLE_RATE))) if not parts else 0
            parts.append(utterance[begins:])
        x = np.concatenate(parts)
        x = x[:samples] if speed == 1 else at_speed(x, speed, samples)
        if rng.random() < ROOM:
            room = room_response(float(rng.uniform(0.08, 0.6)), float(rng.uniform(0.1, 0.7)), SAMPLE_RATE, rng)
            x = convolve(np.ascontiguousarray(x), room)[:samples]
        return x / np.float32(rms(x))

    def _noise(self, samples: int, rng: np.random.Generator) -> ComplexArray:
        """Spectra of a noise, of power 1."""
        kind = rng.choice(list(KINDS), p=list(KINDS.values()))
        some = self.noises[kind]
        lengths = np.array([len(noise) for noise in some], float)
        speed = float(rng.uniform(0.8, 1.25)) if rng.random() < OTHER_SPEED else 1.0
        x = at_random(some[int(rng.choice(len(some), p=lengths / lengths.sum()))], int(samples * speed) + 2, rng)
        spectra = self._spectra(at_speed(x, speed, samples))
        if rng.random() < COLOUR_NOISE:
            spectra = spectra * gain_curve(spectra.shape[1], 4.5, rng)
        scaled: ComplexArray = spectra / np.float32(_size(spectra))
        return scaled


def _synthetic(kind: str, voices: Sequence[Array], samples: int, rng: np.random.Generator) -> Float32Array:
    """A stretch of a kind of noise, of power 1."""
    makers: dict[str, Any] = {
        "babble": lambda: babble(voices, int(rng.integers(3, 13)), samples, rng),
        "crowd": lambda: crowd(voices, samples, SAMPLE_RATE, rng),
        "coloured": lambda: coloured_noise(samples, rng),
        "hum": lambda: hum(samples, SAMPLE_RATE, rng),
        "clicks": lambda: clicks(samples, SAMPLE_RATE, rng),
    }
    noise: Float32Array = makers[kind]()
    return noise / np.float32(rms(noise))


def _band(bins: int, rng: np.random.Generator) -> Float32Array:
    """Gains of bins: all of them, or those of speech sampled at 8 kHz, or of a telephone."""
    frequency_hz = np.linspace(0, SAMPLE_RATE / 2, bins)
    if rng.random() >= NARROW:
        return np.ones(bins, np.float32)
    gains = 1 / (1 + np.exp((frequency_hz - rng.uniform(3300, 3950)) / rng.uniform(10, 60)))
    if rng.random() < TELEPHONE:
        gains /= 1 + np.exp((rng.uniform(100, 330) - frequency_hz) / rng.uniform(15, 50))
    gains[frequency_hz >= TOP_HZ] = 0
    return gains.astype(np.float32)


def _size(spectra: ComplexArray) -> float:
    """The root of the mean power of bins, never 0."""
    return float(np.sqrt(np.mean(spectra.real**2 + spectra.imag**2, dtype=np.float64) + 1e-30))
