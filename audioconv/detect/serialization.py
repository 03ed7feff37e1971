"""Serialization of trained detectors: weights are serialised with their settings and a probe, and loaded again."""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models
from audioconv._typing import Array, Path
from audioconv.arrays import whole
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
from audioconv.classify.serialization import SMALLEST_STD, name_of
from audioconv.detect.frame_scorer import FrameScorer
from audioconv.detect.kinds import SHIPPED
from audioconv.errors import ArgumentError
from audioconv.features import LogMel
from audioconv.io import model_file
from audioconv.io.stored_settings import StoredSettings

if TYPE_CHECKING:
    from audioconv.detect.estimator import DetectorEstimator

__all__ = ["SHIPPED", "load", "name_of", "save"]

_Detector = TypeVar("_Detector", bound="DetectorEstimator")

MOST_LAG_S = 10.0
MOST_ROUNDS = 10_000


def save(detector: "DetectorEstimator", path: Path) -> None:
    """Serialise a trained detector to one safetensors file (atomic write)."""
    model_file.check_name(path)
    scorer = detector.scorer_
    arrays = network_arrays(scorer.network)
    arrays |= {"mean": scorer.mean, "std": scorer.std} | features_arrays(scorer.features)
    arrays |= {"thresholds": detector.thresholds_} | detector._own_arrays()
    arrays |= parity_record(scorer.posteriors, scorer.sample_rate)
    settings = labels_settings(scorer.classes) | {
        "kind": detector._kind,
        "model": name_of(detector.model),
        "sample_rate": int(detector.sample_rate),
        "features": features_settings(scorer.features),
        "history": detector.history_,
        "interrupted": detector.interrupted_,
        **{name: (getattr(detector, name) or kind()).get_params() for name, kind in detector._settings.items()},
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
        check_kind(path, settings, cls._kind)
        made_by = stored_model(path, settings, model, models.FRAME_MODELS)
        chosen = {name: kind.from_stored(settings.part(name).values) for name, kind in cls._settings.items()}
        seed = whole(settings.values["seed"], "seed", 0)
        rate = settings.whole("sample_rate", *SAMPLE_RATES)
        detector = cls(made_by, sample_rate=rate, random_state=seed, **chosen)
        lag_s = chosen["training"].lag_s  # type: ignore[attr-defined]  # all trainings have one
        if lag_s > MOST_LAG_S:
            raise ArgumentError(f"lag_s must be at most {MOST_LAG_S:g}, not {lag_s}")
        detector.scorer_ = _scorer(made_by, arrays, settings, cls._multi_label)
        detector.thresholds_ = _thresholds(arrays, len(detector.classes_))
        detector._take_arrays(arrays)
        detector.history_ = settings.records("history", MOST_ROUNDS)
        detector.interrupted_ = settings.flag("interrupted")
        detector.seed_, detector.card_ = seed, card_of(settings.values["card"])
        detector.parity_ = check_parity(path, detector.scorer_.posteriors, arrays, detector.sample_rate, PARITY)
    return detector


def _scorer(model: Any, arrays: dict[str, Array], settings: StoredSettings, multi_label: bool) -> FrameScorer:
    """The scorer that `save` serialised."""
    classes, sample_rate = stored_classes(settings), settings.whole("sample_rate", *SAMPLE_RATES)
    features = stored_features(settings.part("features"), arrays, sample_rate)
    if not isinstance(features, LogMel):
        raise ArgumentError("the features of a detector must be LogMel")
    outputs = len(classes) + (not multi_label)
    network = stored_network(lambda rng: models.build_frames(model, outputs, features.n_features, rng), arrays)
    mean = stored_array(arrays, "mean", "float32", (features.n_features,))
    std = stored_array(arrays, "std", "float32", (features.n_features,), SMALLEST_STD)
    return FrameScorer(classes, features, network, mean, std, multi_label)


def _thresholds(arrays: dict[str, Array], words: int) -> Array:
    """Above 0; infinity for a word that is never told."""
    finite = {name: np.where(array == np.inf, 2.0, array) for name, array in arrays.items() if name == "thresholds"}
    stored_array(finite, "thresholds", "float64", (words,), np.finfo(np.float64).tiny)
    return arrays["thresholds"]
