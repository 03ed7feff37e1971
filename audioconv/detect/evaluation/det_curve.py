"""The detection error trade-off of a detector: missed words against false alarms an hour, and where to work on it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from audioconv._typing import Array
from audioconv.classify.calibrate import Word
from audioconv.classify.decoder import EventDecoder
from audioconv.detect.evaluation.stream_score import score_stream
from audioconv.detect.evaluation.subject import Subject, decode, scaled_thresholds

# The odds of each threshold are multiplied by these; 1 is the model as it is.
FACTORS = tuple(float(10**power) for power in np.linspace(-2, 4, 37))
TARGETS_PER_HOUR = (0.5, 1.0, 4.0, 20.0)


class DetPoint(NamedTuple):
    """What a detector does with thresholds whose odds are `factor` times as high."""

    factor: float
    missed: float  # share of the words
    false_alarms: int
    false_alarms_per_hour: float


class DetCurve(NamedTuple):
    """Missed words in a stream against false alarms, thresholds from low to high."""

    name: str
    words: int
    hours: float  # in which false alarms are counted
    points: list[DetPoint]


class OperatingPoint(NamedTuple):
    """How far thresholds must be moved for a rate of false alarms, and what is missed then in each condition."""

    target_per_hour: float
    factor: float
    false_alarms: int
    thresholds: dict[str, float]
    missed: dict[str, float]


def det_curves(
    subject: Subject,
    conditions: Sequence[tuple[str, Array, Sequence[Word], float]],
    negatives: Sequence[Array],
    hours: float,
) -> list[DetCurve]:
    """The curve of each condition (name, rows, truth, hours): one factor is swept on the odds of all thresholds.

    False alarms are those on the negatives; without any, those in the stream of the condition itself.

    References
    ----------
    Martin et al., The DET curve in assessment of detection task performance, Eurospeech 1997.
    """
    alarms = [_false_alarms(subject, negatives, factor) for factor in FACTORS] if hours else []
    curves = []
    for name, rows, truth, stream_hours in conditions:
        points = []
        for i, factor in enumerate(FACTORS):
            score = score_stream(decode(decoder_at(subject, factor), rows), truth, stream_hours)
            count = alarms[i] if hours else score.false_alarms.count
            points.append(DetPoint(factor, 1 - score.recall, count, count / (hours or stream_hours)))
        curves.append(DetCurve(name, len(truth), hours or stream_hours, points))
    return curves


def decoder_at(subject: Subject, factor: float) -> EventDecoder:
    """The decoder of a model, with thresholds whose odds are so many times as high."""
    return subject.base_decoder.with_thresholds(scaled_thresholds(subject.base_decoder.thresholds, factor))


def _false_alarms(subject: Subject, negatives: Sequence[Array], factor: float) -> int:
    decoder = decoder_at(subject, factor)
    lowest = decoder.thresholds.min()  # a mean that reaches it has a row that does
    return sum(len(decode(decoder, rows)) for rows in negatives if rows.max(initial=0.0) >= lowest)


def operating_points(subject: Subject, curves: Sequence[DetCurve]) -> list[OperatingPoint]:
    """For each rate of false alarms the lowest of the factors that were tried at which no more are counted."""
    found = []
    for target in TARGETS_PER_HOUR:
        kept = [i for i, point in enumerate(curves[0].points) if point.false_alarms_per_hour <= target]
        kept = [i for i in kept if all(p.false_alarms_per_hour <= target for p in curves[0].points[i:])]
        if not kept:
            continue
        i = kept[0]
        factor = FACTORS[i]
        thresholds = scaled_thresholds(subject.base_decoder.thresholds, factor)
        found.append(
            OperatingPoint(
                target,
                factor,
                curves[0].points[i].false_alarms,
                {
                    label: float(threshold)
                    for label, threshold in zip(subject.labels, thresholds, strict=True)
                    if label in subject.keywords
                },
                {curve.name: curve.points[i].missed for curve in curves},
            )
        )
    return found
