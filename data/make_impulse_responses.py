"""Compute the room impulse responses of this folder by the image-source method, with NumPy and SciPy alone.

A shoebox room mirrors its source in every wall, again and again; the impulse response is the sum of what all these
images send to the microphone, each delayed by its distance and weakened by it and by the walls it was mirrored in
(Allen and Berkley, Image method for efficiently simulating small-room acoustics, JASA 65, 1979). Three additions
make it sound like a room:

- walls absorb high frequencies more than low ones, so the sum is made once an octave band;
- delays are fractional (windowed sinc), and images are moved a little at random, which breaks up the audible sweeps
  of a perfectly regular box (De Sena et al., On the modeling of rectangular geometries, IEEE/ACM TASLP 23, 2015);
- a high-pass takes out the offset that reflections of one sign build up.

    python data/make_impulse_responses.py            # writes impulse_responses/ beside this script
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, sosfilt

SAMPLE_RATE = 48000
SPEED_OF_SOUND_M_S = 343.0
DIRECT = 48  # where the direct sound sits, in samples: the flight before it is cut off
HALF_WIDTH = 24  # of the windowed sinc, in samples
JITTER_M = 0.08
HIGH_PASS_HZ = 30.0
BANDS_HZ = (125, 250, 500, 1000, 2000, 4000, 8000)
# Loss of air in dB a metre in these bands, about 20 degrees and 50 % humidity (ISO 9613-1).
AIR_DB_M = np.array((0.0004, 0.0013, 0.0027, 0.0047, 0.0099, 0.0297, 0.105))


@dataclass(frozen=True)
class Room:
    """A shoebox: its size, where source and microphone stand, and the energy its walls absorb in each octave band."""

    name: str
    size_m: tuple
    source_m: tuple
    microphone_m: tuple
    absorption: tuple
    length_s: float


ROOMS = (
    Room(
        "small_room", (3.9, 3.1, 2.5), (1.2, 0.9, 1.3), (2.3, 2.1, 1.2),
        (0.32, 0.33, 0.34, 0.36, 0.38, 0.41, 0.45), 0.35,
    ),
    Room(
        "classroom", (8.9, 7.2, 3.1), (1.6, 3.2, 1.6), (5.1, 4.4, 1.2),
        (0.27, 0.29, 0.31, 0.33, 0.35, 0.37, 0.40), 0.6,
    ),
    Room(
        "hall", (18.3, 12.7, 6.9), (3.1, 5.9, 1.7), (10.2, 7.3, 1.3),
        (0.36, 0.37, 0.38, 0.39, 0.40, 0.41, 0.44), 0.8,
    ),
)  # fmt: skip


def images(room, rng):
    """Distance (m) of every image heard within the length of the response, and how many walls it met.

    The image (n, p) of an axis of length L stands at (1 - 2 p) s + 2 n L and has met |n - p| + |n| walls.
    """
    reach_m = room.length_s * SPEED_OF_SOUND_M_S + np.linalg.norm(np.subtract(room.source_m, room.microphone_m))
    squares, walls = np.zeros(1), np.zeros(1, dtype=int)
    for length_m, source_m, microphone_m in zip(room.size_m, room.source_m, room.microphone_m, strict=True):
        n = np.arange(-int(reach_m / (2 * length_m)) - 1, int(reach_m / (2 * length_m)) + 2)
        n, p = np.repeat(n, 2), np.tile((0, 1), len(n))
        met = np.abs(n - p) + np.abs(n)
        moved_m = rng.uniform(-JITTER_M, JITTER_M, (len(squares), len(n))) * ((walls[:, None] + met) > 0)
        offset_m = (1 - 2 * p) * source_m + 2 * n * length_m - microphone_m + moved_m
        squares, walls = (squares[:, None] + offset_m**2).ravel(), (walls[:, None] + met).ravel()
        heard = squares < reach_m**2
        squares, walls = squares[heard], walls[heard]
    return np.sqrt(squares), walls


def add_echoes(delays, gains, length):
    """The sum of windowed sincs at `delays` (samples, fractional), as an array of `length` samples."""
    response = np.zeros(length + 2 * HALF_WIDTH + 1)
    for first in range(0, len(delays), 20000):  # in slices, or the hall's echoes would fill the memory
        delay, gain = delays[first : first + 20000], gains[first : first + 20000]
        whole = np.floor(delay).astype(int)
        taps = np.arange(-HALF_WIDTH + 1, HALF_WIDTH + 1)
        away = taps - (delay - whole)[:, None]
        window = np.cos(np.pi * away / (2 * HALF_WIDTH + 2)) ** 2
        at = whole[:, None] + taps + HALF_WIDTH
        values = gain[:, None] * np.sinc(away) * window
        response += np.bincount(at.ravel(), values.ravel(), len(response))
    return response[HALF_WIDTH : HALF_WIDTH + length]


def band_weights(frequencies_hz):
    """How much each octave band counts at each frequency: triangles in log frequency, whose sum is 1 everywhere."""
    position = np.interp(np.log2(np.maximum(frequencies_hz, 1)), np.log2(BANDS_HZ), np.arange(len(BANDS_HZ)))
    return np.maximum(0, 1 - np.abs(position - np.arange(len(BANDS_HZ))[:, None]))


def impulse_response(room):
    """The room's response, the direct sound 1 at sample `DIRECT`, reflections after it."""
    length = round(room.length_s * SAMPLE_RATE)
    distances_m, walls = images(room, np.random.default_rng(len(room.name)))
    direct_m = distances_m[walls == 0].min()
    delays = (distances_m - direct_m) / SPEED_OF_SOUND_M_S * SAMPLE_RATE + DIRECT
    # An image moved in front of its source by the jitter, or heard after the end, is none.
    kept = (delays >= DIRECT) & (delays < length)
    distances_m, walls, delays = distances_m[kept], walls[kept], delays[kept]
    # Twice the length: the bands' zero-phase filters ring to both sides, and must not wrap round.
    weights = band_weights(np.fft.rfftfreq(2 * length, 1 / SAMPLE_RATE))
    spectrum = 0
    for absorption, air_db_m, weight in zip(room.absorption, AIR_DB_M, weights, strict=True):
        gains = (1 - absorption) ** (walls / 2) * direct_m / distances_m
        gains *= 10 ** (-air_db_m * (distances_m - direct_m) / 20)
        spectrum = spectrum + weight * np.fft.rfft(add_echoes(delays, gains, length), 2 * length)
    response = np.fft.irfft(spectrum, 2 * length)[:length]
    response = sosfilt(butter(2, HIGH_PASS_HZ, "highpass", fs=SAMPLE_RATE, output="sos"), response)
    fade = round(0.02 * SAMPLE_RATE)
    response[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    response /= response[DIRECT]
    if np.abs(response).max() > 1:
        raise RuntimeError(f"{room.name}: a reflection is louder than the direct sound")
    return response


def decay_time_s(response):
    """RT60 by Schroeder's backward integration: a line through -5 to -25 dB, carried on to -60."""
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    level_db = 10 * np.log10(energy / energy[0])
    line = np.flatnonzero((level_db < -5) & (level_db > -25))
    return -60 / np.polyfit(line / SAMPLE_RATE, level_db[line], 1)[0]


def main():
    """Make everything in the folder of this script, or in another, and print what the README lists."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: the folder of this script")
    folder = parser.parse_args().out / "impulse_responses"
    folder.mkdir(parents=True, exist_ok=True)
    for room in ROOMS:
        response = impulse_response(room)
        soundfile.write(folder / f"{room.name}.flac", response, SAMPLE_RATE, subtype="PCM_24", compression_level=1.0)
        energy = response**2
        direct_end = DIRECT + round(0.0025 * SAMPLE_RATE)
        ratio_db = 10 * np.log10(energy[:direct_end].sum() / energy[direct_end:].sum())
        print(f"{room.name}: RT60 {decay_time_s(response):.2f} s, direct to reverberant {ratio_db:.1f} dB")


if __name__ == "__main__":
    main()
