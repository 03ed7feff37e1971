"""A detector without training: it tells tones apart by the level of their mel band."""

from functools import cache

import numpy as np

import audioconv as ac
from audioconv.classify import ModelCard
from audioconv.detect import EvaluationSettings, FrameScorer

RATE = 16000
HZ = {"high": 2000, "low": 500}
OTHER_HZ = 4500
FEATURES = ac.LogMel(RATE)
FLOOR, LEVEL, SLOPE = -13.8, -4.0, 1.5  # log energy of a band in silence, and from where a tone is likelier than not
DELAY = 28  # frames
SETTINGS = EvaluationSettings(snr_db=(10.0,), examples=2)


def band_of(hz):
    """The mel band that a tone is loudest in."""
    tone = np.sin(2 * np.pi * hz * np.arange(4000) / RATE).astype("float32")
    return int(FEATURES(tone).mean(axis=0).argmax())


def tone_detector(threshold=0.6):
    """A `KeywordDetector` of the words "high" and "low", tones of 0.3 s: it tells them so long after their onset."""
    layer = ac.nn.Conv1d(40, 3, DELAY + 1, padding="causal", rng=np.random.default_rng(0))
    weight, bias = np.zeros((DELAY + 1, 40, 3), np.float32), np.zeros(3, np.float32)
    for column, hz in enumerate(HZ.values(), 1):
        weight[0, band_of(hz), column], bias[column] = SLOPE, -SLOPE * (LEVEL - FLOOR)
    layer.load_state_dict({"weight": weight, "bias": bias})
    detector = ac.KeywordDetector(verbose=0)
    detector.scorer_ = FrameScorer(
        np.array(list(HZ)), FEATURES, ac.nn.Sequential([layer]), np.full(40, FLOOR, np.float32), np.ones(40, np.float32)
    )
    detector.thresholds_, detector.word_s_, detector.statistics_ = np.full(2, threshold), np.full(2, 0.3), None
    detector.card_ = ModelCard(licence="CC0").with_facts({"clips": 2})
    detector.history_, detector.interrupted_, detector.seed_ = [{"loss": 0.5}], False, 0
    return detector


def tone(hz, rng, seconds=0.3, level=0.2):
    """A word of a tone, between pauses, in its own soft noise."""
    times_s = np.arange(round(seconds * RATE)) / RATE
    word = np.pad(level * np.sin(2 * np.pi * hz * times_s), RATE // 4)
    return (word + 1e-3 * rng.standard_normal(word.size)).astype(np.float32)


def tones(count, seed=0):
    """Clips of both words and of another one, their labels and speakers."""
    rng = np.random.default_rng(seed)
    labels = [label for label in (*HZ, "other") for _ in range(count)]
    clips = [tone(HZ.get(label, OTHER_HZ), rng, level=rng.uniform(0.1, 0.3)) for label in labels]
    return np.stack(clips), labels, [f"voice{i % 4}" for i in range(len(labels))]


def negatives():
    """Two recordings; in the second a word is said at 1.25 to 1.55 s."""
    rng = np.random.default_rng(3)
    noise = 1e-3 * rng.standard_normal((2, 4 * RATE))
    word = tone(HZ["low"], rng)
    noise[1, RATE : RATE + word.size] += word
    return [recording.astype("float32") for recording in noise]


def labelled_tones():
    """Four clips of each word; one "high" is said to be "low", and one other word to be "high"."""
    clips, labels, speakers = tones(4)
    return clips, ["low", *labels[1:8], "high", *labels[9:]], speakers


@cache
def tone_evaluation():
    """An evaluation that many tests look at."""
    clips, labels, speakers = labelled_tones()
    return tone_detector().evaluate(clips, labels, speakers=speakers, negatives=negatives(), settings=SETTINGS)
