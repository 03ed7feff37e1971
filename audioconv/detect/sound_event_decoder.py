"""From posteriors, row by row, to sounds with a beginning and an end: several classes may sound together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import number, one_for_each
from audioconv.classify.decoder import checked_rows
from audioconv.classify.detections import Detection
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime.events import ACTIVITY, ENDED, RUN, RUN_SUM, next_activity

RELEASE_RATIO = 0.5  # the lower threshold, as a share of the upper one


class SoundEventDecoder:
    """Decode posteriors, row by row, to sound events. The events are the same at any cut of the rows.

    Posteriors are averaged over `smoothing_s` (a centred mean, so that edges stay where they are). An event of a class
    begins where the mean reaches its threshold, and ends where it falls below `RELEASE_RATIO` of it (hysteresis),
    unless it reaches the threshold again within `gap_s`. Events shorter than `min_duration_s` are dropped. Each is
    given out once its end is sure. What sounds until the last row lasts until the end of the stream.

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
    smoothing_s, min_duration_s, gap_s : float, in seconds
        Rounded to whole rows; the first two to at least one.
    delay_s : float, in seconds
        How far behind the sound the network answers.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.float32([[0.1], [0.9], [0.4], [0.9], [0.1], [0.1], [0.8]])
    >>> times = {"row_hop_s": 0.1, "row_end_s": 0.1, "smoothing_s": 0.1, "min_duration_s": 0.1, "gap_s": 0.1}
    >>> decoder = SoundEventDecoder(["rain"], 0.5, **times)
    >>> decoder.process(rows), decoder.flush()
    ([Detection('rain' at 0.20 to 0.50 s, score 0.733)], [Detection('rain' at 0.70 to 0.70 s, score 0.800)])
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
        gap_s: float,
        delay_s: float = 0.0,
    ) -> None:
        self.labels = labels.tolist() if isinstance(labels, np.ndarray) else labels  # not NumPy's str
        self.row_hop_s, self.row_end_s = number(row_hop_s, "row_hop_s", above=0), number(row_end_s, "row_end_s")
        self.smoothing_s = number(smoothing_s, "smoothing_s", 0)
        self.min_duration_s = number(min_duration_s, "min_duration_s", 0)
        self.gap_s, self.delay_s = number(gap_s, "gap_s", 0), number(delay_s, "delay_s")
        self.thresholds = one_for_each(thresholds, "thresholds", len(labels))
        if not (self.thresholds > 0).all():
            raise ArgumentError(f"thresholds must be above 0, not {thresholds!r}")
        self._smoothing_rows, self._min_rows = (max(1, round(s / row_hop_s)) for s in (smoothing_s, min_duration_s))
        self._gap_rows = round(gap_s / row_hop_s)
        self._limits = np.stack((self.thresholds, RELEASE_RATIO * self.thresholds))
        self.reset()

    def __repr__(self) -> str:
        return f"SoundEventDecoder({len(self.labels)} labels, a row each {self.row_hop_s:g} s, {_shown(self.timing)})"

    @property
    def timing(self) -> dict[str, float]:
        """Its durations in seconds, by name."""
        return {"smoothing_s": self.smoothing_s, "min_duration_s": self.min_duration_s, "gap_s": self.gap_s}

    def with_thresholds(self, thresholds: ArrayLike) -> "SoundEventDecoder":
        """Return a decoder with other thresholds, at the start of a stream.

        Parameters
        ----------
        thresholds : float, or one for each label

        Returns
        -------
        decoder : SoundEventDecoder
        """
        return SoundEventDecoder(
            self.labels, thresholds, row_hop_s=self.row_hop_s, row_end_s=self.row_end_s, delay_s=self.delay_s,
            **self.timing,
        )  # fmt: skip

    def reset(self) -> None:
        """Start at row 0, without an event."""
        labels = len(self.labels)
        self._recent, self._means = np.zeros((self._smoothing_rows, labels)), np.zeros(labels)
        self._runs, self._sums = np.full((RUN.row_size, labels), -1), np.zeros((RUN_SUM.row_size, labels))
        self._ended, self._scores = np.zeros((labels, ENDED.row_size), np.int64), np.zeros(labels)
        self._state = np.array(ACTIVITY.pack(row=0, ended=0), np.int64)

    def process(self, rows: ArrayLike) -> list[Detection]:
        """Take the next rows of posteriors and return the events that they end.

        Parameters
        ----------
        rows : float array, shape (rows, labels)

        Returns
        -------
        detections : list of Detection
            In the order in which it is sure that they have ended.

        Raises
        ------
        ShapeError
            The decoder stays as it was.
        """
        posteriors = checked_rows(rows, len(self.labels))
        found, begin = [], 0
        while begin < len(posteriors):
            begin = next_activity(posteriors, begin, self._limits, self._recent, self._means, self._runs, self._sums,
                                  self._ended, self._scores, self._state, self._min_rows, self._gap_rows)  # fmt: skip
            for i in range(self._state[ACTIVITY.ended]):
                label, first, end = self._ended[i].tolist()
                found.append(self._detection(label, first, self._time_s(end), float(self._scores[i])))
        return found

    def active(self) -> list[Detection]:
        """Return the events that go on, or may go on after a gap, in the order of their beginnings.

        Returns
        -------
        detections : list of Detection
            Up to the last row.
        """
        last, now_s = int(self._state[ACTIVITY.row]), self._end_s
        found = []
        for label in np.flatnonzero(self._runs[RUN.begin] >= 0).tolist():
            first, gap = (int(self._runs[which, label]) for which in (RUN.begin, RUN.gap))
            sums = self._sums[RUN_SUM.all if gap < 0 else RUN_SUM.before_gap]
            length = (last if gap < 0 else gap) - first
            if length >= self._min_rows:
                end_s = now_s if gap < 0 else self._time_s(gap)
                found.append((first, self._detection(label, first, end_s, float(sums[label]) / length)))
        return [detection for _, detection in sorted(found, key=lambda pair: pair[0])]

    def flush(self) -> list[Detection]:
        """End the stream, and start afresh.

        Returns
        -------
        detections : list of Detection
            The events that the end of the stream ends.
        """
        found = self.active()
        self.reset()
        return found

    def _time_s(self, row: int) -> float:
        """When what a row tells of was heard; not before the stream begins, and not after the last row."""
        behind_s = self.delay_s + (self._smoothing_rows - 1) / 2 * self.row_hop_s
        return min(max(0.0, self.row_end_s + row * self.row_hop_s - behind_s), self._end_s)

    @property
    def _end_s(self) -> float:
        """How much of the stream the rows have seen."""
        return self.row_end_s + (int(self._state[ACTIVITY.row]) - 1) * self.row_hop_s

    def _detection(self, label: int, first: int, end_s: float, score: float) -> Detection:
        return Detection(self.labels[label], self._time_s(first), end_s, score)


def _shown(timing: dict[str, float]) -> str:
    return ", ".join(f"{name}={seconds:g}" for name, seconds in timing.items())
