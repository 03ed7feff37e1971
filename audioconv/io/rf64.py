"""WAV files that grew beyond 4 GiB become RF64 (EBU Tech 3306), whose lengths have 64 bits."""

import struct
from pathlib import Path
from typing import BinaryIO

MOST_BYTES = 2**32 - 2**16  # of a WAV file: its lengths have 32 bits, and tags may follow
_BLOCK = 1 << 24  # bytes that are moved at a time
_DS64 = struct.Struct(
    "<4sIQQQI"
)  # name, length of the rest, then file, sound chunk, samples a channel, further lengths
_FULL = 0xFFFFFFFF  # a length of 32 bits that says: see the ds64 chunk


def wav_to_rf64(path: Path, frames: int) -> None:
    """Turn a WAV file, of which the sound is the last chunk, into RF64, in place.

    The chunk with the long lengths stands at the beginning, so that all that follows is moved.

    Parameters
    ----------
    path : Path
    frames : int
        Samples a channel.
    """
    with open(path, "r+b") as file:
        end, sizes = file.seek(0, 2), {4: _FULL}
        at = 12
        while True:  # the chunks before the sound have their right lengths
            file.seek(at)
            name, length = struct.unpack("<4sI", file.read(8))
            if name == b"fact":
                sizes[at + 8 + _DS64.size] = _FULL
            if name == b"data":
                sizes[at + 4 + _DS64.size] = _FULL
                sound = end - at - 8
                sound -= (sound - length) % 2**32 == 1  # a byte that makes the length even
                break
            at += 8 + length + length % 2
        _move_up(file, 12, end, _DS64.size)
        file.seek(0)
        file.write(b"RF64")
        ds64 = _DS64.pack(b"ds64", _DS64.size - 8, end + _DS64.size - 8, sound, frames, 0)
        for place, size in sizes.items():
            file.seek(place)
            file.write(struct.pack("<I", size))
        file.seek(12)
        file.write(ds64)


def _move_up(file: BinaryIO, begin: int, end: int, by: int) -> None:
    """Move the bytes from begin to end, the last ones first."""
    while end > begin:
        first = max(begin, end - _BLOCK)
        file.seek(first)
        data = file.read(end - first)
        file.seek(first + by)
        file.write(data)
        end = first
