"""Padding as Keras has it, and windows of pools that the end cuts off: in clips, with gradients, and on streams."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.errors import ArgumentError, ShapeError
from tests import naive
from tests.compare import assert_close
from tests.nn.test_gradients import differences
from tests.nn.test_stream import cut

RNG, WIDE = np.random.default_rng, {"dtype": np.float64}
DRAW = {"rng": RNG(0), **WIDE}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.integers(1, 12), st.sampled_from([1, 20]))
def test_same_keras_is_the_padding_of_the_length(taps, stride, dilation, time, batch):
    layer = nn.Conv1d(2, 3, taps, stride, dilation, "same_keras", **DRAW)
    layer.bias[:] = 1, 2, 3
    x = RNG(time).standard_normal((batch, time, 2))
    padding = naive.same_keras(time, dilation * (taps - 1) + 1, stride)
    wanted = nn.Conv1d(2, 3, taps, stride, dilation, padding, **DRAW)
    wanted.load_state_dict(layer.state_dict())
    y = layer.forward(x, training=True)
    assert y.shape == (batch, -(-time // stride), 3)
    assert np.array_equal(y, wanted.forward(x, training=True))
    padded = np.pad(x, ((0, 0), padding, (0, 0)))
    assert_close(y, naive.conv1d_channels(padded, layer.weight, layer.bias, stride, dilation), 1e-12)
    grad_y = RNG(1).standard_normal(y.shape)
    assert np.array_equal(layer.backward(grad_y), wanted.backward(grad_y))
    assert np.array_equal(layer.gradients()["weight"], wanted.gradients()["weight"])
    assert np.array_equal(nn.to_matrix(layer, x.shape[1:]).weight, nn.to_matrix(wanted, x.shape[1:]).weight)


def kinds():
    """Layers with Keras' padding along time and, where there is one, frequency, and the same with numbers."""
    assert naive.same_keras(9, 4, 3) == naive.same_keras(8, 3, 2) == (0, 1)  # size, taps, stride
    for pad in ("same_keras", ((0, 1), (0, 1))):
        one = pad if isinstance(pad, str) else pad[0]
        yield (
            [
                nn.Conv2d(4, 6, (4, 3), (3, 2), padding=pad, groups=2, rng=RNG(1)),
                nn.DepthwiseConv2d(4, (4, 3), (3, 2), padding=pad, rng=RNG(1)),
                nn.TiledConv2d(4, 2, (4, 3), 2, (3, 2), padding=pad, rng=RNG(1)),
                nn.LocallyConnected2d(4, 2, (4, 3), (3, 4), (3, 2), padding=pad, rng=RNG(1)),
                *(pool((4, 3), (3, 2), pad) for pool in (nn.MaxPool2d, nn.AveragePool2d, nn.LpPool2d)),
            ],
            [
                nn.DepthwiseConv1d(4, 4, 3, padding=one, rng=RNG(1)),
                nn.TiledConv1d(4, 2, 4, 2, 3, padding=one, rng=RNG(1)),
                nn.LocallyConnected1d(4, 2, 4, 3, 3, padding=one, rng=RNG(1)),
                *(pool(4, 3, one) for pool in (nn.MaxPool1d, nn.AveragePool1d, nn.LpPool1d)),
            ],
        )


def test_all_layers_take_it():
    for keras, numbers, shape in zip(*kinds(), [(3, 9, 8, 4), (3, 9, 4)], strict=True):
        x = RNG(0).standard_normal(shape).astype("float32")
        for layer, other in zip(keras, numbers, strict=True):
            y = layer.forward(x, training=True)
            assert np.array_equal(y, other.forward(x, training=True)), type(layer)
            assert np.array_equal(layer.forward(x), y), type(layer)
            grad_y = RNG(1).standard_normal(y.shape)
            assert np.array_equal(layer.backward(grad_y), other.backward(grad_y)), type(layer)


def test_streams_refuse_what_depends_on_the_length():
    for layer in (nn.Conv1d(2, 3, 3, 2, padding="same_keras", rng=RNG(0)), nn.MaxPool1d(2, padding="same_keras")):
        with pytest.raises(ShapeError, match='"same_keras" with stride 2 depends on the length'):
            layer.stream((2,))
        assert "stream: no; padding" in str(layer.summary((8, 2)))
    x = RNG(0).standard_normal((9, 8, 2)).astype("float32")
    layer = nn.Conv2d(2, 3, 3, (1, 2), padding="same_keras", rng=RNG(0))  # frequency is as wide as it is
    assert np.array_equal(cut(layer.stream((8, 2)), x, [2]), layer.forward(x[None])[0])
    with pytest.raises(ArgumentError, match="same, valid, causal, same_keras"):
        nn.Conv1d(2, 3, 3, padding="SAME", rng=RNG(0))


POOLS = {
    "max": (nn.MaxPool1d, {}),
    "average": (nn.AveragePool1d, {}),
    "average with zeros": (nn.AveragePool1d, {"count_include_pad": True}),
    "lp": (nn.LpPool1d, {"p": 3}),
    "lp signed": (nn.LpPool1d, {"p": 2, "signed": True}),
}


@pytest.mark.parametrize("name", POOLS)
@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.booleans(), st.integers(1, 9), st.data())
def test_pools_have_gradients_and_streams(name, size, stride, ceil, time, data):
    make, options = POOLS[name]
    padding = data.draw(st.tuples(st.integers(0, size // 2), st.integers(0, size // 2)))
    if time + sum(padding) < size:
        return
    layer, x = make(size, stride, padding, ceil_mode=ceil, **options, **WIDE), RNG(time).standard_normal((2, time, 3))
    y = layer.forward(x, training=True)
    assert y.shape[1] == len(naive.pool_windows(time, size, stride, padding, ceil))
    grad_y = RNG(1).standard_normal(y.shape)
    grad_x = layer.backward(grad_y)
    slopes = differences(lambda: float((layer.forward(x) * grad_y).sum()), x)
    assert_close(grad_x, slopes, 1e-5, zeros_allowed=not slopes.any())
    stream = layer.stream((3,))
    for sizes in ([1], [4], [time]):
        assert np.array_equal(cut(stream, x[0], sizes), y[0])


@pytest.mark.parametrize("options", [{}, {"ceil_mode": True}, {"count_include_pad": True},
                                     {"ceil_mode": True, "count_include_pad": True}])  # fmt: skip
def test_average_pools_are_their_matrices(options):
    layer = nn.AveragePool2d((3, 2), (2, 3), ((1, 1), (1, 0)), **options, **WIDE)
    x = RNG(0).standard_normal((2, 6, 6, 3))
    y, dense = layer.forward(x), nn.to_matrix(layer, x.shape[1:])
    assert_close(dense.forward(x.reshape(2, -1)).reshape(y.shape), y, 1e-12)
    assert layer.summary(x.shape[1:]).layers[0][2] == y.shape[1:]


@pytest.mark.parametrize("p", [np.inf, np.nan, 0.5])
def test_powers_are_finite(p):
    with pytest.raises(ArgumentError, match="p must be a number from 1"):
        nn.LpPool1d(2, p=p)
