"""Sound files out, by atomic writes; samples that an integer format clips are counted."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv._wording import counted
from audioconv.arrays import floating, time_first, whole
from audioconv.errors import ArgumentError, AudioFileError, ShapeError
from audioconv.io import rf64
from audioconv.io.atomic import atomic_output
from audioconv.io.formats import FileFormat, Subtype, file_format
from audioconv.io.metadata import Metadata
from audioconv.io.metadata_write import write_metadata
from audioconv.io.paths import AnyPath, PathOrFile, native_path
from audioconv.io.source import display_name

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_BITS |= {"ALAC_16": 16, "ALAC_20": 20, "ALAC_24": 24, "ALAC_32": 32, "DWVW_12": 12, "DWVW_16": 16, "DWVW_24": 24}
_UNLIMITED = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_DITHERED = 16  # bits at most: beyond, the error of rounding is below the noise of any converter
_SEED = 0  # of dither: the same file each time
_FEW_RATES = ("HTK", "VOC", "WVE", "XI", "SDS", "AVR", "MPC2K", "SVX")  # and 1/n of 1 MHz or 10 MHz, or just one
_SDS_BLOCK = 120  # samples: a multiple of what a packet has; of the last one that is not full libsndfile makes zeros
_BLOCK = 4096  # bytes that a disk hands out at a time
_VORBIS_RATE_HZ, _VORBIS_CHANNELS = 200_000, 255  # at most: libvorbis has no setting for more, and crashes
_CHUNK = 1 << 15  # samples a channel in one call: libsndfile's Vorbis writer keeps a whole call on its stack


def write(
    path: PathOrFile,
    samples: ArrayLike,
    sample_rate: int,
    *,
    subtype: Subtype | None = None,
    format: FileFormat | None = None,
    dither: bool = False,
    axis: int | None = None,
) -> None:
    """Write a sound file, whole or not at all (atomic write).

    Parameters
    ----------
    path : str, path or binary file object
        The suffix gives the format, if `format` does not: .wav .flac .ogg .opus .mp3 .aiff .au .caf .w64 .rf64. An
        object gets the whole file at once, from where it stands, and need not be able to seek. A WAV file of more
        than 4 GiB becomes RF64, under the name that it was given.
    samples : float array, shape (samples,) or (samples, channels)
        Full scale is [-1, 1). What an integer format cannot hold is clipped, with a RuntimeWarning.
    sample_rate : int, in Hz
    subtype : str, optional
        As in soundfile ("PCM_16", "PCM_24", "FLOAT", ...), by default the usual one of the format: PCM_16 for
        WAV and FLAC. Reading a PCM file and writing it again keeps every bit.
    format : str, optional
        As in soundfile ("WAV", "FLAC", "OGG", ...); needed for an object that has no name with a suffix.
    dither : bool
        Where samples are rounded to 16 bits or less, add noise first (triangular, within 1 LSB, the same each time), so
        that the error is noise rather than distortion. A sample that needs no rounding stays as it is, so silence too.
    axis : int, optional
        The axis of time in two-dimensional samples. By default 0, and arrays with more channels than samples, or more
        than 64, are refused: they are (channels, samples) far more often than meant.

    Raises
    ------
    AudioFileError
        If the file cannot be written: no such folder, no permission, disk full, a rate that the format lacks.
    ArgumentError, ShapeError, DtypeError
        For an unknown suffix, format or subtype, no samples, NaN or infinite samples, integer arrays.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write(file, np.sin(np.arange(16000) / 10) / 2, 16000, format="WAV")
    >>> file.getvalue()[:4]
    b'RIFF'
    """
    signal = time_first(floating(samples, "samples", (1, 2)), "samples", axis)
    channels = signal.shape[1] if signal.ndim == 2 else 1
    with writer(path, sample_rate, channels, subtype=subtype, format=format, dither=dither) as sink:
        sink.write(signal)
    if sink.clipped:
        warnings.warn(
            f"{counted(sink.clipped, 'sample')} of {display_name(path)} clipped at full scale; "
            f"a gain of {sink.safe_gain_db:.1f} dB avoids it",
            RuntimeWarning,
            stacklevel=2,
        )


@contextmanager
def writer(
    path: PathOrFile,
    sample_rate: int,
    channels: int = 1,
    *,
    subtype: Subtype | None = None,
    format: FileFormat | None = None,
    dither: bool = False,
    metadata: Metadata | None = None,
) -> Iterator["Sink"]:
    """Write a sound file block by block; it appears (atomic write) when `with` ends without an error.

    Parameters
    ----------
    path : str, path or binary file object
        As in `write`.
    sample_rate : int, in Hz
    channels : int
        Fixed from the start.
    subtype, format : str, optional
        As in `write`.
    dither : bool
        As in `write`.
    metadata : Metadata, optional
        Tags, cue points and so on, as `read_metadata` gives them, for the new file.

    Yields
    ------
    sink : Sink
        `sink.write(block)` appends a block; `sink.clipped` and `sink.safe_gain_db` tell what did not fit, and
        `sink.dropped_metadata`, once the file is whole, what of the metadata it cannot hold.

    Raises
    ------
    AudioFileError, ArgumentError, ShapeError, DtypeError
        As `write`.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> with writer(file, 16000, format="FLAC") as sink:
    ...     for _ in range(3):
    ...         sink.write(np.zeros(1000, "float32"))
    >>> sink.frames, sink.clipped
    (3000, 0)
    """
    form, subtype = file_format(path, subtype, format)
    sample_rate, channels = whole(sample_rate, "sample_rate"), whole(channels, "channels")
    if metadata is not None:
        form = metadata.form_for(form, subtype, channels)
    if subtype == "VORBIS":
        _check_vorbis(path, sample_rate, channels)
    with atomic_output(path) as part:
        with _opened(part, path, (sample_rate, channels, subtype, form)) as sound:
            sink = Sink(sound, path, dither)
            yield sink
            sink.finish()
        _check_space(part, path)
        if not sink.frames:
            raise ArgumentError(f"there are no samples to write to {display_name(path)}; at least one is wanted")
        _check_rate(part, path, form, sample_rate)
        if form in ("WAV", "WAVEX") and part.stat().st_size > rf64.MOST_BYTES:
            rf64.wav_to_rf64(part, sink.frames)
            form = "RF64"
        if metadata is not None:
            size = part.stat().st_size
            sink.dropped_metadata = write_metadata(part, metadata, form, sample_rate, channels)
            if part.stat().st_size != size:
                _check_space(part, path)


@contextmanager
def _opened(part: Path, path: PathOrFile, about: tuple[int, int, Subtype, str]) -> Iterator[Any]:
    """A `soundfile.SoundFile` to write; whatever libsndfile cannot do becomes one clear AudioFileError."""
    import soundfile

    sample_rate, channels, subtype, form = about
    try:
        with soundfile.SoundFile(native_path(part), "w", sample_rate, channels, subtype, format=form) as sound:
            sound.seekable = lambda: False  # else soundfile seeks after each write, which GSM and ADPCM cannot
            sound.flush = lambda: None  # else closing waits for the disk; who wrote many files does that at once
            yield sound
    except soundfile.LibsndfileError as error:
        _check_space(part, path)
        raise AudioFileError(
            f"cannot write {display_name(path)} as {form} {subtype} with {counted(channels, 'channel')} at "
            f"{sample_rate} Hz: {error.error_string.rstrip('.')}"
        ) from error


def _check_vorbis(path: PathOrFile, sample_rate: int, channels: int) -> None:
    """Raise if libvorbis would crash."""
    for given, most, unit in ((sample_rate, _VORBIS_RATE_HZ, "Hz"), (channels, _VORBIS_CHANNELS, "channels")):
        if given > most:
            raise AudioFileError(f"cannot write {display_name(path)}: Vorbis takes at most {most} {unit}, not {given}; "
                                 "WAV takes more")  # fmt: skip


def _check_rate(part: Path, path: PathOrFile, form: str, sample_rate: int) -> None:
    """Raise if the file has another sample rate: some old formats have few, and libsndfile takes the next one."""
    if form not in _FEW_RATES:
        return
    import soundfile

    found = soundfile.info(native_path(part)).samplerate
    if found != sample_rate:
        raise AudioFileError(f"cannot write {display_name(path)}: a {form} file cannot have {sample_rate} Hz; "
                             f"{found} Hz is the nearest")  # fmt: skip


def _check_space(part: AnyPath, path: PathOrFile) -> None:
    """Raise if the disk takes nothing more: then the end of the file may be missing.

    libsndfile says nothing of it when it closes Ogg and MP3 files. (A file object of Python's, which would note each
    error, does not do: Ctrl-C in its callbacks is lost.)
    """
    try:
        with open(part, "ab", buffering=0) as file:
            size, block = file.tell(), bytes(_BLOCK)
            if file.write(block) < _BLOCK:
                file.write(block)  # says why
            file.truncate(size)
    except OSError as error:
        raise AudioFileError(f"cannot write {display_name(path)}: {error.strerror}") from error


class Sink:
    """Takes the blocks of one file. Made by `writer`."""

    def __init__(self, sound: Any, path: PathOrFile, dither: bool = False) -> None:
        self._sound, self._path = sound, display_name(path)
        self.sample_rate, self.channels, self.subtype = sound.samplerate, sound.channels, sound.subtype
        self._bits = _BITS.get(sound.subtype)
        self._noise = np.random.default_rng(_SEED) if dither and self._bits and self._bits <= _DITHERED else None
        self._odd: Array | None = np.zeros(0, np.float32) if sound.subtype == "VOX_ADPCM" else None
        self.frames = 0  # samples a channel so far
        self.clipped = 0  # samples beyond full scale so far, all channels
        self.peak = 0.0  # largest magnitude so far
        self.dropped_metadata: tuple[str, ...] = ()  # what of the metadata the file cannot hold, in words

    @property
    def safe_gain_db(self) -> float:
        """Gain in dB with which nothing would have been clipped, rounded down to 0.1 dB; at most 0."""
        return min(0.0, math.floor(-200 * math.log10(self.peak)) / 10) if self.peak > 0 else 0.0

    def write(self, block: ArrayLike) -> None:
        """Append a block, shape (samples,) or (samples, channels)."""
        block = floating(block, "samples", (1, 2))
        channels = block.shape[1] if block.ndim == 2 else 1
        if channels != self._sound.channels:
            raise ShapeError(
                f"{self._path} has {counted(self._sound.channels, 'channel')}, but a block has shape {block.shape}"
            )
        if self._odd is not None:  # two samples of VOX are a byte, and libsndfile fills the last one of each call
            block = block if self._odd.size == 0 else np.concatenate([self._odd, block.reshape(-1)])
            even = len(block) // 2 * 2
            block, self._odd = block[:even], block[even:].reshape(-1)
        for start in range(0, len(block), _CHUNK):
            self._write_chunk(block[start : start + _CHUNK])

    def finish(self) -> None:
        """Write what is held back, and silence where libsndfile would lose the end; `writer` does it at the end."""
        if self._odd is not None and self._odd.size:
            self._write_chunk(np.append(self._odd, self._odd.dtype.type(0)))
        rest = -self.frames % _SDS_BLOCK if self._sound.format == "SDS" else 0
        if rest:
            self._write_chunk(np.zeros((rest, self._sound.channels), np.float32))
            self.frames -= rest

    def _write_chunk(self, chunk: Array) -> None:
        finite = np.isfinite(chunk)
        if not finite.all():
            first = int(np.argwhere(~finite)[0][0]) + self.frames
            raise ArgumentError(f"sample {first} for {self._path} is NaN or infinite; finite samples are wanted")
        self.peak = max(self.peak, float(np.abs(chunk).max()))
        if self._sound.subtype not in _UNLIMITED:
            if self.peak > 1:
                self.clipped += int(np.count_nonzero(np.abs(chunk) > 1))
            chunk = _codes(chunk, self._bits, self._noise) if self._bits else np.clip(chunk, -1, 1)
        try:
            self._sound.write(chunk)
        except AssertionError as error:  # soundfile found fewer samples written than given
            _check_space(self._sound.name, self._path)
            raise AudioFileError(f"cannot write {self._path}: the disk took only a part; is it full?") from error
        self.frames += len(chunk)
        form, subtype = self._sound.format, self._sound.subtype
        cannot_grow = form == "AIFF" or (form in ("WAV", "WAVEX") and "ADPCM" in subtype)
        if cannot_grow and self._bytes() > rf64.MOST_BYTES:
            raise AudioFileError(f"cannot write {self._path}: {form} with {subtype} holds 4 GiB; "
                                 "use .wav with PCM or FLOAT, .w64 or .flac")  # fmt: skip

    def _bytes(self) -> int:
        """Of sound so far, not compressed."""
        size = {"DOUBLE": 8, "FLOAT": 4}.get(self._sound.subtype) or (self._bits or 8) // 8
        return self.frames * size * int(self._sound.channels)


def _codes(samples: Array, bits: int, noise: np.random.Generator | None = None) -> Array:
    """Round to integers of that many bits, in the upper bits of an int32, from where libsndfile takes them.

    libsndfile's own conversion from floats cuts off instead of rounding: a file read and written again would change.
    """
    half = 2.0 ** (bits - 1)
    scaled = samples.astype(np.float64) * half
    codes = np.rint(scaled)
    if noise is not None:
        pairs = noise.random((*scaled.shape, 2))  # in the order of the samples, so that blocks do not matter
        codes = np.where(codes == scaled, codes, np.rint(scaled + pairs[..., 0] - pairs[..., 1]))
    shifted: Array = np.clip(codes, -half, half - 1).astype(np.int32) << np.int32(32 - bits)
    return shifted
