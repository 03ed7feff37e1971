"""Serialization of trained detectors: weights are serialised with their settings and a probe, and loaded again."""

import pathlib
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models
from audioconv._typing import Array, Path
from audioconv.arrays import whole
from audioconv.classify.feature_statistics import statistics_arrays, stored_statistics
from audioconv.classify.model_card import card_of
from audioconv.classify.model_parts import (
    PARITY,
    SAMPLE_RATES,
    check_kind,
    check_parity,
    features_arrays,
    features_settings,
    labels_settings,
    network_arrays,
    parity_record,
    stored_array,
    stored_classes,
    stored_features,
    stored_model,
    stored_network,
)
from audioconv.classify.serialization import SMALLEST_STD, check_name, name_of
from audioconv.detect.frame_scorer import FrameScorer
from audioconv.detect.mixtures import MixtureSettings
from audioconv.detect.training_config import DetectorTraining
from audioconv.errors import ArgumentError
from audioconv.features import LogMel
from audioconv.io import model_file
from audioconv.io.stored_settings import StoredSettings

if TYPE_CHECKING:
    from audioconv.detect.keyword_detector import KeywordDetector

__all__ = ["SHIPPED", "is_detector", "load", "name_of", "save"]

_Detector = TypeVar("_Detector", bound="KeywordDetector")

KIND = "KeywordDetector"
MOST_WORD_S, MOST_LAG_S = 60.0, 10.0
MOST_ROUNDS = 10_000
SHIPPED = pathlib.Path(__file__).with_name("keywords.safetensors")  # made by data/make_model.py


def save(detector: "KeywordDetector", path: Path) -> None:
    """Serialise a trained detector to one safetensors file (atomic write)."""
    check_name(path)
    scorer = detector.scorer_
    arrays = network_arrays(scorer.network)
    arrays |= {"mean": scorer.mean, "std": scorer.std} | features_arrays(scorer.features)
    arrays |= {"thresholds": detector.thresholds_, "word_s": detector.word_s_}
    arrays |= statistics_arrays(detector.statistics_)
    arrays |= parity_record(scorer.posteriors, scorer.sample_rate)
    settings = labels_settings(scorer.classes) | {
        "kind": KIND,
        "model": name_of(detector.model),
        "sample_rate": int(detector.sample_rate),
        "features": features_settings(scorer.features),
        "history": detector.history_,
        "interrupted": detector.interrupted_,
        "training": (detector.training or DetectorTraining()).get_params(),
        "mixtures": (detector.mixtures or MixtureSettings()).get_params(),
        "seed": detector.seed_,
        "card": detector.card_.get_params(),
    }
    model_file.save(path, arrays, settings)


def load(cls: type[_Detector], path: Path, model: "models.ModelFactory | None" = None) -> _Detector:
    """Load a detector of the class `cls` that `save` serialised; `model` is the function that made it, if one did.

    Raises
    ------
    ModelFileError
        If something is missing in the file or does not fit, or the probe has other posteriors than it had.
    """
    arrays, stored = model_file.load(path)
    with model_file.complete(path):
        settings = StoredSettings(stored, "settings")
        check_kind(path, settings, KIND)
        made_by = stored_model(path, settings, model, models.FRAME_MODELS)
        detector = cls(
            made_by,
            sample_rate=settings.whole("sample_rate", *SAMPLE_RATES),
            training=DetectorTraining.from_stored(settings.part("training").values),
            mixtures=MixtureSettings.from_stored(settings.part("mixtures").values),
            random_state=whole(settings.values["seed"], "seed", 0),
        )
        assert detector.training is not None
        if detector.training.lag_s > MOST_LAG_S:
            raise ArgumentError(f"lag_s must be at most {MOST_LAG_S:g}, not {detector.training.lag_s}")
        detector.scorer_ = _scorer(made_by, arrays, settings)
        detector.thresholds_ = _thresholds(arrays, len(detector.classes_))
        detector.word_s_ = stored_array(arrays, "word_s", "float64", (len(detector.classes_),), 0, MOST_WORD_S)
        detector.statistics_ = stored_statistics(arrays, detector.scorer_.network, 1 + len(detector.classes_))
        detector.history_ = settings.records("history", MOST_ROUNDS)
        detector.interrupted_ = settings.flag("interrupted")
        detector.seed_, detector.card_ = int(settings.values["seed"]), card_of(settings.values["card"])
        detector.parity_ = check_parity(path, detector.scorer_.posteriors, arrays, detector.sample_rate, PARITY)
    return detector


def is_detector(path: Path) -> bool:
    """Tell whether a model file is that of a detector, rather than of a classifier of clips.

    Parameters
    ----------
    path : path

    Returns
    -------
    is_detector : bool

    Raises
    ------
    ModelFileError
        If it cannot be read as a model.

    Examples
    --------
    >>> from audioconv.detect import is_detector
    >>> is_detector("audioconv/detect/keywords.safetensors")
    True
    """
    return bool(model_file.load_settings(path).get("kind") == KIND)


def _scorer(model: Any, arrays: dict[str, Array], settings: StoredSettings) -> FrameScorer:
    """The scorer that `save` serialised."""
    classes, sample_rate = stored_classes(settings), settings.whole("sample_rate", *SAMPLE_RATES)
    features = stored_features(settings.part("features"), arrays, sample_rate)
    if not isinstance(features, LogMel):
        raise ArgumentError("the features of a detector must be LogMel")
    network = stored_network(lambda rng: models.build_frames(model, 1 + len(classes), features.n_features, rng), arrays)
    mean = stored_array(arrays, "mean", "float32", (features.n_features,))
    std = stored_array(arrays, "std", "float32", (features.n_features,), SMALLEST_STD)
    return FrameScorer(classes, features, network, mean, std)


def _thresholds(arrays: dict[str, Array], words: int) -> Array:
    """Above 0; infinity for a word that is never told."""
    finite = {name: np.where(array == np.inf, 2.0, array) for name, array in arrays.items() if name == "thresholds"}
    stored_array(finite, "thresholds", "float64", (words,), np.finfo(np.float64).tiny)
    return arrays["thresholds"]
