"""The detector of sound events: trained on labelled recordings, the same at any cut, and from its file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

import audioconv as ac
from audioconv.detect import FrameScorer, SoundEventDecision, SoundEventTraining, Span, activity_targets
from audioconv.detect.model_info import model_info
from audioconv.detect.negatives import NegativeFrames
from audioconv.detect.stretches import StretchCutter
from tests.models_at_random import random_sound_event_detector
from tests.tone_detector import FEATURES, FLOOR, HZ, LEVEL, RATE, SLOPE, band_of

SHORT = SoundEventTraining(rounds=2, steps=2, stretches=4, stretch_s=1.5, batch_size=2)


def tones(seed=0, seconds=8):
    """Tones of both pitches that overlap in soft noise, and when each sounds."""
    rng = np.random.default_rng(seed)
    samples = 1e-3 * rng.standard_normal(seconds * RATE)
    truth = [(seed, 1.0, 2.5, "high"), (seed, 2.0, 4.0, "low"), (seed, 5.0, 5.5, "high")]
    for _, onset_s, offset_s, label in truth:
        times_s = np.arange(round((offset_s - onset_s) * RATE)) / RATE
        samples[round(onset_s * RATE) :][: times_s.size] += 0.2 * np.sin(2 * np.pi * HZ[label] * times_s)
    return samples.astype(np.float32), truth


@pytest.fixture(scope="module")
def detector():
    """Knows the tones by the levels of their bands, without training."""
    layer = ac.nn.Conv1d(40, 2, 3, padding="causal", rng=np.random.default_rng(0))
    weight, bias = np.zeros((3, 40, 2), np.float32), np.full(2, -SLOPE * (LEVEL - FLOOR), np.float32)
    for column, hz in enumerate(HZ.values()):
        weight[:, band_of(hz), column] = SLOPE / 3
    layer.load_state_dict({"weight": weight, "bias": bias})
    made = random_sound_event_detector()
    made.training = SoundEventTraining(lag_s=0.02)
    statistics = np.full(40, FLOOR, np.float32), np.ones(40, np.float32)
    made.scorer_ = FrameScorer(np.array(list(HZ)), FEATURES, ac.nn.Sequential([layer]), *statistics, multi_label=True)
    made.thresholds_ = np.full(2, 0.5)
    return made


def fitted(**given):
    recordings, events = zip(*(tones(seed, 8) for seed in range(2)), strict=True)
    made = ac.SoundEventDetector(training=SHORT, verbose=0, **given)
    return made.fit(list(recordings), [event for each in events for event in each])


def test_sounds_are_told_with_their_times_also_where_they_overlap(detector):
    samples, truth = tones()
    found = detector.detect(samples)
    assert [d.label for d in found] == [label for *_, label in truth]
    for detection, (_, onset_s, offset_s, _) in zip(found, truth, strict=True):
        assert detection.start_s == pytest.approx(onset_s, abs=0.15)
        assert detection.end_s == pytest.approx(offset_s, abs=0.15)
        assert detection.score > 0.5
    assert detector.detect(samples, threshold=[np.inf, 0.5]) == [found[1]]


@settings(max_examples=20)
@given(st.lists(st.sampled_from([1, 7, 640, 641, 4000, 20000]), min_size=1, max_size=5))
def test_a_stream_tells_the_same_at_any_cut(detector, sizes):
    samples, stream, found, begin, turn = tones()[0], detector.stream(), [], 0, 0
    sizes = [*sizes, 8000]
    while begin < len(samples):
        size = sizes[turn % len(sizes)]
        found += stream.process(samples[begin : begin + size])
        begin, turn = begin + size, turn + 1
    assert found + stream.flush() == detector.detect(samples)


def test_a_stream_says_what_sounds_now(detector):
    samples, stream = tones()[0], detector.stream()
    assert stream.process(samples[: round(2.45 * RATE)]) == []
    assert [d.label for d in stream.active()] == ["high", "low"]
    assert [d.label for d in stream.process(samples[round(2.45 * RATE) : 4 * RATE])] == ["high"]


def test_a_monitor_in_a_chain_tells_the_same(detector):
    samples = tones()[0]
    monitor = detector.monitor()
    chain = ac.Chain([monitor, ac.Gain(-6.0)])
    chain.process(samples)
    chain.flush()
    assert monitor.detections() == detector.detect(samples)
    assert "gap_s=0.6" in repr(monitor)


def test_posteriors_are_sigmoids_of_what_the_network_says(detector):
    samples, scorer = tones()[0], detector.scorer_
    frames = (ac.LogMel()(samples) - scorer.mean) / scorer.std
    logits = scorer.network.forward(frames[None])[0].astype(np.float64)
    assert np.abs(scorer.posteriors(samples) - 1 / (1 + np.exp(-logits))).max() < 1e-6
    assert np.array_equal(scorer.frame_posteriors(ac.LogMel()(samples)), scorer.posteriors(samples))


def test_evaluation_and_calibration(detector):
    pairs = [tones(seed) for seed in range(2)]
    recordings, events = [samples for samples, _ in pairs], [event for _, truth in pairs for event in truth]
    score = detector.evaluate(recordings, events)
    assert score.events.f1 == 1
    assert score.segments.f1 > 0.9
    assert detector.evaluate(recordings, events, threshold=2.0).events.f1 == 0
    insensitive = clone(detector)
    vars(insensitive).update(scorer_=detector.scorer_, thresholds_=np.array([2.0, 2.0]), card_=detector.card_)
    insensitive.calibrate(recordings, [event for event in events if event[3] == "low"])
    assert insensitive.thresholds_[0] == 2.0, "of a class that is not there nothing is learnt"
    assert (
        insensitive.evaluate(recordings, events, threshold=[np.inf, insensitive.thresholds_[1]]).by_class[1].events.f1
        == 1
    )
    assert insensitive.card_.facts["calibration_h"] == round(16 / 3600, 4)


def test_the_same_seed_gives_the_same_file_with_any_number_of_threads(tmp_path):
    fitted(threads=1).save(tmp_path / "a")
    fitted(threads=2).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_was_trained_is_described_and_saved(tmp_path):
    made = fitted(random_state=3, decision=SoundEventDecision(gap_s=0.2))
    assert made.classes_.tolist() == ["high", "low"]
    assert [record["round"] for record in made.history_] == [1, 2]
    assert made.card_.facts == {"recordings": 2, "recordings_h": round(16 / 3600, 4), "events": 6}
    assert repr(made).endswith("fitted to 2 classes")
    made.save(tmp_path / "m.safetensors")
    loaded, samples = ac.SoundEventDetector.load(tmp_path / "m.safetensors"), tones()[0]
    assert (loaded.training, loaded.decision) == (made.training, made.decision)
    assert loaded.detect(samples, threshold=0.3) == made.detect(samples, threshold=0.3)
    assert loaded.parity_ == 0
    info = model_info(tmp_path / "m.safetensors")
    assert (info["kind"], [each["label"] for each in info["labels"]]) == ("SoundEventDetector", ["high", "low"])
    with pytest.raises(ac.ModelFileError, match=r"SoundEventDetector\.load"):
        ac.KeywordDetector.load(tmp_path / "m.safetensors")


def test_stretches_know_where_their_sounds_are():
    samples, truth = tones()
    heard = NegativeFrames([samples], FEATURES)
    spans = [[Span(list(HZ).index(label), round(a * RATE), round(b * RATE)) for _, a, b, label in truth]]
    config = SoundEventTraining(stretch_s=2.0, gain_db=(0.0, 0.0), noise_probability=0.0)
    cutter = StretchCutter(heard, spans, [], config, seed=1)
    seen = 0
    for number in range(12):
        stretch, found = cutter.draw(number)
        assert stretch.size == cutter.samples == 2 * RATE
        assert np.array_equal(cutter.draw(number)[0], stretch)
        active = activity_targets(found, 2 * RATE // 160, 160, 80, 2).any(axis=1)
        loud = np.abs(stretch.reshape(-1, 160)).max(axis=1) > 0.05
        seen += int(active.sum())
        assert np.mean(active != loud) < 0.03
    assert seen > 100


def test_targets_follow_the_sounds_with_a_lag():
    targets = activity_targets([Span(1, -500, 1000), Span(0, 900, 1200)], 10, 200, 300, 2, lag=100)
    assert targets.T.tolist() == [[0, 0, 0, 0, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]]
    with pytest.raises(ac.ArgumentError, match="label index below 2"):
        activity_targets([Span(2, 0, 1)], 1, 1, 1, 2)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"events": []}, "events holds no event"),
        ({"events": [(5, 0.0, 1.0, "a")]}, "recording 5 of an event is none of the 1 recordings"),
        ({"events": [(0, 0.0, 1.0, "a\x1b")]}, "control characters"),
        ({"recordings": [np.full(RATE, np.nan, np.float32)]}, "finite samples are wanted"),
        ({"training": 3}, "training must be a SoundEventTraining or None, not 3"),
        ({"decision": {}}, "decision must be a SoundEventDecision"),
        ({"model": "crnn"}, "model must be"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(given, says):
    settings = {name: given[name] for name in ("training", "decision", "model") if name in given}
    recordings = given.get("recordings", [np.zeros(RATE, np.float32)])
    with pytest.raises(ac.AudioconvError, match=says):
        ac.SoundEventDetector(verbose=0, **settings).fit(recordings, given.get("events", [(0, 0.0, 0.5, "a")]))
