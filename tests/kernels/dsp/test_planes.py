"""Convolution of planes, each method against the sum that defines it; and that no bit depends on where it is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.dsp import planes
from audioconv.signal.image import (
    Direct2d,
    OverlapAdd2d,
    Plane,
    Separable2d,
    SparseFIR2d,
    Strided,
    boundary_index_map,
    dilate_kernel,
    low_rank_factors,
    rank_one_factors,
    tile_outputs,
)
from audioconv.signal.options import BOUNDARIES
from tests import naive
from tests.compare import assert_close
from tests.signals import frozen_noise

SUMS = {np.float32: 5e-7, np.float64: 1e-15}
SPECTRA = {np.float32: 2e-6, np.float64: 5e-15}
DTYPES = st.sampled_from([np.float32, np.float64])
ROWS = st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 13])
COLUMNS = st.sampled_from([1, 2, 7, 8, 9, 16, 17, 33] if not JIT_ENABLED else [1, 2, 7, 9, 31, 63, 64, 65, 66, 70, 130])
TAPS = st.sampled_from([1, 2, 3, 4, 5, 7, 9])
SEEDS = st.integers(0, 2**32 - 1)
EXAMPLES = 60 if JIT_ENABLED else 12


def plane_of(x, taps, boundary, stride=(1, 1), dilation=(1, 1), mode="full"):
    """The plane that outputs want, their number, and which is the first: all of them, or those of "same"."""
    maps, counts, begins = [], [], []
    for axis in (0, 1):
        reach = (taps[axis] - 1) * dilation[axis]
        begin, length = (0, x.shape[axis] + reach) if mode == "full" else (reach // 2, x.shape[axis])
        count = -(-length // stride[axis])
        wanted = (count - 1) * stride[axis] + 1 + reach
        maps.append(frozen(boundary_index_map(x.shape[axis], begin - reach, wanted, boundary[axis]), np.int64))
        counts.append(count)
        begins.append(begin)
    return Plane(x, *maps, begins[1] - (taps[1] - 1) * dilation[1]), tuple(counts), tuple(begins)


def filled(method, plane, shape, dtype):
    y = np.full(shape, np.nan, dtype)
    method.fill(plane, y)
    return y


PAIRS = st.tuples(st.sampled_from(BOUNDARIES), st.sampled_from(BOUNDARIES))


@settings(max_examples=EXAMPLES, deadline=None)
@given(ROWS, COLUMNS, TAPS, TAPS, PAIRS, DTYPES, st.sampled_from(["full", "same"]), SEEDS)
def test_every_method_is_the_sum_that_defines_it(rows, columns, down, along, boundary, dtype, mode, seed):
    x, kernel = frozen_noise((rows, columns), dtype, seed), frozen_noise((down, along), dtype, seed + 1)
    plane, shape, begin = plane_of(x, kernel.shape, boundary, mode=mode)
    expected = naive.convolve2d(x, kernel, begin, shape, boundary=boundary)
    assert_close(filled(Direct2d(kernel), plane, shape, dtype), expected, SUMS[dtype])
    assert_close(filled(SparseFIR2d(kernel, (1, 1), (1, 1)), plane, shape, dtype), expected, SUMS[dtype])
    column_factors, row_factors = (part.astype(dtype) for part in low_rank_factors(kernel, 0.0))
    found = filled(Separable2d(column_factors, row_factors), plane, shape, dtype)
    most = 8 * np.finfo(dtype).eps * np.abs(kernel).sum() * np.abs(x).max()  # terms of a sum may cancel each other
    assert np.max(np.abs(found - expected), initial=0) <= most
    size = next(size for size in (512, 1024, 2048, 4096) if tile_outputs(size, kernel.shape, shape[1]))
    assert_close(filled(OverlapAdd2d(kernel, size, shape[1]), plane, shape, dtype), expected, SPECTRA[dtype])


@settings(max_examples=EXAMPLES, deadline=None)
@given(ROWS, COLUMNS, TAPS, TAPS, PAIRS, DTYPES, *[st.integers(1, 3)] * 4, SEEDS)
def test_strides_and_dilations(rows, columns, down, along, boundary, dtype, s0, s1, d0, d1, seed):
    x, kernel = frozen_noise((rows, columns), dtype, seed), frozen_noise((down, along), dtype, seed + 1)
    stride, dilation = (s0, s1), (d0, d1)
    plane, shape, begin = plane_of(x, kernel.shape, boundary, stride, dilation)
    expected = naive.convolve2d(x, kernel, begin, shape, stride, dilation, boundary)
    assert_close(filled(SparseFIR2d(kernel, stride, dilation), plane, shape, dtype), expected, SUMS[dtype])
    kept = Strided(Direct2d(dilate_kernel(kernel, dilation)), stride)
    assert_close(filled(kept, plane, shape, dtype), expected, SUMS[dtype])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(1, 40), COLUMNS, TAPS, TAPS, PAIRS, DTYPES, st.integers(0, 40), SEEDS)
def test_no_bit_depends_on_the_cut(rows, columns, down, along, boundary, dtype, cut, seed):
    x, kernel = frozen_noise((rows, columns), dtype, seed), frozen_noise((down, along), dtype, seed + 1)
    plane, shape, _ = plane_of(x, kernel.shape, boundary)
    column_factors, row_factors = (part.astype(dtype) for part in low_rank_factors(kernel, 0.0))
    cut = min(cut, shape[0])
    for method in (Direct2d(kernel), SparseFIR2d(kernel, (1, 1), (1, 1)), Separable2d(column_factors, row_factors)):
        whole = filled(method, plane, shape, dtype)
        parts = [
            filled(method, plane.part(slice(first, last + down - 1)), (last - first, shape[1]), dtype)
            for first, last in ((0, cut), (cut, shape[0]))
            if first < last
        ]
        assert np.array_equal(np.concatenate(parts), whole)
    size = next(size for size in (1024, 2048, 4096) if tile_outputs(size, kernel.shape, shape[1]))
    tiles = OverlapAdd2d(kernel, size, shape[1])
    whole, cut = filled(tiles, plane, shape, dtype), min(tiles.grain, shape[0])
    first = filled(tiles, plane.part(slice(0, cut + down - 1)), (cut, shape[1]), dtype)
    assert np.array_equal(first, whole[:cut])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("taps", [(3, 3), (2, 5), (1, 7), (11, 11)])
def test_a_wide_plane_has_the_bits_of_a_narrow_one(taps, dtype):
    """Tiles within the plane, its edges, and planes narrower than a tile give an output the same bits."""
    x, kernel = frozen_noise((14, 150 if JIT_ENABLED else 40), dtype, 1), frozen_noise(taps, dtype, 2)
    plane, shape, _ = plane_of(x, taps, ("zero", "zero"))
    wide = filled(Direct2d(kernel), plane, shape, dtype)
    for column in (0, 5, 60, 100):
        if column + 10 + taps[1] <= shape[1]:
            part = plane.part(slice(None), slice(column, column + 10 + taps[1] - 1))
            assert np.array_equal(filled(Direct2d(kernel), part, (shape[0], 10), dtype), wide[:, column : column + 10])


@pytest.mark.parametrize("shift", [0, 1, 5, 15])
def test_memory_around_is_neither_used_nor_written(shift):
    rows, columns, taps = 9, 70, (3, 5)
    kernel, data = frozen_noise(taps, np.float32, 1), frozen_noise((rows, columns), np.float32, 2)
    moved = np.full(rows * columns + 64, np.nan, np.float32)
    moved[shift : shift + data.size] = data.ravel()
    x = frozen(moved[shift : shift + data.size].reshape(rows, columns))
    for mode in ("full", "same"):
        plane, shape, begin = plane_of(x, taps, ("zero", "edge"), mode=mode)
        expected = naive.convolve2d(data, kernel, begin, shape, boundary=("zero", "edge"))
        column_factors, row_factors = (part.astype(np.float32) for part in low_rank_factors(kernel, 0.0))
        sums = Direct2d(kernel), SparseFIR2d(kernel, (1, 1), (1, 1)), Separable2d(column_factors, row_factors)
        for method in (*sums, OverlapAdd2d(kernel, 1024, shape[1])):
            around = np.full(shape[0] * shape[1] + 64, 7, np.float32)
            y = around[shift + 1 :][: shape[0] * shape[1]].reshape(shape)
            method.fill(plane, y)
            assert_close(y, expected, SPECTRA[np.float32])
            assert np.all(around[: shift + 1] == 7)
            assert np.all(around[shift + 1 + y.size :] == 7)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_not_finite_spoils_what_it_has_a_part_in_and_no_more(poison):
    x, kernel = np.array(frozen_noise((40, 80), np.float32, 1)), frozen_noise((3, 5), np.float32, 2)
    x[6, 40] = poison
    plane, shape, _ = plane_of(frozen(x), kernel.shape, ("zero", "zero"))
    expected = np.zeros(shape, bool)
    expected[6:9, 40:45] = True
    column_factors, row_factors = (part.astype(np.float32) for part in low_rank_factors(kernel, 0.0))
    for method in (Direct2d(kernel), SparseFIR2d(kernel, (1, 1), (1, 1)), Separable2d(column_factors, row_factors)):
        assert np.array_equal(~np.isfinite(filled(method, plane, shape, np.float32)), expected)
    tiles = OverlapAdd2d(kernel, 512, shape[1])
    spoiled = ~np.isfinite(filled(tiles, plane, shape, np.float32))
    height, width = tiles.tile_shape
    rows, columns = -(-shape[0] // height), -(-shape[1] // width)
    touched = sum(
        spoiled[a * height : (a + 1) * height, b * width : (b + 1) * width].any()
        for a in range(rows)
        for b in range(columns)
    )
    assert spoiled[expected].all()
    assert touched <= 4 < rows * columns


def test_zeros_give_zeros_and_long_kernels_keep_their_digits():
    kernel = frozen_noise((5, 5), np.float32, 1)
    plane, shape, _ = plane_of(frozen(np.zeros((9, 70), np.float32)), (5, 5), ("zero", "zero"))
    for method in (Direct2d(kernel), OverlapAdd2d(kernel, 1024, shape[1])):
        assert not filled(method, plane, shape, np.float32).any()
    if JIT_ENABLED:
        average = frozen(np.full((31, 31), 1 / 961, np.float32))
        plane, shape, _ = plane_of(frozen(np.ones((60, 90), np.float32)), (31, 31), ("edge", "edge"), mode="same")
        found = filled(Direct2d(average), plane, shape, np.float32)
        assert_close(found, np.full(shape, average.sum(dtype=float)), 1e-6)


# --- pieces ---


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9), st.integers(-30, 30), st.integers(0, 40), st.sampled_from(BOUNDARIES))
def test_places_are_where_a_boundary_says(size, begin, count, boundary):
    expected = [naive.source(i, size, boundary) for i in range(begin, begin + count)]
    assert boundary_index_map(size, begin, count, boundary).tolist() == [-1 if i is None else i for i in expected]
    if boundary != "zero" and count:
        mode = {"reflect": "symmetric", "mirror": "reflect", "edge": "edge", "wrap": "wrap"}[boundary]
        padded = np.pad(np.arange(size), 80, mode)
        assert np.array_equal(padded[80 + begin : 80 + begin + count], boundary_index_map(size, begin, count, boundary))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 200), st.integers(1, 200))
def test_pieces_cover_the_taps_once_in_order(rows, columns):
    from audioconv.signal.image import _pieces

    pieces, least = _pieces(rows, columns)
    table = pieces.reshape(-1, 4)
    seen = np.zeros((rows, columns), int)
    for first, last, left, right in table:
        seen[first:last, left:right] += 1
        assert (last - first) * (right - left) <= 2 * planes.CHAIN
    assert np.all(seen == 1)
    assert least == min(table[:, 1] - table[:, 0])
    assert table.tolist() == sorted(table.tolist())


def test_factors_are_found_only_where_they_are():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        product = np.outer(rng.standard_normal(9), rng.standard_normal(7)).astype(dtype)
        column, row = rank_one_factors(product)
        assert_close(np.outer(column, row), product, 4 * np.finfo(dtype).eps)
        bent = product.copy()
        bent[3, 3] *= 1 + 20 * np.finfo(dtype).eps
        bent[0, 0] = product[0, 0] + 1e-5 * np.abs(product).max()
        assert rank_one_factors(bent) is None
        assert rank_one_factors(rng.standard_normal((3, 3)).astype(dtype)) is None
        assert rank_one_factors(np.zeros((3, 3), dtype)) is None
        assert rank_one_factors(np.full((3, 3), np.nan, dtype)) is None


@pytest.mark.parametrize("tolerance", [0.0, 0.01, 0.1, 0.5])
def test_terms_leave_out_no_more_than_the_tolerance(tolerance):
    kernel = np.random.default_rng(0).standard_normal((12, 9))
    column_factors, row_factors = low_rank_factors(kernel, tolerance)
    off = np.abs(kernel - column_factors.T @ row_factors).sum() / np.abs(kernel).sum()
    assert off <= max(tolerance, 1e-14)
    assert len(column_factors) == 9 if tolerance < 0.02 else len(column_factors) < 9
    if len(column_factors) > 1:  # and one less would have been too few
        assert np.abs(kernel - column_factors[:-1].T @ row_factors[:-1]).sum() / np.abs(kernel).sum() > tolerance
