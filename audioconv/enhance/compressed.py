"""Spectra compressed to the cube roots of their magnitudes, which the denoiser's network hears and masks."""

import numpy as np

from audioconv._typing import Array, ComplexArray, Float32Array
from audioconv.kernels.realtime.spectral_mask import TINY
from audioconv.signal._stft import Stft

FRAME_MS = 32.0


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
    """(..., bins, 3): magnitude, real and imaginary part of compressed spectra."""
    return np.stack([np.abs(compressed), compressed.real, compressed.imag], axis=-1).astype(np.float32)


def masked(compressed: ComplexArray, mask: Array) -> ComplexArray:
    """Expanded spectra of compressed ones times masks (..., bins, 2), which amplify nothing."""
    factor = mask[..., 0] + 1j * mask[..., 1]
    product = compressed * (factor / np.maximum(np.abs(factor), 1))
    expanded: ComplexArray = product * np.abs(product) ** 2
    return expanded
