"""Ogg: which pages belong to the sound. Streams may follow one another (chained) or lie side by side (multiplexed)."""

import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import BinaryIO, NamedTuple

from audioconv._wording import counted
from audioconv.io.stream_layout import Range, StreamLayout, cut_short

_HEADER = 27  # bytes of a page before its table
_BEGINS = 2  # flag of the first page of a stream
_SEARCHED = 1 << 16  # bytes searched at a time for the next page
_FLAC_START = 9  # bytes before the native stream in the first packet of Ogg FLAC
_DECODED = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")


class _Page(NamedTuple):
    start: int
    body: int  # offset of what is in it
    end: int
    begins: bool
    serial: int
    number: int


def ogg_layout(file: BinaryIO, size: int) -> StreamLayout:
    """The `StreamLayout` of an Ogg file.

    Parameters
    ----------
    file : binary file object
        Begins with the sound file.
    size : int
        Its length in bytes.
    """
    pages = list(_pages(file, size))
    missing_bytes = pages[-1].end - size if pages else 1
    missing = cut_short(missing_bytes) if missing_bytes > 0 else ""
    links = _links([page for page in pages if page.end <= size])
    parts, whole = [], True
    flac = False
    for link in links:
        codecs = {page.serial: _codec(file, page) for page in link if page.begins}
        sound = [serial for serial, codec in codecs.items() if codec is not None]
        if not sound:
            return StreamLayout(missing=missing, needs_ffmpeg=True)
        own = [page for page in link if page.serial == sound[0]]
        missing = missing or _holes(own)
        flac = flac or codecs[sound[0]] == b"\x7fFLAC"
        whole = whole and len(codecs) == 1 and not flac
        parts.append(_packets(own) if codecs[sound[0]] == b"\x7fFLAC" else _merged((p.start, p.end) for p in own))
    if whole and len(parts) == 1 and not missing:
        return StreamLayout()
    return StreamLayout(tuple(parts) or (None,), "OGG", missing=missing, length_is_exact=not missing)


def _pages(file: BinaryIO, size: int) -> Iterator[_Page]:
    """The pages, the last one perhaps incomplete; what lies between them is left out."""
    at = 0
    while at < size:
        file.seek(at)
        raw = file.read(_HEADER)
        if raw[:4] != b"OggS":
            following = _next_page(file, at + 1)
            if following is None:
                return
            at = following
            continue
        if len(raw) < _HEADER:
            yield _Page(at, at, size + _HEADER - len(raw), False, 0, 0)
            return
        flags, serial, number, segments = struct.unpack_from("<B8xII4xB", raw, 5)
        table = file.read(segments)
        body = at + _HEADER + segments
        end = body + sum(table) + segments - len(table)
        yield _Page(at, body, end, bool(flags & _BEGINS), serial, number)
        at = end


def _next_page(file: BinaryIO, at: int) -> int | None:
    """Offset of the next page from an offset on, None if there is none."""
    while True:
        file.seek(at)
        data = file.read(_SEARCHED)
        found = data.find(b"OggS")
        if found >= 0:
            return at + found
        if len(data) < _SEARCHED:
            return None
        at += len(data) - 3


def _links(pages: list[_Page]) -> list[list[_Page]]:
    """The pages of streams that begin together, one list after the other."""
    links: list[list[_Page]] = []
    before = None
    for page in pages:
        if before is None or (page.begins and not before.begins):
            links.append([])
        links[-1].append(page)
        before = page
    return links


def _codec(file: BinaryIO, page: _Page) -> bytes | None:
    file.seek(page.body)
    begin = file.read(8)
    return next((magic for magic in _DECODED if begin.startswith(magic)), None)


def _holes(pages: list[_Page]) -> str:
    """What is missing between the pages of a stream, "" if nothing is."""
    missing_pages = sum(max(0, after.number - page.number - 1) for page, after in pairwise(pages))
    return f"is damaged: {counted(missing_pages, 'page')} missing in the middle" if missing_pages else ""


def _packets(pages: list[_Page]) -> list[Range]:
    """Native FLAC out of the pages of Ogg FLAC."""
    first, *others = pages
    return _merged([(first.body + _FLAC_START, first.end), *((page.body, page.end) for page in others)])


def _merged(ranges: Iterable[tuple[int, int]]) -> list[Range]:
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        if merged and merged[-1][1] == start:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return [*merged]
