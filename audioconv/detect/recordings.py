"""Recordings that stretches of training sound are made of, and what is cut out of them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from audioconv._typing import ArrayLike, Float32Array, FloatArray
from audioconv.arrays import floating
from audioconv.detect._word_bounds import word_bounds
from audioconv.errors import ArgumentError

BACKGROUND = -1  # the label index of what is no keyword


class Recording(NamedTuple):
    """A clip of a word, or running speech."""

    samples: FloatArray
    begin: int  # of the word ...
    end: int
    gain: float  # ... and what brings it to unit power


class Cut(NamedTuple):
    """What is cut out of a recording."""

    recording: Recording
    begin: int
    end: int
    label_index: int = BACKGROUND

    def samples(self, fade: int, gain: float) -> tuple[Float32Array, int]:
        """Its samples, with fades before and after as far as the recording reaches, and how many come before it.

        `gain` is relative to unit power of the word.
        """
        before = min(self.begin, fade)
        x = self.recording.samples[self.begin - before : self.end + fade] * np.float32(gain * self.recording.gain)
        ramp = np.linspace(0, 1, min(fade, x.size // 2) + 1, endpoint=False, dtype=np.float32)[1:]
        x[: ramp.size] *= ramp
        x[x.size - ramp.size :] *= ramp[::-1]
        return x.astype(np.float32, copy=False), before


def whole_word(recording: Recording) -> Cut:
    """The word of a clip."""
    return Cut(recording, recording.begin, recording.end)


def word_recordings(clips: Iterable[ArrayLike], sample_rate: int, name: str) -> list[Recording]:
    """Clips of words, without silent ones."""
    found = []
    for samples in _checked(clips, f"clip of {name}"):
        begin, end = word_bounds(samples, sample_rate)
        found.append(Recording(samples, begin, end, _unit_gain(samples[begin:end])))
    return found


def speech_recordings(recordings: Iterable[ArrayLike]) -> list[Recording]:
    """Running speech, without silent recordings."""
    checked = _checked(recordings, "recording of speech")
    return [Recording(samples, 0, samples.size, _unit_gain(samples)) for samples in checked]


def _checked(recordings: Iterable[ArrayLike], name: str) -> list[FloatArray]:
    """Recordings that are not silent, as they are."""
    checked = [floating(samples, f"{name} {i}", (1,)) for i, samples in enumerate(recordings)]
    for i, samples in enumerate(checked):
        if not np.isfinite(samples).all():
            raise ArgumentError(f"{name} {i} holds NaN or infinite samples")
    return [samples for samples in checked if np.any(samples)]


def _unit_gain(samples: FloatArray) -> float:
    """What brings samples to unit power; they are not all zeros."""
    return float(1 / np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
