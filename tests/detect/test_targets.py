"""Targets of rows: what a detector is taught to say when."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.detect import Span, frame_targets

RATE = 1000  # a sample is a millisecond
KEYWORDS = 3


def naive(spans, rows, row_hop, row_end, *, lag, window, before, after, warmup):
    """Row by row, and by the rules as the page has them: 0 background, 1 + label index, None where it is ignored."""
    said = []
    for row in range(rows):
        seen = row_end + row * row_hop
        answer, latest = 0, None
        if seen < warmup:
            answer = None
        for span in spans:
            length = span.end - span.begin
            if span.begin + before * length < seen < span.end + after:
                answer = None
            if span.end + lag <= seen < span.end + lag + window:
                answer = None
        for span in spans:
            missing = -span.begin
            taught = 3 * missing <= span.end - span.begin
            if taught and span.end + lag <= seen < span.end + lag + window and (latest is None or span.end >= latest):
                answer, latest = 1 + span.label_index, span.end
        said.append(answer)
    return said


def shown(targets):
    return [None if not row.any() else int(row.argmax()) for row in targets]


@st.composite
def words(draw):
    begin, length = draw(st.integers(-600, 1500)), draw(st.integers(0, 800))
    return Span(draw(st.integers(0, KEYWORDS - 1)), begin, begin + length)


@given(
    spans=st.lists(words(), max_size=5),
    rows=st.integers(0, 120),
    row_hop=st.integers(1, 25),
    row_end=st.integers(0, 50),
    lag=st.integers(-50, 150),
    window=st.integers(1, 250),
    before=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    after=st.integers(0, 500),
    warmup=st.integers(0, 700),
)
@example([Span(0, 300, 600), Span(1, 600, 900)], 100, 20, 25, 60, 160, 0.5, 360, 0)  # run together
@example([Span(0, 300, 800), Span(1, 700, 900)], 100, 20, 25, 60, 160, 0.5, 360, 0)  # windows meet
@example([Span(2, -100, 200), Span(1, -101, 200)], 100, 20, 25, 60, 160, 0.5, 360, 500)  # a third is missing, and more
def test_rows_are_taught_what_the_rules_say(spans, rows, row_hop, row_end, lag, window, before, after, warmup):
    targets = frame_targets(
        spans,
        rows,
        row_hop,
        row_end,
        KEYWORDS,
        sample_rate=RATE,
        lag_s=lag / RATE,
        window_s=window / RATE,
        ignore_before=before,
        ignore_after_s=after / RATE,
        warmup_s=warmup / RATE,
    )
    assert targets.dtype == np.float32
    assert targets.shape == (rows, 1 + KEYWORDS)
    assert set(targets.sum(axis=1)) <= {0.0, 1.0}
    assert set(targets.ravel()) <= {0.0, 1.0}
    limits = {"lag": lag, "window": window, "before": before, "after": after, "warmup": warmup}
    assert shown(targets) == naive(spans, rows, row_hop, row_end, **limits)


def test_without_keywords_all_is_background():
    assert shown(frame_targets([], 50, 160, 400, 2)) == [0] * 50


def test_a_word_is_said_after_its_end_and_what_is_around_is_ignored():
    said = shown(frame_targets([Span(1, 16000, 24000)], 160, 320, 400, 2))
    seen_s = (400 + 320 * np.arange(160)) / 16000
    assert [row for row in range(160) if said[row] == 2] == np.flatnonzero((seen_s >= 1.56) & (seen_s < 1.72)).tolist()
    ignored = ((seen_s > 1.25) & (seen_s < 1.56)) | ((seen_s >= 1.72) & (seen_s < 1.86))
    assert [row for row in range(160) if said[row] is None] == np.flatnonzero(ignored).tolist()


def test_a_word_that_began_long_before_the_stretch_is_ignored():
    assert 1 in shown(frame_targets([Span(0, -1600, 4800)], 60, 160, 400, 1))
    said = shown(frame_targets([Span(0, -1700, 3300)], 60, 160, 400, 1))
    assert set(said) == {0, None}
    assert said[-1] == 0


def test_words_that_follow_closely_are_all_said():
    said = shown(frame_targets([Span(0, 0, 4000), Span(1, 4000, 8000), Span(0, 8000, 12000)], 120, 160, 400, 2))
    order = [answer for row, answer in enumerate(said) if answer and (row == 0 or said[row - 1] != answer)]
    assert order == [1, 2, 1]


@pytest.mark.parametrize("wrong", [Span(2, 0, 100), Span(-1, 0, 100), Span(0, 100, 50)])
def test_spans_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ac.ArgumentError, match="label index below 2, and begins before it ends"):
        frame_targets([Span(0, 0, 100), wrong], 10, 160, 400, 2)


@pytest.mark.parametrize("wrong", [{"window_s": 0}, {"ignore_before": 1.5}, {"ignore_after_s": -1}, {"warmup_s": -1}])
def test_numbers_out_of_their_range_are_refused(wrong):
    with pytest.raises(ac.ArgumentError, match=next(iter(wrong))):
        frame_targets([], 10, 160, 400, 2, **wrong)
