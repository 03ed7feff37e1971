"""The detector as an estimator: trained on clips, it tells words in streams, at any cut, and from its file."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from sklearn.base import clone

import audioconv as ac
from audioconv.detect import DetectorTraining, MixtureSettings
from audioconv.io import model_file
from tests.models_at_random import random_classifier

RATE = 16000
QUICK = DetectorTraining(rounds=2, steps=260, stretches=120, batch_size=12, hard_negatives=20)
SHORT = DetectorTraining(rounds=2, steps=30, stretches=40, batch_size=12, hard_negatives=5)  # for bits, not for words
HZ = {"low": 500, "high": 1500, "unknown": 3000}


def tone(hz, rng, seconds=0.3):
    """A word: a tone whose pitch rises, with a pause around it. Half of it is not the whole."""
    pitch_hz = hz * rng.uniform(0.97, 1.03) * np.linspace(0.9, 1.1, round(seconds * RATE))
    word = rng.uniform(0.05, 0.5) * np.sin(2 * np.pi * np.cumsum(pitch_hz) / RATE)
    padded = np.pad(word, RATE // 4)
    return (padded + 1e-4 * rng.standard_normal(padded.size)).astype(np.float32)


def clips(count, seed=0):
    rng = np.random.default_rng(seed)
    labels = [label for label in HZ for _ in range(count)]
    return np.stack([tone(HZ[label], rng) for label in labels]), labels


def fitted(false_alarms=None, **changes):
    given = {"training": QUICK, "mixtures": MixtureSettings(stretch_s=2.0), "verbose": 0} | changes
    X, y = clips(6)
    negatives = [0.1 * np.random.default_rng(k).standard_normal(3 * RATE).astype(np.float32) for k in range(3)]
    return ac.KeywordDetector(**given).fit(X, y, negatives=negatives, false_alarms=false_alarms, groups=[0, 1, 2] * 6)


@pytest.fixture(scope="module")
def detector():
    return fitted()


@pytest.fixture(scope="module")
def recording():
    """Six words in soft noise, and where each ends in seconds."""
    rng, sound, truth = np.random.default_rng(5), [np.zeros(RATE, np.float32)], []
    for label in ("low", "high", "unknown", "high", "low", "low"):
        sound += [tone(HZ[label], rng), np.zeros(RATE // 3, np.float32)]
        truth.append((label, (sum(map(len, sound[:-1])) - RATE // 4) / RATE))
    samples = np.concatenate(sound)
    return samples + 1e-3 * rng.standard_normal(len(samples)).astype(np.float32), truth


def test_words_are_told_soon_after_their_end(detector, recording):
    samples, truth = recording
    expected = [(label, end_s) for label, end_s in truth if label != "unknown"]
    found = detector.detect(samples)
    assert [word.label for word in found] == [label for label, _ in expected]
    for word, (_, end_s) in zip(found, expected, strict=True):
        assert abs(word.end_s - end_s) < 0.15
        assert word.start_s == pytest.approx(word.end_s - 0.3, abs=0.1)


@settings(max_examples=20)
@given(st.lists(st.sampled_from([1, 7, 160, 161, 4000, 20000]), min_size=1, max_size=5))
def test_a_stream_tells_the_same_at_any_cut(detector, recording, sizes):
    samples, stream, found, begin, turn = recording[0], detector.stream(), [], 0, 0
    sizes = [*sizes, 8000]
    while begin < len(samples):
        size = sizes[turn % len(sizes)]
        found += stream.process(samples[begin : begin + size])
        begin, turn = begin + size, turn + 1
    assert found + stream.flush() == detector.detect(samples)


def test_captured_false_alarms_are_told_no_more(detector):
    rng = np.random.default_rng(8)
    taught = fitted([np.pad(tone(850, rng), RATE // 2) for _ in range(4)])
    heard = tone(850, rng)
    before, after = (each.scorer_.posteriors(heard)[:, 1].max() for each in (detector, taught))
    assert before > 0.6
    assert after < 0.4
    word = tone(HZ["low"], rng)
    assert taught.scorer_.posteriors(word)[:, 1].max() > 0.5
    assert taught.card_.facts["captured_false_alarms"] == 4


def test_the_card_says_what_it_was_trained_on(detector):
    facts = detector.card_.facts
    assert facts == {"clips": 12, "clips_of_other_words": 6, "speakers": 3, "negatives_h": 0.0025}
    noise = np.random.default_rng(3).standard_normal(RATE).astype(np.float32)
    calibrated = pickle.loads(pickle.dumps(detector)).calibrate([noise], 1.5)
    more = {"false_alarms_per_hour": 1.5, "calibration_h": 0.0003}
    assert calibrated.card_.facts == facts | more


def test_the_same_seed_gives_the_same_bits_with_any_number_of_threads(tmp_path):
    one, three, other = (
        fitted(threads=threads, random_state=seed, training=SHORT) for threads, seed in ((1, 0), (3, 0), (1, 1))
    )
    for name, each in (("a", one), ("b", three)):
        each.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    weights = one.scorer_.network.state_dict()
    assert all(np.array_equal(three.scorer_.network.state_dict()[name], array) for name, array in weights.items())
    assert any(not np.array_equal(other.scorer_.network.state_dict()[name], array) for name, array in weights.items())


def test_a_saved_detector_is_the_same(detector, recording, tmp_path):
    path = tmp_path / "words.safetensors"
    detector.save(path)
    loaded = ac.KeywordDetector.load(path)
    assert loaded.detect(recording[0]) == detector.detect(recording[0])
    assert np.array_equal(loaded.scorer_.posteriors(recording[0]), detector.scorer_.posteriors(recording[0]))
    assert loaded.classes_.tolist() == ["high", "low"]
    assert (loaded.training, loaded.mixtures) == (detector.training, detector.mixtures)
    assert loaded.parity_ == 0
    assert pickle.loads(pickle.dumps(detector)).detect(recording[0]) == detector.detect(recording[0])


def test_a_file_whose_posteriors_are_others_is_refused(detector, tmp_path):
    path = tmp_path / "words.safetensors"
    detector.save(path)
    arrays, header = load_file(path), model_file.load(path)[1]
    name = next(name for name in arrays if name.startswith("network.") and name.endswith("weight"))
    arrays[name] = arrays[name] + np.float32(0.01)
    model_file.save(path, arrays, {key: value for key, value in header.items() if key != "format"})
    with pytest.raises(ac.ModelFileError, match="does not give the posteriors here"):
        ac.KeywordDetector.load(path)
    del arrays["thresholds"]
    model_file.save(path, arrays, {key: value for key, value in header.items() if key != "format"})
    with pytest.raises(ac.ModelFileError, match="thresholds"):
        ac.KeywordDetector.load(path)
    save_file(arrays, path)
    with pytest.raises(ac.ModelFileError, match="no audioconv model"):
        ac.KeywordDetector.load(path)


def test_models_of_clips_and_of_streams_are_told_apart(detector, tmp_path):
    detector.save(tmp_path / "stream.model")
    with pytest.raises(ac.ModelFileError, match=r"KeywordDetector\.load"):
        ac.KeywordClassifier.load(tmp_path / "stream.model")
    random_classifier().save(tmp_path / "clips.model")
    with pytest.raises(ac.ModelFileError, match=r"KeywordClassifier\.load"):
        ac.KeywordDetector.load(tmp_path / "clips.model")


def test_thresholds_are_calibrated_on_other_sound(detector):
    noise = 0.05 * np.random.default_rng(9).standard_normal(20 * RATE).astype(np.float32)
    calibrated = pickle.loads(pickle.dumps(detector)).calibrate([noise], 1.0)
    assert calibrated.detect(noise) == []
    assert calibrated.thresholds_.shape == (2,)
    assert ((calibrated.thresholds_ > 0) & (calibrated.thresholds_ <= 1)).all()


def test_it_is_an_estimator(detector):
    assert clone(detector).get_params() == detector.get_params()
    assert repr(detector).endswith("fitted to 2 keywords")
    assert "\n" not in repr(detector)


@pytest.mark.parametrize(
    ("match", "changes", "y"),
    [
        ("at least one keyword", {}, ["unknown"] * 4),
        ("one label a clip", {}, ["a"]),
        ("training must be a DetectorTraining or None", {"training": 3}, ["a", "b"] * 2),
        ("mixtures must be a MixtureSettings or None", {"mixtures": "loud"}, ["a", "b"] * 2),
        ("model must be one of", {"model": "tc-resnet8"}, ["a", "b"] * 2),
        ("sample_rate must be", {"sample_rate": 0}, ["a", "b"] * 2),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_trained(match, changes, y):
    X = clips(2)[0][:4]
    with pytest.raises(ac.AudioconvError, match=match):
        ac.KeywordDetector(verbose=0, **changes).fit(X, y)


def test_noise_of_integers_is_refused_rather_than_rescaled():
    X, y = clips(2)
    with pytest.raises(ac.DtypeError, match="recording must be float32 or float64, not int16"):
        ac.KeywordDetector(training=QUICK, verbose=0).fit(X, y, background_noise=[np.ones(RATE, np.int16)])


def test_silent_clips_leave_a_keyword_without_any():
    with pytest.raises(ac.ArgumentError, match="needs a clip that is not silent"):
        ac.KeywordDetector(training=QUICK, verbose=0).fit(np.zeros((2, RATE), np.float32), ["a", "b"])


def test_settings_of_a_training_are_checked():
    for change in ({"rounds": 0}, {"learning_rate": 0}, {"hard_negative_ratio": 1.0}, {"window_s": 0}):
        with pytest.raises(ac.ArgumentError, match=next(iter(change))):
            DetectorTraining(**change)
