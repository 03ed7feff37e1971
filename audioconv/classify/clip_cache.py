"""The cache of decoded clips, resampled and of one length, in a memory-mapped file.

So sets larger than memory can be trained on, and the second training on a set begins at once. Clips are
cached and not features, because each epoch augments the clips anew.
"""

from collections.abc import Callable, Sequence
from typing import BinaryIO

import numpy as np

from audioconv import _typing
from audioconv._typing import Float32Array
from audioconv.classify.array_cache import ArrayWriter, cached_array, file_digests, key_of
from audioconv.classify.progress import NoticeSink

FORMAT = 3  # changes when the same files would give other clips


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

    def write(file: BinaryIO, notices: NoticeSink) -> None:
        from audioconv.classify.clips import read_all

        writer = ArrayWriter(file, np.float32, (length,), len(files))

        def store(i: int) -> None:
            writer.put(i, read(files[i], notices).astype(np.float32, copy=False))

        read_all(store, range(len(files)), threads)

    key = key_of(FORMAT, sample_rate, length, file_digests(files, threads))
    return cached_array("clips", key, write, notices)[0]
