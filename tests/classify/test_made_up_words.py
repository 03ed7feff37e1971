"""Made-up words: what they are made of, when they are made, and how much unknown words count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv import models
from audioconv.classify import made_up_words as words
from audioconv.classify import set_size, training
from audioconv.classify.augmentation import UNCHANGED
from audioconv.classify.augmenter import Augmenter
from tests.classify.test_augmentation import NOISES
from tests.classify.test_classifier import examples, make

RATE = 16000


@pytest.fixture
def few(monkeypatch):
    """Every set is one of many clips."""
    monkeypatch.setattr(set_size, "MANY_CLIPS", 1)


def tone(hz, level=0.1):
    clip = np.zeros(RATE, np.float32)
    clip[4000:12000] = level * np.sin(2 * np.pi * hz * np.arange(8000) / RATE)
    return clip


def loudest_hz(samples):
    return np.argmax(np.abs(np.fft.rfft(samples, RATE)))


def recipe(kind, cuts=(0.5, 0.5)):
    return np.array((kind, 0, 1, cuts), words.MadeUpWords.RECIPE)


def made(first, second, kind, cuts=(0.5, 0.5)):
    return words.make_word(np.stack((first, second)), recipe(kind, cuts))


def two_tones(first_hz=500, second_hz=2000):
    """A word of two sounds, in faint noise."""
    clip = np.random.default_rng(0).normal(0, 1e-4, RATE).astype(np.float32)
    clip[4000:8000] += tone(first_hz)[4000:8000]
    clip[8000:12000] += tone(second_hz)[8000:12000]
    return clip


def test_a_splice_begins_as_one_word_and_ends_as_the_other():
    word = made(tone(500), tone(2000, 0.001), words.SPLICED)
    assert word.shape == (RATE,)
    assert word.dtype == np.float32
    assert loudest_hz(word[4500:7500]) == pytest.approx(500, abs=5)
    assert loudest_hz(word[8500:11500]) == pytest.approx(2000, abs=5)
    assert np.abs(word[8500:11500]).max() == pytest.approx(0.1, rel=0.02)  # as loud as the first
    assert np.abs(np.diff(word[7000:9000])).max() < 0.1  # no click
    assert not word[:3000].any()
    assert not word[13000:].any()


def test_parts_change_places_within_what_is_around_them():
    clip = two_tones()
    word = made(clip, clip, words.SWAPPED)
    assert loudest_hz(word[4500:7500]) == pytest.approx(2000, abs=5)
    assert loudest_hz(word[8500:11500]) == pytest.approx(500, abs=5)
    assert 5e-5 < word[1000:3000].std() < 2e-4  # the room
    assert 5e-5 < word[13000:15000].std() < 2e-4


def test_of_a_half_word_the_end_is_missing():
    word = made(two_tones(), two_tones(), words.HALVED)
    assert np.abs(word[6500:9500]).max() > 0.05
    assert loudest_hz(word) == pytest.approx(500, abs=5)
    spectrum = np.abs(np.fft.rfft(word, RATE))
    assert spectrum[1900:2100].max() < 0.03 * spectrum.max()


def test_a_word_is_played_backwards():
    assert np.array_equal(made(two_tones(), tone(500), words.BACKWARDS), two_tones()[::-1])


@pytest.mark.parametrize("cuts", [(0.3, 0.7), (0.7, 0.3)])
def test_a_splice_lies_in_the_middle_however_long_it_is(cuts):
    energy = np.cumsum(made(tone(500), tone(900), words.SPLICED, cuts) ** 2)
    assert np.searchsorted(energy, energy[-1] / 2) == pytest.approx(RATE // 2, abs=100)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 3),
    st.sampled_from([0, 1, 79, 80, 500, 16000]),
    st.sampled_from(["silence", "impulse", "noise"]),
    st.tuples(st.floats(*words.CUT), st.floats(*words.CUT)),
)
def test_of_any_clips_a_word_can_be_made(kind, size, sound, cuts):
    clips = np.zeros((2, size), np.float32)
    if sound == "impulse":
        clips[:, :1] = 1
    if sound == "noise":
        clips += np.random.default_rng(0).normal(size=clips.shape).astype(np.float32)
    word = words.make_word(clips, recipe(kind, cuts))
    assert word.shape == (size,)
    assert word.dtype == np.float32
    assert np.isfinite(word).all()


def test_recipes_are_of_words_and_of_one_speaker():
    labels = np.array(["yes", "no", "silence", "unknown", "unknown"] * 20)
    speakers = np.repeat(np.arange(10), 10)
    maker = words.MadeUpWords(labels, speakers, 500)
    drawn = maker.draw(np.random.default_rng(0))
    first, second, kinds = drawn["first"], drawn["second"], drawn["kind"]
    assert len(maker) == drawn.size == 500
    assert set(labels[first]) == {"yes", "no", "unknown"}
    assert np.array_equal(speakers[first], speakers[second])
    spliced = kinds == words.SPLICED
    assert (first != second)[spliced].all()
    same = labels[first] == labels[second]
    assert set(labels[first][spliced & same]) == {"unknown"}
    assert set(np.unique(kinds)) == {words.SPLICED, words.SWAPPED, words.HALVED, words.BACKWARDS}
    assert not np.array_equal(maker.draw(np.random.default_rng(1)), drawn)
    anybody = words.MadeUpWords(labels, None, 500).draw(np.random.default_rng(0))
    assert (speakers[anybody["first"]] != speakers[anybody["second"]]).mean() > 0.5
    assert not len(words.MadeUpWords(np.array(["silence"] * 5), None, 500))


def test_small_sets_have_no_made_up_words():
    assert words.made_up_words(7999) == 0
    assert words.made_up_words(8000) == round(8000 * words.MADE_UP_RATIO)
    assert words.unknown_weight(np.array(["unknown", "yes"]), np.array([0] * 50 + [1]), 0) is None


def test_unknown_words_count_as_two_keywords_at_most(few):
    classes, targets = np.array(["no", "silence", "unknown", "yes"]), np.repeat([0, 2, 3], [10, 70, 30])
    assert words.unknown_weight(classes, targets, 10).tolist() == [1, 1, 0.5 * 2 * 20 / 40, 1]
    assert words.unknown_weight(classes, np.repeat([0, 2, 3], [10, 30, 30]), 10) is None
    assert words.unknown_weight(np.array(["no", "off", "yes"]), targets % 3, 10) is None
    assert words.unknown_weight(np.array([1, 2, 3]), targets % 3, 10) is None


def test_made_up_words_are_augmented_as_clips_are():
    clips = np.stack([tone(500), tone(900), two_tones()])
    maker = words.MadeUpWords(np.array(["yes", "no", "unknown"]), None, 5)
    augmenter = Augmenter(clips, ac.LogMel(), NOISES, UNCHANGED, 0, maker)
    assert len(augmenter) == 8
    parameters, order = augmenter.draw(1), [4, 0, 7, 1, 3]
    chosen = parameters.select(order)
    made_of = [words.make_word(clips, parameters.recipes[row]) for row in order if row >= 3]
    alone = Augmenter(np.stack([clips[0], clips[1], *made_of]), ac.LogMel(), NOISES, UNCHANGED, 0)
    assert np.array_equal(augmenter.frames(chosen), alone.frames(alone.draw(1))[[2, 0, 3, 1, 4]])
    assert not np.array_equal(parameters.recipes, augmenter.draw(2).recipes)


def loader_of(X, labels, sample_weight=None, **parameters):
    clf = make(**parameters)
    task = training.make_task(clf, X, labels, None, None, sample_weight, None)
    augmenter = training.make_augmenter(clf, task, X, ac.LogMel(), NOISES, 0)
    network = models.build("tc-resnet8", len(task.classes), 40, 0)
    return training.make_loader(clf, task, augmenter, network), task


def test_a_training_takes_them_where_a_class_is_unknown(few):
    X, y = examples(10, 0)
    unknown, size, noise_clips = np.where(y == y[0], "unknown", y), len(y), round(0.1 * len(y))
    assert len(loader_of(X, y)[0]) == size + noise_clips
    assert len(loader_of(X, unknown, augment=False)[0]) == size
    loader, task = loader_of(X, unknown, np.linspace(0.5, 1.5, size))
    assert len(loader) == size + round(words.MADE_UP_RATIO * size) + noise_clips
    targets = np.concatenate([batch[1] for batch in loader(0)])
    column = task.classes.tolist().index("unknown")
    wanted = np.linspace(0.5, 1.5, size)[unknown == "unknown"].sum() + round(words.MADE_UP_RATIO * size)
    assert targets[:, column].sum() == pytest.approx(wanted)
