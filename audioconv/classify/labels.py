"""The labels of clips, those that stand for no keyword, and how much each counts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from audioconv._typing import Array, Float32Array
from audioconv.arrays import is_finite
from audioconv.errors import ArgumentError, ShapeError
from audioconv.io.plain_text import check_text

UNKNOWN = "unknown"  # the label of words that are none of those to tell apart
UNKNOWN_LABELS = (UNKNOWN, "_unknown_")
BACKGROUND_NOISE_FOLDER = "_background_noise_"  # a folder of this name holds noises to mix in, and no clips
SILENCE_LABELS = ("silence", "_silence_", "noise", "_noise_", "background", BACKGROUND_NOISE_FOLDER)
NON_KEYWORD_LABELS = UNKNOWN_LABELS + SILENCE_LABELS
MOST_LABEL_TEXT = 200  # characters


def check_labels(y: Any, clips: int) -> Array:
    """Return y as an array of `clips` labels, or raise an error that says why."""
    from sklearn.utils import column_or_1d
    from sklearn.utils.multiclass import check_classification_targets

    if y is None:
        raise ArgumentError("KeywordClassifier requires y to be passed, but the target y is None; labels are wanted")
    try:
        labels: Array = column_or_1d(y, warn=True)
    except ValueError as error:
        raise ShapeError(f"y must hold one label a clip: {clips} clips, labels of shape {np.shape(y)}") from error
    if len(labels) != clips:
        raise ShapeError(f"y must hold one label a clip: {clips} clips, labels of shape {labels.shape}")
    if labels.dtype.kind == "S":
        raise ArgumentError(f"y must hold labels as text, not as bytes such as {labels[0]!r}; decode them")
    if labels.dtype.kind not in "Uifub":
        kinds = sorted({"str" if isinstance(label, str) else type(label).__name__ for label in labels})
        if kinds != ["str"]:
            raise ArgumentError(f"y must hold labels of one kind, text or numbers, not {', '.join(kinds)}")
        labels = np.array(labels.tolist(), str)
    try:
        check_classification_targets(labels)
    except ValueError as error:
        raise ArgumentError(f"y must hold labels, not measurements: {error}") from error
    for label in np.unique(labels).tolist():
        check_label(label)
    return labels


def check_label(label: object) -> None:
    """Raise an error if a label is neither a number nor a text that can be shown anywhere."""
    if not isinstance(label, bool) and not is_finite(label):
        check_text(label, "a label", MOST_LABEL_TEXT)


def noise_target(classes: Array, silence: Any = None) -> Float32Array:
    """The target of clips of noise alone, as a share of each class: silence, else unknown, else all alike (uniform)."""
    labels = classes.tolist()
    own = [label for label in (silence, *SILENCE_LABELS, *UNKNOWN_LABELS) if label in labels]
    return (classes == own[0]).astype(np.float32) if own else np.full(len(classes), 1 / len(classes), np.float32)


def class_weights(class_weight: Any, classes: Array, targets: Array, noise_clips: int = 0) -> Array | None:
    """Return `class_weight` as an array of one weight a class, or None.

    Parameters
    ----------
    class_weight : None, "balanced" or dict of label -> number
    classes : array of labels, sorted
    targets : int array
        The class of each clip.
    noise_clips : int
        Clips of noise alone: those of a class that has no others.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(targets, minlength=len(classes))
        counts[counts == 0] = noise_clips
        return np.where(counts > 0, counts.sum() / (len(classes) * np.maximum(counts, 1)), 1.0)
    if not isinstance(class_weight, Mapping):
        raise ArgumentError(f"class_weight must be None, 'balanced' or a dict of label -> number, not {class_weight!r}")
    if unknown := [str(label) for label in class_weight if label not in classes.tolist()]:
        raise ArgumentError(f"class_weight has labels that y does not: {', '.join(unknown)}")
    try:
        weights = np.array([class_weight.get(label, 1.0) for label in classes.tolist()], float)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"class_weight must hold numbers of at least 0, not {class_weight!r}") from error
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ArgumentError(f"class_weight must hold numbers of at least 0, not all 0, not {class_weight!r}")
    return weights


def sample_weights(sample_weight: Any, clips: int) -> Array | None:
    """`sample_weight` as a float64 array of one weight a clip, or None; of mean 1 over clips that count."""
    if sample_weight is None:
        return None
    try:
        weights = np.asarray(sample_weight, np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"sample_weight must hold one number a clip, not {sample_weight!r}") from error
    if weights.ndim == 0:
        weights = np.full(clips, weights)
    if weights.shape != (clips,):
        raise ShapeError(f"sample_weight must hold one number a clip: {clips} clips, weights of shape {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ArgumentError("sample_weight must hold finite numbers of at least 0")
    if not weights.any():
        raise ArgumentError("sample_weight must hold at least one number that is not zero")
    weights = weights / weights.max()  # so that no sum of them is infinite
    scaled: Array = weights / weights[weights > 0].mean()
    return scaled
