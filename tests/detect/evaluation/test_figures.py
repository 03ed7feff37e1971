"""Figures against naive ones: calibration, F1, speakers, curves, saliency, transcripts."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.classify.calibrate import Word
from audioconv.detect import find_negatives
from audioconv.detect.evaluation.clips import BINS, ClipScore, worst_confusions
from audioconv.detect.evaluation.det_curve import FACTORS, det_curves, operating_points
from audioconv.detect.evaluation.negatives import text_around
from audioconv.detect.evaluation.saliency import occlusion
from audioconv.detect.evaluation.streams import Source, StreamMaker, neighbours
from audioconv.detect.evaluation.subject import scaled_thresholds, subject_of
from audioconv.detect.recordings import word_recordings
from tests.tone_detector import RATE, tone_detector, tones

LABELS = ["go", "no", "up"]
clips = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS), st.floats(0, 1), st.sampled_from("abc")), min_size=1
)


def score_of(rows):
    truth, told, confidence, speakers = (np.array(column) for column in zip(*rows, strict=True))
    return ClipScore(LABELS, truth, told, confidence, truth == told, speakers)


@settings(max_examples=30, deadline=None)
@given(clips)
def test_calibration_and_f1_against_naive_ones(rows):
    score = score_of(rows)
    bins = [[] for _ in range(BINS)]
    for truth, told, confidence, _ in rows:
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, truth == told))
    gaps = [len(b) * abs(np.mean([c for c, _ in b]) - np.mean([right for _, right in b])) for b in bins if b]
    assert score.ece == pytest.approx(sum(gaps) / len(rows))
    f1 = []
    for label in LABELS:
        hits = sum(truth == told == label for truth, told, *_ in rows)
        total = sum(truth == label for truth, *_ in rows) + sum(told == label for _, told, *_ in rows)
        f1.append(2 * hits / total if total else 0)
    assert score.macro_f1 == pytest.approx(np.mean(f1))
    low, high = score.speaker_spread.interval
    assert 0 <= low <= high <= 1
    assert sum(count for *_, count, _ in worst_confusions(score, 9)) == len(rows) - score.correct


def test_speakers_are_sorted_and_small_ones_have_no_accuracy():
    rows = [("go", "go", 0.9, "anna")] * 3 + [("go", "no", 0.9, "anna"), ("go", "no", 0.9, "ben")]
    rows += [("no", "go", 0.8, "carl")] * 4
    spread = score_of(rows).speaker_spread
    assert list(spread.accuracies.items()) == [("carl", 0.0), ("anna", 0.75)]
    assert spread.quantile(0.5) == pytest.approx(0.375)


@given(st.floats(0.01, 0.99), st.floats(1e-3, 1e3))
def test_factors_scale_odds_and_undo_each_other(threshold, factor):
    scaled = scaled_thresholds(np.array([threshold, np.inf]), factor)
    assert scaled[0] / (1 - scaled[0]) == pytest.approx(factor * threshold / (1 - threshold), rel=1e-6)
    assert scaled[1] == np.inf
    assert scaled_thresholds(scaled, 1 / factor)[0] == pytest.approx(threshold, rel=1e-6)


def test_a_curve_falls_where_thresholds_rise():
    """One word at posterior 0.9, one at 0.6; in the negatives one peak at 0.7."""
    subject = subject_of(tone_detector(0.5))
    rows, negatives = np.zeros((300, 2)), np.zeros((300, 2))
    rows[50:70, 0], rows[200:220, 1], negatives[100:120, 1] = 0.9, 0.6, 0.7
    truth = [Word("high", 0.4, 0.6), Word("low", 1.9, 2.1)]
    (curve,) = det_curves(subject, [("clean", rows, truth, 0.01)], [negatives], 0.5)
    for point in curve.points:
        thresholds = scaled_thresholds(np.array([0.5]), point.factor)
        assert point.missed == sum(thresholds[0] > peak for peak in (0.9, 0.6)) / 2
        assert point.false_alarms == (thresholds[0] <= 0.7)
    points = operating_points(subject, [curve])
    lowest = min(factor for factor in FACTORS if scaled_thresholds(np.array([0.5]), factor)[0] > 0.7)
    assert (points[0].target_per_hour, points[0].factor) == (0.5, lowest)
    assert points[-1].false_alarms == 1  # two an hour are within four


def test_saliency_is_where_the_score_comes_from():
    """A score that is the energy of 2 kHz between 0.4 and 0.6 s."""
    times_s = np.arange(RATE) / RATE
    sound = 0.1 * np.sin(2 * np.pi * 2000 * times_s) * (times_s > 0.2) * (times_s < 0.9)
    sound = (sound + 0.1 * np.sin(2 * np.pi * 300 * times_s) + 1e-3).astype("float32")
    part = slice(round(0.4 * RATE), round(0.6 * RATE))

    def score(sounds):
        return np.array([np.abs(np.dot(x[part], np.exp(2j * np.pi * 2000 * times_s[part]))) for x in sounds])

    found = occlusion(score, sound, RATE)
    band = np.searchsorted(found.edges_hz, 2000) - 1
    assert found.drop.shape == (10, 6)
    assert set(np.argwhere(found.drop > 0.2 * found.drop.max())[:, 1]) == {band}
    assert found.drop[4:6, band].min() > 0.3 * score([sound])[0]
    assert np.abs(found.drop[[0, 1, 8, 9]]).max() < 0.05 * found.drop.max()


@cache
def sources():
    """Nine words, six of them keywords, and a long recording of speech."""
    samples, labels, _ = tones(3)
    words = [
        Source(f"{i}", label, word_recordings([clip], RATE, label)[0], label != "other")
        for i, (clip, label) in enumerate(zip(samples, labels, strict=True))
    ]
    return words, Source("talk", "speech", word_recordings([np.tile(samples[-1], 3)], RATE, "speech")[0])


def maker(seed=0, speech=False):
    words, talk = sources()
    return StreamMaker(words, [talk] if speech else [], [np.sin(np.arange(RATE))], RATE, seed)


def where(layout):
    return [(place.item.source.name, place.start_s, place.end_s) for place in layout.placed]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_words_lie_where_the_layout_says(seed, speech):
    streams = maker(seed, speech)
    layout = streams.words()
    assert sorted(p.item.source.name for p in layout.placed if p.item.source.keyword) == [*"012345"]
    assert all(a.end_s < b.start_s for a, b in zip(layout.placed, layout.placed[1:], strict=False))
    assert layout.placed[-1].end_s < layout.seconds
    assert where(layout) == where(maker(seed, speech).words())
    sound = layout.render(np.full(1000, 1e-4, "float32"), 0.0)
    for place in layout.placed:
        inside = sound[round(place.start_s * RATE) : round(place.end_s * RATE)]
        assert np.sqrt(np.mean(inside**2)) == pytest.approx(0.063, rel=0.05 if place.item.part == "word" else 1)
        before, within, after = neighbours(layout, place.start_s, place.end_s)
        assert within == place
        assert before is None or before.end_s <= place.start_s
        assert after is None or after.start_s >= place.end_s


def test_halves_pairs_and_sentences_are_laid_out():
    streams = maker(speech=True)
    halves = streams.halves("first half", 4)
    assert [p.item.end - p.item.begin for p in halves.placed] == pytest.approx([0.15 * RATE] * 4, abs=0.01 * RATE)
    assert halves.words == []
    pairs = streams.pairs(6)
    assert [len(phrase) for phrase in pairs.phrases] == [2, 2, 2]
    for first, second in pairs.phrases:
        assert 0 <= pairs.placed[second].start_s - pairs.placed[first].end_s <= 0.081
    sentence = streams.sentences(2)
    assert [[sentence.placed[i].item.part for i in phrase] for phrase in sentence.phrases] == [
        ["speech", "word", "speech"]] * 2  # fmt: skip
    assert len(sentence.words) == 2


def test_noise_has_its_ratio_and_rooms_change_the_sound():
    streams = maker()
    layout, noise = streams.words(), streams.noise
    quiet, loud = layout.render(noise, 40.0), layout.render(noise, 0.0)
    gap = slice(0, round(0.3 * RATE))
    ratio = np.mean(loud[gap] ** 2) / np.mean(quiet[gap] ** 2)
    assert 10 * np.log10(ratio) == pytest.approx(40, abs=0.1)
    assert not np.allclose(layout.render(noise, 40.0, streams.rooms), quiet, atol=0.01)


@given(st.lists(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=40), st.floats(0, 1))
def test_a_transcript_is_cut_around_a_place(words, share):
    cut = text_around(" ".join(words), share)
    (marked,) = [word[1:-1] for word in cut.split() if word.startswith("[")]
    assert marked in words
    assert " ".join(cut.replace("[", "").replace("]", "").strip("… ").split()) in " ".join(words)
    assert text_around("", share) == ""


def test_recordings_that_hold_a_keyword_are_left_out(tmp_path):
    rows = [
        "file,text,keywords,split",
        "a.wav,GO ON THEN,go,val",
        "b.wav,I KNOW IT,,val",
        "c.wav,LET US GOAD THEM,,val",
        "d.wav,nothing,,train",
        "e.wav,,up,val",
    ]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    for name in "abcde":
        ac.write(tmp_path / f"{name}.wav", np.zeros(800), 8000)
    found = find_negatives(tmp_path, ["Go", "up"], split="val", sound_alikes=["know"])
    assert [recording.text for recording in found.recordings] == ["LET US GOAD THEM"]
    assert found.left_out[tmp_path.name] == {"hold a keyword": 2, "hold a sound-alike": 1, "are not in the part val": 1}
    assert len(find_negatives([tmp_path], ["go"], split="test").recordings) == 4  # no part of that name: all of it
    (samples,) = {recording.samples(16000).size for recording in found.recordings}
    assert samples == 1600
    with pytest.raises(ac.ArgumentError, match="at least one recording without the keywords"):
        find_negatives(tmp_path, ["goad", "nothing", "know", "go", "up"])


def test_folders_files_and_arrays_are_negatives(tmp_path):
    (tmp_path / "noise").mkdir()
    ac.write(tmp_path / "noise" / "a.wav", np.zeros(800), 8000)
    found = find_negatives([tmp_path / "noise", tmp_path / "noise" / "a.wav", np.zeros(9, "float32")], ["go"])
    assert [recording.source for recording in found.recordings] == ["noise", "files", "recordings"]
    with pytest.raises(ac.ArgumentError, match="must be sound files"):
        find_negatives(3, ["go"])
    (tmp_path / "noise" / "manifest.csv").write_text("name\nx\n")
    with pytest.raises(ac.AudioFileError, match="column file"):
        find_negatives(tmp_path / "noise", ["go"])
