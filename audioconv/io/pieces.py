"""A file made of pieces of another and of new bytes, so that a header can be mended without a copy."""

import io
import os
from bisect import bisect_right
from itertools import accumulate


class PiecedFile(io.RawIOBase):
    """A seekable binary file that is the pieces one after the other; only its own position moves.

    Parameters
    ----------
    file : binary file object, seekable
    pieces : sequence of bytes or (start, stop)
        New bytes, or a range of `file`, in bytes.
    """

    def __init__(self, file, pieces):
        self._file = file
        self._pieces = [piece for piece in pieces if isinstance(piece, bytes) or piece[1] > piece[0]]
        lengths = [len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in self._pieces]
        self._ends = list(accumulate(lengths))
        self._size = self._ends[-1] if self._ends else 0
        self._lengths = lengths
        self._at = 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._at

    def seek(self, offset, whence=os.SEEK_SET):
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer):
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and self._at < self._size:
            index = bisect_right(self._ends, self._at)
            inside = self._at - (self._ends[index] - self._lengths[index])
            wanted = min(len(view) - done, self._lengths[index] - inside)
            piece = self._pieces[index]
            if isinstance(piece, bytes):
                data = piece[inside : inside + wanted]
            else:
                self._file.seek(piece[0] + inside)
                data = self._file.read(wanted)
                if not data:  # the file has become shorter
                    break
            view[done : done + len(data)] = data
            done += len(data)
            self._at += len(data)
        return done
