"""Samples out of one open sound file, in order, by libsndfile."""

import soundfile

from audioconv.errors import AudioFileError
from audioconv.io.paths import native
from audioconv.io.pieces import PiecedFile

_EXACT = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")  # sample types in which seeking gives the same samples
_SKIPPED = 1 << 16  # samples decoded at a time only to be thrown away


class Decoder:
    """An open sound file.

    Attributes
    ----------
    sample_rate, channels, format, subtype
    frames : int or None
        Samples a channel; None where only decoding tells.
    """

    def __init__(self, source):
        self.name = source.name
        whole = source.path is not None
        file = native(source.path) if whole else PiecedFile(source.file, [(source.start, source.start + source.size)])
        self._sound = open_sound(file, source.name)
        self.sample_rate, self.channels = self._sound.samplerate, self._sound.channels
        self.format, self.subtype, self.frames = self._sound.format, self._sound.subtype, self._sound.frames

    def close(self):
        self._sound.close()

    def read(self, frames, dtype):
        """Return the next samples; fewer than `frames` only at the end."""
        try:
            return self._sound.read(frames, dtype=dtype)
        except soundfile.LibsndfileError as error:
            raise refusal(error, self.name) from error

    def skip(self, frames, dtype):
        """Go on by so many samples; return how many there were."""
        if self.subtype.startswith(_EXACT):
            try:
                return soundfile.SoundFile.seek(self._sound, frames, soundfile.SEEK_CUR)
            except soundfile.LibsndfileError as error:
                raise refusal(error, self.name) from error
        done = 0
        while done < frames and (got := len(self.read(min(_SKIPPED, frames - done), dtype))):
            done += got
        return done


def open_sound(file, name):
    """An open `soundfile.SoundFile` for reading; whatever libsndfile cannot do with it becomes one clear error."""
    try:
        sound = soundfile.SoundFile(file)
    except soundfile.LibsndfileError as error:
        raise refusal(error, name) from error
    sound.seekable = lambda: False  # else soundfile seeks after each read, which changes what MP3 decodes to
    return sound


def refusal(error, name):
    """What libsndfile says, as an AudioFileError."""
    reason = error.error_string.rstrip(".")
    if "lost sync" in reason:
        return AudioFileError(f"{name} is damaged or cut short ({reason}); a whole file is wanted")
    return AudioFileError(f"{name} cannot be read as a sound file ({reason}); WAV, FLAC, Ogg, MP3 … are")
