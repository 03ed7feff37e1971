"""Softmax and its cross-entropy."""

import numpy as np

from audioconv.arrays import floating
from audioconv.errors import ArgumentError, ShapeError


def one_hot(classes, count, dtype=np.float32):
    """Targets for class numbers: (batch, count) with a one in each row."""
    return np.eye(count, dtype=dtype)[np.asarray(classes, int)]


def softmax(logits):
    """exp(logits) over the last axis, divided by its sum; computed in float64, returned in the dtype of the logits."""
    logits = floating(logits, "logits")
    wide = np.exp(logits - np.max(logits, axis=-1, keepdims=True, initial=-np.inf), dtype=np.float64)
    return (wide / wide.sum(axis=-1, keepdims=True)).astype(logits.dtype)


def softmax_cross_entropy(logits, targets, label_smoothing=0.0):
    """Mean over the batch of -sum(target * log(softmax(logits))), and its gradient by the logits.

    Parameters
    ----------
    logits : float array, shape (batch, classes)
    targets : float array, shape (batch, classes)
        Each row a distribution: one class (`one_hot`), or several, or all alike for what is of no class.
    label_smoothing : float, 0 <= label_smoothing < 1
        Share of each target that is spread evenly over all classes.

    Returns
    -------
    loss : float
    grad_logits : float array, shape (batch, classes)

    References
    ----------
    Szegedy et al., Rethinking the Inception Architecture, CVPR 2016, section 7 (label smoothing).
    """
    logits, targets = floating(logits, "logits", (2,)), floating(targets, "targets", (2,))
    if logits.shape != targets.shape or not logits.shape[1]:
        raise ShapeError(f"targets must have the shape of the logits, {logits.shape}, not {targets.shape}")
    if not 0 <= label_smoothing < 1:
        raise ArgumentError(f"label_smoothing must be from 0 to below 1, not {label_smoothing!r}")
    targets = targets * (1 - label_smoothing) + np.float64(label_smoothing / targets.shape[1])
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    batch = max(len(logits), 1)
    loss = -(targets * (shifted - np.log(total))).sum() / batch
    grad = (np.exp(shifted) / total * targets.sum(axis=1, keepdims=True) - targets) / batch
    return float(loss), grad.astype(logits.dtype)
