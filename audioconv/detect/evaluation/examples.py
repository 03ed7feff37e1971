"""Mistakes one by one: what was said, what was told, the sound of it, and what of the sound made the score."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from audioconv._typing import Float32Array
from audioconv.classify.calibrate import is_near, match_words
from audioconv.classify.detections import Detection
from audioconv.detect.evaluation.negatives import NegativeRecording, text_around
from audioconv.detect.evaluation.saliency import Saliency, occlusion
from audioconv.detect.evaluation.streams import Layout, Placed, neighbours
from audioconv.detect.evaluation.subject import NO_KEYWORD, Subject

BEFORE_S, AFTER_S = 1.6, 0.4  # of the end of a word, or of a decision: what is shown of a stream
ABOUT_S, EARLY_S = 0.1, 0.3  # of a decision, and before the end of a missed word: whence scores are taken

Kind: TypeAlias = Literal["clip", "missed word", "false alarm in the stream", "false alarm in negatives"]


class Mistake(NamedTuple):
    """A mistake, without its sound.

    Parameters
    ----------
    kind : str
    source : str
        The file or stream.
    at_s : float, in seconds
        Where in it the decision is, or the end of the missed word.
    said, told : str
    score : float
        The posterior of what was told, in streams smoothed; of a missed word the highest one that it reached.
    before, after : str
        What is said around it.
    speaker : str
    """

    kind: Kind
    source: str
    at_s: float
    said: str
    told: str
    score: float
    before: str = ""
    after: str = ""
    speaker: str = ""


class Example(NamedTuple):
    """A mistake with its sound, and what of the sound made the score of `label`."""

    mistake: Mistake
    samples: Float32Array
    sample_rate: int
    start_s: float  # where the sound begins in its source
    label: str
    saliency: Saliency


def stream_mistakes(
    name: str,
    layout: Layout,
    detections: Sequence[Detection],
    peaks: Sequence[float],
    thresholds: dict[str, float],
    delay_s: float,
) -> list[Mistake]:
    """Missed words and false alarms of a stream: first the missed words, those that are farthest from being told first.

    `peaks` are the highest smoothed posteriors of the words, each of its own label; detections say that they end
    `delay_s` before they are decided.
    """
    truth = layout.words
    matches = match_words(detections, truth)
    found = {i for i in matches if i is not None}
    others = [d for d, match in zip(detections, matches, strict=True) if match is None]
    places = [p for p in layout.placed if p.item.source.keyword and p.item.part == "word"]
    missed = []
    for i, (place, word) in enumerate(zip(places, truth, strict=True)):
        if i not in found:
            instead = [d.label for d in others if is_near(d, word)]
            missed.append((peaks[i] / thresholds[word.label], _missed(place, peaks[i], instead, layout)))
    alarms = [(-d.score, _alarm(name, d, layout, delay_s)) for d in others]
    return [mistake for _, mistake in [*sorted(missed, key=_first), *sorted(alarms, key=_first)]]


def _first(pair: tuple[float, Mistake]) -> float:
    return pair[0]


def _missed(word: Placed, peak: float, instead: list[str], layout: Layout) -> Mistake:
    before, _, after = neighbours(layout, word.start_s, word.end_s)
    source, told = word.item.source, instead[0] if instead else NO_KEYWORD
    return Mistake("missed word", source.name, word.end_s, source.label, told, peak, _text(before), _text(after))


def _alarm(name: str, detection: Detection, layout: Layout, delay_s: float) -> Mistake:
    before, inside, after = neighbours(layout, detection.start_s, detection.end_s)
    said = _text(inside) if inside else "noise alone"
    return Mistake(
        "false alarm in the stream", inside.item.source.name if inside else name, detection.end_s + delay_s, said,
        detection.label, detection.score, _text(before), _text(after),
    )  # fmt: skip


def _text(place: Placed | None) -> str:
    return "" if place is None else place.text


def negative_mistakes(
    recording: NegativeRecording, detections: Sequence[Detection], seconds: float, delay_s: float
) -> list[Mistake]:
    """The false alarms in a recording without keywords."""
    return [
        Mistake(
            "false alarm in negatives",
            recording.name,
            found.end_s + delay_s,
            text_around(recording.text, (found.start_s + found.end_s) / 2 / seconds)
            if recording.text
            else recording.label or "",
            found.label,
            found.score,
        )
        for found in detections
    ]


def stream_example(subject: Subject, mistake: Mistake, stream: Float32Array) -> Example:
    """The sound around a mistake in a stream, and what makes the score of what it told, or should have told."""
    rate, missed = subject.sample_rate, mistake.kind == "missed word"
    end = round((mistake.at_s + AFTER_S) * rate)
    begin = max(0, end - round((BEFORE_S + AFTER_S) * rate))
    samples = np.ascontiguousarray(stream[begin:end])
    label, at_s = mistake.said if missed else mistake.told, mistake.at_s - begin / rate
    between_s = (at_s - EARLY_S, at_s + AFTER_S) if missed else (at_s - ABOUT_S, at_s + ABOUT_S)
    saliency = occlusion(lambda sounds: subject.log_odds(sounds, label, between_s), samples, rate)
    return Example(mistake, samples, rate, begin / rate, label, saliency)


def clip_example(subject: Subject, mistake: Mistake, clip: Float32Array) -> Example:
    """A clip that was labelled wrong, and what makes the score of what it was taken for, or should have been."""
    label = mistake.told if mistake.told in subject.labels else mistake.said
    saliency = occlusion(lambda sounds: subject.log_odds(sounds, label, None), clip, subject.sample_rate)
    return Example(mistake, clip, subject.sample_rate, 0.0, label, saliency)


def as_json(mistake: Mistake) -> dict[str, Any]:
    """A mistake as JSON has it."""
    return {name: value for name, value in mistake._asdict().items() if value not in ("", None)}
