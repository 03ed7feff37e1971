"""Where sound is read from: a path, or a binary file object, which may be a pipe."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom, RawIOBase
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, cast

from audioconv.errors import ArgumentError, AudioFileError
from audioconv.io.paths import AnyPath, PathOrFile, display_path, is_path

_COPIED = 1 << 20  # bytes at a time from a pipe to disk
_LONGEST_NAME = 4096  # bytes; no system has longer ones


class Source(NamedTuple):
    """An open file to read sound from."""

    name: str  # for messages; can be printed
    file: BinaryIO  # seekable
    start: int  # offset at which the sound file begins
    path: AnyPath | None  # its path, if it is a regular file that begins at 0

    @property
    def size(self) -> int:
        """Bytes from its start on."""
        self.file.seek(0, os.SEEK_END)
        return self.file.tell() - self.start  # as seek of an mmap returns nothing

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from an offset after its start."""
        self.file.seek(self.start + offset)
        return self.file.read(length) or b""


def display_name(source: object) -> str:
    """Return what a path or file object is called in messages.

    Parameters
    ----------
    source : str, bytes, path or file object

    Returns
    -------
    name : str
        Can be printed anywhere.

    Examples
    --------
    >>> import io
    >>> display_name("a.wav"), display_name(io.BytesIO())
    ('a.wav', '<BytesIO>')
    """
    if is_path(source):
        return display_path(source)
    name = getattr(source, "name", None)
    return display_path(name) if isinstance(name, (str, bytes)) and name else f"<{type(source).__name__}>"


@contextmanager
def open_source(source: PathOrFile) -> Iterator[Source]:
    """Give the `Source` of a path or a binary file object.

    A file object is read from where it stands, and is left standing there. What cannot seek (a pipe) is copied to a
    nameless temporary file first, as reading sound goes back and forth.

    Parameters
    ----------
    source : str, bytes, path or binary file object

    Raises
    ------
    AudioFileError
        If there is no such file, or it is empty or cannot be read.
    ArgumentError
        For what is neither a path nor a binary file object.
    """
    name = display_name(source)
    try:
        if is_path(source):
            with _open(source, name) as file, _seekable(file) as ready:
                yield _filled(Source(name, ready, 0, source if ready is file else None))
            return
        with _seekable(source) as ready:
            start = ready.tell()
            try:
                yield _filled(Source(name, ready, start, None))
            finally:
                ready.seek(start)
    except AudioFileError:
        raise
    except OSError as error:
        raise AudioFileError(f"{name} cannot be read: {error.strerror or error}") from error


def _open(path: AnyPath, name: str) -> BinaryIO:
    if isinstance(path, bytes) and len(path) > _LONGEST_NAME:
        raise ArgumentError(f"a path or a binary file object is wanted, not the {len(path)} bytes of a file; "
                            f"io.BytesIO(data) makes an object of them")  # fmt: skip
    if not os.path.lexists(path):
        raise AudioFileError(f"{name} does not exist; a sound file is wanted")
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        raise AudioFileError(f"{name} is {'a folder' if stat.S_ISDIR(mode) else 'no regular file'}, not a sound file")
    return open(path, "rb")


def _filled(source: Source) -> Source:
    if source.size <= 0:
        if source.start:
            raise AudioFileError(f"{source.name} stands at its end, with nothing left to read; seek(0) first")
        raise AudioFileError(f"{source.name} is empty (0 bytes); a sound file is wanted")
    if source.path is not None and Path(os.fsdecode(source.path)).suffix.lower() == ".raw":
        raise AudioFileError(
            f"{source.name} has no header that tells its sample rate and format; convert it to WAV first"
        )
    return source


@contextmanager
def seekable(source: PathOrFile) -> Iterator[PathOrFile]:
    """Give a binary file object that can seek: the object itself, or a copy in a nameless temporary file.

    For what reads a pipe more than once (`info`, then `blocks`); the copy is gone when the block ends.

    Parameters
    ----------
    source : path or binary file object
        A path of a regular file is given back as it is.

    Yields
    ------
    source : path or binary file object
        What can be read more than once.

    Raises
    ------
    ArgumentError
        For what is neither a path nor a binary file object.

    Examples
    --------
    >>> import io
    >>> with seekable(io.BytesIO(b"RIFF")) as file:
    ...     file.read(4)
    b'RIFF'
    """
    if is_path(source):
        if not stat.S_ISFIFO(_mode(source)):
            yield source
            return
        with open(source, "rb") as pipe, _seekable(pipe) as ready:
            yield ready
        return
    with _seekable(source) as ready:
        yield ready


@contextmanager
def _seekable(source: BinaryIO) -> Iterator[BinaryIO]:
    """`seekable` for a file object."""
    if not hasattr(source, "read"):
        raise ArgumentError(f"a path or a binary file object is wanted, not {type(source).__name__}")
    if hasattr(source, "encoding"):
        raise ArgumentError(
            f"{display_name(source)} is open as text; a binary file is wanted (mode 'rb', or its .buffer)"
        )
    if _can_seek(source):
        yield source
        return
    with TemporaryFile(buffering=0) as file, _Copy(cast(RawIOBase, file), display_name(source)) as copy:
        shutil.copyfileobj(source, copy, _COPIED)
        copy.seek(0)
        yield copy


class _Copy(BufferedRandom):
    """A copy on disk of what came through a pipe, with the pipe's name."""

    def __init__(self, file: RawIOBase, name: str) -> None:
        super().__init__(file)
        self._name = name

    @property
    def name(self) -> str:
        return self._name


def _mode(path: AnyPath) -> int:
    try:
        return os.stat(path).st_mode
    except (OSError, ValueError):
        return 0  # said by what opens it


def _can_seek(file: BinaryIO) -> bool:
    try:
        return file.seekable() if hasattr(file, "seekable") else hasattr(file, "seek") and hasattr(file, "tell")
    except ValueError as error:
        raise ArgumentError(f"{display_name(file)} cannot be read: {error}") from error
