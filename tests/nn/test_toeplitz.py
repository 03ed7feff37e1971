"""The dense layer that a convolution is: equal outputs, zeros where nothing is connected, weights tied where shared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv import nn
from tests.compare import assert_close
from tests.nn.test_shapes import layers

RNG = np.random.default_rng


def probed(layer, shape):
    """The matrix, one input after the other set to 1."""
    size = int(np.prod(shape))
    zeros = layer.forward(np.zeros((1, *shape)))
    return (layer.forward(np.eye(size).reshape(size, *shape)) - zeros).reshape(size, -1)


def assert_equal_maps(layer, shape, seed=0):
    dense = nn.to_matrix(layer, shape)
    x = RNG(seed).standard_normal((3, *shape))
    y = layer.forward(x)
    expected = probed(layer, shape)
    none = not expected.any()  # all taps in the padding
    assert_close(dense.weight, expected, 1e-12, zeros_allowed=none)
    assert_close(dense.forward(x.reshape(3, -1)).reshape(y.shape), y, 1e-12, zeros_allowed=none)


@settings(max_examples=60, deadline=None)
@given(layers(), st.integers(0, 99))
def test_a_convolution_of_any_kind_is_its_matrix(case, seed):
    layer, shape = case
    assert_equal_maps(layer, shape, seed)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2), st.booleans(),
)  # fmt: skip
def test_a_transposed_convolution_with_padding_is_its_matrix(taps, stride, dilation, left, right, bias):
    layer = nn.Conv1dTranspose(2, 3, taps, stride, dilation, (left, right), bias, rng=RNG(0), dtype=np.float64)
    if bias:
        layer.bias[:] = 1, 2, 3
    frames = 6
    if layer.geometry.time.inputs(frames) < 1:
        return
    assert_equal_maps(layer, (frames, 2))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2dTranspose(3, 2, (2, 3), (2, 1), padding=((1, 0), (0, 1)), rng=RNG(0), dtype=np.float64), (3, 4, 3)),
        (nn.LocallyConnected1d(2, 3, 4, 5, stride=2, rng=RNG(0), dtype=np.float64), (10, 2)),
        (nn.LocallyConnected2d(1, 2, 3, (4, 2), stride=(1, 2), rng=RNG(0), dtype=np.float64), (4, 4, 1)),
        (nn.TiledConv2d(2, 3, 3, (2, 3), padding="causal", rng=RNG(0), dtype=np.float64), (5, 7, 2)),
        (nn.AveragePool1d(3, 2, "same", dtype=np.float64), (8, 3)),
        (nn.AveragePool2d((2, 3), (1, 2), ((1, 0), (1, 1)), dtype=np.float64), (4, 6, 2)),
        (nn.GlobalAveragePool(dtype=np.float64), (6, 2)),
        (nn.GlobalAveragePool(dtype=np.float64), (3, 4, 2)),
        (nn.Dense(5, 3, rng=RNG(0), dtype=np.float64), (5,)),
        (nn.Dense(5, 3, rng=RNG(0), dtype=np.float64), (2, 4, 5)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unshared_tiled_and_average_too(layer, shape):
    assert_equal_maps(layer, shape)


def test_the_first_layer_of_ds_cnn_is_connected_where_its_windows_lie():
    options = {"stride": 2, "padding": ((4, 5), (1, 1)), "rng": RNG(0)}
    shared = nn.Conv2d(1, 64, (10, 4), **options)
    assert shared.forward(np.zeros((1, 49, 10, 1), np.float32)).shape == (1, 25, 5, 64)
    found = nn.connections(shared, (49, 10, 1))
    assert found.shape == (490, 25 * 5 * 64)
    assert set(np.unique(found)) == {0, *range(1, 2561)}
    inside = sum(
        0 <= 2 * t + i - 4 < 49 and 0 <= 2 * f + j - 1 < 10
        for t in range(25) for f in range(5) for i in range(10) for j in range(4)
    )  # fmt: skip
    assert np.count_nonzero(found) == 64 * inside


def test_tied_entries_are_equal_and_the_others_zero():
    layer = nn.Conv1d(4, 6, 3, 2, 2, groups=2, rng=RNG(0))
    tied, dense = nn.connections(layer, (9, 4)), nn.to_matrix(layer, (9, 4))
    assert tied.max() == layer.weight.size
    np.testing.assert_array_equal(dense.weight, np.append(0, layer.weight.ravel()).astype("float32")[tied])
    assert np.count_nonzero(tied) < tied.size / 4


def test_zeros_stay_zeros_beside_weights_that_are_not_finite():
    layer = nn.DepthwiseConv1d(2, 1, rng=RNG(0))
    layer.weight[0] = np.inf, np.nan
    np.testing.assert_array_equal(nn.to_matrix(layer, (1, 2)).weight, [[np.inf, 0], [0, np.nan]])


def test_what_is_no_linear_map_or_does_not_fit_is_refused():
    with pytest.raises(ac.ArgumentError, match="a convolution or an average pool, not MaxPool1d"):
        nn.to_matrix(nn.MaxPool1d(2), (4, 1))
    with pytest.raises(ac.ShapeError, match="takes 4 channels, not 3"):
        nn.to_matrix(nn.Conv1d(4, 2, 3, rng=RNG(0)), (9, 3))
    with pytest.raises(ac.ShapeError, match="whole numbers from 1"):
        nn.to_matrix(nn.Conv1d(4, 2, 3, rng=RNG(0)), (0, 4))
    with pytest.raises(ac.ShapeError, match="would have 6,400,000,000 entries"):
        nn.to_matrix(nn.Conv1d(1, 1, 3, rng=RNG(0)), (80_000, 1))
    with pytest.raises(ac.ShapeError, match="does not fit Conv1d"):
        nn.to_matrix(nn.Conv1d(4, 2, 3, rng=RNG(0)), (9, 2, 4))
