"""Hours of sound without keywords: features and samples on disk, and the places where a detector errs most."""

import hashlib
import math
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from audioconv import _typing, arrays, io
from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.arrays import number, whole
from audioconv.classify.array_cache import ArrayWriter, cached_array, file_digests, key_of
from audioconv.classify.clips import read_all, read_mono
from audioconv.classify.progress import NoticeSink
from audioconv.errors import ArgumentError, AudioconvError, ShapeError
from audioconv.features import LogMel

Sources: TypeAlias = _typing.Path | ArrayLike | Iterable[_typing.Path | ArrayLike]
_Recording: TypeAlias = _typing.Path | Float32Array
Score: TypeAlias = Callable[[Float32Array], Array]

FORMAT = 1  # changes when the same sources would give other arrays
FULL_SCALE = 32768
ROUNDING = 1e-6  # of a number of rows that is meant to be whole
BEFORE_PEAK = 0.75  # of a stretch: what the network has heard until there; the rest is what follows


class HardNegative(NamedTuple):
    """A place in negatives where a detector all but hears a word: what `NegativeFrames.hardest` returns.

    Parameters
    ----------
    recording : int
        Which one.
    first_sample : int
        Of the stretch that holds the peak.
    label_index : int
        The keyword whose posterior has its peak there.
    score : float
        That posterior.

    Examples
    --------
    >>> HardNegative(3, 16000, 0, 0.97)
    HardNegative(recording=3, first_sample=16000, label_index=0, score=0.97)
    """

    recording: int
    first_sample: int
    label_index: int
    score: float


