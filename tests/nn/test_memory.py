"""Training steps read nothing that was not written: any layer last, any loss, tiny planes, random networks.

Each network is trained for a step as usual and with memory that is NaN until something is written there. Both give the
same bits, and the gradients that forward and backward give.
"""

import copy

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.errors import AudioconvError
from audioconv.kernels.nn import elementwise
from audioconv.nn.debug import check_memory, memory_is_checked
from audioconv.nn.layers.summary import described
from audioconv.nn.ops.graph import Graph
from audioconv.nn.ops.instructions import extent, instruction
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import Program

RNG, WIDE = np.random.default_rng, {"dtype": np.float64}
LOSSES = [nn.SoftmaxCrossEntropy(0.1), nn.BinaryCrossEntropy(), nn.MeanSquaredError()]


def one(name, *args, **options):
    """A layer in float64, with random weights where it has some."""
    make = getattr(nn, name)
    try:
        return make(*args, **options, rng=RNG(1), **WIDE)
    except TypeError:
        return make(*args, **options, **WIDE)


def in_a_row(*layers):
    return nn.Sequential(list(layers))


LAST_1D = {
    "conv": lambda: one("Conv1d", 2, 3, 3),
    "conv strided, dilated": lambda: one("Conv1d", 2, 3, 3, 2, 2, (3, 4)),
    "conv in groups": lambda: one("Conv1d", 2, 4, 3, groups=2),
    "depthwise": lambda: one("DepthwiseConv1d", 2, 3, 1, 2),
    "tiled": lambda: one("TiledConv1d", 2, 3, 3, 2),
    "unshared": lambda: one("LocallyConnected1d", 2, 3, 3, 4),
    "transposed": lambda: one("Conv1dTranspose", 2, 3, 4, 2, padding=1),
    "transposed, dilated": lambda: one("Conv1dTranspose", 2, 3, 3, 3, 2, (2, 3)),
    "dense": lambda: one("Dense", 2, 3),
    "batch norm": lambda: one("BatchNorm", 2),
    "relu": lambda: nn.ReLU(np.float64),
    "batch norm, swish": lambda: in_a_row(one("BatchNorm", 2), nn.Swish(np.float64)),
    "sigmoid": lambda: nn.Sigmoid(np.float64),
    "dropout": lambda: one("Dropout", 0.4),
    "max pool": lambda: one("MaxPool1d", 3, 1, "same"),
    "average pool": lambda: one("AveragePool1d", 3, 2, (1, 2)),
    "lp pool": lambda: one("LpPool1d", 2, 1, 1),
    "maxout": lambda: one("Maxout", 2),
    "global average": lambda: nn.GlobalAveragePool(np.float64),
    "residual": lambda: nn.Residual(one("Conv1d", 2, 2, 3)),
    "residual of two": lambda: nn.Residual(one("Conv1d", 2, 2, 3), one("DepthwiseConv1d", 2, 5), "linear"),
    "residual of convolution and pool": lambda: nn.Residual(one("Conv1d", 2, 2, 3), one("MaxPool1d", 3, 1, "same")),
}
LAST_2D = {
    "conv": lambda: one("Conv2d", 2, 3, 3),
    "conv strided, dilated": lambda: one("Conv2d", 2, 3, (3, 2), (2, 1), (1, 2), ((3, 1), (2, 3))),
    "conv causal, in groups": lambda: one("Conv2d", 2, 4, 3, padding="causal", groups=2),
    "depthwise": lambda: one("DepthwiseConv2d", 2, 3),
    "depthwise strided": lambda: one("DepthwiseConv2d", 2, 3, (1, 2), (2, 1)),
    "tiled": lambda: one("TiledConv2d", 2, 3, (2, 3), (2, 2)),
    "unshared": lambda: one("LocallyConnected2d", 2, 3, (2, 3), (4, 3)),
    "transposed": lambda: one("Conv2dTranspose", 2, 3, 4, 2, padding=1),
    "transposed, dilated": lambda: one("Conv2dTranspose", 2, 3, (3, 2), (2, 3), (1, 2), ((1, 2), (1, 1))),
    "transposed, cut in frequency": lambda: one("Conv2dTranspose", 2, 1, 3, 1, padding=((0, 0), (2, 2))),
    "dense": lambda: one("Dense", 2, 3),
    "batch norm": lambda: one("BatchNorm", 2),
    "subspectral norm": lambda: one("SubSpectralNorm", 2, 3),
    "subspectral norm, relu": lambda: in_a_row(one("SubSpectralNorm", 2, 3), nn.ReLU(np.float64)),
    "swish": lambda: nn.Swish(np.float64),
    "max pool": lambda: one("MaxPool2d", 3, 1, "same"),
    "average pool": lambda: one("AveragePool2d", (3, 2), (2, 1), ((1, 1), (1, 0))),
    "lp pool": lambda: one("LpPool2d", 2, 1, 1),
    "maxout": lambda: one("Maxout", 2),
    "global average": lambda: nn.GlobalAveragePool(np.float64),
    "residual": lambda: nn.Residual(one("Conv2d", 2, 2, 3)),
    "residual of pool and convolution": lambda: nn.Residual(one("MaxPool2d", 3, 1, "same"), one("Conv2d", 2, 2, 3)),
    "broadcast": lambda: nn.Broadcast(one("Conv2d", 2, 2, (3, 1))),
}
LAST = [(name, make, (4, 2)) for name, make in LAST_1D.items()]
LAST += [(name, make, (4, 3, 2)) for name, make in LAST_2D.items()]


