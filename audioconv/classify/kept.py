"""Trained classifiers as files: the arrays and settings of one, and one made of them again."""

import numpy as np

from audioconv import models
from audioconv.errors import ModelFileError
from audioconv.features import KINDS
from audioconv.io import model_file

NETWORK = "network."  # begins the names of the network's arrays


def save(classifier, path):
    """Write a trained classifier to one safetensors file; it appears whole or not at all."""
    arrays = {NETWORK + name: array for name, array in classifier.network_.weights().items()}
    arrays |= {"mean": classifier.mean_, "std": classifier.std_, "filters": classifier.features_.filters}
    settings = {
        "model": name_of(classifier.model),
        "classes": classifier.classes_.tolist(),
        "sample_rate": int(classifier.sample_rate),
        "clip_s": float(classifier.clip_s),
        "threshold": classifier.threshold_,
        "voices": classifier.voices_,
        "shifts_s": classifier.shifts_s_,
        "features": classifier.features_.settings() | {"kind": type(classifier.features_).__name__},
        "history": classifier.history_,
        "best_epoch": classifier.best_epoch_,
    }
    model_file.save(path, arrays, settings)


def name_of(model):
    """What a file says of a model: of a function its name, because nothing in a file is executed."""
    return model if isinstance(model, str) else getattr(model, "__name__", type(model).__name__)


def load(cls, path, model=None):
    """A classifier of the class `cls` as `save` wrote it; `model` is the function that made it, if one did.

    Raises
    ------
    ModelFileError
        If something is missing in the file, or does not fit the model.
    """
    arrays, settings = model_file.load(path)
    try:
        model = settings["model"] if model is None else model
        classifier = cls(model, sample_rate=settings["sample_rate"], clip_s=settings["clip_s"], verbose=0)
        classifier.classes_ = np.array(settings["classes"])
        classifier.threshold_, classifier.history_ = settings["threshold"], settings["history"]
        classifier.best_epoch_ = settings.get("best_epoch", len(classifier.history_))
        classifier.voices_ = tuple(settings.get("voices", (1.0,)))
        classifier.shifts_s_ = tuple(settings.get("shifts_s", (0.0,)))
        kind = KINDS[settings["features"].pop("kind", "LogMel")]
        classifier.features_ = kind(**settings["features"], filters=arrays["filters"])
        classifier.mean_, classifier.std_ = arrays["mean"], arrays["std"]
        size, frames = classifier.features_.size, classifier.features_.frames(classifier.clip)
        classifier.network_ = models.build(model, len(classifier.classes_), size, 0, frames)
        classifier.network_.load_weights(
            {name.removeprefix(NETWORK): array for name, array in arrays.items() if name.startswith(NETWORK)}
        )
    except (KeyError, TypeError) as error:
        raise ModelFileError(f"{path} is not a whole model: {error} is missing or wrong") from error
    classifier.n_features_in_, classifier.interrupted_ = classifier.clip, False
    return classifier
