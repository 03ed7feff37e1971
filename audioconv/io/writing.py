"""Sound files out: whole or not at all, and what does not fit into an integer format is counted."""

import math
import warnings
from contextlib import contextmanager

import numpy as np

from audioconv.arrays import floating, time_first, whole
from audioconv.errors import ArgumentError, AudioFileError, ShapeError
from audioconv.io.atomic import replace_when_whole
from audioconv.io.formats import file_format

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_UNLIMITED = ("FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_WAV_LIMIT = 2**32 - 2**16  # bytes; the lengths in a WAV header have 32 bits
_DITHERED = 16  # bits at most: beyond, the error of rounding is below the noise of any converter
_SEED = 0  # of dither: the same file each time
_BLOCK = 4096  # bytes that a disk hands out at a time
_CHUNK = 1 << 15  # samples a channel in one call: libsndfile's Vorbis writer keeps a whole call on its stack


def write(path, samples, sample_rate, *, subtype=None, dither=False, axis=None):
    """Write a sound file, whole or not at all.

    Parameters
    ----------
    path : str or path
        The suffix gives the format: .wav .flac .ogg .opus .mp3 .aiff .au .caf .w64 .rf64.
    samples : float array, shape (samples,) or (samples, channels)
        Full scale is [-1, 1). What an integer format cannot hold is clipped, with a RuntimeWarning.
    sample_rate : int, Hz
    subtype : str, optional
        As in soundfile ("PCM_16", "PCM_24", "FLOAT", ...), by default the usual one of the format: PCM_16 for
        WAV and FLAC. Reading a PCM file and writing it again keeps every bit.
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
        For an unknown suffix or subtype, no samples, NaN or infinite samples, integer arrays.

    Examples
    --------
    >>> write("tone.wav", np.sin(np.arange(16000) / 10) / 2, 16000)  # doctest: +SKIP
    """
    samples = time_first(floating(samples, "samples", (1, 2)), "samples", axis)
    with writer(
        path, sample_rate, samples.shape[1] if samples.ndim == 2 else 1, subtype=subtype, dither=dither
    ) as sink:
        sink.write(samples)
    if sink.clipped:
        warnings.warn(
            f"{sink.clipped} samples of {path} are beyond full scale and were clipped; "
            f"a gain of {sink.safe_gain_db:.1f} dB avoids it",
            RuntimeWarning,
            stacklevel=2,
        )


@contextmanager
def writer(path, sample_rate, channels=1, *, subtype=None, dither=False):
    """Write a sound file block by block; it takes its place when the block ends without an error.

    Parameters and errors as in `write`; `channels` is fixed from the start.

    Yields
    ------
    sink : Sink
        `sink.write(block)` appends a block; `sink.clipped` and `sink.safe_gain_db` tell what did not fit.
    """
    form, subtype = file_format(path, subtype)
    sample_rate, channels = whole(sample_rate, "sample_rate"), whole(channels, "channels")
    import soundfile

    with replace_when_whole(path) as part:
        try:
            with soundfile.SoundFile(part, "w", sample_rate, channels, subtype, format=form) as sound:
                sink = Sink(sound, path, dither)
                yield sink
        except soundfile.LibsndfileError as error:
            _check_space(part, path)
            raise AudioFileError(
                f"cannot write {path} as {form} {subtype} with {channels} channel(s) at {sample_rate} Hz: "
                f"{error.error_string.rstrip('.')}"
            ) from error
        _check_space(part, path)
        if not sink.frames:
            raise ArgumentError(f"there are no samples to write to {path}; at least one is wanted")


def _check_space(part, path):
    """Raise if the disk takes nothing more: then the end of the file may be missing.

    libsndfile says nothing of it when it closes Ogg and MP3 files. (A file object of Python's, which would note each
    error, is no way: Ctrl-C in its callbacks is lost.)
    """
    try:
        with open(part, "ab", buffering=0) as file:
            size, block = file.tell(), bytes(_BLOCK)
            if file.write(block) < _BLOCK:
                file.write(block)  # says why
            file.truncate(size)
    except OSError as error:
        raise AudioFileError(f"cannot write {path}: {error.strerror}") from error


class Sink:
    """Takes the blocks of one file. Made by `writer`."""

    def __init__(self, sound, path, dither=False):
        self._sound, self._path = sound, path
        self._bits = _BITS.get(sound.subtype)
        self._noise = np.random.default_rng(_SEED) if dither and self._bits and self._bits <= _DITHERED else None
        self.frames = 0  # samples a channel so far
        self.clipped = 0  # samples beyond full scale so far, all channels
        self.peak = 0.0  # largest magnitude so far

    @property
    def safe_gain_db(self):
        """Gain in dB with which nothing would have been clipped, rounded down to 0.1 dB; at most 0."""
        return min(0.0, math.floor(-200 * math.log10(self.peak)) / 10) if self.peak > 0 else 0.0

    def write(self, block):
        """Append a block, shape (samples,) or (samples, channels)."""
        block = floating(block, "samples", (1, 2))
        channels = block.shape[1] if block.ndim == 2 else 1
        if channels != self._sound.channels:
            raise ShapeError(f"{self._path} has {self._sound.channels} channel(s), but a block has shape {block.shape}")
        for start in range(0, len(block), _CHUNK):
            self._write_chunk(block[start : start + _CHUNK])

    def _write_chunk(self, chunk):
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
        if self._sound.format == "WAV" and self._sound.tell() * self._frame_bytes() > _WAV_LIMIT:
            raise AudioFileError(f"cannot write {self._path}: a WAV file holds 4 GiB; use .w64, .rf64 or .flac")

    def _frame_bytes(self):
        size = {"DOUBLE": 8, "FLOAT": 4}.get(self._sound.subtype) or (self._bits or 8) // 8
        return size * self._sound.channels


def _codes(samples, bits, noise=None):
    """Round to integers of that many bits, in the upper bits of an int32, from where libsndfile takes them.

    libsndfile's own conversion from floats cuts off instead of rounding: a file read and written again would change.
    """
    half = 2.0 ** (bits - 1)
    wanted = samples.astype(np.float64) * half
    codes = np.rint(wanted)
    if noise is not None:
        pairs = noise.random((*wanted.shape, 2))  # in the order of the samples, so that blocks do not matter
        codes = np.where(codes == wanted, codes, np.rint(wanted + pairs[..., 0] - pairs[..., 1]))
    return np.clip(codes, -half, half - 1).astype(np.int32) << np.int32(32 - bits)
