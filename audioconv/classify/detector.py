"""Hearing words in a stream: posteriors of a sliding window, and the decision when a word was said."""

import numbers
from typing import NamedTuple

import numpy as np

from audioconv import arrays, parallel
from audioconv.arrays import number
from audioconv.classify.clips import fit_length
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.errors import ArgumentError, DtypeError
from audioconv.stage import Guard

BATCH = 64  # windows in one pass of the network
SMOOTHING_S, HOLD_S, REFRACTORY_S = 0.3, 0.4, 1.0


class Detection(NamedTuple):
    """One word heard. Times are seconds from the start of the stream, at the middle of the windows that heard it."""

    label: str
    start_s: float  # when its score first reached the threshold
    peak_s: float  # when its score was largest
    score: float  # the largest smoothed posterior


class PosteriorStream:
    """Posteriors of a window as long as a training clip, which moves on in steps of `classifier.step` samples.

    Row k judges samples k * step ... k * step + clip. Blocks of any length give the rows that they complete;
    `flush` fills the last window with zeros, so that no sample goes unheard; a stream shorter than a clip is
    placed in the middle of one, as `predict_proba` does. The rows are the same at any cut.
    """

    latency = 0

    def __init__(self, classifier):
        self._classifier = classifier
        # absolute frames, because each window is a clip of its own
        self._voices = [features.absolute.stream() for features in classifier.heard_features()]
        self._clip, self._step = classifier.clip, classifier.step
        self._guard = Guard("posterior stream")
        self._clear()

    def _clear(self):
        for voice in self._voices:
            voice.reset()
        self._seen = 0  # samples
        self._rows = 0  # posteriors given out
        self._first = 0  # number of the oldest frame that is kept
        self._frames = np.empty((len(self._voices), 0, self._classifier.features_.absolute.n_features), np.float32)
        self._opening = []  # the samples, while there are fewer than a clip

    def reset(self):
        """Forget the stream so far."""
        with self._guard:
            self._clear()

    def process(self, block):
        """Take (samples,) of float32 and return the posteriors (rows, classes) that they complete."""
        block = arrays.floating(block, "block", (1,))
        if block.dtype != np.float32:
            raise DtypeError(f"this stream takes float32 blocks, not {block.dtype}")
        if not np.isfinite(block).all():
            raise ArgumentError(f"block must be finite, but sample {np.flatnonzero(~np.isfinite(block))[0]} is not")
        with self._guard:
            return self._process(block)

    def _process(self, block):
        if self._seen < self._clip:
            self._opening.append(block.copy())
        self._seen += block.size
        if self._seen >= self._clip:
            self._opening.clear()
        new = np.stack([voice.process(block) for voice in self._voices])
        self._frames = np.concatenate((self._frames, new), axis=1)
        due = 1 + (self._seen - self._clip) // self._step if self._seen >= self._clip else 0
        return self._judge(max(0, due - self._rows))

    def _judge(self, count):
        """Posteriors of the next `count` windows; the frames that no later window needs are dropped."""
        length = self._classifier.features_.frames(self._clip)
        hop = self._step // self._classifier.features_.hop
        start = self._rows * hop - self._first

        def judged(first):
            starts = [start + hop * k for k in range(first, min(first + BATCH, count))]
            return self._classifier.judge(np.stack([self._frames[:, s : s + length] for s in starts]))

        results = [np.empty((0, len(self._classifier.classes_)), np.float32)]
        results += parallel.run(judged, range(0, count, BATCH), self._classifier.threads)
        self._rows += count
        keep = max(0, self._rows * hop - self._first)
        self._first += keep
        self._frames = self._frames[:, keep:].copy()
        return np.concatenate(results)

    def flush(self):
        """End the stream: the posteriors of what is left; then start afresh."""
        with self._guard:
            if not self._seen:
                rows = self._judge(0)
            elif self._seen < self._clip:
                clip = fit_length(np.concatenate(self._opening), self._clip)
                self._clear()
                rows = self._process(clip)
            else:
                rest = (self._seen - self._clip) % self._step
                rows = self._process(np.zeros((self._step - rest) % self._step, np.float32))
            self._clear()
            return rows


