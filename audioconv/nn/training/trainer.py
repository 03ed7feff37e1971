"""Training loop that can be stopped and resumed: batches, steps, the best weights by a validation score."""

import math
import operator
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from audioconv import _typing
from audioconv._typing import Array
from audioconv.arrays import whole
from audioconv.errors import ArgumentError, AudioconvError, ModelFileError
from audioconv.io import model_file
from audioconv.nn.layers.base import Layer
from audioconv.nn.training.diagnose import nonfinite_cause
from audioconv.nn.training.history import EpochRecord, EpochTotals, History, Score
from audioconv.nn.training.schedules import Schedule
from audioconv.nn.training.training_step import TrainingStep

Batch: TypeAlias = tuple[Array, Array] | tuple[Array, Array, Array]
Batches: TypeAlias = Callable[[int, int], Iterable[Batch]]

CHECKPOINT_INTERVAL_S = 30  # between two checkpoints within an epoch


class Trainer:
    """The training of a network, which leaves it with the weights of its best epoch.

    Parameters
    ----------
    step : TrainingStep
        What is done with each batch: network, optimiser, loss, and exponential moving average (EMA) of the weights.
    learning_rate : callable
        The schedule: from step (0, 1, ...) over all epochs to the learning rate, as `warmup_cosine` gives.
    epochs : int
        How often `run` goes through the batches at most.
    validate : callable, optional
        validate(network) gives a score (or a tuple) after each epoch, larger is better, of equal ones the later.
        Without it the last epoch is the best. With a moving average, it is that which is validated and kept.
    is_improvement : callable, optional
        is_improvement(score, best) says whether weights with a score are kept, the best score so far being `best`.
        Default: those that are the best or equal to it.
    patience : int, optional
        Early stopping: stop when the score has not grown for so many epochs.
    checkpoint : path, optional
        Where the state of the training is saved: after each epoch, and within one every half a minute. If the file
        exists, the training resumes from it, to the same bits as if it had never stopped.
    fingerprint : dict, optional
        What must be the same to go on (seed, data ...); plain values. A checkpoint of another training is refused.

    Attributes
    ----------
    history : History
        So far.

    Raises
    ------
    ArgumentError
        For what is no function where one is expected, and for numbers out of range.
    ModelFileError
        If there is a checkpoint of another training.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((64, 4)).astype("float32")
    >>> network = nn.Sequential([nn.Dense(4, 2, rng=rng)])
    >>> step = nn.TrainingStep(network, nn.AdamW(network), nn.SoftmaxCrossEntropy())
    >>> trainer = nn.Trainer(step, nn.constant(0.1), epochs=20)
    >>> history = trainer.run(lambda epoch, start: [(x, (x[:, 0] > 0).astype(int))][start:])
    >>> history.epochs[-1]["accuracy"] > 0.9
    True
    """

    def __init__(
        self,
        step: TrainingStep,
        learning_rate: Schedule,
        *,
        epochs: int,
        validate: Callable[[Layer], Score] | None = None,
        is_improvement: Callable[[Any, Any], bool] = operator.ge,
        patience: int | None = None,
        checkpoint: _typing.Path | None = None,
        fingerprint: Mapping[str, Any] | None = None,
    ) -> None:
        for name, given in (
            ("learning_rate", learning_rate),
            ("validate", validate),
            ("is_improvement", is_improvement),
        ):
            if not callable(given) and not (name == "validate" and given is None):
                advice = "; constant(rate) gives the same one in each step" if name == "learning_rate" else ""
                raise ArgumentError(f"{name} must be a function, not {given!r}{advice}")
        self.step, self.learning_rate, self.epochs = step, learning_rate, whole(epochs, "epochs")
        self.validate, self.is_improvement = validate, is_improvement
        self.patience = None if patience is None else whole(patience, "patience")
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.fingerprint = dict(fingerprint or {})
        self.history = History()
        self._best: dict[str, Array] | None = None
        self._epoch, self._batch, self._steps = 0, 0, 0
        self._totals, self._saved, self._seconds = EpochTotals(), time.monotonic(), 0.0
        if self.checkpoint is not None and self.checkpoint.exists():
            self._resume()

    def __repr__(self) -> str:
        done = f"epoch {self._epoch} of {self.epochs}"
        return f"Trainer({self.step!r}, {done}{f', checkpoint={str(self.checkpoint)!r}' if self.checkpoint else ''})"

    @property
    def position(self) -> tuple[int, int]:
        """(epoch, batch) that comes next, both from 0."""
        return self._epoch, self._batch

    def run(
        self,
        batches: Batches,
        on_batch: Callable[[int, int, float], object] | None = None,
        on_epoch: Callable[[EpochRecord], object] | None = None,
        threads: int | None = None,
    ) -> History:
        """Train, or resume.

        Parameters
        ----------
        batches : callable
            batches(epoch, start), both from 0, gives an iterable of the batches of an epoch from number `start` on,
            each (x, targets) or (x, targets, seeds); seeds, one a clip, are what dropout draws by.
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
            If the loss of a batch is not finite, naming the batch and the layer, or an epoch has no batches. The
            network then has the best weights so far.
        """
        try:
            while self._epoch < self.epochs and not self._patience_is_over():
                self._one_epoch(batches, on_batch, threads)
                if on_epoch:
                    on_epoch(self.history.epochs[-1])
        except KeyboardInterrupt:
            self.history.interrupted = True
        finally:
            if self._best is not None:
                self.step.network.load_state_dict(self._best)
        return self.history

    def _patience_is_over(self) -> bool:
        return self.patience is not None and len(self.history.epochs) - self.history.best_epoch >= self.patience

    def _one_epoch(
        self, batches: Batches, on_batch: Callable[[int, int, float], object] | None, threads: int | None
    ) -> None:
        begin = time.perf_counter() - self._seconds
        for x, targets, *seeds in batches(self._epoch, self._batch):
            rate = self.learning_rate(self._steps)
            drawn = seeds[0] if seeds else np.arange(len(x)) + (self._steps << 20)
            loss, outputs = self.step(x, targets, rate, drawn, threads)
            if not math.isfinite(loss):
                self._raise_nonfinite(loss, x, drawn)
            self._totals.add(loss, outputs, targets, self.step.loss)
            self._batch, self._steps = self._batch + 1, self._steps + 1
            if on_batch:
                on_batch(self._epoch, self._batch - 1, loss)
            self._seconds = time.perf_counter() - begin
            if self.checkpoint and time.monotonic() - self._saved > CHECKPOINT_INTERVAL_S:
                self._save()
        record: EpochRecord = {"epoch": self._epoch + 1, **self._totals.means(), "score": self._validate()}
        record["learning_rate"] = self.learning_rate(self._steps - 1)
        record["seconds"] = time.perf_counter() - begin
        self.history.epochs.append(record)
        self._epoch, self._batch, self._totals, self._seconds = self._epoch + 1, 0, EpochTotals(), 0.0
        if self.checkpoint:
            self._save()

    def _validate(self) -> Score | None:
        """Score the weights as they are, and keep them if they are the best so far."""
        network, ema = self.step.network, self.step.ema
        raw = {name: array.copy() for name, array in network.state_dict().items()}
        candidate = raw if ema is None else ema.state_dict()
        score = None
        if self.validate:
            network.load_state_dict(candidate)
            score = self.validate(network)
            network.load_state_dict(raw)
        scores: list[Any] = [] if score is None else [score, *(epoch["score"] for epoch in self.history.epochs)]
        if self._best is None or score is None or self.is_improvement(score, max(scores)):
            self._best, self.history.best_epoch = candidate, self._epoch + 1
        return score

    def _raise_nonfinite(self, loss: float, x: Array, seeds: Array) -> None:
        where = f"the loss of batch {self._batch + 1} of epoch {self._epoch + 1} is {loss}: "
        raise AudioconvError(where + nonfinite_cause(self.step.network, x, seeds))

    # --- checkpoints ---

    def _arrays(self) -> dict[str, Array]:
        """All arrays that the rest of the training depends on, themselves and not copies."""
        arrays = {f"weights.{name}": array for name, array in self.step.network.state_dict().items()}
        arrays |= {f"optimiser.{name}": array for name, array in self.step.optimiser.state_dict().items()}
        if self.step.ema is not None:
            arrays |= {f"ema.{name}": array for name, array in self.step.ema.averages.items()}
        return arrays

    def _save(self) -> None:
        assert self.checkpoint is not None
        arrays = self._arrays() | {f"best.{name}": array for name, array in (self._best or {}).items()}
        state = {
            "position": [self._epoch, self._batch, self._steps, self._seconds],
            "optimiser_steps": self.step.optimiser.steps,
            "totals": vars(self._totals),
            "history": [self.history.epochs, self.history.best_epoch],
            "fingerprint": self.fingerprint,
        }
        model_file.save(self.checkpoint, arrays, {"training": state})
        self._saved = time.monotonic()

    def _resume(self) -> None:
        assert self.checkpoint is not None
        found, settings = model_file.load(self.checkpoint)
        state, own = settings.get("training"), self._arrays()
        if state is None:
            raise ModelFileError(f"{self.checkpoint} is a model but no checkpoint of a training")
        if state["fingerprint"] != self.fingerprint:
            saved, current = state["fingerprint"], self.fingerprint
            different = sorted(k for k in saved.keys() | current.keys() if saved.get(k) != current.get(k))
            raise ModelFileError(
                f"{self.checkpoint} belongs to another training: {', '.join(different)} differ; "
                "go on with the same settings and clips, or remove it to start afresh"
            )
        if any(name not in found or found[name].shape != array.shape for name, array in own.items()):
            raise ModelFileError(
                f"{self.checkpoint} belongs to another network or optimiser; remove it to start afresh"
            )
        for name, array in own.items():
            array[...] = found[name]
        best = {name.removeprefix("best."): array for name, array in found.items() if name.startswith("best.")}
        self._best = best or None
        self._epoch, self._batch, self._steps, self._seconds = state["position"]
        self.step.optimiser.steps = state["optimiser_steps"]
        self._totals = EpochTotals(**state["totals"])
        self.history.epochs, self.history.best_epoch = state["history"]
        for epoch in self.history.epochs:  # JSON has no tuples
            epoch["score"] = tuple(epoch["score"]) if isinstance(epoch["score"], list) else epoch["score"]
