"""What of a sound makes a score: patches of its spectrogram are removed, one after the other."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.signal import Stft

PATCH_S, BANDS = 0.1, 6
FLOOR_QUANTILE = 0.1  # of the magnitudes of a bin: what is taken for its background
LEAST_ENERGY = 1e-5  # of the sound: a patch that has less above its background is not worth a look
WINDOW_S = 0.032


class Saliency(NamedTuple):
    """How much a score falls without each patch of the spectrogram; below 0 where it rises.

    Parameters
    ----------
    drop : float array, shape (times, bands)
    edges_s : float array, shape (times + 1,)
    edges_hz : float array, shape (bands + 1,)
        In equal steps on the mel scale of HTK.
    """

    drop: Array
    edges_s: Array
    edges_hz: Array


def occlusion(
    score: Callable[[list[Float32Array]], Array],
    samples: Float32Array,
    sample_rate: int,
    *,
    patch_s: float = PATCH_S,
    bands: int = BANDS,
) -> Saliency:
    """Find what of a sound makes its score, by occlusion.

    In each patch of the spectrogram magnitudes are brought down to the background of their bin, the sound is made anew,
    and scored. So it works for whatever makes scores of sounds, and what is removed is a sound that exists: no gradient
    is followed to where the network has never been.

    Parameters
    ----------
    score : callable
        score(sounds) gives a number for each.
    samples : float32 array, shape (samples,)
    sample_rate : int, in Hz
    patch_s : float, in seconds
    bands : int

    Returns
    -------
    saliency : Saliency

    References
    ----------
    Zeiler and Fergus, Visualizing and understanding convolutional networks, ECCV 2014, section 4.2 (occlusion).
    """
    hop = max(1, round(WINDOW_S / 4 * sample_rate))
    transform = Stft(4 * hop, hop)
    spectra = transform(samples)
    magnitudes = np.abs(spectra)
    background = np.quantile(magnitudes, FLOOR_QUANTILE, axis=0)
    kept = np.minimum(1.0, background / np.maximum(magnitudes, 1e-12)).astype(np.float32)
    times = max(1, round(samples.size / sample_rate / patch_s))
    edges_s = np.linspace(0, samples.size / sample_rate, times + 1)
    edges_hz = _mel_edges_hz(sample_rate / 2, bands)
    time_of = np.searchsorted(edges_s, transform.times_s(len(spectra), sample_rate), "right") - 1
    band_of = np.searchsorted(edges_hz, transform.frequencies_hz(sample_rate), "right") - 1
    time_of, band_of = time_of.clip(0, times - 1), band_of.clip(0, bands - 1)
    energy = np.zeros((times, bands))
    np.add.at(energy, (time_of[:, None], band_of[None, :]), np.square(magnitudes * (1 - kept)))
    patches = np.argwhere(energy > LEAST_ENERGY * np.square(magnitudes).sum())
    sounds = [samples]
    for time, band in patches.tolist():
        mask = (time_of == time)[:, None] & (band_of == band)[None, :]
        sounds.append(transform.inverse(np.where(mask, spectra * kept, spectra), samples.size).astype(np.float32))
    scores = score(sounds)
    drop = np.zeros((times, bands))
    drop[tuple(patches.T)] = scores[0] - scores[1:]
    return Saliency(drop, edges_s, edges_hz)


def _mel_edges_hz(highest_hz: float, bands: int) -> Array:
    """Edges of bands of equal width on the mel scale of HTK."""
    highest_mel = np.log10(1 + highest_hz / 700)
    edges_hz: Array = 700 * (10 ** np.linspace(0, highest_mel, bands + 1) - 1)
    return edges_hz
