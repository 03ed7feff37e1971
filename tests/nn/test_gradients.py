"""Every element of every gradient against central differences in float64, at points away from kinks."""

import numpy as np
import pytest

from audioconv import nn
from audioconv.nn.layers.base import Layer
from tests.compare import assert_close

RNG = np.random.default_rng
DOUBLE = {"rng": RNG(1), "dtype": np.float64}


def conv(*args, **kwargs):
    return nn.Conv1d(*args, **kwargs, **DOUBLE)


def conv2d(*args, **kwargs):
    return nn.Conv2d(*args, **kwargs, **DOUBLE)


WIDE = {"dtype": np.float64}
LAYERS = {
    "conv": (lambda: conv(3, 4, 3), (3, 7, 3)),
    "conv strided": (lambda: conv(3, 9, 5, 2), (2, 9, 3)),
    "conv strided beyond its taps": (lambda: conv(2, 3, 2, 3, padding="valid"), (2, 9, 2)),
    "conv dilated": (lambda: conv(3, 2, 3, 1, 2, "causal"), (2, 8, 3)),
    "conv strided and dilated": (lambda: conv(2, 3, 4, 4, 6, (9, 7), bias=False), (2, 11, 2)),
    "conv padded beyond its reach": (lambda: conv(2, 3, 3, 2, padding=4), (2, 5, 2)),
    "conv in groups": (lambda: conv(6, 10, 3, 2, groups=2), (2, 7, 6)),
    "conv 2d": (lambda: conv2d(2, 9, (3, 2), (2, 1)), (2, 5, 4, 2)),
    "conv 2d strided and dilated": (lambda: conv2d(1, 3, (2, 3), (3, 2), (2, 3), (1, (2, 3))), (2, 8, 7, 1)),
    "conv 2d causal in groups": (lambda: conv2d(4, 4, 3, 1, 2, "causal", groups=4), (2, 4, 5, 4)),
    "depthwise": (lambda: nn.DepthwiseConv1d(5, 3, 2, **DOUBLE), (3, 8, 5)),
    "depthwise dilated": (lambda: nn.DepthwiseConv1d(9, 3, 1, 2, "causal", **DOUBLE), (2, 6, 9)),
    "depthwise 2d": (lambda: nn.DepthwiseConv2d(4, 3, (1, 2), **DOUBLE), (2, 4, 5, 4)),
    "conv tiled": (lambda: nn.TiledConv1d(2, 3, 3, 2, **DOUBLE), (3, 7, 2)),
    "conv tiled strided and dilated": (lambda: nn.TiledConv1d(2, 5, 3, 3, 2, 3, **DOUBLE), (2, 13, 2)),
    "conv tiled 2d": (lambda: nn.TiledConv2d(2, 3, (2, 3), (2, 3), (2, 1), **DOUBLE), (2, 6, 4, 2)),
    "conv unshared": (lambda: nn.LocallyConnected1d(2, 3, 3, 4, 2, **DOUBLE), (2, 7, 2)),
    "conv unshared 2d": (lambda: nn.LocallyConnected2d(2, 3, (2, 3), (3, 2), (1, 2), **DOUBLE), (2, 3, 4, 2)),
    "conv transposed": (lambda: nn.Conv1dTranspose(3, 4, 3, 2, **DOUBLE), (2, 4, 3)),
    "conv transposed dilated": (lambda: nn.Conv1dTranspose(2, 3, 2, 3, 2, (1, 2), **DOUBLE), (2, 5, 2)),
    "conv transposed 2d": (lambda: nn.Conv2dTranspose(2, 3, (3, 2), (2, 3), 1, (1, 0), **DOUBLE), (2, 3, 4, 2)),
    "dense": (lambda: nn.Dense(5, 9, **DOUBLE), (4, 5)),
    "dense a frame": (lambda: nn.Dense(5, 2, **DOUBLE), (2, 3, 5)),
    "batch norm": (lambda: nn.BatchNorm(3, **WIDE), (4, 5, 3)),
    "batch norm relu": (lambda: nn.Sequential([nn.BatchNorm(3, **WIDE), nn.ReLU(np.float64)]), (4, 5, 3)),
    "batch norm swish": (lambda: nn.Sequential([nn.BatchNorm(3, **WIDE), nn.Swish(np.float64)]), (4, 5, 2, 3)),
    "subspectral norm": (lambda: nn.SubSpectralNorm(3, 2, **WIDE), (3, 2, 6, 3)),
    "relu": (lambda: nn.ReLU(np.float64), (3, 4, 2)),
    "swish": (lambda: nn.Swish(np.float64), (3, 4, 5)),
    "sigmoid": (lambda: nn.Sigmoid(np.float64), (3, 2, 3, 1)),
    "max pool": (lambda: nn.MaxPool1d(3, 2, 1, **WIDE), (3, 7, 2)),
    "max pool 2d": (lambda: nn.MaxPool2d((2, 3), (2, 1), "same", **WIDE), (2, 4, 5, 5)),
    "average pool": (lambda: nn.AveragePool1d(3, 2, (2, 1), **WIDE), (3, 7, 2)),
    "average pool 2d": (lambda: nn.AveragePool2d((3, 2), 2, (1, "valid"), **WIDE), (2, 5, 4, 3)),
    "lp pool": (lambda: nn.LpPool1d(3, 2, 1, **WIDE), (3, 7, 2)),
    "lp pool 2d": (lambda: nn.LpPool2d(2, 1, p=3.5, **WIDE), (2, 3, 4, 2)),
    "global average": (lambda: nn.GlobalAveragePool(np.float64), (3, 5, 2)),
    "global average 2d": (lambda: nn.GlobalAveragePool(np.float64), (3, 5, 2, 2)),
    "maxout": (lambda: nn.Maxout(3, **WIDE), (3, 4, 6)),
    "maxout 2d": (lambda: nn.Maxout(2, **WIDE), (2, 4, 3, 4)),
    "residual": (lambda: nn.Residual(conv(3, 3, 3)), (3, 5, 3)),
    "broadcast": (lambda: nn.Broadcast(conv2d(3, 3, (3, 1))), (2, 5, 4, 3)),
    "network": (
        lambda: nn.Sequential(
            [
                conv(3, 4, 3, 2, bias=False),
                nn.BatchNorm(4, **WIDE),
                nn.ReLU(np.float64),
                nn.Residual(
                    nn.Sequential([conv(4, 5, 3, 2, bias=False), nn.BatchNorm(5, **WIDE)]),
                    nn.Sequential([conv(4, 5, 1, 2, bias=False), nn.BatchNorm(5, **WIDE), nn.Swish(np.float64)]),
                ),
                nn.MaxPool1d(2, 1, **WIDE),
                nn.GlobalAveragePool(np.float64),
                nn.Dense(5, 3, **DOUBLE),
            ]
        ),
        (9, 9, 3),
    ),
    "network of one kind": (
        lambda: nn.Sequential(
            [
                nn.Residual(
                    nn.Sequential([
                        nn.DepthwiseConv1d(4, 3, 1, d, "causal", False, **DOUBLE),
                        nn.Dense(4, 4, False, **DOUBLE), nn.BatchNorm(4, **WIDE),
                    ]),
                    activation=a,
                )
                for d, a in ((1, "relu"), (2, "linear"), (4, "relu"))
            ]
        ),
        (9, 9, 4),
    ),
}  # fmt: skip


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


