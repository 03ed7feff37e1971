"""Positions in a file, given by its chunks in samples: cue points, loops, markers; and at another sample rate.

Sources: Microsoft, Multimedia Programming Interface (1991) and New Multimedia Data Types (1994); EBU Tech 3285 v2;
Apple, Audio Interchange File Format (1989).
"""

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from audioconv.io.containers import lists, make_list

_CUE = np.dtype([("id", "<u4"), ("position", "<u4"), ("chunk", "V4"), ("start", "<u4"), ("block", "<u4"),
                 ("offset", "<u4")])  # fmt: skip
_LOOP = np.dtype([("id", "<u4"), ("type", "<u4"), ("start", "<u4"), ("end", "<u4"), ("fraction", "<u4"),
                  ("count", "<u4")])  # fmt: skip
_SEGMENT = np.dtype([("id", "<u4"), ("length", "<u4"), ("repeats", "<u4")])
_SMPL_HEADER, _SMPL_PERIOD = 36, 8  # bytes; offset of the duration of a sample in ns
_BEXT_TIME, _BEXT_VERSION, _BEXT_LOUDNESS = 338, 346, 412
_MOST_MARKS = 0xFFFF  # of an AIFF file
_UNKNOWN_LOUDNESS = struct.pack("<5h", *[0x7FFF] * 5)


class Marker(NamedTuple):
    """A named place."""

    number: int
    position: int  # in samples
    label: bytes


def rescaled(name: bytes, data: bytes, rate_in: int, rate_out: int) -> bytes:
    """The data of a chunk of a WAV or AIFF file for another sample rate; as it is, where it holds no positions.

    The loudness in a bext chunk is that of other samples and becomes "unknown".
    """
    if name == b"bext":
        data = _rescaled_bext(data, rate_in, rate_out)
    elif name == b"smpl" and rate_in != rate_out and len(data) >= _SMPL_HEADER:
        period = struct.pack("<I", round(1e9 / rate_out))
        loops = _rescaled(data, _SMPL_HEADER, _LOOP, ("start", "end"), rate_out / rate_in)
        data = loops[:_SMPL_PERIOD] + period + loops[_SMPL_PERIOD + 4 :]
    elif name == b"cue ":
        data = _rescaled(data, 4, _CUE, ("position", "offset"), rate_out / rate_in)
    elif name == b"plst":
        data = _rescaled(data, 4, _SEGMENT, ("length",), rate_out / rate_in)
    elif name == b"LIST" and data[:4] == b"adtl" and rate_in != rate_out:
        data = make_list(
            b"adtl", [(kind, _rescaled_text(kind, text, rate_out / rate_in)) for kind, text in lists(data)]
        )
    elif name == b"MARK" and rate_in != rate_out:
        data = aiff_marks(moved(aiff_markers(data), rate_in, rate_out))
    return data


def moved(markers: list[Marker], rate_in: int, rate_out: int) -> list[Marker]:
    """Markers at another sample rate."""
    return [marker._replace(position=_scaled(marker.position, rate_out / rate_in)) for marker in markers]


def _scaled(samples: int, ratio: float) -> int:
    return min(round(samples * ratio), 0xFFFFFFFF)


def _rescaled(data: bytes, start: int, kind: np.dtype[Any], fields: Sequence[str], ratio: float) -> bytes:
    """Records of `kind` from `start` on, with some of their fields multiplied."""
    count = max(0, (len(data) - start) // kind.itemsize)
    if ratio == 1 or not count:
        return data
    records = np.frombuffer(data, kind, count, start).copy()
    for field in fields:
        records[field] = np.minimum(np.rint(records[field] * ratio), 0xFFFFFFFF)
    return data[:start] + records.tobytes() + data[start + records.nbytes :]


def _rescaled_text(kind: bytes, data: bytes, ratio: float) -> bytes:
    if kind != b"ltxt" or len(data) < 8:
        return data
    return data[:4] + struct.pack("<I", _scaled(struct.unpack_from("<I", data, 4)[0], ratio)) + data[8:]


def _rescaled_bext(data: bytes, rate_in: int, rate_out: int) -> bytes:
    new = bytearray(data)
    if len(new) < _BEXT_LOUDNESS + len(_UNKNOWN_LOUDNESS):
        return data
    if rate_in != rate_out:
        time = struct.unpack_from("<Q", new, _BEXT_TIME)[0]
        struct.pack_into("<Q", new, _BEXT_TIME, min(time * rate_out // rate_in, 2**64 - 1))
    if struct.unpack_from("<H", new, _BEXT_VERSION)[0] >= 2:
        new[_BEXT_LOUDNESS : _BEXT_LOUDNESS + len(_UNKNOWN_LOUDNESS)] = _UNKNOWN_LOUDNESS
    return bytes(new)


def wav_markers(cue: bytes, labels: bytes) -> list[Marker]:
    """Markers of a cue chunk and its LIST adtl."""
    names = {}
    for kind, data in lists(labels):
        if kind == b"labl" and len(data) >= 4:
            names[struct.unpack_from("<I", data)[0]] = data[4:].split(b"\0")[0]
    points = np.frombuffer(cue, _CUE, max(0, (len(cue) - 4) // _CUE.itemsize), 4) if len(cue) >= 4 else ()
    return [Marker(int(point["id"]), int(point["offset"]), names.get(int(point["id"]), b"")) for point in points]


def wav_cues(markers: list[Marker]) -> list[tuple[bytes, bytes]]:
    """The chunks of a WAV file for markers."""
    if not markers:
        return []
    points = np.zeros(len(markers), _CUE)
    points["id"] = [marker.number for marker in markers]
    points["position"] = points["offset"] = [marker.position for marker in markers]
    points["chunk"] = np.void(b"data")
    labels = [(b"labl", struct.pack("<I", marker.number) + marker.label + b"\0") for marker in markers if marker.label]
    cue = struct.pack("<I", len(markers)) + points.tobytes()
    return [(b"cue ", cue), *([(b"LIST", make_list(b"adtl", labels))] if labels else [])]


def aiff_markers(data: bytes) -> list[Marker]:
    """Markers of a MARK chunk."""
    found, at = [], 2
    while at + 7 <= len(data):
        number, position, length = struct.unpack_from(">HIB", data, at)
        found.append(Marker(number, position, data[at + 7 : at + 7 + length]))
        at += 7 + length + (length + 1) % 2  # the length and the label together are even
    return found


def aiff_marks(markers: list[Marker]) -> bytes:
    """The data of a MARK chunk; its numbers have 16 bits and begin at 1, and no more markers are kept."""
    markers = markers[:_MOST_MARKS]
    own = all(0 < marker.number < 1 << 15 for marker in markers)
    data = struct.pack(">H", len(markers))
    for i, (number, position, label) in enumerate(markers):
        label = label[:255]
        data += struct.pack(">HIB", number if own else i + 1, position, len(label)) + label
        data += bytes((len(label) + 1) % 2)
    return data
