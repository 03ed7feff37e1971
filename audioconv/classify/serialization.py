"""Serialization of trained classifiers: weights are serialised with their settings, and loaded again."""

import os
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models, nn
from audioconv._typing import Array, Float32Array, Path
from audioconv.arrays import whole
from audioconv.classify.augmentation import Augmentation
from audioconv.classify.feature_statistics import statistics_arrays, stored_statistics
from audioconv.classify.labels import check_label
from audioconv.classify.model_card import card_of
from audioconv.classify.model_parts import (
    PARITY,
    SAMPLE_RATES,
    check_clip_size,
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
from audioconv.classify.scorer import Scorer
from audioconv.classify.settings import Settings
from audioconv.classify.training_config import PITCH_FACTORS, TrainingConfig
from audioconv.io import model_file
from audioconv.io.stored_settings import StoredSettings

if TYPE_CHECKING:
    from audioconv.classify.classifier import KeywordClassifier
    from audioconv.models import ModelFactory

_Classifier = TypeVar("_Classifier", bound="KeywordClassifier")

KIND = "KeywordClassifier"
SHIPPED = pathlib.Path(__file__).with_name("keywords.safetensors")  # made by data/make_classifier.py
DIGESTS = ("trained_on", "validated_on")  # arrays, if clips are known
MOST_CLIP_S, MOST_SHIFT_S, MOST_VERSIONS, MOST_EPOCHS = 3600.0, 60.0, 32, 100_000
COUNT_PARITY = 1e-2  # of MiniRocket, which counts frames above biases: a rounding may bring one across
SMALLEST_THRESHOLD = 1e-9
SMALLEST_STD = 1e-12  # of a feature


def save(classifier: "KeywordClassifier", path: Path) -> None:
    """Serialise a trained classifier to one safetensors file (atomic write)."""
    model_file.check_name(path)
    scorer = classifier.scorer_
    arrays = network_arrays(scorer.network)
    arrays |= {"mean": scorer.mean, "std": scorer.std} | features_arrays(scorer.features)
    arrays |= parity_record(_posteriors(scorer), scorer.sample_rate)
    digests = {name: getattr(classifier, f"{name}_") for name in DIGESTS}
    arrays |= {name: array for name, array in digests.items() if array is not None}
    arrays |= statistics_arrays(classifier.statistics_)
    settings = labels_settings(scorer.classes) | {
        "kind": KIND,
        "model": name_of(classifier.model_),
        "sample_rate": int(classifier.sample_rate),
        "clip_s": float(classifier.clip_s),
        "threshold": float(classifier.threshold_),
        "tta_pitch_factors": scorer.tta_pitch_factors,
        "tta_shifts_s": scorer.tta_shifts_s,
        "features": features_settings(scorer.features),
        "history": [{k: value for k, value in epoch.items() if k != "seconds"} for epoch in classifier.history_],
        "best_epoch": classifier.best_epoch_,
        "interrupted": classifier.interrupted_,
        "seed": classifier.seed_,
        "parameters": _described(classifier),
        "split": classifier.split_,
        "card": classifier.card_.get_params(),
    }
    model_file.save(path, arrays, settings)


def name_of(model: Any) -> str:
    """The serialised form of a model: of a function its name, because nothing in a file is executed."""
    return model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)


def _described(classifier: "KeywordClassifier") -> dict[str, Any]:
    """The parameters of a classifier as JSON; those that do not belong to the model are left out."""
    given = classifier.get_params(deep=False)
    params = {name: _plain(value) for name, value in given.items() if name != "model" or value is None}
    if params["random_state"] is not None and not isinstance(classifier.random_state, (int, np.integer)):
        params["random_state"] = classifier.seed_  # what a generator gave
    if isinstance(classifier.class_weight, dict):  # JSON knows only text as keys
        params["class_weight"] = [[_plain(label), _plain(weight)] for label, weight in classifier.class_weight.items()]
    noises = [] if classifier.background_noise is None else list(classifier.background_noise)
    paths = [os.fspath(noise) for noise in noises if isinstance(noise, (str, os.PathLike))]
    params["background_noise"] = None if classifier.background_noise is None else paths
    return params


def _plain(value: Any) -> Any:
    """A parameter as JSON has it."""
    if isinstance(value, Settings):
        return {name: _plain(inner) for name, inner in value.get_params().items()}
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (tuple, list)):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)


def _parameters(settings: StoredSettings, names: list[str]) -> dict[str, Any]:
    """The parameters that `_described` gave, as the classifier takes them; of another version those that it knows."""
    stored = settings.values.items()
    params = {name: value for name, value in stored if name in names and (name != "model" or value is None)}
    kinds: dict[str, type[Settings]] = {"training": TrainingConfig, "augment": Augmentation}
    for name, kind in kinds.items():
        if isinstance(params.get(name), dict):
            params[name] = kind.from_stored(params[name])
    if isinstance(params.get("class_weight"), list):
        params["class_weight"] = {label: weight for label, weight in params["class_weight"]}
    return params


