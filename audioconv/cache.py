"""The folder of what audioconv may make again, private to its user."""

import os
import shutil
import stat
from pathlib import Path

import platformdirs


def clear_kernels() -> int:
    """Remove the compiled kernels of all versions and nothing else; return how many files that were."""
    folder = cache_folder() / "kernels"
    count = len(files_in(folder))
    shutil.rmtree(folder, ignore_errors=True)
    return count - len(files_in(folder))  # some may be another user's


def files_in(folder: Path) -> list[Path]:
    """All files in a folder and the folders in it."""
    return [path for path in folder.rglob("*") if path.is_file()]


def cache_folder() -> Path:
    """Folder for what audioconv may make again: `AUDIOCONV_CACHE`, or the user's cache folder of this system."""
    return Path(os.environ.get("AUDIOCONV_CACHE") or platformdirs.user_cache_dir("audioconv", appauthor=False))


def is_private(path: str | os.PathLike[str]) -> bool:
    """Whether a file or folder, and no link, belongs to this user or to root, and nobody else can write to it."""
    if not hasattr(os, "geteuid"):  # Windows: a user's folders are the user's own
        return True
    found = os.lstat(path)
    return found.st_uid in (os.geteuid(), 0) and not stat.S_ISLNK(found.st_mode) and not found.st_mode & 0o022


def make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone.

    Raises PermissionError where others could put something in.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
    if is_private(folder):
        return
    if not folder.is_symlink() and folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)
    if not is_private(folder):
        raise PermissionError(f"{folder} belongs to another user, is a link, or others can write to it")
