"""Is a sound file as long as its header says? libsndfile shortens many formats without a word."""

import struct

from audioconv.io.pieces import PiecedFile

_OPEN_END = 0x7FFFF000  # programs that write to a pipe put this or more where the length should be
_CHUNKED = {  # magic: where chunks begin, struct of (name, length), name of the chunk that holds the sound
    b"RIFF": (12, "<4sI", b"data"),
    b"RF64": (12, "<4sI", b"data"),
    b"RIFX": (12, ">4sI", b"data"),
    b"FORM": (12, ">4sI", b"SSND"),
    b"caff": (8, ">4sq", b"data"),
}


def missing_bytes(source):
    """Number of bytes, at least, that a file lacks by what its header says; 0 if it is whole or has no such field.

    Looks at WAV, RF64, AIFF, CAF, Sony Wave64, AU and Ogg. FLAC and MP3 come out while they are decoded.
    """
    file, size = PiecedFile(source.file, [(source.start, source.start + source.size)]), source.size
    head = file.read(48)
    magic = head[:4]
    if magic in _CHUNKED:
        end = _chunk_end(file, magic, head)
    elif magic == b"riff" and len(head) >= 24:  # Wave64: the length of the whole file after a 16-byte name
        end = struct.unpack_from("<Q", head, 16)[0]
    elif magic == b".snd" and len(head) >= 12:
        start, length = struct.unpack_from(">II", head, 4)
        end = start + length if length < _OPEN_END else 0
    elif magic == b"OggS":
        end = _ogg_end(file, size)
    else:
        end = 0
    return max(0, end - size)


def _chunk_end(file, magic, head):
    """Offset at which the sound chunk should end; 0 if there is none or its length was left open."""
    start, layout, wanted = _CHUNKED[magic]
    header = struct.calcsize(layout)
    while True:
        file.seek(start)
        raw = file.read(header)
        if len(raw) < header:
            return 0
        name, length = struct.unpack(layout, raw)
        if name == wanted:
            break
        start += header + length + (length % 2 if magic != b"caff" else 0)
    if magic == b"RF64" and head[12:16] == b"ds64" and len(head) >= 36:
        length = struct.unpack_from("<Q", head, 28)[0]
    elif not 0 <= length < _OPEN_END and magic != b"caff":
        return 0
    return start + header + max(0, length)


def _ogg_end(file, size):
    """Offset at which the last page should end."""
    tail = max(0, size - 2 * 65307)  # no page is longer than 65,307 bytes
    file.seek(tail)
    data = file.read()
    page = data.rfind(b"OggS")
    if page < 0 or len(data) < page + 27:
        return 0 if page < 0 else size + 1
    table = data[page + 27 : page + 27 + data[page + 26]]
    return tail + page + 27 + data[page + 26] + sum(table)
