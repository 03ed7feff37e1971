"""What an estimator is given: checks before any clip is read, and settings within settings."""

import numbers
import os
from dataclasses import fields, replace

import numpy as np

from audioconv import models, parallel
from audioconv.arrays import number, whole
from audioconv.classify.augmentation import Augmentation
from audioconv.classify.training_config import TrainingConfig
from audioconv.errors import ArgumentError

_NESTED = {"training": TrainingConfig, "augment": Augmentation}  # parameters that have settings of their own


class NestedParameters:
    """`get_params` and `set_params` that also reach `training__...` and `augment__...`, given or not."""

    def get_params(self, deep=True):
        """The parameters, as scikit-learn's `get_params`; and those within `training` and `augment` if `deep`."""
        params = super().get_params(deep=False)
        if not deep:
            return params
        inner = {}
        for name, kind in _NESTED.items():
            found = params[name] if isinstance(params[name], kind) else kind()
            inner |= {f"{name}__{field.name}": getattr(found, field.name) for field in fields(found)}
        return params | inner

    def set_params(self, **params):
        """Change parameters, as scikit-learn's `set_params`; `training__label_smoothing=0.2` one of the training."""
        plain = {name: value for name, value in params.items() if name.partition("__")[0] not in _NESTED}
        inner = {name: {} for name in _NESTED}
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


def _changed(name, settings, changes):
    kind = _NESTED[name]
    known = [field.name for field in fields(kind)]
    if strange := [own for own in changes if own not in known]:
        raise ArgumentError(f"{name} has no setting {', '.join(strange)}; it has {', '.join(known)}")
    return replace(settings if isinstance(settings, kind) else kind(), **changes)


def check_parameters(classifier):
    """Say what is wrong with the parameters of a KeywordClassifier, as far as that does not depend on the clips.

    Raises
    ------
    ArgumentError
    """
    features = models.resolve_model(classifier.model).features(whole(classifier.sample_rate, "sample_rate"))
    number(classifier.clip_s, "clip_s", above=0)
    if not features.frames(classifier.clip):
        raise ArgumentError(f"clip_s must be at least one window of {features.window_ms} ms, not {classifier.clip_s}")
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
    parallel.thread_count(classifier.threads)
    if not isinstance(classifier.verbose, (bool, np.bool_)):
        whole(classifier.verbose, "verbose", 0)
    return features


def check_silence(silence, labels):
    """Say if a class for noise has a label of another kind than clips have: text among numbers, or the reverse."""
    if silence is not None and isinstance(silence, str) != (labels.dtype.kind == "U"):
        kind = "text" if labels.dtype.kind == "U" else "numbers"
        raise ArgumentError(f"silence must be a label like those of y, which are {kind}, not {silence!r}")
