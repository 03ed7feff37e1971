"""More words from few clips, for a classifier of random weights: what is kept, what is new, and what is refused."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.classify import Augmentation, TrainingConfig
from audioconv.errors import ArgumentError
from tests.command import refused, run
from tests.models_at_random import random_classifier

RATE = 16000
WORDS = np.array(["no", "unknown", "yes"])


def tones(hz, count=3):
    rng = np.random.default_rng(int(hz))
    times_s = np.arange(RATE) / RATE
    pitches = hz * rng.uniform(0.97, 1.03, (count, 1))
    return (0.2 * np.sin(2 * np.pi * pitches * times_s) * np.hanning(RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def classifier():
    return random_classifier(words=WORDS)


@pytest.fixture(scope="module")
def adapted(classifier):
    return classifier.adapt(tones(700), ["beep"] * 3)


def test_a_new_word_gets_a_column_of_its_own_and_the_others_stay_to_the_bit(classifier, adapted):
    assert adapted.classes_.tolist() == ["beep", "no", "unknown", "yes"]
    assert classifier.classes_.tolist() == WORDS.tolist()
    noise = np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32)
    assert np.array_equal(adapted.scorer_.logits(noise)[:, 1:], classifier.scorer_.logits(noise))
    assert adapted.card_.facts["adapted_to"] == "beep (3 clips)"
    assert adapted.was_trained_on(tones(700))[0].all()
    assert not classifier.was_trained_on(tones(700))[0].any()


def test_it_is_told_where_it_is_said(adapted):
    """The network is random, but tones are not: their features are alike."""
    assert (adapted.predict(tones(705, 10)) == "beep").mean() > 0.5
    hiss = 0.05 * np.random.default_rng(1).standard_normal((10, RATE)).astype(np.float32)
    assert (adapted.predict(hiss) != "beep").all()


def test_the_same_clips_give_the_same_classifier_with_any_number_of_threads(classifier, adapted):
    again = classifier.set_params(threads=2).adapt(list(tones(700)), np.array(["beep"] * 3))
    classifier.set_params(threads=None)
    assert np.array_equal(again.scorer_.logits(tones(700)), adapted.scorer_.logits(tones(700)))


def test_a_known_word_is_sharpened(classifier):
    sharpened = classifier.adapt(tones(900), ["no"] * 3)
    before, after = classifier.scorer_.logits(tones(900)), sharpened.scorer_.logits(tones(900))
    assert np.array_equal(before[:, 1:], after[:, 1:])
    assert (after[:, 0] > before[:, 0]).all()


def test_an_adapted_classifier_is_adapted_again_after_it_was_saved(adapted, tmp_path):
    adapted.save(tmp_path / "words.safetensors")
    loaded = ac.KeywordClassifier.load(tmp_path / "words.safetensors")
    assert np.array_equal(loaded.statistics_.means, adapted.statistics_.means)
    first, second = (clf.adapt(tones(300), ["zeta"] * 3) for clf in (adapted, loaded))
    assert second.classes_.tolist() == ["beep", "no", "unknown", "yes", "zeta"]
    assert np.array_equal(first.predict_proba(tones(300)), second.predict_proba(tones(300)))
    assert second.card_.facts["adapted_to"] == "beep (3 clips), zeta (3 clips)"


def test_what_was_trained_is_remembered():
    labels = np.array(["low", "high"] * 6)
    clips = np.concatenate([tones(300, 6), tones(900, 6)])[np.arange(12).reshape(2, 6).T.ravel()]
    settings = {"batch_size": 6, "augment": Augmentation(noise_clip_ratio=0), "training": TrainingConfig(min_steps=1)}
    classifier = ac.KeywordClassifier(epochs=2, verbose=0, **settings).fit(clips, labels)
    assert classifier.statistics_.means.shape == (2, 48)
    assert len(classifier.statistics_.background) == 12  # of all classes, because none is of unknown words
    assert classifier.adapt(tones(500), ["middle"] * 3).classes_.tolist() == ["high", "low", "middle"]


def test_what_cannot_be_adapted_is_refused(classifier):
    with pytest.raises(ArgumentError, match="'unknown' is no word"):
        classifier.adapt(tones(700), ["unknown"] * 3)
    with pytest.raises(ArgumentError, match="of the kind of 'no', unlike 7"):
        classifier.adapt(tones(700), [7] * 3)
    with pytest.raises(ArgumentError, match="at least 2 clips, not 1"):
        classifier.adapt(tones(700, 1), ["beep"])
    with pytest.raises(ArgumentError, match="not one that ends in MiniRocket"):
        random_classifier("minirocket").adapt(tones(700), ["beep"] * 3)


def test_the_command_adapts_a_model_of_clips(classifier, tmp_path):
    classifier.save(tmp_path / "words.safetensors")
    (tmp_path / "clips" / "beep").mkdir(parents=True)
    for k, clip in enumerate(tones(700)):
        ac.write(tmp_path / "clips" / "beep" / f"{k}.wav", clip, RATE)
    given = ("adapt", tmp_path / "words.safetensors", tmp_path / "clips", "--out", tmp_path / "more.safetensors")
    done = run(*given)
    assert done.exit_code == 0, done.output
    assert "3 clips of beep" in done.stdout
    assert "beep" in ac.KeywordClassifier.load(tmp_path / "more.safetensors").classes_
    assert "--negatives is for detectors" in refused(*given, "--force", "--negatives", tmp_path)
