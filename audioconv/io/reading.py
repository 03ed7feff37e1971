"""Sound files in. A file that is damaged in any way is refused, never read in part."""

from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audioconv.arrays import choice, whole
from audioconv.errors import AudioFileError
from audioconv.io.damage import missing_bytes


class Clip(NamedTuple):
    """A signal and its sample rate; unpacks as `samples, sample_rate = read(path)`."""

    samples: np.ndarray  # (samples,) for one channel, else (samples, channels)
    sample_rate: int  # Hz


class Info(NamedTuple):
    """What the header of a sound file says."""

    sample_rate: int  # Hz
    channels: int
    frames: int  # samples a channel
    format: str  # as soundfile names it: "WAV", "FLAC", ...
    subtype: str  # "PCM_16", "FLOAT", "VORBIS", ...


def info(path):
    """Return the `Info` of a sound file without reading its samples.

    Raises
    ------
    AudioFileError
        If the file is missing, empty, not audio, holds no samples, or is visibly shorter than its header says.
    """
    with _opened(path) as sound:
        return Info(sound.samplerate, sound.channels, sound.frames, sound.format, sound.subtype)


def read(path, *, dtype="float32"):
    """Read a whole sound file.

    Parameters
    ----------
    path : str or path
        WAV, FLAC, Ogg, MP3, AIFF and whatever else libsndfile knows.
    dtype : "float32" or "float64"
        Integer formats come out in [-1, 1).

    Returns
    -------
    clip : Clip
        samples (samples,) for one channel, else (samples, channels), and sample_rate in Hz.

    Raises
    ------
    AudioFileError
        If the file is missing, empty, not audio, cut short, holds no samples, or holds NaN or infinite ones.

    Examples
    --------
    >>> samples, sample_rate = read("speech.flac")  # doctest: +SKIP
    """
    choice(dtype, "dtype", ("float32", "float64"))
    with _opened(path) as sound:
        try:
            samples = sound.read(sound.frames, dtype=dtype)
        except MemoryError as error:
            raise AudioFileError(f"{path} says it holds {sound.frames} samples: too many for memory") from error
        _check_count(path, len(samples), sound.frames)
        _check_finite(path, samples, 0, sound.samplerate)
        return Clip(samples, sound.samplerate)


def blocks(path, block_size, *, dtype="float32"):
    """Read a sound file block by block, for files longer than memory.

    Parameters
    ----------
    path, dtype
        As in `read`.
    block_size : int
        Samples a block; the last one may be shorter.

    Returns
    -------
    blocks : iterator of float arrays, shape (samples,) or (samples, channels)

    Raises
    ------
    AudioFileError
        As `read`: at the call for what the header shows, on the way for what comes out only then.
    """
    choice(dtype, "dtype", ("float32", "float64"))
    block_size = whole(block_size, "block_size")
    info(path)
    return _blocks(path, block_size, dtype)


def _blocks(path, block_size, dtype):
    with _opened(path) as sound:
        done = 0
        while len(block := sound.read(block_size, dtype=dtype)):
            _check_finite(path, block, done, sound.samplerate)
            done += len(block)
            yield block
        _check_count(path, done, sound.frames)


@contextmanager
def _opened(path):
    """An open `soundfile.SoundFile`; whatever libsndfile cannot do with it becomes one clear AudioFileError."""
    _check_file(Path(path))
    import soundfile

    try:
        with soundfile.SoundFile(path) as sound:
            sound.seekable = lambda: False  # else soundfile seeks after each read, which changes what MP3 decodes to
            if not sound.frames:
                raise AudioFileError(f"{path} has a {sound.format} header but no samples; at least one is wanted")
            yield sound
    except soundfile.LibsndfileError as error:
        reason = error.error_string.rstrip(".")
        if "lost sync" in reason:
            raise AudioFileError(f"{path} is damaged or cut short ({reason}); a whole file is wanted") from error
        raise AudioFileError(f"{path} cannot be read as a sound file ({reason}); WAV, FLAC, Ogg, MP3 … are") from error


def _check_file(path):
    try:
        if not path.exists():
            raise AudioFileError(f"{path} does not exist; a sound file is wanted")
        if not path.is_file():
            raise AudioFileError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}, not a sound file")
        if not path.stat().st_size:
            raise AudioFileError(f"{path} is empty (0 bytes); a sound file is wanted")
        if path.suffix.lower() == ".raw":
            raise AudioFileError(f"{path} has no header that tells its sample rate and format; convert it to WAV first")
        missing = missing_bytes(path)
    except AudioFileError:
        raise
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror}") from error
    if missing:
        raise AudioFileError(f"{path} is cut short: at least {missing} byte(s) are missing; a whole file is wanted")


def _check_count(path, count, expected):
    if count != expected:
        raise AudioFileError(
            f"{path} is cut short: {count} samples where its header says {expected}; a whole file is wanted"
        )


def _check_finite(path, samples, start, sample_rate):
    finite = np.isfinite(samples)
    if finite.all():
        return
    where = tuple(int(i) for i in np.argwhere(~finite)[0])
    channel = f" of channel {where[1] + 1}" if len(where) > 1 else ""
    raise AudioFileError(
        f"{path} holds {samples[where]} at {(start + where[0]) / sample_rate:.4f} s "
        f"(sample {start + where[0]}{channel}); finite samples are wanted"
    )
