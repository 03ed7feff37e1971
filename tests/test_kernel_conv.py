"""Many-channel convolution against loops, and the same bits however it is tiled and cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels import conv
from tests import naive
from tests.compare import assert_close

TOLERANCE = {"float32": 2e-6, "float64": 2e-15}
DTYPES = st.sampled_from(["float32", "float64"])
SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17, 24])


def forward(x, weight, bias, stride=1, dilation=1):
    frames = (x.shape[1] - dilation * (len(weight) - 1) - 1) // stride + 1
    y = np.full((len(x), frames, weight.shape[2]), np.nan, x.dtype)
    conv.conv1d(frozen(x), frozen(weight), frozen(bias), y, 0, stride, dilation, 0, 1)
    return y


def weight_gradient(x, grad_y, taps, bounds, stride=1, dilation=1):
    width = grad_y.shape[2]
    out = np.full(((len(bounds) - 1) * taps, x.shape[2], width), np.nan, x.dtype)
    zeros, bounds = frozen(np.zeros(width, x.dtype)), frozen(np.array(bounds))
    conv.conv1d_weight_gradient(frozen(x), frozen(grad_y), zeros, out, bounds, stride, dilation)
    return out.reshape(-1, taps, x.shape[2], width)


def example(seed, dtype, batch, frames, channels, width, taps=3, stride=1, dilation=1):
    rng = np.random.default_rng(seed)
    time = (frames - 1) * stride + dilation * (taps - 1) + 1
    x = rng.standard_normal((batch, time, channels)).astype(dtype)
    weight = rng.standard_normal((taps, channels, width)).astype(dtype)
    return x, weight, rng.standard_normal(width).astype(dtype)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 99), DTYPES, st.integers(0, 3), st.integers(1, 14), st.integers(1, 5), SIZES,
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 3),
)  # fmt: skip
def test_forward_and_weight_gradient_equal_loops(seed, dtype, batch, frames, channels, width, taps, stride, dilation):
    x, weight, bias = example(seed, dtype, batch, frames, channels, width, taps, stride, dilation)
    y = forward(x, weight, bias, stride, dilation)
    assert_close(y, naive.conv1d_channels(x, weight, bias, stride, dilation), TOLERANCE[dtype] * 3)
    grad_y = np.random.default_rng(seed + 1).standard_normal(y.shape).astype(dtype)
    actual = weight_gradient(x, grad_y, taps, [0, batch], stride, dilation)[0]
    expected = naive.conv1d_channels_gradients(x, weight, grad_y, stride, dilation)[1]
    assert_close(actual, expected, TOLERANCE[dtype] * 3, zeros_allowed=batch == 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), DTYPES, st.integers(1, 15), SIZES, st.integers(1, 3))
def test_each_output_has_the_same_bits_alone(seed, dtype, frames, width, dilation):
    x, weight, bias = example(seed, dtype, 3, frames, 5, width, 3, 1, dilation)
    whole = forward(x, weight, bias, 1, dilation)
    span = dilation * 2 + 1
    for t in range(frames):
        assert np.array_equal(forward(x[1:2, t : t + span], weight, bias, 1, dilation), whole[1:2, t : t + 1])
    for o in range(width):
        assert np.array_equal(forward(x, weight[:, :, o : o + 1], bias[o : o + 1], 1, dilation), whole[:, :, o : o + 1])


def test_weight_gradient_of_shards_has_the_bits_of_each_alone():
    x, weight, bias = example(3, "float32", 7, 11, 5, 24)
    grad_y = forward(x, weight, bias)
    together = weight_gradient(x, grad_y, 3, [0, 2, 2, 7])
    assert np.array_equal(together[0], weight_gradient(x[:2], grad_y[:2], 3, [0, 2])[0])
    assert not together[1].any()
    assert np.array_equal(together[2], weight_gradient(x[2:], grad_y[2:], 3, [0, 5])[0])


def test_rows_are_placed_by_first_and_step_and_read_from_start():
    x, weight, bias = example(4, "float64", 2, 9, 3, 9)
    y = np.full((2, 8, 9), 7.0)
    conv.conv1d(frozen(x), frozen(weight), frozen(bias), y, 2, 1, 1, 1, 3)
    assert np.array_equal(y[:, 1::3], forward(x, weight, bias)[:, 2:5])
    assert (np.delete(y, [1, 4, 7], axis=1) == 7).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_value_reaches_exactly_the_frames_that_see_it(bad):
    x, weight, bias = example(5, "float32", 2, 20, 3, 17, 3, 1, 2)
    x[1, 9, 2] = bad
    spoiled = ~np.isfinite(forward(x, weight, bias, 1, 2)).all(axis=2)
    assert [tuple(p) for p in np.argwhere(spoiled)] == [(1, 5), (1, 7), (1, 9)]
