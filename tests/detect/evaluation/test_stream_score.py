"""How detections in a stream are scored: hits, false alarms, delays, by word and in all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.classify.calibrate import COLLAR_S, Word, score_detections
from audioconv.detect import score_stream

TRUTH = [Word("yes", 1, 2), Word("no", 4, 5), Word("yes", 7, 8)]


def said(*ends):
    return [ac.Detection(label, end_s - 0.4, end_s, 0.9) for label, end_s in ends]


def test_words_repeats_wrong_labels_and_delays():
    detections = said(("yes", 2.1), ("yes", 2.3), ("yes", 4.9), ("no", 5.05), ("no", 20), ("up", 21))
    score = score_stream(detections, TRUTH, 0.5)
    assert (score.words, score.hits, score.false_alarms.count) == (3, 2, 4)
    assert score.recall == pytest.approx(2 / 3)
    assert score.false_alarms.per_hour == 8
    assert [(w.label, w.words, w.hits, w.false_alarms.count) for w in score.by_word] == [
        ("no", 1, 1, 1), ("up", 0, 0, 1), ("yes", 2, 1, 2),
    ]  # fmt: skip
    assert score.delays_s == (pytest.approx(0.1), pytest.approx(0.05))
    assert score.median_delay_s == pytest.approx(0.075)
    assert score.delay_95_s == pytest.approx(0.1)
    assert score.by_word[1].recall_interval == (0, 1)
    assert np.isnan(score.by_word[1].recall)


def test_the_delay_of_the_decoder_is_added():
    score = score_stream(said(("yes", 2.0)), TRUTH, 1.0, delay_s=0.12)
    assert score.delays_s == (pytest.approx(0.12),)


def test_without_detections_nothing_is_late():
    score = score_stream([], TRUTH, 1.0)
    assert (score.hits, score.false_alarms.count, score.delays_s) == (0, 0, ())
    assert np.isnan(score.median_delay_s)
    assert repr(score) == "StreamScore(0 of 3 words found, 0 false alarms in 1 h)"
    assert np.isnan(score_stream([], [], 1.0).recall)


def test_hours_are_wanted():
    with pytest.raises(ac.ArgumentError, match="hours must be above 0"):
        score_stream([], TRUTH, 0.0)


@given(st.lists(st.tuples(st.sampled_from(["yes", "no", "up"]), st.floats(0, 60)), max_size=20), st.integers(0, 99))
def test_it_counts_what_the_score_of_clip_models_counts(ends, seed):
    starts = 1 + np.cumsum(np.random.default_rng(seed).uniform(0.1, 5, 12))
    truth = [Word(["yes", "no"][k % 2], float(t), float(t) + 0.5) for k, t in enumerate(starts)]
    detections = said(*sorted(ends, key=lambda each: each[1]))
    score, expected = score_stream(detections, truth, 0.1), score_detections(detections, truth, 360)
    assert (score.words, score.hits, score.false_alarms.count) == expected[:3]
    assert all(delay <= COLLAR_S + 0.4 for delay in score.delays_s)
    assert len(score.delays_s) == score.hits
    assert score.recall_interval[0] <= score.recall <= score.recall_interval[1]
