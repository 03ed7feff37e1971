"""More words for a trained detector, from few clips of each: what `KeywordDetector.adapt` does."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models, parallel
from audioconv._typing import Array, Float32Array
from audioconv.classify.few_shot import new_column, sharpened_column
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.last_layer import features_before_last, last_columns, with_columns
from audioconv.classify.model_card import MOST_FACT
from audioconv.detect.frame_scorer import FrameScorer
from audioconv.detect.mixtures import MixtureGenerator
from audioconv.detect.targets import frame_targets
from audioconv.detect.training_config import DetectorTraining
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.detect.keyword_detector import KeywordDetector

_Detector = TypeVar("_Detector", bound="KeywordDetector")

STRETCHES = 6  # of mixed sound for each clip
THRESHOLD = 0.5  # of a new word, until `calibrate` chooses another


def adapt(detector: _Detector, words: Mapping[Any, Sequence[Float32Array]]) -> _Detector:
    """Make a detector that knows more words, or known ones better; the one that is given stays as it is.

    Thresholds of known words stay, and how long they are.

    Raises
    ------
    ArgumentError
        If the network does not end in a linear layer, nothing is known of its training, labels cannot be told, or there
        are too few clips.
    """
    scorer, statistics = detector.scorer_, detector.statistics_
    _check_words(words, scorer.classes)
    if statistics is None:
        raise ArgumentError(
            "this model remembers nothing of its training, so that it cannot be adapted; train it anew, and save it"
        )
    classes, layers = scorer.classes.tolist(), last_columns(scorer.network)
    thresholds, word_s = detector.thresholds_.tolist(), detector.word_s_.tolist()
    for label, clips in words.items():
        generator = MixtureGenerator(
            [[clip] for clip in clips], settings=detector.mixtures, sample_rate=scorer.sample_rate, seed=detector.seed_
        )
        rows = _rows_at_word_ends(detector, generator, len(clips))
        if label in classes:
            known = 1 + classes.index(label)
            layers[known], mean = sharpened_column(statistics, layers, known, rows)
            statistics = statistics.with_mean(known, mean, insert=False)
            continue
        column, mean = new_column(statistics, layers, rows)
        position = int(np.searchsorted(classes, label))
        classes.insert(position, label)
        thresholds.insert(position, THRESHOLD)
        word_s.insert(position, float(generator.word_s.mean()))
        layers.insert(1 + position, column)
        statistics = statistics.with_mean(1 + position, mean, insert=True)
    adapted = copy.copy(detector)
    network = with_columns(
        lambda count: models.build_frames(detector.model, count, scorer.features.n_features, 0), scorer.network, layers
    )
    adapted.scorer_ = FrameScorer(np.array(classes), scorer.features, network, scorer.mean, scorer.std)
    adapted.statistics_, adapted.thresholds_, adapted.word_s_ = statistics, np.array(thresholds), np.array(word_s)
    adapted.card_ = detector.card_.with_facts({"adapted_to": _said(detector, words)})
    return adapted


def _said(detector: "KeywordDetector", words: Mapping[Any, Sequence[Any]]) -> str:
    """What the card says of this adaptation and of those before."""
    before = detector.card_.facts.get("adapted_to")
    parts = ([] if before is None else [str(before)]) + [
        f"{label} ({len(clips)} clips)" for label, clips in words.items()
    ]
    said = ", ".join(parts)
    return said if len(said) <= MOST_FACT else f"{said[: MOST_FACT - 3]}..."


def _check_words(words: Mapping[Any, Sequence[Any]], classes: Array) -> None:
    """Refuse labels that cannot be told, and such as cannot be sorted among those that there are.

    Raises
    ------
    ArgumentError
    """
    for label in words:
        if str(label) in NON_KEYWORD_LABELS:
            raise ArgumentError(f"{label!r} is no word that a detector could be adapted to; leave its clips out")
        if type(label) is not type(classes.tolist()[0]):
            raise ArgumentError(f"labels must be of the kind of {classes.tolist()[0]!r}, unlike {label!r}")


def _rows_at_word_ends(
    detector: "KeywordDetector", generator: MixtureGenerator, clips: int
) -> list[list[Float32Array]]:
    """For each clip what the last layer is given where it is to be told, in each stretch that holds it."""
    scorer, training = detector.scorer_, detector.training or DetectorTraining()

    def rows_of(number: int) -> list[tuple[int, Float32Array]]:
        samples, spans = generator.draw(number)
        x = scorer.network_input(np.asarray(scorer.features(samples), np.float32)[None])
        features = features_before_last(scorer.network, x, 1)[0]
        found = []
        for span in spans:
            targets = frame_targets(
                [span], len(features), scorer.row_hop, scorer.row_end, clips,
                sample_rate=scorer.sample_rate, lag_s=training.lag_s, window_s=training.window_s,
            )  # fmt: skip
            told = features[targets[:, 1:].any(axis=1)]
            found += [(span.label_index, told)] if len(told) else []
        return found

    by_clip: list[list[Float32Array]] = [[] for _ in range(clips)]
    for found in parallel.run(rows_of, range(STRETCHES * clips), detector.threads):
        for clip, rows in found:
            by_clip[clip].append(rows)
    if not all(by_clip):
        raise ArgumentError("a clip is too long, or too short, for the stretches of sound that detectors learn from")
    return by_clip
