"""A detector on a stream: samples in, words and sounds out as soon as they are decided."""

from typing import Protocol

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import whole
from audioconv.classify.decoder import REFRACTORY_S
from audioconv.classify.detections import Detection
from audioconv.detect.frame_scorer import MIN_DURATION_S, SMOOTHING_S, FrameScorer
from audioconv.stage import Guard, GuardedStage


class Decoder(Protocol):
    """What turns rows of posteriors into detections, the same at any cut."""

    @property
    def timing(self) -> dict[str, float]:
        """Its durations in seconds, by name."""

    def process(self, rows: ArrayLike) -> list[Detection]:
        """Take the next rows of posteriors and return what they decide."""

    def flush(self) -> list[Detection]:
        """End the stream, and start afresh."""

    def reset(self) -> None:
        """Start at row 0."""


class DecodedStream(GuardedStage):
    """A scorer's stream and a decoder behind it."""

    latency = 0

    def __init__(self, scorer: FrameScorer, decoder: Decoder, sample_rate: int | None) -> None:
        self.scorer = scorer
        self.sample_rate = scorer.sample_rate if sample_rate is None else whole(sample_rate, "sample_rate")
        self._posteriors = scorer.stream(self.sample_rate)
        self._decoder = decoder
        self._guard = Guard("detector stream")

    def __repr__(self) -> str:
        timing = ", ".join(f"{name}={seconds:g}" for name, seconds in self._decoder.timing.items())
        classes = f"{len(self.scorer.classes)} {'classes' if self.scorer.multi_label else 'keywords'}"
        return f"{type(self).__name__}({classes}, {self.sample_rate} Hz, {timing})"

    def process(self, block: ArrayLike) -> list[Detection]:
        """Return what is decided in a block.

        Parameters
        ----------
        block : float32 array, shape (samples,)
            Of any length, at `sample_rate`.

        Returns
        -------
        detections : list of Detection

        Raises
        ------
        DtypeError, ShapeError, ArgumentError, BusyError
            For another dtype or shape, and for samples that are not finite; the stream stays as it was.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> list[Detection]:
        rows = self._posteriors._process(block)
        return self._decoder.process(rows) if len(rows) else []

    def flush(self) -> list[Detection]:
        """End the stream and start afresh.

        Returns
        -------
        detections : list of Detection
            What the end of the stream decides.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> list[Detection]:
        return self._decoder.process(self._posteriors._flush()) + self._decoder.flush()

    def _reset(self) -> None:
        self._posteriors._reset()
        self._decoder.reset()


class DetectorStream(DecodedStream):
    """Find the words in a stream, each given out by the block in which it is decided.

    Parameters
    ----------
    scorer : FrameScorer
    thresholds : float, or one for each of its classes
        The smoothed posterior from which a word counts; infinity for a word that is never told.
    sample_rate : int, in Hz, optional
        Of the blocks, if it is not that of the scorer: they are resampled.
    smoothing_s : float, in seconds
        Posteriors are averaged over so long.
    min_duration_s : float, in seconds
        A word is decided when its smoothed posterior has been above its threshold for so long.
    refractory_s : float, in seconds
        Refractory time: no other word is detected for so long after a decision.
    word_s : float, or one for each class, in seconds, optional
        How long words are, so that detections tell when they began; 0 if not given.
    delay_s : float, in seconds
        From the end of a word to the decision, as the network was taught, so that detections tell when words ended.

    Attributes
    ----------
    latency : int
        0: detections are given out by the block that decides them.

    Raises
    ------
    ArgumentError
        For parameters that make no sense.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import LogMel, detect, nn
    >>> rng, mean, std = np.random.default_rng(0), np.zeros(40, "float32"), np.ones(40, "float32")
    >>> layers = [nn.Conv1d(40, 8, 5, stride=2, padding="causal", rng=rng), nn.ReLU(), nn.Dense(8, 3, rng=rng)]
    >>> scorer = detect.FrameScorer(np.array(["no", "yes"]), LogMel(), nn.Sequential(layers), mean, std)
    >>> stream = detect.DetectorStream(scorer, [0.9, np.inf], sample_rate=48000, word_s=0.4)
    >>> stream
    DetectorStream(2 keywords, 48000 Hz, smoothing_s=0.14, min_duration_s=0, refractory_s=0.1)
    >>> stream.process(np.zeros(480, "float32")) + stream.flush()
    []
    """

    def __init__(
        self,
        scorer: FrameScorer,
        thresholds: ArrayLike,
        *,
        sample_rate: int | None = None,
        smoothing_s: float = SMOOTHING_S,
        min_duration_s: float = MIN_DURATION_S,
        refractory_s: float = REFRACTORY_S,
        word_s: ArrayLike | None = None,
        delay_s: float = 0.0,
    ) -> None:
        self.decoder = scorer.decoder(
            thresholds,
            smoothing_s=smoothing_s,
            min_duration_s=min_duration_s,
            refractory_s=refractory_s,
            word_s=word_s,
            delay_s=delay_s,
        )
        super().__init__(scorer, self.decoder, sample_rate)

    @property
    def thresholds(self) -> Array:
        """The smoothed posterior from which each word counts."""
        return self.decoder.thresholds
