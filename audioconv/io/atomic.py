"""Files that appear whole or not at all."""

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path

from audioconv.errors import AudioFileError


@contextmanager
def replace_when_whole(path, error=AudioFileError):
    """Give a path beside `path` to write to; it takes the place of `path` when the block ends without an error.

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
    >>> from pathlib import Path
    >>> with replace_when_whole("notes.txt") as part:  # doctest: +SKIP
    ...     part.write_text("whole")
    """
    target = writable(path, error)
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        yield part
        _sync(part)
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    with suppress(OSError):  # not every system can sync a folder; the file itself is safe already
        _sync(target.parent)


def writable(path, error=AudioFileError):
    """Return where `path` really is, or say why no file can be written there; for a check before hours of work."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise error(f"cannot write {path}: the folder {target.parent} does not exist; make it first")
    if target.exists() and not target.is_file():  # os.replace would put a file in the place of /dev/null
        raise error(f"cannot write {path}: it is {'a folder' if target.is_dir() else 'not a regular file'}")
    if not os.access(target.parent, os.W_OK):
        raise error(f"cannot write {path}: no permission to write in the folder {target.parent}")
    return target


def _sync(path):
    """Have the disk hold `path`, so that a power cut after the rename cannot leave an empty file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
