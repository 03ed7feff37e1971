"""Short convolutions go a shorter way: to the same bits, wherever they may, and with the same refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.signal.filter import Filter
from audioconv.signal.short import MOST_SAMPLES, convolve_short, plain_taps

MODES = ["full", "same", "valid", "causal"]


def signal(samples, dtype, form, seed):
    x = np.random.default_rng(seed).standard_normal(2 * samples).astype(dtype)
    x = {"plain": x[:samples].copy(), "strided": x[::2], "reversed": x[:samples][::-1], "read-only": x[:samples]}[form]
    x.flags.writeable = form != "read-only"
    return x


@given(
    samples=st.sampled_from([1, 2, 7, 8, 9, 33, 300, 2500]),
    taps=st.sampled_from([1, 2, 3, 7, 8, 9, 16, 40]),
    dtype=st.sampled_from(["float32", "float64"]),
    form=st.sampled_from(["plain", "strided", "reversed", "read-only"]),
    mode=st.sampled_from(MODES),
    special=st.sampled_from([None, np.nan, np.inf, 0.0]),
)
def test_the_shorter_way_gives_the_bits_of_the_long_one(samples, taps, dtype, form, mode, special):
    x, h = signal(samples, dtype, form, 0).copy(), signal(taps, dtype, "plain", 1)
    if special is not None:
        x[samples // 2] = special
        x[:1] = 0
    long = Filter(h).convolve(x, mode, method="direct", threads=1)
    short = ac.convolve(x, h, mode)
    assert short.dtype == long.dtype
    if ac.plan(samples, taps, dtype=dtype).method == "direct":
        np.testing.assert_array_equal(short, long)
        found = convolve_short(x, plain_taps(h), mode)
        assert (found is None) == (taps > samples)
        np.testing.assert_array_equal(Filter(h).convolve(x, mode), long)
    assert np.shares_memory(short, x) is False


@given(st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 3e38]), st.integers(0, 4))
def test_taps_that_are_not_plain_go_the_long_way(value, place):
    h = np.ones(5, np.float32)
    h[place] = value
    assert plain_taps(h) is None
    x = np.linspace(0.1, 1, 39, dtype=np.float32)
    expected = Filter(h).convolve(x, method="direct", threads=1)
    np.testing.assert_array_equal(ac.convolve(x, h), expected)
    assert np.isfinite(expected).sum() == (len(expected) if np.isfinite(value) else len(expected) - len(x))


def test_what_is_not_short_or_not_an_array_goes_the_long_way():
    h = plain_taps(np.ones(3, np.float32))
    ones = np.ones(50, np.float32)
    assert convolve_short(ones, h, "full") is not None
    assert convolve_short(ones, None, "full") is None
    others = [
        list(ones), ones.astype(float), ones.astype(">f4"), ones.astype("int16"), ones[:2], ones[:0],
        ones.reshape(-1, 2), np.ones(MOST_SAMPLES + 1, np.float32), ones.view(np.recarray), np.ma.array(ones),
    ]  # fmt: skip
    assert all(convolve_short(x, h, "full") is None for x in others)
    assert convolve_short(ones, h, "half") is None
    assert convolve_short(ones, h, np.array(["full"])) is None
    for taps in (ones[::2], [1.0], ones.reshape(-1, 2), ones.astype("float16"), np.ones(2, ">f8")):
        assert plain_taps(taps) is None


@pytest.mark.parametrize("use", [ac.convolve, ac.correlate, lambda x, h, *a, **k: ac.Fir(h).convolve(x, *a, **k)])
def test_refusals_are_the_same(use):
    x, h = np.ones(9, np.float32), np.ones(3, np.float32)
    for change, message in [
        ({"mode": "half"}, "mode must be one of"), ({"method": "slow"}, "method must be one of"),
        ({"threads": 0}, "threads must be at least 1"), ({"stride": 0}, "stride must be at least 1"),
        ({"axis": 3}, "axis must be an axis of x"),
    ]:  # fmt: skip
        with pytest.raises(ac.ArgumentError, match=message):
            use(x, h, **change)
    with pytest.raises(ac.DtypeError, match="x must be float32 or float64, not int64"):
        use(np.arange(9), h)
    with pytest.raises(ac.ShapeError, match="x is empty"):
        use(x[:0], h)


def test_the_caller_keeps_arrays_that_can_be_written():
    x, h = np.ones(9, np.float32), np.ones(3, np.float32)
    y = ac.convolve(x, h)
    assert x.flags.writeable
    assert h.flags.writeable
    assert y.flags.writeable
    assert y.flags.owndata
