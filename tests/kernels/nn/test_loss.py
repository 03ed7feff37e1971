"""Losses against loops, their gradients against differences; what they take as targets and weights, and refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.enhance.mask_loss import SpectralMaskLoss
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.kernels._jit import JIT_ENABLED
from tests import naive
from tests.compare import assert_close

RNG, EXAMPLES = np.random.default_rng, 30 if JIT_ENABLED else 6
SHAPES = st.tuples(st.integers(1, 3), st.sampled_from([(), (3,), (2, 2)]), st.integers(2, 5))


def assert_gradient(loss, outputs, targets):
    """The gradient in a random direction is the slope there."""
    direction, step = RNG(9).standard_normal(outputs.shape), 1e-5
    above, below = (loss(outputs + sign * step * direction, targets)[0] for sign in (1, -1))
    slope = (loss(outputs, targets)[1] * direction).sum()
    assert abs(slope - (above - below) / (2 * step)) <= 1e-7 * max(1, np.abs(slope))


@settings(max_examples=EXAMPLES, deadline=None)
@given(SHAPES, st.sampled_from([0.0, 0.1]), st.integers(0, 99))
def test_indices_are_one_hot_targets_and_what_is_ignored_counts_for_nothing(shape, smoothing, seed):
    (clips, places, classes), rng = shape, RNG(seed)
    outputs, indices = 3 * rng.standard_normal((clips, *places, classes)), rng.integers(0, classes, (clips, *places))
    loss = nn.SoftmaxCrossEntropy(smoothing, ignore_index=7)
    value, gradient = loss(outputs, indices)
    wanted, wanted_gradient = nn.SoftmaxCrossEntropy(smoothing)(outputs, nn.one_hot(indices, classes, float))
    assert value == wanted
    assert np.array_equal(gradient, wanted_gradient)
    ignored = rng.random(indices.shape) < 0.4
    value, gradient = loss(outputs, np.where(ignored, 7, indices))
    assert not gradient[ignored].any()
    if ignored.all():
        assert value == 0
        return
    targets = nn.one_hot(indices[~ignored], classes, float) * (1 - smoothing) + smoothing / classes
    assert_close(value, naive.softmax_cross_entropy(outputs[~ignored], targets).mean(), 1e-12)
    assert_gradient(loss, outputs, np.where(ignored, 7, indices))


@settings(max_examples=EXAMPLES, deadline=None)
@given(SHAPES, st.sampled_from([0.0, 0.2]), st.integers(0, 99))
def test_weights_of_classes_and_of_clips(shape, smoothing, seed):
    (clips, places, classes), rng = shape, RNG(seed)
    outputs, indices = 3 * rng.standard_normal((clips, *places, classes)), rng.integers(0, classes, (clips, *places))
    weight, targets = rng.random(classes) + 0.1, nn.one_hot(indices, classes, float)
    smooth = targets * (1 - smoothing) + smoothing / classes
    rows = outputs.reshape(-1, classes)
    terms = naive.softmax_cross_entropy(rows, (smooth * weight).reshape(-1, classes)).sum()
    loss = nn.SoftmaxCrossEntropy(smoothing, weight=weight)
    assert_close(loss(outputs, indices)[0], terms / weight[indices].sum(), 1e-12)
    assert_close(loss(outputs, targets)[0], terms / indices.size, 1e-12)
    assert_gradient(loss, outputs, indices)
    own = naive.softmax_cross_entropy(rows, smooth.reshape(-1, classes)).reshape(clips, -1).mean(axis=1)
    counts = weight[indices].reshape(clips, -1).mean(axis=1)
    of_clips = nn.SoftmaxCrossEntropy(smoothing, weight)
    assert_close(of_clips(outputs, indices)[0], (own * counts).sum() / counts.sum(), 1e-12)
    if not smoothing and not places:
        assert_close(of_clips(outputs, indices)[0], loss(outputs, indices)[0], 1e-12)


@settings(max_examples=EXAMPLES, deadline=None)
@given(SHAPES, st.booleans(), st.integers(0, 99))
def test_binary_cross_entropy_is_a_sum_over_classes_or_a_mean(shape, weighted, seed):
    (clips, places, classes), rng = shape, RNG(seed)
    outputs, targets = 3 * rng.standard_normal((clips, *places, classes)), rng.random((clips, *places, classes))
    weight = rng.random(classes) * 3 if weighted else None
    wanted = naive.binary_cross_entropy(outputs, targets, 1 if weight is None else weight).mean()
    total, mean = nn.BinaryCrossEntropy(pos_weight=weight), nn.BinaryCrossEntropy("mean", weight)
    assert_close(total(outputs, targets)[0], wanted, 1e-12)
    assert_close(mean(outputs, targets)[0], wanted / classes, 1e-12)
    assert_gradient(total, outputs, targets)
    assert_gradient(mean, outputs, targets)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_loss_of_masks(clips, frames, bins, seed):
    rng = RNG(seed)
    masks, targets = rng.standard_normal((clips, frames, bins, 2)), rng.standard_normal((clips, frames, bins, 4))
    loss = SpectralMaskLoss()
    assert_close(loss(masks, targets)[0], naive.spectral_mask_loss(masks, targets), 1e-6)
    assert_gradient(loss, masks, targets)
    with pytest.raises(ShapeError, match="noisy and clean"):
        loss(masks, targets[..., :2])


def test_loss_of_masks_at_the_target_and_of_silence():
    clean = RNG(0).standard_normal((2, 3, 4, 2))
    mask = np.zeros((2, 3, 4, 2)) + (1.0, 0.0)
    value, gradient = SpectralMaskLoss()(mask, np.concatenate((clean, clean), axis=3))
    assert value == pytest.approx(-0.8)  # 0.02 a decibel, at -40 dB
    assert not gradient.any()
    value, gradient = SpectralMaskLoss()(mask, np.zeros((2, 3, 4, 4)))
    assert np.isfinite(value)
    assert not gradient.any()


def test_a_positive_weight_of_one_changes_no_bit():
    outputs, targets = RNG(0).standard_normal((5, 4)).astype("float32"), RNG(1).random((5, 4)).astype("float32")
    plain, weighted = nn.BinaryCrossEntropy(), nn.BinaryCrossEntropy(pos_weight=1.0)
    assert plain(outputs, targets)[0] == weighted(outputs, targets)[0]
    assert np.array_equal(plain(outputs, targets)[1], weighted(outputs, targets)[1])
    far = np.array([[800.0, -800.0]])
    value, gradient = nn.BinaryCrossEntropy(pos_weight=[2.0, 3.0])(far, np.array([[0.0, 1.0]]))
    assert value == 800 + 3 * 800
    assert gradient.tolist() == [[1.0, -3.0]]


def test_a_batch_without_any_weight_has_no_loss():
    loss = nn.SoftmaxCrossEntropy(class_weights=[0.0, 1.0])
    value, gradient = loss(np.zeros((2, 2)), np.array([0, 0]))
    assert value == 0
    assert not gradient.any()


def test_what_losses_refuse():
    outputs, loss = np.zeros((3, 4)), nn.SoftmaxCrossEntropy()
    with pytest.raises(ArgumentError, match=r"from 0 to 3 for outputs of shape \(3, 4\), or ignore_index -100, not 4"):
        loss(outputs, np.array([0, 4, 5]))
    with pytest.raises(ArgumentError, match="not -1"):
        loss(outputs, [0, -1, 2])
    with pytest.raises(DtypeError, match="class indices must be integers, not float64"):
        loss(outputs, np.zeros(3))
    with pytest.raises(ShapeError, match=r"or be class indices of shape \(3,\), not of shape \(4,\)"):
        loss(outputs, np.zeros(4, int))
    with pytest.raises(ShapeError, match="must have the shape of the outputs"):
        nn.BinaryCrossEntropy()(outputs, np.zeros(3, int))
    with pytest.raises(ArgumentError, match="give one of them"):
        nn.SoftmaxCrossEntropy(class_weights=[1, 1], weight=[1, 1])
    with pytest.raises(ShapeError, match=r"weight must have shape \(4,\)"):
        nn.SoftmaxCrossEntropy(weight=[1, 1])(outputs, np.zeros(3, int))
    for wrong in ([1, -1], [1, np.nan]):
        with pytest.raises(ArgumentError, match="weight must be finite and at least 0"):
            nn.SoftmaxCrossEntropy(weight=wrong)
    with pytest.raises(ShapeError, match="weight must be one a class"):
        nn.SoftmaxCrossEntropy(weight=[[1, 2]])
    with pytest.raises(ArgumentError, match="reduction must be one of 'class_sum', 'mean'"):
        nn.BinaryCrossEntropy("sum")
    with pytest.raises(ShapeError, match="pos_weight must be a number or have shape"):
        nn.BinaryCrossEntropy(pos_weight=[1, 2])(outputs, outputs)
