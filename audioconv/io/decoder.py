"""Samples out of one open sound file, in order: by libsndfile, or by ffmpeg where that cannot."""

import io
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
import soundfile

from audioconv._typing import Array, FloatName
from audioconv._wording import counted
from audioconv.errors import AudioFileError
from audioconv.io import ffmpeg
from audioconv.io.integrity import is_media
from audioconv.io.paths import native_path
from audioconv.io.source import Source
from audioconv.io.splice import SplicedFile
from audioconv.io.stream_layout import Range, StreamLayout

_EXACT = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # sample types in which seeking gives the same samples
_UNKNOWN = 1 << 62  # samples; libsndfile says so many, or more, where it does not know
_BUFFER = 1 << 15  # bytes
_INFLATED = 1 << 40  # bytes that a file claims to have, so that nothing is concluded from its length
_GRID = 4080  # samples decoded at a time where results, or those before an error, must not depend on block length
_GRIDDED = ("SDS",)  # libsndfile loses what is left of their last packet (30, 40 or 60 samples) after a call


_Result = TypeVar("_Result")


class Decoder(Protocol):
    """An open sound file that gives its samples in order."""

    name: str  # for messages
    sample_rate: int  # Hz
    channels: int
    format: str
    subtype: str
    frames: int | None  # samples a channel; None where only decoding tells

    def read(self, frames: int, dtype: FloatName) -> Array:
        """Return the next samples; fewer than `frames` only at the end, or before a tolerated error."""

    def skip(self, frames: int, dtype: FloatName) -> bool:
        """Skip `frames` samples if that can be done at once; return whether it was."""

    def issue(self) -> str:
        """What went wrong, as the rest of a sentence; "" if nothing did."""

    def close(self) -> None:
        """Close the file."""


def decoder_of(source: Source, layout: StreamLayout, dtype: FloatName, tolerant: bool) -> Decoder:
    """Return the decoder of a `Source` with its `StreamLayout`.

    Parameters
    ----------
    source : Source
    layout : StreamLayout
    dtype : "float32" or "float64"
    tolerant : bool
        Whether to give what comes before an error.

    Raises
    ------
    AudioFileError
        If it cannot be decoded; the message says what it is and how to convert it.
    """
    refusal = None
    if not layout.needs_ffmpeg:
        try:
            return SndfileDecoder(source, layout, tolerant)
        except AudioFileError as error:
            if not isinstance(error.__cause__, soundfile.LibsndfileError):
                raise
            refusal = error
    kind = layout.kind
    if is_media(kind) and ffmpeg.available():
        try:
            return ffmpeg.FfmpegDecoder(source, dtype)
        except AudioFileError as error:
            raise (refusal if refusal is not None and kind is None else error) from None
    if not is_media(kind):
        raise AudioFileError(
            f"{source.name} cannot be read as a sound file (it is {kind}); WAV, FLAC, Ogg, MP3 … are"
        ) from refusal
    what = f"it is {kind}" if kind else "its codec is not known to libsndfile" if refusal is None else ""
    if what:
        raise AudioFileError(
            f"{source.name} cannot be read as a sound file without ffmpeg on the PATH ({what}); install ffmpeg, or "
            f"convert the file where it is: ffmpeg -i IN OUT.wav"
        ) from refusal
    raise AudioFileError(f"{refusal}; with ffmpeg on the PATH more are") from refusal


