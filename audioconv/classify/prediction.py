"""Predictions of a fitted estimator: labels and posteriors of clips, posteriors and keywords of streams."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from audioconv import models, nn
from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.classify import clip_digests
from audioconv.classify.clips import Clips, check_clips, load_clips
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.progress import Notices
from audioconv.classify.scorer import Features, Scorer
from audioconv.classify.sliding_window import MIN_DURATION_S, REFRACTORY_S, SMOOTHING_S, SlidingWindowDetector
from audioconv.models.export.deployment import Deployment


class PredictorMixin:
    """The part of `KeywordClassifier` that uses its scorer."""

    scorer_: Scorer
    threshold_: float
    trained_on_: Array | None
    validated_on_: Array | None
    threads: int | None
    verbose: int

    @property
    def window_hop(self) -> int:
        """From one window of a stream to the next, in samples: a whole number of feature hops."""
        return self.scorer_.window_hop

    @property
    def classes_(self) -> Array:
        """The labels, sorted."""
        return self.scorer_.classes

    @property
    def features_(self) -> Features:
        """The features that the network is given."""
        return self.scorer_.features

    @property
    def network_(self) -> models.Network:
        """The trained network."""
        return self.scorer_.network

    @property
    def mean_(self) -> Float32Array:
        """The mean of each feature over the training set."""
        return self.scorer_.mean

    @property
    def std_(self) -> Float32Array:
        """The standard deviation of each feature over the training set."""
        return self.scorer_.std

    @property
    def tta_pitch_factors_(self) -> tuple[float, ...]:
        """The pitch factors of test-time augmentation."""
        return self.scorer_.tta_pitch_factors

    @property
    def tta_shifts_s_(self) -> tuple[float, ...]:
        """The time shifts of test-time augmentation, in seconds."""
        return self.scorer_.tta_shifts_s

    def deployment(self) -> Deployment:
        """Return what `models.export_onnx` and `models.export_c` make files of.

        Returns
        -------
        deployment : Deployment
        """
        check_is_fitted(self, "scorer_")
        told = [None if label in NON_KEYWORD_LABELS else self.threshold_ for label in self.classes_.tolist()]
        return self.scorer_.deployment({"kind": "KeywordClassifier", "thresholds": told})

    # --- clips ---

    def _clips(self, X: Clips) -> Float32Array:
        check_is_fitted(self, "scorer_")
        scorer, notices = self.scorer_, Notices(self.verbose)
        return load_clips(check_clips(X), scorer.sample_rate, scorer.clip_length, notices, self.threads)

    def _logits(self, X: Clips) -> Float32Array:
        clips = self._clips(X)
        return self.scorer_.logits(clips, self.threads)

    def predict_proba(self, X: Clips) -> Float32Array:
        """Return the posteriors of clips.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`

        Returns
        -------
        posteriors : float32 array, shape (clips, classes)
            In the order of `classes_`.
        """
        posteriors: Float32Array = nn.softmax(self._logits(X))
        return posteriors

    def predict_log_proba(self, X: Clips) -> Float32Array:
        """Return natural logarithms of the posteriors of clips; finite where these round to 0.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`

        Returns
        -------
        log_posteriors : float32 array, shape (clips, classes)
        """
        logits = self._logits(X).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        log_posteriors: Float32Array = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)
        return log_posteriors

    def decision_function(self, X: Clips) -> Float32Array:
        """Return the logits of clips.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`

        Returns
        -------
        logits : float32 array, shape (clips, classes)
            Of two classes (clips,), above 0 for the second.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X: Clips) -> Array:
        """Return the most probable label of each clip.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`

        Returns
        -------
        labels : array, shape (clips,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        labels: Array = self.classes_[best]
        return labels

    def was_trained_on(self, X: Clips) -> tuple[Array, Array] | tuple[None, None]:
        """Return whether each clip was in the training set, or in the validation set (data leakage).

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`

        Returns
        -------
        trained, validated : bool arrays, shape (clips,)
            None, None if the model is of a file that does not say so.
        """
        clips = self._clips(X)
        if self.trained_on_ is None or self.validated_on_ is None:
            return None, None
        found = clip_digests.digests(clips, self.threads)
        return np.isin(found, self.trained_on_), np.isin(found, self.validated_on_)

    # --- streams ---

    def posteriors(self, samples: ArrayLike) -> Float32Array:
        """Return the posteriors of a window that slides over a long recording.

        Parameters
        ----------
        samples : float32 array, shape (samples,), at `sample_rate`

        Returns
        -------
        rows : float32 array, shape (windows, classes)
            Window k scores samples k * window_hop to k * window_hop + clip_length; the last is filled with zeros.
        """
        check_is_fitted(self, "scorer_")
        return self.scorer_.posteriors(samples, self.threads)

    def stream(
        self,
        *,
        threshold: float | None = None,
        smoothing_s: float = SMOOTHING_S,
        min_duration_s: float = MIN_DURATION_S,
        refractory_s: float = REFRACTORY_S,
        ignore: Iterable[Any] | None = NON_KEYWORD_LABELS,
    ) -> SlidingWindowDetector:
        """Make a detector of the words in a stream.

        Parameters
        ----------
        threshold : float in (0, 1), optional
            The smoothed posterior from which a word counts; default `threshold_`.
        smoothing_s : float, in seconds
            Posteriors are averaged over so long.
        min_duration_s : float, in seconds
            A word is decided when its smoothed posterior has been above the threshold for so long.
        refractory_s : float, in seconds
            Refractory time: no other word is detected for so long after a decision.
        ignore : str, or sequence of labels
            What is no keyword, such as "unknown".

        Returns
        -------
        detector : SlidingWindowDetector
        """
        check_is_fitted(self, "scorer_")
        return SlidingWindowDetector(
            self.scorer_, threshold=self.threshold_ if threshold is None else threshold, smoothing_s=smoothing_s,
            min_duration_s=min_duration_s, refractory_s=refractory_s, ignore=ignore, threads=self.threads,
        )  # fmt: skip
