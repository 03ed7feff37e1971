"""How well a detector does in streams with known words: found words, false alarms, and how late it tells them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from audioconv._wording import counted
from audioconv.arrays import number
from audioconv.classify.calibrate import Word, match_words
from audioconv.classify.detections import Detection
from audioconv.classify.intervals import wilson_interval
from audioconv.detect.calibration import FalseAlarmRate


class WordScore(NamedTuple):
    """Hits and false alarms of one word.

    Parameters
    ----------
    label : str
    words : int
        How often it was said.
    hits : int
        How often it was found.
    false_alarms : FalseAlarmRate

    Examples
    --------
    >>> from audioconv.detect import FalseAlarmRate
    >>> score = WordScore("yes", 10, 9, FalseAlarmRate(1, 0.5))
    >>> score.recall, [round(limit, 3) for limit in score.recall_interval]
    (0.9, [0.596, 0.982])
    """

    label: Any
    words: int
    hits: int
    false_alarms: FalseAlarmRate

    @property
    def recall(self) -> float:
        """Share of the words that were found; NaN if there were none."""
        return self.hits / self.words if self.words else np.nan

    @property
    def recall_interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson) of the recall; (0, 1) if there were no words."""
        return wilson_interval(self.hits, self.words) if self.words else (0.0, 1.0)


@dataclass(frozen=True, repr=False)
class StreamScore:
    """Hits, false alarms and delays of a detector in a stream with known words; made by `score_stream`.

    Parameters
    ----------
    by_word : tuple of WordScore
        Of each label that was said or detected.
    hours : float
    delays_s : tuple of float, in seconds
        Of each hit, in order: from the end of the word to the decision.

    Examples
    --------
    >>> from audioconv.detect import FalseAlarmRate
    >>> score = StreamScore((WordScore("yes", 3, 2, FalseAlarmRate(1, 0.5)),), 0.5, (0.04, 0.12))
    >>> score
    StreamScore(2 of 3 words found, 1 false alarm in 0.5 h, 0.08 s after their end, 95 % within 0.12 s)
    >>> score.false_alarms.per_hour
    2.0
    """

    by_word: tuple[WordScore, ...]
    hours: float
    delays_s: tuple[float, ...]

    def __repr__(self) -> str:
        late = f", {self.median_delay_s:.2f} s after their end, 95 % within {self.delay_95_s:.2f} s"
        alarms = f"{counted(self.false_alarms.count, 'false alarm')} in {self.hours:.3g} h"
        return f"StreamScore({self.hits} of {self.words} words found, {alarms}{late if self.delays_s else ''})"

    @property
    def words(self) -> int:
        """How many words were said."""
        return sum(score.words for score in self.by_word)

    @property
    def hits(self) -> int:
        """How many of them were found."""
        return sum(score.hits for score in self.by_word)

    @property
    def recall(self) -> float:
        """Share of the words that were found; NaN if there were none."""
        return self.hits / self.words if self.words else np.nan

    @property
    def recall_interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson) of the recall; (0, 1) if there were no words."""
        return wilson_interval(self.hits, self.words) if self.words else (0.0, 1.0)

    @property
    def false_alarms(self) -> FalseAlarmRate:
        """Those of all words."""
        return FalseAlarmRate(sum(score.false_alarms.count for score in self.by_word), self.hours)

    @property
    def median_delay_s(self) -> float:
        """Median of the delays, in seconds; NaN without hits."""
        return float(np.median(self.delays_s)) if self.delays_s else np.nan

    @property
    def delay_95_s(self) -> float:
        """What 95 % of the delays do not exceed, in seconds; NaN without hits."""
        return float(np.quantile(self.delays_s, 0.95, method="inverted_cdf")) if self.delays_s else np.nan


def score_stream(
    detections: Sequence[Detection], truth: Sequence[Word], hours: float, *, delay_s: float = 0.0
) -> StreamScore:
    """Score the detections in a stream with known words.

    A word is found by the first detection of its label that overlaps it, or begins at most half a second after it. All
    other detections are false alarms: a second one of a word, one of another label, and one where no word is.

    Parameters
    ----------
    detections : sequence of Detection
    truth : sequence of Word
        Those that were said, in the order of their times.
    hours : float
        Length of the stream.
    delay_s : float, in seconds
        That of the decoder, which dates the end of a word so much earlier than the decision.

    Returns
    -------
    score : StreamScore

    Raises
    ------
    ArgumentError
        If there are no hours.

    Examples
    --------
    >>> from audioconv.classify.calibrate import Word
    >>> found = [Detection("yes", 0.9, 1.5, 0.9), Detection("no", 5.0, 5.4, 0.8)]
    >>> score_stream(found, [Word("yes", 1.0, 1.4)], 0.5)
    StreamScore(1 of 1 words found, 1 false alarm in 0.5 h, 0.10 s after their end, 95 % within 0.10 s)
    """
    number(hours, "hours", above=0)
    matches = match_words(detections, truth)
    pairs = [(detection, truth[i]) for detection, i in zip(detections, matches, strict=True) if i is not None]
    said, told, hits = (
        _counts(each) for each in ((w.label for w in truth), (d.label for d in detections), (w.label for _, w in pairs))
    )
    by_word = tuple(
        WordScore(label, said.get(label, 0), hits.get(label, 0),
                  FalseAlarmRate(told.get(label, 0) - hits.get(label, 0), hours))
        for label in sorted(said | told, key=str)
    )  # fmt: skip
    return StreamScore(by_word, hours, tuple(float(d.end_s + delay_s - w.end_s) for d, w in pairs))


def _counts(labels: Iterable[Any]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return counts
