"""Which file names are sound files, and of which format."""

import os
from pathlib import Path
from typing import Literal, TypeAlias, cast

from audioconv._wording import none_of
from audioconv.errors import ArgumentError, AudioFileError
from audioconv.io.paths import AnyPath, PathOrFile, check_folder, display_path, is_path
from audioconv.io.source import display_name

FileFormat: TypeAlias = Literal[  # of libsndfile, as soundfile names them, and what names of files end in
    "AIFF", "AU", "AVR", "CAF", "FLAC", "HTK", "IRCAM", "MAT4", "MAT5", "MP3", "MPC2K", "NIST", "OGG", "PAF", "PVF",
    "RAW", "RF64", "SDS", "SVX", "VOC", "W64", "WAV", "WAVEX", "WVE", "XI",
    "aif", "aiff", "au", "caf", "flac", "mp3", "oga", "ogg", "opus", "rf64", "w64", "wav",
]  # fmt: skip
Subtype: TypeAlias = Literal[  # encodings of samples, as soundfile names them
    "PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM",
    "VOX_ADPCM", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "GSM610", "G721_32", "G723_24", "G723_40", "DWVW_12",
    "DWVW_16", "DWVW_24", "DPCM_8", "DPCM_16", "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III",
    "ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32",
]  # fmt: skip
_FORMATS: dict[
    str, tuple[str, Subtype | None]
] = {  # file name suffix: format, subtype if it is not the usual one of that format
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
_TWO_FILES = "SD2"  # keeps its header in a second file, a resource fork


def file_format(
    target: PathOrFile, subtype: Subtype | None = None, format: FileFormat | None = None
) -> tuple[str, Subtype]:
    """Return (format, subtype) as soundfile names them for a file to write, or raise an error that says why.

    Parameters
    ----------
    target : str, path or binary file object
        Its suffix gives the format, if `format` does not; that of an object, the suffix of its name.
    subtype : str, optional
        By default the usual one of the format.
    format : str, optional
        As in soundfile ("WAV", "FLAC", "OGG", ...), or a suffix ("opus").

    Returns
    -------
    format, subtype : str

    Raises
    ------
    ArgumentError
        For a suffix or format that is not known, and a subtype that the format cannot have.

    Examples
    --------
    >>> file_format("a.opus"), file_format("a.flac", subtype="PCM_24")
    (('OGG', 'OPUS'), ('FLAC', 'PCM_24'))
    """
    import soundfile

    form, usual = _named(target) if format is None else _known(format)
    subtype = subtype or usual or soundfile.default_subtype(form)
    if subtype is None or not soundfile.check_format(form, subtype):
        known = " ".join(soundfile.available_subtypes(form))
        raise ArgumentError(f"a {form} file cannot have the subtype {subtype!r}; it can have {known}")
    return form, cast(Subtype, subtype)


def _named(target: PathOrFile) -> tuple[str, Subtype | None]:
    """(format, subtype or None) by a suffix; headerless files are never meant by it."""
    name = target if is_path(target) else getattr(target, "name", "")
    suffix = Path(os.fsdecode(name)).suffix.lower() if isinstance(name, (str, bytes, os.PathLike)) else ""
    found = _lookup(suffix[1:])
    if found is None or found[0] == "RAW":
        if not is_path(target) and not suffix:
            raise ArgumentError(
                f"{display_name(target)} has no name that ends in a format; say which with format='WAV' "
                f"(command line: --format wav)"
            )
        raise ArgumentError(f"{display_name(target)} has the suffix {suffix!r}; a sound file is written as one of "
                            f"{' '.join(_FORMATS)}, or as format says")  # fmt: skip
    return found


def _known(format: str) -> tuple[str, Subtype | None]:
    found = _lookup(str(format).lower().lstrip("."))
    if found is None:
        import soundfile

        raise ArgumentError(none_of("format", format, soundfile.available_formats()))
    return found


def _lookup(name: str) -> tuple[str, Subtype | None] | None:
    """(format, subtype or None) of a suffix without its dot, or of a format of soundfile; None for others."""
    import soundfile

    if f".{name}" in _FORMATS:
        return _FORMATS[f".{name}"]
    if name.upper() == _TWO_FILES or name.upper() not in soundfile.available_formats():
        return None
    return name.upper(), None


def sound_files(folder: AnyPath) -> list[Path]:
    """Return the paths of all sound files in a folder and in those below it, by their suffixes, sorted.

    Hidden files and folders (whose names begin with a dot) are left out; macOS puts a `._x.wav` beside each `x.wav`.

    Parameters
    ----------
    folder : str or path

    Returns
    -------
    files : list of Path

    Raises
    ------
    AudioFileError
        If there is no such folder, or no sound file in it.

    Examples
    --------
    >>> sound_files("no such folder")
    Traceback (most recent call last):
    audioconv.errors.AudioFileError: no such folder does not exist; a folder with sound files is wanted
    """
    folder = Path(os.fsdecode(folder))
    check_folder(folder, "a folder with sound files")
    inside = ((path, path.relative_to(folder)) for path in folder.rglob("*"))
    found = sorted(path for path, name in inside if not _is_hidden(name) and is_sound_name(name) and path.is_file())
    if not found:
        raise AudioFileError(
            f"{display_path(folder)} holds no sound files ({' '.join(_FORMATS)}); at least one is wanted"
        )
    return found


def is_sound_name(name: AnyPath) -> bool:
    """Tell whether a file is a sound file by its suffix, one that can be read."""
    return os.path.splitext(os.fsdecode(name))[1].lower() in (*_FORMATS, *_READ)


def is_written_suffix(suffix: str) -> bool:
    """Tell whether sound files of this suffix, such as ".wav", can be written."""
    return suffix.lower() in _FORMATS


def _is_hidden(path: Path) -> bool:
    """Whether a path inside a folder has a part that begins with a dot."""
    return any(part.startswith(".") for part in path.parts)