@pytest.mark.parametrize(
    "name", [name for name in LAYERS if name.startswith(("conv", "depthwise", "average", "global"))]
)
def test_backward_is_the_adjoint_of_a_linear_layer(name):
    make, shape = LAYERS[name]
    layer, rng = make(), RNG(3)
    x = rng.standard_normal(shape)
    y = layer.forward(x, training=True)
    grad_y = rng.standard_normal(y.shape)
    left, right = (y * grad_y).sum(), (x * layer.backward(grad_y)).sum()
    assert abs(left - right) <= 1e-13 * np.abs(y * grad_y).sum()


def test_dropout_gradient_is_what_it_let_through():
    layer, x = nn.Dropout(0.25, dtype=np.float64), np.ones((40, 50))
    y = layer.forward(x, training=True)
    assert np.isin(y, [0, 1 / 0.75]).all()
    assert abs((y > 0).mean() - 0.75) < 0.04
    assert np.array_equal(layer.backward(3 * x), 3 * y)
    assert np.array_equal(layer.forward(x), x)


def test_every_layer_is_checked():
    checked = {type(make()) for make, _ in LAYERS.values()} | {nn.Dropout, nn.Sequential}
    public = {c for c in vars(nn).values() if isinstance(c, type) and issubclass(c, Layer) and c is not Layer}
    assert checked == public


def test_a_gradient_that_is_wrong_is_seen():
    layer = nn.Dense(3, 2, **DOUBLE)
    x, grad_y = RNG(0).standard_normal((4, 3)), np.ones((4, 2))
    layer.forward(x, training=True)
    wrong = layer.backward(grad_y) * (1 + 1e-5)
    with pytest.raises(AssertionError):
        assert_close(wrong, differences(lambda: layer.forward(x, training=True).sum(), x), 1e-6)
