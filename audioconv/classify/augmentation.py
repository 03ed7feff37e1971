"""Settings of augmentation, and what it mixes in: noises, room impulse responses, other clips (mixup).

What is done with them to clips is in augmenter.py.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.arrays import floating, interval, number, whole
from audioconv.classify.settings import Settings
from audioconv.errors import ArgumentError
from audioconv.signal import convolve

ROOMS = 64  # made for each training
REVERBERATION_TIMES_S = (0.1, 0.6)
SLOWEST, FASTEST = 0.1, 10  # speeds, and pitch factors


@dataclass(frozen=True, repr=False)
class Augmentation(Settings):
    """Ranges of the random changes that are made to each clip anew in each epoch.

    Equal ends of a range, a probability, a width or a ratio of 0 switch a change off.

    Parameters
    ----------
    shift_s : float, in seconds
        Time jitter: the largest random shift, either way.
    speed : (float, float)
        Speed perturbation: tempo and pitch together, by a factor between these.
    vocal_tract : (float, float)
        Vocal tract length perturbation (VTLP): pitch and formants alone, by a factor between these, beside the speed.
    gain_db : (float, float), in dB
    equaliser_db : float, in dB
        Standard deviation of each of the four smooth curves that bend the spectrum.
    noise_probability : float
        The share of clips that background noise is mixed into.
    snr_db : (float, float), in dB
        Signal-to-noise ratio of these, uniform between the ends.
    reverb_probability : float
        The share of clips that are convolved with a synthetic room impulse response.
    time_mask_s : float, in seconds
        The longest stretch of time that SpecAugment masks.
    frequency_mask_bands : int
        The most neighbouring bands that SpecAugment masks.
    n_masks : int
        Masks of each of the two kinds.
    mixup_alpha : float
        Clips are mixed in shares drawn from a beta distribution of this parameter.
    noise_clip_ratio : float
        Clips of noise alone for each clip of speech; their target is "any class alike" (outlier exposure).
    noise_dbfs : (float, float), in dB of full scale
        The level of clips of noise alone.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    References
    ----------
    Ko et al., Audio augmentation for speech recognition, 2015 (speed); Jaitly and Hinton, Vocal tract length
    perturbation, 2013; Park et al., SpecAugment, 2019; Zhang et al., mixup, 2018; Hendrycks et al., Deep anomaly
    detection with outlier exposure, 2019.

    Examples
    --------
    >>> from audioconv.classify import Augmentation
    >>> Augmentation(snr_db=(5.0, 20.0), n_masks=2)
    Augmentation(snr_db=(5.0, 20.0), n_masks=2)
    """

    # Tuned (off where nothing was gained) on digits of unseen speakers and on Speech Commands: see docs/trials.md,
    # "Recognition".

    shift_s: float = 0.1
    speed: tuple[float, float] = (0.8, 1.25)
    vocal_tract: tuple[float, float] = (1.0, 1.0)
    gain_db: tuple[float, float] = (-12.0, 6.0)
    equaliser_db: float = 4.5
    noise_probability: float = 0.7
    snr_db: tuple[float, float] = (0.0, 40.0)
    reverb_probability: float = 0.0
    time_mask_s: float = 0.1
    frequency_mask_bands: int = 5
    n_masks: int = 1
    mixup_alpha: float = 0.0
    noise_clip_ratio: float = 0.1
    noise_dbfs: tuple[float, float] = (-70.0, -6.0)

    def __post_init__(self) -> None:
        for name in ("shift_s", "equaliser_db", "time_mask_s", "mixup_alpha", "noise_clip_ratio"):
            number(getattr(self, name), name, 0)
        for name in ("noise_probability", "reverb_probability"):
            number(getattr(self, name), name, 0, 1)
        for name in ("frequency_mask_bands", "n_masks"):
            whole(getattr(self, name), name, 0)
        for name in ("speed", "vocal_tract"):
            interval(getattr(self, name), name, SLOWEST, FASTEST)
        for name in ("gain_db", "snr_db", "noise_dbfs"):
            interval(getattr(self, name), name)


UNCHANGED = Augmentation(
    shift_s=0.0,
    speed=(1.0, 1.0),
    gain_db=(0.0, 0.0),
    equaliser_db=0.0,
    noise_probability=0.0,
    n_masks=0,
    noise_clip_ratio=0.0,
)


def synthetic_noise(sample_rate: int, seed: int, seconds: int = 20) -> list[Float32Array]:
    """White, pink and brown noise and harmonic glides, of unit power: what is mixed in beside recordings."""
    rng = np.random.default_rng([seed, 0x6E])
    size = seconds * sample_rate
    hz = np.fft.rfftfreq(size, 1 / sample_rate)
    noises: list[Array] = []
    for slope in (0.0, 0.5, 1.0):
        spectrum = rng.standard_normal(hz.size) + 1j * rng.standard_normal(hz.size)
        noises.append(np.fft.irfft(spectrum * np.maximum(hz, 50.0) ** -slope, size))
    noises.append(_glides(size, sample_rate, rng))
    return [unit_power(noise) for noise in noises]


def _glides(size: int, sample_rate: int, rng: np.random.Generator) -> Array:
    """Harmonic sounds that glide in pitch under two random resonances: like a voice or an animal, but no word."""
    result = np.zeros(size)
    start = 0
    while start < size:
        length = min(round(rng.uniform(0.15, 1.0) * sample_rate), size - start)
        first_hz, last_hz = rng.uniform(90, 700, 2)
        pitch_hz = np.geomspace(first_hz, last_hz, length)
        phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate
        ends_hz = [rng.uniform(250, 1000, 2), rng.uniform(900, 3000, 2)]
        resonances_hz = [np.linspace(begin_hz, end_hz, length) for begin_hz, end_hz in ends_hz]
        for harmonic in range(1, 20):
            at_hz = harmonic * pitch_hz
            gain = sum(1 / (1 + ((at_hz - resonance) / 150) ** 2) for resonance in resonances_hz)
            result[start : start + length] += np.where(at_hz < sample_rate / 2, gain, 0) * np.sin(harmonic * phase)
        result[start : start + length] *= np.hanning(length) * rng.uniform(0.2, 1)
        start += length + round(rng.uniform(0, 0.3) * sample_rate)
    return result + 1e-3 * rng.standard_normal(size)


def check_noise(samples: ArrayLike, name: object) -> Float32Array:
    """A recording of noise as float32 of unit power; one that is silent or no signal is refused."""
    noise = floating(samples, f"background noise {name}", (1,))
    if not np.isfinite(noise).all():
        raise ArgumentError(f"background noise {name} holds NaN or infinite samples")
    if not np.any(noise):
        raise ArgumentError(f"background noise {name} is silent; a recording of noise is wanted")
    return unit_power(noise)


def unit_power(x: Array) -> Float32Array:
    """A sound that is not silent at a mean square of 1."""
    unit: Float32Array = (x / np.sqrt(np.mean(np.square(x, dtype=np.float64)))).astype(np.float32)
    return unit


def synthetic_room_impulse_responses(sample_rate: int, seed: int) -> list[Float32Array]:
    """Room impulse responses: the direct sound, and a reverberant tail of noise that decays, of other colour in each.

    References
    ----------
    Polack, La transmission de l'energie sonore dans les salles, 1988 (decaying noise as a model of rooms).
    """
    rng = np.random.default_rng([seed, 0x52])
    responses = []
    for _ in range(ROOMS):
        reverberation_s, after_s = rng.uniform(*REVERBERATION_TIMES_S), rng.uniform(0.001, 0.02)
        times_s = np.arange(round(reverberation_s * sample_rate)) / sample_rate
        decay = 10 ** (-3 * times_s / reverberation_s)
        tail: Array = rng.standard_normal(times_s.size) * decay * (times_s >= after_s)
        tail = convolve(tail, rng.uniform(0, 0.9) ** np.arange(64), "causal", threads=1)
        tail *= np.sqrt(10 ** (-rng.uniform(-3, 12) / 10) / (tail**2).sum())  # direct-to-reverberant ratio, in dB
        tail[0] += 1
        responses.append((tail / np.sqrt((tail**2).sum())).astype(np.float32))
    return responses


def mixup(
    frames: Float32Array, targets: Float32Array, alpha: float, rng: np.random.Generator
) -> tuple[Float32Array, Float32Array]:
    """Mix each clip of a batch with another of it, and their targets in the same shares.

    References
    ----------
    Zhang et al., mixup: Beyond empirical risk minimization, ICLR 2018.
    """
    shares = rng.beta(alpha, alpha, len(frames)).astype(np.float32)
    order = rng.permutation(len(frames))

    def mixed(x: Float32Array) -> Float32Array:
        kept: Any = shares.reshape(-1, *[1] * (x.ndim - 1))
        result: Float32Array = kept * x + (1 - kept) * x[order]
        return result

    return mixed(frames), mixed(targets)