def gradients_of_a_step(network, x, targets, loss, checked, threads=2):
    """(outputs, loss, gradients, running statistics) of a training step of a copy that learns nothing."""
    with check_memory(checked):
        network = copy.deepcopy(network)
        for gradient in network.gradients().values():
            gradient[...] = np.nan
        step = nn.TrainingStep(network, nn.SGD(network), loss)
        value, y = step(x, targets, learning_rate=0.0, seeds=np.arange(len(x)), threads=threads)
    return [y, np.array(value), *network.gradients().values(), *network.buffers().values()]


def check_step(network, x, loss):
    """Compare a step as it is, checked, checked on one thread, and in single calls."""
    seeds, reference = np.arange(len(x)), copy.deepcopy(network)
    y = reference.forward(x, training=True, seeds=seeds)
    targets = RNG(5).dirichlet(np.ones(y.shape[-1]), y.shape[:-1])
    value, grad = loss(y, targets)
    reference.backward(grad)
    expected = [y, np.array(value), *reference.gradients().values(), *reference.buffers().values()]
    usual = gradients_of_a_step(network, x, targets, loss, False)
    for again in (usual, *(gradients_of_a_step(network, x, targets, loss, True, n) for n in (1, 3))):
        for found, bits, close in zip(again, usual, expected, strict=True):
            assert np.isfinite(found).all()
            assert np.array_equal(found, bits)
            assert np.allclose(found, close, rtol=1e-9, atol=1e-11 * max(1, np.abs(close).max(initial=0)))


@pytest.mark.parametrize(("name", "make", "shape"), LAST, ids=[f"{name} {len(s) - 1}d" for name, _, s in LAST])
def test_any_layer_may_be_last_with_any_loss(name, make, shape):
    first = one(f"Conv{len(shape) - 1}d", shape[-1], shape[-1], 3)
    x = RNG(2).standard_normal((9, *shape))
    for loss in LOSSES:
        check_step(in_a_row(first, make()), x, loss)
    check_step(in_a_row(make()), x[:2], LOSSES[-1])


@pytest.mark.parametrize("plane", [(1, 1), (1, 2), (2, 1), (3, 1), (1, 5), (2, 2)])
@pytest.mark.parametrize("batch", [1, 9, 70])
def test_tiny_planes(plane, batch):
    x = RNG(3).standard_normal((batch, *plane, 2))
    for last in (
        one("Conv2d", 2, 3, 3), one("Conv2d", 2, 3, (5, 3), 2), one("Conv2dTranspose", 2, 3, 4, 2, padding=1),
        nn.Residual(one("Conv2d", 2, 2, 3)), one("DepthwiseConv2d", 2, 3),
    ):  # fmt: skip
        check_step(in_a_row(one("Conv2d", 2, 2, 3), last), x, LOSSES[-1])


WINDOWED = ["Conv", "DepthwiseConv", "TiledConv", "LocallyConnected", "Transpose"]
KINDS = [*WINDOWED, "MaxPool", "AveragePool", "LpPool", "BatchNorm", "SubSpectralNorm", "ReLU", "Swish", "Dropout",
         "Dense", "Residual", "Broadcast"]  # fmt: skip


def windowed(draw, kind, dims, shape):
    """A convolution of any kind; sizes and paddings small, some of them beyond the input."""
    channels, numbers = shape[-1], st.integers(1, 3)
    taps, stride, dilation, tiles = ([draw(numbers) for _ in range(dims)] for _ in range(4))
    sides = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(st.one_of(st.sampled_from(["same", "causal", "valid"]), st.tuples(*[sides] * dims)))
    if dims == 1:
        taps, stride, dilation, tiles = (each[0] for each in (taps, stride, dilation, tiles))
        padding = padding if isinstance(padding, str) else padding[0]
    name = f"Conv{dims}dTranspose" if kind == "Transpose" else f"{kind}{dims}d"
    arguments = [channels] if kind == "DepthwiseConv" else [channels, draw(st.sampled_from([1, 2, 9]))]
    if kind == "TiledConv":
        return one(name, *arguments, taps, tiles, stride, dilation, padding)
    if kind == "LocallyConnected":
        tiled = one(f"TiledConv{dims}d", *arguments, taps, 1, stride, dilation, padding)
        places = described(tiled, shape)[0][:-1]
        return one(name, *arguments, taps, places[0] if dims == 1 else places, stride, dilation, padding)
    return one(name, *arguments, taps, stride, dilation, padding)


