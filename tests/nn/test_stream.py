"""Networks on streams: the blocks and the flush are what the whole clip gives, at any cut."""

import copy
import ctypes
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.errors import ArgumentError, AudioconvError, DtypeError, ShapeError
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.models._tc_resnet import tc_resnet8
from audioconv.stream import Chain, Gain
from tests.compare import assert_close

RNG = np.random.default_rng
KINDS = ["conv", "depthwise", "tiled", "transposed", "norm", "pool", "activation", "residual", "maxout"]


def cut(stream, x, sizes):
    """The outputs of a stream for blocks of these sizes, in turn, and its flush."""
    parts, begin, turn = [], 0, 0
    while begin < len(x):
        size = sizes[turn % len(sizes)]
        parts.append(stream.process(x[begin : begin + size]))
        begin, turn = begin + size, turn + 1
    return np.concatenate([*parts, stream.flush()])


@st.composite
def layers(draw, channels=5, depth=2):
    """A random layer that keeps the number of channels, as a function of a generator."""
    kind = draw(st.sampled_from(KINDS))
    padding = draw(st.sampled_from(["same", "causal", "valid", (2, 1)]))
    stride, dilation = draw(st.sampled_from([1, 1, 1, 2])), draw(st.integers(1, 3))
    taps = draw(st.integers(1, 4))
    if kind == "conv":
        return lambda rng: nn.Conv1d(channels, channels, taps, stride, dilation, padding, rng=rng)
    if kind == "depthwise":
        return lambda rng: nn.DepthwiseConv1d(channels, taps, stride, dilation, padding, rng=rng)
    if kind == "tiled":
        return lambda rng: nn.TiledConv1d(channels, channels, taps, 3, stride, dilation, padding, rng=rng)
    if kind == "transposed":
        cut_off = draw(st.sampled_from([(0, 0), (0, 1), (dilation * (taps - 1), 0)]))
        return lambda rng: nn.Conv1dTranspose(channels, channels, taps + 1, stride, dilation, cut_off, rng=rng)
    if kind == "norm":
        return lambda rng: nn.BatchNorm(channels)
    if kind == "activation":
        layer = draw(st.sampled_from([nn.ReLU, nn.Swish, nn.Sigmoid]))
        return lambda rng: layer()
    if kind == "pool":
        pool = draw(st.sampled_from([nn.MaxPool1d, nn.AveragePool1d, nn.LpPool1d]))
        return lambda rng: pool(taps, stride, (0, taps // 2) if taps > 1 else 0)
    if kind == "maxout":
        return lambda rng: nn.Sequential([nn.Dense(channels, 2 * channels, rng=rng), nn.Maxout(2)])
    if not depth:
        return lambda rng: nn.ReLU()
    main = draw(layers(channels, 0))
    shape = draw(st.sampled_from(["same", "causal", (0, 2 * dilation)]))
    return lambda rng: nn.Residual(
        nn.Sequential([nn.Conv1d(channels, channels, 3, 1, dilation, shape, rng=rng)]),
        nn.Sequential([main(rng)]) if isinstance(main(rng), (nn.BatchNorm, nn.ReLU)) else None,
        "linear",
    )


def randomised(network, rng):
    for name, array in network.state_dict().items():
        array += 0.2 * (rng.random(array.shape) if "variance" in name else rng.standard_normal(array.shape))
    return network


@settings(max_examples=60, deadline=None)
@given(st.lists(layers(), min_size=1, max_size=4), st.lists(st.integers(1, 20), min_size=1, max_size=4), st.data())
def test_a_random_network_streams_to_the_bits_of_the_clip(makers, sizes, data):
    rng = RNG(len(makers))
    network = randomised(nn.Sequential([make(rng) for make in makers]), rng)
    x = rng.standard_normal((data.draw(st.integers(40, 60)), 5)).astype("float32")
    try:
        whole = network.forward(x[None])[0]
    except ShapeError:
        return  # too short for so many strides
    stream = network.stream((5,))
    assert np.array_equal(cut(stream, x, sizes), whole)
    assert np.array_equal(cut(stream, x, [len(x)]), whole)  # after a flush it is as new


def two_dimensions():
    rng = RNG(3)
    body = nn.Sequential([
        nn.DepthwiseConv2d(8, (1, 3), rng=rng), nn.SubSpectralNorm(8, 2),
        nn.Broadcast(nn.Sequential([nn.DepthwiseConv2d(8, (3, 1), 1, (2, 1), rng=rng), nn.BatchNorm(8), nn.Swish()])),
    ])  # fmt: skip
    head = [nn.Conv2d(1, 8, (5, 3), (1, 2), rng=rng), nn.BatchNorm(8), nn.ReLU(), nn.Residual(body)]
    return randomised(nn.Sequential([*head, nn.MaxPool2d((2, 3), 1, "same")]), rng)


@pytest.mark.parametrize("sizes", [[1], [7], [3, 16, 2], [61]])
def test_two_dimensions_and_the_mean_over_frequency(sizes):
    network, x = two_dimensions(), RNG(0).standard_normal((61, 8, 1)).astype("float32")
    stream = network.stream((8, 1))
    assert np.array_equal(cut(stream, x, sizes), network.forward(x[None])[0])
    assert stream.look_ahead == 5


def unusual(name, rng):
    """(network, shape of a clip) with weights that are unshared, tiled or transposed, some in two dimensions."""
    if name == "unshared":
        return [nn.LocallyConnected1d(3, 4, 3, 21, 2, padding="causal", rng=rng), nn.ReLU()], (41, 3)
    if name == "unshared 2d":
        return [nn.LocallyConnected2d(2, 3, (3, 2), (20, 4), 1, padding=(1, "valid"), rng=rng)], (20, 5, 2)
    if name == "tiled 2d":
        return [nn.TiledConv2d(2, 3, (3, 2), (2, 3), (2, 1), rng=rng), nn.ReLU()], (37, 7, 2)
    if name == "transposed 2d":
        return [nn.Conv2d(2, 4, 3, 2, rng=rng), nn.Conv2dTranspose(4, 2, (4, 3), 2, 1, (1, 1), rng=rng)], (40, 6, 2)
    up = nn.Conv1dTranspose(4, 4, 5, 3, 2, (4, 2), rng=rng)  # more cut off at the beginning than a stride
    return [nn.Conv1d(3, 4, 3, rng=rng), up, nn.Conv1d(4, 2, 5, 2, 1, "same", rng=rng)], (33, 3)


@pytest.mark.parametrize("sizes", [[1], [7], [3, 16, 2], [99]])
@pytest.mark.parametrize("name", ["unshared", "unshared 2d", "tiled 2d", "transposed", "transposed 2d"])
def test_weights_that_are_not_shared_or_transposed(name, sizes):
    layers, shape = unusual(name, RNG(4))
    network = randomised(nn.Sequential(layers), RNG(5))
    x = RNG(6).standard_normal(shape).astype("float32")
    stream = network.stream(shape[1:])
    for _ in range(2):
        assert np.array_equal(cut(stream, x, sizes), network.forward(x[None])[0])


@pytest.mark.parametrize("sizes", [[1], [13, 4]])
def test_the_last_row_of_a_running_mean_is_that_of_the_clip(sizes):
    network = randomised(tc_resnet8(4, 10, rng=RNG(0)), RNG(1))
    x = RNG(2).standard_normal((98, 10)).astype("float32")
    rows = cut(network.stream(), x, sizes)
    assert rows.shape == (13, 4)
    assert_close(rows[-1], network.forward(x[None])[0], 2e-6)
    assert np.array_equal(rows, cut(network.stream(), x, [98]))


def test_a_sliding_mean_is_that_of_the_last_frames():
    network = nn.Sequential([nn.Conv1d(3, 4, 3, 1, 1, "causal", rng=RNG(0)), nn.GlobalAveragePool()])
    x = RNG(1).standard_normal((50, 3)).astype("float32")
    rows = cut(network.stream(average=10), x, [7])
    inside = network.layers[0].forward(x[None])[0]
    assert_close(rows, [inside[max(0, t - 9) : t + 1].mean(axis=0) for t in range(50)], 1e-6)


@pytest.mark.skipif(not JIT_ENABLED, reason="a step of a chain is compiled code")
@pytest.mark.parametrize("sizes", [[1], [3, 50, 2, 17]])
def test_a_compiled_step_gives_what_the_stream_gives_late(sizes):
    network = randomised(
        nn.Sequential([nn.Conv1d(3, 4, 5, rng=RNG(0)), nn.ReLU(), nn.Conv1d(4, 2, 3, rng=RNG(1))]), RNG(2)
    )
    x = RNG(3).standard_normal((120, 3)).astype("float32")
    stream = network.stream()
    address, state = stream.compiled_step()
    step = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)(address)
    y, begin, turn = np.full((120, 2), 7, "float32"), 0, 0
    while begin < len(x):
        frames = min(sizes[turn % len(sizes)], len(x) - begin)
        step(state.ctypes.data, x[begin:].ctypes.data, y[begin:].ctypes.data, frames)
        begin, turn = begin + frames, turn + 1
    assert stream.look_ahead == 3
    assert not y[:3].any()
    assert np.array_equal(y[3:], network.forward(x[None])[0][:-3])


@pytest.mark.parametrize("padding", ["causal", "same"])
def test_a_network_is_a_stage_of_a_chain(padding):
    layers = [nn.Conv1d(1, 4, 5, padding=padding, rng=RNG(0)), nn.ReLU(),
              nn.Conv1d(4, 2, 3, padding=padding, rng=RNG(1))]  # fmt: skip
    network = randomised(nn.Sequential(layers), RNG(2))
    x = RNG(3).standard_normal(200).astype("float32")
    chain = Chain([Gain(6.0), network.stream(), Gain(-6.0, channels=2)])
    late = 0 if padding == "causal" else 3
    assert chain.latency == late
    g = np.float32(10 ** (6 / 20))
    for _ in range(2):  # and after a flush it is as new
        y = np.concatenate([*(chain.process(x[i : i + 33]) for i in range(0, 200, 33)), chain.flush()])
        assert y.shape == (200 + late, 2)
        assert not y[:late].any()
        assert_close(y[late:] * g, network.forward((x * g)[None, :, None])[0], 1e-6)


def test_a_compiled_step_takes_one_frame_for_one():
    with pytest.raises(ShapeError, match="one for 2"):
        nn.Conv1d(3, 4, 3, 2, rng=RNG(0)).stream().compiled_step()
    with pytest.raises(DtypeError):
        nn.Conv1d(3, 4, 3, rng=RNG(0), dtype=np.float64).stream().compiled_step()


def test_reset_forgets():
    network, x = two_dimensions(), RNG(0).standard_normal((20, 8, 1)).astype("float32")
    stream = network.stream((8, 1))
    first = stream.process(x)
    stream.reset()
    assert np.array_equal(stream.process(x), first)
    assert first.size


def pickled(stream):
    return pickle.loads(pickle.dumps(stream))


def averaged():
    rng = RNG(0)
    return randomised(nn.Sequential([
        nn.Conv1d(3, 4, 3, 2, rng=rng), nn.BatchNorm(4), nn.TiledConv1d(4, 4, 3, 3, rng=rng), nn.GlobalAveragePool()
    ]), rng)  # fmt: skip


@pytest.mark.parametrize("average", ["clip", 10])
@pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])
def test_a_copy_goes_on_where_the_stream_was(copied, average):
    network, x = averaged(), RNG(0).standard_normal((90, 3)).astype("float32")
    stream = network.stream(average=average)
    stream.process(x[:37])
    for name, array in network.state_dict().items():
        array += "weight" in name  # the stream has the weights of when it was made
    again = copied(stream)
    for part in (x[37:41], x[41:]):
        assert np.array_equal(again.process(part), stream.process(part))
    assert np.array_equal(again.flush(), stream.flush())
    assert np.array_equal(again.process(x), stream.process(x))
    assert repr(again) == repr(stream)


