"""Fused passes against what they fuse."""

import numpy as np
import pytest

from audioconv.arrays import frozen
from audioconv.kernels import elementwise
from tests.compare import assert_close

SHAPES = [(3, 5, 1), (1, 1, 7), (2, 9, 8), (4, 3, 17), (0, 4, 3), (2, 0, 9)]
DTYPES = ["float32", "float64"]


def arrays(shape, dtype, count=1):
    rng = np.random.default_rng(sum(shape))
    return [frozen(rng.standard_normal(shape).astype(dtype)) for _ in range(count)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_channel_sums_of_shards(shape, dtype):
    (x,) = arrays(shape, dtype)
    bounds = np.array([0, len(x) // 2, len(x)])
    sums = np.zeros((2, 2, shape[2]))
    elementwise.channel_sums(x, frozen(bounds), sums)
    parts = np.split(x.astype(float), bounds[1:2])
    expected = np.array([[p.sum(axis=(0, 1)), (p * p).sum(axis=(0, 1))] for p in parts])
    assert_close(sums, expected, 1e-13, zeros_allowed=not x.size)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_normalise_and_its_gradient(shape, dtype, relu):
    x, grad_y = arrays(shape, dtype, 2)
    rows = frozen(np.random.default_rng(9).standard_normal((4, shape[2])).astype(dtype))
    close = 1e-6 if dtype == "float32" else 1e-14
    y = np.empty(shape, dtype)
    elementwise.normalise(x, rows[:3], relu, y)
    plain = (x - rows[0].astype(float)) * rows[1] + rows[2]
    assert_close(y, np.maximum(plain, 0) if relu else plain, close, zeros_allowed=relu or not x.size)
    g = np.where((y > 0) | (not relu), grad_y, 0).astype(float)
    sums = np.zeros((1, 2, shape[2]))
    elementwise.normalise_sums(x, frozen(y), grad_y, rows[:3], relu, frozen(np.array([0, len(x)])), sums)
    centred = x - rows[0].astype(float)
    assert_close(sums[0], np.array([g.sum((0, 1)), (g * centred).sum((0, 1))]), close, zeros_allowed=True)
    grad_x = np.empty(shape, dtype)
    elementwise.normalise_gradient(x, frozen(y), grad_y, rows, relu, grad_x)
    assert_close(grad_x, g * rows[1] + centred * rows[2] + rows[3], close, zeros_allowed=not x.size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_keeps_nan(dtype):
    x = frozen(np.array([-1, 2, np.nan, -np.inf, np.inf, -0.0, 3, -4, 5], dtype))
    y, grad = np.empty_like(x), np.empty_like(x)
    elementwise.relu(x, y)
    assert np.array_equal(y, [0, 2, np.nan, 0, np.inf, 0, 3, 0, 5], equal_nan=True)
    elementwise.add_relu(x, frozen(np.ones_like(x)), grad)
    assert np.array_equal(grad, [0, 3, np.nan, 0, np.inf, 1, 4, 0, 6], equal_nan=True)
    elementwise.relu_gradient(frozen(y), frozen(np.arange(1, 10).astype(dtype)), grad)
    assert grad.tolist() == [0, 2, 3, 0, 5, 0, 7, 0, 9]


@pytest.mark.parametrize("dtype", DTYPES)
def test_pad_writes_every_element(dtype):
    (x,) = arrays((2, 3, 5), dtype)
    out = np.full((2, 7, 5), 9, dtype)
    elementwise.pad(x, frozen(np.array([-np.inf], dtype)), 1, out)
    assert np.array_equal(out[:, 1:4], x)
    assert np.isneginf(np.delete(out, [1, 2, 3], axis=1)).all()


def test_partials_are_added_in_float64():
    partials = frozen(np.array([[1e8, 1], [1, 2], [-1e8, 3]], "float32"))
    total = np.empty(2, "float32")
    elementwise.add_partials(partials, total)
    assert total.tolist() == [1, 6]


def test_adamw_as_in_the_paper():
    rng = np.random.default_rng(0)
    weight, mean, square = rng.standard_normal(9).astype("float32"), np.zeros(9), np.zeros(9)
    w, m, v = weight.astype(float), np.zeros(9), np.zeros(9)
    for step in (1, 2, 3):
        g = rng.standard_normal(9).astype("float32")
        settings = frozen(np.array([0.1, 0.9, 0.99, 1e-8, 0.05, 1 - 0.9**step, 1 - 0.99**step]))
        elementwise.adamw(weight, frozen(g), mean, square, settings)
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g.astype(float) ** 2
        w = w - 0.1 * (m / (1 - 0.9**step) / (np.sqrt(v / (1 - 0.99**step)) + 1e-8) + 0.05 * w)
    assert_close(weight, w, 1e-6)
