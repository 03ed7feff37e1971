"""More words for a trained classifier, from few clips of each: what `KeywordClassifier.adapt` does."""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models
from audioconv._typing import Array, Float32Array
from audioconv._wording import counted
from audioconv.classify import clip_digests
from audioconv.classify.augmentation import UNCHANGED, synthetic_noise
from audioconv.classify.augmenter import Augmenter
from audioconv.classify.feature_statistics import FeatureStatistics
from audioconv.classify.few_shot import LastLayer, sharpened, with_word
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.last_layer import features_before_last, last_columns, with_columns
from audioconv.classify.made_up_words import unknown_class
from audioconv.classify.model_card import MOST_FACT, ModelCard
from audioconv.classify.scorer import Scorer
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify.classifier import KeywordClassifier

_Classifier = TypeVar("_Classifier", bound="KeywordClassifier")

VERSIONS = 8  # of each clip, in other noise, at another pace and pitch


def adapt(classifier: _Classifier, words: Mapping[Any, Float32Array]) -> _Classifier:
    """Make a classifier that knows more words, or known ones better; the one that is given stays as it is.

    Raises
    ------
    ArgumentError
        If the network does not end in a linear layer, nothing is known of its training, labels cannot be told, or there
        are too few clips.
    """
    scorer = classifier.scorer_
    check_words(words, scorer.classes)
    layer = LastLayer(
        last_columns(scorer.network), known_statistics(classifier.statistics_), unknown_class(scorer.classes)
    )
    classes = scorer.classes.tolist()
    for label, clips in words.items():
        rows = _rows(classifier, clips)
        if label in classes:
            layer = sharpened(layer, classes.index(label), rows)
        else:
            position = int(np.searchsorted(classes, label))
            classes.insert(position, label)
            layer = with_word(layer, position, rows)
    frames = scorer.features.frames(scorer.clip_length)
    network = with_columns(
        lambda count: models.build(classifier.model_, count, scorer.features.n_features, 0, frames),
        scorer.network,
        layer.columns,
    )
    adapted = copy.copy(classifier)
    adapted.scorer_ = Scorer(
        np.array(classes), scorer.features, network, scorer.mean, scorer.std, scorer.clip_length,
        scorer.tta_pitch_factors, scorer.tta_shifts_s,
    )  # fmt: skip
    adapted.statistics_, adapted.card_ = layer.statistics, adapted_card(classifier.card_, words)
    if classifier.trained_on_ is not None:
        digests = clip_digests.digests(np.concatenate(list(words.values())), classifier.threads)
        adapted.trained_on_ = np.union1d(classifier.trained_on_, digests)
    return adapted


def _rows(classifier: "KeywordClassifier", clips: Float32Array) -> list[list[Float32Array]]:
    """For each clip what the last layer is given, in noise, at other paces and pitches, as training changes clips."""
    scorer, settings = classifier.scorer_, classifier._augmentation() or UNCHANGED
    noises = synthetic_noise(scorer.sample_rate, classifier.seed_)
    augmenter = Augmenter(clips, scorer.features, noises, settings, classifier.seed_)
    versions = []
    for number in range(VERSIONS):
        frames = augmenter.frames(augmenter.draw(number).select(np.arange(len(clips))))
        versions.append(features_before_last(scorer.network, scorer.network_input(frames), classifier.threads))
    return [list(rows) for rows in zip(*versions, strict=True)]


def known_statistics(statistics: FeatureStatistics | None) -> FeatureStatistics:
    """The statistics of a model that has them.

    Raises
    ------
    ArgumentError
        If it has none.
    """
    if statistics is None:
        raise ArgumentError(
            "this model remembers nothing of its training, so that it cannot be adapted; train it anew, and save it"
        )
    return statistics


def check_words(words: Mapping[Any, Any], classes: Array) -> None:
    """Refuse labels that cannot be told, and such as cannot be sorted among those that there are.

    Raises
    ------
    ArgumentError
    """
    for label in words:
        if str(label) in NON_KEYWORD_LABELS:
            raise ArgumentError(f"{label!r} is no word that a model could be adapted to; leave its clips out")
        if type(label) is not type(classes.tolist()[0]):
            raise ArgumentError(f"labels must be of the kind of {classes.tolist()[0]!r}, unlike {label!r}")


def adapted_card(card: ModelCard, words: Mapping[Any, Sequence[Any] | Array]) -> ModelCard:
    """The card of a model with what it was adapted to, now and before."""
    before = card.facts.get("adapted_to")
    parts = [f"{label} ({counted(len(clips), 'clip')})" for label, clips in words.items()]
    said = ", ".join(parts if before is None else [str(before), *parts])
    return card.with_facts({"adapted_to": said if len(said) <= MOST_FACT else f"{said[: MOST_FACT - 3]}..."})
