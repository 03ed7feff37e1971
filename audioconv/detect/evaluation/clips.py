"""How well a model labels clips: accuracy, macro F1, confusion, calibration, and how far speakers are apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from audioconv._typing import Array, IntArray
from audioconv.classify.intervals import wilson_interval

BINS = 10  # of confidence, of equal width
SPEAKER_CLIPS = 4  # of a speaker, at least, for an accuracy of its own
RESAMPLED = 1000  # sets of speakers, for an interval


class ReliabilityBin(NamedTuple):
    """Clips of which the model is about equally sure, and how often it is right in them."""

    confidence: float
    right: float
    clips: int


class SpeakerSpread(NamedTuple):
    """How far the accuracies of speakers are apart."""

    speakers: int
    interval: tuple[float, float]  # 95 %, of the accuracy, if other speakers had been drawn (bootstrap)
    clips_each: int  # at least, of those that follow
    accuracies: dict[str, float]  # the lowest first

    def quantile(self, share: float) -> float:
        """The accuracy that so many of the speakers do not reach; NaN where no speaker has enough clips."""
        return float(np.quantile(list(self.accuracies.values()), share)) if self.accuracies else float("nan")


@dataclass(frozen=True, repr=False)
class ClipScore:
    """What a model says of clips, and how often it is right; made by `evaluate`.

    Parameters
    ----------
    labels : list of str
        The order of rows and columns of the confusion matrix.
    truth, told : str arrays, shape (clips,)
        Both among `labels`.
    confidence : float array, shape (clips,)
        Posterior of the label that the model takes for the most probable one.
    right : bool array, shape (clips,)
        Whether this is what was said.
    speakers : str array, shape (clips,), optional
    """

    labels: list[str]
    truth: Array
    told: Array
    confidence: Array
    right: Array
    speakers: Array | None = None

    def __repr__(self) -> str:
        return f"ClipScore({self.correct} of {len(self.truth)} clips right, macro F1 {self.macro_f1:.3f})"

    @property
    def correct(self) -> int:
        """How many clips were labelled right."""
        return int((self.truth == self.told).sum())

    @property
    def accuracy(self) -> float:
        """Their share."""
        return self.correct / len(self.truth)

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson) of the accuracy, as if clips did not depend on each other."""
        return wilson_interval(self.correct, len(self.truth))

    @property
    def macro_f1(self) -> float:
        """The mean over the labels of the harmonic mean of precision and recall."""
        return float(f1_score(self.truth, self.told, labels=self.labels, average="macro", zero_division=0.0))

    @property
    def confusion(self) -> IntArray:
        """Counts, shape (labels, labels): rows are what was said, columns what the model said."""
        counts: IntArray = confusion_matrix(self.truth, self.told, labels=self.labels)
        return counts

    @property
    def reliability(self) -> list[ReliabilityBin]:
        """Of clips in bins of confidence: its mean, and the share that was right; bins without clips are left out."""
        which = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        return [
            ReliabilityBin(float(self.confidence[of].mean()), float(self.right[of].mean()), int(of.sum()))
            for of in (which == k for k in range(BINS))
            if of.any()
        ]

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean over the clips of how far confidence and share of right ones differ."""
        bins = self.reliability
        return sum(b.clips * abs(b.confidence - b.right) for b in bins) / sum(b.clips for b in bins)

    @property
    def speaker_spread(self) -> SpeakerSpread | None:
        """How far speakers are apart; None where none are known."""
        return None if self.speakers is None else _spread(self.speakers, self.truth == self.told)

    def summary(self) -> dict[str, Any]:
        """All figures, as JSON has them."""
        spread = self.speaker_spread
        return {
            "clips": len(self.truth),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "accuracy_interval": self.accuracy_interval,
            "macro_f1": self.macro_f1,
            "labels": self.labels,
            "confusion": self.confusion.tolist(),
            "reliability": [found._asdict() for found in self.reliability],
            "ece": self.ece,
            "speakers": None
            if spread is None
            else {
                "speakers": spread.speakers,
                "accuracy_interval_over_speakers": spread.interval,
                "clips_each_at_least": spread.clips_each,
                "accuracy_by_speaker": spread.accuracies,
            },
        }


def _spread(speakers: Array, right: Array) -> SpeakerSpread:
    names, index = np.unique(speakers, return_inverse=True)
    clips, correct = np.bincount(index), np.bincount(index, weights=right)
    drawn = np.random.default_rng(0).integers(len(names), size=(RESAMPLED, len(names)))
    low, high = np.quantile(correct[drawn].sum(axis=1) / clips[drawn].sum(axis=1), (0.025, 0.975))
    enough = np.flatnonzero(clips >= SPEAKER_CLIPS)
    order = enough[np.argsort(correct[enough] / clips[enough], kind="stable")]
    accuracies = {str(names[i]): float(correct[i] / clips[i]) for i in order}
    return SpeakerSpread(len(names), (float(low), float(high)), SPEAKER_CLIPS, accuracies)


def worst_confusions(score: ClipScore, count: int) -> Sequence[tuple[str, str, int, float]]:
    """What is taken for what most often: (said, told, clips, their share of what was said)."""
    counts = score.confusion
    wrong = counts - np.diag(np.diag(counts))
    pairs = [divmod(int(flat), len(score.labels)) for flat in np.argsort(-wrong, axis=None, kind="stable")[:count]]
    return [
        (score.labels[i], score.labels[j], int(wrong[i, j]), float(wrong[i, j] / counts[i].sum()))
        for i, j in pairs
        if wrong[i, j]
    ]
