"""A layer that is used more than once is one layer: one name, the gradients of all uses added up, one step.

Each network is built of a layer used twice, and of two layers with the same weights.
"""

import copy
import pickle

import numpy as np
import pytest

from audioconv import nn
from audioconv.errors import AudioconvError
from audioconv.nn.debug import check_memory
from tests import naive
from tests.compare import assert_close

RNG, WIDE = np.random.default_rng, {"dtype": np.float64}
DOUBLE = {"rng": RNG(1), **WIDE}


def row(*layers):
    return nn.Sequential(list(layers))


def conv(channels=3, filters=3, **options):
    return nn.Conv1d(channels, filters, 3, **options, rng=RNG(4), **WIDE)


def block():
    return row(conv(bias=False), nn.BatchNorm(3, **WIDE), nn.Swish(np.float64), nn.Dense(3, 3, **DOUBLE))


# what is used twice, and the network of two uses
NETWORKS = {
    "in a row": (lambda: nn.Dense(3, 3, **DOUBLE), lambda a, b: row(a, b)),
    "with a layer between": (conv, lambda a, b: row(a, nn.Swish(np.float64), nn.MaxPool1d(2, **WIDE), b)),
    "in both branches": (conv, lambda a, b: nn.Residual(a, b, "linear")),
    "within a branch and behind it": (conv, lambda a, b: row(nn.Residual(a), nn.Swish(np.float64), b)),
    "a row within a row": (block, lambda a, b: row(row(a, nn.Sigmoid(np.float64)), row(b))),
    "a row in both branches": (block, lambda a, b: nn.Residual(row(conv(), a), b)),
    "a residual": (lambda: nn.Residual(block()), lambda a, b: row(a, b)),
    "a filter a channel": (lambda: nn.DepthwiseConv1d(3, 3, **DOUBLE), lambda a, b: row(a, nn.Swish(np.float64), b)),
    "transposed": (lambda: nn.Conv1dTranspose(3, 3, 4, 2, padding=1, **DOUBLE), lambda a, b: row(a, b, conv())),
    "batch norm": (lambda: nn.BatchNorm(3, **WIDE), lambda a, b: row(a, conv(), nn.Swish(np.float64), b)),
    "batch norm in both branches": (lambda: nn.BatchNorm(3, **WIDE), lambda a, b: nn.Residual(row(conv(), a), b)),
}


