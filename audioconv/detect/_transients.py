"""Sounds that begin at once and are no words: plugs, switches, doors and knocks."""

import numpy as np

from audioconv._typing import Array, Float32Array

STEP, PULSE, BURST = range(3)  # kinds
SHARES = (0.3, 0.3, 0.4)  # of them
DECAYS = 6.0  # nepers that a burst falls by


def transients(sample_rate: int, seed: int, seconds: int = 20) -> Float32Array:
    """Steps of DC, short pulses, and tones or noise that die away, at random times, of unit power."""
    rng = np.random.default_rng([seed, 0x74])
    sound, at = np.zeros(seconds * sample_rate), 0
    while at < sound.size:
        rest = sound[at:]
        event = _event(int(rng.choice((STEP, PULSE, BURST), p=SHARES)), sample_rate, rng)[: rest.size]
        rest[: event.size] += rng.choice([-1, 1]) * 10 ** rng.uniform(-1, 0) * event
        at += round(rng.uniform(0.1, 1.0) * sample_rate)
    unit: Float32Array = (sound / np.sqrt(np.mean(sound**2))).astype(np.float32)
    return unit


def _event(kind: int, sample_rate: int, rng: np.random.Generator) -> Array:
    if kind == STEP:  # DC that comes at once and goes
        return np.ones(round(rng.uniform(0.1, 1.0) * sample_rate))
    if kind == PULSE:
        return np.ones(round(rng.uniform(1e-4, 2e-3) * sample_rate) + 1)
    time_s = np.arange(round(10 ** rng.uniform(-2.5, -0.5) * sample_rate) + 1) / sample_rate
    tone = np.sin(2 * np.pi * rng.uniform(60, 0.4 * sample_rate) * time_s) * rng.uniform(0, 2)
    decay = np.exp(-DECAYS * time_s / max(time_s[-1], 1e-9))
    burst: Array = (tone + rng.uniform() * rng.standard_normal(time_s.size)) * decay
    return burst
