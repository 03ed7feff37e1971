"""Sound files as other programs make them: made of ordinary ones, byte by byte."""

import io
import struct
from itertools import pairwise

import numpy as np
import soundfile

from tests.signals import noise

RATE = 44100
NOISE = noise(RATE * 2, "float64", seed=3, scale=0.2).clip(-0.9, 0.9)
ID3V2 = b"ID3\x03\0\0" + bytes([0, 0, 16, 0]) + bytes(2048)
ID3V1 = b"TAG" + bytes(125)
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 42, 1, 0x80000000) + bytes(8)
APE = APE[:20] + struct.pack("<I", 0xA0000000) + bytes(18) + APE
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KBITS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def encoded(samples, form, subtype=None, rate=RATE, **options):
    """The bytes of a sound file."""
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", rate, 1 if np.ndim(samples) == 1 else np.shape(samples)[1], subtype, format=form, **options
    ) as sound:
        for start in range(0, len(samples), 8192):
            sound.write(samples[start : start + 8192])
    return file.getvalue()


def mp3(samples=NOISE, rate=RATE, mode="CONSTANT"):
    """The bytes of an MP3 file with its index."""
    return encoded(samples, "MP3", "MPEG_LAYER_III", rate, bitrate_mode=mode, compression_level=0.3)


def mp3_frames(data):
    """(start, length, samples) of each layer III frame."""
    at, found = 0, []
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] & 0xE0 == 0xE0:
        version, padding = (data[at + 1] >> 3) & 3, (data[at + 2] >> 1) & 1
        rate, kbits = _RATES[version][(data[at + 2] >> 2) & 3], _KBITS[3 if version == 3 else 2][data[at + 2] >> 4]
        samples = 1152 if version == 3 else 576
        found.append((at, samples // 8 * kbits * 1000 // rate + padding, samples))
        at += found[-1][1]
    return found


def mp3_without_index(samples=NOISE, rate=RATE, mode="CONSTANT"):
    """An MP3 file without its index, and the samples that its frames make."""
    data = mp3(samples, rate, mode)
    (_, size, _), *others = mp3_frames(data)
    return data[size:], sum(frame[2] for frame in others)


def ogg_pages(data):
    """The pages of an Ogg file."""
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"OggS"] + [len(data)]
    return [data[start:end] for start, end in pairwise(starts)]


def ogg_page(packet, serial, number, flags=0):
    """A page with one packet (and no checksum)."""
    table = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    return struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, serial, number, 0, len(table)) + table + packet


def flac_without_length(data):
    """A FLAC file as encoders write it to a pipe."""
    mended = bytearray(data)
    mended[21] &= 0xF0
    mended[22:26] = bytes(4)
    return bytes(mended)
