"""What is evaluated: detectors, and classifiers that slide over a stream, seen as one kind of thing."""

from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from audioconv import nn
from audioconv._typing import Array, Float32Array
from audioconv.classify import KeywordClassifier
from audioconv.classify.augmentation import synthetic_noise
from audioconv.classify.clips import fit_length
from audioconv.classify.decoder import EventDecoder
from audioconv.classify.detections import Detection
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.sliding_window import window_decoder
from audioconv.detect.calibration import strengths
from audioconv.detect.keyword_detector import KeywordDetector
from audioconv.errors import ArgumentError

NO_KEYWORD = "no keyword"  # what a clip is, or is said to be, that holds none
PINK = 1  # of the synthetic noises
PIECE = 1 << 20  # samples that are scored at a time
PAD_S, PAD_FADE_S, PAD_SNR_DB = 0.5, 0.02, 40.0  # of noise before and after a clip, and under it
ROUNDING = 1e-7  # of posteriors, by which they stay away from 0 and 1


Between: TypeAlias = tuple[float, float] | None


class ClipAnswer(NamedTuple):
    """What a model says of a clip.

    `told` is its label; `confidence` the posterior of the label that is the most probable one, which `favourite` is.
    """

    told: str
    favourite: str
    confidence: float


class Subject(Protocol):
    """A model that is evaluated."""

    labels: list[str]  # of the columns of posteriors
    keywords: list[str]
    sample_rate: int
    base_decoder: EventDecoder

    def rows(self, samples: Float32Array) -> Array:
        """Posteriors of a stream, row by row."""

    def answer(self, clips: list[Float32Array]) -> list[ClipAnswer]:
        """What it says of clips."""

    def log_odds(self, sounds: list[Float32Array], label: str, between_s: Between) -> Array:
        """How sure it is of a label in sounds of one length: natural log of the odds, at their highest.

        Of streams it is the smoothed posterior between two times; of clips (None) that of the whole.
        """


def subject_of(model: Any) -> "Subject":
    """A fitted `KeywordDetector` or `KeywordClassifier` as what is evaluated."""
    if not hasattr(model, "scorer_"):
        raise ArgumentError(f"model must be a fitted KeywordDetector or KeywordClassifier, not {model!r}")
    if isinstance(model, KeywordDetector):
        return DetectorSubject(model)
    if isinstance(model, KeywordClassifier):
        return ClassifierSubject(model)
    raise ArgumentError(f"model must be a KeywordDetector or a KeywordClassifier, not {model!r}")


def decode(decoder: EventDecoder, rows: Array) -> list[Detection]:
    """The detections of a whole stream, whose labels are text."""
    return [found._replace(label=str(found.label)) for found in decoder.process(rows) + decoder.flush()]


def scaled_thresholds(thresholds: Array, factor: float) -> Array:
    """Thresholds whose odds are so many times as high; those that are never reached stay so."""
    reached = np.minimum(thresholds, 1.0)
    return np.where(thresholds < 1, factor * reached / (1 - reached + factor * reached), thresholds)


