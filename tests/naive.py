"""Naive twins of the kernels: loops that anyone can read, in the widest precision at hand."""

import numpy as np

# --- Fourier transform ------------------------------------------------------------------------------------


def rfft(x):
    """Bins 0 ... n/2 of the discrete Fourier transform, by its definition."""
    n = len(x)
    k, j = np.arange(n // 2 + 1)[:, None], np.arange(n)[None, :]
    return np.sum(np.exp(-2j * np.pi * ((k * j) % n).astype(np.longdouble) / n) * x, axis=1)
