"""The decision rule: what an event is, told once and at once, by a rule that a naive oracle spells out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.classify.decoder import REARM_RATIO, EventDecoder
from audioconv.classify.detections import Detection

LABELS = ["go", "no", "yes"]
TIMES = {"row_hop_s": 0.02, "row_end_s": 0.025}
AT_ONCE = {"smoothing_s": 0.0, "min_duration_s": 0.0, "refractory_s": 0.0}
QUIET, GO, NO, YES = np.eye(4)[:, 1:] * 0.9 + 0.02


def decoder(threshold=0.5, **settings):
    return EventDecoder(LABELS, threshold, **TIMES | AT_ONCE | settings)


def heard(rows, threshold=0.5, **settings):
    """(label, row of the decision) of each event."""
    found = (decoding := decoder(threshold, **settings)).process(np.array(rows)) + decoding.flush()
    return [(word.label, round((word.end_s - 0.025) / 0.02)) for word in found]


def oracle(rows, thresholds, smoothing, minimum, refractory):
    """The rule, a row and a word at a time: (word, row, score) of each event, and then of the end."""
    found, armed, lasts, quiet_until = [], [True] * 3, [0] * 3, 0

    def consider(row, means, minimum):
        nonlocal quiet_until
        above = [word for word in range(3) if means[word] >= thresholds[word]]
        if not above:
            return
        word = max(above, key=lambda w: (means[w], -w))
        if armed[word] and lasts[word] >= minimum and row >= quiet_until:
            found.append((word, row, means[word]))
            armed[word], quiet_until = False, row + refractory

    for row in range(len(rows)):
        held = rows[max(0, row - smoothing + 1) : row + 1]
        means = [sum(float(each[word]) for each in held) / len(held) for word in range(3)]
        for word in range(3):
            lasts[word] = lasts[word] + 1 if means[word] >= thresholds[word] else 0
            armed[word] = armed[word] or means[word] < REARM_RATIO * thresholds[word]
        consider(row, means, minimum)
    if len(rows):
        consider(len(rows) - 1, means, 1)
    return found


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8),
    st.tuples(*[st.sampled_from([0.2, 0.3, 0.5, np.inf])] * 3),
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(1, 12),
    st.integers(0, 10**6),
)
def test_events_are_those_of_the_rule_at_any_cut(cuts, thresholds, smoothing, minimum, refractory, seed):
    rng = np.random.default_rng(seed)
    steps = rng.dirichlet([0.3] * 4, -(-sum(cuts) // 4)).repeat(4, axis=0)[: sum(cuts), 1:]  # states last for a while
    rows = (steps * rng.uniform(0.8, 1, steps.shape)).astype(np.float32)
    seconds = {"smoothing_s": 0.02 * smoothing, "min_duration_s": 0.02 * minimum, "refractory_s": 0.02 * refractory}
    decoding = decoder(thresholds, **seconds)
    expected = oracle(rows, thresholds, smoothing, minimum, refractory)
    for _ in range(2):  # after a flush it is as new
        found = [word for block in np.split(rows, np.cumsum(cuts)[:-1]) for word in decoding.process(block)]
        found += decoding.flush()
        assert [(word.label, word.score) for word in found] == [(LABELS[k], score) for k, _, score in expected]
        assert [word.end_s for word in found] == pytest.approx([0.025 + 0.02 * row for _, row, _ in expected])


def test_the_oracle_hears_something():
    rows = np.repeat([QUIET, YES, QUIET, NO, NO, QUIET, YES], 5, axis=0)
    expected = [(2, 5, 0.92), (1, 15, 0.92), (2, 30, 0.92)]
    assert oracle(rows, [0.5] * 3, 1, 1, 1) == [(k, row, pytest.approx(score)) for k, row, score in expected]


@pytest.mark.parametrize("smoothing_s", [0.0, 0.06, 0.2])
def test_scores_are_the_same_bits_at_any_cut(smoothing_s):
    rows = np.random.default_rng(0).dirichlet([0.5] * 4, 2000)[:, 1:].astype(np.float32)
    whole, single = decoder(0.4, smoothing_s=smoothing_s), decoder(0.4, smoothing_s=smoothing_s)
    expected = whole.process(rows)
    assert len(expected) > 10
    assert [word for row in rows for word in single.process(row[None])] == expected


def test_a_word_is_told_in_the_block_that_holds_its_row():
    decoding = decoder(min_duration_s=0.06)
    told = [decoding.process(row[None]) for row in [QUIET, YES, YES, YES, YES, QUIET]]
    assert [len(words) for words in told] == [0, 0, 0, 1, 0, 0]


def test_a_word_that_stays_is_told_once_and_again_after_it_was_low():
    dip, low = [0.02, 0.02, 0.4], [0.02, 0.02, 0.2]
    assert heard([YES] * 50) == [("yes", 0)]
    assert heard([*[YES] * 5, dip, *[YES] * 5]) == [("yes", 0)]
    assert heard([*[YES] * 5, low, *[YES] * 5]) == [("yes", 0), ("yes", 6)]


def test_two_words_close_together_are_both_told():
    rows = [*[QUIET] * 5, *[YES] * 10, *[NO] * 10, *[QUIET] * 5]  # 0.2 s apart
    assert heard(rows, smoothing_s=0.06, refractory_s=0.1) == [("yes", 6), ("no", 16)]


def test_no_other_word_is_told_in_the_refractory_time():
    rows = [YES, NO, QUIET, GO, GO, GO, GO, QUIET]
    assert heard(rows, refractory_s=0.1) == [("yes", 0), ("go", 5)]
    assert heard(rows) == [("yes", 0), ("no", 1), ("go", 3)]


def test_the_largest_of_those_above_their_thresholds_is_told():
    both = [0.3, 0.4, 0.05]
    assert heard([both], [0.2, 0.2, 0.2]) == [("no", 0)]
    assert heard([both], [0.2, 0.5, 0.2]) == [("go", 0)]
    assert heard([both], [0.2, np.inf, 0.2]) == [("go", 0)]
    assert heard([both], [0.5, 0.5, 0.5]) == []


def test_a_flash_is_smoothed_away_or_too_short():
    rows = [QUIET, QUIET, QUIET, YES, QUIET, QUIET, QUIET]
    assert heard(rows) == [("yes", 3)]
    assert heard(rows, smoothing_s=0.06) == []
    assert heard(rows, min_duration_s=0.04) == []


def test_a_word_that_the_end_cuts_off_is_told_by_the_flush():
    decoding = decoder(min_duration_s=0.2)
    assert decoding.process(np.array([QUIET, YES])) == []
    assert [word.label for word in decoding.flush()] == ["yes"]
    assert decoding.flush() == []
    decoding = decoder()
    assert len(decoding.process(np.array([QUIET, YES]))) == 1
    assert decoding.flush() == []


def test_times_follow_from_the_row_of_the_decision():
    decoding = decoder(word_s=[0.1, 0.2, 0.3], delay_s=0.04)
    (word,) = decoding.process(np.array([QUIET] * 30 + [YES]))
    assert (word.start_s, word.end_s) == pytest.approx((0.025 + 0.6 - 0.34, 0.025 + 0.6 - 0.04))
    decoding.reset()
    (word,) = decoding.process(np.array([NO]))  # which began before the stream did
    assert (word.start_s, word.end_s) == (0, 0)


def test_reset_forgets():
    decoding = decoder(smoothing_s=0.1)
    expected = decoding.process(np.array([QUIET, YES, YES, YES]))
    decoding.reset()
    assert decoding.process(np.array([QUIET, YES, YES, YES])) == expected
    assert len(expected) == 1


def test_posteriors_that_are_nan_are_no_word_and_do_not_stay():
    assert heard([[np.nan] * 3, *[QUIET] * 3, YES, YES], smoothing_s=0.04) == [("yes", 5)]


def test_rows_of_another_shape_are_refused_and_change_nothing():
    decoding = decoder()
    for shape in [(2, 4), (3,), (2, 3, 1)]:
        with pytest.raises(ac.ShapeError, match=r"rows must have shape \(rows, 3\), not "):
            decoding.process(np.ones(shape))
    assert decoding.process(np.zeros((0, 3))) == []
    assert len(decoding.process(np.array([YES]))) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thresholds": 0}, "thresholds must be above 0, not 0"),
        ({"thresholds": [0.5, np.nan, 0.5]}, "thresholds must be above 0"),
        ({"thresholds": [0.5, 0.5]}, "thresholds must be a number, or 3 of them, one a label"),
        ({"thresholds": "high"}, "thresholds must be a number"),
        ({"word_s": -1}, "word_s must be finite and at least 0"),
        ({"word_s": [0.1, np.inf, 0.1]}, "word_s must be finite"),
        ({"row_hop_s": 0}, "row_hop_s must be above 0"),
        ({"smoothing_s": -0.1}, "smoothing_s must be at least 0"),
        ({"min_duration_s": None}, "min_duration_s must be a finite number"),
        ({"refractory_s": np.inf}, "refractory_s must be a finite number"),
        ({"delay_s": "late"}, "delay_s must be a finite number"),
    ],
)
def test_settings_out_of_range_are_refused(change, message):
    with pytest.raises(ac.ArgumentError, match=message):
        EventDecoder(LABELS, **{"thresholds": 0.5} | TIMES | AT_ONCE | change)


def test_a_detection_shows_itself():
    assert repr(Detection(np.str_("yes"), 1.05, 1.43, 0.934)) == "Detection('yes' at 1.05 to 1.43 s, score 0.934)"
    assert repr(decoder(smoothing_s=0.06)) == (
        "EventDecoder(3 labels, a row each 0.02 s, smoothing_s=0.06, min_duration_s=0, refractory_s=0)"
    )
