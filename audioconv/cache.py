"""The cache folder: files that can be made again, that nobody else can write to, and that are verified when read.

Compiled kernels are pickles and machine code, so their files must be the user's own: the folder and the files belong to
the user (or to root) and nobody else can write there. Otherwise they are neither read nor written. A file begins with a
hash of its content, so that one that a power cut, a full disk or a killed process left behind counts as missing and is
written anew; and a file appears under its name whole or not at all (atomic write).

The folder of a user is for that user alone. One that `AUDIOCONV_CACHE` names may be read by others, as far as the
umask lets them: what root put there, in the image of a container, serves every user.
"""

import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import time
import warnings
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import platformdirs

DIGEST_BYTES = hashlib.sha256().digest_size
PART = ".part"
ABANDONED_S = 3600  # a temporary file as old as this was left by a killed process


def cache_folder() -> Path:
    """The cache folder: `AUDIOCONV_CACHE`, or the user's cache folder of this system.

    A user without a home, as in a container, has a folder among the temporary files, which is said once.
    """
    if chosen := os.environ.get("AUDIOCONV_CACHE"):
        return Path(chosen)
    try:
        folder = Path(platformdirs.user_cache_dir("audioconv", appauthor=False))
    except RuntimeError:  # neither HOME nor an entry among the users
        return _temporary_folder()
    return folder if folder.is_absolute() else _temporary_folder()  # older versions of platformdirs leave ~ as it is


@lru_cache(maxsize=1)
def _temporary_folder() -> Path:
    """A folder of this user's own name, so that nobody else can have made it."""
    user = os.geteuid() if hasattr(os, "geteuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"audioconv-{user}"
    warnings.warn(
        f"this user has no home directory, so compiled kernels are kept in {folder}; AUDIOCONV_CACHE names another one",
        RuntimeWarning,
        stacklevel=2,
    )
    return folder


def files_in(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it."""
    return [path for path in folder.rglob("*") if path.is_file()]


def clear_kernels() -> int:
    """Remove the compiled kernels of all versions and nothing else; return how many files that were."""
    folder = cache_folder() / "kernels"
    count = len(files_in(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return count - len(files_in(folder))  # some may be another user's


# --- files that are the user's own ------------------------------------------------------------------------


def is_own(found: os.stat_result) -> bool:
    """Whether a file or folder, and no link, belongs to this user or to root, and nobody else can write to it."""
    if not hasattr(os, "geteuid"):  # Windows: a user's folders are the user's own
        return True
    return found.st_uid in (os.geteuid(), 0) and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o022


def _mode(folder: Path) -> int:
    """Of folders; without the bits for entering them, of files."""
    named = os.environ.get("AUDIOCONV_CACHE")
    return 0o755 if named and Path(named) in (folder, *folder.parents) else 0o700


def make_own(folder: Path) -> None:
    """Make a folder, and those above it that are missing, in which nobody but this user can write.

    Raises PermissionError where others can write.
    """
    mode = _mode(folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=mode, exist_ok=True)
    if is_own(folder.lstat()):
        return
    if not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
        folder.chmod(folder.stat().st_mode & mode)
    if not is_own(folder.lstat()):
        raise PermissionError(f"{folder} belongs to another user, is a link, or others can write to it")


def read_verified(path: Path, magic: bytes) -> bytes | None:
    """The content of a file of `write_verified`; None where it is missing, damaged, or not the user's own."""
    try:
        if not is_own(path.parent.lstat()):
            return None
        with open(path, "rb", opener=_no_link) as file:
            if not is_own(os.fstat(file.fileno())):  # of what is read, whatever the name means by now
                return None
            content = file.read()
    except OSError:  # missing, a folder, unreadable
        return None
    head, data = content[: len(magic) + DIGEST_BYTES], content[len(magic) + DIGEST_BYTES :]
    return data if head == magic + hashlib.sha256(data).digest() else None


def write_verified(path: Path, magic: bytes, data: bytes) -> None:
    """Write a file for `read_verified` (atomic write): `magic`, a hash of the data, the data.

    Raises OSError and leaves nothing where the disk is full, read-only or not the user's own.
    """
    write_atomically(path, magic + hashlib.sha256(data).digest() + data)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file of the cache that appears whole or not at all.

    Raises OSError and leaves nothing where the disk is full, read-only or not the user's own.
    """
    make_own(path.parent)
    mode = _mode(path.parent) & 0o666
    _remove_abandoned_parts(path.parent)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PART}")
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


_swept: set[Path] = set()


def _remove_abandoned_parts(folder: Path) -> None:
    """Remove, once a process and folder, temporary files that killed processes left."""
    if folder in _swept:
        return
    _swept.add(folder)
    for part in folder.glob(f"*{PART}"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > ABANDONED_S:
                part.unlink()