class NegativeFrames:
    """Recordings without keywords, as samples and as frames of features, in one memory-mapped file of the cache.

    They are read once, one a thread at a time, so that hours take little memory; the next time they are there at once.
    Samples are kept as 16 bits, frames as float16, as which log-mel levels are off by at most 0.04 dB.

    Parameters
    ----------
    sources : paths of sound files, folders of them, or float arrays (samples,) at `features.sample_rate`
        In any mixture, or a single one. Folders are walked. Files have any format, sample rate and number of channels.
        Samples beyond full scale are clipped.
    features : LogMel
        Absolute frames are kept, without `top_db`.
    threads : int, optional
    notices : NoticeSink, optional
        Gets what is converted in files that do not fit.

    Attributes
    ----------
    features : LogMel
        The absolute ones.
    lengths : int array, shape (recordings,)
        Samples of each recording.

    Raises
    ------
    AudioFileError
        If files cannot be read, naming each.
    ArgumentError, ShapeError, DtypeError
        If there are no sources, or arrays are no recordings.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> noise = np.random.default_rng(0).normal(0, 0.1, (2, 16000)).astype("float32")
    >>> negatives = ac.detect.NegativeFrames(noise, ac.LogMel())
    >>> negatives
    NegativeFrames(2 recordings, 0.00056 h)
    >>> negatives.frames(1).shape, negatives.samples(1, 8000).shape
    ((98, 40), (8000,))
    >>> def score(frames):  # posteriors of a network for two keywords, a row each frame
    ...     return np.column_stack((0 * frames[:, 0], frames[:, 3] > -4))
    >>> negatives.hardest(score, 1, row_hop=160, row_end=400, stretch_s=0.5, min_distance_s=0.5)[0].label_index
    1
    """

    def __init__(
        self,
        sources: Sources,
        features: LogMel,
        *,
        threads: int | None = None,
        notices: NoticeSink | None = None,
    ) -> None:
        if not isinstance(features, LogMel):
            raise ArgumentError(f"features must be a LogMel, not {features!r}")
        self.features = features.absolute
        recordings = _recordings(sources)
        self._stored, places = self._load(recordings, threads, notices)
        self._starts, self.lengths, self._frame_counts = np.array(places, np.int64).reshape(-1, 3).T

    def __len__(self) -> int:
        return len(self.lengths)

    def __repr__(self) -> str:
        return f"NegativeFrames({len(self)} recordings, {self.hours:.2g} h)"

    @property
    def hours(self) -> float:
        """How long all recordings are together."""
        return float(self.lengths.sum()) / self.features.sample_rate / 3600

    def samples(self, recording: int, begin: int = 0, end: int | None = None) -> Float32Array:
        """Return samples of a recording.

        Parameters
        ----------
        recording : int
        begin, end : int, in samples
            As in slices; by default the whole of it.

        Returns
        -------
        samples : float32 array, shape (samples,)
        """
        start, length = self._starts[recording], self.lengths[recording]
        return _floats(self._stored[start : start + length][begin:end])

    def frames(self, recording: int, begin: int = 0, end: int | None = None) -> Float32Array:
        """Return frames of a recording: what `features` makes of its samples, to the precision of float16.

        Parameters
        ----------
        recording : int
        begin, end : int, in frames
            As in slices; by default the whole of it.

        Returns
        -------
        frames : float32 array, shape (frames, n_features)
        """
        start, count = self._starts[recording] + self.lengths[recording], self._frame_counts[recording]
        bands = self.features.n_features
        stored = self._stored[start : start + count * bands].view(np.float16)
        return stored.reshape(count, bands)[begin:end].astype(np.float32)

    def hardest(
        self, score: Score, count: int, *, row_hop: int, row_end: int, stretch_s: float, min_distance_s: float
    ) -> list[HardNegative]:
        """Return where the posteriors of keywords are largest (hard-negative mining).

        All recordings are gone through, one at a time.

        Parameters
        ----------
        score : callable
            score(frames) gives the posteriors (rows, keywords) of the frames (frames, n_features) of a recording.
        count : int
            At most so many peaks are returned.
        row_hop, row_end : int, in samples
            Row r is complete when `row_end + r * row_hop` samples of a recording have been heard.
        stretch_s : float, in seconds
            How long the stretches are that shall hold the peaks: three quarters of it before, one after, or less where
            the recording begins or ends.
        min_distance_s : float, in seconds
            Of two peaks that are closer, of whichever keywords, only the higher one counts.

        Returns
        -------
        peaks : list of HardNegative
            The highest first, from one list of recordings always the same.

        Raises
        ------
        ArgumentError
            If score gives no finite posteriors.
        """
        from scipy.signal import find_peaks

        count, row_hop, row_end = whole(count, "count"), whole(row_hop, "row_hop"), whole(row_end, "row_end", 0)
        rate = self.features.sample_rate
        length = max(1, round(number(stretch_s, "stretch_s", above=0) * rate))
        distance = max(1, math.ceil(number(min_distance_s, "min_distance_s", 0) * rate / row_hop - ROUNDING))
        found: list[HardNegative] = []
        for recording in range(len(self)):
            rows = _posteriors(score, self.frames(recording), recording)
            best = rows.max(axis=1, initial=-np.inf)
            peaks = find_peaks(np.pad(best, 1, constant_values=-np.inf), distance=distance)[0] - 1
            last_first = max(0, int(self.lengths[recording]) - length)
            firsts = (row_end + peaks * row_hop - round(BEFORE_PEAK * length)).clip(0, last_first)
            columns = (firsts, rows[peaks].argmax(axis=1), best[peaks])
            found += (HardNegative(recording, *peak) for peak in zip(*(c.tolist() for c in columns), strict=True))
            if len(found) > 2 * count:
                found = _highest(found, count)
        return _highest(found, count)

    def _load(
        self, recordings: Sequence[_Recording], threads: int | None, notices: NoticeSink | None
    ) -> tuple[NDArray[np.int16], list[list[int]]]:
        """All recordings, each its samples and then the bits of its frames, and where: start, samples, frames."""

        def write(file: BinaryIO, notices: NoticeSink) -> list[list[int]]:
            writer = ArrayWriter(file, np.int16, ())
            places = self._write(recordings, writer.append, threads, notices)
            writer.close()
            return places

        settings = (self.features.settings(), hashlib.sha256(self.features.filters.tobytes()).digest())
        try:
            key = key_of(FORMAT, settings, _digests(recordings, threads))
            return cast("tuple[NDArray[np.int16], list[list[int]]]", cached_array("negatives", key, write, notices))
        except AudioconvError:
            raise
        except OSError as error:
            if notices is not None:
                notices.say(f"negatives are kept in memory, because they cannot be kept on disk: {error}")
            memory = _Memory()
            places = self._write(recordings, memory.append, threads, notices)
            return memory.joined(), places

    def _write(
        self,
        recordings: Sequence[_Recording],
        append: Callable[[Array], int],
        threads: int | None,
        notices: NoticeSink | None,
    ) -> list[list[int]]:
        """Write all recordings, in whichever order they are ready, and return where each is."""

        def store(i: int) -> list[int]:
            samples = _int16(_read(recordings[i], self.features.sample_rate, notices))
            frames: Array = self.features(_floats(samples)).astype(np.float16)
            return [append(np.concatenate((samples, frames.ravel().view(np.int16)))), samples.size, len(frames)]

        return read_all(store, range(len(recordings)), threads)


