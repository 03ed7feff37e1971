"""Arrays of the cache folder: made once of what files hold, written whole, mapped into memory, evicted when unused."""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from audioconv import _typing, cache, parallel
from audioconv._typing import Array, DTypeLike
from audioconv.classify.progress import NoticeSink
from audioconv.io import atomic_write

MOST_BYTES = 8 << 30  # of a folder in all; the least recently used go first


class ArrayWriter:
    """Writes the rows of an array to a .npy file with `pwrite`: through a memory map, a full disk would be a bus error.

    Threads may write side by side.

    Parameters
    ----------
    file : binary file object
        Empty, open for writing.
    dtype : float or integer dtype
    row_shape : tuple of int
        The shape of a row: () for an array of one dimension.
    rows : int, optional
        How many there will be: a full disk is found now rather than after everything was decoded.
    """

    def __init__(self, file: BinaryIO, dtype: DTypeLike, row_shape: tuple[int, ...], rows: int | None = None) -> None:
        self._file, self._dtype, self._row_shape = file, np.dtype(dtype), row_shape
        self._row_bytes = self._dtype.itemsize * int(np.prod(row_shape, dtype=np.int64))
        self._lock, self._rows = threading.Lock(), rows or 0
        self._write_header()
        self._start = file.tell()
        if rows and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, self._start + rows * self._row_bytes)

    def _write_header(self) -> None:
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(self._file, header | {"shape": (self._rows, *self._row_shape)})
        self._file.flush()

    def put(self, first: int, values: Array) -> None:
        """Write values of the array's dtype from row `first` on; a disk that is full is an OSError."""
        data, place = np.ascontiguousarray(values).tobytes(), self._start + first * self._row_bytes
        while data:
            done = os.pwrite(self._file.fileno(), data, place)
            data, place = data[done:], place + done

    def append(self, values: Array) -> int:
        """Write values behind all that were appended before and return the first of their rows."""
        with self._lock:
            first, self._rows = self._rows, self._rows + len(values)
        self.put(first, values)
        return first

    def close(self) -> None:
        """Write how many rows there are: NumPy leaves room for it in the header."""
        self._file.seek(0)
        self._write_header()
        if self._file.tell() != self._start:
            raise OSError(f"the header of an array of {self._rows} rows does not fit")


def cached_array(
    folder: str, key: str, write: Callable[[BinaryIO, NoticeSink], Any], notices: NoticeSink | None
) -> tuple[Array, Any]:
    """Return an array of the cache, memory-mapped and read-only, and its index; both are made if they are missing.

    Parameters
    ----------
    folder : str
        Inside the cache folder, for arrays of one kind.
    key : str
        A digest of everything that the array depends on.
    write : callable
        write(file, notices) writes the array with an `ArrayWriter` and returns its index: something for JSON.
    notices : NoticeSink or None
        Gets the notices of `write`, also where the array was cached.

    Returns
    -------
    array : array
    index : what `write` returned

    Raises
    ------
    OSError
        If the cache cannot be written, because the disk is full or for another reason; and whatever `write` raises.
    """
    place = cache.cache_folder() / folder
    path = place / f"{key}.npy"
    found = _opened(path)
    if found is None:
        place.mkdir(parents=True, exist_ok=True)
        _write(path, write)
        _evict(place, path)
        found = _opened(path)
        if found is None:
            raise OSError(f"{path} is gone again")
    with suppress(OSError):  # in another user's cache: then this array is only evicted earlier
        os.utime(path)
    array, record = found
    for text in record["notices"]:
        if notices is not None:
            notices.say(text)
    return array, record["index"]


def file_digests(files: Iterable[_typing.Path], threads: int | None = None) -> list[bytes]:
    """A digest of the content of each file, for a key; of what is no file none, because reading it raises the error."""

    def digest(path: _typing.Path) -> bytes:
        if not Path(path).is_file():
            return b""
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    return parallel.run(digest, files, threads)


def key_of(*parts: object) -> str:
    """The key of an array that depends on these parts, each told by its repr."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


class _NoticeRecorder:
    """Records notices, in any order, without saying them."""

    def __init__(self) -> None:
        self.texts: set[str] = set()

    def say(self, text: str) -> None:
        """Record a notice."""
        self.texts.add(text)


def _opened(path: Path) -> tuple[Array, dict[str, Any]] | None:
    """The array of a file of the cache and what is noted beside it, or None if they are not there or not whole."""
    try:
        array: Array = np.load(path, mmap_mode="r").view(np.ndarray)
        record = json.loads(path.with_suffix(".json").read_text())
    except (OSError, ValueError, EOFError):
        return None
    return (array, record) if isinstance(record, dict) else None


def _write(path: Path, write: Callable[[BinaryIO, NoticeSink], Any]) -> None:
    recorder = _NoticeRecorder()
    with atomic_write(path, OSError) as part, open(part, "w+b") as file:
        index = write(file, recorder)
        with atomic_write(path.with_suffix(".json"), OSError) as notes:
            notes.write_text(json.dumps({"notices": sorted(recorder.texts), "index": index}))


def _evict(folder: Path, newest: Path) -> None:
    """Remove the least recently used files, but never the newest."""
    kept = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in [newest, *(path for path in kept if path != newest)]:
        total += path.stat().st_size
        if total > MOST_BYTES and path != newest:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
