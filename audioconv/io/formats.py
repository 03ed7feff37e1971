"""Which file names are sound files, and of which format."""

from pathlib import Path

from audioconv.errors import ArgumentError, AudioFileError
from audioconv.io.paths import shown

_FORMATS = {  # file name suffix: format, subtype if it is not the usual one of that format
    ".wav": ("WAV", None),
    ".flac": ("FLAC", None),
    ".ogg": ("OGG", None),
    ".oga": ("OGG", None),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", None),
    ".aiff": ("AIFF", None),
    ".aif": ("AIFF", None),
    ".au": ("AU", None),
    ".caf": ("CAF", None),
    ".w64": ("W64", None),
    ".rf64": ("RF64", None),
}
_READ = (  # suffixes of sound files that are read and not written
    *(".aifc", ".snd", ".voc", ".bwf", ".mp2", ".spx", ".m4a", ".m4b", ".aac", ".webm", ".mka", ".wma"),
    *(".wv", ".ape", ".tta", ".ac3", ".amr", ".3gp"),
)


def file_format(path, subtype=None):
    """Return (format, subtype) as soundfile names them for a file name, or say what is wrong with it."""
    import soundfile

    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise ArgumentError(
            f"{shown(path)} has the suffix {suffix!r}; a sound file is written as one of {' '.join(_FORMATS)}"
        )
    form, usual = _FORMATS[suffix]
    subtype = subtype or usual or soundfile.default_subtype(form)
    if not soundfile.check_format(form, subtype):
        known = " ".join(soundfile.available_subtypes(form))
        raise ArgumentError(f"a {form} file cannot have the subtype {subtype!r}; it can have {known}")
    return form, subtype


def sound_files(folder):
    """Return the paths of all sound files in a folder and in those below it, by their suffixes, sorted.

    Hidden files and folders (whose names begin with a dot) are left out; macOS puts a `._x.wav` beside each `x.wav`.

    Raises
    ------
    AudioFileError
        If there is no such folder, or no sound file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise AudioFileError(f"{shown(folder)} is not a folder; a folder with sound files is wanted")
    found = sorted(path for path in folder.rglob("*") if _is_sound(path.relative_to(folder)) and path.is_file())
    if not found:
        raise AudioFileError(f"{shown(folder)} holds no sound files ({' '.join(_FORMATS)}); at least one is wanted")
    return found


def _is_sound(path):
    """Whether a path inside a folder is that of a sound file, by its name."""
    return path.suffix.lower() in (*_FORMATS, *_READ) and not any(part.startswith(".") for part in path.parts)
