"""Training with class indices as targets."""

import numpy as np
import pytest

from audioconv import nn
from tests.compare import assert_close

RNG = np.random.default_rng


@pytest.mark.parametrize("loss", [nn.SoftmaxCrossEntropy(0.1, weight=[1, 2, 3]), nn.SoftmaxCrossEntropy()])
def test_a_training_step_takes_class_indices(loss):
    def made():
        return nn.Sequential([nn.Conv1d(2, 4, 3, rng=RNG(0)), nn.GlobalAveragePool(), nn.Dense(4, 3, rng=RNG(1))])

    x, indices = RNG(2).standard_normal((6, 9, 2)).astype("float32"), np.array([0, 1, 2, 2, -100, 1])
    right = made()
    y = right.forward(x, training=True)
    value, gradient = loss(y, indices)
    right.backward(gradient)
    network = made()
    step = nn.TrainingStep(network, nn.SGD(network), loss)
    found, outputs = step(x, indices, learning_rate=0.0)
    assert_close(found, value, 1e-6)
    assert np.array_equal(outputs, y)
    for name, wanted in right.gradients().items():
        assert_close(network.gradients()[name], wanted, 1e-5)


def test_a_training_counts_what_is_right_of_class_indices():
    network = nn.Sequential([nn.Dense(3, 3, rng=RNG(0))])
    network.layers[0].weight[:], network.layers[0].bias[:] = np.eye(3), 0
    step = nn.TrainingStep(network, nn.SGD(network), nn.SoftmaxCrossEntropy())
    x, indices = np.eye(3, dtype="float32")[[0, 1, 2, 2]], np.array([0, 1, 1, -100])
    history = nn.Trainer(step, nn.constant(0.0), epochs=1).run(lambda epoch, start: iter([(x, indices)]))
    assert history.epochs[0]["accuracy"] == pytest.approx(2 / 3)


def test_weights_of_clips_count_what_is_not_ignored():
    outputs, indices = RNG(0).standard_normal((3, 4, 2)), np.array([[0, 1, 1, 0], [1, -100, -100, -100], [-100] * 4])
    terms = -np.log(nn.softmax(outputs))
    known = [terms[0, t, c] for t, c in enumerate(indices[0])], [terms[1, 0, 1]]
    alike, gradient = nn.SoftmaxCrossEntropy(class_weights=[3.0, 3.0])(outputs, indices)
    assert_close(alike, np.mean([*known[0], *known[1]]), 1e-12)
    assert_close(gradient, nn.SoftmaxCrossEntropy()(outputs, indices)[1], 1e-12)
    assert not gradient[indices == -100].any()
    first, second = 1 + 2 + 2 + 1, 2.0  # the weights of what the two clips say
    found, _ = nn.SoftmaxCrossEntropy(class_weights=[1.0, 2.0])(outputs, indices)
    assert_close(found, (first * np.mean(known[0]) + second * known[1][0]) / (first + second), 1e-12)
