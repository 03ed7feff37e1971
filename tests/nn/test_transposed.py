"""Transposed convolutions: against loops, on streams of every small geometry, their gradients, what they refuse."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.errors import ArgumentError, ShapeError
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.stream import Chain
from tests import naive
from tests.compare import assert_close
from tests.nn.test_stream import cut, randomised

RNG = np.random.default_rng


@st.composite
def transposed(draw):
    """(Layer in float64, clips): one axis, strided, dilated, cut, in groups, longer at the end."""
    taps, stride, dilation, groups = draw(st.tuples(*[st.integers(1, n) for n in (4, 4, 3, 3)]))
    left, right = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    more = draw(st.integers(0, max(stride, dilation) - 1))
    channels, filters = groups * draw(st.sampled_from([1, 2, 5])), groups * draw(st.sampled_from([1, 3, 8]))
    layer = nn.Conv1dTranspose(channels, filters, taps, stride, dilation, (left, right), groups=groups,
                               output_padding=more, rng=RNG(1), dtype=np.float64)  # fmt: skip
    layer.bias[:] = RNG(2).standard_normal(filters)
    x = RNG(draw(st.integers(0, 99))).standard_normal(
        (draw(st.sampled_from([1, 2, 20])), draw(st.integers(1, 7)), channels)
    )
    return layer, x, (stride, dilation, left, right - more)


def frames_of(layer, x, numbers):
    stride, dilation, left, right = numbers
    return (x.shape[1] - 1) * stride + dilation * (len(layer.weight) - 1) + 1 - left - right


@settings(max_examples=60, deadline=None)
@given(transposed())
def test_each_input_adds_its_copy_of_the_filters(case):
    layer, x, numbers = case
    stride, dilation, left, _ = numbers
    frames = frames_of(layer, x, numbers)
    if frames < 1:
        with pytest.raises(ShapeError, match="after the padding is cut off"):
            layer.forward(x)
        return
    groups = x.shape[2] // layer.weight.shape[1]
    wanted = naive.conv1d_transposed(x, layer.weight, layer.bias, stride, dilation, left, frames, groups)
    assert_close(layer.forward(x), wanted, 1e-12)
    y = layer.forward(x, training=True)
    grad_y = RNG(3).standard_normal(y.shape)
    grad_x, gradients = layer.backward(grad_y), {k: v.copy() for k, v in layer.gradients().items()}
    layer.bias[:] = 0
    direction, scale = RNG(4).standard_normal(x.shape), 1e-11 * max(1, y.size)
    assert abs((layer.forward(direction) * grad_y).sum() - (direction * grad_x).sum()) <= scale
    layer.weight[:] = RNG(5).standard_normal(layer.weight.shape)
    assert abs((layer.forward(x) * grad_y).sum() - (layer.weight * gradients["weight"]).sum()) <= scale
    assert_close(gradients["bias"], grad_y.sum(axis=(0, 1)), 1e-11)


@settings(max_examples=40, deadline=None)
@given(transposed())
def test_it_is_its_matrix(case):
    layer, x, numbers = case
    if frames_of(layer, x, numbers) < 1:
        return
    y, dense = layer.forward(x), nn.to_matrix(layer, x.shape[1:])
    assert_close(dense.forward(x.reshape(len(x), -1)).reshape(y.shape), y, 1e-11)
    tied = nn.connections(layer, x.shape[1:])
    assert np.array_equal(dense.weight, np.append(0, layer.weight.ravel())[tied])


@pytest.mark.parametrize("taps", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_streams_of_every_small_geometry_give_the_rows_of_the_clip(taps, stride):
    for dilation, left, right in product((1, 2), range(4), range(5)):
        layer = nn.Conv1dTranspose(1, 1, taps, stride, dilation, (left, right), rng=RNG(0))
        layer.weight[:, 0, 0], layer.bias[:] = np.arange(1, taps + 1), 0.5
        stream = layer.stream()
        for frames in (2, 7):
            x = RNG(frames).standard_normal((frames, 1)).astype("float32")
            rows = layer.geometry.time.inputs(frames)
            wanted = layer.forward(x[None])[0] if rows > 0 else np.zeros((0, 1), "float32")
            for sizes in ([1], [frames]):
                assert np.array_equal(cut(stream, x, sizes), wanted), (dilation, left, right, frames, sizes)


@settings(max_examples=60, deadline=None)
@given(transposed(), st.lists(st.integers(1, 9), min_size=1, max_size=3), st.data())
def test_streams_go_on_in_other_layers(case, sizes, data):
    layer, rng = case[0], RNG(7)
    filters, channels = len(layer.bias), layer.in_channels
    draw = {"rng": rng, "dtype": np.float64}
    after = data.draw(st.sampled_from(["nothing", "convolution", "pool", "residual", "twice"]))
    padding = data.draw(st.sampled_from(["same", "causal", "valid"]))
    layers = {
        "nothing": [],
        "convolution": [
            nn.ReLU(np.float64),
            nn.Conv1d(filters, 2, 3, data.draw(st.integers(1, 2)), 1, padding, **draw),
        ],
        "pool": [nn.MaxPool1d(3, 2, (0, 1), ceil_mode=True, dtype=np.float64)],
        "residual": [nn.Residual(nn.Conv1d(filters, filters, 3, 1, 2, "same", **draw), activation="linear")],
        "twice": [
            nn.Conv1dTranspose(filters, 2, 2, 3, 1, data.draw(st.sampled_from([(0, 2), (1, 1), (2, 0)])), **draw)
        ],
    }[after]
    network = randomised(nn.Sequential([nn.Conv1d(3, channels, 3, **draw), layer, *layers]), rng)
    x = rng.standard_normal((data.draw(st.integers(1, 40)), 3))
    try:
        wanted = network.forward(x[None])[0]
    except ShapeError:
        return  # too short
    stream = network.stream()
    assert np.array_equal(cut(stream, x, sizes), wanted)
    assert np.array_equal(cut(stream, x, [1]), wanted)


def test_branches_that_both_become_longer_are_added():
    def up(taps, padding):
        return nn.Conv1dTranspose(2, 2, taps, 2, 1, padding, rng=RNG(taps))

    network = nn.Residual(up(4, (1, 2)), up(2, (0, 1)), "linear")
    x = RNG(0).standard_normal((23, 2)).astype("float32")
    for sizes in ([1], [5, 2], [23]):
        assert np.array_equal(cut(network.stream((2,)), x, sizes), network.forward(x[None])[0])


@pytest.mark.parametrize("cut_off", [(0, 2), (1, 3), (0, 0)])
def test_a_stream_in_a_chain_waits_for_what_may_be_cut_off(cut_off):
    """A row a frame: as many frames late as rows wait."""
    layer = nn.Conv1dTranspose(1, 1, 2, 1, 1, cut_off, rng=RNG(0))
    stream, x = layer.stream(), RNG(1).standard_normal((12, 1)).astype("float32")
    rows = layer.forward(x[None])[0]
    assert stream.look_ahead == max(0, sum(cut_off) - 1)
    assert len(stream.process(x)) == 12 - stream.look_ahead
    assert np.array_equal(cut(layer.stream(), x, [1]), rows)
    if JIT_ENABLED:
        late, chain = stream.look_ahead, Chain([layer.stream()])
        y = np.concatenate([chain.process(x[i : i + 5, 0]) for i in range(0, 12, 5)])
        assert np.array_equal(y.reshape(12, 1), np.concatenate([np.zeros((late, 1)), rows])[:12])


def test_two_axes_in_groups_and_longer_at_the_end():
    layer = nn.Conv2dTranspose(4, 6, (3, 2), (2, 3), padding=((1, 1), (0, 1)), groups=2, output_padding=(1, 2),
                               rng=RNG(0), dtype=np.float64)  # fmt: skip
    layer.bias[:] = np.arange(6)
    x = RNG(1).standard_normal((3, 5, 4, 4))
    y = layer.forward(x)
    assert y.shape == (3, 10, 12, 6)
    assert layer.weight.shape == (3, 2, 2, 6)
    expected = np.zeros((3, 13, 14, 6))
    for t, f, i, j, g in np.ndindex(5, 4, 3, 2, 2):
        seen, columns = x[:, t, f, 2 * g : 2 * g + 2], slice(3 * g, 3 * g + 3)
        expected[:, 2 * t + i, 3 * f + j, columns] += seen @ layer.weight[i, j, :, columns]
    assert_close(y, expected[:, 1:11, :12] + layer.bias, 1e-13)
    stream = layer.stream((4, 4))
    assert np.array_equal(cut(stream, x[0], [1]), y[0])
    # each input meets 6 taps and 3 filters of its group
    assert layer.summary((5, 4, 4)).multiply_adds == 5 * 4 * 4 * 6 * 3


@pytest.mark.parametrize(("taps", "stride"), [(4, 2), (3, 2), (5, 3), (2, 3), (1, 2), (3, 1)])
def test_padding_of_keras_gives_a_stride_of_rows_for_each(taps, stride):
    layer = nn.Conv1dTranspose(2, 3, taps, stride, padding="same_keras", rng=RNG(0), dtype=np.float64)
    layer.bias[:] = 1, 2, 3
    x = RNG(1).standard_normal((1, 6, 2))
    left = max(taps - stride, 0) // 2
    wanted = naive.conv1d_transposed(x, layer.weight, layer.bias, stride, 1, left, 6 * stride)
    assert_close(layer.forward(x), wanted, 1e-13)
    assert np.array_equal(cut(layer.stream(), x[0], [1]), layer.forward(x)[0])


@pytest.mark.parametrize("loss", [nn.MeanSquaredError(), nn.BinaryCrossEntropy(), nn.SoftmaxCrossEntropy()])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_step_of_training_has_the_gradients_of_forward_and_backward(groups, loss):
    def made():
        layer = nn.Conv2dTranspose(2, 4, 4, 2, padding=1, groups=groups, output_padding=1, rng=RNG(0))
        return nn.Sequential([layer])

    x = RNG(1).standard_normal((5, 4, 3, 2)).astype("float32")
    right, network = made(), made()
    y = right.forward(x, training=True)
    targets = RNG(2).random(y.shape).astype("float32")
    value, gradient = loss(y, targets)
    right.backward(gradient)
    found, _ = nn.TrainingStep(network, nn.SGD(network), loss)(x, targets, learning_rate=0.0)
    assert_close(found, value, 1e-6)
    for name, wanted in right.gradients().items():
        assert_close(network.gradients()[name], wanted, 1e-5)


def test_what_transposed_convolutions_refuse():
    for options in ({"output_padding": 2}, {"stride": 3, "output_padding": 3}, {"dilation": 2, "output_padding": 2}):
        with pytest.raises(ArgumentError, match="output_padding must be below stride"):
            nn.Conv1dTranspose(2, 2, 3, **{"stride": 2} | options, rng=RNG(0))
    with pytest.raises(ArgumentError, match="output_padding"):
        nn.Conv1dTranspose(2, 2, 3, output_padding=-1, rng=RNG(0))
    with pytest.raises(ArgumentError, match="multiples of groups 2"):
        nn.Conv2dTranspose(2, 3, 3, groups=2, rng=RNG(0))