def pair(name):
    """(network of one layer used twice, network of two, [those two])."""
    make, build = NETWORKS[name]
    first = make()
    for number, parameter in enumerate(first.parameters().values()):
        parameter += 0.3 * RNG(number).standard_normal(parameter.shape)
    two = [copy.deepcopy(first), copy.deepcopy(first)]
    return build(first, first), build(*two), two, first


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_all_uses_are_added_up(name):
    shared, separate, two, layer = pair(name)
    x = RNG(2).standard_normal((9, 8, 3))
    y = shared.forward(x, training=True)
    assert np.array_equal(y, separate.forward(x, training=True))
    grad_y = RNG(3).standard_normal(y.shape)
    assert np.array_equal(shared.backward(grad_y), separate.backward(grad_y))
    for key, gradient in layer.gradients().items():
        parts = [each.gradients()[key] for each in two]
        assert_close(gradient, parts[0] + parts[1], 1e-12)
        assert np.abs(gradient - parts[0]).max() > 1e-6 < np.abs(gradient - parts[1]).max()
    for _ in range(2):  # nothing is left over from the time before
        shared.forward(x, training=True)
        shared.backward(grad_y)
    assert_close(layer.gradients()[key], parts[0] + parts[1], 1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_appear_once_and_make_one_step(name):
    shared, separate, two, layer = pair(name)
    assert {id(p) for p in layer.parameters().values()} <= {id(p) for p in shared.parameters().values()}
    assert len({id(p) for p in shared.parameters().values()}) == len(shared.parameters())
    assert shared.parameters().keys() == shared.gradients().keys() < separate.parameters().keys()
    x, rate = RNG(2).standard_normal((9, 8, 3)), 0.1
    y = shared.forward(x, training=True)
    targets, loss = np.zeros_like(y), nn.MeanSquaredError()
    separate.forward(x, training=True)
    separate.backward(loss(y, targets)[1])
    before = {key: p.copy() for key, p in layer.parameters().items()}
    found = []
    for threads, checked in ((1, False), (3, False), (2, True)):
        with check_memory(checked):
            again = copy.deepcopy(shared)
            step = nn.TrainingStep(again, nn.SGD(again, momentum=0.0), loss)
            step(x, targets, learning_rate=rate, threads=threads)
        found.append({key: p.tobytes() for key, p in again.state_dict().items()})
    assert found[0] == found[1] == found[2]
    step = nn.TrainingStep(shared, nn.SGD(shared, momentum=0.0), loss)
    step(x, targets, learning_rate=rate)
    for key, p in layer.parameters().items():
        gradient = two[0].gradients()[key] + two[1].gradients()[key]
        assert_close(p, before[key] - rate * gradient, 1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_each_use_has_a_state_of_its_own_in_a_stream(name):
    shared, separate, _, _ = pair(name)
    x = RNG(2).standard_normal((8, 3))
    found = []
    for network in (shared, separate):
        stream = network.stream((3,))
        found.append(np.concatenate([*(stream.process(part) for part in np.split(x, [1, 2, 5])), stream.flush()]))
    assert np.array_equal(*found)
    assert np.array_equal(shared.forward(x[None]), separate.forward(x[None]))
    assert np.array_equal(shared.inference()(x[None]), shared.forward(x[None]))


def test_running_statistics_follow_both_uses_in_their_order():
    for momentum in (0.1, 1.0):
        norm = nn.BatchNorm(3, momentum, **WIDE)
        x = 2 + RNG(0).standard_normal((9, 8, 3))
        dense = nn.Dense(3, 3, **DOUBLE)
        dense.bias = np.array([1.0, -2.0, 3.0])
        row(norm, dense, norm).forward(x, training=True)
        between = naive.batch_norm(x, np.ones(3), np.zeros(3), 1e-5) @ dense.weight + dense.bias
        mean, variance = np.zeros(3), np.ones(3)
        for values in (x, between):
            mean += momentum * (values.mean((0, 1)) - mean)
            variance += momentum * (values.reshape(-1, 3).var(0, ddof=1) - variance)
        assert_close(norm.mean, mean, 1e-12)
        assert_close(norm.variance, variance, 1e-12)


def test_dropout_used_twice_drops_twice():
    drop, x = nn.Dropout(0.5, **WIDE), np.ones((40, 50))
    y = row(drop, drop).forward(x, training=True)
    assert np.isin(y, [0, 4]).all()
    assert abs((y > 0).mean() - 0.25) < 0.04


def test_names_weights_and_sizes_of_a_network_that_shares():
    dense, norm = nn.Dense(3, 3, rng=RNG(0)), nn.BatchNorm(3)
    network = row(dense, norm, dense, norm, row(dense))
    assert list(network.state_dict()) == ["0.weight", "0.bias", "1.scale", "1.shift", "1.mean", "1.variance"]
    summary = network.summary((5, 3))
    assert summary.parameters == 9 + 3 + 6 == sum(layer[3] for layer in summary.layers)
    other = pickle.loads(pickle.dumps(network))
    assert other.layers[0] is other.layers[2] is not dense
    other.load_state_dict({name: array + 1 for name, array in network.state_dict().items()})
    assert np.array_equal(other.layers[4].layers[0].weight, dense.weight + 1)
    assert len(nn.AdamW(network).state_dict()) == 2 * 4


def test_a_layer_is_no_layer_of_itself():
    network = row(nn.Dense(3, 3, rng=RNG(0)))
    with pytest.raises(AudioconvError, match="of itself"):
        network.layers = [row(network)]
    with pytest.raises(AudioconvError, match="one dtype"):
        network.layers = [nn.Dense(3, 3, **DOUBLE)] * 2
