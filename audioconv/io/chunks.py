"""Sound files made of chunks (WAV, RF64, AIFF, CAF, Wave64) and AU: the true length of the sound.

Programs that write to a pipe leave the length open, a recorder that was killed leaves 0, and beyond 4 GiB the 32 bits
of WAV and AIFF wrap round. In all these cases the sound goes on to the end of the file.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from audioconv.io.mpeg import first_frame, mpeg_layout
from audioconv.io.splice import patched_ranges
from audioconv.io.stream_layout import Ranges, StreamLayout, cut_short

_OPEN_END = 0x7F000000  # programs that write to a pipe put this or more where the length should be
_FULL = 0xFFFFFFFF
_WRAP = 1 << 32
_GSM, _MP3, _EXTENSIBLE = 0x31, 0x55, 0xFFFE  # codecs in a WAV file; the last: it comes later
_VOC = b"Creative Voice File"
_VOC_SOUND = (1, 2, 9)  # types of block that hold samples
_MOST_CHUNKS = 10000  # before the sound; more are no file of that kind
_RF64 = (b"RF64", b"BW64")
_AU_CODES = {8: 2, 16: 3, 24: 4, 32: 5}  # bits of an AIFF file: how an AU file says it


class _Kind(NamedTuple):
    first: int  # offset of the first chunk
    header: str  # struct of (name, length)
    data: bytes  # name of the chunk that holds the sound
    align: int  # chunks begin at multiples of it
    own: int = 0  # how much of the header the length includes
    lead: int = 0  # bytes of the sound chunk before the samples


_KINDS = {
    b"RIFF": _Kind(12, "<4sI", b"data", 2),
    b"RF64": _Kind(12, "<4sI", b"data", 2),
    b"BW64": _Kind(12, "<4sI", b"data", 2),
    b"RIFX": _Kind(12, ">4sI", b"data", 2),
    b"FORM": _Kind(12, ">4sI", b"SSND", 2, lead=8),
    b"caff": _Kind(8, ">4sq", b"data", 1, lead=4),
    b"riff": _Kind(40, "<4s12xQ", b"data", 8, own=24),
}


class _Chunk(NamedTuple):
    name: bytes
    start: int  # of what is in it
    length: int


_Chunks = dict[bytes, _Chunk]  # the first of each name


def chunk_layout(file: BinaryIO, size: int, head: bytes) -> StreamLayout | None:
    """The `StreamLayout` of a file of chunks, None if it is no such file.

    Parameters
    ----------
    file : binary file object
        Begins with the sound file.
    size : int
        Its length in bytes.
    head : bytes
        Its beginning, 4 bytes at least.
    """
    magic = bytes(head[:4])
    if magic in (b".snd", b"dns."):
        return _au_layout(head, size, ">" if magic == b".snd" else "<")
    if head.startswith(_VOC):
        return _voc_layout(file, head)
    return _chunked_layout(file, size, magic) if magic in _KINDS else None


def _chunked_layout(file: BinaryIO, size: int, magic: bytes) -> StreamLayout:
    kind = _KINDS[magic]
    chunks: _Chunks = {}
    for chunk in _chunks(file, size, kind, kind.first):
        chunks.setdefault(chunk.name, chunk)
        if chunk.name == kind.data:
            break
    if kind.data not in chunks:
        return StreamLayout()
    declared = _declared_length(file, magic, chunks)
    available = size - chunks[kind.data].start
    length = _true_length(file, size, kind, chunks[kind.data], declared)
    missing = ""
    if length > available:
        missing, length = cut_short(length - available), available
    codec = _codec(file, magic, chunks)
    if codec == _MP3:
        return _mp3_layout(file, chunks[kind.data].start, length, missing)
    if codec == _GSM and length % 2:  # libsndfile makes another block of the byte that pads the chunk
        at = chunks[kind.data].start - 4
        return StreamLayout((patched_ranges(at + 4 + length, {at: struct.pack("<I", length - 1)}),), missing=missing)
    known = magic != b"BW64" and not (magic == b"riff" and codec == _EXTENSIBLE)
    if length == declared and not missing and known:
        return StreamLayout()
    mended = _mended(file, magic, chunks, max(0, length - kind.lead))
    return mended._replace(missing=missing or mended.missing)


def _codec(file: BinaryIO, magic: bytes, chunks: _Chunks) -> int:
    """Codec of a WAV or Wave64 file, 0 for others."""
    if magic not in (b"RIFF", b"riff", *_RF64) or b"fmt " not in chunks:
        return 0
    file.seek(chunks[b"fmt "].start)
    return int.from_bytes(file.read(2), "little")


def _mp3_layout(file: BinaryIO, start: int, length: int, missing: str) -> StreamLayout:
    """MP3 in WAV: its frames, as libsndfile guesses their number from the first one."""
    first = first_frame(file, start, start + length)
    if first is None:
        return StreamLayout(missing=missing, needs_ffmpeg=True)
    found = mpeg_layout(file, first, start + length)
    whole: tuple[Ranges | None, ...] = ([(first, start + length)],)
    parts = whole if found.parts == (None,) else found.parts
    return found._replace(parts=parts, format="WAV", missing=missing or found.missing)


def _voc_layout(file: BinaryIO, head: bytes) -> StreamLayout:
    """VOC: libsndfile takes the headers between several blocks of sound for samples."""
    at, sounds = int.from_bytes(head[20:22], "little"), 0
    while sounds < 2:
        file.seek(at)
        raw = file.read(4)
        if len(raw) < 4 or raw[0] == 0:
            return StreamLayout()
        sounds += raw[0] in _VOC_SOUND
        at += 4 + int.from_bytes(raw[1:], "little")
    return StreamLayout(needs_ffmpeg=True)


def _chunks(file: BinaryIO, size: int, kind: _Kind, start: int) -> Iterator[_Chunk]:
    """The chunks from an offset on."""
    header = struct.calcsize(kind.header)
    for _ in range(_MOST_CHUNKS):
        if start >= size:  # looked at first: a length of 64 bits may lead to where nobody can seek
            return
        file.seek(start)
        raw = file.read(header)
        if len(raw) < header:
            return
        name, length = struct.unpack(kind.header, raw)
        yield _Chunk(name, start + header, length - kind.own)
        if length < 0:
            return
        start += header + length - kind.own
        start += -start % kind.align


def _declared_length(file: BinaryIO, magic: bytes, chunks: _Chunks) -> int | None:
    """Bytes of the sound chunk by the header; None where that leaves it open."""
    length = chunks[_KINDS[magic].data].length
    if magic in _RF64 and b"ds64" in chunks and length == _FULL:
        file.seek(chunks[b"ds64"].start + 8)
        length = int.from_bytes(file.read(8), "little")
        return length if 0 < length < 1 << 63 else None
    if magic in (b"caff", b"riff"):
        return length if 0 <= length < 1 << 62 else None
    return length if length < _OPEN_END else None


def _true_length(file: BinaryIO, size: int, kind: _Kind, chunk: _Chunk, declared: int | None) -> int:
    """The true length of the sound chunk, in bytes."""
    available = size - chunk.start
    if declared is None:
        return available
    if declared <= kind.lead and available > kind.lead and not _ends_well(file, size, kind, chunk.start + declared):
        return available
    if kind.header.endswith("4sI") and available - declared >= _WRAP:
        return declared + (available - declared) // _WRAP * _WRAP
    return declared


def _ends_well(file: BinaryIO, size: int, kind: _Kind, start: int) -> bool:
    """Whether chunks with plausible names follow from an offset to the end of the file."""
    end = start
    for chunk in _chunks(file, size, kind, start):
        if not (chunk.name.isascii() and chunk.name.decode("ascii").isprintable() and chunk.length >= 0):
            return False
        end = chunk.start + chunk.length
    return size <= end <= size + 1 or end == start >= size


def _mended(file: BinaryIO, magic: bytes, chunks: _Chunks, length: int) -> StreamLayout:
    """The layout of a file whose header is corrected to `length` bytes of samples."""
    kind = _KINDS[magic]
    start = chunks[kind.data].start + kind.lead
    end, total = start + length, length + kind.lead
    at = chunks[kind.data].start - struct.calcsize(kind.header)  # of the header of the sound chunk
    if magic in (b"RIFF", b"RIFX"):
        if end < _WRAP:
            order = kind.header[0]
            sizes = {4: struct.pack(order + "I", end - 8), at + 4: struct.pack(order + "I", length)}
            return StreamLayout((patched_ranges(end, sizes),))
        if magic == b"RIFX":
            return StreamLayout(missing=f"has {length} bytes of sound, which the 32 bits of its lengths cannot tell")
        header = struct.pack("<4sI4s4sIQQQI", b"RF64", _FULL, b"WAVE", b"ds64", 28, end + 28, length, 0, 0)
        return StreamLayout(([header, (12, at + 4), b"\xff" * 4, (start, end)],), "WAV")
    if magic in _RF64:
        patches = {0: b"RF64", at + 4: b"\xff" * 4}
        if b"ds64" in chunks:
            patches[chunks[b"ds64"].start] = struct.pack("<QQ", end - 8, length)
        return StreamLayout((patched_ranges(end, patches),))
    if magic == b"caff":
        return StreamLayout((patched_ranges(end, {at + 4: struct.pack(">q", total)}),))
    if magic == b"riff":
        return _mended_wave64(file, chunks, start, end)
    return _mended_aiff(file, chunks, start, length, at)


def _mended_wave64(file: BinaryIO, chunks: _Chunks, start: int, end: int) -> StreamLayout:
    begin = start
    while _begins(file, begin, b"riff"):  # SoX writes its header once more each time that it cannot go back to mend it
        begin += start
    while _begins(file, end - start, b"riff") and end - start > begin:
        end -= start
    length = end - begin + 24
    patches = {16: struct.pack("<Q", start + length - 24), start - 8: struct.pack("<Q", length)}
    if _codec(file, b"riff", chunks) == _EXTENSIBLE:  # which libsndfile takes for integers, whatever comes later
        file.seek(chunks[b"fmt "].start + 24)
        patches[chunks[b"fmt "].start] = file.read(2)
    return StreamLayout(([*patched_ranges(start, patches), (begin, end)],))


def _begins(file: BinaryIO, at: int, magic: bytes) -> bool:
    file.seek(at)
    return file.read(len(magic)) == magic


def _mended_aiff(file: BinaryIO, chunks: _Chunks, start: int, length: int, at: int) -> StreamLayout:
    if b"COMM" not in chunks:
        return StreamLayout()
    file.seek(chunks[b"COMM"].start)
    common = file.read(max(0, min(chunks[b"COMM"].length, 22)))
    if len(common) < 18:
        return StreamLayout()  # libsndfile refuses it
    channels, _, bits = struct.unpack_from(">HIH", common)
    coding = common[18:22] or b"NONE"
    frame = max(1, channels * -(-bits // 8))
    end = start + length
    if end < _WRAP:
        sizes = {4: struct.pack(">I", end - 8), at + 4: struct.pack(">I", length + 8)}
        if coding not in (b"ima4", b"GSM ", b"MAC3", b"MAC6"):
            sizes[chunks[b"COMM"].start + 2] = struct.pack(">I", length // frame)
        return StreamLayout((patched_ranges(end, sizes),))
    if coding not in (b"NONE", b"twos") or bits not in _AU_CODES:
        return StreamLayout(missing=f"has {length} bytes of sound, which the 32 bits of its lengths cannot tell")
    exponent, mantissa = struct.unpack_from(">HQ", common, 8)
    rate = min(mantissa >> (16446 - exponent), _FULL) if exponent <= 16446 else 0
    header = struct.pack(">4s5I", b".snd", 24, _FULL, _AU_CODES[bits], rate, channels)
    return StreamLayout(([header, (start, end)],), "AIFF")


def _au_layout(head: bytes, size: int, order: str) -> StreamLayout:
    if len(head) < 12:
        return StreamLayout()
    start, length = struct.unpack_from(order + "II", head, 4)
    if start > size:
        return StreamLayout(missing=cut_short(start - size))
    available = size - start
    if available - length >= _WRAP and length < _OPEN_END:
        length = _FULL
    if length >= _OPEN_END or (length == 0 and available > 0):
        length_field = struct.pack(order + "I", available if available < _OPEN_END else _FULL)
        return StreamLayout((patched_ranges(size, {8: length_field}),))
    if length > available:
        pieces = patched_ranges(size, {8: struct.pack(order + "I", available)})
        return StreamLayout((pieces,), missing=cut_short(length - available))
    return StreamLayout()
