"""Serialization of trained classifiers: weights are serialised with their settings, and loaded again."""

import os
import pathlib
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv import models
from audioconv._typing import Array, Path
from audioconv.classify.augmentation import Augmentation
from audioconv.classify.scorer import Scorer
from audioconv.classify.settings import Settings
from audioconv.classify.training_config import TrainingConfig
from audioconv.errors import ArgumentError, ModelFileError
from audioconv.features import KINDS
from audioconv.io import model_file

if TYPE_CHECKING:
    from audioconv.classify.classifier import KeywordClassifier
    from audioconv.models import ModelFactory

_Classifier = TypeVar("_Classifier", bound="KeywordClassifier")

NETWORK = "network."  # begins the names of the network's arrays
SUFFIXES = (".safetensors", ".model", "")  # others are of other formats
DIGESTS = ("trained_on", "validated_on")  # arrays that files of earlier versions do not have


def check_name(path: Path) -> pathlib.Path:
    """Return `path`, or raise an error if its suffix is that of another format.

    Raises
    ------
    ArgumentError, ModelFileError
    """
    _require_path(path)
    path = pathlib.Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ModelFileError(
            f"cannot write {path}: a model is a file in the format of safetensors, not {path.suffix}; "
            f"name it {path.with_suffix('.safetensors').name}"
        )
    return path


def _require_path(path: object) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"the path of a model must be text or a pathlib.Path, not {path!r}")


def save(classifier: "KeywordClassifier", path: Path) -> None:
    """Serialise a trained classifier to one safetensors file (atomic write)."""
    check_name(path)
    scorer = classifier.scorer_
    arrays = {NETWORK + name: array for name, array in scorer.network.state_dict().items()}
    arrays |= {"mean": scorer.mean, "std": scorer.std, "filters": scorer.features.filters}
    digests = {name: getattr(classifier, f"{name}_", None) for name in DIGESTS}
    arrays |= {name: array for name, array in digests.items() if array is not None}
    settings = {
        "model": name_of(classifier.model),
        "classes": scorer.classes.tolist(),
        "dtype": scorer.classes.dtype.str,
        "sample_rate": int(classifier.sample_rate),
        "clip_s": float(classifier.clip_s),
        "threshold": classifier.threshold_,
        "tta_pitch_factors": scorer.tta_pitch_factors,
        "tta_shifts_s": scorer.tta_shifts_s,
        "features": scorer.features.settings() | {"kind": type(scorer.features).__name__},
        "history": classifier.history_,
        "best_epoch": classifier.best_epoch_,
        "interrupted": classifier.interrupted_,
        "parameters": _described(classifier),
        "split": getattr(classifier, "split_", None),
    }
    model_file.save(path, arrays, settings)


def name_of(model: Any) -> str:
    """The serialised form of a model: of a function its name, because nothing in a file is executed."""
    return model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)


def _described(classifier: "KeywordClassifier") -> dict[str, Any]:
    """The parameters of a classifier as JSON; those that do not belong to the model are left out."""
    params = {name: _plain(value) for name, value in classifier.get_params(deep=False).items() if name != "model"}
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


def _parameters(path: Path, stored: dict[str, Any]) -> dict[str, Any]:
    """The parameters that `_described` gave, as the classifier takes them; of another version those that it knows."""
    params = dict(stored)
    kinds: dict[str, type[Settings]] = {"training": TrainingConfig, "augment": Augmentation}
    for name, kind in kinds.items():
        if isinstance(params.get(name), dict):
            inner = {key: value for key, value in params[name].items() if key in kind.names()}
            try:
                params[name] = kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in inner.items()})
            except ArgumentError as error:
                raise ModelFileError(f"{path} is not a whole model: of its {name}, {error}") from error
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
        If something is missing in the file, or does not fit the model.
    """
    _require_path(path)
    arrays, settings = model_file.load(path)
    if settings.get("kind") == "KeywordDetector":
        raise ModelFileError(f"{path} is a detector of words in streams; KeywordDetector.load reads it")
    try:
        made_by = settings["model"] if model is None else model
        names = cls._get_param_names()
        stored = {name: value for name, value in settings.get("parameters", {"verbose": 0}).items() if name in names}
        params = _parameters(path, stored) | {"sample_rate": settings["sample_rate"], "clip_s": settings["clip_s"]}
        classifier = cls(made_by, **params)
        classifier.threshold_, classifier.history_ = settings["threshold"], settings["history"]
        classifier.best_epoch_ = settings.get("best_epoch", len(classifier.history_))
        classifier.scorer_ = _scorer(made_by, classifier.clip_length, arrays, settings)
    except (KeyError, TypeError) as error:
        raise ModelFileError(f"{path} is not a whole model: {error} is missing or wrong") from error
    for name in DIGESTS:
        setattr(classifier, f"{name}_", arrays.get(name))
    classifier.split_, classifier.seed_ = settings.get("split"), params.get("random_state") or 0
    classifier.n_features_in_, classifier.interrupted_ = classifier.clip_length, settings.get("interrupted", False)
    return classifier


def _scorer(model: Any, clip_length: int, arrays: dict[str, Array], settings: dict[str, Any]) -> Scorer:
    """The scorer that `save` serialised."""
    classes = np.array(settings["classes"], settings.get("dtype"))
    kind = KINDS[settings["features"].pop("kind", "LogMel")]
    features = kind(**settings["features"], filters=arrays["filters"])
    network = models.build(model, len(classes), features.n_features, 0, features.frames(clip_length))
    network.load_state_dict(
        {name.removeprefix(NETWORK): array for name, array in arrays.items() if name.startswith(NETWORK)}
    )
    pitches, shifts = settings.get("tta_pitch_factors", (1.0,)), settings.get("tta_shifts_s", (0.0,))
    return Scorer(classes, features, network, arrays["mean"], arrays["std"], clip_length, tuple(pitches), tuple(shifts))
