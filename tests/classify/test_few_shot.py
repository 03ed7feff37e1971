"""New columns of a last layer, against the discriminant of two Gaussians written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.classify import few_shot
from audioconv.classify.feature_statistics import SHRINKAGE, FeatureStatistics
from audioconv.classify.few_shot import learnt, moved, new_column, sharpened_column
from audioconv.classify.last_layer import Column, last_columns
from audioconv.errors import ArgumentError

CHANNELS, CLASSES = 6, 3


def statistics(rng, spread=1.0):
    means = 3 * rng.standard_normal((CLASSES, CHANNELS))
    targets = np.arange(600) % CLASSES
    features = means[targets] + spread * rng.standard_normal((600, CHANNELS))
    return FeatureStatistics.of(features, targets, CLASSES), means


def layers(rng):
    return last_columns(nn.Sequential([nn.Dense(CHANNELS, CLASSES, rng=rng)]))


def clips(rng, mean, count):
    """Each of four versions with two rows; a speaker of each clip is off by as much as its rows are."""
    speakers = mean + rng.standard_normal((count, 1, 1, CHANNELS))
    return list(speakers + 0.5 * rng.standard_normal((count, 4, 2, CHANNELS)))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_column_differs_by_the_log_likelihood_ratio_of_two_gaussians(seed):
    rng = np.random.default_rng(seed)
    known, _ = statistics(rng)
    old, mean, x = layers(rng)[1], rng.standard_normal(CHANNELS), rng.standard_normal(CHANNELS)
    new = moved(known, old, 1, mean)
    shrunk = known.covariance.astype(np.float64)
    size = np.trace(shrunk) / CHANNELS
    shrunk = (1 - SHRINKAGE) * shrunk + SHRINKAGE * size * np.eye(CHANNELS)

    def log_density(centre):
        return -0.5 * (x - centre) @ np.linalg.solve(shrunk, x - centre)

    ratio = log_density(mean) - log_density(known.means[1].astype(np.float64))
    found = (x @ new.weight + new.bias) - (x @ old.weight + old.bias)
    assert found == pytest.approx(few_shot.SLOPE * ratio, rel=1e-9, abs=1e-9)


def test_a_new_column_finds_its_word_and_leaves_the_others():
    rng = np.random.default_rng(3)
    known, means = statistics(rng)
    # logits of the discriminant of the known classes, as a trained layer has them
    trained = [
        Column(few_shot.SLOPE * mean, -few_shot.SLOPE * float(mean @ mean) / 2) for mean in known.means.astype(float)
    ]
    word = np.full(CHANNELS, 2.5) * (-1) ** np.arange(CHANNELS)
    column, mean = new_column(known, trained, clips(rng, word, 5))
    assert np.linalg.norm(mean - word) < 2
    weights, biases = (np.array([getattr(layer, name) for layer in [*trained, column]]) for name in ("weight", "bias"))

    def told(centre):
        return (centre + rng.standard_normal((500, CHANNELS)) @ np.eye(CHANNELS)) @ weights.T + biases

    assert (told(word).argmax(axis=1) == CLASSES).mean() > 0.6
    for c in range(CLASSES):
        assert (told(means[c]).argmax(axis=1) == CLASSES).mean() < 0.02


def test_left_out_clips_decide_the_bias():
    """All clips alike leave nothing in doubt: each row is then as likely the new word as all others together."""
    rng = np.random.default_rng(5)
    known, _ = statistics(rng)
    old, row = layers(rng), rng.standard_normal(CHANNELS)
    column, mean = new_column(known, old, [[row[None]]] * 3)
    assert np.allclose(mean, row)
    logits = [row @ layer.weight + layer.bias for layer in old]
    assert row @ column.weight + column.bias == pytest.approx(np.logaddexp.reduce(logits))


def test_a_known_word_moves_the_further_the_more_clips_there_are():
    rng = np.random.default_rng(6)
    known, means = statistics(rng)
    old, target = layers(rng), means[2] + 1
    moved = []
    for count in (3, 20, 400):
        column, mean = sharpened_column(known, old, 2, [[target[None]]] * count)
        share = (mean - known.means[2]) @ (target - known.means[2]) / np.sum((target - known.means[2]) ** 2)
        assert share == pytest.approx(count / (count + few_shot.OLD_CLIPS), abs=1e-3)
        moved.append(float(target @ column.weight + column.bias))
    assert moved == sorted(moved)
    assert moved[0] > target @ old[2].weight + old[2].bias


def test_a_learnt_column_is_where_the_loss_is_least():
    rng = np.random.default_rng(8)
    known, _ = statistics(rng)
    old, examples = layers(rng), 2 + rng.standard_normal((12, CHANNELS))
    column = learnt(known, old, examples, np.full(12, 1 / 12))
    precision = np.linalg.inv(
        (1 - SHRINKAGE) * known.covariance.astype(float)
        + SHRINKAGE * np.trace(known.covariance.astype(float)) / CHANNELS * np.eye(CHANNELS)
    )

    def loss(weight, bias):
        def odds(x):
            return x @ weight + bias - np.log(sum(np.exp(x @ layer.weight + layer.bias) for layer in old))

        background, means = known.background.astype(float), known.means[1:].astype(float)
        negative = (1 - few_shot.MEAN_WEIGHT) * np.log1p(np.exp(odds(background))).mean()
        negative += few_shot.MEAN_WEIGHT * np.log1p(np.exp(odds(means))).mean()
        moved = weight - old[0].weight
        return np.log1p(np.exp(-odds(examples))).mean() + negative + moved @ np.linalg.solve(precision, moved) / 2

    least = loss(*column)
    for _ in range(50):
        change = 0.05 * rng.standard_normal(CHANNELS + 1)
        assert loss(column.weight + change[:-1], column.bias + change[-1]) > least - 1e-4


def test_what_cannot_be_learnt_from_is_refused():
    rng = np.random.default_rng(0)
    known, _ = statistics(rng)
    with pytest.raises(ArgumentError, match="at least 2 clips, not 1"):
        new_column(known, layers(rng), clips(rng, np.zeros(CHANNELS), 1))
