"""Temperature scaling: calibration of the posteriors of scores."""

import numpy as np

from audioconv._typing import Array

LOG_SHARPNESS = (-1.0, 6.0)  # bounds of the natural logarithm of the inverse temperature


def cross_entropy(logits: Array, targets: Array, counts: Array) -> float:
    """Mean cross-entropy of logits (n, classes) with targets that are distributions, weighted by counts (n,)."""
    top = logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(logits - top).sum(axis=1, keepdims=True)) + top
    return float((targets * (log_sums - logits)).sum(axis=1) @ counts / counts.sum())


def sharpness_of(scores: Array, targets: Array, counts: Array) -> float:
    """The inverse temperature with which scores of held-out examples, as logits, have the least cross-entropy.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (temperature scaling).

    Targets are smoothed according to the number of examples (Platt 1999): where all are classified correctly, the best
    factor would otherwise be infinite.
    """
    from scipy.optimize import minimize_scalar

    n, classes = targets.shape
    smoothing = classes / (n + 2 * classes)
    smooth = (1 - smoothing) * targets + smoothing / classes
    found = minimize_scalar(
        lambda power: cross_entropy(scores * np.exp(power), smooth, counts), bounds=LOG_SHARPNESS, method="bounded"
    )
    return float(np.exp(found.x))
