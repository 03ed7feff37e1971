"""Spectrograms in dB of sound of any length, max-pooled to the columns of a picture."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array, ArrayLike, FloatArray
from audioconv.arrays import MOST_CHANNELS, time_first, whole
from audioconv.errors import ShapeError
from audioconv.signal._stft import Stft
from audioconv.stage import SampleQueue, without_latency
from audioconv.stream.convolver2d import StreamConvolver2d

FLOOR_DB = -120.0  # what is softer is shown as this


class Spectrogram(NamedTuple):
    """A spectrogram in dB, and where it lies in time and frequency.

    Parameters
    ----------
    db : float32 array, shape (columns, bins)
        Levels; 0 dB is a sine of full scale.
    times_s : float array, shape (columns,), in seconds
        The middles of the columns.
    frequencies_hz : float array, shape (bins,), in Hz
    signed : bool
        Whether they are changes on both sides of 0, after a kernel whose sum is 0 (a derivative), rather than levels.

    Examples
    --------
    >>> spectrogram_db([np.zeros(4096, "float32")], 4096, 16000)
    Spectrogram(11 columns of 1025 bins to 8000 Hz, 0.352 s)
    """

    db: NDArray[np.float32]
    times_s: FloatArray
    frequencies_hz: FloatArray
    signed: bool = False

    def __repr__(self) -> str:
        columns, bins = self.db.shape
        step_s = self.times_s[1] - self.times_s[0] if columns > 1 else 0.0
        reach = f"to {self.frequencies_hz[-1]:g} Hz, " if bins else ""
        return (
            f"Spectrogram({columns} columns of {bins} bins {reach}{columns * step_s:.3f} s"
            f"{', signed' if self.signed else ''})"
        )


def spectrogram_db(
    blocks: Iterable[FloatArray],
    samples: int,
    sample_rate: int,
    *,
    transform: Stft | None = None,
    kernels: Sequence[ArrayLike] = (),
    columns: int = 1600,
) -> Spectrogram:
    """Compute the spectrogram in dB of a signal that comes in blocks; of many channels, by their mean power.

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
        Largest number: of each few neighbouring frames the largest level, or the change that is farthest from 0, so
        that nothing short is lost.

    Returns
    -------
    found : Spectrogram

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
    planes_of = [np.asarray(kernel) for kernel in kernels]
    stages = [StreamConvolver2d(kernel, transform.bins, boundary="edge") for kernel in planes_of]
    signed = any(abs(np.sum(kernel)) <= 1e-6 * np.abs(kernel).sum() for kernel in planes_of)
    planes = _grouped(_filtered(_db(_counted(blocks, samples), transform), stages), group, transform.bins)
    db = np.concatenate([_pooled(plane, group, signed) for plane in planes])
    middles = transform.first_frame + np.arange(len(db)) * group + (group - 1) / 2
    return Spectrogram(db, middles * transform.hop / sample_rate, transform.frequencies_hz(sample_rate), signed)


def _counted(blocks: Iterable[Array], samples: int) -> Iterator[Array]:
    """The blocks, if they are as long together as was said."""
    found = 0
    for block in blocks:
        if np.ndim(block) == 2 and np.shape(block)[1] > MOST_CHANNELS:
            time_first(block, "block")
        found += len(block)
        yield block
    if found != samples:
        raise ShapeError(f"the blocks have {found} samples together, and {samples} were said")


def _db(blocks: Iterable[Array], transform: Stft) -> Iterator[Array]:
    """Levels of the frames as they are complete."""
    scale, stream = 2 / transform.window.sum(), None
    for block in blocks:
        if stream is None:
            stream = transform.stream(None if block.ndim == 1 else block.shape[1])
        yield _level(stream.process(block), scale)
    if stream is not None:
        yield _level(stream.flush(), scale)


def _level(spectra: Array, scale: float) -> Array:
    power = spectra.real**2 + spectra.imag**2
    if power.ndim == 3:
        power = power.mean(axis=2)
    db: Array = 10 * np.log10(np.maximum(power * np.float32(scale**2), np.float32(10 ** (FLOOR_DB / 10))))
    return db


def _filtered(planes: Iterator[Array], stages: Iterable[StreamConvolver2d]) -> Iterator[Array]:
    """Planes through stages of frames one after the other, without what these are late by."""
    for stage in stages:
        planes = without_latency(stage, planes)
    return planes


def _grouped(planes: Iterable[Array], group: int, bins: int) -> Iterator[Array]:
    """Planes joined and cut anew, so that each has a multiple of `group` rows but for the last one."""
    pending = SampleQueue(np.empty((0, bins), np.float32))
    for plane in planes:
        pending.append(plane)
        yield pending.take(pending.frames(group) * group)
    yield pending.items


def _pooled(plane: Array, group: int, signed: bool) -> Array:
    """Max pooling: of each `group` rows (the last may have fewer) the largest level, or the change farthest from 0."""
    starts = np.arange(0, len(plane), group)
    most: Array = np.maximum.reduceat(plane, starts)
    if not signed:
        return most
    least = np.minimum.reduceat(plane, starts)
    farthest: Array = np.where(most >= -least, most, least)
    return farthest
