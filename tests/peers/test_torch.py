"""Layers and losses against PyTorch: outputs and every gradient, in float64, over drawn shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioconv import nn
from tests.compare import assert_close

torch = pytest.importorskip("torch", reason="make test-peers installs torch")
pytestmark = pytest.mark.peers
F = torch.nn.functional
CLOSE = 1e-11

seeds = st.integers(0, 2**32 - 1)
small = st.integers(1, 4)


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def filters_first(weight):
    """(taps ..., channels, filters) to (filters, channels, taps ...)."""
    return weight.movedim((-1, -2), (0, 1))


def assert_like_torch(layer, theirs, x, close=CLOSE):
    """The layer's output and all its gradients are those of `theirs`, a function of (x, parameters by name)."""
    rng = np.random.default_rng(x.size)
    for parameter in layer.parameters().values():
        parameter[...] = rng.standard_normal(parameter.shape)
    ours = layer.forward(x, training=True)
    grad_y = rng.standard_normal(ours.shape)
    grad_x = layer.backward(grad_y)
    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in layer.parameters().items()}
    tensor = torch.tensor(x, requires_grad=True)
    expected = theirs(tensor, parameters)
    expected.backward(torch.tensor(grad_y))
    assert_close(ours, expected.detach().numpy(), close, zeros_allowed=True)
    assert_close(grad_x, tensor.grad.numpy(), close, zeros_allowed=True)
    gradients = layer.gradients()
    assert gradients.keys() == parameters.keys()
    for name, parameter in parameters.items():
        assert_close(gradients[name], parameter.grad.numpy(), close, zeros_allowed=True)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def test_the_comparison_can_fail():
    with pytest.raises(AssertionError):
        assert_like_torch(nn.ReLU(np.float64), lambda x, _: torch.tanh(x), normal(0, 2, 3, 4))
    with pytest.raises(AssertionError):  # the same output, and no gradient
        assert_like_torch(nn.ReLU(np.float64), lambda x, _: F.relu(x).detach() + 0 * x, normal(0, 2, 3, 4))


@given(
    batch=small, time=st.integers(1, 20), groups=st.integers(1, 3), inner=small, outer=st.integers(1, 9),
    taps=st.integers(1, 5), stride=small, dilation=st.integers(1, 3), padding=st.integers(0, 4), bias=st.booleans(),
    seed=seeds,
)  # fmt: skip
def test_conv1d(batch, time, groups, inner, outer, taps, stride, dilation, padding, bias, seed):
    time += max(0, dilation * (taps - 1) + 1 - time - 2 * padding)
    layer = nn.Conv1d(
        groups * inner, groups * outer, taps, stride, dilation, padding, groups, bias,
        rng=np.random.default_rng(0), dtype=np.float64,
    )  # fmt: skip

    def theirs(x, p):
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return channels_last(F.conv1d(channels_first(x), filters_first(p["weight"]), p.get("bias"), **options))

    assert_like_torch(layer, theirs, normal(seed, batch, time, groups * inner))


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@given(
    batch=small, time=st.integers(1, 8), freq=st.integers(1, 9), groups=st.integers(1, 2), inner=small, outer=small,
    taps=pairs, stride=pairs, dilation=pairs, padding=st.tuples(st.integers(0, 3), st.integers(0, 3)), seed=seeds,
)  # fmt: skip
def test_conv2d(batch, time, freq, groups, inner, outer, taps, stride, dilation, padding, seed):
    time += max(0, dilation[0] * (taps[0] - 1) + 1 - time - 2 * padding[0])
    freq += max(0, dilation[1] * (taps[1] - 1) + 1 - freq - 2 * padding[1])
    layer = nn.Conv2d(
        groups * inner, groups * outer, taps, stride, dilation, padding, groups,
        rng=np.random.default_rng(0), dtype=np.float64,
    )  # fmt: skip

    def theirs(x, p):
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return channels_last(F.conv2d(channels_first(x), filters_first(p["weight"]), p["bias"], **options))

    assert_like_torch(layer, theirs, normal(seed, batch, time, freq, groups * inner))


