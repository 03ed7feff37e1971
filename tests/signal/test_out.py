"""`out=`: results go where a caller wants them, with the bits that a new array gets."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.errors import ArgumentError, DtypeError, ShapeError

METHODS = ["auto", "direct", "sparse", "overlap_add", "fft"]
WAYS = {
    "convolve": ac.convolve,
    "correlate": ac.correlate,
    "Fir.convolve": lambda x, h, *args, **options: ac.Fir(h).convolve(x, *args, **options),
}


def noise(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def unwritten(array):
    return np.full(array.shape, np.nan, array.dtype)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", METHODS)
@given(
    samples=st.sampled_from([1, 7, 8, 9, 100, 3000]),
    taps=st.sampled_from([1, 3, 9, 300]),
    channels=st.sampled_from([None, 1, 2, 8, 9]),
    filters=st.booleans(),
    mode=st.sampled_from(["full", "same", "valid", "causal"]),
    axis=st.sampled_from([0, 1]),
    stride=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_out_has_the_bits_of_a_new_array(way, method, samples, taps, channels, filters, mode, axis, stride, dtype):
    assume(not filters or taps >= (channels or 3))  # else h is taken for channels first
    x = noise(samples, *([channels] if channels else []), dtype=dtype)
    h = noise(taps, *([channels or 3] if filters else []), seed=1, dtype=dtype)
    options = {"method": method, "stride": stride}
    if channels:
        x, options["axis"] = x if axis == 0 else np.ascontiguousarray(x.T), axis
    expected = WAYS[way](x, h, mode, **options)
    out = unwritten(expected)
    assert WAYS[way](x, h, mode, **options, out=out) is out
    assert np.array_equal(out, expected)
    for threads in (1, 2, 3):
        out = unwritten(expected)
        WAYS[way](x, h, mode, **options, out=out, threads=threads)
        assert np.array_equal(out, expected)


@given(
    samples=st.sampled_from([1, 7, 8, 9, 3000]),
    taps=st.sampled_from([1, 9, 300]),
    channels=st.sampled_from([None, 1, 2, 9]),
    up=st.sampled_from([1, 3]),
    down=st.sampled_from([1, 2]),
    axis=st.sampled_from([0, 1]),
)
def test_out_of_upfirdn_has_the_bits_of_a_new_array(samples, taps, channels, up, down, axis):
    x, h = noise(samples, *([channels] if channels else [])), noise(taps, seed=1)
    options = {}
    if channels:
        x, options["axis"] = x if axis == 0 else np.ascontiguousarray(x.T), axis
    expected = ac.upfirdn(h, x, up, down, **options)
    out = unwritten(expected)
    assert ac.upfirdn(h, x, up, down, **options, out=out) is out
    assert np.array_equal(out, expected)


@pytest.mark.parametrize("samples", [20, 5000])
def test_an_out_that_cannot_take_the_result_is_refused_and_left_alone(samples):
    x, h = noise(samples, 2), noise(3, seed=1)
    memory = np.ones((samples + 2, 2), np.float32)
    read_only = memory[:]
    read_only.flags.writeable = False
    for way in [*WAYS.values(), lambda x, h, **options: ac.upfirdn(h, x, **options)]:
        for wrong, error, says in [
            (
                np.empty((samples, 2), np.float32),
                ShapeError,
                rf"shape \({samples + 2}, 2\), not one of \({samples}, 2\)",
            ),
            (memory.astype(np.float64), DtypeError, "float32, not float64"),
            (np.empty((2, samples + 2), np.float32).T, ShapeError, "contiguous"),
            (read_only, ShapeError, "writable"),
            ([1], DtypeError, "list"),
        ]:
            with pytest.raises(error, match=says):
                way(x, h, out=wrong)
        with pytest.raises(ArgumentError, match="shares memory with x"):
            way(memory[:samples], h, out=memory)
    assert (memory == 1).all()


def test_taps_may_lie_in_the_memory_of_out():
    """They are copied before the first output is written."""
    x, memory = noise(50), noise(52)
    expected = ac.convolve(x, memory[:3].copy())
    assert ac.convolve(x, memory[:3], out=memory) is memory
    assert np.array_equal(memory, expected)


def test_a_result_is_overwritten_by_the_next():
    fir, out = ac.Fir(noise(300)), np.empty(1299, np.float32)
    for seed in range(3):
        x = noise(1000, seed=seed)
        fir.convolve(x, out=out)
        assert np.array_equal(out, fir.convolve(x))
