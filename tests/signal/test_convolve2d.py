"""convolve2d against its naive twin, SciPy's convolve2d and ndimage, for every mode, boundary and method."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.signal import cost2d
from audioconv.signal.kernels2d import gaussian
from audioconv.signal.options import METHODS_2D
from tests import naive
from tests.compare import assert_close
from tests.signals import noise

CLOSE = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 5e-14}
SCIPY = {"zero": "fill", "reflect": "symm", "wrap": "wrap"}
NDIMAGE = {"zero": "constant", "reflect": "reflect", "mirror": "mirror", "edge": "nearest", "wrap": "wrap"}
SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 17, 40, 65, 90])
TAPS = st.sampled_from([1, 2, 3, 4, 5, 8, 9])
DTYPES = st.sampled_from([np.float32, np.float64])
METHODS = st.sampled_from(METHODS_2D)
SEEDS = st.integers(0, 2**32 - 1)


def assert_within_rounding(found, x, kernel, expected):
    """Within rounding of sums of so much; of results that cancel, too."""
    assert found.shape == expected.shape
    most = CLOSE[found.dtype] * max(np.abs(expected).max(), np.abs(kernel).sum() * np.abs(x).max() / 4)
    assert np.abs(found - expected).max() <= most


def test_the_comparison_can_fail():
    x, kernel = noise((9, 9)), noise((3, 3), seed=1)
    expected = scipy.signal.convolve2d(x, kernel)
    for wrong in (np.zeros_like(expected), expected + 1e-4, expected[1:]):
        with pytest.raises(AssertionError):
            assert_within_rounding(wrong, x, kernel, expected)


@settings(max_examples=80, deadline=None)
@given(SIZES, SIZES, TAPS, TAPS, DTYPES, METHODS, st.sampled_from(["full", "same", "valid"]),
       st.sampled_from(sorted(SCIPY)), SEEDS)  # fmt: skip
def test_it_is_scipys_convolve2d(rows, columns, down, along, dtype, method, mode, boundary, seed):
    x, kernel = noise((rows, columns), dtype, seed), noise((down, along), dtype, seed + 1)
    if mode == "valid" and (rows - down) * (columns - along) < 0:
        with pytest.raises(ShapeError, match="fits into x"):
            ac.convolve2d(x, kernel, mode)
        return
    found = ac.convolve2d(x, kernel, mode, boundary=boundary, method=method)
    expected = scipy.signal.convolve2d(x.astype(float), kernel.astype(float), mode, SCIPY[boundary])
    assert found.dtype == dtype
    assert_within_rounding(found, x, kernel, expected)


@settings(max_examples=40, deadline=None)
@given(SIZES, SIZES, st.sampled_from([1, 3, 5, 9]), st.sampled_from([1, 3, 7]), METHODS,
       st.sampled_from(sorted(NDIMAGE)), SEEDS)  # fmt: skip
def test_it_is_ndimages_convolve(rows, columns, down, along, method, boundary, seed):
    x, kernel = noise((rows, columns), seed=seed), noise((down, along), seed=seed + 1)
    found = ac.convolve2d(x, kernel, "same", boundary=boundary, method=method)
    expected = scipy.ndimage.convolve(x.astype(float), kernel.astype(float), mode=NDIMAGE[boundary])
    assert_within_rounding(found, x, kernel, expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), TAPS, TAPS, METHODS, *[st.integers(1, 3)] * 4,
       *[st.sampled_from(["zero", "reflect", "mirror", "edge", "wrap"])] * 2,
       st.sampled_from(["full", "same", "causal"]), SEEDS)  # fmt: skip
def test_strides_dilations_and_pairs(rows, columns, down, along, method, s0, s1, d0, d1, above, beside, mode, seed):
    x, kernel = noise((rows, columns), np.float64, seed), noise((down, along), np.float64, seed + 1)
    found = ac.convolve2d(
        x, kernel, mode, boundary=(above, beside), method=method, stride=(s0, s1), dilation=(d0, d1)
    )  # fmt: skip
    reach = (down - 1) * d0, (along - 1) * d1
    begin = {"full": (0, 0), "same": (reach[0] // 2, reach[1] // 2), "causal": (0, reach[1] // 2)}[mode]
    length = (rows + reach[0], columns + reach[1]) if mode == "full" else (rows, columns)
    shape = tuple(-(-n // s) for n, s in zip(length, (s0, s1), strict=True))
    expected = naive.convolve2d(x, kernel, begin, shape, (s0, s1), (d0, d1), (above, beside))
    assert_within_rounding(found, x, kernel, expected)


@pytest.mark.parametrize("method", METHODS_2D)
def test_a_causal_output_knows_no_later_frame(method):
    x, kernel = noise((30, 20)), noise((5, 3), seed=1)
    whole = ac.convolve2d(x, kernel, "causal", method=method)
    x[20:] = 9
    assert_close(ac.convolve2d(x, kernel, "causal", method=method)[:20], whole[:20], 2e-6)
    assert np.abs(ac.convolve2d(x, kernel, "causal", method=method)[20:] - whole[20:]).max() > 0.1


@pytest.mark.parametrize("method", METHODS_2D)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2)])
def test_one_row_and_one_column(shape, method):
    x = noise(shape)
    for taps in ((1, 1), (3, 1), (1, 5), (40, 40)):
        kernel = noise(taps, seed=1)
        for mode in ("full", "same"):
            found = ac.convolve2d(x, kernel, mode, method=method)
            assert_within_rounding(
                found, x, kernel, scipy.signal.convolve2d(x.astype(float), kernel.astype(float), mode)
            )


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
@pytest.mark.parametrize("mode", ["full", "same", "valid", "causal"])
def test_a_plane_of_no_values_gives_what_scipy_does(shape, mode):
    x, kernel = np.zeros(shape, np.float32), noise((3, 4))
    try:
        expected = scipy.signal.convolve2d(x, kernel, "same" if mode == "causal" else mode)
    except ValueError:
        with pytest.raises(ShapeError, match="fits into x"):
            ac.convolve2d(x, kernel, mode)
        return
    found = ac.convolve2d(x, kernel, mode, boundary="reflect")
    assert found.shape == expected.shape
    assert not found.any()
    out = np.ones(found.shape, np.float32)
    assert ac.convolve2d(x, kernel, mode, out=out) is out
    assert not out.any()
    every = ac.convolve2d(x, kernel, mode, stride=2)
    assert every.shape == expected[::2, ::2].shape


def test_valid_exchanges_the_two_where_the_kernel_is_larger():
    x, kernel = noise((5, 9)), noise((12, 9), seed=1)
    expected = scipy.signal.convolve2d(x.astype(float), kernel.astype(float), "valid")
    assert_close(ac.convolve2d(x, kernel, "valid"), expected, 2e-6)


@pytest.mark.parametrize("taps", [(3, 3), (15, 15), (60, 40)])
def test_any_layout_of_memory_and_dtype_gives_the_same(taps):
    x, kernel = noise((50, 70)), noise(taps, seed=1)
    expected = ac.convolve2d(x, kernel)
    frozen = x.copy()
    frozen.flags.writeable = False
    wide = np.zeros((100, 140), np.float32)
    wide[::2, ::2] = x
    for same in (frozen, np.asfortranarray(x), wide[::2, ::2], x[::-1][::-1], x.astype(x.dtype.newbyteorder())):
        assert np.array_equal(ac.convolve2d(same, kernel), expected)
    mixed = ac.convolve2d(x.astype(np.float64), kernel)
    assert mixed.dtype == np.float64
    assert_close(expected, mixed, 2e-6)


@pytest.mark.parametrize("method", METHODS_2D)
@pytest.mark.parametrize("taps", [(3, 3), (9, 7), (40, 30)])
def test_any_number_of_threads_gives_the_same_bits(method, taps):
    x, kernel = noise((333, 129)), noise(taps, seed=1)
    one = ac.convolve2d(x, kernel, method=method, threads=1)
    for threads in (2, 3, 8):
        assert np.array_equal(ac.convolve2d(x, kernel, method=method, threads=threads), one)


def test_out_is_used_and_checked():
    x, kernel = noise((20, 30)), noise((3, 3), seed=1)
    expected, out = ac.convolve2d(x, kernel, "same"), np.full((20, 30), 7, np.float32)
    assert ac.convolve2d(x, kernel, "same", out=out) is out
    assert np.array_equal(out, expected)
    for wrong, error, says in [
        (np.empty((20, 31), np.float32), ShapeError, r"\(20, 30\), not one of \(20, 31\)"),
        (np.empty((20, 30)), DtypeError, "float32, not float64"),
        (np.empty((30, 20), np.float32).T, ShapeError, "contiguous"),
        ([1], DtypeError, "list"),
        (x, ArgumentError, "shares memory"),
    ]:
        with pytest.raises(error, match=says):
            ac.convolve2d(x, kernel, "same", out=wrong)


# --- separable ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_kernel_of_one_column_and_one_row_is_found(dtype):
    kernel = gaussian(2.0).astype(np.float64)
    kernel = np.outer(kernel[8] / kernel[8].sum(), kernel[:, 8]).astype(dtype)
    x = noise((100, 200), dtype=dtype)
    plan = ac.plan(x.shape, kernel, dtype=dtype)
    assert plan.method == "separable"
    for method in ("auto", "separable"):
        expected = scipy.ndimage.convolve(x.astype(float), kernel.astype(float), mode="reflect")
        assert_close(ac.convolve2d(x, kernel, "same", boundary="reflect", method=method), expected, CLOSE[x.dtype])
    assert all(way.method != "separable" for way in ac.plan(x.shape, noise((9, 9), seed=3)).candidates)


def test_the_bound_of_the_tolerance_holds_and_is_worth_it():
    time, bins = np.mgrid[-15:16, -15:16] / 6
    ring = np.exp(-((np.hypot(time, bins) - 1) ** 2)).astype(np.float32)  # not a product, but nearly a few
    x = noise((90, 120))
    exact = scipy.signal.fftconvolve(x.astype(float), ring.astype(float))
    errors = []
    for tolerance in (0.001, 0.03, 0.3):
        found = ac.convolve2d(x, ring, method="separable", tolerance=tolerance)
        errors.append(np.abs(found - exact).max())
        assert errors[-1] <= tolerance * np.abs(ring).sum() * np.abs(x).max()
    assert 1e-6 < errors[0] < errors[1] < errors[2]
    assert ac.plan((5625, 1025), (31, 31), rank=1).method == "separable"
    assert ac.plan((5625, 1025), (31, 31), rank=25).method == "overlap_add"


# --- plan ---


def test_plan_says_what_it_would_do():
    plan = ac.plan((5625, 1025), (31, 31))
    assert (plan.method, plan.samples, plan.taps) == ("overlap_add", (5625, 1025), (31, 31))
    assert plan.fft_size > 31 * 31
    assert 1e-3 < plan.predicted_s < 1
    said = str(plan).splitlines()
    assert said[0].startswith("5,625 x 1,025 values, 31 x 31 taps, float32")
    assert "samples a tile" in said[1]
    assert ac.plan([5625, 1025], [3, 3], dtype="float64").method == "direct"
    ways = cost2d.choose((5, 5), (100, 100), "float32", rank=1)
    assert {way.method for way in ways} == {"direct", "separable", "overlap_add"}
    assert list(ways) == sorted(ways, key=lambda way: way.predicted_s)


@pytest.mark.parametrize(
    ("samples", "taps"), [((3, 4), 5), ((3, 4, 5), (1, 1)), ((3, 4), (1,)), ((0, 4), (1, 1)), ((3, 4), (1, 2.5))]
)
def test_plan_refuses_what_is_no_plane(samples, taps):
    with pytest.raises(ArgumentError):
        ac.plan(samples, taps)


# --- errors ---


@pytest.mark.parametrize(
    ("x", "kernel", "settings", "error", "says"),
    [
        (np.zeros((5, 5)), np.ones((3, 0)), {}, ShapeError, "kernel is empty"),
        (np.zeros(5), np.ones((1, 1)), {}, ShapeError, "x must have 2 dimension"),
        (np.zeros((5, 5)), np.ones((1, 1, 1)), {}, ShapeError, "kernel must have 2 dimension"),
        (np.zeros((5, 5), int), np.ones((1, 1)), {}, DtypeError, "x must be float32 or float64, not int64"),
        (np.zeros((5, 5)), np.ones((1, 1), complex), {}, DtypeError, "kernel must be float32 or float64, not complex"),
        (
            np.zeros((5, 5)),
            np.ones((1, 1)),
            {"mode": "some"},
            ArgumentError,
            "mode cannot be 'some'; did you mean 'same'",
        ),
        (np.zeros((5, 5)), np.ones((1, 1)), {"boundary": "odd"}, ArgumentError, "boundary must be one of 'zero'"),
        (np.zeros((5, 5)), np.ones((1, 1)), {"boundary": ("edge",) * 3}, ArgumentError, "boundary must be"),
        (np.zeros((5, 5)), np.ones((1, 1)), {"method": "fft"}, ArgumentError, "method must be one of"),
        (np.zeros((5, 5)), np.ones((1, 1)), {"stride": 0}, ArgumentError, "stride must be at least 1"),
        (np.zeros((5, 5)), np.ones((1, 1)), {"stride": (1, 2, 3)}, ArgumentError, "stride must be a whole number"),
        (np.zeros((5, 5)), np.ones((1, 1)), {"dilation": 1.5}, ArgumentError, "dilation must be a whole number"),
        (
            np.zeros((5, 5)),
            np.ones((1, 1)),
            {"tolerance": 1.0},
            ArgumentError,
            "tolerance must be at least 0 and below 1",
        ),
        (np.zeros((5, 5)), np.ones((1, 1)), {"threads": 0}, ArgumentError, "threads"),
        (np.zeros((5, 5)), np.ones((3, 3)), {"mode": "valid", "dilation": 3}, ShapeError, "with dilation"),
    ],
)
def test_what_makes_no_sense_is_refused(x, kernel, settings, error, says):
    with pytest.raises(error, match=says):
        ac.convolve2d(x, kernel, **settings)
