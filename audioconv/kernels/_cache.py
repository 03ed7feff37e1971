"""Compiled kernels on disk: a file each, private to the user, checked as a whole before anything in it is believed.

Numba keeps an index beside its files, which two processes can overwrite for each other, and which, once damaged, is
never written again. Here the name of a file says which kernel, types and processor it is for, so that there is no
index; a file begins with a hash of what follows, so that one that a power cut, a full disk or a killed process left
behind counts as missing and is written anew; and a file appears under its name whole or not at all.

What these files hold is unpickled and its machine code is called, so they must be the user's own: the folder and the
files belong to the user (or to root) and nobody else can write there. Otherwise they are neither read nor written.
"""

import hashlib
import os
import pickle
import secrets
import shutil
import time
import warnings
from contextlib import suppress
from pathlib import Path

from numba.core.serialize import dumps

from audioconv.cache import is_private, make_private

MAGIC = b"audioconv kernel 1\n"
DIGEST_BYTES = hashlib.sha256().digest_size
SUFFIX = ".nbc"
PART = ".part"
ABANDONED_S = 3600  # a part as old as this belongs to a process that was killed


class KernelFiles:
    """The files of one kernel; what numba calls a cache file, with `load`, `save` and `flush`."""

    def __init__(self, folder, base):
        self._folder, self._base = folder, base

    def load(self, key):
        """What was saved with this key, or None where that is missing, damaged, or not the user's own."""
        path = self._path(key)
        try:
            if not (is_private(self._folder) and is_private(path)):
                return None
            content = path.read_bytes()
        except OSError:  # missing, a folder, unreadable
            return None
        head, data = content[: len(MAGIC) + DIGEST_BYTES], content[len(MAGIC) + DIGEST_BYTES :]
        return pickle.loads(data) if head == MAGIC + hashlib.sha256(data).digest() else None

    def save(self, key, data):
        """Keep `data`; raises OSError and leaves nothing where the disk is full, read-only or not the user's own."""
        make_private(self._folder)
        self._sweep()
        data, path = dumps(data), self._path(key)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PART}")
        try:
            with open(part, "wb", opener=_for_user_only) as file:
                file.write(MAGIC + hashlib.sha256(data).digest() + data)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise

    def flush(self):
        """Forget what was saved of this kernel."""
        for path in self._folder.glob(f"{self._base}.*{SUFFIX}"):
            path.unlink()

    def _path(self, key):
        return self._folder / f"{self._base}.{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}{SUFFIX}"

    def _sweep(self):
        """Remove, once a process and folder, what killed processes left half written."""
        if self._folder in _swept:
            return
        _swept.add(self._folder)
        for part in self._folder.glob(f"*{PART}"):
            with suppress(OSError):
                if time.time() - part.stat().st_mtime > ABANDONED_S:
                    part.unlink()


def _for_user_only(path, flags):
    return os.open(path, flags, 0o600)


_swept = set()
_warned = False


def warn_once(folder, error):
    """Say that kernels are not kept on disk and why, once a process."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            f"audioconv cannot keep compiled kernels in {Path(folder)} ({error}); they are compiled again in each "
            "process, unless AUDIOCONV_CACHE names a folder of your own with room in it",
            RuntimeWarning,
            stacklevel=2,
        )