def load(cls: type[_Classifier], path: Path, model: "ModelFactory | None" = None) -> _Classifier:
    """Load a classifier of the class `cls` that `save` serialised; `model` is the function that made it, if one did.

    Raises
    ------
    ArgumentError
        For what is no path.
    ModelFileError
        If something is missing in the file, or does not fit the model, or the probe has other posteriors than it had.
    """
    from audioconv.classify.parameters import check_settings  # scikit-learn is for estimators alone

    model_file.require_path(path)
    arrays, stored = model_file.load(path)
    with model_file.complete(path):
        settings = StoredSettings(stored, "settings")
        check_kind(path, settings, KIND)
        made_by = stored_model(path, settings, model, models.MODELS)
        params = _parameters(settings.part("parameters"), cls._get_param_names())
        classifier = cls(**({"model": made_by} | params))
        classifier.model_ = made_by
        classifier.sample_rate = settings.whole("sample_rate", *SAMPLE_RATES)
        classifier.clip_s = settings.number("clip_s", 0, MOST_CLIP_S)
        check_settings(classifier)
        classifier.scorer_ = _scorer(made_by, classifier.clip_length, arrays, settings)
        _restore(classifier, arrays, settings)
        classifier.statistics_ = stored_statistics(arrays, classifier.network_, len(classifier.classes_))
        classifier.parity_ = _checked_parity(path, classifier.scorer_, arrays)
    return classifier


def load_scorer(path: Path) -> Scorer:
    """Load what turns clips into posteriors out of the file of a classifier, without the estimator around it.

    Raises
    ------
    ArgumentError, ModelFileError
        As `load`, of what a scorer needs.
    """
    model_file.require_path(path)
    arrays, stored = model_file.load(path)
    with model_file.complete(path):
        settings = StoredSettings(stored, "settings")
        check_kind(path, settings, KIND)
        made_by = stored_model(path, settings, None, models.MODELS)
        sample_rate, clip_s = settings.whole("sample_rate", *SAMPLE_RATES), settings.number("clip_s", 0, MOST_CLIP_S)
        scorer = _scorer(made_by, round(clip_s * sample_rate), arrays, settings)
        _checked_parity(path, scorer, arrays)
    return scorer


def _checked_parity(path: Path, scorer: Scorer, arrays: dict[str, Array]) -> float:
    return check_parity(path, _posteriors(scorer), arrays, scorer.sample_rate, parity_of(scorer))


def _restore(classifier: "KeywordClassifier", arrays: dict[str, Array], settings: StoredSettings) -> None:
    """What `fit` sets beside the scorer."""
    classifier.threshold_ = settings.number("threshold", SMALLEST_THRESHOLD, 1)
    classifier.history_ = settings.records("history", MOST_EPOCHS)
    classifier.best_epoch_ = settings.whole("best_epoch", 0, len(classifier.history_))
    classifier.interrupted_, classifier.seed_ = settings.flag("interrupted"), whole(settings.values["seed"], "seed", 0)
    classifier.split_, classifier.card_ = _split(settings), card_of(settings.values["card"])
    classifier.n_features_in_ = classifier.clip_length
    for name in DIGESTS:
        digests = stored_array(arrays, name, "uint64", (None,)) if name in arrays else None
        setattr(classifier, f"{name}_", digests)


def _split(settings: StoredSettings) -> dict[str, Any] | None:
    if settings.values["split"] is None:
        return None
    split = settings.part("split")
    words = split.values["words"]
    for word in words or []:
        check_label(word)
    speaker = None if split.values["speaker"] is None else split.text("speaker")
    return {"speaker": speaker, "words": words, "seed": split.whole("seed", 0, 0)}


def _scorer(model: Any, clip_length: int, arrays: dict[str, Array], settings: StoredSettings) -> Scorer:
    """The scorer that `save` serialised."""
    classes, sample_rate = stored_classes(settings), settings.whole("sample_rate", *SAMPLE_RATES)
    features = stored_features(settings.part("features"), arrays, sample_rate)
    pitches = settings.numbers("tta_pitch_factors", *PITCH_FACTORS, MOST_VERSIONS)
    shifts = settings.numbers("tta_shifts_s", -MOST_SHIFT_S, MOST_SHIFT_S, MOST_VERSIONS)
    check_clip_size(features, clip_length, len(pitches) * len(shifts))
    network = stored_network(
        lambda rng: models.build(model, len(classes), features.n_features, rng, features.frames(clip_length)), arrays
    )
    mean = stored_array(arrays, "mean", "float32", (features.n_features,))
    std = stored_array(arrays, "std", "float32", (features.n_features,), SMALLEST_STD)
    return Scorer(classes, features, network, mean, std, clip_length, pitches, shifts)


def parity_of(scorer: Scorer) -> float:
    """By how much the posteriors of a probe may differ from those of where a model was made."""
    return COUNT_PARITY if isinstance(scorer.network, models.MiniRocket) else PARITY


def _posteriors(scorer: Scorer) -> Callable[[Float32Array], Float32Array]:
    """The posteriors of a clip that a sound of any length is repeated in."""
    return lambda sound: nn.softmax(scorer.logits(np.resize(sound, scorer.clip_length)[None], threads=1))