class Events:
    """The decision when a word was said, from posteriors row by row.

    They are averaged over `smoothing_s`. When that of a word reaches `threshold`, an event begins; it ends when the
    largest has not grown for `hold_s`, and gives one detection, of the label that was largest. For `refractory_s`
    after the peak nothing else is heard.
    """

    def __init__(self, classifier, threshold, smoothing_s=SMOOTHING_S, hold_s=HOLD_S, refractory_s=REFRACTORY_S,
                 ignore=NON_KEYWORD_LABELS):  # fmt: skip
        for name, seconds in (("smoothing_s", smoothing_s), ("hold_s", hold_s), ("refractory_s", refractory_s)):
            number(seconds, name, 0)
        self._labels = classifier.classes_
        no_words = {ignore} if isinstance(ignore, str) else {str(label) for label in ignore or ()}
        self._words = np.array([str(label) not in no_words for label in self._labels])
        self._threshold, self._refractory_s = threshold, refractory_s
        self._step_s = classifier.step / classifier.sample_rate
        self._middle_s = classifier.clip / classifier.sample_rate / 2  # of the window of row 0
        self._smooth = max(1, round(smoothing_s / self._step_s))
        self._settle = max(1, round(hold_s / self._step_s))
        self.reset()

    def reset(self):
        """Start at row 0, with nothing heard."""
        self._row = 0
        self._last = np.zeros((self._smooth - 1, len(self._labels)))  # rows that the next mean still holds
        self._event = None
        self._waited = 0  # rows since the score of the event last grew
        self._refractory_until_s = -np.inf

    def process(self, rows):
        """Go on by some rows of posteriors and return the detections whose events end in them."""
        joined = np.concatenate((self._last, rows))
        self._last = joined[len(rows) :]
        # each mean is summed anew, in the order of its rows, so that it does not depend on the cut
        sums = sum(joined[k : k + len(rows)] for k in range(self._smooth))
        held = np.minimum(self._row + 1 + np.arange(len(rows)), self._smooth)  # rows in each mean: fewer at the start
        scores = np.where(self._words, sums / held[:, None], 0)
        times_s = self._middle_s + (self._row + np.arange(len(rows)) - (held - 1) / 2) * self._step_s
        self._row += len(rows)
        best = scores.argmax(axis=1).tolist()
        moves = map(self._move, best, scores.max(axis=1, initial=0).tolist(), times_s.tolist())
        return [ended for ended in moves if ended]

    def flush(self):
        """The detection that is still open, if there is one; then start afresh."""
        found = [self._event] if self._event else []
        self.reset()
        return found

    def _move(self, best, score, time_s):
        """Move the event on by one row and return it if it ends."""
        if self._event is None:
            if score >= self._threshold and time_s >= self._refractory_until_s:
                self._event = Detection(self._labels[best], time_s, time_s, score)
                self._waited = 0
            return None
        if score > self._event.score:
            self._event = Detection(self._labels[best], self._event.start_s, time_s, score)
            self._waited = 0
            return None
        self._waited += 1
        if self._waited < self._settle:
            return None
        ended, self._event = self._event, None
        self._refractory_until_s = ended.peak_s + self._refractory_s
        return ended


class KeywordDetector:
    """Words in a stream, as they are said.

    Parameters
    ----------
    classifier : fitted KeywordClassifier
    threshold : float in (0, 1); None takes the classifier's own
        The smoothed posterior from which a word counts.
    smoothing_s : float
        Posteriors are averaged over so many seconds.
    hold_s : float
        A word is given out when its score has not grown for so long.
    refractory_s : float
        Nothing is heard for so long after the peak of a word.
    ignore : labels that are no words, such as "unknown"

    References
    ----------
    Chen, Parada, Heigold, Small-footprint keyword spotting using deep neural networks, ICASSP 2014, section 2.3.
    """

    latency = 0

    def __init__(self, classifier, *, threshold=None, smoothing_s=SMOOTHING_S, hold_s=HOLD_S,
                 refractory_s=REFRACTORY_S, ignore=NON_KEYWORD_LABELS):  # fmt: skip
        threshold = classifier.threshold_ if threshold is None else threshold
        if not isinstance(threshold, numbers.Real) or not 0 < threshold < 1:
            raise ArgumentError(f"threshold must lie between 0 and 1, not {threshold!r}")
        self.threshold = float(threshold)
        self._posteriors = PosteriorStream(classifier)
        self._guard = Guard("keyword detector")
        self._events = Events(classifier, self.threshold, smoothing_s, hold_s, refractory_s, ignore)

    def reset(self):
        """Forget the stream so far."""
        with self._guard:
            self._posteriors.reset()
            self._events.reset()

    def process(self, block):
        """Take (samples,) of float32 and return the list of words whose events end in them."""
        with self._guard:
            return self._events.process(self._posteriors.process(block))

    def flush(self):
        """End the stream: the words that are still open; then start afresh."""
        with self._guard:
            return self._events.process(self._posteriors.flush()) + self._events.flush()
