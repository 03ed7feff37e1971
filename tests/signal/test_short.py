"""Short signals go a shorter way: to the same bits, wherever they may, and with the same refusals."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.signal import _convolve2d, _upfirdn, cost
from audioconv.signal.filter import Filter
from audioconv.signal.short import convolve_short
from tests import naive
from tests.compare import assert_close

MODES = ["full", "same", "valid", "causal"]
FORMS = st.sampled_from(["plain", "strided", "reversed", "read-only", "shifted"])
DTYPES = st.sampled_from(["float32", "float64"])
SPECIAL = st.sampled_from([None, np.nan, np.inf, 0.0])
RELATIVE = {"float32": 2e-6, "float64": 1e-13}


def signal(samples, dtype, form, seed, special=None):
    """Noise in memory of some form; one sample of it is special."""
    x = np.random.default_rng(seed).standard_normal(samples).astype(dtype)
    if special is not None and samples:
        x[samples // 2] = special
    if form == "strided":
        x = np.repeat(x, 2)[::2]
    elif form == "reversed":
        x = x[::-1].copy()[::-1]
    elif form == "shifted":
        x = np.frombuffer(bytearray(b"-" + x.tobytes()), np.uint8)[1:].view(dtype)
    x.flags.writeable = form != "read-only"
    return x


@settings(deadline=None)
@given(
    samples=st.sampled_from([1, 2, 7, 8, 9, 33, 300, 2500]),
    taps=st.sampled_from([1, 2, 3, 7, 8, 9, 16, 40, 400]),
    dtype=DTYPES,
    form=FORMS,
    mode=st.sampled_from(MODES),
    special=SPECIAL,
    special_tap=SPECIAL,
)
def test_the_shorter_way_gives_the_bits_of_the_long_one(samples, taps, dtype, form, mode, special, special_tap):
    x, h = signal(samples, dtype, form, 0, special), signal(taps, dtype, form, 1, special_tap)
    for method in ("auto", "direct"):
        long = Filter(h).convolve(x, mode, method=method, threads=1)
        for short in (ac.convolve(x, h, mode, method=method), Filter(h).convolve(x, mode, method=method)):
            assert short.dtype == long.dtype
            assert not np.shares_memory(short, x)
            np.testing.assert_array_equal(short, long)
        np.testing.assert_array_equal(
            ac.correlate(x, h, mode, method=method), Filter(h[::-1]).convolve(x, mode, method=method, threads=1)
        )


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([1, 7, 8, 9, 40]), st.sampled_from([1, 7, 8, 9]), DTYPES, FORMS)
def test_short_convolutions_are_the_sums_that_define_them(samples, taps, dtype, form):
    x, h = signal(samples, dtype, form, 0), signal(taps, dtype, form, 1)
    expected = naive.convolve(x, h, 0, samples + taps - 1)
    assert convolve_short(x, h, "full", "auto") is not None
    for y in (ac.convolve(x, h), ac.correlate(x, h[::-1]), ac.Fir(h).convolve(x)):
        assert_close(y, expected, RELATIVE[dtype])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_taps_that_are_not_finite_go_the_long_way(value):
    h = np.ones(5, np.float32)
    h[3] = value
    x = np.linspace(0.1, 1, 39, dtype=np.float32)
    assert convolve_short(x, h, "full", "auto") is None
    expected = Filter(h).convolve(x, method="direct", threads=1)
    np.testing.assert_array_equal(ac.convolve(x, h), expected)
    assert np.isfinite(expected).sum() == len(expected) - len(x)


def test_few_taps_that_are_not_zero_are_sparse_where_that_is_faster():
    x, h = np.ones(16000, np.float32), np.zeros(80, np.float32)
    h[[0, 79]] = 1
    assert ac.plan(16000, 80).method == "direct"
    assert ac.plan(16000, 80, nonzero=2).method == "sparse"
    assert convolve_short(x, h, "full", "auto") is None
    assert convolve_short(x[:90], h, "full", "auto") is not None
    assert convolve_short(x, h, "full", "direct") is not None


def test_what_is_not_short_or_not_an_array_goes_the_long_way():
    h, ones = np.ones(3, np.float32), np.ones(50, np.float32)
    assert convolve_short(ones, h, "full", "auto") is not None
    others = [
        list(ones), ones.astype(float), ones.astype(">f4"), ones.astype("int16"), ones[:0], np.float32(1),
        ones.reshape(-1, 2), np.ones(cost.SHORT_SAMPLES + 1, np.float32), ones.view(np.recarray), np.ma.array(ones),
    ]  # fmt: skip
    assert all(convolve_short(x, h, "full", "auto") is None for x in others)
    assert all(convolve_short(h, x, "full", "auto") is None for x in others)
    assert convolve_short(ones.astype(">f4"), h.astype(">f4"), "full", "auto") is None
    for settings_ in [
        ("half", "auto"),
        ("full", "sparse"),
        ("full", "slow"),
        (np.array(["full"]), "auto"),
        ("full", []),
    ]:
        assert convolve_short(ones, h, *settings_) is None


@pytest.mark.parametrize("use", [ac.convolve, ac.correlate, lambda x, h, *a, **k: ac.Fir(h).convolve(x, *a, **k)])
def test_refusals_are_the_same(use):
    x, h = np.ones(9, np.float32), np.ones(3, np.float32)
    for change, message in [
        ({"mode": "half"}, "mode must be one of"), ({"method": "slow"}, "method must be one of"),
        ({"mode": ["full"]}, "mode must be one of"), ({"method": ["auto"]}, "method must be one of"),
        ({"threads": 0}, "threads must be at least 1"), ({"stride": 0}, "stride must be at least 1"),
        ({"axis": 3}, "axis must be an axis of x"),
    ]:  # fmt: skip
        with pytest.raises(ac.ArgumentError, match=message):
            use(x, h, **change)
    with pytest.raises(ac.DtypeError, match="x must be float32 or float64, not int64"):
        use(np.arange(9), h)
    with pytest.raises(ac.ShapeError, match="x is empty"):
        use(x[:0], h)


@settings(deadline=None)
@given(
    samples=st.sampled_from([1, 7, 8, 9, 70]),
    taps=st.sampled_from([1, 7, 8, 9, 70]),
    up=st.integers(1, 10),
    down=st.integers(1, 10),
    dtype=DTYPES,
    form=FORMS,
    special=SPECIAL,
    special_tap=SPECIAL,
)
def test_short_upfirdn_gives_the_bits_of_the_long_way(samples, taps, up, down, dtype, form, special, special_tap):
    x, h = signal(samples, dtype, form, 0, special), signal(taps, dtype, form, 1, special_tap)
    y = ac.upfirdn(h, x, up, down)
    np.testing.assert_array_equal(y, ac.upfirdn(h, x, up, down, axis=0))  # an axis goes the long way
    if np.isfinite(x).all() and np.isfinite(h).all():
        assert_close(y, naive.upfirdn(h, x, up, down), RELATIVE[dtype], zeros_allowed=True)


def test_unusual_or_wrong_arguments_of_upfirdn_go_the_long_way():
    x, h = np.ones(9, np.float32), np.ones(3, np.float32)
    assert _upfirdn._upfirdn_short(h, x, 2, 3) is not None
    for arguments in ((h, x, 2.0, 3), (h, x, 0, 3), (h, x, 2**31, 3), (h, x[:0], 2, 3), (h, list(x), 2, 3),
                      (h, x.astype(float), 2, 3), (h, x[:, None], 2, 3), (h, np.ones(300_000, np.float32), 1, 1),
                      (h, x[:1], 1, 5000)):  # fmt: skip
        assert (_upfirdn._upfirdn_short(*arguments) is None) == (arguments[-1] != 5000)
    np.testing.assert_array_equal(ac.upfirdn(h, x, 2.0, np.int64(3)), ac.upfirdn(h, x, 2, 3))
    with pytest.raises(ac.ArgumentError, match="up must be at least 1"):
        ac.upfirdn(h, x, 0)


@settings(deadline=None)
@given(
    shape=st.tuples(*[st.sampled_from([1, 2, 8, 9, 30])] * 2),
    taps=st.tuples(*[st.sampled_from([1, 2, 3, 8, 11])] * 2),
    dtype=DTYPES,
    form=FORMS,
    mode=st.sampled_from(MODES),
    boundary=st.sampled_from(["zero", "reflect", "mirror", "edge", "wrap"]),
    special=SPECIAL,
    special_tap=SPECIAL,
)
def test_small_planes_give_the_bits_of_the_long_way(shape, taps, dtype, form, mode, boundary, special, special_tap):
    over = [size < count for size, count in zip(shape, taps, strict=True)]
    assume(mode != "valid" or all(over) or not any(over))
    x = signal(shape[0] * shape[1], dtype, form, 0, special).reshape(shape)
    kernel = signal(taps[0] * taps[1], dtype, form, 1, special_tap).reshape(taps)
    for method in ("auto", "direct"):
        y = ac.convolve2d(x, kernel, mode, boundary=boundary, method=method)
        long = ac.convolve2d(x, kernel, mode, boundary=boundary, method=method, threads=1)
        np.testing.assert_array_equal(y, long)
        assert y.flags.writeable
        assert y.flags.c_contiguous


def test_what_is_not_a_small_plane_goes_the_long_way():
    x, kernel = np.ones((9, 9), np.float32), np.ones((3, 3), np.float32)
    usual = "full", "zero", "auto"
    assert _convolve2d._convolve2d_short(x, kernel, *usual) is not None
    for other in (x.tolist(), x.astype(float), x.astype(">f4"), x[0], x[:0], np.ones((9, 600), np.float32)):
        assert _convolve2d._convolve2d_short(other, kernel, *usual) is None
        assert _convolve2d._convolve2d_short(x, other, *usual) is None
    others = [
        ("half", "zero", "auto"), ("full", "none", "auto"), ("full", ("zero", "zero"), "auto"),
        ("full", ["zero"] * 2, "auto"), ("full", "zero", "separable"), ("full", "zero", "slow"),
    ]  # fmt: skip
    for settings_ in others:
        assert _convolve2d._convolve2d_short(x, kernel, *settings_) is None
    assert _convolve2d._convolve2d_short(kernel, x, "valid", "zero", "auto") is None
    assert _convolve2d._convolve2d_short(np.ones((200, 200), np.float32), np.ones((99, 99), np.float32), *usual) is None


def test_the_caller_keeps_arrays_that_can_be_written():
    x, h = np.ones(9, np.float32), np.ones(3, np.float32)
    y = ac.convolve(x, h)
    assert x.flags.writeable
    assert h.flags.writeable
    assert y.flags.writeable
    assert y.flags.owndata


def test_a_plan_says_what_the_call_itself_costs():
    plan = ac.plan(64, 8)
    assert plan.method == "direct"
    assert 0 < plan.call_s < plan.predicted_s < 1e-5
    assert plan.call_s < ac.plan(cost.SHORT_SAMPLES + 1, 8).call_s
    assert "the call" in str(plan)
    assert ac.plan((16, 16), (3, 3)).call_s < ac.plan((16, 2000), (3, 3)).call_s
    for candidate in (*plan.candidates, *ac.plan((16, 16), (3, 3), rank=1).candidates):
        assert 0 < candidate.call_s < candidate.predicted_s
