"""Many-channel convolution against loops, and the same bits however it is tiled and cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.kernels._jit import JIT_ENABLED
from tests import naive
from tests.compare import assert_close

TOLERANCE = {"float32": 1e-5, "float64": 2e-14}
DTYPES = st.sampled_from(["float32", "float64"])
SIZES = st.sampled_from([1, 2, 3, 7, 8, 9, 16, 17, 24])
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))
RNG = np.random.default_rng
EXAMPLES = 40 if JIT_ENABLED else 12


def layer_of(channels, width, taps=3, stride=1, dilation=1, padding="valid", dtype="float32", **options):
    layer = nn.Conv1d(channels, width, taps, stride, dilation, padding, rng=RNG(1), dtype=dtype, **options)
    if layer.bias is not None:
        layer.bias[:] = RNG(2).standard_normal(width)
    return layer


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.integers(0, 99), DTYPES, st.integers(1, 3), st.integers(1, 14), st.integers(1, 5), SIZES,
    st.integers(1, 4), st.integers(1, 3), st.integers(1, 3),
)  # fmt: skip
def test_forward_and_both_gradients_equal_loops(seed, dtype, batch, frames, channels, width, taps, stride, dilation):
    layer = layer_of(channels, width, taps, stride, dilation, dtype=dtype)
    time = (frames - 1) * stride + dilation * (taps - 1) + 1
    x = RNG(seed).standard_normal((batch, time, channels)).astype(dtype)
    expected = naive.conv1d_channels(x, layer.weight, layer.bias, stride, dilation)
    assert_close(layer.forward(x), expected, TOLERANCE[dtype])
    y = layer.forward(x, training=True)
    assert_close(y, expected, TOLERANCE[dtype])
    grad_y = RNG(seed + 1).standard_normal(y.shape).astype(dtype)
    grad_x, grad_weight = naive.conv1d_channels_gradients(x, layer.weight, grad_y, stride, dilation)
    assert_close(layer.backward(grad_y), grad_x, TOLERANCE[dtype])
    assert_close(layer.gradients()["weight"], grad_weight, TOLERANCE[dtype])
    assert_close(layer.gradients()["bias"], grad_y.sum(axis=(0, 1)), TOLERANCE[dtype])


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.integers(0, 99), DTYPES, PAIRS, PAIRS, PAIRS, st.sampled_from([1, 2, 3]), st.integers(1, 4), st.integers(1, 9)
)
def test_two_dimensions_in_groups_equal_loops(seed, dtype, taps, stride, dilation, groups, channels, filters):
    channels, filters = channels * groups, filters * groups
    layer = nn.Conv2d(channels, filters, taps, stride, dilation, ((1, 2), 0), groups, rng=RNG(1), dtype=dtype)
    x = RNG(seed).standard_normal((2, 7, 8, channels)).astype(dtype)
    padding = ((1, 2), (0, 0))
    expected = naive.conv2d_channels(x, layer.weight, layer.bias, stride, dilation, padding, groups)
    assert_close(layer.forward(x), expected, TOLERANCE[dtype])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 99), DTYPES, PAIRS, PAIRS, PAIRS, SIZES)
def test_a_filter_a_channel_equals_as_many_groups(seed, dtype, taps, stride, dilation, channels):
    layer = nn.DepthwiseConv2d(channels, taps, stride, dilation, "causal", rng=RNG(1), dtype=dtype)
    x = RNG(seed).standard_normal((2, 7, 8, channels)).astype(dtype)
    other = nn.Conv2d(channels, channels, taps, stride, dilation, "causal", channels, rng=RNG(1), dtype=dtype)
    other.weight[:, :, 0] = layer.weight
    assert_close(layer.forward(x), other.forward(x), TOLERANCE[dtype])


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(st.integers(0, 99), DTYPES, st.integers(1, 15), SIZES, st.integers(1, 3))
def test_each_output_has_the_same_bits_alone(seed, dtype, frames, width, dilation):
    layer = layer_of(5, width, dilation=dilation, dtype=dtype)
    span = 2 * dilation
    x = RNG(seed).standard_normal((3, frames + span, 5)).astype(dtype)
    whole = layer.forward(x)
    for t in range(frames):
        assert np.array_equal(layer.forward(x[1:2, t : t + span + 1]), whole[1:2, t : t + 1])
    for o in range(width):
        one = layer_of(5, 1, dilation=dilation, dtype=dtype)
        one.weight[:], one.bias[:] = layer.weight[:, :, o : o + 1], layer.bias[o]
        assert np.array_equal(one.forward(x), whole[:, :, o : o + 1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_value_reaches_exactly_the_frames_that_see_it(bad):
    x = RNG(5).standard_normal((2, 20, 3)).astype("float32")
    x[1, 9, 2] = bad
    spoiled = ~np.isfinite(layer_of(3, 17, dilation=2).forward(x)).all(axis=2)
    assert [tuple(p) for p in np.argwhere(spoiled)] == [(1, 5), (1, 7), (1, 9)]


def test_strided_read_only_and_wide_inputs_are_taken():
    layer = layer_of(3, 4)
    x = RNG(6).standard_normal((4, 20, 6))[::2, ::-1, ::2]
    x.flags.writeable = False
    assert np.array_equal(layer.forward(x), layer.forward(x.astype("float32")))


def test_unshared_weights_are_used_where_they_belong():
    layer = nn.LocallyConnected1d(2, 3, 2, 5, 1, 1, "valid", rng=RNG(0), dtype="float64")
    x = RNG(1).standard_normal((2, 6, 2))
    expected = [x[:, t] @ layer.weight[t, 0] + x[:, t + 1] @ layer.weight[t, 1] for t in range(5)]
    assert_close(layer.forward(x), np.stack(expected, axis=1), 1e-14)


def test_tiles_take_turns():
    layer = nn.TiledConv1d(2, 3, 1, 2, padding="valid", rng=RNG(0), dtype="float64")
    x = RNG(1).standard_normal((2, 5, 2))
    expected = [x[:, t] @ layer.weight[t % 2, 0] for t in range(5)]
    assert_close(layer.forward(x), np.stack(expected, axis=1), 1e-14)


@pytest.mark.parametrize(("stride", "dilation", "padding"), [(1, 1, (0, 0)), (2, 1, (1, 0)), (3, 2, (2, 1))])
def test_transposed_is_the_adjoint_of_the_convolution(stride, dilation, padding):
    up = nn.Conv1dTranspose(4, 3, 3, stride, dilation, padding, bias=False, rng=RNG(0), dtype="float64")
    down = nn.Conv1d(3, 4, 3, stride, dilation, padding, bias=False, rng=RNG(0), dtype="float64")
    down.weight[:] = up.weight.transpose(0, 2, 1)
    x = RNG(1).standard_normal((2, 6, 4))
    y = up.forward(x)
    z = RNG(2).standard_normal(y.shape)
    assert abs((y * z).sum() - (x * down.forward(z)).sum()) <= 1e-13 * np.abs(y * z).sum()
