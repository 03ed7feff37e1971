"""Tags before and after the sound (ID3, APE, Lyrics3), which are none of it."""

from typing import BinaryIO

_ID3_HEADER = 10
_ID3V1 = 128
_APE_HEADER = 32
_ID3_FOOTER = 0x10  # flag


def leading_tags(file: BinaryIO, size: int) -> int:
    """Offset at which the sound begins, after the ID3v2 tags.

    Parameters
    ----------
    file : binary file object
        Begins with the sound file.
    size : int
        Its length in bytes.
    """
    at = 0
    while (after := _id3v2_end(file, at)) is not None and after < size:
        at = after
    return at


def _id3v2_end(file: BinaryIO, at: int) -> int | None:
    file.seek(at)
    raw = file.read(_ID3_HEADER)
    if len(raw) < _ID3_HEADER or raw[:3] != b"ID3" or max(raw[6:10]) > 127:
        return None
    length = int.from_bytes(raw[6:7]) << 21 | raw[7] << 14 | raw[8] << 7 | raw[9]
    return at + _ID3_HEADER + length + (_ID3_HEADER if raw[5] & _ID3_FOOTER else 0)


def trailing_tags(file: BinaryIO, size: int) -> int:
    """Offset at which the tags at the end begin, `size` if there are none."""
    while True:
        before = _tag_before(file, size)
        if before is None:
            return size
        size = before


def _tag_before(file: BinaryIO, end: int) -> int | None:
    """Where a tag begins that ends at an offset; None if none does."""
    if end >= _ID3V1:
        file.seek(end - _ID3V1)
        if file.read(3) == b"TAG":
            return end - _ID3V1
    if end < _APE_HEADER:
        return None
    file.seek(end - _APE_HEADER)
    raw = file.read(_APE_HEADER)
    if raw[:8] == b"APETAGEX":
        length = int.from_bytes(raw[12:16], "little") + (_APE_HEADER if raw[23] & 0x80 else 0)
        return end - length if length <= end else None
    if raw[-9:] == b"LYRICS200" and raw[-15:-9].isdigit():
        length = int(raw[-15:-9]) + 15
        return end - length if length <= end else None
    return None


def tag_end(file: BinaryIO, at: int, size: int) -> int | None:
    """Offset after the tag that begins at an offset, None if none does."""
    file.seek(at)
    raw = file.read(_APE_HEADER)
    if raw[:3] == b"ID3":
        end = _id3v2_end(file, at)
    elif raw[:3] == b"TAG":
        end = at + _ID3V1
    elif raw[:8] == b"APETAGEX" and len(raw) == _APE_HEADER:
        end = at + _APE_HEADER + int.from_bytes(raw[12:16], "little")
    else:
        return None
    return None if end is None else min(end, size)
