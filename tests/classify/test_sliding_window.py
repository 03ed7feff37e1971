"""Posteriors and detections in a stream: the same at any cut, and what an event is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv import models
from audioconv.classify import Detection, Scorer, SlidingWindowDetector, calibrate
from audioconv.classify.calibrate import Word, place_words, score_detections
from tests.compare import assert_close

RATE = 16000
STREAM = np.random.default_rng(7).standard_normal(3 * RATE + 1234).astype(np.float32) * 0.1


@pytest.fixture(scope="module")
def classifier():
    """A classifier whose network was never trained: what it says is arbitrary, but never flat."""
    clf = ac.KeywordClassifier(verbose=0, threads=1)
    clf.threshold_, features, network = 0.5, ac.LogMel(top_db=30), models.build("tc-resnet8", 3, 40, seed=1)
    mean, std = np.full(40, 0, np.float32), np.full(40, 2, np.float32)
    classes = np.array(["no", "unknown", "yes"])
    clf.scorer_ = Scorer(classes, features, network, mean, std, RATE, (0.9, 1.0), (0.0, 0.05))
    return clf


@pytest.fixture(scope="module")
def whole(classifier):
    return classifier.posteriors(STREAM)


def test_a_row_is_what_predict_proba_says_of_its_window(classifier, whole):
    assert whole.shape == (1 + -(-(STREAM.size - RATE) // 800), 3)
    padded = np.pad(STREAM, (0, 800))
    windows = np.stack([padded[k * 800 :][:RATE] for k in range(len(whole))])
    assert np.ptp(whole[:, 0]) > 1e-4, "the rows must differ for this to mean anything"
    assert_close(whole, classifier.predict_proba(windows), 1e-6)


@pytest.mark.parametrize("block", [1, 7, 160, 4000])
def test_streamed_in_blocks_equals_whole(classifier, whole, block):
    samples = STREAM if block > 1 else STREAM[: RATE + 4000]
    expected = whole if block > 1 else classifier.posteriors(samples)
    stream = classifier.scorer_.stream()
    rows = [stream.process(samples[i : i + block]) for i in range(0, samples.size, block)] + [stream.flush()]
    assert np.array_equal(np.concatenate(rows), expected)


@given(st.lists(st.integers(0, 20000), min_size=1, max_size=8))
def test_any_cut_gives_the_same_rows_and_flush_starts_afresh(classifier, cuts):
    samples = np.resize(STREAM, sum(cuts))
    stream = classifier.scorer_.stream()
    expected = classifier.posteriors(samples)
    for _ in range(2):
        blocks = np.split(samples, np.cumsum(cuts)[:-1])
        rows = np.concatenate([stream.process(block) for block in blocks] + [stream.flush()])
        assert np.array_equal(rows, expected)


@pytest.mark.parametrize("samples", [1, 399, 5000, 15920, 15999, 16000])
def test_a_clip_alone_streamed_and_flushed_equals_predict_proba(classifier, samples):
    clip = STREAM[:samples]
    stream = classifier.scorer_.stream()
    rows = np.concatenate((stream.process(clip), stream.flush()))
    assert_close(rows, classifier.predict_proba(clip[None]), 1e-6)


def test_an_empty_stream_has_no_rows(classifier):
    assert classifier.posteriors(STREAM[:0]).shape == (0, 3)


def test_reset_forgets(classifier, whole):
    stream = classifier.scorer_.stream()
    stream.process(STREAM[:20000])
    stream.reset()
    assert np.array_equal(np.concatenate((stream.process(STREAM), stream.flush())), whole)


def test_a_bad_block_is_refused_and_changes_nothing(classifier, whole):
    stream = classifier.scorer_.stream()
    rows = [stream.process(STREAM[:20000])]
    bad = STREAM[:100].copy()
    bad[3] = np.inf
    for block, error in [(bad, ac.ArgumentError), (STREAM.astype(float), ac.DtypeError), (bad[:, None], ac.ShapeError)]:
        with pytest.raises(error):
            stream.process(block)
    rows += [stream.process(STREAM[20000:]), stream.flush()]
    assert np.array_equal(np.concatenate(rows), whole)


# --- decisions --------------------------------------------------------------------------------------------

SETTINGS = {"smoothing_s": 0.05, "min_duration_s": 0.0, "refractory_s": 0.1}
QUIET, YES, UNKNOWN = [1 / 3, 1 / 3, 1 / 3], [0.05, 0.05, 0.9], [0.05, 0.9, 0.05]


def heard(classifier, rows, **settings):
    return calibrate.decode_posteriors(classifier.scorer_, np.array(rows), 0.8, **SETTINGS | settings)


@pytest.mark.parametrize("min_duration_s", [0.0, 0.05, 0.1])
def test_a_word_ends_with_the_window_in_the_middle_of_those_that_tell_it(classifier, min_duration_s):
    (word,) = heard(classifier, [QUIET] * 10 + [YES] * 4 + [QUIET] * 10, min_duration_s=min_duration_s)
    assert word.label == "yes"
    assert (word.start_s, word.end_s) == pytest.approx((10 * 0.05 + 0.6, 10 * 0.05 + 1))
    rows = [QUIET] * 10 + [[0.0, 0.0, 1.0]] * 4 + [QUIET] * 10  # the mean of windows 10 and 11 is the first above 0.8
    (word,) = heard(classifier, rows, smoothing_s=0.1, min_duration_s=min_duration_s)
    assert (word.start_s, word.end_s) == pytest.approx((10.5 * 0.05 + 0.6, 10.5 * 0.05 + 1))


def test_unknown_is_no_word_unless_asked_for(classifier):
    assert heard(classifier, [UNKNOWN] * 5 + [QUIET] * 10) == []
    assert heard(classifier, [UNKNOWN] * 5 + [QUIET] * 10, ignore=())[0].label == "unknown"
    assert heard(classifier, [YES] * 5 + [QUIET] * 10, ignore="yes") == []


def test_a_word_at_the_very_end_is_heard_at_the_flush(classifier):
    assert [word.label for word in heard(classifier, [QUIET] * 10 + [YES], min_duration_s=0.2)] == ["yes"]


def test_detections_are_given_out_by_the_block_that_decides_them(classifier):
    rows = classifier.posteriors(STREAM)
    threshold = float(np.quantile(rows[:, [0, 2]].max(axis=1), 0.7))
    decided = calibrate.decode_posteriors(classifier.scorer_, rows, threshold, **SETTINGS)
    detector, blocks = classifier.stream(threshold=threshold, **SETTINGS), STREAM.size // 160
    found = [detector.process(STREAM[160 * i : 160 * i + 160]) for i in range(blocks)]
    told_s = [0.01 * (i + 1) for i, words in enumerate(found) for _ in words]
    assert told_s == pytest.approx([word.end_s for word in decided if word.end_s <= blocks * 0.01])
    assert told_s, "the threshold must let something through"


def test_detections_do_not_depend_on_the_cut(classifier):
    settings = {"threshold": float(np.quantile(classifier.posteriors(STREAM)[:, [0, 2]], 0.7)), "smoothing_s": 0.1}
    detector = classifier.stream(**settings)
    expected = detector.process(STREAM) + detector.flush()
    assert expected, "the threshold must let something through"
    found = []
    for i in range(0, STREAM.size, 777):
        found += detector.process(STREAM[i : i + 777])
    assert found + detector.flush() == expected


@given(st.lists(st.integers(0, 20000), min_size=1, max_size=6))
def test_words_do_not_depend_on_the_cut(classifier, cuts):
    samples = np.resize(STREAM, sum(cuts))
    detector = classifier.stream(threshold=0.35, **SETTINGS, ignore=())
    expected = detector.process(samples) + detector.flush()
    blocks = np.split(samples, np.cumsum(cuts)[:-1])
    assert [word for block in blocks for word in detector.process(block)] + detector.flush() == expected


@pytest.mark.parametrize("threshold", [0, 1, -1, 2])
def test_a_threshold_outside_its_range_is_refused(classifier, threshold):
    with pytest.raises(ac.ArgumentError, match="threshold must lie between 0 and 1"):
        SlidingWindowDetector(classifier.scorer_, threshold=threshold)


def test_wrong_parameters_are_refused_before_the_first_block(classifier):
    with pytest.raises(ac.ArgumentError, match="ignore must be a label that is text, or a sequence of labels, not 3"):
        SlidingWindowDetector(classifier.scorer_, ignore=3)
    with pytest.raises(ac.ArgumentError, match="threads must be at least 1"):
        SlidingWindowDetector(classifier.scorer_, threads=0)


# --- scoring ----------------------------------------------------------------------------------------------


def test_score_counts_words_repeats_and_wrong_labels():
    truth = [Word("yes", 1, 2), Word("no", 4, 5), Word("yes", 7, 8)]
    said = [("yes", 0.9), ("yes", 2.4), ("yes", 4.5), ("no", 5.6), ("yes", 8.5), ("no", 20)]
    result = score_detections([Detection(label, at, at + 0.3, 0.9) for label, at in said], truth, 1800)
    assert (result.words, result.hits, result.false_alarms) == (3, 2, 4)
    assert result.recall == pytest.approx(2 / 3)
    assert result.false_alarms_per_hour == 8


def test_words_are_placed_where_the_truth_says_and_as_loud_as_asked():
    clips = np.random.default_rng(0).standard_normal((5, RATE)).astype(np.float32) * [[0.01], [0.1], [1], [0.5], [0.02]]
    noise = np.random.default_rng(1).standard_normal(RATE * 3).astype(np.float32)
    stream, truth = place_words(
        clips.astype(np.float32), list("abcde"), noise, RATE, snr_db=10, rng=np.random.default_rng(2)
    )
    assert [word.label for word in truth] == list("abcde")
    ends = [0.0] + [word.end_s for word in truth]
    for i, word in enumerate(truth):
        assert 1 <= word.start_s - ends[i] <= 2
        inside = stream[round(word.start_s * RATE) : round(word.end_s * RATE)]
        before = stream[round(word.start_s * RATE) - RATE : round(word.start_s * RATE)]
        ratio = np.mean(inside**2) / np.mean(before**2)
        assert 10 * np.log10(ratio - 1) == pytest.approx(10, abs=0.5)


class Recorded:
    """A scorer that says "yes" with a given certainty where it is loud, and "no" with another where it is not."""

    classes, sample_rate, clip_s, window_hop = np.array(["no", "yes"]), RATE, 1.0, 800

    def __init__(self, words, noise):
        self._words, self._noise = words, noise

    def posteriors(self, samples, threads):
        starts = range(0, samples.size - RATE + 1, 800)
        loud = np.array([np.mean(samples[i : i + RATE] ** 2) > 2 * calibrate.NOISE_LEVEL**2 for i in starts])
        yes = np.where(loud, self._words, 1 - self._noise)
        return np.column_stack((1 - yes, yes))


def test_the_threshold_lies_between_noise_and_words():
    clips = np.random.default_rng(0).standard_normal((8, RATE)).astype(np.float32)
    noise = np.random.default_rng(1).standard_normal(5 * RATE).astype(np.float32)
    threshold = calibrate.choose_threshold(Recorded(words=0.8, noise=0.6), clips, ["yes"] * 8, [noise])
    assert 0.6 < threshold <= 0.8
