"""Pooling against loops, forward and gradient; what NaN does."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.kernels._jit import JIT_ENABLED
from tests import naive
from tests.compare import assert_close


@settings(max_examples=40 if JIT_ENABLED else 8, deadline=None)
@given(
    st.integers(0, 99), st.sampled_from(["float32", "float64"]), st.integers(1, 3), st.integers(1, 12),
    st.sampled_from([1, 7, 8, 9]), st.integers(1, 4), st.integers(1, 3), st.data(),
)  # fmt: skip
def test_pools_equal_loops(seed, dtype, batch, time, channels, size, stride, data):
    padding = data.draw(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))
    if time + sum(padding) < size:
        return
    x = np.random.default_rng(seed).standard_normal((batch, time, channels)).astype(dtype)
    largest = nn.MaxPool1d(size, stride, padding, dtype=dtype).forward(x)
    if (largest.shape[1] - 1) * stride - padding[0] >= time:
        return  # a window that lies beside the input has no maximum
    close = 1e-6 if dtype == "float32" else 1e-14
    mean = nn.AveragePool1d(size, stride, padding, dtype=dtype).forward(x)
    norm = nn.LpPool1d(size, stride, padding, 3, dtype=dtype).forward(x)
    assert np.array_equal(largest, naive.pool1d(x, size, stride, padding, np.max))
    assert_close(mean, naive.pool1d(x, size, stride, padding, np.mean), close)
    cubes = naive.pool1d(np.abs(x.astype(float)) ** 3, size, stride, padding, np.sum)
    assert_close(norm, np.cbrt(cubes), close)


def test_two_dimensions_are_one_after_the_other():
    x = np.random.default_rng(0).standard_normal((2, 6, 8, 9))
    both = nn.MaxPool2d((2, 4), dtype="float64").forward(x)
    assert np.array_equal(both, x.reshape(2, 3, 2, 2, 4, 9).max(axis=(2, 4)))
    mean = nn.AveragePool2d((2, 4), dtype="float64").forward(x)
    assert_close(mean, x.reshape(2, 3, 2, 2, 4, 9).mean(axis=(2, 4)), 1e-14)
    norm = nn.LpPool2d((2, 4), dtype="float64").forward(x)
    assert_close(norm, np.sqrt((x.reshape(2, 3, 2, 2, 4, 9) ** 2).sum(axis=(2, 4))), 1e-14)


def test_maximum_keeps_nan_and_its_gradient_goes_to_the_first():
    x = np.array([1.0, 3.0, 3.0, np.nan, 2.0, np.nan]).reshape(1, 6, 1)
    layer = nn.MaxPool1d(3, dtype="float64")
    y = layer.forward(x, training=True)
    assert y[0, 0, 0] == 3
    assert np.isnan(y[0, 1, 0])
    assert layer.backward(np.array([5.0, 7.0]).reshape(1, 2, 1)).ravel().tolist() == [0, 5, 0, 7, 0, 0]


def test_average_gradient_is_shared_by_the_window():
    layer = nn.AveragePool1d(3, 2, dtype="float64")
    layer.forward(np.zeros((1, 5, 2)), training=True)
    grad_x = layer.backward(np.array([[[3.0, 6.0], [9.0, 12.0]]]))
    assert grad_x[0].tolist() == [[1, 2], [1, 2], [4, 6], [3, 4], [3, 4]]


def test_maxout_takes_the_largest_piece():
    x = np.random.default_rng(1).standard_normal((2, 3, 12))
    y = nn.Maxout(4, dtype="float64").forward(x)
    assert np.array_equal(y, x.reshape(2, 3, 4, 3).max(axis=2))
