"""The cache of decoded clips, resampled and of one length, in a memory-mapped file.

So sets larger than memory can be trained on, and the second training on a set begins at once. Clips are
cached and not features, because each epoch augments the clips anew.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np

from audioconv import _typing, cache, parallel
from audioconv._typing import Float32Array
from audioconv.classify.progress import NoticeSink
from audioconv.io import atomic_write

FORMAT = 2  # changes when the same files would give other clips
MOST_BYTES = 8 << 30  # in all; the least recently used go first


def memory_mapped_clips(
    files: Sequence[_typing.Path],
    sample_rate: int,
    length: int,
    read: Callable[[_typing.Path, NoticeSink], Float32Array],
    notices: NoticeSink | None,
    threads: int | None = None,
) -> Float32Array:
    """Memory-mapped clips (files, length), float32, read-only, from the cache; missing ones are read and cached.

    Parameters
    ----------
    files : list of paths
    sample_rate, length : int
        What `read` brings clips to; with the contents of all files they are the key.
    read : callable
        read(path, notices) gives the clip of a file.
    notices : NoticeSink or None
        Gets the notices of `read`, also where the clips were cached.

    Raises
    ------
    AudioFileError
        If files cannot be read, naming each.
    OSError
        If the cache cannot be written, because the disk is full or for another reason.
    """
    folder = cache.cache_folder() / "clips"
    path = folder / f"{_key(files, sample_rate, length, threads)}.npy"
    notices_path = path.with_suffix(".json")
    clips = _opened(path, notices_path, (len(files), length))
    if clips is None:
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, notices_path, files, length, read, threads)
        _evict(folder, path)
        clips = _opened(path, notices_path, (len(files), length))
        if clips is None:
            raise OSError(f"{path} is gone again")
    with suppress(OSError):  # in another user's cache: then these clips are only evicted earlier
        os.utime(path)
    for text in json.loads(notices_path.read_text()):
        if notices is not None:
            notices.say(text)
    return clips


class _NoticeRecorder:
    """Records notices, in any order, without saying them."""

    def __init__(self) -> None:
        self.texts: set[str] = set()

    def say(self, text: str) -> None:
        """Record a notice."""
        self.texts.add(text)


def _key(files: Sequence[_typing.Path], sample_rate: int, length: int, threads: int | None) -> str:
    def digest(path: _typing.Path) -> bytes:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()

    # `read` raises the error for paths that are no files
    parts = parallel.run(lambda path: digest(path) if Path(path).is_file() else b"", files, threads)
    return hashlib.sha256(repr((FORMAT, sample_rate, length, parts)).encode()).hexdigest()[:32]


def _opened(path: Path, notices_path: Path, shape: tuple[int, int]) -> Float32Array | None:
    """The clips of a file of the cache, or None if it is not there or not whole."""
    try:
        clips = np.load(path, mmap_mode="r").view(np.ndarray)
        json.loads(notices_path.read_text())
    except (OSError, ValueError, EOFError):
        return None
    return cast(Float32Array, clips) if (clips.shape, clips.dtype) == (shape, np.float32) else None


def _write(
    path: Path,
    notices_path: Path,
    files: Sequence[_typing.Path],
    length: int,
    read: Callable[[_typing.Path, NoticeSink], Float32Array],
    threads: int | None,
) -> None:
    """Write the clips with `pwrite` into preallocated space: through a memory map, a full disk would be a bus error."""
    from audioconv.classify.clips import read_all

    recorder, size = _NoticeRecorder(), 4 * length
    with atomic_write(path, OSError) as part, open(part, "w+b") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, header | {"shape": (len(files), length)})
        file.flush()
        start = file.tell()
        if hasattr(os, "posix_fallocate"):  # a full disk is found now rather than after all files were decoded
            os.posix_fallocate(file.fileno(), 0, start + len(files) * size)

        def store(i: int) -> None:
            clip = read(files[i], recorder).astype(np.float32, copy=False)
            _write_at(file.fileno(), clip.tobytes(), start + i * size)

        read_all(store, range(len(files)), threads)
        with atomic_write(notices_path, OSError) as notes:
            notes.write_text(json.dumps(sorted(recorder.texts)))


def _write_at(handle: int, data: bytes, place: int) -> None:
    """Write all of the data; a disk that is full is an OSError."""
    while data:
        done = os.pwrite(handle, data, place)
        data, place = data[done:], place + done


def _evict(folder: Path, newest: Path) -> None:
    """Remove the least recently used files, but never the newest."""
    kept = sorted(folder.glob("*.npy"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in [newest, *(path for path in kept if path != newest)]:
        total += path.stat().st_size
        if total > MOST_BYTES and path != newest:
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)
