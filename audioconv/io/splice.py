"""A file made of pieces of another and of new bytes, so that a header can be mended without a copy."""

import io
import os
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

from audioconv.io.stream_layout import Range, Ranges

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_TAG = 128  # bytes at the end of an MP3 file that may be a tag


class SplicedFile(io.RawIOBase):
    """A seekable binary file made of byte ranges of another and of new bytes; of `file`, only the position moves.

    Parameters
    ----------
    file : binary file object, seekable
    pieces : sequence of bytes or (start, stop)
        One after the other: new bytes, or a range of `file`, in bytes.
    reported_size : int, optional
        The length that the file says it has, in bytes, if it is not to be the true one. Between the last piece and the
        last 128 bytes, which are zeros (where a decoder looks for a tag), it ends as files do.

    Attributes
    ----------
    raised : BaseException or None
        What went wrong while reading. It is kept, because what reads may be C, which exceptions cannot pass.
    """

    def __init__(self, file: BinaryIO, pieces: Ranges, reported_size: int | None = None) -> None:
        super().__init__()
        self._file = file
        self._pieces = [piece for piece in pieces if range_length(piece)]
        self._starts = [0, *accumulate(map(range_length, self._pieces))]
        self._size = self._starts[-1]
        self._reported_size = self._size if reported_size is None else reported_size
        self._position = 0
        self.raised: BaseException | None = None

    def readable(self) -> bool:
        """Always True."""
        return True

    def seekable(self) -> bool:
        """Always True."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._reported_size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read as many bytes as the buffer takes, fewer only at the end."""
        view, done = memoryview(buffer).cast("B"), 0
        try:
            while done < len(view) and (data := self._next(len(view) - done)):
                view[done : done + len(data)] = data
                done += len(data)
                self._position += len(data)
        except BaseException as error:
            self.raised = error
        return done

    def _next(self, size: int) -> bytes:
        """Up to `size` bytes from the position on, out of one piece."""
        if self._position >= self._size:
            return (
                bytes(min(size, max(0, self._reported_size - self._position)))
                if self._position >= self._reported_size - _TAG
                else b""
            )
        index = bisect_right(self._starts, self._position) - 1
        piece, inside = self._pieces[index], self._position - self._starts[index]
        if isinstance(piece, bytes):
            return piece[inside : inside + size]
        self._file.seek(piece[0] + inside)
        return self._file.read(min(size, piece[1] - piece[0] - inside))


def range_length(piece: Range) -> int:
    """Bytes of a piece."""
    return len(piece) if isinstance(piece, bytes) else max(0, piece[1] - piece[0])


def patched_ranges(end: int, patches: dict[int, bytes], start: int = 0) -> list[Range]:
    """The ranges of a file from `start` to `end` with some bytes replaced.

    Parameters
    ----------
    end : int
        Offset of the first byte that is left out.
    patches : dict of int to bytes
        What stands at which offset; may not overlap.
    """
    at, pieces = start, list[Range]()
    for offset, new in sorted(patches.items()):
        pieces += [(at, offset), new]
        at = offset + len(new)
    return [*pieces, (at, end)]
