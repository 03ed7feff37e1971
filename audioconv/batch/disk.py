"""Disks that are full: what is said of them, and that the run can go on."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audioconv.errors import AudioFileError
from audioconv.io.paths import AnyPath, display_path

_ROOM = 1 << 20  # bytes; with less on a disk, the disk is what is wrong and not the file
_FULL = errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)  # quotas are not of every system


def check_room(home: Path, reason: str) -> None:
    """Raise an error if a file has failed because a disk is full: so would all the others.

    Parameters
    ----------
    home : Path
        A folder on the disk of the outputs.
    reason : str
        Why the file has failed.

    Raises
    ------
    AudioFileError
    """
    if shutil.disk_usage(home).free < _ROOM or any(os.strerror(code) in reason for code in _FULL):
        raise _full(home.parent, reason)


@contextmanager
def full_disk_said(target: AnyPath | None) -> Iterator[None]:
    """Say of an error that a disk is full which one it is, and that the run can go on.

    Parameters
    ----------
    target : path, optional
    """
    try:
        yield
    except OSError as error:
        if target is None or error.errno not in _FULL:
            raise
        raise _full(target, str(error)) from error


def _full(path: AnyPath, reason: str) -> AudioFileError:
    return AudioFileError(
        f"the disk of {display_path(path)} is full ({reason}); with more room, the same command goes on from here"
    )
