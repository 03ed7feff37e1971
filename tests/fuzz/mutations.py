"""Mutants: files that were changed as transfers, disks, bad programs and bad people change them."""

import json
import re
import struct

EXTREMES = [
    *(struct.pack(form, value) for form, values in (
        ("<H", (0, 1, 255, 0x7FFF, 0x8000, 0xFFFF)),
        ("<I", (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 1 << 20, 1 << 28)),
        ("<Q", (0, (1 << 31) * 8, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)),
        ("<f", (float("nan"), float("inf"), 1e38, -0.0, 1e-45)), ("<d", (float("nan"), float("-inf"), 1e308, 5e-324)),
    ) for value in values),
    # rates of AIFF: NaN, infinite, below zero
    b"\x7f\xff\xc0" + bytes(7), b"\x7f\xff\x80" + bytes(7), b"\xc0\x0e\xff" + b"\xff" * 7,
]  # fmt: skip
_NAMED = re.compile(rb"[A-Za-z ]{4}|OggS|fLaC|\xff[\xe2-\xff]")
_SCALARS = [
    None, True, False, 0, -1, 1, 2, 1.5, -0.0, 1e308, float("nan"), float("inf"), 1 << 31, 1 << 63, 10**30, "",
    "x" * 300, "a\nb", "\x1b[31m", "../../x", "<script>", "'; --", "é", [], {}, [[]], [0] * 50, "LogMel", "float64",
]  # fmt: skip
_PIECES = [
    b"", b"\0", b"\xff", b"\xfe\xff", b"\n", b"\r", b'"', b'"""', b",", b"=", b"[", b"]]", b"[[stage]]\n",
    b"nan", b"inf", b"-1", b"1e308", b"99999999999999999999", b"2147483648",
    b"\x1b[2J", b"../..", b"-x.wav", b"<script>", b"true", b"{}", "é".encode(), b"\xe9", b"x" * 5000,
]  # fmt: skip


def bytes_of(data, others, rng):
    """A mutant of a binary file; `others` are files that parts may come from."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        _BINARY[rng.integers(len(_BINARY))](data, others, rng)
        if not data:
            break
    if data[:4] == b"OggS" and rng.random() < 0.7:
        mend_ogg(data)
    return bytes(data)


def text_of(data, others, rng):
    """A mutant of a text file."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        kind, at = rng.integers(5), _at(data, rng)
        if kind == 0:
            data[at : at + int(rng.integers(0, 8))] = _PIECES[rng.integers(len(_PIECES))]
        elif kind == 1 and (numbers := list(re.finditer(rb"-?\d+(\.\d+)?", data))):
            place = numbers[rng.integers(len(numbers))]
            data[place.start() : place.end()] = _PIECES[rng.integers(13, 20)]
        elif kind == 2 and (words := list(re.finditer(rb"[A-Za-z_]+", data))):
            one, other = (words[rng.integers(len(words))] for _ in range(2))
            data[one.start() : one.end()] = other.group()
        elif kind == 3:
            lines = data.splitlines(keepends=True)
            rng.shuffle(lines)
            data[:] = b"".join(lines[: rng.integers(len(lines) + 1)] if rng.random() < 0.5 else lines)
        else:
            _BINARY[rng.integers(len(_BINARY))](data, others, rng)
        if not data:
            break
    return bytes(data)


def model_of(data, others, rng):
    """A mutant of a model file: its bytes, or one of its settings, or how one of its arrays is described."""
    if rng.random() < 0.4:
        return bytes_of(data, others, rng)
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    settings = json.loads(header["__metadata__"]["audioconv"])
    for _ in range(rng.choice((1, 1, 2))):
        _put_somewhere(header if rng.random() < 0.4 else settings, rng)
    if isinstance(header.get("__metadata__"), dict) and "audioconv" in header["__metadata__"]:
        header["__metadata__"]["audioconv"] = json.dumps(settings)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data[8 + length :]


def _put_somewhere(tree, rng):
    """Replace, remove or add something at any depth."""
    while True:
        keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
        if not keys:
            return
        key = keys[rng.integers(len(keys))]
        if not isinstance(tree[key], (dict, list)) or not tree[key] or rng.random() < 0.3:
            break
        tree = tree[key]
    kind = rng.integers(8)
    if kind == 0:
        del tree[key]
    elif kind == 1 and isinstance(tree, dict):
        tree[["more", "", "a\nb", "x" * 500, "__class__"][rng.integers(5)]] = tree[key]
    elif kind == 2 and isinstance(tree[key], int | float):
        tree[key] = tree[key] * [-1, 0, 2, 10, 0.5, 1000000][rng.integers(6)]
    else:
        tree[key] = _SCALARS[rng.integers(len(_SCALARS))]


def _at(data, rng):
    """A place: half of them in the first 100 bytes, where headers are."""
    return int(rng.integers(min(len(data), 100) if rng.random() < 0.5 else len(data))) if data else 0


def _flip(data, others, rng):
    for _ in range(rng.integers(1, 9)):
        data[_at(data, rng)] ^= 1 << int(rng.integers(8))


def _truncate(data, others, rng):
    del data[_at(data, rng) :]


def _extreme(data, others, rng):
    value, at = EXTREMES[rng.integers(len(EXTREMES))], _at(data, rng)
    data[at : at + len(value)] = value if rng.random() < 0.5 else value[::-1]


def _field(data, others, rng):
    """An absurd value in a field near the name of a chunk."""
    places = [place.end() for place in _NAMED.finditer(data, 0, 4000)]
    value = EXTREMES[rng.integers(len(EXTREMES))]
    at = (places[rng.integers(len(places))] if places else 0) + int(rng.integers(0, 28))
    data[at : at + len(value)] = value if rng.random() < 0.5 else value[::-1]


def _remove(data, others, rng):
    at = _at(data, rng)
    del data[at : at + int(rng.choice((1, 2, 4, 8, 100, 2000)))]


def _insert(data, others, rng):
    size = int(rng.choice((1, 2, 4, 64, 3000)))
    filling = (rng.bytes(size), bytes(size), b"\xff" * size)[rng.integers(3)]
    at = _at(data, rng)
    data[at:at] = filling


def _repeat(data, others, rng):
    one, at = _at(data, rng), _at(data, rng)
    data[at:at] = data[one : one + int(rng.choice((4, 16, 200, 5000)))]


def _splice(data, others, rng):
    other = others[rng.integers(len(others))]
    data[_at(data, rng) :] = other[_at(other, rng) :]


def _append(data, others, rng):
    data += others[rng.integers(len(others))] if rng.random() < 0.5 else rng.bytes(int(rng.integers(1, 500)))


_BINARY = [
    _flip,
    _flip,
    _truncate,
    _extreme,
    _extreme,
    _field,
    _field,
    _field,
    _remove,
    _insert,
    _repeat,
    _splice,
    _append,
]


def mend_ogg(data):
    """Give each page its right checksum, so that what was changed reaches the decoder."""
    at = 0
    while (at := data.find(b"OggS", at)) >= 0 and at + 27 <= len(data):
        segments = data[at + 26]
        end = at + 27 + segments + sum(data[at + 27 : at + 27 + segments])
        data[at + 22 : at + 26] = bytes(4)
        data[at + 22 : at + 26] = struct.pack("<I", _ogg_checksum(data[at:end]))
        at += 4


def _ogg_checksum(page):
    value = 0
    for byte in page:
        value = (value << 8) & 0xFFFFFFFF ^ _TABLE[(value >> 24) ^ byte]
    return value


def _table():
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        yield value & 0xFFFFFFFF


_TABLE = list(_table())
