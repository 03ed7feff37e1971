"""What commands share that work on many files: which they are, where outputs go, what is said of failures."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from audioconv._wording import counted
from audioconv.cli.messages import say, tell
from audioconv.cli.outputs import INPUT, OUTPUT
from audioconv.errors import ArgumentError, AudioFileError

Jobs = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processes for several files; by default the cores.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Dask cluster for several files, such as tcp://host:8786.")
]
_SHOWN = 20  # failures


def are_many(sources: Sequence[str], target: str) -> bool:
    """Tell whether several files are meant, and so a folder or a table for what is made of them.

    Parameters
    ----------
    sources : sequence of str
        Files, folders, patterns, and lists of files (`@LIST`).
    target : str

    Raises
    ------
    AudioFileError
        If a folder is to become one file.
    """
    is_folder = os.path.isdir(target) or target.endswith(("/", os.sep))
    several = len(sources) > 1 or is_folder or target.lower().endswith(".parquet")
    for source in sources:
        if os.path.isdir(source) and not is_folder and os.path.splitext(target)[1].lower() not in ("", ".parquet"):
            raise AudioFileError(f"{source} is a folder, and OUT {target} ends as a file does; for a folder OUT is a "
                                 f"folder as well (with / at its end, if its name has a dot)")  # fmt: skip
        several |= os.path.isdir(source) or (
            _is_list(source) or (glob.has_magic(source) and not os.path.lexists(source))
        )
    if several and (target in OUTPUT or any(source in INPUT for source in sources)):
        raise ArgumentError("standard input and output are one file each, and several are meant here")
    return several


def work_on_many(
    fn: Callable[..., Any],
    sources: Sequence[str],
    target: str,
    title: str,
    *,
    suffix: Callable[[str], str] | None = None,
    jobs: int | None,
    scheduler: str | None,
    force: bool,
) -> None:
    """Do a function to many files, and say what became of them; exit code 1 if some failed.

    Parameters
    ----------
    fn : function of (source, target), or of (source) for a table
    sources : sequence of str
        As in `are_many`.
    target : str
    title : str
        What is being done.
    suffix : function of the suffix of a source, optional
    jobs : int, optional
    scheduler : str, optional
    force : bool
        Overwrite.
    """
    from audioconv.batch import map_files
    from audioconv.io import display_path

    listed = _Listed(sources)
    found = map_files(
        fn,
        listed if listed.can_be_read_again else iter(listed),
        target,
        suffix=suffix,
        jobs=jobs,
        scheduler=scheduler,
        overwrite=force,
        progress=title,
    )
    if not (found.done or found.skipped or found.failed):
        raise AudioFileError(f"{', '.join(sources)} holds no sound files; at least one is wanted")
    for note in found.notes:
        tell(f"{display_path(note.source)}: {note.text}")
    for failure in found.failures[:_SHOWN]:
        name = os.fsencode(failure.source).decode("utf-8", "backslashreplace")
        say(f"failed: {failure.error if name in failure.error else f'{name}: {failure.error}'}")
    if found.failed:
        more = f", and {found.failed - _SHOWN} more" if found.failed > _SHOWN else ""
        say(f"{found.failed} failed{more}: {found.failures_path}")
    tell(f"{target}: {found}")
    if found.failed:
        raise typer.Exit(1)


class _Listed:
    """Files that arguments name, read anew each time; those in lists one by one."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._sources = sources

    def __iter__(self) -> Iterator[str]:
        for source in self._sources:
            if _is_list(source):
                yield from _lines(source[1:])
            else:
                yield source

    @property
    def can_be_read_again(self) -> bool:
        """Whether the files can be counted: a list that comes through a pipe can be read once."""
        return all(os.path.isfile(source[1:]) for source in self._sources if _is_list(source))


def _is_list(source: str) -> bool:
    return source.startswith("@") and not os.path.lexists(source)


def _lines(name: str) -> Iterator[str]:
    try:
        with open(name, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            yield from (text for line in lines if (text := line.rstrip("\r\n")))
    except OSError as error:
        raise AudioFileError(f"the list {name} cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True)
class SoundSuffix:
    """What sound files end in that are made of others.

    Parameters
    ----------
    format : str, optional
        As in `io.file_format`.
    """

    format: str | None = None

    def __call__(self, suffix: str) -> str:
        """The suffix of the format; else that of the source, or .wav where such files cannot be written."""
        from audioconv.io.formats import is_written_suffix

        if self.format is not None and is_written_suffix(f".{self.format}"):
            return f".{self.format.lower()}"
        return suffix if is_written_suffix(suffix) else ".wav"


class Settings:
    """A dataclass of settings that shows those that are not the usual ones: by them a run is known again."""

    def __repr__(self) -> str:
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}  # type: ignore[arg-type]
        shown = [f"{name}={value}" for name, (value, usual) in values.items() if value != usual]
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True)
class SettingsFile:
    """A file that results depend on: its path, and what it holds.

    Parameters
    ----------
    path : Path
        Absolute, as workers may have another folder.
    digest : str
    """

    path: Path
    digest: str

    def __str__(self) -> str:
        return f"{self.path.name} {self.digest}"


def settings_file(path: Path | None, digested: bool = True) -> SettingsFile | None:
    """A file by path and content; None for none.

    Parameters
    ----------
    path : path, optional
    digested : bool
        False leaves the content out, and the file unread.
    """
    from hashlib import blake2b

    if path is None or not digested:
        return None if path is None else SettingsFile(path, "")
    try:
        digest = blake2b(path.read_bytes(), digest_size=8).hexdigest()
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror or error}") from error
    return SettingsFile(path.absolute(), digest)


def path_of(file: SettingsFile | None) -> Path | None:
    """The path of a file; None for none."""
    return None if file is None else file.path


def warn_of_clipped(target: Path, clipped: int) -> None:
    """Warn that samples were clipped, as one of many files."""
    import warnings

    from audioconv.errors import AudioFileWarning

    if clipped:
        warnings.warn(f"{counted(clipped, 'sample')} of {target} clipped at full scale", AudioFileWarning, 2)


def paths_of(sources: Sequence[str]) -> list[str]:
    """The paths of files, of the sound files in folders, and of what patterns and lists of files name."""
    from audioconv.batch.sources import source_files

    found: list[str] = []
    for source in _Listed(sources):
        if not (os.path.isdir(source) or (glob.has_magic(source) and not os.path.lexists(source))):
            found.append(source)
            continue
        for file in source_files(source):
            if file.error is not None:
                raise AudioFileError(file.error)
            found.append(file.path if os.path.isabs(source) else os.path.relpath(file.path))
    if not found:
        raise AudioFileError(f"{', '.join(sources)} holds no sound files; at least one is wanted")
    return found
