"""Scores of sound events: as counted by hand, and as the field's own scorer counts where it is there."""

import sys
import types
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.classify import Detection
from audioconv.detect import Counts, SoundEvent, score_sound_events


def test_segments_and_events_are_counted():
    truth = [SoundEvent(0, 1.2, 3.0, "rain"), SoundEvent(0, 5.0, 5.5, "dog"), SoundEvent(0, 5.3, 5.8, "dog")]
    told = [Detection("rain", 1.0, 4.0, 1), Detection("dog", 5.1, 5.2, 1), Detection("cat", 7.0, 7.5, 1)]
    score = score_sound_events([told], [truth], [10.0])
    by_label = {each.label: each for each in score.by_class}
    assert by_label["rain"].segments == Counts(2, 1, 0)
    assert by_label["rain"].events == Counts(1, 0, 0)
    assert by_label["dog"].segments == Counts(1, 0, 0)
    assert by_label["dog"].events == Counts(1, 0, 1)
    assert by_label["cat"].segments == Counts(0, 1, 0)
    assert (score.segments, score.events) == (Counts(3, 2, 0), Counts(2, 1, 1))
    assert score.segments.f1 == pytest.approx(0.75)
    assert np.isnan(Counts(0, 0, 0).f1)
    assert np.isnan(Counts(0, 0, 3).precision)
    assert Counts(3, 1, 0).recall == 1


def test_each_event_goes_with_one_detection():
    truth = [SoundEvent(0, t, t + 0.1, "dog") for t in (1.0, 1.3)]
    told = [Detection("dog", 1.15, 1.2, 1), Detection("dog", 0.85, 0.9, 1)]  # only crosswise both are found
    assert score_sound_events([told], [truth], [3.0]).events == Counts(2, 0, 0)


def test_recordings_must_be_as_many():
    with pytest.raises(ac.ShapeError, match="detections of 1 recordings, truth of 2 and durations of 1"):
        score_sound_events([[]], [[], []], [1.0])


TIMES = st.lists(st.tuples(st.integers(0, 95), st.integers(1, 40), st.sampled_from("ab")), max_size=8)


@pytest.mark.skipif(find_spec("sed_eval") is None, reason="sed_eval is not installed")
@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=3))
def test_the_fields_scorer_counts_the_same(recordings):
    sys.modules.setdefault("pkg_resources", types.ModuleType("pkg_resources"))  # of which dcase_util asks for versions
    sed_eval = import_module("sed_eval")
    made = sed_eval.sound_event.SegmentBasedMetrics(["a", "b"], time_resolution=1.0)
    by_event = sed_eval.sound_event.EventBasedMetrics(["a", "b"], t_collar=0.2, evaluate_offset=False)
    told, truth = [], []
    for i, (found, known) in enumerate(recordings):
        spans = [[(t * 0.11, min((t + d) * 0.11, 12.0), label) for t, d, label in each] for each in (found, known)]
        told.append([Detection(label, *times, 1.0) for *times, label in spans[0]])
        truth.append([SoundEvent(i, *times, label) for *times, label in spans[1]])
        estimated, reference = (
            [{"file": f"{i}", "onset": b, "offset": e, "event_label": label} for b, e, label in each] for each in spans
        )
        made.evaluate(reference, estimated, evaluated_length_seconds=12.0)
        by_event.evaluate(reference, estimated)
    score = score_sound_events(told, truth, [12.0] * len(recordings))
    for ours, theirs in ((score.segments, made), (score.events, by_event)):
        wanted = theirs.results_overall_metrics()["f_measure"]["f_measure"]
        assert np.nan_to_num(ours.f1) == pytest.approx(np.nan_to_num(wanted))  # without hits theirs may be NaN
