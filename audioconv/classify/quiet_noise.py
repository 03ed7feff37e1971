"""Noises for sets of many clips: what is heard before and after their words, and quiet rooms with sudden sounds.

Noise that is steady teaches a network that what is not steady is a word. Rooms are not steady: see docs/trials.md,
"Recognition: eight keywords".
"""

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.classify.made_up_words import places_of

SILENCE = 1e-6
WORD = (0.01, 0.99)  # shares of the energy between which a word lies ...
BEFORE_S, AFTER_S = 0.05, 0.07  # ... and its weak beginning and end
SHORTEST_S = 0.12  # piece of noise
MOST_TURNS = 3  # pieces are repeated, forwards and backwards, up to so often
LEVEL_DB = 4.0  # standard deviation of the levels of pieces
FADE = 160  # samples, from piece to piece
EVENTS_PER_S = 3.0  # at most
EVENT_S = (0.004, 0.6)
EVENT_DB = (-3.0, 25.0)  # against the room
ROOM_S = (1.0, 5.0)
SILENT_ROOMS = 0.25  # of digital silence: keywords that can hardly be heard would teach that it is one of them
ROOM_DB = (-15.0, 5.0)


def quiet_noises(clips: Float32Array, sample_rate: int, seed: int, seconds: int = 240) -> list[Float32Array]:
    """A recording of the margins of clips, if they have any, and one of rooms, each up to so long."""
    rng = np.random.default_rng([seed, 0x71])
    margins = _margins(clips, sample_rate, rng, seconds * sample_rate)
    return [*margins, rooms(seconds * sample_rate, sample_rate, rng)]


def _margins(clips: Float32Array, sample_rate: int, rng: np.random.Generator, size: int) -> list[Float32Array]:
    """What is before and after words, joined: each piece as loud as others, within some decibels."""
    joined, end = np.zeros(size, np.float32), 0
    for clip in rng.permutation(len(clips)):
        for margin in margins_of(clips[clip], sample_rate):
            piece = np.tile(np.concatenate((margin, margin[::-1])), 2)[: rng.integers(1, MOST_TURNS + 1) * margin.size]
            piece *= 10 ** (rng.normal(0, LEVEL_DB) / 20) / np.sqrt(np.mean(np.square(piece)))
            start = max(0, end - FADE)
            piece = piece[: size - start]
            fade = np.linspace(0, 1, min(end - start, piece.size))
            joined[start : start + fade.size] *= 1 - fade
            piece[: fade.size] *= fade
            joined[start : start + piece.size] += piece
            end = start + piece.size
            if end == size:
                return [joined]
    return [joined[:end]] if end else []


def margins_of(clip: Float32Array, sample_rate: int) -> list[Array]:
    """The stretches before and after a word that are long enough and not digital silence."""
    first, last = places_of(clip, *WORD)
    margins = list[Array]()
    for side in (clip[: max(0, first - round(BEFORE_S * sample_rate))], clip[last + round(AFTER_S * sample_rate) :]):
        heard = np.flatnonzero(np.abs(side) > SILENCE)
        if heard.size and heard[-1] - heard[0] >= SHORTEST_S * sample_rate:
            margins.append(side[heard[0] : heard[-1] + 1].astype(np.float64))
    return margins


def rooms(size: int, sample_rate: int, rng: np.random.Generator) -> Float32Array:
    """Coloured noise of a few seconds, again and again, in which bursts, knocks and rumbles are heard."""
    result, start = np.zeros(size), 0
    while start < size:
        length = min(round(rng.uniform(*ROOM_S) * sample_rate), size - start)
        room = _coloured(length, rng.uniform(0, 1), sample_rate, rng) * (rng.random() >= SILENT_ROOMS)
        for _ in range(rng.poisson(rng.uniform(0, EVENTS_PER_S) * length / sample_rate)):
            event = _event(sample_rate, rng)[:length]
            at = rng.integers(length - event.size + 1)
            room[at : at + event.size] += event * 10 ** (rng.uniform(*EVENT_DB) / 20)
        result[start : start + length] = room * 10 ** (rng.uniform(*ROOM_DB) / 20)
        start += length
    return result.astype(np.float32)


def _event(sample_rate: int, rng: np.random.Generator) -> Array:
    """A burst of noise, a knock or a rumble, about as loud as noise of unit power."""
    size = round(np.exp(rng.uniform(*np.log(EVENT_S))) * sample_rate)
    times_s, kind = np.arange(size) / sample_rate, rng.random()
    swells, decays = np.hanning(size), np.exp(-4 * np.arange(size) / size)
    if kind < 0.6:
        flutter = 1 + 0.9 * np.sin(2 * np.pi * rng.uniform(8, 40) * times_s) if rng.random() < 0.3 else 1
        burst = _coloured(size, rng.uniform(-0.3, 1), sample_rate, rng)
        burst *= flutter * (decays if rng.random() < 0.4 else swells)
        return burst
    if kind < 0.8:
        hz = np.exp(rng.uniform(np.log(60), np.log(0.44 * sample_rate), (rng.integers(1, 7), 1)))
        knock: Array = decays * (np.sin(2 * np.pi * hz * times_s) * rng.uniform(0.2, 1, hz.shape)).sum(axis=0)
        return knock
    rumble: Array = 1.4 * np.sin(2 * np.pi * rng.uniform(40, 200) * times_s) * swells
    return rumble


def _coloured(size: int, slope: float, sample_rate: int, rng: np.random.Generator) -> Array:
    """Noise of unit power whose amplitude falls as a power of frequency from 50 Hz on."""
    hz = np.fft.rfftfreq(size, 1 / sample_rate)
    noise = np.fft.irfft(
        (rng.standard_normal(hz.size) + 1j * rng.standard_normal(hz.size)) * np.maximum(hz, 50) ** -slope, size
    )
    noise /= np.sqrt(np.mean(np.square(noise)))
    return noise
