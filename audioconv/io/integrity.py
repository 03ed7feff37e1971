"""Integrity of sound files: is one whole, and what does a decoder need to read all of it? libsndfile trusts headers."""

import io
from typing import BinaryIO

from audioconv.io.chunks import chunk_layout
from audioconv.io.flac import flac_layout
from audioconv.io.mpeg import first_frame, mpeg_layout
from audioconv.io.ogg import ogg_layout
from audioconv.io.source import Source
from audioconv.io.splice import SplicedFile
from audioconv.io.stream_layout import StreamLayout
from audioconv.io.tags import leading_tags, trailing_tags

_BUFFER = 1 << 16  # bytes read at a time
_HEAD = 64  # bytes by which a format is recognised


def layout_of(source: Source) -> StreamLayout:
    """Return the `StreamLayout` of a `Source`.

    Looks at headers only: of WAV, RF64, AIFF, CAF, Sony Wave64, AU and FLAC at the one that they have (of FLAC at all
    of the file if it is longer than that tells), of Ogg at those of all pages, of MP3 at those of all frames where
    there is no index that fits.
    """
    size = source.size
    file: BinaryIO = io.BufferedReader(SplicedFile(source.file, [(source.start, source.start + size)]), _BUFFER)
    head = file.read(_HEAD)
    found = chunk_layout(file, size, head)
    if found is not None:
        return found
    if head[:4] == b"OggS":
        return ogg_layout(file, size)
    start, end = leading_tags(file, size), trailing_tags(file, size)
    file.seek(start)
    head = file.read(_HEAD)
    if head[:4] == b"fLaC":
        return flac_layout(file, start, end, size)
    kind = kind_of(head)
    first = first_frame(file, start, end) if kind in (None, TEXT) else None
    if first is None:
        return StreamLayout(needs_ffmpeg=kind not in (None, TEXT), kind=kind)
    found = mpeg_layout(file, first, end)
    return found if found.parts[0] is not None or first == 0 else found._replace(parts=([(first, end)],))


TEXT = "text"  # which a few formats of libsndfile begin with
_KINDS = {  # offset, magic: what it is
    (0, b"\x89PNG"): "a PNG picture",
    (0, b"\xff\xd8\xff"): "a JPEG picture",
    (0, b"GIF8"): "a GIF picture",
    (0, b"%PDF"): "a PDF document",
    (0, b"PK\x03\x04"): "a ZIP archive",
    (0, b"\x1f\x8b"): "a gzip archive",
    (0, b"Rar!"): "a RAR archive",
    (0, b"7z\xbc\xaf"): "a 7-Zip archive",
    (0, b"\x7fELF"): "a program",
    (0, b"MThd"): "a MIDI file, which holds notes and no sound",
    (4, b"ftyp"): "MPEG-4 (MP4, M4A, MOV)",
    (4, b"moov"): "MPEG-4 (MP4, M4A, MOV)",
    (4, b"mdat"): "MPEG-4 (MP4, M4A, MOV)",
    (0, b"\x1a\x45\xdf\xa3"): "Matroska or WebM",
    (0, b"\x30\x26\xb2\x75"): "Windows Media (WMA, ASF)",
    (0, b"FLV\x01"): "Flash video",
    (0, b"\x00\x00\x01\xba"): "an MPEG video",
    (8, b"AVI "): "an AVI video",
    (0, b"wvpk"): "WavPack",
    (0, b"MAC "): "Monkey's Audio (APE)",
    (0, b"TTA1"): "True Audio (TTA)",
    (0, b"tBaK"): "TAK",
    (0, b"MPCK"): "Musepack",
    (0, b"MP+"): "Musepack",
    (0, b"DSD "): "DSD audio (DSF)",
    (0, b"FRM8"): "DSD audio (DFF)",
    (0, b"OFR "): "OptimFROG",
    (0, b"#!AMR"): "AMR",
    (0, b"ADIF"): "AAC",
    (0, b"\xff\xf1"): "AAC",
    (0, b"\xff\xf9"): "AAC",
    (0, b"\x0b\x77"): "AC-3",
}
_NO_MEDIA = ("a PNG", "a JPEG", "a GIF", "a PDF", "a ZIP", "a gzip", "a RAR", "a 7-Zip", "a program", "a MIDI", TEXT)


def kind_of(head: bytes) -> str | None:
    """Return what a file is that libsndfile does not know, by its first bytes; None if that is not known either."""
    for (offset, magic), kind in _KINDS.items():
        if head[offset : offset + len(magic)] == magic:
            return kind
    printable = bytes(range(32, 127)) + b"\t\n\r\f"
    return TEXT if len(head) > 1 and not head.translate(None, printable) else None


def is_media(kind: str | None) -> bool:
    """Whether a kind of file may hold sound."""
    return kind is None or not kind.startswith(_NO_MEDIA)
