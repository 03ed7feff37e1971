"""Atomic write: files that appear whole or not at all."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from audioconv.errors import ArgumentError, AudioFileError
from audioconv.io.paths import AnyPath, display_path, is_path
from audioconv.io.source import display_name

_COPIED = 1 << 20  # bytes at a time
_synced: ContextVar[bool] = ContextVar("synced", default=True)


def atomic_output(target: AnyPath | BinaryIO, error: type[OSError] = AudioFileError) -> AbstractContextManager[Path]:
    """`atomic_write` for a path, `atomic_copy` for a file object."""
    return atomic_write(target, error) if is_path(target) else atomic_copy(target, error)


@contextmanager
def atomic_copy(file: BinaryIO, error: type[OSError] = AudioFileError) -> Iterator[Path]:
    """Give a path to write to; a file object gets its bytes when the block ends without an error, and none otherwise.

    Parameters
    ----------
    file : binary file object
        Need not be able to seek: a pipe will do. It is written to from where it stands, and left there and open.
    error : type of AudioconvError
        What to raise when it cannot be written; what is gone at the other end of a pipe stays a BrokenPipeError.

    Yields
    ------
    part : Path
        Does not exist yet.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> with atomic_copy(file) as part:
    ...     _ = part.write_bytes(b"whole")
    >>> file.getvalue()
    b'whole'
    """
    if hasattr(file, "encoding") or not _takes_bytes(file):
        raise ArgumentError(f"{display_name(file)} cannot be written to as a binary file; open it with mode 'wb'")
    with TemporaryDirectory(prefix="audioconv-") as folder:
        part = Path(folder) / "part"
        yield part
        try:
            _copy(part, file)
        except BrokenPipeError:
            raise
        except OSError as failed:
            raise error(f"cannot write {display_name(file)}: {failed.strerror or failed}") from failed


def _takes_bytes(file: BinaryIO) -> bool:
    try:
        return bool(getattr(file, "writable", lambda: hasattr(file, "write"))())
    except ValueError as error:
        raise ArgumentError(f"{display_name(file)} cannot be written to: {error}") from error


def _copy(part: Path, file: BinaryIO) -> None:
    with open(part, "rb") as whole:
        while data := memoryview(whole.read(_COPIED)):
            while data:
                written = file.write(data)
                data = data[len(data) if written is None else written :]
    getattr(file, "flush", lambda: None)()


@contextmanager
def atomic_write(path: AnyPath, error: type[OSError] = AudioFileError) -> Iterator[Path]:
    """Give a path beside `path` to write to; it replaces `path` atomically when the block ends without an error.

    After an error or Ctrl-C the new file is removed and an older `path` is as before, to the byte.

    Parameters
    ----------
    path : str or path
        Where the file shall be. A symbolic link is followed.
    error : type of AudioconvError
        What to raise when `path` cannot be written.

    Yields
    ------
    part : Path
        Does not exist yet.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "notes.txt"
    >>> with atomic_write(path) as part:
    ...     _ = part.write_text("whole")
    ...     path.exists()
    False
    >>> path.read_text()
    'whole'
    >>> folder.cleanup()
    """
    target = writable_path(path, error)
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield part
        if _synced.get():
            sync(part)
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    if _synced.get():
        with suppress(OSError):  # not every system can sync a folder; the file itself is safe already
            sync(target.parent)


@contextmanager
def without_sync() -> Iterator[None]:
    """Leave out the flushes of atomic writes in this block and thread: for who flushes many files at once afterwards.

    Examples
    --------
    >>> with without_sync(), atomic_write("a.txt") as part:  # doctest: +SKIP
    ...     _ = part.write_text("whole")
    """
    token = _synced.set(False)
    try:
        yield
    finally:
        _synced.reset(token)


def writable_path(path: AnyPath, error: type[OSError] = AudioFileError) -> Path:
    """Return `path` resolved, or raise an error that says why it cannot be written; a check before hours of work.

    Parameters
    ----------
    path : str, bytes or path
    error : type of AudioconvError
        What to raise.

    Returns
    -------
    target : Path
        Without symbolic links.

    Raises
    ------
    AudioFileError
        Or another `error`, if the folder does not exist or is not writable, or there is something else than a file.

    Examples
    --------
    >>> writable_path("no such folder/a.wav")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    audioconv.errors.AudioFileError: cannot write no such folder/a.wav: the folder ... does not exist; make it first
    """
    try:
        target = Path(os.path.realpath(os.fsdecode(path)))
        target.exists()
    except (OSError, ValueError) as failed:  # a name that is too long, or has a zero byte
        raise error(f"cannot write {display_path(path)}: {getattr(failed, 'strerror', None) or failed}") from failed
    if not target.parent.is_dir():
        raise error(
            f"cannot write {display_path(path)}: the folder {display_path(target.parent)} does not exist; make it first"
        )
    if target.exists() and not target.is_file():  # os.replace would put a file in the place of /dev/null
        raise error(
            f"cannot write {display_path(path)}: it is {'a folder' if target.is_dir() else 'not a regular file'}"
        )
    if not os.access(target.parent, os.W_OK):
        raise error(
            f"cannot write {display_path(path)}: no permission to write in the folder {display_path(target.parent)}"
        )
    return target


@contextmanager
def next_numbered_path(folder: AnyPath, prefix: str = "", suffix: str = ".wav") -> Iterator[Path]:
    """Reserve the path of the next file of a numbered series.

    Parameters
    ----------
    folder : str or path
        Holds the series; must exist.
    prefix : str
        What its names begin with, before the number.
    suffix : str
        A number is taken whatever the suffix of its file.

    Yields
    ------
    path : Path
        `prefix0001suffix`, or one more than the largest number so far. Nobody else is given it until the block ends.

    Raises
    ------
    AudioFileError
        If the folder does not exist or cannot be written to.

    Examples
    --------
    >>> with next_numbered_path("clips/yes", "anna_") as path:  # doctest: +SKIP
    ...     write(path, samples, 16000)
    """
    directory, number = writable_path(Path(os.fsdecode(folder)) / "0").parent, 0
    while True:
        number = max(number, _largest_number(directory, prefix)) + 1
        path = directory / f"{prefix}{number:04d}{suffix}"
        claim = directory / f".{path.stem}.claim"  # not the file itself, which would be there before it is whole
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            continue
        try:
            if _largest_number(directory, prefix) >= number:  # another process has just used it
                continue
            yield path
            return
        finally:
            claim.unlink(missing_ok=True)


def _largest_number(folder: Path, prefix: str) -> int:
    numbered = re.compile(rf"{re.escape(prefix)}(\d+)\.")
    return max((int(found[1]) for name in os.listdir(folder) if (found := numbered.match(name))), default=0)


def sync(path: AnyPath) -> None:
    """Flush `path` to the disk (fsync), so that a power cut after the rename cannot leave an empty file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
