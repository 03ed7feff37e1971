"""More words for a trained detector, from few clips of each: what `KeywordDetector.adapt` does."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models, parallel
from audioconv._typing import Float32Array
from audioconv.classify.adaptation import adapted_card, check_words, known_statistics
from audioconv.classify.few_shot import LastLayer, sharpened, with_word
from audioconv.classify.last_layer import features_before_last, last_columns, with_columns
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
    scorer = detector.scorer_
    check_words(words, scorer.classes)
    layer = LastLayer(last_columns(scorer.network), known_statistics(detector.statistics_), background=0)
    classes, thresholds, word_s = scorer.classes.tolist(), detector.thresholds_.tolist(), detector.word_s_.tolist()
    for label, clips in words.items():
        generator = MixtureGenerator(
            [[clip] for clip in clips], settings=detector.mixtures, sample_rate=scorer.sample_rate, seed=detector.seed_
        )
        rows = _rows_at_word_ends(detector, generator, len(clips))
        if label in classes:
            layer = sharpened(layer, 1 + classes.index(label), rows)
            continue
        position = int(np.searchsorted(classes, label))
        layer = with_word(layer, 1 + position, rows)
        classes.insert(position, label)
        thresholds.insert(position, THRESHOLD)
        word_s.insert(position, float(generator.word_s.mean()))
    network = with_columns(
        lambda count: models.build_frames(detector.model, count, scorer.features.n_features, 0),
        scorer.network,
        layer.columns,
    )
    adapted = copy.copy(detector)
    adapted.scorer_ = FrameScorer(np.array(classes), scorer.features, network, scorer.mean, scorer.std)
    adapted.statistics_, adapted.card_ = layer.statistics, adapted_card(detector.card_, words)
    adapted.thresholds_, adapted.word_s_ = np.array(thresholds), np.array(word_s)
    return adapted


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
