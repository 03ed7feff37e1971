"""History of a training: a record for each epoch, and the sums over its batches that the record is made of."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypedDict

import numpy as np

from audioconv._typing import Array, Path
from audioconv._wording import counted
from audioconv.errors import ArgumentError
from audioconv.io.atomic import atomic_write
from audioconv.nn.training.losses import Loss, SoftmaxCrossEntropy

Score: TypeAlias = float | tuple[float, ...]
CURVE = (240, 48)  # width and height, in pixels, of the curve of the loss


class EpochRecord(TypedDict, total=False):
    """What is known of a finished epoch, as `History.epochs` has it."""

    epoch: int
    loss: float
    accuracy: float
    score: Score | None
    learning_rate: float
    seconds: float


@dataclass(repr=False)
class History:
    """What happened in a training; a notebook shows it as a curve and a table.

    Parameters
    ----------
    epochs : list of dict
        For each finished epoch: epoch (from 1), loss and accuracy on the training batches (accuracy against the
        largest target, over the clips that have one; NaN without any), score (None without validation),
        learning_rate of the last step, seconds.
    best_epoch : int
        The epoch whose weights the network has now; 0 if none was finished.
    interrupted : bool
        Whether Ctrl-C ended the training.

    Examples
    --------
    >>> from audioconv import nn
    >>> nn.History([{"epoch": 1, "loss": 0.7, "score": 0.5}, {"epoch": 2, "loss": 0.25, "score": 0.9}], best_epoch=2)
    History(2 epochs, best 2, loss 0.25, score 0.9)
    """

    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    interrupted: bool = False

    def __repr__(self) -> str:
        last = self.epochs[-1] if self.epochs else {}
        known = [f"{name} {_shown(last[name])}" for name in ("loss", "score") if last.get(name) is not None]
        parts = [
            counted(len(self.epochs), "epoch"),
            f"best {self.best_epoch}",
            *known,
            *["interrupted"] * self.interrupted,
        ]
        return f"History({', '.join(parts)})"

    def _repr_html_(self) -> str:
        rows = self.rows()
        names = list(rows[0]) if rows else ["epoch"]
        head = "".join(f"<th>{name}</th>" for name in names)
        body = ""
        for row in rows:
            cells = "".join(f"<td>{_shown(row.get(name))}</td>" for name in names)
            body += f"<tr{' style=font-weight:bold' * (row['epoch'] == self.best_epoch)}>{cells}</tr>"
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f"<div>{_curve([row['loss'] for row in rows if 'loss' in row])}{table}</div>"

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat record an epoch.

        Returns
        -------
        rows : list of dict
            As `epochs`, but a score of several numbers is score, score_1 and so on.
        """
        rows = []
        for epoch in self.epochs:
            score = epoch.get("score")
            parts = score if isinstance(score, (tuple, list)) else [] if score is None else [score]
            row = {name: value for name, value in epoch.items() if name != "score"}
            rows.append(row | {f"score_{i}" if i else "score": value for i, value in enumerate(parts)})
        return rows

    def save(self, path: Path) -> None:
        """Write one line an epoch as CSV.

        Parameters
        ----------
        path : path
            Of the file; a score of several numbers gets a column each.
        """
        rows = self.rows()
        with atomic_write(path) as part, open(part, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["epoch"])
            writer.writeheader()
            writer.writerows(rows)


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return ", ".join(map(_shown, value))
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _curve(values: list[float]) -> str:
    """A line through the values as an SVG, from the first to the last epoch; nothing where there are too few."""
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) < 2:
        return ""
    (width, height), low, high = CURVE, min(finite), max(finite)
    scale = (height - 2) / ((high - low) or 1)
    step = width / (len(finite) - 1)
    points = " ".join(f"{n * step:.1f},{1 + (high - value) * scale:.1f}" for n, value in enumerate(finite))
    line = f'<polyline points="{points}" fill="none" stroke="#0072B2"/>'
    return f'<svg width="{width}" height="{height}" role="img"><title>loss</title>{line}</svg>'


class EpochTotals:
    """Sums over the batches of an epoch, of which its mean loss and accuracy are made."""

    def __init__(self, loss: float = 0.0, clips: int = 0, correct: int = 0, labelled: int = 0) -> None:
        self.loss, self.clips, self.correct, self.labelled = loss, clips, correct, labelled

    def add(self, loss: float, outputs: Array, targets: Array, loss_function: Loss | Callable[..., Any]) -> None:
        """Count a batch."""
        self.loss += loss * len(outputs)
        self.clips += len(outputs)
        if isinstance(loss_function, SoftmaxCrossEntropy) and outputs.ndim == 2:
            if np.ndim(targets) == 1:
                classes, labelled = targets, np.not_equal(targets, loss_function.ignore_index)
            else:  # uniform targets name no class
                classes, labelled = targets.argmax(axis=1), targets.max(axis=1) > targets.mean(axis=1) + 1e-6
            self.correct += int((outputs.argmax(axis=1) == classes)[labelled].sum())
            self.labelled += int(labelled.sum())

    def means(self) -> EpochRecord:
        """The mean loss, and the accuracy over the clips that have a label."""
        if not self.clips:
            raise ArgumentError("an epoch has no clips: batches(epoch, start) gave none")
        accuracy = self.correct / self.labelled if self.labelled else math.nan
        return {"loss": self.loss / self.clips, "accuracy": accuracy}
