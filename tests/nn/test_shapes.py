"""Convolutions of any kind and shape: their gradients by identities, and a batch of many clips like each clip alone.

For many clips at once outputs are cut into runs without the taps in the padding, for a clip alone they are not.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from tests.compare import assert_close

RNG, EXAMPLES = np.random.default_rng, 40


def upto(most):
    return st.integers(1, most)


@st.composite
def layers(draw):
    """(layer in float64 without bias, shape of a clip): one axis or two, strided, dilated, padded, grouped, tiled."""
    dims = draw(upto(2))
    taps, stride, dilation, tiles = ([draw(upto(most)) for _ in range(dims)] for most in (4, 3, 3, 2))
    sides = st.tuples(st.integers(0, 5), st.integers(0, 5))
    padding = draw(st.one_of(st.sampled_from(["same", "causal", "valid"]), st.tuples(*[sides] * dims)))
    padding = padding[0] if dims == 1 and not isinstance(padding, str) else padding
    shape = tuple(d * (t - 1) + draw(upto(9)) for t, d in zip(taps, dilation, strict=True))
    channels, filters, groups = draw(st.sampled_from([1, 2, 5, 8])), draw(st.sampled_from([1, 3, 8, 9, 17])), 1
    kind = draw(st.sampled_from(["Conv", "Depthwise", "Tiled", "Transpose"]))
    if kind == "Conv":
        groups = draw(upto(3))
        channels, filters = channels * groups, filters * groups
    name = {
        "Conv": "Conv{}d",
        "Depthwise": "DepthwiseConv{}d",
        "Tiled": "TiledConv{}d",
        "Transpose": "Conv{}dTranspose",
    }
    if kind == "Transpose":
        padding = "valid"
    one = [each[0] if dims == 1 else tuple(each) for each in (taps, tiles, stride, dilation)]
    arguments = [channels] if kind == "Depthwise" else [channels, filters]
    arguments += [one[0], one[1]] if kind == "Tiled" else [one[0]]
    options = {"groups": groups} if kind == "Conv" else {}
    make = getattr(nn, name[kind].format(dims))
    layer = make(*arguments, *one[2:], padding, bias=False, rng=RNG(1), dtype=np.float64, **options)
    return layer, (*shape, channels)


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(layers(), st.sampled_from([1, 2, 70]), st.integers(0, 99))
def test_gradients_are_adjoints_of_the_input_and_of_the_weights(case, batch, seed):
    (layer, shape), rng = case, RNG(seed)
    x = rng.standard_normal((batch, *shape))
    y = layer.forward(x, training=True)
    grad_y = rng.standard_normal(y.shape)
    grad_x, grad_weight = layer.backward(grad_y), layer.gradients()["weight"].copy()
    scale = 1e-12 * max(1.0, np.abs(y).max(initial=0)) * max(1, y.size)
    direction = rng.standard_normal(x.shape)
    assert abs((layer.forward(direction) * grad_y).sum() - (direction * grad_x).sum()) <= scale
    layer.weight[...] = rng.standard_normal(layer.weight.shape)
    assert abs((layer.forward(x) * grad_y).sum() - (layer.weight * grad_weight).sum()) <= scale


@settings(max_examples=EXAMPLES, deadline=None)
@given(layers(), st.integers(0, 99))
def test_many_clips_give_what_each_gives_alone(case, seed):
    (layer, shape), rng = case, RNG(seed)
    x = rng.standard_normal((70, *shape))
    alone = [layer.forward(clip[None])[0] for clip in x]
    assert np.array_equal(layer.forward(x), alone)
    assert np.array_equal(layer.forward(x, training=True), alone)
    grad_y = rng.standard_normal((70, *alone[0].shape))
    grad_x, grad_weight = layer.backward(grad_y), layer.gradients()["weight"].copy()
    total = np.zeros_like(grad_weight)
    for clip, grad, expected in zip(x, grad_y, grad_x, strict=True):
        layer.forward(clip[None], training=True)
        assert np.array_equal(layer.backward(grad[None])[0], expected)
        total += layer.gradients()["weight"]
    assert_close(grad_weight, total, 1e-11, zeros_allowed=True)  # where taps meet nothing but padding


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 8, 9, 16, 24, 31, 33, 64, 72])
@pytest.mark.parametrize("stride", [1, 2])
def test_three_taps_of_a_filter_a_channel_slide_over_frames(channels, stride, dtype):
    """In clips; on a stream they do not, and outputs are the same to the bit."""
    layer = nn.DepthwiseConv2d(channels, 3, (stride, 1), (stride, 1), "same", rng=RNG(1), dtype=dtype)
    layer.bias[:] = RNG(2).standard_normal(channels)
    x = RNG(3).standard_normal((3, 41, 3, channels)).astype(dtype)
    y = layer.forward(x)
    padded = np.pad(x, ((0, 0), (stride, stride), (1, 1), (0, 0))).astype(float)
    expected = sum(
        layer.weight[i, j].astype(float) * padded[:, i * stride :, j:][:, : 41 : stride, :3]
        for i in range(3) for j in range(3)
    )  # fmt: skip
    assert_close(y, expected + layer.bias, 2e-6 if dtype == "float32" else 1e-14)
    stream = layer.stream((3, channels))
    assert np.array_equal(y[0], np.concatenate([stream.process(x[0]), stream.flush()]))
