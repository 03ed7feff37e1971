"""Clips of one length from files or arrays of any."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from audioconv import arrays, io, parallel
from audioconv._typing import Array, ArrayLike, Float32Array, Path
from audioconv.classify.clip_cache import memory_mapped_clips
from audioconv.classify.progress import NoticeSink
from audioconv.errors import ArgumentError, AudioconvError, AudioFileError, ShapeError
from audioconv.io._read import info_and_blocks
from audioconv.io.paths import PathOrFile
from audioconv.stage import checked_block

Clips: TypeAlias = ArrayLike | Iterable[Path] | Iterable[ArrayLike]  # what users give as X
CheckedClips: TypeAlias = Array | Sequence[Path]
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

BLOCKS = 32  # of a clip
BACKGROUND_QUANTILE = 0.2  # a fifth of the blocks of a long recording is taken for its background
ENERGY_TOLERANCE, ROUNDING_TOLERANCE = 0.02, 1e-12  # by which stretches differ that have nearly the largest energy
MIN_SLACK = 0.05  # of the length of a clip: where such stretches lie closer together, the sound fills them
LONGEST_S = 300  # of a clip: of more, its loudest second says nothing, and memory may not hold it
_READ = 1 << 16  # samples read at a time
LONG = 2  # times the length of a clip, from which it is said that most of a file is left out


def fit_length(samples: Float32Array, length: int) -> Float32Array:
    """Bring a signal to `length` samples: a shorter one between zeros, of a longer one the loudest stretch.

    Many stretches hold a short sound whole: all that have nearly the largest energy. The middle one has as much before
    the sound as after it. Where the sound is near an end, there are zeros beyond that, as there are around short clips.
    """
    # Words are recognised as well so as in the middle of a clip: see docs/trials.md, "Recognition: shipped words".
    missing = length - samples.size
    if missing >= 0:
        return np.pad(samples, (missing // 2, missing - missing // 2))
    margin = length // 2
    squares = np.pad(np.square(samples, dtype=np.float64), margin)
    sums = np.concatenate(([0.0], np.cumsum(squares)))
    energies = sums[length:] - sums[:-length]  # of the stretches, by their first sample
    best = int(np.argmax(energies))
    block = max(1, length // BLOCKS)
    background = np.quantile(np.diff(sums[margin : sums.size - margin : block]), BACKGROUND_QUANTILE) / block * length
    least = energies[best] - ENERGY_TOLERANCE * max(energies[best] - background, 0) - ROUNDING_TOLERANCE * sums[-1]
    fewer = np.flatnonzero(energies < least)
    first = fewer[fewer < best].max(initial=-1) + 1
    last = fewer[fewer > best].min(initial=energies.size) - 1
    if last - first <= MIN_SLACK * length:
        first = last = best
    start = (first + last) // 2 - margin
    inside = samples[max(start, 0) : start + length]
    return np.pad(inside, (max(-start, 0), length - inside.size - max(-start, 0)))


def read_mono(
    path: PathOrFile, sample_rate: int, notices: NoticeSink | None = None, longest_s: float = np.inf
) -> Float32Array:
    """Samples of a file as float32 of one channel at `sample_rate`; `notices.say` gets what was converted.

    A file that is longer than `longest_s` is refused before it is read.
    """
    with info_and_blocks(path, _READ) as (about, blocks):
        if about.duration_s > longest_s:
            raise AudioFileError(
                f"{io.display_name(path)} is {about.duration_s:g} s long; clips of at most {longest_s:g} s are wanted; "
                f"audioconv listen and audioconv events find what is where in longer recordings"
            )
        parts = [block.mean(axis=1) if block.ndim == 2 else block for block in blocks]
    samples = np.concatenate(parts)
    if about.channels > 1:
        _say(notices, "files of several channels are averaged to one")
    if about.sample_rate != sample_rate:
        samples = io.resample(samples, about.sample_rate, sample_rate)
        _say(notices, f"files of other sample rates, such as {about.sample_rate} Hz, are resampled to {sample_rate} Hz")
    return np.ascontiguousarray(samples, np.float32)


def _say(notices: NoticeSink | None, text: str) -> None:
    if notices is not None:
        notices.say(text)


def check_clips(X: Any) -> CheckedClips:
    """Return X as a list of paths or as a float array (clips, samples), or raise an error that says why."""
    expected = "X must be a list of paths or an array (clips, samples)"
    if isinstance(X, (str, os.PathLike)):
        raise ArgumentError(f"{expected}, not the one path {str(X)!r}")
    if hasattr(X, "toarray"):
        raise ArgumentError(f"{expected}; sparse input is not supported: X.toarray() is dense")
    try:
        items = np.asarray(X) if hasattr(X, "__array__") else list(X)
        count = len(items)
    except TypeError as error:
        raise ArgumentError(f"{expected}, not {type(X).__name__}") from error
    if not count:
        raise ShapeError("X holds no clips; at least one is wanted")
    if isinstance(items[0], (str, os.PathLike)):
        return items
    if len({np.shape(item) for item in items}) > 1:
        raise ShapeError("the clips of X must have one length; pad or cut them, or give paths of files of any length")
    if np.ndim(items) == 1:
        raise ShapeError(
            f"{expected}, not of shape {np.shape(items)}. Reshape your data: X[None] is an array of one clip"
        )
    array: Array = arrays.floating(items, "X", (2,))
    if not array.shape[1]:
        raise ShapeError(f"X has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required: clips are empty")
    if not np.isfinite(array).all():
        clip, sample = np.argwhere(~np.isfinite(array))[0]
        raise ArgumentError(f"X must hold no NaN or infinity, but clip {clip} has {array[clip, sample]} at {sample}")
    return array


def clip_block(block: ArrayLike, stream: object) -> Float32Array:
    """Return a block of a stream as a float32 array (samples,), or raise an error that says why."""
    return checked_block(block, np.dtype(np.float32), ((),), stage=stream, finite=True)


def load_clips(
    X: CheckedClips,
    sample_rate: int,
    length: int,
    notices: NoticeSink | None = None,
    threads: int | None = None,
    cache: bool = False,
) -> Float32Array:
    """Clips of equal length as one array.

    Parameters
    ----------
    X : list of paths, or float array of shape (clips, samples) at `sample_rate`, as `check_clips` returns
    sample_rate : int, in Hz
    length : int, in samples
    notices : NoticeSink, optional
        Gets what is converted in files that do not fit.
    threads : int, optional
    cache : bool
        Cache the clips of files on disk for the next time, memory-mapped.

    Returns
    -------
    clips : float32 array, shape (clips, length)
        Read-only if memory-mapped.

    Raises
    ------
    AudioFileError
        If files cannot be read, naming each.
    """
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        return np.stack([fit_length(clip, length) for clip in X.astype(np.float32, copy=False)])

    files: Sequence[Path] = list(X)

    def read(path: Path, notices: NoticeSink | None) -> Float32Array:
        samples = read_mono(path, sample_rate, notices, LONGEST_S)
        if samples.size > LONG * length:
            long_s, length_s = LONG * length / sample_rate, length / sample_rate
            _say(notices, f"of files longer than {long_s:g} s only the loudest {length_s:g} s are taken")
        return fit_length(samples, length)

    if cache:
        try:
            return memory_mapped_clips(files, sample_rate, length, read, notices, threads)
        except AudioconvError:
            raise
        except OSError as error:
            _say(notices, f"clips are kept in memory, because they cannot be kept on disk: {error}")
    return np.stack(read_all(lambda path: read(path, notices), files, threads))


def read_all(read: Callable[[_Item], _Result], files: Iterable[_Item], threads: int | None = None) -> list[_Result]:
    """The result of `read` for each file, in order; all that cannot be read are named in one AudioFileError."""
    found = parallel.run(lambda path: _read_or_error(read, path), files, threads)
    broken = [result for result in found if isinstance(result, AudioFileError)]
    if len(broken) == 1:
        raise broken[0]
    if broken:
        raise AudioFileError(f"{len(broken)} of {len(found)} files cannot be read: {'; '.join(map(str, broken))}")
    return [result for result in found if not isinstance(result, AudioFileError)]


def broken_files(files: Sequence[Path], threads: int | None = None) -> dict[Path, AudioFileError]:
    """The files that cannot be read, each with the reason: a dict from path to AudioFileError."""
    found = parallel.run(lambda path: _read_or_error(_decode, path), files, threads)
    return {path: error for path, error in zip(files, found, strict=True) if isinstance(error, AudioFileError)}


def _decode(path: Path) -> None:
    """Read all of a file, and keep none of it."""
    for _ in io.blocks(path, _READ):
        pass


def _read_or_error(read: Callable[[_Item], _Result], path: _Item) -> _Result | AudioFileError:
    """The result of `read` for a file, or the error that says why it cannot be read."""
    try:
        return read(path)
    except AudioFileError as error:
        return error
