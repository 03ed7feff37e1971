"""Spectrograms in dB of sound of any length, as wide as a picture wants."""

from typing import NamedTuple

import numpy as np

from audioconv.arrays import MOST_CHANNELS, time_first, whole
from audioconv.errors import ShapeError
from audioconv.signal._stft import Stft
from audioconv.stream.convolver2d import StreamConvolver2d

FLOOR_DB = -120.0  # what is softer is shown as this


class Spectrogram(NamedTuple):
    """A spectrogram, and where it lies."""

    db: np.ndarray  # float32 (columns, bins); 0 dB is a sine of full scale
    times_s: np.ndarray  # (columns,), the middles
    frequencies_hz: np.ndarray  # (bins,)
    signed: bool = False  # whether they are changes, after a kernel whose sum is 0, on both sides of 0


def spectrogram_db(blocks, samples, sample_rate, *, transform=None, kernels=(), columns=1600):
    """Levels in dB of a signal that comes in blocks; many channels by their mean power.

    Parameters
    ----------
    blocks : iterable of float32 arrays, shape (samples,) or (samples, channels)
    samples : int
        The sum of their lengths.
    sample_rate : int, in Hz
    transform : Stft, optional
        By default with a window of 2048 samples moved by 512.
    kernels : sequence of float arrays, shape (rows, columns)
        With which the levels are convolved one after the other, the outermost ones going on beyond the edges.
    columns : int
        At most so many: of each few neighbouring frames the largest level, or the change that is farthest from 0, so
        that nothing short is lost.

    Returns
    -------
    Spectrogram

    Raises
    ------
    ShapeError
        If there are no samples, or not as many as was said, or if blocks seem to be channels first.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype("float32")
    >>> found = spectrogram_db([tone], 16000, 16000)
    >>> float(found.db.max().round(1)), float(found.frequencies_hz[found.db.max(axis=0).argmax()])
    (0.0, 1000.0)
    """
    transform = transform or Stft(2048, 512)
    frames, sample_rate = transform.frames(samples), whole(sample_rate, "sample_rate")
    if not frames:
        raise ShapeError("a spectrogram needs at least one sample")
    group = -(-frames // whole(columns, "columns"))
    stages = [StreamConvolver2d(kernel, transform.bins, boundary="edge") for kernel in kernels]
    signed = any(abs(np.sum(kernel)) <= 1e-6 * np.abs(kernel).sum() for kernel in kernels)
    planes = _grouped(_filtered(_db(_counted(blocks, samples), transform), stages), group)
    db = np.concatenate([_pooled(plane, group, signed) for plane in planes])
    middles = transform.first_frame + np.arange(len(db)) * group + (group - 1) / 2
    return Spectrogram(db, middles * transform.hop / sample_rate, transform.frequencies_hz(sample_rate), signed)


def _counted(blocks, samples):
    """The blocks, if they are as long together as was said."""
    found = 0
    for block in blocks:
        if np.ndim(block) == 2 and np.shape(block)[1] > MOST_CHANNELS:
            time_first(block, "block")
        found += len(block)
        yield block
    if found != samples:
        raise ShapeError(f"the blocks have {found} samples together, and {samples} were said")


def _db(blocks, transform):
    """Levels of the frames as they are complete."""
    scale, stream = 2 / transform.window.sum(), None
    for block in blocks:
        if stream is None:
            stream = transform.stream(None if block.ndim == 1 else block.shape[1])
        yield _level(stream.process(block), scale)
    if stream is not None:
        yield _level(stream.flush(), scale)


def _level(spectra, scale):
    power = spectra.real**2 + spectra.imag**2
    if power.ndim == 3:
        power = power.mean(axis=2)
    return 10 * np.log10(np.maximum(power * np.float32(scale**2), np.float32(10 ** (FLOOR_DB / 10))))


def _filtered(planes, stages):
    """Planes through stages of frames one after the other, without what these are late by."""
    for stage in stages:
        planes = _through(planes, stage)
    return planes


def _through(planes, stage):
    late = stage.latency
    for plane in planes:
        filtered = stage.process(plane)
        yield filtered[late:]
        late = max(0, late - len(filtered))
    yield stage.flush()[late:]


def _grouped(planes, group):
    """Planes joined and cut anew, so that each has a multiple of `group` rows but for the last one."""
    waiting = None
    for plane in planes:
        waiting = plane if waiting is None else np.concatenate((waiting, plane))
        whole_rows = len(waiting) // group * group
        if whole_rows:
            yield waiting[:whole_rows]
            waiting = waiting[whole_rows:]
    if waiting is not None and len(waiting):
        yield waiting


def _pooled(plane, group, signed):
    """Of each `group` rows (the last may have fewer) the value that is to be seen."""
    starts = np.arange(0, len(plane), group)
    most = np.maximum.reduceat(plane, starts)
    if not signed:
        return most
    least = np.minimum.reduceat(plane, starts)
    return np.where(most >= -least, most, least)
