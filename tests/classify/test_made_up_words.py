"""Made-up words: what they are made of, when they are made, and how much unknown words count."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import models
from audioconv.classify import made_up_words as words
from audioconv.classify import training, training_config
from audioconv.classify.augmentation import UNCHANGED
from audioconv.classify.augmenter import Augmenter
from tests.classify.test_augmentation import NOISES
from tests.classify.test_classifier import examples, make

RATE = 16000


@pytest.fixture
def few(monkeypatch):
    """Every set is one of many clips."""
    monkeypatch.setattr(training_config, "MANY_CLIPS", 1)


def tone(hz, level=0.1):
    clip = np.zeros(RATE, np.float32)
    clip[4000:12000] = level * np.sin(2 * np.pi * hz * np.arange(8000) / RATE)
    return clip


def loudest_hz(samples):
    return np.argmax(np.abs(np.fft.rfft(samples, RATE)))


def test_a_splice_begins_as_one_word_and_ends_as_the_other():
    word = words.splice(tone(500), tone(2000, 0.001), np.array([0.5, 0.5]))
    assert word.shape == (RATE,)
    assert word.dtype == np.float32
    assert loudest_hz(word[4500:7500]) == pytest.approx(500, abs=5)
    assert loudest_hz(word[8500:11500]) == pytest.approx(2000, abs=5)
    assert np.abs(word[8500:11500]).max() == pytest.approx(0.1, rel=0.02)  # as loud as the first
    assert np.abs(np.diff(word[7000:9000])).max() < 0.1  # no click
    assert not word[:3000].any()
    assert not word[13000:].any()


@pytest.mark.parametrize("cuts", [(0.3, 0.7), (0.7, 0.3)])
def test_a_splice_lies_in_the_middle_however_long_it_is(cuts):
    energy = np.cumsum(words.splice(tone(500), tone(900), np.array(cuts)) ** 2)
    assert np.searchsorted(energy, energy[-1] / 2) == pytest.approx(RATE // 2, abs=100)


def test_silence_can_be_spliced():
    silence = np.zeros(RATE, np.float32)
    assert not words.splice(silence, silence, np.array([0.5, 0.5])).any()
    assert np.isfinite(words.splice(silence, tone(500), np.array([0.5, 0.5]))).all()


def test_a_tenth_of_the_clips_are_made_up_of_clips_that_are_words(few):
    clips = np.stack([tone(500), tone(900), np.full(RATE, np.nan, np.float32)] * 20)
    labels = np.array(["yes", "no", "silence"] * 20)
    made = words.make_words(clips, labels, 0)
    assert made.shape == (6, RATE)
    assert np.isfinite(made).all()
    assert np.array_equal(made, words.make_words(clips, labels, 0))
    assert not np.array_equal(made, words.make_words(clips, labels, 1))


def test_small_sets_have_no_made_up_words():
    assert words.make_words(np.stack([tone(500)] * 20), np.array(["yes"] * 20), 0).shape == (0, RATE)
    assert words.unknown_weight(np.array(["unknown", "yes"]), np.array([0] * 50 + [1]), 0) is None


def test_unknown_words_count_as_two_keywords_at_most(few):
    classes, targets = np.array(["no", "silence", "unknown", "yes"]), np.repeat([0, 2, 3], [10, 70, 30])
    assert words.unknown_weight(classes, targets, 10).tolist() == [1, 1, 0.5 * 2 * 20 / 40, 1]
    assert words.unknown_weight(classes, np.repeat([0, 2, 3], [10, 30, 30]), 10) is None
    assert words.unknown_weight(np.array(["no", "off", "yes"]), targets % 3, 10) is None
    assert words.unknown_weight(np.array([1, 2, 3]), targets % 3, 10) is None


def test_made_up_words_are_augmented_as_clips_are():
    clips, made = np.stack([tone(500), tone(900)]), np.stack([tone(1500)] * 3)
    together = Augmenter(np.concatenate((clips, made)), ac.LogMel(), NOISES, UNCHANGED, 0)
    apart = Augmenter(clips, ac.LogMel(), NOISES, UNCHANGED, 0, made)
    assert len(apart) == len(together) == 5
    order = [4, 0, 3, 1, 2]
    wanted = together.frames(together.draw(1).select(order))
    assert np.array_equal(apart.frames(apart.draw(1).select(order)), wanted)


def loader_of(X, labels, sample_weight=None, **settings):
    clf = make(**settings)
    task = training.make_task(clf, X, labels, None, sample_weight)
    augmenter = training.make_augmenter(clf, task, X, ac.LogMel(), NOISES, 0)
    network = models.build("tc-resnet8", len(task.classes), 40, 0)
    return training.make_loader(clf, task, augmenter, network), task


def test_a_training_takes_them_where_a_class_is_unknown(few):
    X, y = examples(10, 0)
    unknown, size, noise_clips = np.where(y == y[0], "unknown", y), len(y), round(0.1 * len(y))
    assert len(loader_of(X, y)[0]) == size + noise_clips
    assert len(loader_of(X, unknown, augment=False)[0]) == size
    loader, task = loader_of(X, unknown, np.linspace(0.5, 1.5, size))
    assert len(loader) == size + round(0.1 * size) + noise_clips
    targets = np.concatenate([batch[1] for batch in loader(0)])
    column = task.classes.tolist().index("unknown")
    wanted = np.linspace(0.5, 1.5, size)[unknown == "unknown"].sum() + round(0.1 * size)  # "noise" has those of noise
    assert targets[:, column].sum() == pytest.approx(wanted)
