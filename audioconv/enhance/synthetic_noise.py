"""Noises that are made up, for more kinds than there are recordings: voices, coloured noise, hum, clicks."""

from collections.abc import Sequence

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.enhance.compressed import mask_transform
from audioconv.signal import convolve

SPEEDS = 0.8, 1.25  # of voices among others
CURVE_KNOTS, CURVE_LIMIT_DB = 8, 30.0


def rms(x: Array) -> float:
    """The root of the mean power of samples, never 0."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)) + 1e-20))


def at_random(x: Array, samples: int, rng: np.random.Generator) -> Array:
    """So many samples of x from a random place on, which goes on from its beginning."""
    start = int(rng.integers(len(x)))
    return x[start : start + samples] if start + samples <= len(x) else np.resize(np.roll(x, -start), samples)


def at_speed(x: Array, speed: float, samples: int) -> Float32Array:
    """The first `samples` of x, played faster by a factor: pitch and length change."""
    played: Float32Array = np.interp(np.arange(samples) * speed, np.arange(len(x)), x).astype(np.float32)
    return played


def gain_curve(bins: int, step_db: float, rng: np.random.Generator) -> Float32Array:
    """Gains of bins along a random smooth curve: a random walk in dB over logarithmic frequency."""
    knots_db = np.cumsum(rng.standard_normal(CURVE_KNOTS) * step_db)
    knots_db = np.clip(knots_db - knots_db.mean(), -CURVE_LIMIT_DB, CURVE_LIMIT_DB)
    curve_db = np.interp(np.arange(bins), np.geomspace(1, bins, CURVE_KNOTS) - 1, knots_db)
    gains: Float32Array = (10 ** (curve_db / 20)).astype(np.float32)
    return gains


def room_response(decay_s: float, wet: float, sample_rate: int, rng: np.random.Generator) -> Float32Array:
    """A room as an impulse and noise that decays by 60 dB in `decay_s`, of `wet` times the energy's root."""
    decay = np.arange(round(decay_s * sample_rate)) / round(decay_s * sample_rate)
    tail = rng.standard_normal(len(decay)) * np.exp(-3 * np.log(10) * decay)
    tail *= wet / np.sqrt(np.sum(tail**2))
    tail[: round(0.002 * sample_rate)], tail[0] = 0, 1
    response: Float32Array = tail.astype(np.float32)
    return response


def babble(voices: Sequence[Array], talkers: int, samples: int, rng: np.random.Generator) -> Float32Array:
    """So many voices at once."""
    total = np.zeros(samples, np.float32)
    for _ in range(talkers):
        speed = float(rng.uniform(*SPEEDS))
        voice = at_random(voices[int(rng.integers(len(voices)))], int(samples * speed) + 2, rng)
        voice = at_speed(voice, speed, samples)
        total += voice * np.float32(10 ** (rng.uniform(-9, 0) / 20) / rms(voice))
    return total


def crowd(voices: Sequence[Array], samples: int, sample_rate: int, rng: np.random.Generator) -> Float32Array:
    """15 to 40 voices in a room."""
    room = room_response(float(rng.uniform(0.3, 1.2)), 0.7, sample_rate, rng)
    return np.asarray(convolve(babble(voices, int(rng.integers(15, 41)), samples, rng), room)[:samples], np.float32)


def coloured_noise(samples: int, rng: np.random.Generator) -> Float32Array:
    """Noise of a random spectrum, level and tilt of which may move."""
    transform = mask_transform(512)
    spectra = transform(rng.standard_normal(samples).astype(np.float32))
    frames, bins = spectra.shape
    knots = np.linspace(0, frames, int(rng.integers(2, 30)))
    level_db, tilt_db = (
        np.interp(np.arange(frames), knots, rng.standard_normal(len(knots)) * rng.choice(sizes))
        for sizes in ((0, 2, 5), (0, 5))
    )
    moving = 10 ** ((level_db[:, None] + tilt_db[:, None] * np.linspace(-1, 1, bins)) / 20)
    shaped = spectra * (moving * gain_curve(bins, 7.0, rng)).astype(np.float32)
    return np.asarray(transform.inverse(shaped, samples), np.float32)


def hum(samples: int, sample_rate: int, rng: np.random.Generator) -> Float32Array:
    """A mains hum or an engine: harmonics of a pitch that may drift, in soft noise."""
    pitch_hz = float(rng.choice([50, 60, rng.uniform(20, 300)]))
    knots = np.linspace(0, samples, 12)
    drift = rng.choice([0, 0.03]) * np.interp(np.arange(samples), knots, rng.standard_normal(12))
    phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + drift)) / sample_rate
    slope, total = rng.uniform(0.3, 1.5), np.zeros(samples)
    for harmonic in range(1, int(min(40, 0.45 * sample_rate / pitch_hz)) + 1):
        total += rng.uniform(0, 1) / harmonic**slope * np.sin(harmonic * phase + rng.uniform(0, 2 * np.pi))
    noisy: Float32Array = (total + rng.uniform(0, 0.3) * rms(total) * rng.standard_normal(samples)).astype(np.float32)
    return noisy


def clicks(samples: int, sample_rate: int, rng: np.random.Generator) -> Float32Array:
    """Knocks, rattles and clicks: 1 to 20 a second, each ringing and noisy, of 3 to 250 ms."""
    longest = sample_rate // 4
    total = np.zeros(samples + longest)
    for _ in range(max(2, int(rng.uniform(1, 20) * samples / sample_rate))):
        t = np.arange(rng.integers(longest // 100, longest))
        ring = rng.uniform(0, 1) * np.sin(2 * np.pi * rng.uniform(200, 6000) / sample_rate * t)
        ring += rng.uniform(0, 1) * rng.standard_normal(len(t))
        start = rng.integers(samples)
        total[start : start + len(t)] += ring * np.exp(-5 * t / len(t)) * 10 ** (rng.uniform(-20, 0) / 20)
    return total[:samples].astype(np.float32)
