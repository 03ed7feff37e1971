"""Thresholds for a promise: it is kept by the decoder's own events, and no threshold is higher than that needs."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import audioconv as ac
from audioconv.classify.calibrate import Word
from audioconv.classify.decoder import EventDecoder
from audioconv.detect import FalseAlarmRate, choose_thresholds
from audioconv.detect.calibration import count_events, strengths

LABELS = ["go", "no", "yes"]
decoder_with = partial(
    EventDecoder, LABELS, row_hop_s=0.02, row_end_s=0.025, smoothing_s=0.06, min_duration_s=0.04, refractory_s=0.2
)
flash_decoder = partial(
    EventDecoder, LABELS, row_hop_s=0.02, row_end_s=0.0, smoothing_s=0.02, min_duration_s=0.02, refractory_s=0.1
)
SLOT = 10  # rows in which one peak lies by itself


class Said(list):
    say = list.append


def recordings_with(*peaks):
    """Two recordings whose rows are 0 but for single peaks (label index, height), each by itself."""
    rows = np.zeros((SLOT * (len(peaks) + 2), len(LABELS)), np.float32)
    for slot, (label, height) in enumerate(peaks, 1):
        rows[SLOT * slot, label] = height
    middle = SLOT * (len(peaks) // 2) + SLOT // 2
    return [rows[:middle], rows[middle:]]


def random_recordings(seed, rows=(400, 1, 0, 250), sharpness=0.3):
    """Recordings in which words come and go, overlap and follow each other closely."""
    rng = np.random.default_rng(seed)
    drift = [np.cumsum(rng.standard_normal((n, len(LABELS) + 1)), axis=0) * sharpness for n in rows]
    odds = [np.exp(x + 2 * rng.standard_normal(len(LABELS) + 1)) for x in drift]
    return [(x / x.sum(axis=1, keepdims=True))[:, 1:].astype(np.float32) for x in odds]


peak_lists = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 99)), max_size=25, unique_by=lambda peak: peak[1]
).map(lambda peaks: [(label, height / 100) for label, height in peaks])


# --- rates ------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.floats(0.01, 1000))
def test_the_interval_of_a_rate_is_garwoods(count, hours):
    rate = FalseAlarmRate(count, hours)
    assert rate.per_hour == pytest.approx(count / hours)
    assert rate.low == pytest.approx((stats.chi2.ppf(0.025, 2 * count) if count else 0.0) / 2 / hours)
    assert rate.high == pytest.approx(stats.chi2.ppf(0.975, 2 * count + 2) / 2 / hours)
    assert rate.low <= rate.per_hour < rate.high


def test_a_rate_needs_hours():
    with pytest.raises(ac.ArgumentError, match="hours must be above 0"):
        FalseAlarmRate(1, 0.0)
    with pytest.raises(ac.ArgumentError, match="count must be at least 0"):
        FalseAlarmRate(-1, 1.0)


# --- thresholds -------------------------------------------------------------------------------------------


def chosen(negatives, hours, rate, decoder=decoder_with, **settings):
    return choose_thresholds(decoder, negatives, hours, rate, notices=Said(), **settings)


@given(st.integers(0, 99), st.sampled_from([0.02, 0.1, 0.14]), st.sampled_from([0.0, 0.04, 0.1]), st.integers(0, 2))
def test_strengths_are_the_thresholds_that_let_a_word_through(seed, smoothing_s, min_duration_s, label):
    (rows,) = random_recordings(seed, rows=(60,), sharpness=1)
    settings = decoder_with.keywords | {"smoothing_s": smoothing_s, "min_duration_s": min_duration_s}
    largest = strengths(EventDecoder(LABELS, 0.5, **settings), rows)[:, label].max()
    for threshold, events in ((largest * (1 - 1e-9), True), (largest * (1 + 1e-9), False)):
        alone = np.where(np.arange(len(LABELS)) == label, threshold, np.inf)
        assert bool(count_events(EventDecoder(LABELS, alone, **settings), [rows]).any()) == events


@given(peak_lists, st.integers(0, 30))
def test_thresholds_are_the_lowest_that_leave_so_many_peaks(peaks, budget):
    negatives = recordings_with(*peaks)
    thresholds = chosen(negatives, 10.0, budget / 10 + 1e-9, flash_decoder, floor=0.2)
    told = np.array([sum(label == k and height >= thresholds[k] for label, height in peaks) for k in range(3)])
    assert np.array_equal(told, count_events(flash_decoder(thresholds), negatives))
    assert told.sum() <= budget
    for k in range(3):
        left = [height for label, height in peaks if label == k and height < thresholds[k]]
        assert thresholds[k] == pytest.approx(max([0.2, *left]), rel=1e-5)
        if max(left, default=0) >= 0.2:  # the next one was not its share
            assert told[k] >= budget // 3


@given(st.integers(0, 9999), st.integers(0, 12), st.sampled_from([0.1, 0.3, 1.0]))
def test_the_promise_is_kept_whatever_the_posteriors(seed, budget, sharpness):
    negatives = random_recordings(seed, sharpness=sharpness)
    thresholds = chosen(negatives, 2.0, budget / 2 + 1e-9, floor=0.05)
    assert count_events(decoder_with(thresholds), negatives).sum() <= budget
    assert (thresholds >= 0.05).all()


@given(peak_lists, st.lists(st.integers(0, 40), min_size=2, max_size=5), st.booleans())
def test_who_allows_more_gets_no_higher_threshold(peaks, budgets, weighted):
    shares = [0.5, 3, 1] if weighted else None
    negatives = recordings_with(*peaks)
    found = [chosen(negatives, 10.0, b / 10 + 1e-9, flash_decoder, shares=shares) for b in sorted(budgets)]
    assert (np.diff(found, axis=0) <= 0).all()


@given(st.integers(0, 999), st.permutations(range(4)))
def test_the_order_of_recordings_does_not_matter(seed, order):
    negatives = random_recordings(seed)
    expected = chosen(negatives, 1.0, 5.0, floor=0.1)
    assert np.array_equal(chosen([negatives[k] for k in order], 1.0, 5.0, floor=0.1), expected)


def test_a_word_has_at_least_its_share_and_what_is_left_goes_to_the_strictest():
    heights = [0.9, 0.8, 0.7, 0.6]
    negatives = recordings_with(*((label, height + label / 50) for label in range(3) for height in heights))
    told = count_events(flash_decoder(chosen(negatives, 1.0, 7.0, flash_decoder)), negatives)
    assert told.tolist() == [2, 2, 3]
    weighted = chosen(negatives, 1.0, 6.0, flash_decoder, shares=[2, 1, 0])
    assert count_events(flash_decoder(weighted), negatives).tolist() == [4, 2, 0]


def test_what_is_left_goes_to_the_word_that_finds_most_by_it():
    negatives = recordings_with(*((label, height) for label in range(3) for height in (0.9, 0.5)))
    rows = np.zeros((500, 3), np.float32)
    rows[[100, 200, 300], 1] = rows[[150, 250], 0] = 0.7
    rows[400, 1] = 0.95
    truth = [Word("no", row / 50 - 0.5, row / 50) for row in (100, 200, 300, 400)]
    truth += [Word("go", row / 50 - 0.5, row / 50) for row in (150, 250)] + [Word("left", 9.0, 9.5)]
    told = [
        count_events(flash_decoder(chosen(negatives, 1.0, rate, flash_decoder, positives=[(rows, truth)])), negatives)
        for rate in (1.0, 2.0, 3.0)
    ]
    assert np.array_equal(told, [[0, 1, 0], [1, 1, 0], [1, 1, 1]])


def test_words_that_shadow_each_other_are_counted_as_the_decoder_does():
    rows = np.zeros((2000, 3), np.float32)
    rows[100::100, 0] = np.linspace(0.5, 0.7, 19)
    rows[100::100, 1] = np.linspace(0.7, 0.9, 19)  # the decoder tells this one
    told = count_events(flash_decoder(chosen([rows], 1.0, 10.0, flash_decoder)), [rows])
    assert told.tolist() == [3, 4, 0]  # and not [0, 4, 0], as of peaks that the decoder gives to the other word


def test_too_few_hours_are_said():
    said = Said()
    choose_thresholds(decoder_with, recordings_with((0, 0.5)), 2.5, 0.5, notices=said)
    assert said == ["2.5 h of negatives are too few to promise 0.5 false alarms an hour, which needs 6 h"]
    choose_thresholds(decoder_with, recordings_with((0, 0.5)), 6.0, 0.5, notices=said)
    assert len(said) == 1


def test_too_few_hours_are_printed_if_nobody_else_is_told(capsys):
    choose_thresholds(decoder_with, recordings_with((0, 0.5)), 1.0, 1.0)
    assert capsys.readouterr().err.startswith("audioconv: 1 h of negatives are too few to promise 1 false alarms")


def test_a_word_that_is_heard_with_certainty_is_never_told():
    said = Said()
    negatives = recordings_with((1, 1.0), (1, 1.0), (0, 0.5))
    thresholds = choose_thresholds(flash_decoder, negatives, 6.0, 0.5, shares=[1, 0, 0], notices=said)
    assert thresholds[1] > 1
    assert count_events(flash_decoder(thresholds), negatives).tolist() == [1, 0, 0]
    assert said == ["'no' is never told: no threshold keeps its false alarms within their share"]


def test_a_word_may_have_a_floor_of_its_own():
    floors = [0.2, 0.6, 0.4]
    assert chosen(recordings_with(), 1.0, 3.0, floor=floors).tolist() == floors


def test_what_makes_no_sense_is_refused():
    good = recordings_with((0, 0.5))
    bad = [good[0], np.where(good[1] > 0.4, np.nan, good[1])]
    with pytest.raises(ac.ArgumentError, match="posteriors must be finite, but those of recording 1 hold NaN"):
        chosen(bad, 1.0, 1.0)
    with pytest.raises(ac.ShapeError, match="at least one recording"):
        chosen([], 1.0, 1.0)
    with pytest.raises(ac.ShapeError, match=r"arrays \(rows, labels\) of the same labels, not of shape \(9, 2\)"):
        chosen([good[0], np.zeros((9, 2))], 1.0, 1.0)
    for name, value in [("shares", [1, -1, 1]), ("shares", [0, 0, 0]), ("floor", 0.0), ("floor", [0.1, np.nan, 0.2])]:
        with pytest.raises(ac.ArgumentError, match=f"{name} must be"):
            chosen(good, 1.0, 1.0, **{name: value})
    with pytest.raises(ac.ArgumentError, match="false_alarms_per_hour must be above 0"):
        chosen(good, 1.0, 0.0)