@given(
    batch=small, time=st.integers(1, 12), channels=st.integers(1, 17), taps=st.integers(1, 4), stride=small,
    dilation=st.integers(1, 3), padding=st.integers(0, 3), seed=seeds,
)  # fmt: skip
def test_depthwise_conv1d(batch, time, channels, taps, stride, dilation, padding, seed):
    time += max(0, dilation * (taps - 1) + 1 - time - 2 * padding)
    layer = nn.DepthwiseConv1d(
        channels, taps, stride, dilation, padding, rng=np.random.default_rng(0), dtype=np.float64
    )

    def theirs(x, p):
        weight = p["weight"].reshape(taps, channels).T[:, None]
        options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": channels}
        return channels_last(F.conv1d(channels_first(x), weight, p["bias"], **options))

    assert_like_torch(layer, theirs, normal(seed, batch, time, channels))


@given(
    batch=small, time=st.integers(1, 9), channels=small, filters=st.integers(1, 9), taps=st.integers(1, 5),
    stride=small, dilation=st.integers(1, 3), padding=st.integers(0, 4), seed=seeds,
)  # fmt: skip
def test_conv1d_transpose(batch, time, channels, filters, taps, stride, dilation, padding, seed):
    padding = min(padding, ((time - 1) * stride + dilation * (taps - 1)) // 2)
    layer = nn.Conv1dTranspose(
        channels, filters, taps, stride, dilation, padding, rng=np.random.default_rng(0), dtype=np.float64
    )

    def theirs(x, p):
        weight = p["weight"].movedim(0, -1).contiguous()  # which torch wants for the gradient
        options = {"stride": stride, "padding": padding, "dilation": dilation}
        return channels_last(F.conv_transpose1d(channels_first(x), weight, p["bias"], **options))

    assert_like_torch(layer, theirs, normal(seed, batch, time, channels))


@given(
    batch=small, time=st.integers(1, 5), freq=st.integers(1, 5), channels=small, filters=small, taps=pairs,
    stride=pairs, seed=seeds,
)  # fmt: skip
def test_conv2d_transpose(batch, time, freq, channels, filters, taps, stride, seed):
    layer = nn.Conv2dTranspose(channels, filters, taps, stride, rng=np.random.default_rng(0), dtype=np.float64)

    def theirs(x, p):
        weight = p["weight"].movedim((0, 1), (-2, -1)).contiguous()
        return channels_last(F.conv_transpose2d(channels_first(x), weight, p["bias"], stride=stride))

    assert_like_torch(layer, theirs, normal(seed, batch, time, freq, channels))


@given(batch=small, channels=st.integers(1, 20), units=st.integers(1, 20), seed=seeds)
def test_dense(batch, channels, units, seed):
    layer = nn.Dense(channels, units, rng=np.random.default_rng(0), dtype=np.float64)
    assert_like_torch(layer, lambda x, p: x @ p["weight"] + p["bias"], normal(seed, batch, channels))


POOLS = {
    "max": (nn.MaxPool1d, F.max_pool1d, {}),
    "average": (nn.AveragePool1d, F.avg_pool1d, {"count_include_pad": False}),
    "lp": (nn.LpPool1d, lambda x, size, stride, padding: F.lp_pool1d(x, 2.0, size, stride), {}),
}


@given(
    kind=st.sampled_from(sorted(POOLS)), batch=small, time=st.integers(1, 20), channels=st.integers(1, 9),
    size=st.integers(1, 5), stride=small, padding=st.integers(0, 2), seed=seeds,
)  # fmt: skip
def test_pools(kind, batch, time, channels, size, stride, padding, seed):
    padding = 0 if kind == "lp" else min(padding, size // 2)
    time = max(time, size)
    ours, pool, options = POOLS[kind]

    def theirs(x, _):
        return channels_last(pool(channels_first(x), size, stride, padding, **options))

    assert_like_torch(ours(size, stride, padding, dtype=np.float64), theirs, normal(seed, batch, time, channels))


@given(
    batch=small, time=st.integers(2, 9), freq=st.integers(2, 9), channels=small, size=pairs, stride=pairs, seed=seeds,
    kind=st.sampled_from(["max", "average"]),
)  # fmt: skip
def test_pools_of_planes(batch, time, freq, channels, size, stride, seed, kind):
    ours, pool = {"max": (nn.MaxPool2d, F.max_pool2d), "average": (nn.AveragePool2d, F.avg_pool2d)}[kind]
    x = normal(seed, batch, max(time, size[0]), max(freq, size[1]), channels)
    layer = ours(size, stride, dtype=np.float64)
    assert_like_torch(layer, lambda x, _: channels_last(pool(channels_first(x), size, stride)), x)


ACTIVATIONS = {"relu": (nn.ReLU, F.relu), "swish": (nn.Swish, F.silu), "sigmoid": (nn.Sigmoid, torch.sigmoid)}


@given(kind=st.sampled_from(sorted(ACTIVATIONS)), shape=st.tuples(small, small, st.integers(1, 20)), seed=seeds)
def test_activations(kind, shape, seed):
    ours, theirs = ACTIVATIONS[kind]
    assert_like_torch(ours(np.float64), lambda x, _: theirs(x), normal(seed, *shape))


@given(batch=small, time=st.integers(8, 20), channels=st.integers(1, 9), far=st.sampled_from([0, 10, 1000]), seed=seeds)
def test_batch_norm(batch, time, channels, far, seed):
    layer = nn.BatchNorm(channels, dtype=np.float64)
    x = normal(seed, batch, time, channels) + far
    mean, variance = torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64)

    def theirs(x, p):
        return channels_last(F.batch_norm(channels_first(x), mean, variance, p["scale"], p["shift"], training=True))

    assert_like_torch(layer, theirs, x, 1e-9 + 1e-10 * far)  # as many digits as the mean takes away
    assert_close(layer.mean, mean.numpy(), 1e-9)
    assert_close(layer.variance, variance.numpy(), 1e-9)
    frozen = F.batch_norm(
        channels_first(torch.tensor(x)), mean, variance, torch.tensor(layer.scale), torch.tensor(layer.shift)
    )
    assert_close(layer.forward(x), channels_last(frozen).numpy(), 1e-9)


@given(batch=st.integers(1, 9), classes=st.integers(2, 12), smoothing=st.sampled_from([0.0, 0.1, 0.3]), seed=seeds)
def test_softmax_cross_entropy(batch, classes, smoothing, seed):
    rng = np.random.default_rng(seed)
    logits, labels = 5 * rng.standard_normal((batch, classes)), rng.integers(0, classes, batch)
    loss, gradient = nn.SoftmaxCrossEntropy(label_smoothing=smoothing)(logits, nn.one_hot(labels, classes))
    tensor = torch.tensor(logits, requires_grad=True)
    expected = F.cross_entropy(tensor, torch.tensor(labels), label_smoothing=smoothing)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    assert_close(gradient, tensor.grad.numpy(), 1e-6)


@given(shape=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 9)), seed=seeds)
def test_mean_squared_error(shape, seed):
    outputs, targets = normal(seed, *shape), normal(seed + 1, *shape)
    loss, gradient = nn.MeanSquaredError()(outputs, targets)
    tensor = torch.tensor(outputs, requires_grad=True)
    expected = F.mse_loss(tensor, torch.tensor(targets))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-9)
    assert_close(gradient, tensor.grad.numpy(), 1e-9)


@given(shape=st.tuples(st.integers(1, 5), st.integers(1, 9)), seed=seeds)
def test_binary_cross_entropy_is_the_sum_over_classes(shape, seed):
    outputs, targets = 4 * normal(seed, *shape), np.random.default_rng(seed).uniform(size=shape)
    loss, gradient = nn.BinaryCrossEntropy()(outputs, targets)
    tensor = torch.tensor(outputs, requires_grad=True)
    expected = F.binary_cross_entropy_with_logits(tensor, torch.tensor(targets), reduction="sum") / len(outputs)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-9)
    assert_close(gradient, tensor.grad.numpy(), 1e-9)
