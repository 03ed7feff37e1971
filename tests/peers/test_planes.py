"""`convolve2d` against scipy.ndimage and OpenCV, boundaries and all, over drawn sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

import audioconv as ac
from tests.compare import assert_close

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 23)
taps = st.integers(1, 9)
METHODS = ["auto", "direct", "separable", "overlap_add"]
NDIMAGE = {"zero": "constant", "reflect": "reflect", "mirror": "mirror", "edge": "nearest", "wrap": "wrap"}


def drawn(seed, dtype, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


@given(
    shape=st.tuples(sizes, sizes), rows=taps, columns=taps, boundary=st.sampled_from(sorted(NDIMAGE)),
    method=st.sampled_from(METHODS), seed=seeds,
)  # fmt: skip
def test_it_is_ndimages_convolve(shape, rows, columns, boundary, method, seed):
    x, kernel = drawn(seed, np.float64, shape, (rows, columns))
    # where the middle of an even kernel is: scipy.signal takes the one before, scipy.ndimage the one behind
    origin = [-1 if size % 2 == 0 else 0 for size in kernel.shape]
    expected = ndimage.convolve(x, kernel, mode=NDIMAGE[boundary], origin=origin)
    found = ac.convolve2d(x, kernel, "same", boundary=boundary, method=method)
    assert_close(found, expected, 1e-12)


@given(
    shape=st.tuples(sizes, sizes), axis=st.sampled_from([0, 1]), half=st.integers(0, 8), seed=seeds,
    boundary=st.sampled_from(sorted(NDIMAGE)),
)  # fmt: skip
def test_one_row_or_column_is_ndimages_correlate1d(shape, axis, half, boundary, seed):
    x, kernel = drawn(seed, np.float64, shape, 2 * half + 1)
    expected = ndimage.correlate1d(x, kernel, axis, mode=NDIMAGE[boundary])
    plane = np.expand_dims(kernel[::-1], 1 - axis)
    assert_close(ac.convolve2d(x, plane, "same", boundary=boundary), expected, 1e-12)


@pytest.mark.peers
@given(
    shape=st.tuples(st.integers(5, 40), st.integers(5, 40)), rows=st.integers(0, 2), columns=st.integers(0, 2),
    boundary=st.sampled_from(["zero", "reflect", "mirror", "edge"]), dtype=st.sampled_from(["float32", "float64"]),
    seed=seeds,
)  # fmt: skip
def test_it_is_opencvs_filter2d(shape, rows, columns, boundary, dtype, seed):
    cv2 = pytest.importorskip("cv2", reason="make test-peers installs OpenCV")
    borders = {
        "zero": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT, "mirror": cv2.BORDER_REFLECT_101,
        "edge": cv2.BORDER_REPLICATE,
    }  # fmt: skip
    x, kernel = drawn(seed, dtype, shape, (2 * rows + 1, 2 * columns + 1))
    expected = cv2.filter2D(x, -1, np.ascontiguousarray(np.flip(kernel)), borderType=borders[boundary])
    found = ac.convolve2d(x, kernel, "same", boundary=boundary)
    assert_close(found, expected, 2e-6 if dtype == "float32" else 1e-13)


@pytest.mark.peers
@given(
    shape=st.tuples(st.integers(8, 40), st.integers(8, 40)),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    seed=seeds,
)
def test_separable_is_opencvs_sep_filter2d(shape, rows, columns, seed):
    cv2 = pytest.importorskip("cv2", reason="make test-peers installs OpenCV")
    x, column, row = drawn(seed, np.float64, shape, 2 * rows + 1, 2 * columns + 1)
    expected = cv2.sepFilter2D(x, -1, row[::-1].copy(), column[::-1].copy(), borderType=cv2.BORDER_REFLECT)
    found = ac.convolve2d(x, np.outer(column, row), "same", boundary="reflect", method="separable")
    assert_close(found, expected, 1e-12)
