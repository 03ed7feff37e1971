"""From posteriors to sounds with a beginning and an end: as a plain rule says, at any cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import audioconv as ac
from audioconv.detect import SoundEventDecoder
from audioconv.detect.sound_event_decoder import RELEASE_RATIO

HOP_S, END_S = 0.1, 0.25
LABELS = ["bell", "rain"]


def decoder(smoothing=1, least=1, gap=0, thresholds=0.5, delay_s=0.0):
    durations = {"smoothing_s": smoothing * HOP_S, "min_duration_s": least * HOP_S, "gap_s": gap * HOP_S}
    return SoundEventDecoder(LABELS, thresholds, row_hop_s=HOP_S, row_end_s=END_S, delay_s=delay_s, **durations)


def decode(made, rows, cuts=()):
    return [d for part in np.split(rows, sorted(cuts)) for d in made.process(part)] + made.flush()


def naive(rows, smoothing, least, gap, thresholds):
    """(label, first row, row after the last, score) of all events, of each label on its own."""
    found = []
    for label, upper in enumerate(thresholds):
        means = [np.mean(rows[max(0, r + 1 - smoothing) : r + 1, label], dtype=np.float64) for r in range(len(rows))]
        sounding, runs = False, []
        for r, mean in enumerate(means):  # hysteresis
            if mean >= upper if not sounding else mean < RELEASE_RATIO * upper:
                sounding = not sounding
                runs.append([r, r]) if sounding else None
            if sounding:
                runs[-1][1] = r + 1
        joined = []
        for begin, end in runs:
            if joined and begin - joined[-1][1] <= gap:
                joined[-1][1] = end
            else:
                joined.append([begin, end])
        kept = [(b, e) for b, e in joined if e - b >= least]
        found += [(LABELS[label], b, e, np.mean(means[b:e])) for b, e in kept]
    return found


ROWS = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 40), st.just(2)), elements=st.sampled_from([0, 0.2, 0.3, 0.5, 0.9])
)


@given(ROWS, st.integers(1, 4), st.integers(1, 4), st.integers(0, 4), st.lists(st.integers(0, 40), max_size=5))
def test_events_are_those_of_the_plain_rule_at_any_cut(rows, smoothing, least, gap, cuts):
    thresholds = [0.5, 0.3]
    found = decode(decoder(smoothing, least, gap, thresholds), rows, cuts)
    expected = naive(rows, smoothing, least, gap, thresholds)
    end_s = END_S + (len(rows) - 1) * HOP_S

    def time_s(row):
        return min(max(0.0, END_S + (row - (smoothing - 1) / 2) * HOP_S), end_s)

    ends = {row: end_s if row == len(rows) else time_s(row) for _, _, row, _ in expected}
    said = sorted((d.label, d.start_s, d.end_s, d.score) for d in found)
    wanted = sorted((label, time_s(b), ends[e], score) for label, b, e, score in expected)
    assert [s[0] for s in said] == [w[0] for w in wanted]
    assert np.allclose([s[1:] for s in said], [w[1:] for w in wanted], rtol=0, atol=1e-9)


def test_sounds_may_overlap_and_come_in_the_order_of_their_ends():
    rows = np.zeros((12, 2), np.float32)
    rows[2:8, 0], rows[4:6, 1] = 0.9, 0.8
    assert [d.label for d in decode(decoder(), rows)] == ["rain", "bell"]


def test_what_goes_on_is_told_while_it_does():
    rows = np.zeros((6, 2), np.float32)
    rows[2:, 1] = 0.8
    made = decoder(gap=2)
    assert made.process(rows) == []
    going_on = made.active()
    assert [(d.label, round(d.start_s, 3), round(d.end_s, 3)) for d in going_on] == [("rain", 0.45, 0.75)]
    assert made.process(np.zeros((1, 2), np.float32)) == []
    assert [d.label for d in made.active()] == ["rain"]  # it may come again
    (ended,) = made.process(np.zeros((5, 2), np.float32))
    assert (ended.label, round(ended.end_s, 3)) == ("rain", 0.85)
    assert made.active() == made.flush() == []


def test_the_delay_of_the_network_is_taken_off():
    rows = np.zeros((20, 2), np.float32)
    rows[10:15, 0] = 0.9
    early, late = (decode(decoder(delay_s=delay_s), rows)[0] for delay_s in (0.3, 0.0))
    assert early.start_s == pytest.approx(late.start_s - 0.3)
    assert early.end_s == pytest.approx(late.end_s - 0.3)


def test_a_threshold_of_infinity_is_never_told():
    rows = np.ones((5, 2), np.float32)
    assert [d.label for d in decode(decoder(thresholds=[np.inf, 0.5]), rows)] == ["rain"]
    assert decoder().with_thresholds(0.7).thresholds.tolist() == [0.7, 0.7]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ac.ArgumentError, match="thresholds must be above 0"):
        decoder(thresholds=[0.0, 0.5])
    with pytest.raises(ac.ShapeError, match=r"rows must have shape \(rows, 2\)"):
        decoder().process(np.zeros((3, 3), np.float32))
    assert repr(decoder(gap=3)) == (
        "SoundEventDecoder(2 labels, a row each 0.1 s, smoothing_s=0.1, min_duration_s=0.1, gap_s=0.3)"
    )
