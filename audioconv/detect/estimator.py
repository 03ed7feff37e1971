"""What the estimators of detectors have in common: parameters, recordings, the trained scorer on sound, their files."""

import os
from abc import abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from audioconv import models
from audioconv._typing import Array, ArrayLike, Float32Array, Path
from audioconv.arrays import floating, whole
from audioconv.classify.clips import read_all, read_mono
from audioconv.classify.detections import Detection
from audioconv.classify.model_card import ModelCard
from audioconv.classify.progress import Notices
from audioconv.classify.settings import Settings
from audioconv.detect import serialization
from audioconv.detect.frame_scorer import FrameScorer
from audioconv.detect.monitor import DetectorMonitor
from audioconv.detect.posterior_stage import BUFFER_S
from audioconv.detect.stream import DecodedStream, Decoder
from audioconv.detect.training import RoundsTrainer
from audioconv.errors import ArgumentError
from audioconv.features import LogMel
from audioconv.models.export.deployment import Deployment


class DetectorEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of `KeywordDetector` and `SoundEventDetector`."""

    _kind: ClassVar[str]  # in files
    _classes_name: ClassVar[str]  # what the classes are
    _multi_label: ClassVar[bool]  # whether they may sound together
    _settings: ClassVar[dict[str, type[Settings]]]  # the parameters that are settings

    model: models.FrameModelName | models.ModelFactory
    sample_rate: int
    threads: int | None
    verbose: int
    scorer_: FrameScorer
    thresholds_: Array
    history_: list[dict[str, Any]]
    interrupted_: bool
    seed_: int
    card_: ModelCard
    parity_: float

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        defaults = type(self)().get_params(deep=False)
        params = {name: value for name, value in self.get_params(deep=False).items() if name != "model"}
        given = [f"{name}={value!r}" for name, value in params.items() if value != defaults[name]]
        fitted = f", fitted to {len(self.classes_)} {self._classes_name}" if hasattr(self, "scorer_") else ""
        return f"{type(self).__name__}({', '.join([repr(serialization.name_of(self.model)), *given])}){fitted}"

    @property
    def classes_(self) -> Array:
        """The labels of the classes, sorted."""
        return self.scorer_.classes

    # --- training ---

    def _checked(self) -> LogMel:
        """The features of the model, where all parameters make sense."""
        whole(self.sample_rate, "sample_rate", 1000)
        for name, kind in self._settings.items():
            if not isinstance(getattr(self, name), (kind, type(None))):
                raise ArgumentError(f"{name} must be a {kind.__name__} or None, not {getattr(self, name)!r}")
        features = models.resolve_frame_model(self.model).features(self.sample_rate)
        assert isinstance(features, LogMel)
        return features

    def _recordings(self, sources: Any, notices: Notices) -> list[Float32Array]:
        """Recordings of any length at the sample rate of the detector."""
        paths = [source for source in sources if isinstance(source, (str, os.PathLike))]
        read = iter(read_all(lambda path: read_mono(path, self.sample_rate, notices), paths, self.threads))
        return [
            next(read)
            if isinstance(source, (str, os.PathLike))
            else floating(source, "recording", (1,)).astype(np.float32, copy=False)
            for source in sources
        ]

    def _untrained(self, classes: Array, features: LogMel, seed: int) -> tuple[FrameScorer, Any]:
        """A scorer, and the network that is trained in the place of its own."""
        outputs = len(classes) + (not self._multi_label)
        network, trained = (
            models.build_frames(self.model, outputs, features.n_features, seed, training=training)
            for training in (False, True)
        )
        still = np.zeros(features.n_features, np.float32)
        return FrameScorer(classes, features, network, still, still + 1, self._multi_label), trained

    def _train(self, trainer: RoundsTrainer, seed: int) -> None:
        self.interrupted_ = False
        try:
            trainer.run(self.verbose)
        except KeyboardInterrupt:
            self.interrupted_ = True
        self.scorer_, self.history_, self.seed_ = trainer.scorer, trainer.history, seed

    # --- on sound ---

    @abstractmethod
    def _decoder(self, threshold: ArrayLike | None) -> Decoder:
        """What decides, with `thresholds_` if no other one is given."""

    @abstractmethod
    def stream(self, *, sample_rate: int | None = None, threshold: ArrayLike | None = None) -> DecodedStream:
        """Make a stream that tells what it detects.

        Parameters
        ----------
        sample_rate : int, in Hz, optional
            Of the stream; by default that of the detector.
        threshold : float, or one for each class, optional
            The smoothed posterior from which a class counts; default `thresholds_`.

        Returns
        -------
        stream : DetectorStream or SoundEventStream
        """

    def monitor(
        self,
        *,
        sample_rate: int | None = None,
        channels: int = 1,
        threshold: ArrayLike | None = None,
        buffer_s: float = BUFFER_S,
    ) -> DetectorMonitor:
        """Make a stage of chains that passes sound on and tells what is in it; it works on a sound card.

        Parameters
        ----------
        sample_rate : int, in Hz, optional
            Of the sound; by default that of the detector.
        channels : int
            Of the sound; the detector hears their mean.
        threshold : float, or one for each class, optional
            The smoothed posterior from which a class counts; default `thresholds_`.
        buffer_s : float, in seconds
            How much sound may pass until its `detections` is called.

        Returns
        -------
        monitor : DetectorMonitor
        """
        check_is_fitted(self, "scorer_")
        return DetectorMonitor(
            self.scorer_, self._decoder(threshold), sample_rate=sample_rate, channels=channels, buffer_s=buffer_s
        )

    def detect(
        self, samples: ArrayLike, sample_rate: int | None = None, *, threshold: ArrayLike | None = None
    ) -> list[Detection]:
        """Return what is detected in a recording: what a stream tells, at any cut.

        Parameters
        ----------
        samples : float32 array, shape (samples,)
        sample_rate : int, in Hz, optional
            Of the recording; by default that of the detector.
        threshold : float, or one for each class, optional
            The smoothed posterior from which a class counts; default `thresholds_`.

        Returns
        -------
        detections : list of Detection
        """
        stream = self.stream(sample_rate=sample_rate, threshold=threshold)
        return stream.process(samples) + stream.flush()

    # --- files ---

    @abstractmethod
    def _decision_facts(self) -> dict[str, Any]:
        """What files for other machines say of how rows are decided by: JSON-serialisable."""

    def deployment(self) -> Deployment:
        """Return what `models.export_onnx` and `models.export_c` make files of.

        Returns
        -------
        deployment : Deployment
        """
        check_is_fitted(self, "scorer_")
        told = [None if threshold == np.inf else float(threshold) for threshold in self.thresholds_]
        facts = {"kind": self._kind, "thresholds": told, "row_end": self.scorer_.row_end}
        return self.scorer_.deployment(facts | self._decision_facts())

    def _own_arrays(self) -> dict[str, Array]:
        """What a file holds beyond what all detectors have."""
        return {}

    def _take_arrays(self, arrays: dict[str, Array]) -> None:
        """Take that from a file; the scorer is there already."""

    def save(self, path: Path) -> None:
        """Serialise the trained detector to a safetensors file, replacing one that is there (atomic write).

        Parameters
        ----------
        path : path
            Ends in .safetensors, .model or nothing.

        Raises
        ------
        ModelFileError
            If it cannot be written, or the name has the suffix of another format.
        """
        check_is_fitted(self, "scorer_")
        serialization.save(self, path)

    @classmethod
    def load(cls, path: Path, model: models.ModelFactory | None = None) -> Self:
        """Load a detector that `save` serialised.

        Parameters
        ----------
        path : path
        model : function, optional
            That made the network, where it was not one of `audioconv.models.FRAME_MODELS`.

        Returns
        -------
        detector : the class that it is called of

        Raises
        ------
        ModelFileError
            If it cannot be read, is not complete, is of another kind, or if this installation does not give the
            posteriors that it gave where it was made.
        """
        return serialization.load(cls, path, model)
