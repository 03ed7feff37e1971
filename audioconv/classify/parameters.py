"""Parameters of the estimator: checked before any clip is read, and nested."""

import numbers
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from audioconv import models, parallel
from audioconv._typing import Array
from audioconv._wording import has_no
from audioconv.arrays import number, whole
from audioconv.classify import training_config
from audioconv.classify.augmentation import Augmentation
from audioconv.classify.model_parts import check_clip_size
from audioconv.classify.scorer import Features
from audioconv.classify.settings import Settings
from audioconv.classify.training_config import TrainingConfig
from audioconv.errors import ArgumentError

if TYPE_CHECKING:
    from audioconv.classify.classifier import KeywordClassifier

_NESTED: dict[str, type[Settings]] = {"training": TrainingConfig, "augment": Augmentation}


class NestedParameters(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """`get_params` and `set_params` that also reach `training__...` and `augment__...`, given or not."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of this estimator.

        Parameters
        ----------
        deep : bool
            With those within `training` and `augment`, such as `training__weight_decay`.

        Returns
        -------
        params : dict of name -> value
        """
        params: dict[str, Any] = super().get_params(deep=False)
        if not deep:
            return params
        inner: dict[str, Any] = {}
        for name, kind in _NESTED.items():
            found = params[name] if isinstance(params[name], kind) else kind()
            inner |= {f"{name}__{own}": value for own, value in found.get_params().items()}
        return params | inner

    def set_params(self, **params: Any) -> Self:
        """Change parameters of this estimator.

        Parameters
        ----------
        **params : dict of name -> value
            `training__label_smoothing=0.2` changes one of the training configuration.

        Returns
        -------
        self : KeywordClassifier
        """
        plain = {name: value for name, value in params.items() if name.partition("__")[0] not in _NESTED}
        inner: dict[str, dict[str, Any]] = {name: {} for name in _NESTED}
        for name, value in params.items():
            outer, delimiter, own = name.partition("__")
            if outer in _NESTED:
                if delimiter:
                    inner[outer][own] = value
                else:
                    plain[name] = value
        super().set_params(**plain)
        for name, changes in inner.items():
            if changes:
                setattr(self, name, _changed(name, getattr(self, name), changes))
        return self


def _changed(name: str, settings: object, changes: dict[str, Any]) -> Settings:
    kind = _NESTED[name]
    known = kind.names()
    if unknown := [own for own in changes if own not in known]:
        raise ArgumentError(has_no(name, unknown, known))
    return replace(settings if isinstance(settings, kind) else kind(), **changes)


def check_parameters(classifier: "KeywordClassifier") -> None:
    """Raise an error about the parameters, as far as that does not depend on the clips.

    Raises
    ------
    ArgumentError
    """
    model = training_config.DEFAULT_MODEL if classifier.model is None else classifier.model
    features: Features = models.resolve_model(model).features(whole(classifier.sample_rate, "sample_rate"))
    number(classifier.clip_s, "clip_s", above=0)
    if not features.frames(classifier.clip_length):
        raise ArgumentError(f"clip_s must be at least one window of {features.window_ms} ms, not {classifier.clip_s}")
    check_settings(classifier)
    pitches, shifts = classifier._tta()
    check_clip_size(features, classifier.clip_length, len(pitches) * len(shifts))


def check_settings(classifier: "KeywordClassifier") -> None:
    """Raise an error about the parameters that do not concern features.

    Raises
    ------
    ArgumentError
    """
    if classifier.epochs is not None:
        whole(classifier.epochs, "epochs")
    whole(classifier.batch_size, "batch_size")
    if classifier.learning_rate is not None:
        number(classifier.learning_rate, "learning_rate", above=0)
    if not isinstance(classifier.training, (TrainingConfig, type(None))):
        raise ArgumentError(f"training must be a TrainingConfig or None, not {classifier.training!r}")
    if not isinstance(classifier.augment, (Augmentation, bool, np.bool_, type(None))):
        raise ArgumentError(f"augment must be True, False or an Augmentation, not {classifier.augment!r}")
    if not isinstance(classifier.silence, (str, numbers.Number, np.generic, type(None))):
        raise ArgumentError(f"silence must be a label or None, not {classifier.silence!r}")
    if isinstance(classifier.background_noise, (str, os.PathLike)):
        given = str(classifier.background_noise)
        raise ArgumentError(f"background_noise must be a list of paths or arrays, not the one path {given!r}")
    if not isinstance(classifier.background_noise, (Iterable, type(None))):
        raise ArgumentError(f"background_noise must be a list of paths or arrays, not {classifier.background_noise!r}")
    parallel.thread_count(classifier.threads)
    if not isinstance(classifier.verbose, (bool, np.bool_)):
        whole(classifier.verbose, "verbose", 0)


def check_silence(silence: object, labels: Array) -> None:
    """Raise an error if the label for noise is of another kind than those of clips: text beside numbers, either way."""
    if silence is not None and isinstance(silence, str) != (labels.dtype.kind == "U"):
        kind = "text" if labels.dtype.kind == "U" else "numbers"
        raise ArgumentError(f"silence must be a label like those of y, which are {kind}, not {silence!r}")
