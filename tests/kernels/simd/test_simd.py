"""The vector type: its operations, alone and inside the tiles, against their definitions in NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels._jit import JIT_ENABLED, kernel
from audioconv.kernels.simd import tile
from audioconv.kernels.simd import vector as simd


@kernel
def _arithmetic(x, y, out):
    for i in range(0, x.size, simd.lanes(x)):
        u, v = simd.load(x, i), simd.load(y, i)
        simd.store(out, i, simd.maximum(simd.fma(u, v, u - v), -(u + v) * simd.splat(x, 0.5)))


@kernel
def _above(x, y, out):
    simd.store(out, 0, simd.greater_than(simd.load(x, 0), simd.load(y, 0)))


@kernel
def _shuffles(x, out):
    width = simd.lanes(x)
    u, v = simd.load(x, 0), simd.load(x, width)
    simd.store(out, 0, simd.evens(u, v))
    simd.store(out, width, simd.odds(u, v))
    simd.store(out, 2 * width, simd.zip_low(u, v))
    simd.store(out, 3 * width, simd.zip_high(u, v))
    simd.store(out, 4 * width, simd.reverse_lanes(u, u))
    simd.store(out, 5 * width, simd.broadcast(x, 3) + simd.zero(x))


@kernel
def _transposed(x, out):
    simd.store_rows(out, 0, simd.lanes(x), simd.transpose(simd.load_rows(x, 0, simd.lanes(x))))


@kernel
def _products(x, out):
    width = simd.lanes(x)
    sums = (simd.load(x, 0), simd.load(x, width), simd.zero(x))
    sums = simd.add_products(sums, simd.broadcast(x, 2), x, 1)
    for n in range(3):
        simd.store(out, n * width, sums[n])


@kernel
def _places(x, out):
    for i in range(x.size):
        out[i] = simd.line_offset(x, i)


def _tile_product(rows, vectors, add):
    wide = int(add is tile.lanewise)

    @kernel
    def product(column, row, start, depth, table, table_out, out):
        width = out.size // rows
        total = tile.fill(tile.zeros(out, rows, vectors), start, 0)
        for k in range(depth):
            total = add(total, column, tile.offsets(table, 0, rows), k * (width if wide else 1), row, k * width)
        tile.store(tile.relu(total), out, tile.offsets(table_out, 0, rows), 0)

    return product


SHAPES = [(1, 0), (3, 0), (1, 1), (2, 1), (6, 2), (4, 3), (2, 4)]
_RANK1 = {shape: _tile_product(*shape, tile.rank1) for shape in SHAPES}
_LANEWISE = {shape: _tile_product(*shape, tile.lanewise) for shape in SHAPES}
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@DTYPES
def test_arithmetic(dtype):
    rng = np.random.default_rng(0)
    x, y = rng.integers(-9, 9, (2, 64)).astype(dtype)  # small whole numbers: exact, fused or not
    out = np.empty_like(x)
    _arithmetic(frozen(x), frozen(y), out)
    assert np.array_equal(out, np.maximum(x * y + x - y, -(x + y) * 0.5))


@DTYPES
def test_maximum_keeps_nan(dtype):
    x = np.full(8, np.nan, dtype)
    out = np.zeros_like(x)
    _arithmetic(frozen(x), frozen(np.ones_like(x)), out)
    assert np.isnan(out).all()


@DTYPES
def test_above_is_false_for_equals_and_nan(dtype):
    x = np.array([0, 1, -1, np.nan, 0, np.inf, 2, np.nan], dtype)
    y = np.array([0, 0, -2, 0, np.nan, 5, 3, np.nan], dtype)
    out = np.full(8, 9, dtype)
    width = simd.LANES[np.dtype(dtype)]
    _above(frozen(x), frozen(y), out)
    assert out[:width].tolist() == [0, 1, 1, 0, 0, 1, 0, 0][:width]


@DTYPES
def test_shuffles(dtype):
    width = simd.LANES[np.dtype(dtype)]
    x = np.arange(2 * width, dtype=dtype)
    out = np.empty(6 * width, dtype)
    _shuffles(frozen(x), out)
    u, v = x[:width], x[width:]
    zipped = np.stack((u, v), axis=1).ravel()
    expected = (x[::2], x[1::2], zipped[:width], zipped[width:], u[::-1], np.full(width, 3))
    assert np.array_equal(out, np.concatenate(expected))


@DTYPES
def test_add_products(dtype):
    width = simd.LANES[np.dtype(dtype)]
    x = np.arange(1, 3 * width + 2, dtype=dtype)
    out = np.empty(3 * width, dtype)
    _products(frozen(x), out)
    expected = x[2] * x[1:]
    expected[: 2 * width] += x[: 2 * width]
    assert np.array_equal(out, expected)


@DTYPES
def test_place_counts_from_the_start_of_the_cache_line(dtype):
    x = frozen(np.zeros(40, dtype))
    out = np.empty(40, np.int64)
    _places(x, out)
    assert np.array_equal(out, [(x.ctypes.data + i * x.itemsize) % 64 // x.itemsize for i in range(40)])


@DTYPES
def test_transpose(dtype):
    width = simd.LANES[np.dtype(dtype)]
    x = np.arange(width * width, dtype=dtype)
    out = np.empty_like(x)
    _transposed(frozen(x), out)
    assert np.array_equal(out.reshape(width, width), x.reshape(width, width).T)


def _tile_case(shape, dtype, depth, wide):
    rows, vectors = shape
    width = vectors * simd.LANES[np.dtype(dtype)] or 1
    rng = np.random.default_rng(depth)
    column = rng.integers(-9, 9, (rows, depth * (width if wide else 1))).astype(dtype)
    row = rng.integers(-9, 9, (depth, width)).astype(dtype)
    start, out = rng.integers(-9, 9, width).astype(dtype), np.empty((rows, width), dtype)
    table = np.arange(rows) * column.shape[1]
    order = rng.permutation(rows) * width  # rows may go anywhere
    tiles = _LANEWISE if wide else _RANK1
    tiles[shape](frozen(column.ravel()), frozen(row.ravel()), frozen(start), depth, frozen(table), frozen(order),
                 out.ravel())  # fmt: skip
    return start, column, row, out[order // width]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SHAPES), st.sampled_from([np.float32, np.float64]), st.integers(0, 9))
def test_rank1_adds_up_to_a_product(shape, dtype, depth):
    start, column, row, out = _tile_case(shape, dtype, depth, False)
    assert np.array_equal(out, np.maximum(start + column @ row, 0))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(SHAPES), st.sampled_from([np.float32, np.float64]), st.integers(0, 9))
def test_lanewise_multiplies_column_by_column(shape, dtype, depth):
    start, column, row, out = _tile_case(shape, dtype, depth, True)
    factors = column.reshape(len(out), depth, out.shape[1])
    assert np.array_equal(out, np.maximum(start + (factors * row).sum(axis=1), 0))


@pytest.mark.skipif(JIT_ENABLED, reason="the check of bounds is in the NumPy bodies: NUMBA_DISABLE_JIT=1")
def test_an_access_outside_the_array_is_caught():
    x = np.zeros(9, np.float32)
    for index in (-1, 2):
        with pytest.raises(AssertionError, match="of an array of 9"):
            simd.load(x, index)
