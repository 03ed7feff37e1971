"""The chunks of RIFF (WAV, RF64), AIFF, CAF and Wave64 files: where they are, and new ones at the end."""

import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from audioconv.io.paths import AnyPath

_OPEN = 0x7FFFF000  # a length from here on was left open, as in files that went through a pipe
_LIMIT = 2**32 - 2  # bytes of a file whose own length has 32 bits
_MOST_CHUNKS = 10000
_MOST = 1 << 26  # most bytes of a chunk that is read; a longer one is damaged

RIFF, AIFF, CAF, W64 = "RIFF", "AIFF", "CAF", "W64"
_MAGICS = {b"RIFF": RIFF, b"RF64": RIFF, b"BW64": RIFF, b"RIFX": RIFF, b"FORM": AIFF, b"caff": CAF, b"riff": W64}
_HEADERS = {RIFF: (12, "<4sI"), AIFF: (12, ">4sI"), CAF: (8, ">4sq"), W64: (40, "<4s12xQ")}  # first chunk, its header


class Chunk(NamedTuple):
    """A piece of a file."""

    name: bytes
    start: int  # offset of its data
    size: int  # bytes of its data


class ChunkTable(NamedTuple):
    """The chunks of a file."""

    family: str  # RIFF, AIFF, CAF or W64; "" for a file that has no chunks
    order: str  # "<" or ">": of the bytes of its numbers
    chunks: list[Chunk]
    whole: bool = True  # whether they go on to the end of the file, so that none was taken for what it is not

    def first(self, name: bytes) -> Chunk | None:
        """The first chunk of that name."""
        return next((chunk for chunk in self.chunks if chunk.name == name), None)


def chunk_table(file: BinaryIO, size: int) -> ChunkTable:
    """Find the chunks of a file of `size` bytes, as far as they are whole."""
    file.seek(0)
    head = file.read(64)
    family = _MAGICS.get(head[:4], "")
    if not family or len(head) < 40:
        return ChunkTable("", "<", [])
    at, form = _HEADERS[family]
    form = form.replace("<", ">") if head[:4] == b"RIFX" else form
    length64 = struct.unpack_from("<Q", head, 28)[0] if head[12:16] == b"ds64" else None
    chunks, whole = list[Chunk](), True
    while at + struct.calcsize(form) <= size and len(chunks) < _MOST_CHUNKS:
        file.seek(at)
        name, length = struct.unpack(form, file.read(struct.calcsize(form)))
        if name == b"data" and length64 is not None and length >= _OPEN:
            length = length64
        elif family == W64:
            length -= struct.calcsize(form)  # counts its own header
        start = at + struct.calcsize(form)
        open_end = name in (b"data", b"SSND") and length == 0  # a recorder has not come to the end
        if open_end or not all(0x20 <= letter < 0x7F for letter in name) or length < 0 or start + length > size:
            whole = False
            break
        chunks.append(Chunk(name, start, length))
        at = start + length + (-length % {CAF: 1, W64: 8}.get(family, 2))
    return ChunkTable(family, form[0], chunks, whole)


def content(file: BinaryIO, chunk: Chunk | None) -> bytes:
    """The bytes of a chunk; none where there is no chunk, or an implausible one."""
    if chunk is None or chunk.size > _MOST:
        return b""
    file.seek(chunk.start)
    return file.read(chunk.size)


def append(path: AnyPath, chunks: Iterable[tuple[bytes, bytes]]) -> bool:
    """Append chunks, as (name, data), to a RIFF, AIFF or CAF file.

    Returns
    -------
    done : bool
        False, and the file as it was, if it would be longer than its header can say.
    """
    with open(path, "r+b") as file:
        head = file.read(16)
        family = _MAGICS[head[:4]]
        form, even = _HEADERS[family][1], 1 if family == CAF else 2
        end = file.seek(0, 2)
        added = bytes(-end % even)
        for name, data in chunks:
            added += struct.pack(form, name, len(data)) + data + bytes(-len(data) % even)
        if head[:4] in (b"RIFF", b"FORM") and end + len(added) > _LIMIT:
            return False
        file.write(added)
        end += len(added)
        if head[:4] == b"RF64":
            file.seek(20)
            file.write(struct.pack("<Q", end - 8))
        elif family != CAF:
            file.seek(4)
            file.write(struct.pack(form[0] + "I", end - 8))
    return True


def lists(data: bytes, order: str = "<") -> list[tuple[bytes, bytes]]:
    """The chunks inside a LIST chunk, after its four letters."""
    found, at = [], 4
    while at + 8 <= len(data):
        name, length = struct.unpack_from(order + "4sI", data, at)
        found.append((name, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def make_list(kind: bytes, chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The data of a LIST chunk."""
    return kind + b"".join(struct.pack("<4sI", name, len(data)) + data + bytes(len(data) % 2) for name, data in chunks)
