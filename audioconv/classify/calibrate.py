"""Streams with known words in them: how detections are scored, and how the threshold is set."""

from typing import NamedTuple

import numpy as np

from audioconv.arrays import number, seed_of
from audioconv.classify.detector import Events
from audioconv.classify.labels import NON_KEYWORD_LABELS

NOISE_LEVEL = 0.02  # of full scale, root mean square: words 10 dB above it do not clip
LATE_S = 0.5  # a detection counts until so long after the end of its word
SLACK = 0.01
THRESHOLDS = np.round(np.arange(0.3, 0.98, 0.02), 2)


class Word(NamedTuple):
    """A word placed in a stream."""

    label: str
    start_s: float
    end_s: float


class Score(NamedTuple):
    """What a detector made of a stream."""

    words: int
    found: int
    false: int  # detections that are no first right one of a word
    hours: float

    @property
    def recall(self):
        """Share of the words that were found."""
        return self.found / max(self.words, 1)

    @property
    def false_alarms_per_hour(self):
        """False detections an hour of stream."""
        return self.false / self.hours if self.hours else 0.0


def place_words(clips, labels, noise, sample_rate, *, snr_db=10.0, gap_s=(1.0, 2.0), rng):
    """Lay clips at random distances into noise.

    Parameters
    ----------
    clips : float32 array, shape (clips, samples)
    labels : sequence of str
    noise : float32 array, shape (samples,)
        Of unit power; repeated to the length that is needed.
    snr_db : float
        Every clip is scaled so that its mean energy stands in this ratio to that of the noise.
    gap_s : (shortest, longest)
        Between the end of a clip and the start of the next, and at both ends.

    Returns
    -------
    stream : float32 array, shape (samples,)
    truth : list of Word
    """
    gaps = np.round(rng.uniform(*gap_s, size=len(clips) + 1) * sample_rate).astype(int)
    length = clips.shape[1]
    stream = np.resize(noise, gaps.sum() + clips.size) * np.float32(NOISE_LEVEL)
    level = NOISE_LEVEL * 10 ** (snr_db / 20)
    truth, at = [], gaps[0]
    for clip, label, gap in zip(clips, labels, gaps[1:], strict=True):
        stream[at : at + length] += clip * np.float32(level / max(np.sqrt(np.mean(np.square(clip))), 1e-9))
        truth.append(Word(label, float(at / sample_rate), float((at + length) / sample_rate)))
        at += length + gap
    return stream, truth


def score(detections, truth, seconds):
    """Count: a word is found by a detection of its label whose peak lies between its start and 0.5 s after its end.

    A second detection of a word, one of another label and one outside all words are false.
    """
    left = list(truth)
    for detection in detections:
        for word in left:
            if word.label == detection.label and word.start_s <= detection.peak_s <= word.end_s + LATE_S:
                left.remove(word)
                break
    found = len(truth) - len(left)
    return Score(len(truth), found, len(detections) - found, seconds / 3600)


def decide(classifier, rows, threshold, **settings):
    """Detections that posteriors already computed lead to at a threshold."""
    events = Events(classifier, threshold, **settings)
    return events.process(rows) + events.flush()


def choose_threshold(classifier, clips, labels, noises, *, snr_db=10.0, seed=0):
    """The threshold with the fewest mistakes: words that are missed, and noises that are taken for words.

    The clips are placed in the noises at `snr_db`; the noises alone are heard at the same level, a minute of each. Of
    thresholds that are equally good within `SLACK` of the words, the middle one is taken: a noise that was not
    trained on moves both kinds of mistakes.

    Parameters
    ----------
    classifier : fitted KeywordClassifier
    clips : float32 array, shape (clips, samples)
        Not trained on; at most 300 are used.
    labels : sequence of labels
        Those in `NON_KEYWORD_LABELS` are placed in the stream too, to be passed over.
    noises : list of float32 arrays of unit power
    seed : int, RandomState or Generator

    Returns
    -------
    threshold : float
    """
    number(snr_db, "snr_db")
    rng = np.random.default_rng([seed_of(seed, "seed"), 0xCA])
    rate = classifier.sample_rate
    chosen = rng.permutation(len(clips))[:300]
    background = np.concatenate([noise[: 60 * rate] for noise in noises])
    stream, truth = place_words(clips[chosen], np.asarray(labels)[chosen], background, rate, snr_db=snr_db, rng=rng)
    truth = [word for word in truth if str(word.label) not in NON_KEYWORD_LABELS]
    rows, noise_rows = (classifier.posteriors(x) for x in (stream, background * np.float32(NOISE_LEVEL)))
    found, alarms = (
        np.array([count(decide(classifier, posteriors, threshold)) for threshold in THRESHOLDS])
        for posteriors, count in ((rows, lambda heard: score(heard, truth, 1).found), (noise_rows, len))
    )
    mistakes = len(truth) - found + alarms
    good = THRESHOLDS[mistakes <= mistakes.min() + SLACK * len(truth)]
    return float(round((good.min() + good.max()) / 2, 2))
