"""A detector as a stage of chains: sound passes unchanged, and Python asks which words were in it."""

from typing import TYPE_CHECKING, Any

from audioconv.classify.detections import Detection
from audioconv.detect.posterior_stage import BUFFER_S, PosteriorStage
from audioconv.detect.stream import Decoder

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.detect.frame_scorer import FrameScorer


class DetectorMonitor(PosteriorStage):
    """Pass a signal on, and tell the words in it to one thread of Python, also while a sound card plays.

    In a chain or on a sound card all but the decision is compiled code, which never waits for Python: posteriors go
    through a ring buffer with one writer and one reader. The words are those of a `DetectorStream`, except that samples
    which are not finite are taken as zeros.

    Parameters
    ----------
    scorer : FrameScorer
    decoder : EventDecoder or SoundEventDecoder
        Of the scorer, as `FrameScorer.decoder` makes it; the monitor's own from then on.
    sample_rate : int, in Hz, optional
        Of the sound, if it is not that of the scorer: what the scorer hears is resampled.
    channels : int
        Of the sound; the scorer hears their mean.
    buffer_s : float, in seconds
        How much sound may pass until `detections` is called; of what comes then the words are lost.

    Attributes
    ----------
    channels, out_channels : int
    rate_in, rate_out : int, in Hz
        That of the sound.
    dropped : int
        Rows of posteriors that were lost because `detections` was not called in time.

    Raises
    ------
    ArgumentError
        For parameters that make no sense.

    Notes
    -----
    `flush` ends the signal, and `detections` then gives all words up to the end; `reset` forgets them.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> from audioconv import detect, nn
    >>> rng, mean, std = np.random.default_rng(0), np.zeros(40, "float32"), np.ones(40, "float32")
    >>> layers = [nn.Conv1d(40, 8, 5, stride=2, padding="causal", rng=rng), nn.ReLU(), nn.Dense(8, 3, rng=rng)]
    >>> scorer = detect.FrameScorer(np.array(["no", "yes"]), ac.LogMel(), nn.Sequential(layers), mean, std)
    >>> words = detect.DetectorMonitor(scorer, scorer.decoder(0.9), sample_rate=48000)
    >>> chain = ac.Chain([words, ac.Gain(-6.0)])
    >>> chain
    Chain([DetectorMonitor, Gain], channels=1, latency=0)
    >>> round(float(chain.process(np.full(480, 0.1, "float32"))[0]), 4), words.detections()
    (0.0501, [])
    """

    def __init__(
        self,
        scorer: "FrameScorer",
        decoder: Decoder,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        buffer_s: float = BUFFER_S,
    ) -> None:
        self.decoder, self._found = decoder, list[Detection]()
        super().__init__(scorer, sample_rate=sample_rate, channels=channels, buffer_s=buffer_s)

    def detections(self) -> list[Detection]:
        """Return the words that were decided since the last call.

        Returns
        -------
        detections : list of Detection

        Raises
        ------
        BusyError
            If another thread is asking.
        """
        with self._reading:
            found, self._found = self._found, []
            return found + self.decoder.process(self._read_rows())

    def _flush(self) -> "FloatArray":
        with self._reading:
            found = self._found + self.decoder.process(self._last_rows()) + self.decoder.flush()
        rest = super()._flush()
        self._found = found
        return rest

    def _reset(self) -> None:
        super()._reset()
        self.decoder.reset()
        self._found = []

    def _parameters(self) -> dict[str, Any]:
        return super()._parameters() | self.decoder.timing
