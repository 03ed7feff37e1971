"""Keywords in a stream by a classifier of clips: a window as long as a clip slides over it, and posteriors decide."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from audioconv._typing import ArrayLike
from audioconv.arrays import is_number, number
from audioconv.classify.decoder import EventDecoder
from audioconv.classify.detections import Detection
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.scorer import PosteriorStream, Scorer
from audioconv.errors import ArgumentError
from audioconv.stage import Guard, GuardedStage

SMOOTHING_S, MIN_DURATION_S = 0.3, 0.1
REFRACTORY_S = 1.25  # until what was heard has left the window, in which its end may look like another word
THRESHOLD = 0.7  # where there were no validation clips to choose it on
WORD_RATIO = 0.4  # how long a word is, of the length of a clip


class SlidingWindowDetector(GuardedStage):
    """Find the words in a stream by a classifier of clips, as they are said.

    A word is given out by the block that decides it. It is taken to end with the window in the middle of those that
    were averaged when it reached the threshold, because a network knows it from when its window holds it whole, and to
    be 0.4 times as long as a clip. (On recorded words this is right by 0.1 s for most.)

    Parameters
    ----------
    scorer : Scorer
        Of a fitted `KeywordClassifier`, whose `stream` makes a detector with the threshold that was chosen for it.
    threshold : float in (0, 1)
        The smoothed posterior from which a word counts.
    smoothing_s : float, in seconds
        Posteriors are averaged over so long.
    min_duration_s : float, in seconds
        A word is decided when its smoothed posterior has been above the threshold for so long.
    refractory_s : float, in seconds
        Refractory time: no other word is detected for so long after a decision.
    ignore : str, or sequence of labels
        What is no keyword, such as "unknown".
    threads : int, optional

    References
    ----------
    Chen, Parada, Heigold, Small-footprint keyword spotting using deep neural networks, ICASSP 2014, section 2.3.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> network = ac.models.build("tc-resnet8", 2, 40, 0, 98)  # as it is before training
    >>> still, ones = np.zeros(40, "float32"), np.ones(40, "float32")
    >>> words = np.array(["no", "unknown"])
    >>> scorer = ac.classify.Scorer(words, ac.LogMel(), network, still, ones, 16000, (1.0,), (0.0,))
    >>> detector = ac.classify.SlidingWindowDetector(scorer, threshold=0.8)
    >>> detector
    SlidingWindowDetector(2 classes, threshold=0.8, smoothing_s=0.3, min_duration_s=0.1, refractory_s=1.25)
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
        min_duration_s: float = MIN_DURATION_S,
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
        self.smoothing_s, self.min_duration_s, self.refractory_s = smoothing_s, min_duration_s, refractory_s
        self._decoder = window_decoder(
            scorer, self.threshold, smoothing_s=smoothing_s, min_duration_s=min_duration_s, refractory_s=refractory_s,
            ignore=ignore,
        )  # fmt: skip
        self._posteriors = PosteriorStream(scorer, threads)
        self._guard = Guard("sliding-window detector")

    def __repr__(self) -> str:
        return (
            f"SlidingWindowDetector({len(self._posteriors.scorer.classes)} classes, threshold={self.threshold:g}, "
            f"smoothing_s={self.smoothing_s}, min_duration_s={self.min_duration_s}, refractory_s={self.refractory_s})"
        )

    def _reset(self) -> None:
        self._posteriors.reset()
        self._decoder.reset()

    def process(self, block: ArrayLike) -> list[Detection]:
        """Return the words that are decided in a block.

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
            The words that the end of the stream decides.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> list[Detection]:
        return self._decoder.process(self._posteriors.flush()) + self._decoder.flush()


def window_decoder(
    scorer: Scorer,
    threshold: float,
    *,
    smoothing_s: float = SMOOTHING_S,
    min_duration_s: float = MIN_DURATION_S,
    refractory_s: float = REFRACTORY_S,
    ignore: Iterable[Any] | None = NON_KEYWORD_LABELS,
) -> EventDecoder:
    """A decoder for the posteriors of windows; labels to ignore have a threshold of infinity.

    The decision is later than the end of a word by half of the windows that are averaged, and by the rows in which
    their mean must stay above the threshold.
    """
    if not isinstance(ignore, (Iterable, type(None))):
        raise ArgumentError(f"ignore must be a label that is text, or a sequence of labels, not {ignore!r}")
    ignored = {ignore} if isinstance(ignore, str) else {str(label) for label in ignore or ()}
    smoothing_s = number(smoothing_s, "smoothing_s", 0)
    min_duration_s = number(min_duration_s, "min_duration_s", 0)
    hop_s = scorer.window_hop / scorer.sample_rate
    return EventDecoder(
        scorer.classes,
        [np.inf if str(label) in ignored else threshold for label in scorer.classes],
        row_hop_s=hop_s,
        row_end_s=scorer.clip_s,
        smoothing_s=smoothing_s,
        min_duration_s=min_duration_s,
        refractory_s=refractory_s,
        word_s=WORD_RATIO * scorer.clip_s,
        delay_s=max(0.0, smoothing_s - hop_s) / 2 + max(0.0, min_duration_s - hop_s),
    )
