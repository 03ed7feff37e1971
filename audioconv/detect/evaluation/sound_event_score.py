"""How well sound events are detected: by segments of a second, and by the times at which events begin."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import number
from audioconv.classify.detections import Detection
from audioconv.detect.sound_events import SoundEvent
from audioconv.errors import ShapeError

SEGMENT_S, COLLAR_S = 1.0, 0.2
ROUNDING_S = 1e-9  # times that differ by less are the same


class Counts(NamedTuple):
    """Right and wrong decisions.

    Parameters
    ----------
    hits, false_alarms, misses : int

    Examples
    --------
    >>> round(Counts(6, 2, 1).f1, 3)
    0.8
    """

    hits: int
    false_alarms: int
    misses: int

    @property
    def precision(self) -> float:
        """Share of what was told that is right; NaN if nothing was told."""
        return self.hits / (self.hits + self.false_alarms) if self.hits + self.false_alarms else np.nan

    @property
    def recall(self) -> float:
        """Share of what there was that was told; NaN if there was nothing."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else np.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of both; NaN if there was nothing and nothing was told."""
        total = 2 * self.hits + self.false_alarms + self.misses
        return 2 * self.hits / total if total else np.nan


class SoundEventClassScore(NamedTuple):
    """Decisions about one class.

    Parameters
    ----------
    label : str
    segments : Counts
        Of segments in which the class sounds.
    events : Counts
        Of events.

    Examples
    --------
    >>> SoundEventClassScore("rain", Counts(6, 2, 1), Counts(2, 0, 1)).events.f1
    0.8
    """

    label: Any
    segments: Counts
    events: Counts


@dataclass(frozen=True, repr=False)
class SoundEventScore:
    """How well sound events were detected; made by `score_sound_events`.

    Parameters
    ----------
    by_class : tuple of SoundEventClassScore
        Of each label that was there or told.
    hours : float
    segment_s, collar_s : float, in seconds
        Length of a segment; by how much the beginning of an event may be off.

    Examples
    --------
    >>> SoundEventScore((SoundEventClassScore("rain", Counts(6, 2, 1), Counts(2, 0, 1)),), 0.5)
    SoundEventScore(1 classes in 0.5 h, F1 of 1 s segments 0.800, of events within 0.2 s of their onset 0.800)
    """

    by_class: tuple[SoundEventClassScore, ...]
    hours: float
    segment_s: float = SEGMENT_S
    collar_s: float = COLLAR_S

    def __repr__(self) -> str:
        events = f"of events within {self.collar_s:g} s of their onset {self.events.f1:.3f}"
        return (
            f"SoundEventScore({len(self.by_class)} classes in {self.hours:.3g} h, "
            f"F1 of {self.segment_s:g} s segments {self.segments.f1:.3f}, {events})"
        )

    @property
    def segments(self) -> Counts:
        """Those of all classes."""
        return _sum(score.segments for score in self.by_class)

    @property
    def events(self) -> Counts:
        """Those of all classes."""
        return _sum(score.events for score in self.by_class)


def score_sound_events(
    detections: Sequence[Sequence[Detection]],
    truth: Sequence[Sequence[SoundEvent]],
    durations_s: Sequence[float],
    *,
    segment_s: float = SEGMENT_S,
    collar_s: float = COLLAR_S,
) -> SoundEventScore:
    """Score the sound events that were detected in recordings whose events are known.

    Recordings are cut into segments; a class is active in each that an event of it reaches into. An event is found by a
    detection of its label whose beginning is at most `collar_s` from its own, and each by at most one.

    Parameters
    ----------
    detections : sequence of sequences of Detection
        Of each recording.
    truth : sequence of sequences of SoundEvent
        Of each recording.
    durations_s : sequence of float, in seconds
        Of each recording.
    segment_s, collar_s : float, in seconds

    Returns
    -------
    score : SoundEventScore

    Raises
    ------
    ShapeError
        If detections, truth and durations are not of as many recordings.

    References
    ----------
    Mesaros, Heittola, Virtanen, Metrics for polyphonic sound event detection, Applied Sciences 6 (2016).

    Examples
    --------
    >>> from audioconv.detect import SoundEvent
    >>> truth = [SoundEvent(0, 1.0, 3.0, "rain"), SoundEvent(0, 5.0, 5.5, "dog")]
    >>> score_sound_events([[Detection("rain", 1.1, 4.0, 0.9)]], [truth], [10.0])
    SoundEventScore(2 classes in 0.00278 h, F1 of 1 s segments 0.667, of events within 0.2 s of their onset 0.667)
    """
    number(segment_s, "segment_s", above=0), number(collar_s, "collar_s", 0)
    if not len(detections) == len(truth) == len(durations_s):
        raise ShapeError(f"there are detections of {len(detections)} recordings, truth of {len(truth)} and durations "
                         f"of {len(durations_s)}; as many are wanted")  # fmt: skip
    told = [[(d.label, d.start_s, d.end_s) for d in each] for each in detections]
    there = [[(e.label, e.onset_s, e.offset_s) for e in each] for each in truth]
    labels = sorted({label for each in (*told, *there) for label, _, _ in each}, key=str)
    scores = []
    for label in labels:
        pairs = [
            ([times for name, *times in found if name == label], [times for name, *times in known if name == label])
            for found, known in zip(told, there, strict=True)
        ]
        segments = _sum(
            _segments(found, known, ceil(duration_s / segment_s - ROUNDING_S), segment_s)
            for (found, known), duration_s in zip(pairs, durations_s, strict=True)
        )
        events = _sum(_events(found, known, collar_s) for found, known in pairs)
        scores.append(SoundEventClassScore(label, segments, events))
    return SoundEventScore(tuple(scores), sum(durations_s) / 3600, segment_s, collar_s)


def _sum(counts: Iterable[Counts]) -> Counts:
    return Counts(*(sum(column) for column in zip((0, 0, 0), *counts, strict=True)))


def _segments(found: list[list[float]], known: list[list[float]], count: int, segment_s: float) -> Counts:
    told, there = (_active(events, count, segment_s) for events in (found, known))
    return Counts(int((told & there).sum()), int((told & ~there).sum()), int((~told & there).sum()))


def _active(events: list[list[float]], count: int, segment_s: float) -> Array:
    """The segments that events reach into."""
    active = np.zeros(count, bool)
    for begin_s, end_s in events:
        active[int(begin_s / segment_s + ROUNDING_S) : ceil(end_s / segment_s - ROUNDING_S)] = True
    return active


def _events(found: list[list[float]], known: list[list[float]], collar_s: float) -> Counts:
    """Each event goes with the first detection left that is near; as all collars are equal, no matching finds more."""
    left, hits = sorted(begin_s for begin_s, _ in found), 0
    for onset_s, _ in sorted(known):
        near = next((begin_s for begin_s in left if abs(begin_s - onset_s) <= collar_s + ROUNDING_S), None)
        if near is not None:
            left.remove(near)
            hits += 1
    return Counts(hits, len(found) - hits, len(known) - hits)
