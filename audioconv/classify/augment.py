"""Making one recording into many: speed, pitch, shift, gain, rooms and noise; masks and mixtures of features.

Speed and pitch cost nothing: frames are taken at another hop, and bands at other edges, which is what resampling would
do to them. Every clip of every epoch has a random generator of its own, seeded by (seed, epoch, clip), so that the
result depends neither on the order of the work nor on the number of threads.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from audioconv.arrays import floating
from audioconv.errors import ArgumentError
from audioconv.signal import convolve

ROOMS = 64  # made for each training
ROOM_S = (0.1, 0.6)  # reverberation times


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes; equal ends, or a chance or width of 0, switch one off."""

    # Tried on digits of a speaker out of four who was not trained on, 500 steps, equaliser of 0 / 3 / 4.5 / 6 dB: 75.1,
    # 80.0, 81.0, 79.8 %; a speed of 0.7 to 1.4 instead of 0.8 to 1.25 lowered 77.6 to 72.0 % (two speakers). Of no use
    # there: a vocal tract of 0.85 to 1.15 (72.5 for 72.0 %), mixup of 0.3 (71.8 %), two masks of each kind, of up to 8
    # bands (73.2 for 76.8 %). Speech Commands in held-out noise: a shift of 0.2 s lowered 98.0 to 96.7 %.

    shift_s: float = 0.1  # either way
    speed: tuple = (0.8, 1.25)  # of tempo and pitch together
    vocal_tract: tuple = (1.0, 1.0)  # of pitch and resonances alone, beside the speed
    gain_db: tuple = (-12.0, 6.0)
    equaliser_db: float = 4.5  # standard deviation of each of the waves that bend the spectrum
    noise_chance: float = 0.7
    snr_db: tuple = (0.0, 40.0)  # energy of the clip to energy of the noise, uniform in dB
    room_chance: float = 0.0
    time_mask_s: float = 0.1  # longest
    mel_mask: int = 5  # widest
    masks: int = 1  # of each kind
    mixup: float = 0.0  # clips are mixed in shares drawn from a beta distribution of this parameter
    noise_clips: float = 0.1  # clips of noise alone for each clip of speech; their target is "any class alike"
    noise_dbfs: tuple = (-70.0, -6.0)  # their level


def synthetic_noise(sample_rate, seed, seconds=20):
    """White, pink and brown noise and gliding voices, of unit power: what is mixed in beside recordings."""
    rng = np.random.default_rng([seed, 0x6E])
    size = seconds * sample_rate
    hz = np.fft.rfftfreq(size, 1 / sample_rate)
    noises = []
    for slope in (0.0, 0.5, 1.0):
        spectrum = rng.standard_normal(hz.size) + 1j * rng.standard_normal(hz.size)
        noises.append(np.fft.irfft(spectrum * np.maximum(hz, 50.0) ** -slope, size))
    noises.append(_glides(size, sample_rate, rng))
    return [_unit_power(noise) for noise in noises]


def _glides(size, sample_rate, rng):
    """Harmonic sounds that glide in pitch under two random resonances: like a voice or an animal, but no word."""
    result = np.zeros(size)
    start = 0
    while start < size:
        length = min(round(rng.uniform(0.15, 1.0) * sample_rate), size - start)
        pitch_hz = np.geomspace(*rng.uniform(90, 700, 2), length)
        phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate
        resonances_hz = [
            np.linspace(*rng.uniform(250, 1000, 2), length),
            np.linspace(*rng.uniform(900, 3000, 2), length),
        ]
        for harmonic in range(1, 20):
            at_hz = harmonic * pitch_hz
            gain = sum(1 / (1 + ((at_hz - resonance) / 150) ** 2) for resonance in resonances_hz)
            result[start : start + length] += np.where(at_hz < sample_rate / 2, gain, 0) * np.sin(harmonic * phase)
        result[start : start + length] *= np.hanning(length) * rng.uniform(0.2, 1)
        start += length + round(rng.uniform(0, 0.3) * sample_rate)
    return result + 1e-3 * rng.standard_normal(size)


def check_noise(noise, name):
    """A recording of noise as float32 of unit power; one that is silent or no signal is refused."""
    noise = floating(noise, f"background noise {name}", (1,))
    if not np.isfinite(noise).all():
        raise ArgumentError(f"background noise {name} holds NaN or infinite samples")
    if not np.any(noise):
        raise ArgumentError(f"background noise {name} is silent; a recording of noise is wanted")
    return _unit_power(noise)


def _unit_power(x):
    return (x / np.sqrt(np.mean(np.square(x, dtype=np.float64)))).astype(np.float32)


