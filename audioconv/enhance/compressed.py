"""Spectra compressed to the cube roots of their magnitudes, which the denoiser's network hears and masks."""

import math

import numpy as np

from audioconv._typing import Array, ComplexArray, Float32Array
from audioconv.kernels.realtime.spectral_mask import LEAST_MEAN, TINY
from audioconv.signal._stft import Stft

FRAME_MS = 32.0
MEMORY_S = 1.0  # of the means that features are relative to
KEPT = math.exp(-FRAME_MS / 2000 / MEMORY_S)  # of a mean from frame to frame


def frame_size(sample_rate: float) -> int:
    """The samples of a frame: 2^k or 3 2^k, next to 32 ms, so that bins are 31 Hz apart at any sample rate."""
    wanted = sample_rate * FRAME_MS / 1000
    whole = [factor << k for k in range(3, 16) for factor in (2, 3)]
    return min(whole, key=lambda size: abs(np.log(size / wanted)))


def mask_transform(size: int) -> Stft:
    """Frames that overlap by half, under a window whose squares add up to 1 there."""
    return Stft(np.sin(np.pi * np.arange(size) / size), size // 2)


def spectrum_scale(size: int) -> float:
    """What makes the spectrum of a sine its amplitude, of frames of any size."""
    return 2 / float(np.sin(np.pi * np.arange(size) / size).sum())


def compress(spectra: ComplexArray) -> ComplexArray:
    """Spectra with the cube roots of their magnitudes, phases as they are."""
    power = spectra.real**2 + spectra.imag**2
    compressed: ComplexArray = spectra * np.cbrt(1 / (power + np.float32(TINY)))
    return compressed


def network_features(compressed: ComplexArray) -> Float32Array:
    """What the network hears, (..., frames, bins, 4), of compressed spectra (..., frames, bins).

    Magnitude, real and imaginary part relative to the mean magnitude of all bins so far, and the magnitude relative to
    that of its own bin: so neither the level nor the colour of the sound counts. Means forget within `MEMORY_S`.
    """
    magnitudes = np.abs(compressed)
    means = _causal_means(magnitudes)
    level = means.mean(axis=-1, keepdims=True) + np.float32(LEAST_MEAN)
    relative = compressed / level
    parts = [magnitudes / level, relative.real, relative.imag, magnitudes / (means + np.float32(LEAST_MEAN))]
    return np.stack(parts, axis=-1).astype(np.float32)


def _moving_averages(frames: Array) -> Array:
    means, mean = np.empty(frames.shape), np.zeros(1)
    for t in range(frames.shape[-2]):
        mean = KEPT * mean + (1 - KEPT) * frames[..., t, :].astype(np.float64)
        means[..., t, :] = mean
    return means


def _causal_means(frames: Array) -> Array:
    """Exponential moving averages along the frames (..., frames, bins), of which the first ones know no more either."""
    # scipy.signal.lfilter gives the same bits, but its import takes longer than a minute of sound through the network
    means: Array = (_moving_averages(frames) / _moving_averages(np.ones((frames.shape[-2], 1)))).astype(np.float32)
    return means


def masked(compressed: ComplexArray, mask: Array) -> ComplexArray:
    """Expanded spectra of compressed ones times masks (..., bins, 2), which amplify nothing."""
    factor = mask[..., 0] + 1j * mask[..., 1]
    product = compressed * (factor / np.maximum(np.abs(factor), 1))
    expanded: ComplexArray = product * np.abs(product) ** 2
    return expanded
