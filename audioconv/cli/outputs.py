"""What a command reads and writes: files, or standard input and output; never over a file that is there unless
`--force` says so.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from audioconv.errors import ArgumentError, AudioFileError

if TYPE_CHECKING:
    from audioconv.classify import Detection
    from audioconv.io import FileFormat, Subtype
    from audioconv.io.paths import PathOrFile

INPUT, OUTPUT = ("-", "/dev/stdin", "/dev/fd/0"), ("-", "/dev/stdout", "/dev/fd/1")

Partial = Annotated[
    bool, typer.Option("--partial", help="Take a file that is cut short or damaged as far as it goes, and say so.")
]
Format = Annotated[
    str | None, typer.Option(metavar="NAME", help="Format of OUT (wav, flac, ogg, opus, ...) whatever its suffix says.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an output file that exists.")]


def print_json(found: object, indent: int | None = 2) -> None:
    """Print figures as JSON; without `indent` on one line."""
    from audioconv.io.plain_text import json_text

    typer.echo(json_text(found, indent=indent))


def detection_row(found: "Detection") -> dict[str, object]:
    """A detection as JSON has it."""
    return {
        "start_s": round(found.start_s, 3),
        "end_s": round(found.end_s, 3),
        "label": found.label,
        "score": round(float(found.score), 4),
    }


def check_output(path: Path, force: bool, error: type[OSError] = AudioFileError) -> Path:
    """Return where an output file really goes, or say why it cannot be written; before hours of work, not after.

    Parameters
    ----------
    path : path
    force : bool
        Whether a file that is there may be overwritten.
    error : type of AudioconvError
        What to raise.
    """
    from audioconv.io import display_path, writable_path

    target = writable_path(path, error)
    if target.exists() and not force:
        raise error(
            f"{display_path(path)} exists and is not overwritten; give another name, or --force to overwrite it"
        )
    return target


@contextmanager
def sound_source(name: str) -> "Iterator[PathOrFile]":
    """Give a sound file to read: the path, or for `-` standard input; a pipe is kept on disk meanwhile."""
    from audioconv.io import seekable

    source: PathOrFile | None = Path(name) if name not in INPUT else getattr(sys.stdin, "buffer", None)
    if source is None:
        raise ArgumentError("standard input is closed; a sound file is wanted there")
    with seekable(source) as file, _advised(file):
        yield file


@contextmanager
def _advised(source: "PathOrFile") -> Iterator[None]:
    """Errors about a sound file that is read name the option, where they name the argument in Python."""
    from audioconv.io import display_name

    try:
        yield
    except AudioFileError as error:
        text = str(error)
        if not text.startswith(display_name(source)):
            raise
        raise AudioFileError(text.replace("partial=True (--partial)", "--partial")) from error


def binary_output() -> BinaryIO:
    """Standard output, if it can take what is no text.

    Raises
    ------
    ArgumentError
    """
    if sys.stdout is None:
        raise ArgumentError("OUT is standard output, which is closed; send it to a file or a pipe")
    if sys.stdout.isatty():
        raise ArgumentError("OUT is standard output, which is a terminal; send it to a file or a pipe")
    return sys.stdout.buffer


def sound_target(
    name: str, force: bool, subtype: str | None, format: str | None
) -> "tuple[Path | BinaryIO, Subtype | None, FileFormat | None]":
    """Return (target, subtype, format) of a sound file to write, standard output for `-`; or say what is wrong."""
    from audioconv import io

    if name in OUTPUT:
        target: Path | BinaryIO = binary_output()
        format = format or "WAV"
    else:
        target = Path(name)
    known = cast("tuple[Subtype | None, FileFormat | None]", (subtype, format))
    io.file_format(target, *known)  # refuses those that are none
    if isinstance(target, Path):
        check_output(target, force)
    return target, *known


@contextmanager
def event_table(path: Path | None, *, of_several: bool = False) -> "Iterator[Callable[[Detection, str], object]]":
    """A function of a detection and its recording that adds a row to the CSV file, or does nothing without one."""
    if path is None:
        yield lambda found, recording: None
        return
    import csv

    from audioconv.io import atomic_write

    with (
        atomic_write(path) as part,
        open(part, "w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        write = csv.writer(file).writerow
        write(("recording", "start_s", "end_s", "label", "score")[not of_several :])

        def add(found: "Detection", recording: str) -> None:
            row = (recording, f"{found.start_s:.3f}", f"{found.end_s:.3f}", found.label, f"{found.score:.4f}")
            write(row[not of_several :])

        yield add
