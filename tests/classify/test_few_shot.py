"""New columns of a last layer, against the discriminant of two Gaussians written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.classify import few_shot
from audioconv.classify.feature_statistics import SHRINKAGE, FeatureStatistics
from audioconv.classify.few_shot import LastLayer, learnt, moved, sharpened, with_word
from audioconv.classify.last_layer import Column, last_columns
from audioconv.errors import ArgumentError

CHANNELS, CLASSES = 6, 3


def statistics(rng, spread=1.0):
    means = 3 * rng.standard_normal((CLASSES, CHANNELS))
    targets = np.arange(600) % CLASSES
    features = means[targets] + spread * rng.standard_normal((600, CHANNELS))
    return FeatureStatistics.of(features, targets, CLASSES), means


def columns(rng):
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
    old, mean, x = columns(rng), rng.standard_normal(CHANNELS), rng.standard_normal(CHANNELS)
    new = moved(LastLayer(old, known, 0), 1, mean)
    shrunk = known.covariance.astype(np.float64)
    size = np.trace(shrunk) / CHANNELS
    shrunk = (1 - SHRINKAGE) * shrunk + SHRINKAGE * size * np.eye(CHANNELS)

    def log_density(centre):
        return -0.5 * (x - centre) @ np.linalg.solve(shrunk, x - centre)

    ratio = log_density(mean) - log_density(known.means[1].astype(np.float64))
    found = (x @ new.weight + new.bias) - (x @ old[1].weight + old[1].bias)
    assert found == pytest.approx(few_shot.SLOPE * ratio, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("position", range(CLASSES + 1))
def test_a_new_column_finds_its_word_and_leaves_the_others(position):
    rng = np.random.default_rng(3)
    known, means = statistics(rng)
    # logits of the discriminant of the known classes, as a trained layer has them
    trained = [
        Column(few_shot.SLOPE * mean, -few_shot.SLOPE * float(mean @ mean) / 2) for mean in known.means.astype(float)
    ]
    word = np.full(CHANNELS, 2.5) * (-1) ** np.arange(CHANNELS)
    layer = with_word(LastLayer(trained, known, 0), position, clips(rng, word, 5))
    assert np.linalg.norm(layer.statistics.means[position] - word) < 2
    assert layer.background == (0 if position else 1)
    others = [*layer.columns[:position], *layer.columns[position + 1 :]]
    assert all(new is old for new, old in zip(others, trained, strict=True))
    weights, biases = (np.array([getattr(column, name) for column in layer.columns]) for name in ("weight", "bias"))

    def told(centre):
        return (centre + rng.standard_normal((500, CHANNELS))) @ weights.T + biases

    assert (told(word).argmax(axis=1) == position).mean() > 0.6
    for c in range(CLASSES):
        assert (told(means[c]).argmax(axis=1) == position).mean() < 0.02


def test_left_out_clips_decide_the_bias():
    """All clips alike leave nothing in doubt: each row is then as likely the new word as all others together."""
    rng = np.random.default_rng(5)
    known, _ = statistics(rng)
    old, row = columns(rng), rng.standard_normal(CHANNELS)
    layer = with_word(LastLayer(old, known, None), CLASSES, [[row[None]]] * 3)
    assert np.allclose(layer.statistics.means[-1], row, atol=1e-2)
    assert layer.background is None
    logits = [row @ column.weight + column.bias for column in old]
    assert row @ layer.columns[-1].weight + layer.columns[-1].bias == pytest.approx(np.logaddexp.reduce(logits))


def test_a_known_word_moves_the_further_the_more_clips_there_are():
    rng = np.random.default_rng(6)
    known, means = statistics(rng)
    old, target = columns(rng), means[2] + 1
    logits = []
    for count in (3, 20, 400):
        layer = sharpened(LastLayer(old, known, 0), 2, [[target[None]]] * count)
        share = (layer.statistics.means[2] - known.means[2]) @ (target - known.means[2])
        share /= np.sum((target - known.means[2]) ** 2)
        assert share == pytest.approx(count / (count + few_shot.OLD_CLIPS), abs=3e-3)
        assert layer.columns[:2] == old[:2]
        logits.append(float(target @ layer.columns[2].weight + layer.columns[2].bias))
    assert logits == sorted(logits)
    assert logits[0] > target @ old[2].weight + old[2].bias


@pytest.mark.parametrize("background", [0, 2, None])
def test_a_learnt_column_is_where_the_loss_is_least(background):
    rng = np.random.default_rng(8)
    known, _ = statistics(rng)
    old, examples = columns(rng), 2 + rng.standard_normal((12, CHANNELS))
    column = learnt(LastLayer(old, known, background), examples, np.full(12, 1 / 12))
    precision = np.linalg.inv(
        (1 - SHRINKAGE) * known.covariance.astype(float)
        + SHRINKAGE * np.trace(known.covariance.astype(float)) / CHANNELS * np.eye(CHANNELS)
    )
    base = np.mean([c.weight for c in old], axis=0) if background is None else old[background].weight
    words = np.array([mean for c, mean in enumerate(known.means.astype(float)) if c != background])

    def loss(weight, bias):
        def odds(x):
            return x @ weight + bias - np.log(sum(np.exp(x @ c.weight + c.bias) for c in old))

        negative = (1 - few_shot.MEAN_WEIGHT) * np.log1p(np.exp(odds(known.background.astype(float)))).mean()
        negative += few_shot.MEAN_WEIGHT * np.log1p(np.exp(odds(words))).mean()
        change = weight - base
        return np.log1p(np.exp(-odds(examples))).mean() + negative + change @ np.linalg.solve(precision, change) / 2

    least = loss(*column)
    for _ in range(50):
        change = 0.05 * rng.standard_normal(CHANNELS + 1)
        assert loss(column.weight + change[:-1], column.bias + change[-1]) > least - 1e-4


def test_what_cannot_be_learnt_from_is_refused():
    rng = np.random.default_rng(0)
    known, _ = statistics(rng)
    with pytest.raises(ArgumentError, match="at least 2 clips, not 1"):
        with_word(LastLayer(columns(rng), known, 0), 0, clips(rng, np.zeros(CHANNELS), 1))
