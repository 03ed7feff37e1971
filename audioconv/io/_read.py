"""Sound files in. A file that is damaged is refused, or read as far as it goes where that is asked for."""

import math
import numbers
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv._typing import Array, FloatArray, FloatName
from audioconv.arrays import choice, whole
from audioconv.errors import ArgumentError, AudioFileError, AudioFileWarning
from audioconv.io.clip import Clip
from audioconv.io.integrity import layout_of
from audioconv.io.paths import PathOrFile, is_path
from audioconv.io.source import open_source

if TYPE_CHECKING:
    from audioconv.io.decoder import Decoder

_CHUNK = 1 << 16  # samples decoded at a time where their number is not known


class Info(NamedTuple):
    """What a sound file holds; made by `info`.

    Parameters
    ----------
    sample_rate : int, in Hz
    channels : int
    frames : int
        Samples a channel, as many as `read` gives.
    format : str
        As soundfile names it: "WAV", "FLAC", ...
    subtype : str
        Encoding of the samples: "PCM_16", "FLOAT", "VORBIS", ...

    Examples
    --------
    >>> Info(sample_rate=16000, channels=1, frames=8000, format="WAV", subtype="PCM_16").duration_s
    0.5
    """

    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.sample_rate


def info(source: PathOrFile, *, partial: bool = False) -> Info:
    """Return what a sound file holds; its samples are decoded only where the header does not tell how many.

    Parameters
    ----------
    source : str, path or binary file object
        As in `read`.
    partial : bool
        As in `read`.

    Returns
    -------
    about : Info

    Raises
    ------
    AudioFileError
        If the file is missing, empty, not audio, holds no samples, or is visibly shorter than its header says.

    Examples
    --------
    >>> import io, audioconv as ac
    >>> file = io.BytesIO()
    >>> ac.write(file, np.zeros(8000), 16000, format="WAV")
    >>> info(io.BytesIO(file.getvalue()))
    Info(sample_rate=16000, channels=1, frames=8000, format='WAV', subtype='PCM_16')
    """
    with _decoder(source, "float32", partial) as decoder:
        frames = decoder.frames
        if frames is None or partial:
            frames = sum(map(len, _decoded(decoder, _CHUNK, 0, None, "float32", partial)))
        return Info(decoder.sample_rate, decoder.channels, frames, decoder.format, decoder.subtype)


def read(
    source: PathOrFile,
    start_s: float = 0,
    stop_s: float | None = None,
    *,
    dtype: FloatName = "float32",
    partial: bool = False,
) -> Clip:
    """Read a sound file, or the part of it between two times.

    Parameters
    ----------
    source : str, path or binary file object
        WAV, FLAC, Ogg, MP3, AIFF and whatever else libsndfile knows. A file object (open file, BytesIO, pipe) is read
        from where it stands and left standing there; a pipe is copied to a temporary file first.
    start_s, stop_s : float, seconds
        The part to read, by default all. Both are rounded to samples; a `stop_s` beyond the end means the end.
    dtype : {"float32", "float64"}
        Integer formats come out in [-1, 1).
    partial : bool
        Read a file that is cut short or damaged as far as it goes, with an `AudioFileWarning` that says what is
        missing.

    Returns
    -------
    clip : Clip
        samples (samples,) for one channel, else (samples, channels), and sample_rate in Hz.

    Raises
    ------
    AudioFileError
        If the file is missing, empty, not audio, cut short, holds no samples, or holds NaN or infinite ones.
    ArgumentError
        For times that are none of the file.

    Examples
    --------
    >>> import io, audioconv as ac
    >>> file = io.BytesIO()
    >>> ac.write(file, np.zeros(48000), 16000, format="WAV")
    >>> samples, sample_rate = read(io.BytesIO(file.getvalue()))
    >>> read(io.BytesIO(file.getvalue()), 1, 2.5)  # from 1 s to 2.5 s
    Clip(1.500 s, 16000 Hz, 1 channel, float32)
    """
    choice(dtype, "dtype", ("float32", "float64"))
    with _decoder(source, dtype, partial) as decoder:
        start, stop = _range(decoder, start_s, stop_s)
        block_size = _CHUNK if decoder.frames is None or partial or stop is None else stop - start
        try:
            parts = list(_decoded(decoder, block_size, start, stop, dtype, partial))
            samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
        except MemoryError as error:
            raise AudioFileError(f"{decoder.name} holds too many samples for memory; read it with blocks") from error
        return Clip(samples, decoder.sample_rate)


def blocks(
    source: PathOrFile,
    block_size: int,
    start_s: float = 0,
    stop_s: float | None = None,
    *,
    dtype: FloatName = "float32",
    partial: bool = False,
) -> Iterator[FloatArray]:
    """Read a sound file, or a part of it, block by block, for files longer than memory.

    Parameters
    ----------
    source : str, path or binary file object
        As in `read`.
    block_size : int
        Samples a block; the last one may be shorter.
    start_s, stop_s : float, in seconds
        As in `read`.
    dtype : {"float32", "float64"}
        As in `read`.
    partial : bool
        As in `read`.

    Returns
    -------
    blocks : iterator of float arrays, shape (samples,) or (samples, channels)

    Raises
    ------
    AudioFileError, ArgumentError
        As `read`: at the call for what the header shows, on the way for what comes out only then.

    Examples
    --------
    >>> import io, audioconv as ac
    >>> file = io.BytesIO()
    >>> ac.write(file, np.zeros(2500), 16000, format="WAV")
    >>> [len(block) for block in blocks(io.BytesIO(file.getvalue()), 1000)]
    [1000, 1000, 500]
    """
    choice(dtype, "dtype", ("float32", "float64"))
    block_size = whole(block_size, "block_size")
    with ExitStack() as stack:
        decoder = stack.enter_context(_decoder(source, dtype, partial))
        start, stop = _range(decoder, start_s, stop_s)
        found = _decoded(decoder, block_size, start, stop, dtype, partial)
        return _closing(found, stack.pop_all())


