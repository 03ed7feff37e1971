"""A discriminator of speech from other sounds, by what the network that denoises speech leaves of a recording."""

import numpy as np

from audioconv._typing import ArrayLike
from audioconv.arrays import floating
from audioconv.enhance._neural_denoise import SAMPLE_RATES, neural_denoise
from audioconv.enhance.denoiser_model import DenoiserModel

KEPT_SHARE = 0.25  # of the energy, at least: speech as loud as the noise keeps half, noises and instruments less
SOFT_SHARE = 0.33  # of the frames, at least: speech has pauses, music that is kept has none
FRAME_S, AROUND_S, SOFT = 0.016, 1.0, 0.5  # a frame is soft below this share of the mean amplitude around it


def sounds_like_speech(x: ArrayLike, sample_rate: int, *, model: DenoiserModel | None = None) -> bool:
    """Tell whether the network for speech keeps what a recording is about.

    It does if it leaves a quarter of the energy, and a third of that has less than half of the amplitude of the second
    around it, as syllables and pauses have.

    Parameters
    ----------
    x : float array, shape (samples,)
    sample_rate : int, in Hz
    model : DenoiserModel, optional
        Default: the one that comes along.

    Returns
    -------
    speech : bool
        False for what is too short, silent or of a sample rate that the network does not take.

    References
    ----------
    Scheirer, Slaney, Construction and evaluation of a robust multifeature speech/music discriminator, ICASSP 1997
    (percentage of low-energy frames).

    Examples
    --------
    >>> import numpy as np
    >>> hiss = 0.1 * np.random.default_rng(0).standard_normal(32000)
    >>> sounds_like_speech(hiss, 16000)
    False
    """
    x = floating(x, "x", (1,)).astype(np.float32, copy=False)
    hop = round(FRAME_S * sample_rate)
    if not SAMPLE_RATES[0] <= sample_rate <= SAMPLE_RATES[1] or len(x) < hop or not x.any():
        return False
    kept = neural_denoise(x, sample_rate, model=model).astype(np.float64)
    frames = len(kept) // hop
    amplitudes = np.sqrt(np.mean(kept[: frames * hop].reshape(frames, hop) ** 2, axis=1))
    around = min(frames, round(AROUND_S / FRAME_S))
    means = np.convolve(amplitudes, np.full(around, 1 / around), "same")
    share = np.sum(kept**2) / np.sum(np.square(x, dtype=np.float64))
    return bool(share >= KEPT_SHARE and np.mean(amplitudes < SOFT * means) >= SOFT_SHARE)
