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


@settings(max_examples=30 if JIT_ENABLED else 8, deadline=None)
@given(
    st.integers(0, 99), st.sampled_from(["float32", "float64"]), st.integers(1, 12), st.sampled_from([1, 3, 8, 9]),
    st.integers(1, 5), st.integers(1, 6), st.booleans(), st.booleans(), st.data(),
)  # fmt: skip
def test_windows_that_the_end_cuts_off_and_zeros_that_count(
    seed, dtype, time, channels, size, stride, ceil, zeros, data
):
    padding = data.draw(st.tuples(st.integers(0, size // 2), st.integers(0, size // 2)))
    if time + sum(padding) < size:
        return
    x = np.random.default_rng(seed).standard_normal((2, time, channels)).astype(dtype)
    close = 1e-5 if dtype == "float32" else 1e-13
    options = {"ceil_mode": ceil, "dtype": dtype}
    largest = nn.MaxPool1d(size, stride, padding, **options).forward(x)
    windows = naive.pool_windows(time, size, stride, padding, ceil)
    assert np.array_equal(largest, np.stack([x[:, max(a, 0) : b].max(axis=1) for a, b in windows], axis=1))
    mean = nn.AveragePool1d(size, stride, padding, count_include_pad=zeros, **options).forward(x)
    assert_close(mean, naive.average_pool1d(x, size, stride, padding, ceil, zeros), close)
    norm = nn.LpPool1d(size, stride, padding, 2.5, **options).forward(x)
    assert_close(norm, naive.lp_pool1d(x, size, stride, padding, 2.5, ceil), close)
    x = np.abs(x) * np.where(np.arange(time) % size == 0, -0.1, 1)[:, None].astype(dtype)
    total = nn.LpPool1d(size, stride, padding, 1, signed=True, **options).forward(x)
    assert_close(total, naive.lp_pool1d(x, size, stride, padding, 1, ceil, True), close)


def test_powers_that_keep_their_sign():
    x = np.array([-1.0, 2.0, -3.0, 1.0, -2.0, 0.0]).reshape(1, 6, 1)
    with np.errstate(invalid="ignore"):  # without JIT NumPy warns
        cubes = nn.LpPool1d(2, p=3, signed=True, dtype="float64").forward(x)[0, :, 0]
    assert_close(cubes[:1], [7 ** (1 / 3)], 1e-14)
    assert np.isnan(cubes[1:]).all()  # roots of -26 and -8
    assert_close(nn.LpPool1d(2, p=3, dtype="float64").forward(x)[0, :, 0], np.cbrt([9, 28, 8]), 1e-14)
