"""The disk cache of compiled kernels that Numba uses: a file for each kernel, signature and processor.

Numba keeps an index beside its files, which two processes can overwrite for each other, and which, once damaged, is
never written again. Here the name of a file says which kernel, types and processor it is for, so that there is no
index. How files are written and verified is in `audioconv.cache`: what they hold is unpickled and its machine code is
called, so that nothing is read that another user could have written.
"""

import hashlib
import pickle
import warnings
from pathlib import Path

from numba.core.serialize import dumps

from audioconv.cache import read_verified, write_verified

MAGIC = b"audioconv kernel 1\n"
SUFFIX = ".nbc"


class KernelFiles:
    """The files of one kernel; what Numba calls a cache file, with `load`, `save` and `flush`."""

    def __init__(self, folder, base):
        self._folder, self._base = folder, base

    def load(self, key):
        """Return what was saved with this key, or None where that is missing, damaged, or not the user's own."""
        data = read_verified(self._path(key), MAGIC)
        return None if data is None else pickle.loads(data)

    def save(self, key, data):
        """Keep `data`; raises OSError and leaves nothing where the disk is full, read-only or not the user's own."""
        write_verified(self._path(key), MAGIC, dumps(data))

    def flush(self):
        """Forget what was saved of this kernel."""
        for path in self._folder.glob(f"{self._base}.*{SUFFIX}"):
            path.unlink()

    def _path(self, key):
        return self._folder / f"{self._base}.{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}{SUFFIX}"


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
