"""Clips of one length from files or arrays of any."""

import os

import numpy as np

from audioconv import arrays, io, parallel
from audioconv.errors import ArgumentError, ShapeError


def fit_length(samples, length):
    """Bring a signal to `length` samples: a shorter one between zeros, of a longer one the stretch of most energy."""
    missing = length - samples.size
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    energy = np.concatenate(([0.0], np.cumsum(samples.astype(np.float64) ** 2)))
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]


def read_mono(path, sample_rate, notices=None):
    """Samples of a file as float32 of one channel at `sample_rate`; `notices.say` is told what was done to it."""
    clip = io.read(path)
    samples = clip.samples
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
        _say(notices, "files of several channels are averaged to one")
    if clip.sample_rate != sample_rate:
        samples = io.resample(samples, clip.sample_rate, sample_rate)
        _say(notices, f"files of other sample rates, such as {clip.sample_rate} Hz, are resampled to {sample_rate} Hz")
    return np.ascontiguousarray(samples, np.float32)


def _say(notices, text):
    if notices is not None:
        notices.say(text)


def check_clips(X):
    """Return X as a list of paths or as a float array (clips, samples), or say what is wrong with it."""
    if isinstance(X, (str, os.PathLike)):
        raise ArgumentError(f"X must be a list of paths or an array (clips, samples), not the one path {str(X)!r}")
    try:
        items = X if isinstance(X, np.ndarray) else list(X)
    except TypeError as error:
        raise ArgumentError(
            f"X must be a list of paths or an array (clips, samples), not {type(X).__name__}"
        ) from error
    if not len(items):
        raise ShapeError("X holds no clips; at least one is wanted")
    if isinstance(items[0], (str, os.PathLike)):
        return items
    if len({np.shape(item) for item in items}) > 1:
        raise ShapeError("the clips of X must have one length; pad or cut them, or give paths of files of any length")
    array = arrays.floating(items, "X", (2,))
    if 0 in array.shape:
        raise ShapeError(f"X must have shape (clips, samples) with at least one of each, not {array.shape}")
    if not np.isfinite(array).all():
        clip, sample = np.argwhere(~np.isfinite(array))[0]
        raise ArgumentError(f"X must be finite, but clip {clip} holds {array[clip, sample]} at sample {sample}")
    return array


def load_clips(X, sample_rate, length, notices=None, threads=None):
    """Clips of equal length as one array.

    Parameters
    ----------
    X : list of paths, or float array of shape (clips, samples) at `sample_rate`, as `check_clips` returns
    sample_rate : int, in Hz
    length : int, in samples
    notices : Notices, optional
        Told what is done to files that do not fit.

    Returns
    -------
    clips : float32 array, shape (clips, length)
    """
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        return np.stack([fit_length(clip, length) for clip in X.astype(np.float32, copy=False)])
    read = parallel.run(lambda path: fit_length(read_mono(path, sample_rate, notices), length), X, threads)
    return np.stack(read)