class SndfileDecoder:
    """An open sound file, or several one after the other.

    Attributes
    ----------
    sample_rate, channels, format, subtype
    frames : int or None
        Samples a channel; None where only decoding tells.
    """

    _sound: Any = None  # a soundfile.SoundFile, once one is open

    def __init__(self, source: Source, layout: StreamLayout, tolerant: bool) -> None:
        self.name = source.name
        self._tolerant, self._gridded, self._issue = tolerant, tolerant, ""
        self._left: Array = np.zeros(0)
        self._source, self._layout = source, layout
        self._part, self._opened = 0, False
        self._file: SplicedFile | None = None
        self._open(0)
        self._opened = True
        sound = self._sound
        self.sample_rate: int = sound.samplerate
        self.channels: int = sound.channels
        self.subtype: str = sound.subtype
        self.format: str = layout.format or sound.format
        self._gridded |= self.format in _GRIDDED
        self.frames = self._count() if layout.length_is_exact else None

    def close(self) -> None:
        """Close the file."""
        self._sound.close()

    def read(self, frames: int, dtype: FloatName) -> Array:
        """Return the next samples; fewer than `frames` only at the end, or before a tolerated error."""
        found, done = [self._read(frames, dtype)], 0
        while (done := done + len(found[-1])) < frames:
            if not len(found[-1]) and (self._issue or not self._next()):
                break
            found.append(self._read(frames - done, dtype))
        return found[0] if len(found) == 1 else np.concatenate(found)

    def skip(self, frames: int, dtype: FloatName) -> bool:
        """Skip `frames` samples if that can be done at once; return whether it was."""
        if self.frames is None or len(self._layout.parts) > 1 or self._gridded or not self.subtype.startswith(_EXACT):
            return False
        return bool(self._sound_do(lambda: soundfile.SoundFile.seek(self._sound, frames)) == frames)

    def issue(self) -> str:
        """What went wrong where errors are tolerated, as the rest of a sentence; "" if nothing did."""
        return self._issue

    def _open(self, part: int) -> None:
        pieces, file = self._layout.parts[part], None
        opened: str | bytes | io.BufferedReader
        source = self._source
        if pieces is None and source.path is not None:
            opened = native_path(source.path)
        else:
            pieces = [(0, source.size)] if pieces is None else pieces
            moved: list[Range] = [
                p if isinstance(p, bytes) else (source.start + p[0], source.start + p[1]) for p in pieces
            ]
            file = SplicedFile(source.file, moved, _INFLATED if part in self._layout.inflated else None)
            opened = io.BufferedReader(file, _BUFFER)
        self._file = file
        if self._sound is not None:
            self._sound.close()
        self._sound = self._sound_do(lambda: soundfile.SoundFile(opened))
        self._sound.seekable = lambda: False  # else soundfile seeks after each read, which changes what MP3 decodes to
        self._part = part

    def _next(self) -> bool:
        """Go to the next part; return whether there is one."""
        if self._part + 1 == len(self._layout.parts):
            return False
        try:
            self._open(self._part + 1)
            now = (self._sound.samplerate, self._sound.channels)
            if now != (self.sample_rate, self.channels):
                raise AudioFileError(
                    f"{self.name} changes on the way from {self.sample_rate} Hz and "
                    f"{counted(self.channels, 'channel')} to {now[0]} Hz and {now[1]}; a file of one kind is wanted"
                )
        except AudioFileError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: AudioFileError) -> None:
        if not self._tolerant:
            raise error
        cause = error.__cause__
        if isinstance(cause, soundfile.LibsndfileError):
            self._issue = f"is damaged or cut short ({cause.error_string.rstrip('.')})"
        else:
            self._issue = str(error).partition(";")[0].removeprefix(f"{self.name} ")

    def _count(self) -> int | None:
        """Samples of all parts by their headers, None where one does not tell."""
        count: int = self._sound.frames
        if len(self._layout.parts) > 1:
            while self._next():
                count += self._sound.frames
            self._open(0)
            count = _UNKNOWN if self._issue else count
            self._issue = ""  # comes up again in its place
        return count if count < _UNKNOWN else None

    def _read(self, frames: int, dtype: FloatName) -> Array:
        if not self._gridded:
            found: Array = self._sound_do(lambda: self._sound.read(frames, dtype=dtype))
            return found
        if not len(self._left) and not self._issue:
            self._left = self._before_error(dtype)
        samples, self._left = self._left[:frames], self._left[frames:]
        return samples

    def _before_error(self, dtype: FloatName) -> Array:
        """The next samples of a grid; where an error ends them, only those before it."""
        samples = np.full((_GRID, self.channels) if self.channels > 1 else _GRID, np.nan, dtype)
        try:
            found: Array = self._sound_do(lambda: self._sound.read(out=samples))
            return found
        except AudioFileError as error:  # soundfile does not say how many samples came before
            self._fail(error)
        decoded = np.flatnonzero(~np.isnan(samples.reshape(_GRID, -1)).all(axis=1))
        return samples[: decoded[-1] + 1 if len(decoded) else 0]

    def _sound_do(self, what: Callable[[], _Result]) -> _Result:
        """Call libsndfile; whatever it cannot do becomes one clear error."""
        try:
            result = what()
        except soundfile.LibsndfileError as error:
            self._check_raised()
            reason = error.error_string.rstrip(".")
            if self._opened or "lost sync" in reason:
                raise AudioFileError(
                    f"{self.name} is damaged or cut short ({reason}); a whole file is wanted, or partial=True "
                    f"(--partial) for what comes before"
                ) from error
            if "File does not exist" in reason:  # libsndfile says so of what is no MP3 file
                reason = "its contents are of no format that is known"
            raise AudioFileError(
                f"{self.name} cannot be read as a sound file ({reason}); WAV, FLAC, Ogg, MP3 … are"
            ) from error
        self._check_raised()
        return result

    def _check_raised(self) -> None:
        if self._file is not None and self._file.raised is not None:
            raise self._file.raised
