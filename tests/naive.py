"""Naive twins of the kernels: loops that anyone can read, in the widest precision at hand."""

import numpy as np

# --- Fourier transform ------------------------------------------------------------------------------------


def rfft(x):
    """Bins 0 ... n/2 of the discrete Fourier transform, by its definition."""
    n = len(x)
    k, j = np.arange(n // 2 + 1)[:, None], np.arange(n)[None, :]
    return np.sum(np.exp(-2j * np.pi * ((k * j) % n).astype(np.longdouble) / n) * x, axis=1)

# --- features ---------------------------------------------------------------------------------------------


def log_mel(x, features):
    """Log-mel frames of x with the settings and filters of a LogMel, from the definition."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(features.window) / features.window)
    starts = range(0, len(x) - features.window + 1, features.hop)
    rows = []
    for start in starts:
        frame = np.zeros(features.fft_size)
        frame[: features.window] = x[start : start + features.window] * hann
        rows.append(np.log((features.filters * np.abs(rfft(frame)) ** 2).sum(axis=1) + features.offset))
    return np.array(rows, dtype=float).reshape(len(rows), features.mels)
