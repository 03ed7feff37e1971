"""Test streams with known words in them: how detections are scored, and how the threshold is set."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from audioconv._typing import Array, ArrayLike, Float32Array
from audioconv.arrays import RandomState, number, seed_of
from audioconv.classify.detections import Detection
from audioconv.classify.labels import NON_KEYWORD_LABELS
from audioconv.classify.scorer import Scorer
from audioconv.classify.sliding_window import MIN_DURATION_S, REFRACTORY_S, SMOOTHING_S, window_decoder

NOISE_LEVEL = 0.02  # of full scale, root mean square: words 10 dB above it do not clip
COLLAR_S = 0.5  # a detection counts if it begins at most so long after the end of its word
TOLERANCE = 0.01
THRESHOLDS = np.round(np.arange(0.3, 0.98, 0.02), 2)


class Word(NamedTuple):
    """A word placed in a stream: the ground truth."""

    label: Any
    start_s: float
    end_s: float


class DetectionScore(NamedTuple):
    """Hits and false alarms of a detector in a stream."""

    words: int
    hits: int
    false_alarms: int  # detections other than the first correct one of a word
    hours: float

    @property
    def recall(self) -> float:
        """Share of the words that were found."""
        return self.hits / max(self.words, 1)

    @property
    def false_alarms_per_hour(self) -> float:
        """False alarms an hour of stream."""
        return self.false_alarms / self.hours if self.hours else 0.0


def place_words(
    clips: Float32Array,
    labels: Iterable[Any],
    noise: Float32Array,
    sample_rate: int,
    *,
    snr_db: float = 10.0,
    gap_s: tuple[float, float] = (1.0, 2.0),
    rng: np.random.Generator,
) -> tuple[Float32Array, list[Word]]:
    """Place clips at random intervals in noise.

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


def is_near(detection: Detection, word: Word) -> bool:
    """Whether a detection overlaps a word, or begins within the collar after it."""
    return bool(detection.end_s >= word.start_s and detection.start_s <= word.end_s + COLLAR_S)


def match_words(detections: Sequence[Detection], truth: Sequence[Word]) -> list[int | None]:
    """The index of the word that each detection is the first to find, and None for a false alarm.

    A word is found by a detection of its label that `is_near` it.
    """
    left, found = dict(enumerate(truth)), list[int | None]()
    for detection in detections:
        near = (i for i, word in left.items() if word.label == detection.label and is_near(detection, word))
        index = next(near, None)
        if index is not None:
            del left[index]
        found.append(index)
    return found


def score_detections(detections: Sequence[Detection], truth: Sequence[Word], seconds: float) -> DetectionScore:
    """Count hits and false alarms.

    A second detection of a word, one of another label and one outside all words are false alarms.
    """
    hits = sum(index is not None for index in match_words(detections, truth))
    return DetectionScore(len(truth), hits, len(detections) - hits, seconds / 3600)


def decode_posteriors(
    scorer: Scorer,
    rows: Float32Array,
    threshold: float,
    *,
    smoothing_s: float = SMOOTHING_S,
    min_duration_s: float = MIN_DURATION_S,
    refractory_s: float = REFRACTORY_S,
    ignore: Iterable[Any] | None = NON_KEYWORD_LABELS,
) -> list[Detection]:
    """The detections of precomputed posteriors at a threshold."""
    decoder = window_decoder(
        scorer, threshold, smoothing_s=smoothing_s, min_duration_s=min_duration_s, refractory_s=refractory_s,
        ignore=ignore,
    )  # fmt: skip
    return decoder.process(rows) + decoder.flush()


def choose_threshold(
    scorer: Scorer,
    clips: Float32Array,
    labels: ArrayLike,
    noises: Sequence[Float32Array],
    *,
    snr_db: float = 10.0,
    seed: RandomState = 0,
    threads: int | None = None,
) -> float:
    """The threshold with the fewest errors: missed words, and false alarms in noise.

    The clips are placed in the noises at `snr_db`; the noises alone are scored at the same level, a minute of each. Of
    thresholds that are equally good within `TOLERANCE` of the words, the middle one is taken: a noise that was not
    trained on shifts both kinds of errors.

    Parameters
    ----------
    scorer : Scorer
    clips : float32 array, shape (clips, samples)
        Not trained on; at most 300 are used.
    labels : sequence of labels
        Those in `NON_KEYWORD_LABELS` are placed in the stream too, as words to ignore.
    noises : list of float32 arrays of unit power
    snr_db : float
    seed : int, RandomState or Generator
    threads : int, optional

    Returns
    -------
    threshold : float
    """
    number(snr_db, "snr_db")
    rng = np.random.default_rng([seed_of(seed, "seed"), 0xCA])
    rate = scorer.sample_rate
    chosen = rng.permutation(len(clips))[:300]
    background = np.concatenate([noise[: 60 * rate] for noise in noises])
    stream, truth = place_words(clips[chosen], np.asarray(labels)[chosen], background, rate, snr_db=snr_db, rng=rng)
    truth = [word for word in truth if str(word.label) not in NON_KEYWORD_LABELS]
    rows, noise_rows = (scorer.posteriors(x, threads) for x in (stream, background * np.float32(NOISE_LEVEL)))
    found, alarms = [], []
    for threshold in THRESHOLDS:
        found.append(score_detections(decode_posteriors(scorer, rows, threshold), truth, 1).hits)
        alarms.append(len(decode_posteriors(scorer, noise_rows, threshold)))
    mistakes: Array = len(truth) - np.array(found) + np.array(alarms)
    near_best = THRESHOLDS[mistakes <= mistakes.min() + TOLERANCE * len(truth)]
    return float(round((near_best.min() + near_best.max()) / 2, 2))
