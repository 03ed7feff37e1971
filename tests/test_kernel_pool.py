"""Pooling against loops, forward and gradient; what NaN does."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.arrays import frozen
from audioconv.kernels import pool
from tests import naive
from tests.compare import assert_close


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 99), st.sampled_from(["float32", "float64"]), st.integers(0, 3), st.integers(1, 12),
    st.sampled_from([1, 7, 8, 9]), st.integers(1, 4), st.integers(1, 3), st.data(),
)  # fmt: skip
def test_pools_equal_loops(seed, dtype, batch, time, channels, size, stride, data):
    padding = data.draw(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)))
    if time + sum(padding) < size:
        return
    x = np.random.default_rng(seed).standard_normal((batch, time, channels)).astype(dtype)
    largest = nn.MaxPool1d(size, stride, padding, dtype=dtype).forward(x)
    mean = nn.AveragePool1d(size, stride, padding, dtype=dtype).forward(x)
    if (largest.shape[1] - 1) * stride - padding[0] >= time:
        return  # a window that lies beside the input has no maximum
    assert np.array_equal(largest, naive.pool1d(x, size, stride, padding, np.max))
    assert_close(mean, naive.pool1d(x, size, stride, padding, np.mean), 1e-6 if dtype == "float32" else 1e-14)


def test_maximum_keeps_nan_and_its_gradient_goes_to_the_first():
    x = np.array([1.0, 3.0, 3.0, np.nan, 2.0, np.nan]).reshape(1, 6, 1)
    y = np.empty((1, 2, 1))
    pool.max_pool(frozen(x), y, 3, 3)
    assert y[0, 0, 0] == 3
    assert np.isnan(y[0, 1, 0])
    grad_x = np.zeros(x.shape)
    pool.max_pool_gradient(frozen(x), frozen(y), frozen(np.array([5.0, 7.0]).reshape(1, 2, 1)), grad_x, 3, 3)
    assert grad_x.ravel().tolist() == [0, 5, 0, 7, 0, 0]


def test_average_gradient_is_shared_by_the_window():
    counts, grad_x = frozen(np.array([2.0, 4.0])), np.zeros((1, 5, 2))
    grad_y = frozen(np.array([[[2.0, 4.0], [8.0, 12.0]]]))
    pool.average_pool_gradient(grad_y, counts, grad_x, 3, 2)
    assert grad_x[0].tolist() == [[1, 2], [1, 2], [3, 5], [2, 3], [2, 3]]
