"""What a trained classifier says: of clips by several voices and places, of streams window by window."""

from functools import partial

import numpy as np
from sklearn.utils.validation import check_is_fitted

from audioconv import models, nn, parallel
from audioconv.classify import clip_digests
from audioconv.classify.clips import check_clips, load_clips
from audioconv.classify.detector import BATCH, KeywordDetector, PosteriorStream
from audioconv.classify.progress import Notices


class Judging:
    """The part of `KeywordClassifier` that uses a trained network."""

    def heard_features(self):
        """The features of each of `tta_pitch_factors_`."""
        return [
            self.features_ if pitch == 1 else self.features_.with_pitch_factor(pitch)
            for pitch in self.tta_pitch_factors_
        ]

    def _standardised(self, features):
        """Features (clips, frames, numbers) as the network wants them, by mean and deviation of the training set."""
        return models.network_input(self.network_, (features - self.mean_) / self.std_)

    def _logits(self, frames, network):
        """Mean logits (clips, classes) of absolute log-mel frames (clips, voices, frames, mels)."""
        hops = [round(1000 * shift / self.features_.hop_ms) for shift in self.tta_shifts_s_]
        silence = self.features_.absolute(np.zeros(self.features_.win_length, np.float32))[0]
        heard = np.concatenate([_moved(frames, hop, silence) for hop in hops], axis=1)
        logits = network(self._standardised(self.features_.from_absolute(heard.reshape(-1, *frames.shape[2:]))))
        return _mean(logits.reshape(*heard.shape[:2], -1).swapaxes(0, 1))

    def judge(self, frames):
        """Posteriors (windows, classes) of absolute log-mel frames (windows, voices, frames, mels), by one thread."""
        if getattr(self, "_predictor", None) is None:
            self._predictor = self.network_.inference()
        return nn.softmax(self._logits(frames, self._predictor))

    def _clips(self, X):
        check_is_fitted(self, "network_")
        return load_clips(check_clips(X), self.sample_rate, self.clip, Notices(self.verbose), self.threads)

    def _logits_of(self, X):
        clips, voices, rows = self._clips(X), [features.absolute for features in self.heard_features()], []
        for begin in range(0, len(clips), BATCH):
            part = list(clips[begin : begin + BATCH])
            frames = parallel.run(lambda clip: np.stack([voice(clip) for voice in voices]), part, self.threads)
            rows.append(self._logits(np.stack(frames), partial(self.network_.forward, threads=self.threads)))
        return np.concatenate(rows)

    def predict_proba(self, X):
        """Posteriors of clips, shape (clips, classes), in the order of `classes_`."""
        return nn.softmax(self._logits_of(X))

    def predict_log_proba(self, X):
        """Natural logarithms of the posteriors of clips, shape (clips, classes); finite where these round to 0."""
        logits = self._logits_of(X).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        return (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).astype(np.float32)

    def decision_function(self, X):
        """Logits of clips, shape (clips, classes); of two classes (clips,), above 0 for the second."""
        logits = self._logits_of(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict(self, X):
        """The most probable label of each clip."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def was_trained_on(self, X):
        """Whether each clip is one that the weights were made from, or, as validation, chosen by.

        Parameters
        ----------
        X : list of paths, or float array of shape (clips, samples) at `sample_rate`

        Returns
        -------
        trained, validated : bool arrays, shape (clips,); None, None if the model is of a file that does not say so
        """
        clips = self._clips(X)
        if self.trained_on_ is None:
            return None, None
        found = clip_digests.digests(clips, self.threads)
        return np.isin(found, self.trained_on_), np.isin(found, self.validated_on_)

    def posteriors(self, samples):
        """Posteriors of a window that slides over a long recording.

        Parameters
        ----------
        samples : float32 array, shape (samples,), at `sample_rate`

        Returns
        -------
        rows : float32 array, shape (frames, classes)
            Frame k judges samples k * step to k * step + clip; the last one is filled with zeros.
        """
        check_is_fitted(self, "network_")
        stream = PosteriorStream(self)
        return np.concatenate((stream.process(samples), stream.flush()))

    def stream(self, **settings):
        """A KeywordDetector with these settings: threshold, smoothing_s, hold_s, refractory_s, ignore."""
        check_is_fitted(self, "network_")
        return KeywordDetector(self, **settings)


def _mean(logits):
    """Mean over voices and shifts, summed in their order, so that it does not depend on how many clips there are."""
    return sum(logits[1:], start=logits[0]) / np.float32(len(logits))


def _moved(frames, hops, silence):
    """Frames (..., frames, mels) so many later, with silence where nothing was."""
    count, result = frames.shape[-2], np.full_like(frames, silence)
    hops = min(max(hops, -count), count)
    result[..., max(hops, 0) : count + min(hops, 0), :] = frames[..., max(-hops, 0) : count + min(-hops, 0), :]
    return result