@pytest.mark.skipif(not JIT_ENABLED, reason="a step of a chain is compiled code")
def test_a_copied_chain_goes_on_inside_its_network():
    network = nn.Sequential([nn.Conv1d(1, 4, 5, rng=RNG(0)), nn.Conv1d(4, 2, 3, rng=RNG(1))])
    chain, x = Chain([Gain(6.0), network.stream()]), RNG(3).standard_normal(200).astype("float32")
    for begin in (1, 50):  # amid the rows of zeros of the look-ahead, and after them
        chain.reset()
        chain.process(x[:begin])
        again = pickled(chain)
        assert np.array_equal(again.process(x[begin:]), chain.process(x[begin:]))
        assert np.array_equal(again.flush(), chain.flush())


def test_a_stream_of_a_network_that_has_other_layers_now_is_not_copied():
    network = nn.Sequential([nn.Conv1d(3, 4, 3, rng=RNG(0))])
    stream = network.stream()
    network.layers = [*network.layers, nn.Conv1d(4, 4, 3, rng=RNG(1))]
    with pytest.raises(AudioconvError, match="layers of it have changed since"):
        copy.deepcopy(stream)


def test_what_streams_refuse():
    rng = RNG(0)
    unshared = nn.LocallyConnected1d(2, 3, 3, 5, padding="valid", rng=rng)
    for frames, what in ((8, "longer"), (6, "shorter")):
        with pytest.raises(ShapeError, match=f"the stream is {what} than a clip"):
            cut(unshared.stream(), np.zeros((frames, 2), "float32"), [1])
    for make in (unshared.stream, unshared.summary):
        with pytest.raises(ArgumentError, match="shape must be a tuple of whole numbers, not 20"):
            make(20)
    with pytest.raises(ArgumentError, match="what a frame is"):
        nn.Residual(nn.ReLU()).stream()
    stream = nn.Conv1d(3, 4, 3, rng=rng).stream()
    with pytest.raises(DtypeError):
        stream.process(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="frames must have shape"):
        stream.process(np.zeros((2, 4), "float32"))
    assert stream.process(np.zeros((0, 3), "float32")).shape == (0, 4)


