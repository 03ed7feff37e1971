"""Test streams are heard: words found at each level of noise, halves, pairs and sentences."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.classify.calibrate import COLLAR_S, Word, is_near, match_words
from audioconv.classify.detections import Detection
from audioconv.classify.progress import StagedProgress
from audioconv.detect.calibration import strengths
from audioconv.detect.evaluation.examples import Mistake, stream_mistakes
from audioconv.detect.evaluation.results import Challenge, Condition, EvaluationSettings
from audioconv.detect.evaluation.stream_score import score_stream
from audioconv.detect.evaluation.streams import CLEAN_SNR_DB, HALVES, Layout, StreamMaker, neighbours
from audioconv.detect.evaluation.subject import Subject, decode


class Heard(NamedTuple):
    """A condition with what it was made of, for curves and examples."""

    condition: Condition
    layout: Layout
    rows: Array
    detections: list[Detection]


class StreamScorer:
    """Hears test streams with a model."""

    def __init__(
        self, subject: Subject, maker: StreamMaker, settings: EvaluationSettings, progress: StagedProgress
    ) -> None:
        self._subject, self._maker, self._settings, self._progress = subject, maker, settings, progress
        self.delay_s = subject.base_decoder.delay_s

    def conditions(self) -> list[Heard]:
        """The same words at each level of noise, and in rooms."""
        settings, layout = self._settings, self._maker.words()
        wanted = [("clean", CLEAN_SNR_DB, False), *((f"{snr_db:g} dB", snr_db, False) for snr_db in settings.snr_db)]
        wanted.append(("rooms", settings.room_snr_db, True))
        return [self._condition(layout, *each, i, len(wanted)) for i, each in enumerate(wanted)]

    def render(self, heard: Heard) -> Float32Array:
        """The sound of a condition."""
        return self._render(heard.layout, heard.condition.snr_db, heard.condition.rooms)

    def _render(self, layout: Layout, snr_db: float, rooms: bool) -> Float32Array:
        return layout.render(self._maker.noise, snr_db, self._maker.rooms if rooms else ())

    def _condition(self, layout: Layout, name: str, snr_db: float, rooms: bool, done: int, total: int) -> Heard:
        self._progress.update("words in noise", done, total)
        rows = self._subject.rows(self._render(layout, snr_db, rooms))
        found = decode(self._subject.base_decoder, rows)
        score = score_stream(found, layout.words, layout.seconds / 3600, delay_s=self.delay_s)
        return Heard(Condition(name, snr_db, rooms, score, _alarms_over(layout, found)), layout, rows, found)

    def mistakes(self, heard: Heard) -> list[Mistake]:
        """The missed words and false alarms of a condition."""
        decoder = self._subject.base_decoder
        strong = strengths(decoder, heard.rows)
        times_s = decoder.row_end_s + np.arange(len(strong)) * decoder.row_hop_s - decoder.delay_s
        peaks = []
        for word in heard.layout.words:
            first, last = np.searchsorted(times_s, (word.start_s, word.end_s + COLLAR_S))
            peaks.append(float(strong[first:last, self._subject.labels.index(word.label)].max(initial=0.0)))
        thresholds = dict(zip(self._subject.labels, decoder.thresholds.tolist(), strict=True))
        name = f"stream ({heard.condition.name})"
        return stream_mistakes(name, heard.layout, heard.detections, peaks, thresholds, self.delay_s)

    def challenges(self) -> list[Challenge]:
        """Halves, pairs and sentences."""
        maker, made, most = self._maker, list[Challenge](), self._settings.challenge_words
        trials: list[tuple[str, Layout, Callable[[str, Layout, list[Detection]], Challenge]]] = [
            (f"{half} alone", maker.halves(half, most), _fired) for half in HALVES
        ]
        if len(maker.keywords) > 1:
            trials.append(("two keywords run together", maker.pairs(most), _found_together))
        if maker.has_speech:
            trials.append(("keyword in a sentence", maker.sentences(most), _found))
        for i, (name, layout, count) in enumerate(trials):
            self._progress.update("halves, pairs, sentences", i, len(trials))
            rows = self._subject.rows(self._render(layout, self._settings.room_snr_db, False))
            made.append(count(name, layout, decode(self._subject.base_decoder, rows)))
        return made


def _alarms_over(layout: Layout, detections: Sequence[Detection]) -> dict[str, int]:
    """What was said where something was told that was not there."""
    kinds = Counter[str]()
    words = layout.words
    for detection, match in zip(detections, match_words(detections, words), strict=True):
        if match is not None:
            continue
        inside = neighbours(layout, detection.start_s, detection.end_s)[1]
        if any(word.label == detection.label and is_near(detection, word) for word in words):
            kinds["a word told twice"] += 1
        elif inside is None:
            kinds["noise alone"] += 1
        elif inside.item.part == "speech":
            kinds["speech"] += 1
        else:
            kinds["another keyword" if inside.item.source.keyword else "another word"] += 1
    return dict(kinds.most_common())


def _fired(name: str, layout: Layout, detections: list[Detection]) -> Challenge:
    outcomes = []
    for place in layout.placed:
        near = Word("", place.start_s, place.end_s)
        outcomes.append((place.item.source.label, any(is_near(detection, near) for detection in detections)))
    return _challenge(name, outcomes)


def _places_found(layout: Layout, detections: list[Detection]) -> dict[int, bool]:
    """Whether each keyword was found, by its place."""
    found = {i for i in match_words(detections, layout.words) if i is not None}
    places = [i for i, p in enumerate(layout.placed) if p.item.source.keyword and p.item.part == "word"]
    return {place: number in found for number, place in enumerate(places)}


def _found_together(name: str, layout: Layout, detections: list[Detection]) -> Challenge:
    found = _places_found(layout, detections)
    outcomes = []
    for phrase in layout.phrases:
        label = " ".join(layout.placed[i].item.source.label for i in phrase)
        outcomes.append((label, all(found[i] for i in phrase)))
    return _challenge(name, outcomes)


def _found(name: str, layout: Layout, detections: list[Detection]) -> Challenge:
    found = _places_found(layout, detections)
    return _challenge(name, [(layout.placed[i].item.source.label, is_found) for i, is_found in found.items()])


def _challenge(name: str, outcomes: Sequence[tuple[str, bool]]) -> Challenge:
    trials = Counter(label for label, _ in outcomes)
    counts = Counter(label for label, outcome in outcomes if outcome)
    by_label = {label: (trials[label], counts[label]) for label in sorted(trials)}
    return Challenge(name, len(outcomes), counts.total(), by_label)
