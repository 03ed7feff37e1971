"""Triangular bands on a mel scale, as librosa makes them."""

import numpy as np
from numpy.typing import NDArray

# Slaney's scale: in steps of 200/3 Hz below 1 kHz, logarithmic above, 27 steps for a factor of 6.4.
HZ_PER_MEL, LOG_FROM_HZ, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27
LOG_FROM_MEL = LOG_FROM_HZ / HZ_PER_MEL


def mel_bands(
    sample_rate: int, fft_size: int, n_mels: int, fmin: float, fmax: float, *, htk: bool, norm: str | float | None
) -> NDArray[np.float64]:
    """The weights of the bins of a power spectrum in each band; parameters as of `LogMel`.

    Returns
    -------
    filters : float64 array, shape (n_mels, fft_size // 2 + 1)
    """
    lowest, highest = _mels(np.array([fmin, fmax]), htk)
    mels = np.linspace(lowest, highest, n_mels + 2)
    edges_hz = _hz(mels, htk)
    widths, ramps = np.diff(edges_hz), np.subtract.outer(edges_hz, np.fft.rfftfreq(fft_size, 1 / sample_rate))
    rising, falling = -ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]
    filters: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    if norm is None:
        return filters
    if norm == "slaney":  # equal area
        return filters * (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    lengths = np.linalg.norm(filters, float(norm), axis=1, keepdims=True)
    return filters / np.where(lengths < np.finfo(np.float64).tiny, 1, lengths)


def _mels(hz: NDArray[np.float64], htk: bool) -> NDArray[np.float64]:
    if htk:
        return 2595 * np.log10(1 + hz / 700)
    above = np.log(np.maximum(hz, LOG_FROM_HZ) / LOG_FROM_HZ) / LOG_STEP
    return np.where(hz >= LOG_FROM_HZ, LOG_FROM_MEL + above, hz / HZ_PER_MEL)


def _hz(mels: NDArray[np.float64], htk: bool) -> NDArray[np.float64]:
    if htk:
        return 700 * (10 ** (mels / 2595) - 1)
    return np.where(mels >= LOG_FROM_MEL, LOG_FROM_HZ * np.exp(LOG_STEP * (mels - LOG_FROM_MEL)), HZ_PER_MEL * mels)
