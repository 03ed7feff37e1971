"""Models are evaluated on clips, in streams and on negatives: known words in, known figures out."""

import json

import numpy as np
import pytest

import audioconv as ac
from audioconv.detect import EvaluationSettings, FrameScorer, evaluate
from audioconv.detect.calibration import strengths
from audioconv.detect.evaluation.results import Challenge
from audioconv.detect.evaluation.subject import NO_KEYWORD, log_odds, subject_of
from tests.models_at_random import random_classifier
from tests.tone_detector import RATE, SETTINGS, labelled_tones, negatives, tone_detector, tone_evaluation, tones


@pytest.fixture(scope="module")
def evaluation():
    return tone_evaluation()


def test_clips_are_counted(evaluation):
    clips = evaluation.clips
    assert clips.labels == ["high", "low", NO_KEYWORD]
    assert clips.confusion.tolist() == [[3, 0, 1], [1, 4, 0], [0, 0, 3]]
    assert (clips.correct, len(clips.truth)) == (10, 12)
    assert clips.accuracy_interval == ac.report.wilson_interval(10, 12)
    assert clips.speaker_spread.speakers == 4
    assert clips.speaker_spread.accuracies == {}  # three clips each are too few


def test_words_in_streams_are_found_and_their_delay_is_known(evaluation):
    """The network hears a tone 0.28 s after its onset; once the mean of its posteriors is 0.6 it is told."""
    assert [c.name for c in evaluation.conditions] == ["clean", "10 dB", "rooms"]
    after_end_s = 0.28 - 0.3 + 0.6 * evaluation.model["smoothing_s"]
    for condition in evaluation.conditions:
        score = condition.score
        assert (score.words, score.hits) == (9, 7)  # but for the two wrong labels
        assert score.median_delay_s == pytest.approx(after_end_s, abs=0.03)
        assert sum(condition.alarms_over.values()) == score.false_alarms.count
    assert evaluation.headline.name == "10 dB"
    assert evaluation.conditions[0].alarms_over == {"another keyword": 1}


def test_halves_pairs_and_sentences(evaluation):
    found = {challenge.name: challenge for challenge in evaluation.challenges}
    assert list(found) == [
        "first half alone", "second half alone", "two keywords run together", "keyword in a sentence",
    ]  # fmt: skip
    assert found["first half alone"].trials == 9
    assert found["first half alone"].happened == 8  # a half of a tone is a tone
    assert found["two keywords run together"].trials == 4
    assert found["keyword in a sentence"].by_label["low"] == (5, 4)
    assert Challenge("none", 0, 0, {}).interval == (0, 1)
    assert np.isnan(Challenge("none", 0, 0, {}).share)


def test_false_alarms_on_negatives_are_counted_and_placed(evaluation):
    (score,) = evaluation.negatives
    assert score.by_word == {"high": 0, "low": 1}
    assert (score.recordings, score.seconds) == (2, 8.0)
    assert score.total.per_hour == pytest.approx(450)
    (alarm,) = [m for m in evaluation.mistakes if m.kind == "false alarm in negatives"]
    assert (alarm.source, alarm.told) == ("recording 1", "low")
    assert 1.5 < alarm.at_s < 1.67


def test_every_mistake_is_listed_and_some_can_be_heard(evaluation):
    kinds = [mistake.kind for mistake in evaluation.mistakes]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "clip": 2, "false alarm in negatives": 1, "missed word": 2, "false alarm in the stream": 1,
    }  # fmt: skip
    missed = [m for m in evaluation.mistakes if m.kind == "missed word"]
    assert {(m.said, m.told) for m in missed} == {("low", "high"), ("high", NO_KEYWORD)}
    assert all(m.before or m.after for m in missed)
    assert len(evaluation.examples) == 6
    for example in evaluation.examples:
        assert len(example.samples) <= 2 * RATE
        assert np.isfinite(example.saliency.drop).all()
    alarm = next(e for e in evaluation.examples if e.mistake.kind == "false alarm in negatives")
    time, band = np.unravel_index(alarm.saliency.drop.argmax(), alarm.saliency.drop.shape)
    assert alarm.saliency.edges_hz[band] <= 500 <= alarm.saliency.edges_hz[band + 1]
    assert 1.2 <= alarm.start_s + alarm.saliency.edges_s[time] <= 1.6


def test_at_most_so_many_of_a_kind_can_be_heard():
    clips, labels, _ = tones(4)
    labels = ["low" if label == "high" else label for label in labels]
    quick = EvaluationSettings(streams=False, examples=3)
    found = evaluate(tone_detector(), clips, labels, settings=quick)
    assert (len(found.mistakes), len(found.examples)) == (4, 3)
    assert found.conditions == found.curves == []


