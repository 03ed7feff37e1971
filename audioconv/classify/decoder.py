"""From posteriors, row by row, to events: the decision that a word was said. One rule for all detectors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import number, one_for_each
from audioconv.classify.detections import Detection
from audioconv.errors import ArgumentError, ShapeError

REFRACTORY_S = 0.1
REARM_RATIO = 0.6  # of its threshold, below which a word that was told can be told again (hysteresis)


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
        self.labels = labels
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
        self._rearm = REARM_RATIO * self.thresholds
        self.reset()

    def __repr__(self) -> str:
        return (
            f"EventDecoder({len(self.labels)} labels, a row each {self.row_hop_s:g} s, "
            f"smoothing_s={self.smoothing_s:g}, min_duration_s={self.min_duration_s:g}, "
            f"refractory_s={self.refractory_s:g})"
        )

    def reset(self) -> None:
        """Start at row 0, without an event."""
        words = len(self.labels)
        self._row = 0  # the next one
        self._before = np.zeros((self._smoothing_rows - 1, words))  # the rows that the next mean still holds
        self._means = np.empty((0, words))  # the last row of means
        self._below_row = np.full(words, -1)  # when each word was last below its threshold,
        self._low_row = np.full(words, -1)  # when so low that it may be told again,
        self._told_row = np.full(words, -2)  # and when it was told
        self._armed = True  # whether all words may be told again
        self._quiet_until = 0  # the row from which a word may be told

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
        posteriors = np.asarray(rows)
        if posteriors.shape[1:] != (len(self.labels),) or posteriors.ndim != 2:
            raise ShapeError(f"rows must have shape (rows, {len(self.labels)}), not {posteriors.shape}")
        if not len(posteriors):
            return []
        means = self._smoothed(posteriors)
        above, begin = means >= self.thresholds, self._row
        self._row, self._means = begin + len(means), means[-1:]
        if above.any():
            return self._decide(means, above, begin, self._min_rows)
        self._below_row[:] = self._row - 1
        if not self._armed:
            self._low_row[(means < self._rearm).any(axis=0)] = self._row - 1
            self._armed = bool((self._low_row > self._told_row).all())
        return []

    def flush(self) -> list[Detection]:
        """End the stream, and start afresh.

        Returns
        -------
        detections : list of Detection
            The word that is above its threshold at the end, if it was cut off there before it had been so for long.
        """
        found = self._decide(self._means, self._means >= self.thresholds, self._row - len(self._means), 1)
        self.reset()
        return found

    def _smoothed(self, rows: Array) -> Array:
        """The mean of each row and those before it; at the start of the stream of as many as there are."""
        count, length = self._smoothing_rows, len(rows)
        joined = np.concatenate((self._before, rows))
        self._before = joined[length:].copy()
        # each is summed anew, from its first row to its last, so that it does not depend on the cut
        sums: Array = sum((joined[k : k + length] for k in range(1, count)), start=joined[:length])
        if self._row >= count - 1:
            return sums / count
        return sums / np.minimum(self._row + 1 + np.arange(length), count)[:, None]

    def _decide(self, means: Array, above: Array, begin: int, min_rows: int) -> list[Detection]:
        """The words that are decided in rows of means, from row `begin` of the stream on."""
        if not above.any():
            return []
        index = begin + np.arange(len(means))[:, None]
        below = _latest(~above, index, self._below_row)
        low = _latest(means < self._rearm, index, self._low_row)
        self._below_row, self._low_row = below[-1], low[-1]
        best = np.where(above, means, -np.inf).argmax(axis=1)
        lasts = np.take_along_axis(index - below, best[:, None], axis=1)[:, 0]  # so many rows above its threshold
        found = []
        for row in np.flatnonzero(lasts >= min_rows).tolist():
            word = best[row]
            if begin + row >= self._quiet_until and low[row, word] > self._told_row[word]:
                self._told_row[word], self._quiet_until = begin + row, begin + row + self._refractory_rows
                self._armed = False
                found.append(self._detection(begin + row, word, float(means[row, word])))
        return found

    def _detection(self, row: int, word: int, score: float) -> Detection:
        end_s = max(0.0, self.row_end_s + row * self.row_hop_s - self.delay_s)
        return Detection(self.labels[word], max(0.0, end_s - float(self.word_s[word])), end_s, score)


def _latest(mask: Array, index: Array, before: Array) -> Array:
    """For each row the last one so far in which the mask is set; `before` is that of the rows before."""
    rows: Array = np.maximum.accumulate(np.where(mask, index, before), axis=0)
    return rows
