"""Recordings with known sound events in them, made of clips and background noise, by a seed."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from audioconv._typing import Array, ArrayLike, Float32Array, Path
from audioconv.arrays import RandomState, floating, interval, number, seed_of, whole
from audioconv.classify.activity import HOP_S
from audioconv.classify.augmentation import check_noise, synthetic_noise
from audioconv.classify.clips import read_all, read_mono
from audioconv.classify.labels import check_labels
from audioconv.detect._word_bounds import LEAST_RATE, active_runs
from audioconv.detect.mixtures import FASTEST, SLOWEST
from audioconv.detect.sound_events import SoundEvent
from audioconv.errors import ArgumentError, ShapeError
from audioconv.io import resample

FADE_S = 0.01  # of what is cut out of a clip
TRIALS = 10  # to find a sound that does not sound already
LEAST_EVENT_S = 0.05


class EventMixture(NamedTuple):
    """A recording, and the sound events in it.

    Parameters
    ----------
    samples : float32 array, shape (samples,)
    events : list of SoundEvent
        In the order in which they begin; their `recording` is the number of the mixture.
    snr_db : list of float, in dB
        Of each event: its level relative to that of the background.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> tone = np.sin(np.arange(16000) / 5).astype("float32")
    >>> mixture = next(ac.mix_events([tone], ["tone"], duration_s=8))
    >>> mixture.samples.size, [event.label for event in mixture.events]
    (128000, ['tone', 'tone'])
    """

    samples: Float32Array
    events: list[SoundEvent]
    snr_db: list[float]

    def __repr__(self) -> str:
        return f"EventMixture({self.samples.size} samples, {len(self.events)} events)"


def mix_events(
    clips: Sequence[Path | ArrayLike],
    labels: ArrayLike,
    background: Sequence[Path | ArrayLike] | None = None,
    *,
    count: int = 1,
    duration_s: float = 60.0,
    sample_rate: int = 16000,
    snr_db: tuple[float, float] = (0.0, 10.0),
    max_polyphony: int = 2,
    gap_s: tuple[float, float] = (0.5, 8.0),
    event_s: tuple[float, float] = (1.0, 10.0),
    pause_s: float = 1.0,
    pace: tuple[float, float] = (1.0, 1.0),
    background_dbfs: tuple[float, float] = (-50.0, -30.0),
    random_state: RandomState = None,
) -> Iterator[EventMixture]:
    """Make recordings with known sound events in them: clips at random places in background noise.

    Of a clip what stands out from its own noise is an event, or several where pauses are long. Events are put one after
    the other into each of `max_polyphony` layers, which together make the mixture, so that events of different classes
    overlap; one of a class never overlaps another of it. Labels are drawn first, so that all are as frequent.

    Parameters
    ----------
    clips : list of paths or of float arrays, shape (samples,), at `sample_rate`
        Each with a sound of its label, once or several times. Silent ones are left out.
    labels : sequence of labels, one a clip
    background : list of paths or of float arrays at `sample_rate`, optional
        One is drawn for each mixture, and looped if it is short. By default white, pink and brown noise and the like.
    count : int
        Of mixtures.
    duration_s : float, in seconds
        Of each.
    sample_rate : int, in Hz
    snr_db : (float, float), in dB
        Power of an event relative to that of the background; what is drawn is uniform.
    max_polyphony : int
        At most so many events at once.
    gap_s : (float, float), in seconds
        From the end of what was taken of a clip to the beginning of the next, in a layer.
    event_s : (float, float), in seconds
        What is taken of a clip lasts at most so long: drawn for each, logarithmically.
    pause_s : float, in seconds
        Silence within a clip that ends an event; shorter pauses belong to it.
    pace : (float, float)
        Clips are played faster by such a factor, at a pitch as much higher.
    background_dbfs : (float, float), in dB of full scale
        Level (RMS) of the background. What exceeds full scale is clipped.
    random_state : int, RandomState or Generator, optional
        The same number gives the same mixtures; a mixture does not depend on how many there are. None is 0.

    Returns
    -------
    mixtures : iterator of EventMixture
        (samples, events, snr_db) each, made when it is asked for.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError, AudioFileError
        For ranges that make no sense, recordings that cannot be used, and labels that are not one a clip.

    References
    ----------
    Salamon et al., Scaper: a library for soundscape synthesis and augmentation, WASPAA 2017.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> tone = np.pad(np.sin(np.arange(8000) / 5), 4000).astype("float32")
    >>> for mixture in ac.mix_events([tone, tone[::2]], ["low", "high"], duration_s=4, count=2, random_state=1):
    ...     print(mixture, [f"{e.label} {e.onset_s:.2f}-{e.offset_s:.2f} s" for e in mixture.events])
    EventMixture(64000 samples, 3 events) ['low 1.25-1.74 s', 'high 1.70-1.94 s', 'low 3.78-4.00 s']
    EventMixture(64000 samples, 1 events) ['low 3.91-4.00 s']
    """
    layout = _Layout(
        duration_s=number(duration_s, "duration_s", 0.1),
        snr_db=interval(snr_db, "snr_db"),
        max_polyphony=whole(max_polyphony, "max_polyphony"),
        gap_s=interval(gap_s, "gap_s", 0),
        event_s=interval(event_s, "event_s", LEAST_EVENT_S),
        pace=interval(pace, "pace", SLOWEST, FASTEST),
        background_dbfs=interval(background_dbfs, "background_dbfs", most=0),
    )
    rate = whole(sample_rate, "sample_rate", LEAST_RATE)
    count, seed = whole(count, "count", 0), seed_of(random_state)
    sounds = _sounds(clips, labels, rate, number(pause_s, "pause_s", 0))
    if background is None:
        noises = synthetic_noise(rate, seed)
    else:
        noises = [check_noise(noise, i) for i, noise in enumerate(_read(background, rate, "background"))]
        if not noises:
            raise ShapeError("background holds no recordings; None is noise that is made")
    return (_Mixer(sounds, noises, layout, rate, seed, i).mixture() for i in range(count))


@dataclass(frozen=True)
class _Layout:
    """What the arguments of `mix_events` of the same names say."""

    duration_s: float
    snr_db: tuple[float, float]
    max_polyphony: int
    gap_s: tuple[float, float]
    event_s: tuple[float, float]
    pace: tuple[float, float]
    background_dbfs: tuple[float, float]


class _Sound(NamedTuple):
    """What stands out of a clip, with the events in it."""

    samples: Float32Array
    events: list[tuple[int, int]]  # begin and end of each, in samples


class _Placed(NamedTuple):
    """An event in a mixture, in samples."""

    begin: int
    end: int
    label: Any
    snr_db: float


class _Mixer:
    """Makes one mixture."""

    def __init__(
        self,
        sounds: dict[Any, list[_Sound]],
        noises: list[Float32Array],
        layout: _Layout,
        sample_rate: int,
        seed: int,
        which: int,
    ) -> None:
        self._sounds, self._noises, self._layout, self._rate, self._which = sounds, noises, layout, sample_rate, which
        self._labels = list(sounds)
        self._rng = np.random.default_rng([seed, which, 0x4556])
        self._size = round(layout.duration_s * sample_rate)
        self._placed: list[_Placed] = []

    def mixture(self) -> EventMixture:
        """The mixture."""
        mixed = self._background()
        for _ in range(self._layout.max_polyphony):
            self._fill(mixed)
        mixed *= np.float32(10 ** (self._rng.uniform(*self._layout.background_dbfs) / 20))
        placed = sorted(self._placed, key=lambda event: (event.begin, event.end, self._labels.index(event.label)))
        events = [SoundEvent(self._which, p.begin / self._rate, p.end / self._rate, p.label) for p in placed]
        return EventMixture(np.clip(mixed, -1, 1, out=mixed), events, [p.snr_db for p in placed])

    def _background(self) -> Float32Array:
        """A piece of noise of unit power."""
        noise = self._noises[int(self._rng.integers(len(self._noises)))]
        start = int(self._rng.integers(max(1, noise.size - self._size + 1)))
        piece = np.resize(noise[start:], self._size)
        power = float(np.mean(np.square(piece, dtype=np.float64)))
        return (piece / np.sqrt(power)).astype(np.float32) if power > 0 else piece.copy()

    def _fill(self, mixed: Float32Array) -> None:
        """Put sounds, one after the other, into a layer."""
        rng, rate, gap_s = self._rng, self._rate, self._layout.gap_s
        begin = round(rng.uniform(0, gap_s[1]) * rate)
        while begin < self._size:
            end = begin
            for _ in range(TRIALS):
                label = self._labels[int(rng.integers(len(self._labels)))]
                sound = self._cut(self._sounds[label][int(rng.integers(len(self._sounds[label])))])
                if not self._sounding(label, begin, begin + sound.samples.size):
                    self._place(mixed, sound, label, begin)
                    end = begin + sound.samples.size
                    break
            begin = end + max(1, round(rng.uniform(*gap_s) * rate))

    def _sounding(self, label: Any, begin: int, end: int) -> bool:
        return any(p.label == label and p.begin < end and begin < p.end for p in self._placed)

    def _cut(self, sound: _Sound) -> _Sound:
        """A piece of a sound at some pace, which begins with an event and ends with one."""
        rng, rate = self._rng, self._rate
        percent = round(100 * rng.uniform(*self._layout.pace))
        longest_s = np.exp(rng.uniform(*np.log(self._layout.event_s)))
        length = max(1, round(longest_s * rate * percent / 100))
        starts = [first for first, _ in sound.events]
        start = starts[int(rng.integers(len(starts)))]
        event = next(event for event in sound.events if event[0] == start)
        if event[1] - start > length:  # any part of a long one
            start += int(rng.integers(event[1] - start - length + 1))
        inside = [(max(b, start), min(e, start + length)) for b, e in sound.events if b < start + length and e > start]
        samples = sound.samples[start : inside[-1][1]].astype(np.float32)
        ramp = np.linspace(0, 1, min(round(FADE_S * rate), samples.size // 2) + 1, endpoint=False, dtype=np.float32)[1:]
        samples[: ramp.size] *= ramp
        samples[samples.size - ramp.size :] *= ramp[::-1]
        paced = resample(samples, percent, 100).astype(np.float32, copy=False) if percent != 100 else samples
        events = [((b - start) * 100 // percent, min((e - start) * 100 // percent, paced.size)) for b, e in inside]
        return _Sound(paced, [(b, e) for b, e in events if b < e])

    def _place(self, mixed: Float32Array, sound: _Sound, label: Any, begin: int) -> None:
        """Add a sound; what goes on beyond the end of the mixture is cut off."""
        snr_db = float(self._rng.uniform(*self._layout.snr_db))
        heard = np.concatenate([sound.samples[b:e] for b, e in sound.events])
        power = float(np.mean(np.square(heard, dtype=np.float64)))
        if power == 0:
            return
        end = min(begin + sound.samples.size, self._size)
        mixed[begin:end] += sound.samples[: end - begin] * np.float32(10 ** (snr_db / 20) / np.sqrt(power))
        for b, e in sound.events:
            if begin + b < self._size:
                self._placed.append(_Placed(begin + b, min(begin + e, self._size), label, snr_db))


def _sounds(clips: Sequence[Path | ArrayLike], labels: ArrayLike, rate: int, pause_s: float) -> dict[Any, list[_Sound]]:
    """What stands out in clips, by label, in the order of the labels."""
    samples = _read(clips, rate, "clip")
    if not samples:
        raise ShapeError("clips holds no recordings; at least one is wanted")
    known = check_labels(labels, len(samples))
    found: dict[Any, list[_Sound]] = {label: [] for label in np.unique(known).tolist()}
    for clip, label in zip(samples, known.tolist(), strict=True):
        sound = _active_part(clip, rate, pause_s)
        if sound is not None:
            found[label].append(sound)
    if silent := [str(label) for label, sounds in found.items() if not sounds]:
        raise ArgumentError(f"all clips of {', '.join(silent)} are silent; each label needs one that is not")
    return found


def _active_part(clip: Float32Array, rate: int, pause_s: float) -> _Sound | None:
    """From the first to the last sample that stands out, with the events in it; None of a silent clip."""
    hop = round(HOP_S * rate)
    runs, _ = active_runs(clip, hop, rate)
    events: list[tuple[int, int]] = []
    for first, end in runs:
        begin, end = first * hop, min(end * hop, clip.size)
        if events and begin - events[-1][1] <= pause_s * rate:
            events[-1] = (events[-1][0], end)
        else:
            events.append((begin, end))
    least = LEAST_EVENT_S * rate
    events = [(b, e) for b, e in events if e - b >= least] or events[:1]
    if not events:
        return None
    first, last = events[0][0], events[-1][1]
    return _Sound(clip[first:last], [(b - first, e - first) for b, e in events])


def _read(recordings: Sequence[Path | ArrayLike], rate: int, name: str) -> list[Float32Array]:
    """Files and arrays as float32 of one channel."""

    def read(recording: Any) -> Float32Array:
        if isinstance(recording, (str, os.PathLike)):
            return read_mono(recording, rate)
        samples: Array = floating(recording, name, (1,))
        if not np.isfinite(samples).all():
            raise ArgumentError(f"a {name} holds NaN or infinite samples")
        return samples.astype(np.float32, copy=False)

    if isinstance(recordings, (str, os.PathLike)):
        raise ArgumentError(f"{name} must be a list of recordings, not the one path {str(recordings)!r}")
    return read_all(read, list(recordings))
