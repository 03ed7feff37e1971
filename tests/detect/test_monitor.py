"""A detector as a stage of chains: sound passes, and the words are those of its stream."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.detect import DetectorMonitor, DetectorStream
from tests.detect.test_stream import NOISE, RATE, SETTINGS, cut, make_scorer
from tests.kernels.realtime.test_callback import called, compiled

SCORER = make_scorer()
THRESHOLDS = np.quantile(SCORER.posteriors(NOISE), 0.7, axis=0)


def monitor(**options):
    return DetectorMonitor(SCORER, SCORER.decoder(THRESHOLDS, **SETTINGS), **options)


def words_of(samples, **options):
    stream = DetectorStream(SCORER, THRESHOLDS, **SETTINGS, **options)
    return stream.process(samples) + stream.flush()


WORDS = words_of(NOISE)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9000), min_size=1, max_size=6), st.sampled_from([16000, 48000, 44100]))
def test_sound_passes_and_the_words_are_those_of_the_stream_at_any_cut(cuts, rate):
    samples, words = np.resize(NOISE, sum(cuts)), monitor(sample_rate=rate)
    chain, found = ac.Chain([words, ac.Gain(0.0)]), []
    for _ in range(2):  # and after a flush it is as new
        passed = [chain.process(block) for block in cut(samples, cuts)]
        found = words.detections()
        passed.append(chain.flush())
        assert np.array_equal(np.concatenate(passed), samples)
        assert found + words.detections() == words_of(samples, sample_rate=rate)


def test_words_come_when_they_are_decided_and_each_once():
    words, found = monitor(), []
    for begin in range(0, len(NOISE), 800):
        words.process(NOISE[begin : begin + 800])
        told = words.detections()
        assert all(begin < word.end_s * RATE <= begin + 800 for word in told)
        assert words.detections() == []
        found += told
    assert len(found) > 3
    assert found == WORDS[: len(found)]


def test_it_hears_the_mean_of_the_channels_and_passes_each():
    both = np.stack((NOISE * np.float32(1.5), NOISE * np.float32(0.5)), axis=1)
    words = monitor(channels=2)
    assert np.array_equal(words.process(both), both)
    words.flush()
    found = words.detections()
    assert [(word.label, word.end_s) for word in found] == [(word.label, word.end_s) for word in WORDS]


def test_in_a_chain_it_says_for_which_rate_it_is_made():
    chain = ac.Chain([monitor(sample_rate=48000), ac.Gain(0.0)])
    assert (chain.rate_in, chain.rate_out, chain.latency) == (48000, 48000, 0)
    with pytest.raises(ac.ArgumentError, match="is made for 16000 Hz"):
        ac.Chain([monitor(sample_rate=48000), monitor()])


def test_where_nobody_asks_rows_are_lost_and_zeros_in_their_place_keep_the_times_right():
    stage, rows = monitor(buffer_s=0.5), SCORER.posteriors(NOISE)
    stage.process(NOISE[: RATE // 2])
    read = [stage._read_rows()]
    stage.process(NOISE[RATE // 2 : -5000])  # 1.2 s, of which half a second is kept
    lost = stage.dropped
    read.append(stage._read_rows())
    stage.process(NOISE[-5000:])
    read.append(stage._read_rows())
    assert [len(part) for part in read] == [24, 27, len(rows) - 51]
    assert 25 < lost < 40
    assert np.array_equal(np.concatenate(read[:2]), rows[:51])
    assert not read[2][:lost].any()
    assert np.array_equal(read[2][lost:], rows[51 + lost :])
    stage.process(NOISE)
    assert len(stage._last_rows()) - stage.dropped + lost == 27


def test_what_is_not_finite_is_silence_and_counted():
    bad, silent = NOISE.copy(), NOISE.copy()
    bad[5000:5003], silent[5000:5003] = [np.nan, np.inf, -np.inf], 0
    words = monitor()
    assert np.array_equal(words.process(bad), bad, equal_nan=True)
    words.flush()
    assert words.detections() == words_of(silent)
    words.process(bad)
    assert words.nonfinite_count == 3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda stage: pickle.loads(pickle.dumps(stage))])
def test_a_copy_goes_on_where_it_was_and_reset_forgets(copied):
    words = monitor(sample_rate=48000)
    words.process(NOISE[:15000])
    again = copied(words)
    for stage in (words, again):
        stage.process(NOISE[15000:])
        stage.flush()
    assert words.detections() == again.detections() == words_of(NOISE, sample_rate=48000)
    words.process(NOISE[:15000])
    words.reset()
    assert words.detections() == []
    words.process(NOISE)
    words.flush()
    assert words.detections() == words_of(NOISE, sample_rate=48000)


@compiled
def test_a_sound_card_plays_through_it():
    words, y, played = monitor(), np.zeros(64, np.float32), []
    chain = ac.Chain([words, ac.Gain(0.0)])
    for begin in range(0, len(NOISE) - 64, 64):
        called(chain, NOISE[begin : begin + 64], y)
        played.append(y.copy())
    assert np.array_equal(np.concatenate(played), NOISE[: 64 * len(played)])
    found = words.detections()
    assert found == WORDS[: len(found)]
    assert len(found) > 3


def test_settings_that_make_no_sense_are_refused():
    for options, message in (
        ({"buffer_s": 0}, "buffer_s"),
        ({"channels": 0}, "channels"),
        ({"sample_rate": 0.5}, "sample_rate"),
    ):
        with pytest.raises(ac.ArgumentError, match=message):
            monitor(**options)
