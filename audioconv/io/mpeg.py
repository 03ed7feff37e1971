"""MPEG audio (MP3): where its frames are, and how many there should be.

The length of a stream without an index is a guess to every decoder, and an index (Xing, Info, VBRI) may be that of one
of several files which were joined. So frames are counted, unless there is an index that fits the file.
"""

import struct
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from audioconv._wording import counted
from audioconv.io.splice import patched_ranges, range_length
from audioconv.io.stream_layout import Range, StreamLayout
from audioconv.io.tags import tag_end

_KBITS = {  # (version 1?, layer): kbit/s by index
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # Hz by version
_SEARCHED = 1 << 16  # bytes searched at a time for the next frame
_FAR = 1 << 18  # bytes from the start in which the first frame must be
_CHAIN = 4  # frames in a row that are believed to be some
_FRAMES, _BYTES, _ALL = 1, 2, 15  # flags of the Xing frame: which of its four fields there are
_LAME_PADDING = 142  # offset in the Xing frame of the padding, if all four fields come before


class Header(NamedTuple):
    """What the first four bytes of a frame say."""

    kind: tuple[int, int, int, int]  # version, layer, Hz, channels: the same in all frames of a stream
    length: int  # bytes; 0 for free format, where the header does not tell
    samples: int  # a channel


class _Index(NamedTuple):
    """The informational frame at the beginning of a stream."""

    at: int  # offset of the number of frames
    frames: int
    length: int  # bytes of the stream, 0 if it does not say
    audible: bool  # whether decoders do not know it, and make sound of it
    length_at: int  # offset of that length, 0 if there is none
    padding_at: int  # offset of the two bytes whose last 12 bits are the encoder's padding, 0 if there are none
    padding: bytes  # the two bytes


class _Link(NamedTuple):
    """Frames that belong together."""

    info: _Index | None  # of the frame at its beginning
    ranges: list[tuple[int, int]]  # (start, end) of runs of frames; the last end may lie beyond the file
    frames: int  # the index left out


@lru_cache(4096)
def header(raw: bytes) -> Header | None:
    """The `Header` of four bytes, None if they are none."""
    word = int.from_bytes(raw, "big")
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    kbits, rate, padding = word >> 12 & 15, word >> 10 & 3, word >> 9 & 1
    if word >> 21 != 0x7FF or version == 1 or layer == 4 or kbits == 15 or rate == 3 or word & 3 == 2:
        return None
    hz = _RATES[version][rate]
    bits = _KBITS[version == 3, layer][kbits] * 1000
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    length = (12 * bits // hz + padding) * 4 if layer == 1 else samples // 8 * bits // hz + padding
    return Header((version, layer, hz, 1 if word >> 6 & 3 == 3 else 2), length if bits else 0, samples)


def first_frame(file: BinaryIO, start: int, size: int) -> int | None:
    """Offset of the first of several frames in a row from an offset on, None if there is none nearby."""
    at: int | None = start
    while at is not None and at < min(size, start + _FAR):
        at = _sync(file, at, size)
        if at is not None and _chained(file, at, size, _CHAIN, at == start):
            return at
        at = None if at is None else at + 1
    return None


def mpeg_layout(file: BinaryIO, start: int, size: int) -> StreamLayout:
    """The `StreamLayout` of an MPEG audio file.

    Parameters
    ----------
    file : binary file object
        Begins with the sound file.
    start : int
        Offset of its first frame.
    size : int
        Offset at which its last frame ends, or tags begin.
    """
    first = _header_at(file, start)
    if first is None or not first.length:
        return StreamLayout(length_is_exact=False)
    index = _index(file, start, first)
    if index is not None and not index.audible and index.length and start + index.length == size:
        return StreamLayout()
    links, issue = _links(file, start, size, first)
    return _joined(links, size, issue)


def _joined(links: list[_Link], size: int, issue: str) -> StreamLayout:
    parts, inflated, missing = list[list[Range]](), list[int](), [issue] if issue else []
    for link in links:
        index, ranges = link.info, list(link.ranges)
        if not link.frames:
            continue
        cut = max(0, ranges[-1][1] - size)  # a last frame that is not all there is filled up with zeros
        ranges[-1] = (ranges[-1][0], min(ranges[-1][1], size))
        pieces: list[Range] = [*ranges, bytes(cut)]
        if index is None or index.audible:
            inflated.append(len(parts))
        else:
            pieces = _with_frame_count(pieces, index, link.frames)
            whole = link.frames - (cut > 0)
            if whole < index.frames:
                missing.append(f"is cut short: {whole} whole frames where its header says {index.frames}")
        parts.append(pieces)
    return StreamLayout(tuple(parts) or (None,), None, not inflated, "; ".join(missing[:1]), tuple(inflated))


def _with_frame_count(pieces: list[Range], index: _Index, frames: int) -> list[Range]:
    """The pieces of a link with the true number of frames and bytes in its index.

    Where there are others than it says, the end of the last one is not cut off.
    """
    first, *others = pieces
    start, end = int(first[0]), int(first[1])
    patches = {}
    if index.length_at:
        patches[index.length_at] = struct.pack(">I", min(sum(map(range_length, pieces)), 0xFFFFFFFF))
    if frames != index.frames:
        patches[index.at] = struct.pack(">I", frames)
        if index.padding_at:
            patches[index.padding_at] = bytes([index.padding[0] & 0xF0, 0])
    return [*patched_ranges(end, patches, start), *others]


def _index(file: BinaryIO, at: int, frame: Header) -> _Index | None:
    """The index in a frame, None if it is none."""
    version, layer, _, channels = frame.kind
    if layer != 3:
        return None
    file.seek(at)
    data = file.read(min(frame.length, 256))
    offset = 4 + ((32, 17) if version == 3 else (17, 9))[channels == 1]
    if data[offset : offset + 4] in (b"Xing", b"Info") and len(data) >= offset + 16:
        flags, frames, length = struct.unpack_from(">III", data, offset + 4)
        if not flags & _FRAMES or not frames:
            return _Index(0, 0, 0, True, 0, 0, b"")
        padding_at = offset + _LAME_PADDING if flags & _ALL == _ALL and len(data) >= offset + _LAME_PADDING + 2 else 0
        padding = data[padding_at : padding_at + 2]
        length, length_at = (length, at + offset + 12) if flags & _BYTES else (0, 0)
        return _Index(at + offset + 8, frames, length, False, length_at, padding_at and at + padding_at, padding)
    if data[36:40] == b"VBRI" and len(data) >= 54:
        length, frames = struct.unpack_from(">II", data, 46)
        return _Index(at + 50, frames, length, True, 0, 0, b"")
    return None


def _links(file: BinaryIO, start: int, size: int, first: Header) -> tuple[list[_Link], str]:
    """All frames from `start` on, and what is wrong with them."""
    links: list[_Link] = []
    at, fresh = start, True
    while at + 4 <= size:
        frame = _header_at(file, at)
        if frame is None or not frame.length or frame.kind != first.kind:
            after = tag_end(file, at, size)
            found = first_frame(file, after or at + 1, size) if after != size else None
            if found is None:
                break
            other = _header_at(file, found)
            if other is not None and other.kind != first.kind:
                return links, f"changes at byte {found} from {_named(first.kind)} to {_named(other.kind)}"
            at, fresh = found, True
            continue
        index = _index(file, at, frame)
        if index is not None or not links:
            links.append(_Link(index, [], 0))
            fresh = True
        link = links[-1]
        if index is not None and index.audible:
            at += frame.length
            continue
        if fresh:
            link.ranges.append((at, at))
            fresh = False
        end = at + frame.length
        link.ranges[-1] = (link.ranges[-1][0], end)
        if index is None:
            links[-1] = link._replace(frames=link.frames + 1)
        at = end
    return links, ""


def _named(kind: tuple[int, int, int, int]) -> str:
    _, layer, hz, channels = kind
    return f"{hz} Hz with {counted(channels, 'channel')}, layer {'I' * layer}"


def _header_at(file: BinaryIO, at: int) -> Header | None:
    file.seek(at)
    raw = file.read(4)
    return header(raw) if len(raw) == 4 else None


def _sync(file: BinaryIO, at: int, size: int) -> int | None:
    """Offset of the next four bytes that may be a header, None if there are none."""
    while at + 4 <= size:
        file.seek(at)
        data = file.read(_SEARCHED)
        found = data.find(b"\xff")
        while found >= 0 and found + 4 <= len(data):
            if header(data[found : found + 4]) is not None:
                return at + found
            found = data.find(b"\xff", found + 1)
        if len(data) < _SEARCHED:
            return None
        at += found if found >= 0 else len(data)
    return None


def _chained(file: BinaryIO, at: int, size: int, frames: int, at_start: bool) -> bool:
    """Whether `frames` frames of a kind follow one another, or all that the file has from its start."""
    first, count = _header_at(file, at), 0
    if first is None or not first.length:
        return at_start
    while count < frames:
        frame = _header_at(file, at)
        if frame is None or not frame.length or frame.kind != first.kind:
            return count > 1 and at_start
        at, count = at + frame.length, count + 1
        if at + 4 > size:
            return count > 1 or at_start
    return True
