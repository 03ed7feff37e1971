"""FLAC: one stream, or several that were joined."""

from typing import BinaryIO

from audioconv.io.stream_layout import StreamLayout

_MARKS = (b"fLaC\x00\x00\x00\x22", b"fLaC\x80\x00\x00\x22")  # how a stream begins: with a block of 34 bytes
_SAMPLES = slice(21, 26)  # of a header: the number of samples, in the lower 36 bits
_BLOCK, _FRAME = slice(10, 12), slice(15, 18)  # samples and bytes of the largest frame
_SEARCHED = 1 << 20  # bytes searched at a time
_LAST = 0x80  # flag of the last block before the sound


def flac_layout(file: BinaryIO, start: int, end: int, size: int) -> StreamLayout:
    """The `StreamLayout` of a FLAC file.

    Parameters
    ----------
    file : binary file object
        Begins with the sound file.
    start, end : int
        Where its first stream begins, and where the tags behind the last one do.
    size : int
        Its length in bytes.
    """
    file.seek(start)
    head = file.read(26)
    if len(head) < 26:
        return StreamLayout()
    starts = [start]
    if _may_be_joined(file, head, start, end):
        starts += _marks(file, start + 4, end)
    if len(starts) == 1 and end - start == size:
        return StreamLayout(length_is_exact=bool(_samples(head)))
    parts, length_is_exact = [], True
    for begin, stop in zip(starts, [*starts[1:], end], strict=True):
        file.seek(begin)
        length_is_exact = length_is_exact and bool(_samples(file.read(26)))
        parts.append([(begin, stop)])
    return StreamLayout(tuple(parts), length_is_exact=length_is_exact)


def _samples(head: bytes) -> int:
    """Number of samples that a header tells, 0 if it does not."""
    return int.from_bytes(head[_SAMPLES], "big") & (1 << 36) - 1


def _may_be_joined(file: BinaryIO, head: bytes, start: int, end: int) -> bool:
    """Whether there is more than the frames of the first header can take, or it does not say."""
    block, frame = int.from_bytes(head[_BLOCK], "big"), int.from_bytes(head[_FRAME], "big")
    samples = _samples(head)
    if not samples or not block or not frame:
        return True
    at, last = start + 4, False
    while not last and at < end:
        file.seek(at)
        raw = file.read(4)
        if len(raw) < 4:
            return False
        last = bool(raw[0] & _LAST)
        at += 4 + int.from_bytes(raw[1:], "big")
    return end - at > -(-samples // block) * frame


def _marks(file: BinaryIO, at: int, end: int) -> list[int]:
    """Offsets at which further streams begin."""
    found = []
    while at < end:
        file.seek(at)
        data = file.read(min(_SEARCHED, end - at))
        for mark in _MARKS:
            inside = data.find(mark)
            while inside >= 0:
                found.append(at + inside)
                inside = data.find(mark, inside + 1)
        if at + len(data) >= end or not data:
            break
        at += len(data) - len(_MARKS[0]) + 1
    return sorted(found)
