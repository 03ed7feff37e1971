"""What a model keeps of its training, in memory and in files."""

import numpy as np
import pytest

from audioconv import nn
from audioconv.classify.feature_statistics import (
    FeatureStatistics,
    estimated_statistics,
    statistics_arrays,
    stored_statistics,
)
from audioconv.errors import ArgumentError, ShapeError
from tests.classify.test_few_shot import CHANNELS, CLASSES, statistics

NETWORK = nn.Sequential([nn.Dense(CHANNELS, CLASSES, rng=np.random.default_rng(0))])


def test_statistics_are_means_and_the_covariance_within_classes():
    rng = np.random.default_rng(0)
    found, means = statistics(rng, spread=0.5)
    assert np.allclose(found.means, means, atol=0.15)
    assert np.allclose(found.covariance, 0.25 * np.eye(CHANNELS), atol=0.05)
    assert found.means.dtype == found.covariance.dtype == np.float16
    assert repr(found) == "FeatureStatistics(3 classes, 6 channels)"


def test_means_are_inserted_and_replaced():
    known, _ = statistics(np.random.default_rng(0))
    more = known.with_mean(1, np.ones(CHANNELS), insert=True)
    assert more.means.shape == (CLASSES + 1, CHANNELS)
    assert np.array_equal(more.means[[0, 2, 3]], known.means)
    assert np.array_equal(more.with_mean(1, np.zeros(CHANNELS), insert=False).means[1], np.zeros(CHANNELS))


def test_examples_are_of_the_background_or_of_all_classes():
    targets = np.arange(90) % 3
    rows = np.repeat(targets[:, None], 4, axis=1)
    for background, kept in ((0, {0}), (2, {2}), (None, {0, 1, 2})):
        found = FeatureStatistics.of(rows, targets, 3, background)
        assert set(found.background[:, 0].tolist()) == kept


def test_a_file_holds_them():
    known, _ = statistics(np.random.default_rng(0))
    arrays = statistics_arrays(known)
    found = stored_statistics(arrays, NETWORK, CLASSES)
    for name in ("means", "covariance", "background", "precision"):
        assert np.array_equal(getattr(found, name), getattr(known, name))
    assert statistics_arrays(None) == {}
    assert stored_statistics({}, NETWORK, CLASSES) is None


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"feature_means": np.zeros((CLASSES, CHANNELS + 1), "f2")}, ShapeError, "feature_means must have shape"),
        ({"feature_covariance": np.eye(CHANNELS + 1, dtype="f2")}, ShapeError, "feature_covariance must have shape"),
        ({"feature_background": np.zeros((0, CHANNELS), "f2")}, ShapeError, "do not fit"),
        ({"feature_background": np.full((2, CHANNELS), np.nan, "f2")}, ArgumentError, "NaN or infinity"),
        ({"feature_covariance": np.tri(CHANNELS, dtype="f2")}, ArgumentError, "symmetric"),
        ({"feature_covariance": -np.eye(CHANNELS, dtype="f2")}, ArgumentError, "positive semidefinite"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_a_file_cannot_hold_is_refused(change, error, match):
    arrays = statistics_arrays(statistics(np.random.default_rng(0))[0]) | change
    with pytest.raises(error, match=match):
        stored_statistics(arrays, NETWORK, CLASSES)


def test_what_are_no_statistics_is_refused():
    with pytest.raises(ShapeError, match="do not fit"):
        FeatureStatistics(np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((1, 3)))
    with pytest.raises(ArgumentError, match="finite in half precision"):
        FeatureStatistics(np.full((2, 3), 1e6), np.zeros((3, 3)), np.zeros((1, 3)))
    with pytest.raises(ArgumentError, match="some have no features"):
        FeatureStatistics.of(np.zeros((2, 3)), np.zeros(2, int), 2)


def test_too_little_is_no_reason_to_lose_a_training():
    assert estimated_statistics(np.ones((4, 3)), np.array([0, 0, 1, 1]), 3) is None  # no example of class 2
    tiny = 3e-4 * np.random.default_rng(0).standard_normal((20, 48))  # in half precision no covariance is left of it
    assert estimated_statistics(tiny, np.arange(20) % 2, 2) is None
    assert estimated_statistics(1e3 * tiny, np.arange(20) % 2, 2) is not None