def draw_noise(noises, length, rng):
    """A random stretch of one of the noises, repeated where it is shorter."""
    noise = noises[rng.integers(len(noises))]
    start = rng.integers(max(1, noise.size - length + 1))
    return noise[start : start + length] if noise.size >= length else np.resize(noise, length)


def add_noise(clip, noise, snr_db):
    """The clip plus noise of unit power at a ratio of energies of `snr_db`."""
    power = np.mean(np.square(clip))
    return clip + noise * np.float32(np.sqrt(power * 10 ** (-snr_db / 10)))


def synthetic_rooms(sample_rate, seed):
    """Impulse responses of rooms: the direct sound, and an echo of noise that decays, of other colour in each.

    References: Polack, La transmission de l'energie sonore dans les salles, 1988 (decaying noise as a model of rooms).
    """
    rng = np.random.default_rng([seed, 0x52])
    rooms = []
    for _ in range(ROOMS):
        reverberation_s, after_s = rng.uniform(*ROOM_S), rng.uniform(0.001, 0.02)
        times_s = np.arange(round(reverberation_s * sample_rate)) / sample_rate
        echo = rng.standard_normal(times_s.size) * 10 ** (-3 * times_s / reverberation_s) * (times_s >= after_s)
        echo = convolve(echo, rng.uniform(0, 0.9) ** np.arange(64), "causal", threads=1)
        echo *= np.sqrt(10 ** (-rng.uniform(-3, 12) / 10) / np.sum(echo**2))  # direct sound to echo, in dB
        echo[0] += 1
        rooms.append((echo / np.sqrt(np.sum(echo**2))).astype(np.float32))
    return rooms


def cut_out(clip, start, length):
    """`length` samples of a clip from `start` on, which may lie before it, with zeros where nothing is."""
    part = clip[max(start, 0) : max(start + length, 0)]
    if part.size == length:
        return part
    before, whole = min(max(-start, 0), length), np.zeros(length, clip.dtype)  # a third of the time of np.pad
    whole[before : before + part.size] = part
    return whole


def augment_clip(clip, length, noises, rooms, sample_rate, settings, rng):
    """`length` samples around the middle of a clip, changed: shift, room, noise, gain."""
    reach = min(round(settings.shift_s * sample_rate), clip.size)
    clip = cut_out(clip, (clip.size - length) // 2 - int(rng.integers(-reach, reach + 1)), length)
    if rng.random() < settings.room_chance:
        clip = convolve(clip, rooms[rng.integers(len(rooms))], "causal", method="overlap_add", threads=1)
    if rng.random() < settings.noise_chance:
        clip = add_noise(clip, draw_noise(noises, length, rng), rng.uniform(*settings.snr_db))
    return clip * np.float32(10 ** (rng.uniform(*settings.gain_db) / 20))


def noise_clip(length, noises, settings, rng):
    """A clip of noise alone, of any level."""
    return draw_noise(noises, length, rng) * np.float32(10 ** (rng.uniform(*settings.noise_dbfs) / 20))


def equaliser(bands, deviation_db, rng):
    """A smooth curve over so many bands, in natural logarithms of power: another microphone, another voice."""
    waves = (rng.standard_normal((4, 1)) * _waves(bands)).sum(axis=0)
    return (deviation_db * np.log(10) / 10 * waves).astype(np.float32)


@cache
def _waves(bands):
    """Half a period to two over so many bands, the shorter ones weaker."""
    number = np.arange(1, 5)[:, None]
    return np.cos(number * np.linspace(0, np.pi, bands)) / np.sqrt(number)


def mask_features(frames, hop_ms, settings, rng):
    """Put zeros (the mean of standardised features) over a random stretch of time and of bands, in place.

    References: Park et al., SpecAugment, 2019.
    """
    longest = min(round(1000 * settings.time_mask_s / hop_ms), len(frames) // 2)
    for axis, most in ((0, longest), (1, min(settings.mel_mask, frames.shape[1] // 2))) * settings.masks:
        width = rng.integers(0, most + 1)
        start = rng.integers(0, frames.shape[axis] - width + 1)
        frames[(slice(None),) * axis + (slice(start, start + width),)] = 0
    return frames


def mix(frames, targets, share, rng):
    """Each clip of a batch with some of another, and their targets alike.

    References: Zhang et al., mixup: Beyond empirical risk minimization, ICLR 2018.
    """
    shares = rng.beta(share, share, len(frames)).astype(np.float32)
    order = rng.permutation(len(frames))

    def mixed(x):
        kept = shares.reshape(-1, *[1] * (x.ndim - 1))
        return kept * x + (1 - kept) * x[order]

    return mixed(frames), mixed(targets)
