"""A detector of sound events on a stream: samples in, events out as soon as it is sure that they have ended."""

from audioconv._typing import Array
from audioconv.classify.detections import Detection
from audioconv.detect.frame_scorer import FrameScorer
from audioconv.detect.sound_event_decoder import SoundEventDecoder
from audioconv.detect.stream import DecodedStream


class SoundEventStream(DecodedStream):
    """Find the sound events in a stream, each given out by the block that makes sure that it has ended.

    Parameters
    ----------
    scorer : FrameScorer
        Of classes that may sound together (`multi_label`).
    decoder : SoundEventDecoder
        The stream's own from then on.
    sample_rate : int, in Hz, optional
        Of the blocks, if it is not that of the scorer: they are resampled.

    Attributes
    ----------
    latency : int
        0: events are given out by the block that decides them.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import LogMel, detect, nn
    >>> rng, mean, std = np.random.default_rng(0), np.zeros(40, "float32"), np.ones(40, "float32")
    >>> layers = [nn.Conv1d(40, 8, 5, stride=2, padding="causal", rng=rng), nn.ReLU(), nn.Dense(8, 2, rng=rng)]
    >>> scorer = detect.FrameScorer(np.array(["dog", "rain"]), LogMel(), nn.Sequential(layers), mean, std, True)
    >>> times = {"row_hop_s": 0.02, "row_end_s": 0.025, "smoothing_s": 0.1, "min_duration_s": 0.1, "gap_s": 0.2}
    >>> stream = detect.SoundEventStream(scorer, detect.SoundEventDecoder(scorer.classes, 0.9, **times))
    >>> stream
    SoundEventStream(2 classes, 16000 Hz, smoothing_s=0.1, min_duration_s=0.1, gap_s=0.2)
    >>> stream.process(np.zeros(480, "float32")), stream.active()
    ([], [])
    """

    def __init__(self, scorer: FrameScorer, decoder: SoundEventDecoder, sample_rate: int | None = None) -> None:
        self.decoder = decoder
        super().__init__(scorer, decoder, sample_rate)

    @property
    def thresholds(self) -> Array:
        """The smoothed posterior from which each class counts."""
        return self.decoder.thresholds

    def active(self) -> list[Detection]:
        """Return the events that go on, or may go on after a gap, in the order of their beginnings.

        Returns
        -------
        detections : list of Detection
            Up to where the stream was heard.
        """
        with self._guard:
            return self.decoder.active()