def drawn(draw, dims, shape, depth=0):
    """A layer that takes clips of this shape; raises AudioconvError if the draw fits none."""
    kind = draw(st.sampled_from(KINDS if depth < 2 else KINDS[:-2]))
    if kind in WINDOWED:
        return windowed(draw, kind, dims, shape)
    if kind.endswith("Pool"):
        return one(
            f"{kind}{dims}d", draw(st.integers(2, 3)), draw(st.integers(1, 2)), draw(st.sampled_from([1, "valid"]))
        )
    if kind in ("ReLU", "Swish"):
        return getattr(nn, kind)(np.float64)
    if kind == "SubSpectralNorm":
        return one(kind, shape[-1], shape[1]) if dims == 2 else one("BatchNorm", shape[-1])
    if kind == "Residual":
        main = drawn(draw, dims, shape, depth + 1)
        fits = one(f"Conv{dims}d", shape[-1], described(main, shape)[0][-1], 1)
        pool = nn.GlobalAveragePool(np.float64)
        return nn.Residual(in_a_row(main, pool), in_a_row(fits, pool), draw(st.sampled_from(["relu", "linear"])))
    if kind == "Broadcast":
        make = one("Conv2d", shape[-1], shape[-1], (draw(st.integers(1, 3)), 1))
        return nn.Broadcast(make) if dims == 2 else nn.Residual(one("Conv1d", shape[-1], shape[-1], 3))
    return one(kind, *{"BatchNorm": [shape[-1]], "Dropout": [0.3], "Dense": [shape[-1], 2]}[kind])


@st.composite
def networks(draw):
    """(network in float64, shape of its clips)."""
    dims = draw(st.integers(1, 2))
    shape = first = (*(draw(st.integers(1, 6)) for _ in range(dims)), draw(st.integers(1, 3)))
    layers = []
    for _ in range(draw(st.integers(1, 4))):
        if len(shape) != dims + 1:
            break
        try:
            layer = drawn(draw, dims, shape)
            shape = described(layer, shape)[0]
        except AudioconvError:
            assume(False)
        layers.append(layer)
    assume(np.prod(shape) < 2000)
    return nn.Sequential(layers), first


@settings(max_examples=60, deadline=None)
@given(networks(), st.sampled_from([1, 3, 20]), st.sampled_from(LOSSES), st.integers(0, 99))
def test_random_networks(case, batch, loss, seed):
    network, shape = case
    check_step(network, RNG(seed).standard_normal((batch, *shape)), loss)


@pytest.mark.parametrize("checked", [False, True])
def test_a_step_that_reads_what_nothing_wrote_is_seen(checked):
    """An operation that writes the first of two channels, and one that reads both."""
    with check_memory(checked):
        graph = Graph("float64", True, 3)
        x, y = graph.placeholder("x", (4, 2)), graph.placeholder("y", (4, 2))

        def first(plan, reads, writes):
            dims = extent((4, 1, 1))
            return [instruction(elementwise.scale, plan.dtype, x=reads[0], y=writes[0], **dims, factor=1.0)]

        def second(plan, reads, writes):
            dims = extent((4, 1, 2))
            return [instruction(elementwise.scale, plan.dtype, x=reads[0], y=writes[0], **dims, factor=1.0)]

        half = graph.operation(first, [x], (4, 2))
        graph.add(second, [half], [y])
        program = Program(Plan(graph, 8, 1))
        assert program.plan.checked == memory_is_checked() == checked
    given, taken = np.ones((3, 4, 2)), np.zeros((3, 4, 2))
    program.run({"x": given, "y": taken}, threads=2)
    assert np.array_equal(taken[..., 0], given[..., 0])
    if checked:
        assert np.isnan(taken[..., 1]).all()


@pytest.mark.parametrize("name", ["conv", "transposed", "tiled", "residual of convolution and pool", "batch norm"])
def test_inference_and_streams_read_nothing_that_was_not_written(name):
    found = []
    for checked in (False, True):
        with check_memory(checked):
            network, x = in_a_row(one("Conv1d", 2, 2, 3), LAST_1D[name]()), RNG(4).standard_normal((3, 40, 2))
            stream = network.stream()
            pieces = [stream.process(piece) for piece in np.split(x[0], [1, 2, 9, 30])]
            found.append([network.forward(x), *pieces, stream.flush()])
    for usual, seen in zip(*found, strict=True):
        assert np.isfinite(usual).all()
        assert np.array_equal(usual, seen)


def test_memory_for_one_tensor_each_makes_the_same_groups():
    """Groups of clips, in whose order sums are added, are cut by what a plan needs that gives memory again."""
    plans = []
    for checked in (False, True):
        with check_memory(checked):
            layers = [one("Conv1d", 16, 16, 3) for _ in range(4)]
            network = nn.Sequential(layers)
            step = nn.TrainingStep(network, nn.SGD(network), nn.MeanSquaredError())
            plans.append(step._program((64, 500, 16))[0].plan)
    usual, seen = plans
    assert usual.per_shard == seen.per_shard > 1
    assert usual.scratch == seen.scratch
    assert sum(usual.sizes.values()) < sum(seen.sizes.values())
