"""Keyword detection in a stream: from posteriors of a sliding window to the decision when a word was said."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from audioconv._typing import ArrayLike, Float32Array
from audioconv.arrays import is_number, number
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.scorer import PosteriorStream, Scorer
from audioconv.errors import ArgumentError
from audioconv.stage import Guard, GuardedStage, SampleQueue

SMOOTHING_S, HOLD_S, REFRACTORY_S = 0.3, 0.4, 1.0
THRESHOLD = 0.7  # where there were no validation clips to choose it on


class Detection(NamedTuple):
    """One detected word. Times are seconds from the start of the stream, at the middle of the scored windows.

    Parameters
    ----------
    label : str
    start_s : float
        When its score first reached the threshold.
    peak_s : float
        When its score was largest.
    score : float
        The largest smoothed posterior.

    Examples
    --------
    >>> from audioconv import Detection
    >>> Detection("yes", 1.05, 1.2, 0.934)
    Detection('yes' at 1.20 s, score 0.934)
    """

    label: Any
    start_s: float
    peak_s: float
    score: float

    def __repr__(self) -> str:
        label = self.label.item() if isinstance(self.label, np.generic) else self.label
        return f"Detection({label!r} at {self.peak_s:.2f} s, score {self.score:.3f})"


class EventDecoder:
    """Decode posteriors, row by row, to events: the decision when a word was said.

    They are averaged over `smoothing_s` (posterior smoothing). When that of a word reaches `threshold`, an event
    begins; it ends when the largest has not grown for `hold_s` (hold time), and gives one detection, of the label that
    was largest. For `refractory_s` after the peak (refractory time) no other event begins.

    Parameters
    ----------
    scorer : Scorer
        Whose posteriors are decoded: its classes, window and hop are taken.
    threshold : float
    smoothing_s, hold_s, refractory_s : float, in seconds
    ignore : str, or labels that are no keywords, optional
    """

    def __init__(
        self,
        scorer: Scorer,
        threshold: float,
        *,
        smoothing_s: float = SMOOTHING_S,
        hold_s: float = HOLD_S,
        refractory_s: float = REFRACTORY_S,
        ignore: Iterable[Any] | None = NON_KEYWORD_LABELS,
    ) -> None:
        for name, seconds in (("smoothing_s", smoothing_s), ("hold_s", hold_s), ("refractory_s", refractory_s)):
            number(seconds, name, 0)
        self._labels = scorer.classes
        if not isinstance(ignore, (Iterable, type(None))):
            raise ArgumentError(f"ignore must be a label that is text, or a sequence of labels, not {ignore!r}")
        ignored = {ignore} if isinstance(ignore, str) else {str(label) for label in ignore or ()}
        self._is_keyword = np.array([str(label) not in ignored for label in self._labels])
        self._threshold, self._refractory_s = threshold, refractory_s
        self._hop_s = scorer.window_hop / scorer.sample_rate
        self._middle_s = scorer.clip_length / scorer.sample_rate / 2  # of the window of row 0
        self._smoothing_rows = max(1, round(smoothing_s / self._hop_s))
        self._hold_rows = max(1, round(hold_s / self._hop_s))
        self.reset()

    def reset(self) -> None:
        """Start at row 0, without an event."""
        self._row = 0
        # rows that the next mean still holds
        self._latest = SampleQueue(np.zeros((self._smoothing_rows - 1, len(self._labels))))
        self._event: Detection | None = None
        self._held = 0  # rows since the score of the event last grew
        self._refractory_until_s = -np.inf

    def process(self, rows: Float32Array) -> list[Detection]:
        """Process rows of posteriors and return the detections whose events end in them."""
        joined = self._latest.append(rows)
        self._latest.drop(len(rows))
        # each mean is summed anew, in the order of its rows, so that it does not depend on the cut
        sums: Any = sum(joined[k : k + len(rows)] for k in range(self._smoothing_rows))
        held = np.minimum(self._row + 1 + np.arange(len(rows)), self._smoothing_rows)  # rows in each mean: at first few
        scores = np.where(self._is_keyword, sums / held[:, None], 0)
        times_s = self._middle_s + (self._row + np.arange(len(rows)) - (held - 1) / 2) * self._hop_s
        self._row += len(rows)
        best = scores.argmax(axis=1).tolist()
        moves = map(self._move, best, scores.max(axis=1, initial=0).tolist(), times_s.tolist())
        return [ended for ended in moves if ended]

    def flush(self) -> list[Detection]:
        """The detection that is still open, if there is one; then start afresh."""
        found = [self._event] if self._event else []
        self.reset()
        return found

    def _move(self, best: int, score: float, time_s: float) -> Detection | None:
        """Move the event on by one row and return it if it ends."""
        event = self._event
        if event is None:
            if score >= self._threshold and time_s >= self._refractory_until_s:
                self._event = Detection(self._labels[best], time_s, time_s, score)
                self._held = 0
            return None
        if score > event.score:
            self._event = Detection(self._labels[best], event.start_s, time_s, score)
            self._held = 0
            return None
        self._held += 1
        if self._held < self._hold_rows:
            return None
        self._event, self._refractory_until_s = None, event.peak_s + self._refractory_s
        return event


class KeywordDetector(GuardedStage):
    """A keyword detector for streams: words, as they are said.

    Parameters
    ----------
    scorer : Scorer
        Of a fitted `KeywordClassifier`, whose `stream` makes a detector with the threshold that was chosen for it.
    threshold : float in (0, 1)
        The smoothed posterior from which a word counts.
    smoothing_s : float, in seconds
        Posteriors are averaged over so long.
    hold_s : float, in seconds
        Hold time: a word is reported when its score has not grown for so long.
    refractory_s : float, in seconds
        Refractory time: no other word is detected for so long after the peak of a word.
    ignore : str, or sequence of labels
        What is no keyword, such as "unknown".
    threads : int, optional

    References
    ----------
    Chen, Parada, Heigold, Small-footprint keyword spotting using deep neural networks, ICASSP 2014, section 2.3.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> detector = ac.KeywordClassifier.load().stream(threshold=0.8)
    >>> detector
    KeywordDetector(11 classes, threshold=0.8, smoothing_s=0.3, hold_s=0.4, refractory_s=1.0)
    >>> detector.process(np.zeros(32000, "float32")) + detector.flush()
    []
    """

    latency = 0

    def __init__(
        self,
        scorer: Scorer,
        *,
        threshold: float = THRESHOLD,
        smoothing_s: float = SMOOTHING_S,
        hold_s: float = HOLD_S,
        refractory_s: float = REFRACTORY_S,
        ignore: Iterable[Any] | None = NON_KEYWORD_LABELS,
        threads: int | None = None,
    ) -> None:
        if not isinstance(scorer, Scorer):
            raise ArgumentError(
                f"scorer must be a Scorer, as the scorer_ of a fitted KeywordClassifier is one, not {scorer!r}"
            )
        if not is_number(threshold) or not 0 < threshold < 1:
            raise ArgumentError(f"threshold must lie between 0 and 1, not {threshold!r}")
        self.threshold = float(threshold)
        self.smoothing_s, self.hold_s, self.refractory_s = smoothing_s, hold_s, refractory_s
        self._decoder = EventDecoder(
            scorer, self.threshold, smoothing_s=smoothing_s, hold_s=hold_s, refractory_s=refractory_s, ignore=ignore
        )
        self._posteriors = PosteriorStream(scorer, threads)
        self._guard = Guard("keyword detector")

    def __repr__(self) -> str:
        return (
            f"KeywordDetector({len(self._posteriors.scorer.classes)} classes, threshold={self.threshold:g}, "
            f"smoothing_s={self.smoothing_s}, hold_s={self.hold_s}, refractory_s={self.refractory_s})"
        )

    def _reset(self) -> None:
        self._posteriors.reset()
        self._decoder.reset()

    def process(self, block: ArrayLike) -> list[Detection]:
        """Return the words whose events end in a block.

        Parameters
        ----------
        block : float32 array, shape (samples,)
            Of any length.

        Returns
        -------
        detections : list of Detection
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> list[Detection]:
        return self._decoder.process(self._posteriors.process(block))

    def flush(self) -> list[Detection]:
        """End the stream and start afresh.

        Returns
        -------
        detections : list of Detection
            The words that are still open.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> list[Detection]:
        return self._decoder.process(self._posteriors.flush()) + self._decoder.flush()
