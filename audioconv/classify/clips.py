"""Clips of one length from files or arrays of any."""

import os

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from audioconv import arrays, io, parallel
from audioconv.classify.clip_store import mapped_clips
from audioconv.errors import ArgumentError, AudioconvError, ShapeError


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
    wanted = "X must be a list of paths or an array (clips, samples)"
    if isinstance(X, (str, os.PathLike)):
        raise ArgumentError(f"{wanted}, not the one path {str(X)!r}")
    if hasattr(X, "toarray"):
        raise ArgumentError(f"{wanted}; sparse input is not supported: X.toarray() is dense")
    try:
        items = np.asarray(X) if hasattr(X, "__array__") else list(X)
        count = len(items)
    except TypeError as error:
        raise ArgumentError(f"{wanted}, not {type(X).__name__}") from error
    if not count:
        raise ShapeError("X holds no clips; at least one is wanted")
    if isinstance(items[0], (str, os.PathLike)):
        return items
    if len({np.shape(item) for item in items}) > 1:
        raise ShapeError("the clips of X must have one length; pad or cut them, or give paths of files of any length")
    if np.ndim(items) == 1:
        raise ShapeError(
            f"{wanted}, not of shape {np.shape(items)}. Reshape your data: X[None] is an array of one clip"
        )
    array = arrays.floating(items, "X", (2,))
    if not array.shape[1]:
        raise ShapeError(f"X has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required: clips are empty")
    if not np.isfinite(array).all():
        clip, sample = np.argwhere(~np.isfinite(array))[0]
        raise ArgumentError(f"X must hold no NaN or infinity, but clip {clip} has {array[clip, sample]} at {sample}")
    return array


def check_labels(y, clips):
    """Return y as an array of `clips` labels, or say what is wrong with it."""
    if y is None:
        raise ArgumentError("KeywordClassifier requires y to be passed, but the target y is None; labels are wanted")
    try:
        labels = column_or_1d(y, warn=True)
    except ValueError as error:
        raise ShapeError(f"y must hold one label a clip: {clips} clips, labels of shape {np.shape(y)}") from error
    if len(labels) != clips:
        raise ShapeError(f"y must hold one label a clip: {clips} clips, labels of shape {labels.shape}")
    if labels.dtype.kind not in "USifub":
        kinds = sorted({type(label).__name__ for label in labels})
        if len(kinds) > 1 or kinds[0] != "str":
            raise ArgumentError(f"y must hold labels of one kind, text or numbers, not {', '.join(kinds)}")
        labels = labels.astype(str)
    try:
        check_classification_targets(labels)
    except ValueError as error:
        raise ArgumentError(f"y must hold labels, not measurements: {error}") from error
    return labels


def load_clips(X, sample_rate, length, notices=None, threads=None, keep=False):
    """Clips of equal length as one array.

    Parameters
    ----------
    X : list of paths, or float array of shape (clips, samples) at `sample_rate`, as `check_clips` returns
    sample_rate : int, in Hz
    length : int, in samples
    notices : Notices, optional
        Told what is done to files that do not fit.
    keep : bool
        Keep the clips of files on disk for the next time, and map them into memory.

    Returns
    -------
    clips : float32 array, shape (clips, length)
        Read-only if it is mapped.
    """
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        return np.stack([fit_length(clip, length) for clip in X.astype(np.float32, copy=False)])

    def read(path, notices):
        return fit_length(read_mono(path, sample_rate, notices), length)

    if keep:
        try:
            return mapped_clips(X, sample_rate, length, read, notices, threads)
        except AudioconvError:
            raise
        except OSError as error:
            _say(notices, f"clips are kept in memory, because they cannot be kept on disk: {error}")
    return np.stack(parallel.run(lambda path: read(path, notices), X, threads))