@contextmanager
def info_and_blocks(
    source: PathOrFile, block_size: int, partial: bool = False
) -> Iterator[tuple[Info, Iterator[FloatArray]]]:
    """Give what `info` and `blocks` give of a sound file, which is opened once if a path's header says how long it is.

    Parameters
    ----------
    source, block_size, partial
        As in `blocks`; a file object must be able to seek, and may be read by others before the first block.

    Yields
    ------
    about : Info
    blocks : iterator of float32 arrays
        The file is closed with the last one, or when `with` ends.
    """
    block_size = whole(block_size, "block_size")
    with ExitStack() as stack:
        decoder = None if partial or not is_path(source) else stack.enter_context(_decoder(source, "float32", partial))
        frames = None if decoder is None else decoder.frames
        opened = stack.pop_all()
    if decoder is None or frames is None:
        opened.close()
        yield info(source, partial=partial), _later(source, block_size, partial)
        return
    try:  # what goes wrong elsewhere meanwhile is not said of this file
        about = Info(decoder.sample_rate, decoder.channels, frames, decoder.format, decoder.subtype)
        yield about, _closing(_decoded(decoder, block_size, 0, frames, "float32", partial), opened)
    finally:
        opened.close()


def _later(source: PathOrFile, block_size: int, partial: bool) -> Iterator[Array]:
    """`blocks`, opened with the first one."""
    yield from blocks(source, block_size, partial=partial)


def _closing(found: Iterator[Array], stack: ExitStack) -> Iterator[Array]:
    with stack:
        yield from found


@contextmanager
def _decoder(source: PathOrFile, dtype: FloatName, partial: bool) -> Iterator["Decoder"]:
    """An open decoder, after all that can be said before the first sample is decoded."""
    from audioconv.io.decoder import decoder_of

    with open_source(source) as ready:
        layout = layout_of(ready)
        if layout.missing:
            _report(ready.name, layout.missing, partial)
        with closing(decoder_of(ready, layout, dtype, partial)) as decoder:
            if decoder.frames == 0:
                raise _empty(decoder)
            if layout.missing:
                decoder.frames = None  # what its header says, or a part of that
            yield decoder


def _report(name: str, missing: str, partial: bool) -> None:
    if not partial:
        raise AudioFileError(f"{name} {missing}; a whole file is wanted, or partial=True (--partial) for what is there")
    warnings.warn(f"{name} {missing}; only what is there is read", AudioFileWarning, stacklevel=4)


def _empty(decoder: "Decoder") -> AudioFileError:
    return AudioFileError(f"{decoder.name} has a {decoder.format} header but no samples; at least one is wanted")


def _range(decoder: "Decoder", start_s: float, stop_s: float | None) -> tuple[int, int | None]:
    """First sample and the one after the last (None for the end) of a part given in seconds."""
    start = _sample(start_s, "start_s", decoder.sample_rate)
    stop = None if stop_s is None else _sample(stop_s, "stop_s", decoder.sample_rate)
    if stop is not None and stop <= start:
        raise ArgumentError(f"stop_s must be after start_s ({start_s} s) by a sample at least, not {stop_s}")
    if decoder.frames is not None:
        if start >= decoder.frames:
            raise _beyond(decoder.name, start_s, decoder.frames, decoder.sample_rate)
        stop = decoder.frames if stop is None else min(stop, decoder.frames)
    return start, stop


def _sample(time_s: float, name: str, sample_rate: int) -> int:
    if not isinstance(time_s, numbers.Real) or isinstance(time_s, bool) or not 0 <= time_s < math.inf:
        raise ArgumentError(f"{name} must be seconds from 0, not {time_s!r}")
    return round(float(time_s) * sample_rate)


def _beyond(name: str, start_s: float, frames: int, sample_rate: int) -> ArgumentError:
    return ArgumentError(f"start_s must lie before the end of {name} at {frames / sample_rate:g} s, not {start_s:g}")


def _decoded(
    decoder: "Decoder", block_size: int, start: int, stop: int | None, dtype: FloatName, partial: bool
) -> Iterator[Array]:
    """The blocks of a range; says at their end what was missing."""
    at = start if start and decoder.skip(start, dtype) else 0
    while at < start and len(block := decoder.read(min(_CHUNK, start - at), dtype)):
        at += len(block)
    while stop is None or at < stop:
        block = decoder.read(block_size if stop is None else min(block_size, stop - at), dtype)
        if not len(block):
            break
        _check_finite(decoder.name, block, at, decoder.sample_rate)
        at += len(block)
        yield block
    issue = "" if stop is not None and at == stop != decoder.frames else decoder.issue()
    if stop is not None and at < stop and decoder.frames is not None:
        issue = issue or f"is cut short: {at} samples where its header says {decoder.frames}"
    if issue:
        _report(decoder.name, issue, partial)
    if not at:
        raise _empty(decoder)
    if at <= start:
        raise _beyond(decoder.name, start / decoder.sample_rate, at, decoder.sample_rate)


def _check_finite(name: str, samples: Array, start: int, sample_rate: int) -> None:
    finite = np.isfinite(samples)
    if finite.all():
        return
    where = tuple(int(i) for i in np.argwhere(~finite)[0])
    channel = f" of channel {where[1] + 1}" if len(where) > 1 else ""
    raise AudioFileError(
        f"{name} holds {samples[where]} at {(start + where[0]) / sample_rate:.4f} s "
        f"(sample {start + where[0]}{channel}); finite samples are wanted"
    )
