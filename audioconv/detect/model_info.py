"""What a model file holds, as plain data: for `audioconv info`, and for pages that show a model's card."""

import os
from typing import Any

import numpy as np

from audioconv._typing import Array, Path
from audioconv.classify import KeywordClassifier
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.model_parts import PARITY
from audioconv.classify.serialization import parity_of
from audioconv.detect.estimator import DetectorEstimator
from audioconv.detect.keyword_detector import KeywordDetector
from audioconv.detect.sound_event_detector import SoundEventDetector
from audioconv.enhance import denoiser_model
from audioconv.io import model_file

DETECTORS: dict[str, type[DetectorEstimator]] = {kind._kind: kind for kind in (KeywordDetector, SoundEventDetector)}


def model_info(path: Path) -> dict[str, Any]:
    """Return all that a model file says, and whether this installation reproduces the model.

    Parameters
    ----------
    path : path

    Returns
    -------
    info : dict
        JSON-serialisable: the settings of the file, and of each label its threshold (None if it is never told) and, if
        known, its mean duration (a denoiser has no labels); how many weights there are; and by how much the posteriors
        of the probe differ from those of where the model was made (parity).

    Raises
    ------
    ModelFileError
        If the file is no whole model, or gives other posteriors here than where it was made.

    Examples
    --------
    >>> from audioconv.detect.kinds import SHIPPED
    >>> info = model_info(SHIPPED)
    >>> info["kind"], [word["label"] for word in info["labels"]]
    ('KeywordDetector', ['down', 'go', 'left', 'no', 'right', 'stop', 'up', 'yes'])
    """
    stored = model_file.load_settings(path)
    if stored.get("kind") == denoiser_model.KIND:
        denoiser = denoiser_model.DenoiserModel.load(path)
        parity = {"deviation": denoiser.parity, "limit": PARITY}
        return _of_file(path) | stored | {"model": "mask_unet", "weights": denoiser.weights, "parity": parity}
    model: DetectorEstimator | KeywordClassifier
    kind = DETECTORS.get(str(stored.get("kind")))
    if kind is not None:
        model = kind.load(path)  # which checks all of it
        thresholds, limit = model.thresholds_, PARITY
    else:
        model = KeywordClassifier.load(path)
        thresholds, limit = _thresholds(model), parity_of(model.scorer_)
    word_s = model.word_s_.tolist() if isinstance(model, KeywordDetector) else [None] * len(model.classes_)
    del stored["dtype"]
    labels = zip(stored.pop("classes"), thresholds.tolist(), word_s, strict=True)
    return {
        **_of_file(path),
        **stored,
        "labels": [
            {"label": label, "threshold": threshold if threshold <= 1 else None, "word_s": seconds}
            for label, threshold, seconds in labels
        ],
        "weights": sum(array.size for array in model.scorer_.network.parameters().values()),
        "parity": {"deviation": model.parity_, "limit": limit},
    }


def _of_file(path: Path) -> dict[str, Any]:
    return {"file": os.fspath(path), "bytes": os.stat(path).st_size}


def _thresholds(classifier: KeywordClassifier) -> Array:
    """That of streams, for each label; infinity for what is no keyword."""
    no_keyword = [str(label) in NON_KEYWORD_LABELS for label in classifier.classes_.tolist()]
    return np.where(no_keyword, np.inf, classifier.threshold_)
