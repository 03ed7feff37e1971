"""The training loop: batches, loss, optimiser; the best weights by a validation score are kept."""

import math
import time
from dataclasses import dataclass, field

import numpy as np

from audioconv.arrays import whole
from audioconv.errors import ArgumentError, AudioconvError
from audioconv.nn.loss import softmax_cross_entropy


@dataclass
class History:
    """What happened in training.

    Attributes
    ----------
    epochs : list of dict
        For each finished epoch: epoch (from 1), loss and accuracy on the training batches (accuracy against the
        largest target, over the clips that have one; NaN without any), score (None without validation),
        learning_rate of the last step, seconds.
    best_epoch : int
        The epoch whose weights the network has now; 0 if none was finished.
    interrupted : bool
        Whether Ctrl-C ended the training.
    """

    epochs: list = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False


def train(
    network,
    batches,
    optimiser,
    learning_rate,
    *,
    epochs,
    validate=None,
    label_smoothing=0.0,
    on_batch=None,
    on_epoch=None,
    threads=None,
):
    """Train a network, and leave it with the weights of its best epoch.

    Parameters
    ----------
    network : Layer
        Gives logits (batch, classes).
    batches : callable
        batches(epoch), epoch from 0, gives an iterable of (x, targets): the inputs, and distributions (batch, classes).
    optimiser : AdamW
    learning_rate : callable
        From step (0, 1, ...) over all epochs to the learning rate, as `warmup_cosine` gives.
    epochs : int
    validate : callable, optional
        validate(network) gives a score (or a tuple) after each epoch, larger is better, of equal ones the later.
        Without it the last epoch is the best.
    label_smoothing : float
    on_batch : callable, optional
        on_batch(epoch, batch, loss), both numbers from 0, after each batch.
    on_epoch : callable, optional
        on_epoch(record) with the dict that `History.epochs` gets.
    threads : int, optional
        The trained weights do not depend on it.

    Returns
    -------
    history : History
        After Ctrl-C with interrupted = True; the network has the best weights so far.

    Raises
    ------
    AudioconvError
        If the loss of a batch is not finite, naming the batch, or an epoch has no batches. The network then has the
        best weights so far.
    """
    epochs = whole(epochs, "epochs")
    history, best, step = History(), None, 0
    try:
        for epoch in range(epochs):
            start, totals = time.perf_counter(), _Totals()
            for number, (x, targets) in enumerate(batches(epoch)):
                rate = learning_rate(step)
                logits = network.forward(x, training=True, threads=threads)
                loss, grad = softmax_cross_entropy(logits, targets, label_smoothing)
                if not math.isfinite(loss):
                    raise AudioconvError(_not_finite(loss, epoch, number, x))
                network.backward(grad, threads, input_gradient=False)
                optimiser.step(rate)
                totals.add(loss, logits, targets)
                step += 1
                if on_batch:
                    on_batch(epoch, number, loss)
            record = {"epoch": epoch + 1, **totals.means(), "score": validate(network) if validate else None}
            record |= {"learning_rate": rate, "seconds": time.perf_counter() - start}
            if best is None or validate is None or record["score"] >= history.epochs[history.best_epoch - 1]["score"]:
                best = {name: array.copy() for name, array in network.weights().items()}
                history.best_epoch = epoch + 1
            history.epochs.append(record)
            if on_epoch:
                on_epoch(record)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        if best is not None:
            network.load_weights(best)
    return history


def _not_finite(loss, epoch, number, x):
    cause = "its input has NaN or infinite values" if not np.isfinite(x).all() else "try a smaller learning rate"
    return f"the loss of batch {number + 1} of epoch {epoch + 1} is {loss}: {cause}"


class _Totals:
    """Sums over the batches of an epoch."""

    def __init__(self):
        self.loss, self.clips, self.right, self.labelled = 0.0, 0, 0, 0

    def add(self, loss, logits, targets):
        labelled = targets.max(axis=1) > targets.mean(axis=1) + 1e-6  # uniform targets name no class
        self.loss += loss * len(logits)
        self.clips += len(logits)
        self.right += int((logits.argmax(axis=1) == targets.argmax(axis=1))[labelled].sum())
        self.labelled += int(labelled.sum())

    def means(self):
        if not self.clips:
            raise ArgumentError("an epoch has no clips: batches(epoch) gave none")
        return {"loss": self.loss / self.clips, "accuracy": self.right / self.labelled if self.labelled else math.nan}
