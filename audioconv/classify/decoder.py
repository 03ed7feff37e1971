"""From posteriors, row by row, to events: the decision that a word was said. One rule for all detectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import number, one_for_each
from audioconv.classify.detections import Detection
from audioconv.errors import ArgumentError, ShapeError
from audioconv.kernels.realtime.events import EVENTS, MARKS, next_event

REFRACTORY_S = 0.1
REARM_RATIO = 0.6  # of its threshold, below which a word that was told can be told again (hysteresis)


def checked_rows(rows: ArrayLike, labels: int) -> Array:
    """Return rows of posteriors as the kernels of decoders take them.

    Parameters
    ----------
    rows : float array, shape (rows, labels)
    labels : int

    Returns
    -------
    posteriors : float32 or float64 array, shape (rows, labels)

    Raises
    ------
    ShapeError
    """
    posteriors = np.asarray(rows)
    if posteriors.shape[1:] != (labels,) or posteriors.ndim != 2:
        raise ShapeError(f"rows must have shape (rows, {labels}), not {posteriors.shape}")
    if posteriors.dtype != np.float32 or not posteriors.flags.carray:  # a read-only array costs a call 1 us more
        posteriors = np.array(posteriors, np.float64)
    return posteriors


class EventDecoder:
    """Decode posteriors, row by row, to events. The events are the same at any cut of the rows.

    Posteriors are averaged over `smoothing_s` (posterior smoothing). A word is decided in the first row in which the
    mean of its posteriors has been at least its threshold for `min_duration_s` and is the largest of those that are at
    least their thresholds; the block that holds this row gives the detection. Then no word is told for `refractory_s`
    (refractory time), and the same one not before its mean was below `REARM_RATIO` of its threshold (hysteresis).

    Parameters
    ----------
    labels : sequence of labels
        One for each column of the rows.
    thresholds : float, or one for each label
        Above 0; infinity for a label that is never told.
    row_hop_s : float, in seconds
        From one row to the next.
    row_end_s : float, in seconds
        Row r is complete `row_end_s + r * row_hop_s` after the start of the stream.
    smoothing_s, min_duration_s, refractory_s : float, in seconds
        Rounded to whole rows; the first two to at least one.
    word_s : float, or one for each label, in seconds, optional
        How long the words are; 0 if not given.
    delay_s : float, in seconds
        From the end of a word to the decision. It is what tells when the word was said.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.float32([[0.1, 0.2], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.1, 0.2]])
    >>> times = {"row_hop_s": 0.02, "row_end_s": 0.03, "smoothing_s": 0.04, "min_duration_s": 0.04}
    >>> decoder = EventDecoder(["no", "yes"], 0.5, **times)
    >>> decoder.process(rows[:2]), decoder.process(rows[2:])
    ([], [Detection('yes' at 0.07 to 0.07 s, score 0.900)])
    """

    def __init__(
        self,
        labels: Sequence[Any] | Array,
        thresholds: ArrayLike,
        *,
        row_hop_s: float,
        row_end_s: float,
        smoothing_s: float,
        min_duration_s: float,
        refractory_s: float = REFRACTORY_S,
        word_s: ArrayLike | None = None,
        delay_s: float = 0.0,
    ) -> None:
        self.labels = labels.tolist() if isinstance(labels, np.ndarray) else labels  # not NumPy's str
        self.row_hop_s, self.row_end_s = number(row_hop_s, "row_hop_s", above=0), number(row_end_s, "row_end_s")
        self.smoothing_s = number(smoothing_s, "smoothing_s", 0)
        self.min_duration_s = number(min_duration_s, "min_duration_s", 0)
        self.refractory_s = number(refractory_s, "refractory_s", 0)
        self.delay_s = number(delay_s, "delay_s")
        self.thresholds = one_for_each(thresholds, "thresholds", len(labels))
        if not (self.thresholds > 0).all():
            raise ArgumentError(f"thresholds must be above 0, not {thresholds!r}")
        self.word_s = one_for_each(0.0 if word_s is None else word_s, "word_s", len(labels))
        if not (np.isfinite(self.word_s) & (self.word_s >= 0)).all():
            raise ArgumentError(f"word_s must be finite and at least 0, not {word_s!r}")
        self._smoothing_rows, self._min_rows, self._refractory_rows = (
            max(1, round(seconds / row_hop_s)) for seconds in (smoothing_s, min_duration_s, refractory_s)
        )
        self._limits = np.stack((self.thresholds, REARM_RATIO * self.thresholds))
        self.reset()

    def __repr__(self) -> str:
        return (
            f"EventDecoder({len(self.labels)} labels, a row each {self.row_hop_s:g} s, "
            f"smoothing_s={self.smoothing_s:g}, min_duration_s={self.min_duration_s:g}, "
            f"refractory_s={self.refractory_s:g})"
        )

    @property
    def timing(self) -> dict[str, float]:
        """Its durations in seconds, by name."""
        return {
            "smoothing_s": self.smoothing_s,
            "min_duration_s": self.min_duration_s,
            "refractory_s": self.refractory_s,
        }

    def with_thresholds(self, thresholds: ArrayLike) -> "EventDecoder":
        """Return a decoder with other thresholds, at the start of a stream.

        Parameters
        ----------
        thresholds : float, or one for each label

        Returns
        -------
        decoder : EventDecoder
        """
        return EventDecoder(
            self.labels,
            thresholds,
            row_hop_s=self.row_hop_s,
            row_end_s=self.row_end_s,
            smoothing_s=self.smoothing_s,
            min_duration_s=self.min_duration_s,
            refractory_s=self.refractory_s,
            word_s=self.word_s,
            delay_s=self.delay_s,
        )

    def reset(self) -> None:
        """Start at row 0, without an event."""
        words = len(self.labels)
        self._recent = np.zeros((self._smoothing_rows, words))
        self._means = np.zeros(words)
        self._state = np.array(EVENTS.pack(row=0, quiet_until=0, word=-1), np.int64)
        self._marks = np.full((MARKS.row_size, words), -1)
        self._marks[MARKS.told] = -2

    def process(self, rows: ArrayLike) -> list[Detection]:
        """Take the next rows of posteriors and return the words that are decided in them.

        Parameters
        ----------
        rows : float array, shape (rows, labels)

        Returns
        -------
        detections : list of Detection

        Raises
        ------
        ShapeError
            The decoder stays as it was.
        """
        posteriors = checked_rows(rows, len(self.labels))
        found, begin = [], 0
        while begin < len(posteriors):
            begin = next_event(posteriors, begin, self._limits, self._recent, self._means, self._marks, self._state,
                               self._min_rows, self._refractory_rows)  # fmt: skip
            if self._state[EVENTS.word] >= 0:
                found.append(self._detection(int(self._state[EVENTS.word])))
        return found

    def flush(self) -> list[Detection]:
        """End the stream, and start afresh.

        Returns
        -------
        detections : list of Detection
            The word that is above its threshold at the end, if it was cut off there before it had been so for long.
        """
        found = []
        word, row = int(np.where(self._means >= self.thresholds, self._means, -np.inf).argmax()), self._last_row
        told = row < self._state[EVENTS.quiet_until] or self._marks[MARKS.low, word] <= self._marks[MARKS.told, word]
        if row >= 0 and self._means[word] >= self.thresholds[word] and not told:
            found.append(self._detection(word))
        self.reset()
        return found

    @property
    def _last_row(self) -> int:
        return int(self._state[EVENTS.row]) - 1

    def _detection(self, word: int) -> Detection:
        """The word that the last row decides."""
        end_s = max(0.0, self.row_end_s + self._last_row * self.row_hop_s - self.delay_s)
        return Detection(self.labels[word], max(0.0, end_s - float(self.word_s[word])), end_s, float(self._means[word]))