class _Memory:
    """Where arrays are appended that find no place on disk."""

    def __init__(self) -> None:
        self._parts: list[Array] = []
        self._size, self._lock = 0, threading.Lock()

    def append(self, values: Array) -> int:
        with self._lock:
            self._parts.append(values)
            self._size += values.size
            return self._size - values.size

    def joined(self) -> NDArray[np.int16]:
        return np.concatenate(self._parts)


def _recordings(sources: Sources) -> list[_Recording]:
    """Files and arrays, one a recording; folders are walked."""
    expected = "sources must be sound files, folders of them, or float arrays (samples,)"
    if io.is_path(sources) or (isinstance(sources, np.ndarray) and sources.ndim == 1):
        sources = cast(Any, [sources])
    if not isinstance(sources, Iterable):
        raise ArgumentError(f"{expected}, not {sources!r}")
    found: list[_Recording] = []
    for source in sources:
        if io.is_path(source):
            path = Path(os.fsdecode(source))
            found += io.sound_files(path) if path.is_dir() else [path]
            continue
        samples = arrays.floating(cast(ArrayLike, source), f"recording {len(found)}", (1,))
        if not np.isfinite(samples).all():
            first = int(np.argmin(np.isfinite(samples)))
            raise ArgumentError(
                f"recording {len(found)} holds {samples[first]} at sample {first}; finite samples are wanted"
            )
        found.append(samples.astype(np.float32, copy=False))
    if not found:
        raise ShapeError(f"{expected}; at least one is wanted")
    return found


def _digests(recordings: Sequence[_Recording], threads: int | None) -> list[bytes]:
    """A digest of the content of each recording."""
    files = file_digests([r for r in recordings if not isinstance(r, np.ndarray)], threads)
    of_file = iter(files)
    return [hashlib.sha256(r.tobytes()).digest() if isinstance(r, np.ndarray) else next(of_file) for r in recordings]


def _read(recording: _Recording, sample_rate: int, notices: NoticeSink | None) -> Float32Array:
    return recording if isinstance(recording, np.ndarray) else read_mono(recording, sample_rate, notices)


def _int16(samples: Float32Array) -> NDArray[np.int16]:
    return np.rint(samples * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _floats(samples: NDArray[np.int16]) -> Float32Array:
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def _highest(peaks: list[HardNegative], count: int) -> list[HardNegative]:
    return sorted(peaks, key=lambda peak: (-peak.score, peak.recording, peak.first_sample))[:count]


def _posteriors(score: Score, frames: Float32Array, recording: int) -> Array:
    """What score gives of a recording, checked; a recording without frames has no rows."""
    if not len(frames):
        return np.empty((0, 1), np.float32)
    rows: Array = np.asarray(score(frames))
    if rows.ndim != 2 or not rows.shape[1] or not np.isfinite(rows).all():
        what = f"an array of shape {rows.shape}" if rows.ndim != 2 or not rows.shape[1] else "NaN or infinity"
        raise ArgumentError(f"score must give finite posteriors (rows, keywords), not {what} for recording {recording}")
    return rows
