"""Every element of every gradient against central differences in float64, at points away from kinks."""

import numpy as np
import pytest

from audioconv import models, nn
from audioconv.nn.layer import Layer
from tests.compare import assert_close

RNG = np.random.default_rng
DOUBLE = {"rng": RNG(1), "dtype": np.float64}


def conv(*args, **kwargs):
    return nn.Conv1d(*args, **kwargs, **DOUBLE)


LAYERS = {
    "conv": (lambda: conv(3, 4, 3), (3, 7, 3)),
    "conv strided": (lambda: conv(3, 9, 5, 2), (2, 9, 3)),
    "conv strided beyond its taps": (lambda: conv(2, 3, 2, 3, padding="valid"), (2, 9, 2)),
    "conv dilated": (lambda: conv(3, 2, 3, 1, 2, "causal"), (2, 8, 3)),
    "conv strided and dilated": (lambda: conv(2, 3, 4, 4, 6, (9, 7), bias=False), (2, 11, 2)),
    "conv padded beyond its reach": (lambda: conv(2, 3, 3, 2, padding=4), (2, 5, 2)),
    "dense": (lambda: nn.Dense(5, 9, **DOUBLE), (4, 5)),
    "batch norm": (lambda: nn.BatchNorm(3, dtype=np.float64), (4, 5, 3)),
    "batch norm relu": (lambda: nn.BatchNorm(3, relu=True, dtype=np.float64), (4, 5, 3)),
    "relu": (lambda: nn.ReLU(np.float64), (3, 4, 2)),
    "max pool": (lambda: nn.MaxPool1d(3, 2, 1, dtype=np.float64), (3, 7, 2)),
    "average pool": (lambda: nn.AveragePool1d(3, 2, (2, 1), dtype=np.float64), (3, 7, 2)),
    "global average": (lambda: nn.GlobalAveragePool(np.float64), (3, 5, 2)),
    "residual": (lambda: nn.Residual(conv(3, 3, 3)), (3, 5, 3)),
    "network": (
        lambda: nn.Sequential(
            [
                conv(3, 4, 3, 2, bias=False),
                nn.BatchNorm(4, relu=True, dtype=np.float64),
                nn.Residual(
                    nn.Sequential([conv(4, 5, 3, 2, bias=False), nn.BatchNorm(5, dtype=np.float64)]),
                    nn.Sequential([conv(4, 5, 1, 2, bias=False), nn.BatchNorm(5, relu=True, dtype=np.float64)]),
                ),
                nn.GlobalAveragePool(np.float64),
                nn.Dense(5, 3, **DOUBLE),
            ]
        ),
        (9, 9, 3),
    ),
}


def differences(function, array, step=1e-6):
    """Central differences of a scalar function by each element of an array, changed in place."""
    result = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + step
        above = function()
        array[index] = kept - step
        below = function()
        array[index] = kept
        result[index] = (above - below) / (2 * step)
    return result


def perturb(layer, rng):
    """Move scales, shifts and biases off their initial ones and zeros."""
    for parameter in layer.parameters().values():
        parameter += 0.3 * rng.standard_normal(parameter.shape)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients(name):
    make, shape = LAYERS[name]
    layer, rng = make(), RNG(7)
    perturb(layer, rng)
    x = rng.standard_normal(shape)
    x += np.copysign(1e-3, x)  # away from the kink of ReLU; maxima are far enough apart
    grad_y = rng.standard_normal(layer.forward(x, training=True).shape)

    def value():
        return float((layer.forward(x, training=True, threads=1) * grad_y).sum())

    layer.forward(x, training=True)
    grad_x = layer.backward(grad_y)
    gradients = {key: array.copy() for key, array in layer.gradients().items()}
    assert_close(grad_x, differences(value, x), 1e-6)
    assert gradients.keys() == layer.parameters().keys()
    for key, parameter in layer.parameters().items():
        assert_close(gradients[key], differences(value, parameter), 1e-6)


@pytest.mark.parametrize("name", [name for name in LAYERS if name.startswith(("conv", "average", "global"))])
def test_backward_is_the_adjoint_of_a_linear_layer(name):
    make, shape = LAYERS[name]
    layer, rng = make(), RNG(3)
    x = rng.standard_normal(shape)
    y = layer.forward(x, training=True)
    grad_y = rng.standard_normal(y.shape)
    left, right = (y * grad_y).sum(), (x * layer.backward(grad_y)).sum()
    assert abs(left - right) <= 1e-13 * np.abs(y * grad_y).sum()


def test_softmax_cross_entropy_gradient():
    rng = RNG(0)
    logits = 3 * rng.standard_normal((4, 5))
    targets = np.vstack([nn.one_hot([2, 0], 5, float), np.full(5, 0.2), [0.5, 0.5, 0, 0, 0]])
    loss, grad = nn.softmax_cross_entropy(logits, targets, 0.1)
    smooth = 0.9 * targets + 0.02
    assert_close(loss, -(smooth * np.log(nn.softmax(logits))).sum() / 4, 1e-13)
    assert_close(grad, differences(lambda: nn.softmax_cross_entropy(logits, targets, 0.1)[0], logits), 1e-7)


def test_dropout_gradient_is_what_it_let_through():
    layer, x = nn.Dropout(0.25, **DOUBLE), np.ones((40, 50))
    y = layer.forward(x, training=True)
    assert np.isin(y, [0, 1 / 0.75]).all()
    assert abs((y > 0).mean() - 0.75) < 0.04
    assert np.array_equal(layer.backward(3 * x), 3 * y)
    assert np.array_equal(layer.forward(x), x)


def test_every_layer_is_checked():
    checked = {type(make()) for make, _ in LAYERS.values()} | {nn.Dropout}
    public = {c for c in vars(nn).values() if isinstance(c, type) and issubclass(c, Layer) and c is not Layer}
    assert checked == public


def test_a_gradient_that_is_wrong_is_seen():
    layer = nn.Dense(3, 2, **DOUBLE)
    x, grad_y = RNG(0).standard_normal((4, 3)), np.ones((4, 2))
    layer.forward(x, training=True)
    wrong = layer.backward(grad_y) * (1 + 1e-5)
    with pytest.raises(AssertionError):
        assert_close(wrong, differences(lambda: layer.forward(x, training=True).sum(), x), 1e-6)


def test_tc_resnet8_input_gradient_along_a_direction():
    network = models.tc_resnet8(3, 8, rng=RNG(0), dtype=np.float64)
    network.layers[-2].rate = 0.0
    rng = RNG(1)
    x, targets = rng.standard_normal((9, 30, 8)), nn.one_hot(np.arange(9) % 3, 3, float)
    _, grad = nn.softmax_cross_entropy(network.forward(x, training=True), targets)
    grad_x = network.backward(grad)

    def loss(x):
        return nn.softmax_cross_entropy(network.forward(x, training=True), targets)[0]

    step = 1e-7 * rng.standard_normal(x.shape)
    assert_close(loss(x + step) - loss(x - step), 2 * (grad_x * step).sum(), 1e-5)