class DetectorSubject:
    """A detector of words in streams. A clip is a short stream, in noise that is as good as none.

    Between digital silence its background alone would begin and end like a click.
    """

    def __init__(self, detector: KeywordDetector) -> None:
        self._scorer, self._threads = detector.scorer_, detector.threads
        self.sample_rate = detector.scorer_.sample_rate
        self.labels = [str(label) for label in detector.classes_]
        self.keywords = self.labels
        self.base_decoder = detector.stream().decoder
        self._stream = detector.scorer_.stream()
        self._noise = synthetic_noise(self.sample_rate, 0)[PINK]

    def rows(self, samples: Float32Array) -> Array:
        pieces = [self._stream.process(samples[i : i + PIECE]) for i in range(0, len(samples), PIECE)]
        return np.concatenate([*pieces, self._stream.flush()])

    def answer(self, clips: list[Float32Array]) -> list[ClipAnswer]:
        return [self._answer(self.rows(self._padded(clip))) for clip in clips]

    def _padded(self, clip: Float32Array) -> Float32Array:
        pad, fade = round(PAD_S * self.sample_rate), round(PAD_FADE_S * self.sample_rate)
        ramp = np.minimum(1, np.arange(1, len(clip) + 1, dtype=np.float32) / fade)
        level = np.sqrt(np.mean(np.square(clip))) if len(clip) else 0.0
        sound = np.resize(self._noise, len(clip) + 2 * pad) * np.float32(level * 10 ** (-PAD_SNR_DB / 20))
        sound[pad : pad + len(clip)] += clip * ramp * ramp[::-1]
        return sound

    def _answer(self, rows: Array) -> ClipAnswer:
        found = decode(self.base_decoder, rows)
        peaks = strengths(self.base_decoder, rows).max(axis=0, initial=0.0)
        told = max(found, key=lambda detection: detection.score).label if found else NO_KEYWORD
        best, none = int(peaks.argmax()), 1 - float(peaks.max())
        if none > peaks[best]:
            return ClipAnswer(told, NO_KEYWORD, none)
        return ClipAnswer(told, self.labels[best], float(peaks[best]))

    def log_odds(self, sounds: list[Float32Array], label: str, between_s: Between) -> Array:
        heard = [self._padded(sound) if between_s is None else sound for sound in sounds]
        frames: Float32Array = np.stack([self._scorer.features(sound) for sound in heard]).astype(np.float32)
        logits = self._scorer.network.forward(self._scorer.network_input(frames), threads=self._threads)
        logits = logits.reshape(len(sounds), -1, 1 + len(self.labels))  # a network of planes leaves one band
        column, posteriors = self.labels.index(label), nn.softmax(logits)[..., 1:]
        return log_odds(np.array([_peak(self.base_decoder, rows, column, between_s) for rows in posteriors]))


class ClassifierSubject:
    """A classifier of clips, whose window slides over a stream."""

    def __init__(self, classifier: KeywordClassifier) -> None:
        self._classifier, self._scorer = classifier, classifier.scorer_
        self.sample_rate = self._scorer.sample_rate
        self.labels = [str(label) for label in classifier.classes_]
        self.keywords = [label for label in self.labels if label not in NON_KEYWORD_LABELS]
        self.base_decoder = window_decoder(self._scorer, classifier.threshold_)
        self._stream = self._scorer.stream(classifier.threads)

    def rows(self, samples: Float32Array) -> Array:
        pieces = [self._stream.process(samples[i : i + PIECE]) for i in range(0, len(samples), PIECE)]
        return np.concatenate([*pieces, self._stream.flush()])

    def _posteriors(self, clips: list[Float32Array]) -> Array:
        length = self._scorer.clip_length
        return self._classifier.predict_proba(np.stack([fit_length(clip, length) for clip in clips]))

    def answer(self, clips: list[Float32Array]) -> list[ClipAnswer]:
        posteriors = self._posteriors(clips)
        best = [self.labels[column] for column in posteriors.argmax(axis=1)]
        return [ClipAnswer(label, label, float(row.max())) for label, row in zip(best, posteriors, strict=True)]

    def log_odds(self, sounds: list[Float32Array], label: str, between_s: Between) -> Array:
        column = self.labels.index(label)
        if between_s is None:
            return log_odds(self._posteriors(sounds)[:, column])
        return log_odds(np.array([_peak(self.base_decoder, self.rows(x), column, between_s) for x in sounds]))


def _peak(decoder: EventDecoder, rows: Array, column: int, between_s: Between) -> float:
    """The highest smoothed posterior of a label, of all rows or of those that are complete between two times."""
    strong = strengths(decoder, rows)[:, column]
    if between_s is not None:
        times_s = decoder.row_end_s + np.arange(len(strong)) * decoder.row_hop_s
        strong = strong[slice(*np.searchsorted(times_s, between_s))]
    return float(strong.max(initial=0.0))


def log_odds(posteriors: Array) -> Array:
    """Natural logarithms of the odds of posteriors, finite."""
    inside = np.clip(posteriors.astype(np.float64), ROUNDING, 1 - ROUNDING)
    odds: Array = np.log(inside / (1 - inside))
    return odds