def test_the_curve_goes_through_the_thresholds_as_they_are(evaluation):
    for curve, condition in zip(evaluation.curves, evaluation.conditions, strict=True):
        now = next(point for point in curve.points if abs(point.factor - 1) < 1e-9)
        assert now.missed == pytest.approx(1 - condition.score.recall)
        assert now.false_alarms == evaluation.negatives[-1].total.count
        assert curve.hours == pytest.approx(8 / 3600)


def test_operating_points_keep_their_rate(evaluation):
    for point in evaluation.operating_points:
        assert point.false_alarms / (8 / 3600) <= point.target_per_hour
        assert all(0 < threshold < 1 for threshold in point.thresholds.values())
        assert set(point.missed) == {"clean", "10 dB", "rooms"}


def test_the_same_again_is_the_same(evaluation):
    clips, labels, speakers = labelled_tones()
    again = evaluate(tone_detector(), clips, labels, speakers=speakers, negatives=negatives(), settings=SETTINGS)
    assert again.to_dict() == evaluation.to_dict()


def test_the_figures_are_json(evaluation):
    text = json.dumps(evaluation.to_dict())
    found = json.loads(text)
    assert found["clips"]["correct"] == 10
    assert found["negatives"][0]["by_word"]["low"]["count"] == 1
    assert "0.5 s after" in found["semantics"]["found"]
    assert len(found["mistakes"]) == len(evaluation.mistakes)


def test_a_classifier_slides_over_the_streams():
    classifier = random_classifier(words=np.array(["unknown", "yes"]))
    rng = np.random.default_rng(0)
    clips = rng.normal(0, 0.01, (2, RATE)).astype("float32")
    clips[:, 6000:11000] += 0.3 * np.sin(np.arange(5000) / 3).astype("float32")
    quick = EvaluationSettings(snr_db=(), examples=1)
    found = evaluate(classifier, clips, ["yes", "blue"], settings=quick)
    assert found.model["kind"] == "KeywordClassifier"
    assert "unknown" not in found.model["keywords"]
    assert "unknown" in found.clips.labels
    assert found.clips.truth.tolist() == ["yes", "unknown"]
    assert [c.score.words for c in found.conditions] == [1, 1]
    assert found.curves[0].hours == pytest.approx(found.conditions[0].score.hours)  # without negatives: in the stream
    assert all(np.isfinite(example.saliency.drop).all() for example in found.examples)


def test_a_batch_of_sounds_has_the_scores_of_streams():
    subject, sounds = subject_of(tone_detector()), list(tones(1)[0])
    batch = subject.log_odds(sounds, "low", (0.3, 0.8))
    alone = [subject.log_odds([sound], "low", (0.3, 0.8))[0] for sound in sounds]
    assert batch == pytest.approx(alone, abs=1e-5)
    streamed = max(detection.score for detection in tone_detector().detect(sounds[1]))
    highest = 1 / (1 + np.exp(-subject.log_odds([sounds[1]], "low", (0.0, 9.0))[0]))
    assert highest >= streamed - 1e-6


@pytest.mark.parametrize("name", ac.models.FRAME_MODELS)
def test_a_batch_has_the_scores_of_streams_for_every_architecture(name):
    detector, features = tone_detector(), ac.models.FRAME_MODELS[name].features(RATE)
    network = ac.models.build_frames(name, 3, features.n_features, 0)
    mean = np.zeros(features.n_features, np.float32)
    detector.scorer_ = FrameScorer(detector.classes_, features, network, mean, mean + 1)
    subject, sounds = subject_of(detector), list(tones(1)[0])
    rows = [strengths(subject.base_decoder, subject.rows(sound)) for sound in sounds]
    alone = [log_odds(of[:, 1].max()) for of in rows]
    assert subject.log_odds(sounds, "low", (0.0, 9.0)) == pytest.approx(alone, abs=1e-4)


def test_what_makes_no_sense_is_refused():
    clips, labels, _ = tones(1)
    with pytest.raises(ac.ArgumentError, match="must be a fitted KeywordDetector"):
        evaluate(ac.KeywordDetector(), clips, labels)
    with pytest.raises(ac.ArgumentError, match="a KeywordDetector or a KeywordClassifier"):
        evaluate(type("Other", (), {"scorer_": None})(), clips, labels)
    with pytest.raises(ac.ShapeError, match="speakers must hold one a clip"):
        evaluate(tone_detector(), clips, labels, speakers=["anna"])
    with pytest.raises(ac.ArgumentError, match="examples"):
        EvaluationSettings(examples=-1)
    with pytest.raises(ac.ArgumentError, match="hold sound"):
        evaluate(tone_detector(), clips, labels, negatives=[np.empty(0, "float32")])
