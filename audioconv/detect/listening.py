"""A fitted detector on sound: as a stream, as a stage of chains, and on recordings."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from audioconv._typing import Array, ArrayLike
from audioconv.classify.decoder import REFRACTORY_S
from audioconv.classify.detections import Detection
from audioconv.detect.frame_scorer import SMOOTHING_S, FrameScorer
from audioconv.detect.monitor import DetectorMonitor
from audioconv.detect.posterior_stage import BUFFER_S
from audioconv.detect.stream import DetectorStream
from audioconv.detect.training_config import DetectorTraining
from audioconv.models.export.deployment import Deployment


class ListeningMixin:
    """The part of `KeywordDetector` that uses its scorer and thresholds."""

    scorer_: FrameScorer
    thresholds_: Array
    word_s_: Array
    training: DetectorTraining | None

    def stream(self, *, sample_rate: int | None = None, threshold: ArrayLike | None = None) -> DetectorStream:
        """Make a stream that tells words as they are said.

        Parameters
        ----------
        sample_rate : int, in Hz, optional
            Of the stream; by default that of the detector.
        threshold : float, or one for each keyword, optional
            The smoothed posterior from which a word counts; default `thresholds_`.

        Returns
        -------
        stream : DetectorStream
        """
        check_is_fitted(self, "scorer_")
        return DetectorStream(
            self.scorer_,
            self.thresholds_ if threshold is None else threshold,
            sample_rate=sample_rate,
            **self._decision(),
        )

    def deployment(self) -> Deployment:
        """Return what `models.export_onnx` and `models.export_c` make files of.

        Returns
        -------
        deployment : Deployment
        """
        check_is_fitted(self, "scorer_")
        scorer = self.scorer_
        told = [None if threshold == np.inf else float(threshold) for threshold in self.thresholds_]
        facts = {
            "kind": "KeywordDetector", "thresholds": told, "smoothing_s": SMOOTHING_S, "refractory_s": REFRACTORY_S,
            "row_end": scorer.row_end, **self._decision(), "word_s": self.word_s_.tolist(),
        }  # fmt: skip
        return scorer.deployment(facts)

    def monitor(
        self,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        threshold: ArrayLike | None = None,
        buffer_s: float = BUFFER_S,
    ) -> DetectorMonitor:
        """Make a stage of chains that passes sound on and tells the words in it; it works on a sound card.

        Parameters
        ----------
        sample_rate : int, in Hz, optional
            Of the sound; by default that of the detector.
        channels : int
            Of the sound; the detector hears their mean.
        threshold : float, or one for each keyword, optional
            The smoothed posterior from which a word counts; default `thresholds_`.
        buffer_s : float, in seconds
            How much sound may pass until its `detections` is called.

        Returns
        -------
        monitor : DetectorMonitor
        """
        check_is_fitted(self, "scorer_")
        thresholds = self.thresholds_ if threshold is None else threshold
        return DetectorMonitor(
            self.scorer_,
            self.scorer_.decoder(thresholds, **self._decision()),
            sample_rate=sample_rate,
            channels=channels,
            buffer_s=buffer_s,
        )

    def _decision(self) -> dict[str, Any]:
        """The settings of the decoder beside its thresholds."""
        return {
            "word_s": self.word_s_,
            "delay_s": (self.training or DetectorTraining()).lag_s,
        }

    def detect(self, samples: ArrayLike, sample_rate: int | None = None) -> list[Detection]:
        """Return the words in a recording: those that a stream tells, at any cut.

        Parameters
        ----------
        samples : float32 array, shape (samples,)
        sample_rate : int, in Hz, optional
            Of the recording; by default that of the detector.

        Returns
        -------
        detections : list of Detection
        """
        stream = self.stream(sample_rate=sample_rate)
        return stream.process(samples) + stream.flush()
