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


def read_mono(path, sample_rate):
    """Samples of a file as float32 of one channel at `sample_rate`, and a set of notices on what was done to it."""
    clip = io.read(path)
    samples, notices = clip.samples, set()
    if samples.ndim == 2:
        samples = samples.mean(axis=1)
        notices.add("channels were averaged to one")
    if clip.sample_rate != sample_rate:
        samples = io.resample(samples, clip.sample_rate, sample_rate)
        notices.add(f"clips were resampled to {sample_rate} Hz with soxr")
    return np.ascontiguousarray(samples, np.float32), notices


def load_clips(X, sample_rate, length, threads=None):
    """Clips of equal length as one array.

    Parameters
    ----------
    X : list of paths, or float array of shape (clips, samples) at `sample_rate`
    sample_rate : int, in Hz
    length : int, in samples

    Returns
    -------
    clips : float32 array, shape (clips, length)
    notices : list of str
        What was done to files that did not fit: each kind once, with how many.
    """
    if _are_paths(X):
        read = parallel.run(lambda path: read_mono(path, sample_rate), X, threads)
        counts = {}
        for _, notices in read:
            for notice in notices:
                counts[notice] = counts.get(notice, 0) + 1
        clips = [fit_length(samples, length) for samples, _ in read]
        return np.stack(clips), [f"{notice} ({count} of {len(clips)})" for notice, count in sorted(counts.items())]
    array = arrays.floating(X, "X", (2,))
    if 0 in array.shape:
        raise ShapeError(f"X must have shape (clips, samples) with at least one of each, not {array.shape}")
    if not np.isfinite(array).all():
        clip, sample = np.argwhere(~np.isfinite(array))[0]
        raise ArgumentError(f"X must be finite, but clip {clip} holds {array[clip, sample]} at sample {sample}")
    return np.stack([fit_length(clip, length) for clip in array.astype(np.float32, copy=False)]), []


def _are_paths(X):
    if isinstance(X, (str, os.PathLike)):
        raise ArgumentError(f"X must be a list of paths or an array (clips, samples), not the one path {X!r}")
    try:
        first = X[0] if len(X) else None
    except (TypeError, KeyError) as error:
        raise ArgumentError(
            f"X must be a list of paths or an array (clips, samples), not {type(X).__name__}"
        ) from error
    if first is None:
        raise ShapeError("X holds no clips; at least one is wanted")
    return isinstance(first, (str, os.PathLike))