@pytest.mark.parametrize("taps", [5, 40, 301])
def test_a_flush_gives_more_rows_than_a_queue_has_room_for(taps):
    """Rows that wait for what comes later, in a branch and behind a stride, and all that is due at the end."""
    rng = RNG(taps)
    late = nn.Sequential([nn.Conv1d(2, 2, taps, padding=(0, taps - 1), rng=rng), nn.ReLU()])
    network = nn.Sequential([
        nn.Residual(late), nn.Conv1d(2, 3, 3, 2, padding=(20, 9), rng=rng), nn.AveragePool1d(3, 1, 1),
        nn.Conv1dTranspose(3, 2, 4, 2, rng=rng),
    ])  # fmt: skip
    x = rng.standard_normal((400, 2)).astype("float32")
    stream = network.stream((2,))
    for sizes in ([1], [400], [33, 5]):
        assert np.array_equal(cut(stream, x, sizes), network.forward(x[None])[0])


def test_summary_says_what_a_network_is():
    network = tc_resnet8(12, 40, rng=RNG(0))
    summary = network.summary((98, 40))
    assert summary.parameters == 65180
    assert 1.3e6 < summary.multiply_adds < 1.7e6
    assert summary.stream.receptive_field == 171
    assert nn.epoch_time_s(network, (98, 40), 1000, threads=1) > 0
    text = str(summary)
    assert "3  Residual" in text
    assert str(pickled(summary)) == text
    assert "stream: no" in str(nn.Dense(5, 2, rng=RNG(0)).summary((5,)))
