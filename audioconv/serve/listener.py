"""An estimator on the sound of one client, at the client's sample rate."""

from typing import Any

from audioconv._typing import Float32Array
from audioconv.classify import Detection, KeywordClassifier
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.detect import KeywordDetector
from audioconv.stream import Resample


class Listener:
    """The estimator's stream at any sample rate.

    Parameters
    ----------
    estimator : KeywordDetector or KeywordClassifier
        Fitted; shared by all listeners, which do not change it.
    threshold : float or None
        The score from which a word counts; None: the estimator's own.
    sample_rate : int, in Hz
        Of the blocks.

    Examples
    --------
    >>> import numpy as np
    >>> import audioconv as ac
    >>> listener = Listener(ac.KeywordDetector.load(), None, 44100)
    >>> listener.process(np.zeros(4410, "float32")) + listener.flush()
    []
    """

    def __init__(
        self, estimator: KeywordDetector | KeywordClassifier, threshold: float | None, sample_rate: int
    ) -> None:
        self._resample = None
        chosen: dict[str, Any] = {} if threshold is None else {"threshold": threshold}
        if isinstance(estimator, KeywordDetector):
            self._stream: Any = estimator.stream(sample_rate=sample_rate, **chosen)
            return
        self._stream = estimator.stream(**chosen)
        if sample_rate != estimator.sample_rate:
            self._resample = Resample(sample_rate, estimator.sample_rate)

    def process(self, samples: Float32Array) -> list[Detection]:
        """What is decided in a block (samples,)."""
        resampled = samples if self._resample is None else self._resample.process(samples)
        found: list[Detection] = self._stream.process(resampled)
        return found

    def flush(self) -> list[Detection]:
        """What the end decides."""
        rest = [] if self._resample is None else self._stream.process(self._resample.flush())
        return [*rest, *self._stream.flush()]


def words_of(estimator: KeywordDetector | KeywordClassifier) -> tuple[str, ...]:
    """The words that it tells, without "unknown" and the like."""
    return tuple(str(label) for label in estimator.classes_ if label not in NON_KEYWORD_LABELS)
