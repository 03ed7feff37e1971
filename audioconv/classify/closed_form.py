"""Closed-form training of a model that has `fit`: all clips as augmentation makes them, then one solution."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from audioconv._typing import Array
from audioconv.classify.data_loader import DataLoader
from audioconv.classify.progress import TrainingProgress

# Passes over the clips, unless `epochs` is given; more gain little: see docs/trials.md, "Recognition:
# shipped words".
PASSES = 1
CLIP_OF_SEED = (1 << 24) - 1  # in the seeds that `DataLoader` gives, below the epoch


def train(
    network: Any,
    loader: DataLoader,
    class_weight: Array | None,
    *,
    passes: int,
    validate: Callable[[Any], tuple[float, float]] | None,
    threads: int | None,
    verbose: int,
) -> tuple[list[dict[str, Any]], bool]:
    """Fit a network on all batches of `passes` passes over the clips.

    Parameters
    ----------
    network : MiniRocket
        Or another that has `fit`.
    loader : DataLoader
    class_weight : float array, shape (classes,), or None
    passes : int
    validate : function from network to (validation accuracy, minus loss), or None
    threads : int or None
    verbose : int

    Returns
    -------
    history : list of dict
        One record, with the loss and accuracy of clips that were left out; none after Ctrl-C.
    interrupted : bool
        Whether Ctrl-C ended the training; the network is untrained then.
    """
    start, progress = time.perf_counter(), TrainingProgress(verbose)
    frames, targets, clips = [], [], []
    try:
        with progress.training(passes, loader.steps, len(loader)):
            for epoch in range(passes):
                for number, (x, one_hot, seeds) in enumerate(loader(epoch)):
                    frames.append(x)
                    targets.append(one_hot)
                    clips.append(seeds & CLIP_OF_SEED)
                    progress.batch(epoch, number, None)
            one_hot, weights = _weighted(np.concatenate(targets), class_weight, loader.weighted)
            fit = network.fit(np.concatenate(frames), one_hot, weights, threads, groups=np.concatenate(clips))
            record = {"epoch": 1, "loss": fit.loss, "accuracy": fit.accuracy}
            validation = None if validate is None else validate(network)
            progress.epoch(record | {"score": validation})
    except KeyboardInterrupt:
        return [], True
    record |= {"val_accuracy": None if validation is None else validation[0], "learning_rate": None}
    return [record | {"seconds": time.perf_counter() - start}], False


def _weighted(targets: Array, class_weight: Array | None, weighted: bool) -> tuple[Array, Array | None]:
    """Targets that sum to 1, and how much each counts, or None where all count alike."""
    masses = targets.sum(axis=1) if weighted else None
    if masses is not None:
        targets = targets / np.where(masses > 0, masses, 1)[:, None]
    weights = None if class_weight is None else targets @ class_weight
    return targets, masses if weights is None else weights if masses is None else weights * masses
