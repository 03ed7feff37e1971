"""Layers and losses against PyTorch, in all the ways that both have: outputs and every gradient, in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioconv import nn
from audioconv.errors import ShapeError
from tests.compare import assert_close

torch = pytest.importorskip("torch", reason="make test-peers installs torch")
pytestmark = pytest.mark.peers
F = torch.nn.functional
CLOSE = 1e-11

seeds = st.integers(0, 2**32 - 1)
small = st.integers(1, 4)


def upto(most, least=1):
    return st.integers(least, most)


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def filters_first(weight):
    """(taps ..., channels, filters) to (filters, channels, taps ...)."""
    return weight.movedim((-1, -2), (0, 1))


def transposed(weight, groups):
    """(taps ..., channels, filters // groups) of each group to (channels, filters // groups, taps ...)."""
    parts = [part.movedim((-2, -1), (0, 1)) for part in weight.chunk(groups, -1)]
    return torch.cat(parts).contiguous()  # which torch wants for the gradient


def assert_like_torch(layer, theirs, x, close=CLOSE):
    """The layer's outputs and all its gradients are those of `theirs`, a function of (x, parameters by name)."""
    rng = np.random.default_rng(x.size)
    for parameter in layer.parameters().values():
        parameter[...] = rng.standard_normal(parameter.shape)
    asked = layer.forward(x)
    ours = layer.forward(x, training=True)
    assert isinstance(layer, nn.BatchNorm) or np.array_equal(asked, ours)
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


# --- convolutions ---------------------------------------------------------------------------------------------


@given(
    batch=small, time=st.integers(1, 20), groups=st.integers(1, 3), inner=small, outer=st.integers(1, 9),
    taps=st.integers(1, 5), stride=small, dilation=st.integers(1, 3), padding=st.integers(0, 4) | st.just("same"),
    bias=st.booleans(), seed=seeds,
)  # fmt: skip
def test_conv1d(batch, time, groups, inner, outer, taps, stride, dilation, padding, bias, seed):
    if padding == "same":
        stride = 1  # all that torch has it for
    else:
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


@given(dims=upto(2), groups=upto(3), batch=small, inner=upto(3), outer=upto(3), data=st.data(), seed=seeds)
def test_transposed_convolutions(dims, groups, batch, inner, outer, data, seed):
    ranges = (1, 4), (1, 4), (1, 3), (0, 2), (1, 6)
    taps, stride, dilation, cut, shape = (
        tuple(data.draw(st.integers(*ends)) for _ in range(dims)) for ends in ranges
    )  # fmt: skip
    more = tuple(data.draw(upto(max(pair) - 1, 0)) for pair in zip(stride, dilation, strict=True))
    settings = [each[0] if dims == 1 else each for each in (taps, stride, dilation)]
    padding = cut[0] if dims == 1 else tuple((c, c) for c in cut)
    layer = (nn.Conv1dTranspose, nn.Conv2dTranspose)[dims - 1](
        groups * inner, groups * outer, *settings, padding, groups=groups,
        output_padding=more[0] if dims == 1 else more, rng=np.random.default_rng(0), dtype=np.float64,
    )  # fmt: skip
    x = normal(seed, batch, *shape, groups * inner)
    peer = (F.conv_transpose1d, F.conv_transpose2d)[dims - 1]

    def theirs(x, p):
        weight = transposed(p["weight"], groups)
        return channels_last(peer(channels_first(x), weight, p["bias"], stride, cut, more, groups, dilation))

    if any((n - 1) * s + d * (t - 1) + 1 + m <= 2 * c
           for n, s, d, t, m, c in zip(shape, stride, dilation, taps, more, cut, strict=True)):  # fmt: skip
        with pytest.raises(ShapeError):  # nothing is left
            layer.forward(x)
        return
    assert_like_torch(layer, theirs, x)


@given(batch=small, channels=st.integers(1, 20), units=st.integers(1, 20), seed=seeds)
def test_dense(batch, channels, units, seed):
    layer = nn.Dense(channels, units, rng=np.random.default_rng(0), dtype=np.float64)
    assert_like_torch(layer, lambda x, p: x @ p["weight"] + p["bias"], normal(seed, batch, channels))


# --- pools, activations, norms --------------------------------------------------------------------------------


@given(
    dims=upto(2), kind=st.sampled_from(["max", "average"]), ceil=st.booleans(), zeros=st.booleans(), batch=small,
    channels=upto(9), data=st.data(), seed=seeds,
)  # fmt: skip
def test_pools(dims, kind, ceil, zeros, batch, channels, data, seed):
    size, stride = (tuple(data.draw(upto(5)) for _ in range(dims)) for _ in range(2))
    padding = tuple(data.draw(upto(n // 2, 0)) for n in size)
    x = normal(seed, batch, *(data.draw(upto(20 if dims == 1 else 12)) for _ in size), channels)
    make, peer = {
        "max": ((nn.MaxPool1d, nn.MaxPool2d), (F.max_pool1d, F.max_pool2d)),
        "average": ((nn.AveragePool1d, nn.AveragePool2d), (F.avg_pool1d, F.avg_pool2d)),
    }[kind]
    options = {"ceil_mode": ceil} | ({"count_include_pad": zeros} if kind == "average" else {})
    ours = (size[0], stride[0], padding[0]) if dims == 1 else (size, stride, tuple((p, p) for p in padding))
    layer = make[dims - 1](*ours, dtype=np.float64, **options)

    def theirs(x, _):
        return channels_last(peer[dims - 1](channels_first(x), size, stride, padding, **options))

    try:
        layer.forward(x)
    except ShapeError:  # shorter than a window, here and there
        with pytest.raises(RuntimeError):
            theirs(torch.tensor(x), None)
        return
    assert_like_torch(layer, theirs, x)


@given(
    p=st.sampled_from([1, 2, 3, 2.5]), size=upto(5), stride=upto(5), more=upto(7, 0), channels=upto(9),
    ceil=st.booleans(), positive=st.booleans(), seed=seeds,
)  # fmt: skip
def test_lp_pools(p, size, stride, more, channels, ceil, positive, seed):
    x = normal(seed, 2, size + more, channels)
    positive |= p % 1 != 0 or p == 3  # a root of what is negative is NaN here and there
    x = np.abs(x) + 0.1 if positive else x
    for signed in [True] + [False] * (positive or p == 2):  # where both are the same
        layer = nn.LpPool1d(size, stride, p=p, ceil_mode=ceil, signed=signed, dtype=np.float64)
        assert_like_torch(layer, lambda x, _: channels_last(F.lp_pool1d(channels_first(x), p, size, stride, ceil)), x)


@given(size=upto(5), stride=upto(5), more=upto(7, 0), ceil=st.booleans(), seed=seeds)
def test_a_sum_of_odd_powers_may_be_negative(size, stride, more, ceil, seed):
    x = normal(seed, 2, size + more, 3)
    layer = nn.LpPool1d(size, stride, p=3, ceil_mode=ceil, signed=True, dtype=np.float64)
    wanted = channels_last(F.lp_pool1d(channels_first(torch.tensor(x)), 3, size, stride, ceil))
    assert_close(layer.forward(x), wanted.numpy(), CLOSE)


ACTIVATIONS = {"relu": (nn.ReLU, F.relu), "swish": (nn.Swish, F.silu), "sigmoid": (nn.Sigmoid, torch.sigmoid)}


@given(kind=st.sampled_from(sorted(ACTIVATIONS)), shape=st.tuples(small, small, st.integers(1, 20)), seed=seeds)
def test_activations(kind, shape, seed):
    ours, theirs = ACTIVATIONS[kind]
    assert_like_torch(ours(np.float64), lambda x, _: theirs(x), normal(seed, *shape))


@given(
    batch=small, time=st.integers(8, 20), channels=st.integers(1, 9), far=st.sampled_from([0, 10, 1e3, 1e6]), seed=seeds
)
def test_batch_norm(batch, time, channels, far, seed):
    layer = nn.BatchNorm(channels, dtype=np.float64)
    x = normal(seed, batch, time, channels) + far
    mean, variance = torch.zeros(channels, dtype=torch.float64), torch.ones(channels, dtype=torch.float64)

    def theirs(x, p):
        return channels_last(F.batch_norm(channels_first(x), mean, variance, p["scale"], p["shift"], training=True))

    assert_like_torch(layer, theirs, x, 1e-9 + 1e-14 * far)  # as many digits as x has behind its mean
    assert_close(layer.mean, mean.numpy(), 1e-9)
    assert_close(layer.variance, variance.numpy(), 1e-9)
    frozen = F.batch_norm(
        channels_first(torch.tensor(x)), mean, variance, torch.tensor(layer.scale), torch.tensor(layer.shift)
    )
    assert_close(layer.forward(x), channels_last(frozen).numpy(), 1e-9)


# --- losses ---------------------------------------------------------------------------------------------------


def assert_same_loss(loss, theirs, outputs, targets):
    tensor = torch.tensor(outputs, requires_grad=True)
    expected = theirs(tensor)
    expected.backward()
    value, gradient = loss(outputs, targets)
    assert_close(value, expected.item(), CLOSE)
    assert_close(gradient, tensor.grad.numpy(), CLOSE)


shapes = st.tuples(upto(9), st.sampled_from([(), (3,), (2, 4)]), upto(12, 2)).map(lambda s: (s[0], *s[1], s[2]))


def shares_of(seed, shape):
    shares = np.random.default_rng(seed).random(shape)
    return shares / shares.sum(axis=-1, keepdims=True)


@given(
    shape=shapes, smoothing=st.sampled_from([0.0, 0.1, 0.3]), weighted=st.booleans(),
    ignored=st.sampled_from([-100, 1]), seed=seeds,
)  # fmt: skip
def test_softmax_cross_entropy(shape, smoothing, weighted, ignored, seed):
    rng = np.random.default_rng(seed)
    outputs, indices = 3 * rng.standard_normal(shape), rng.integers(0, shape[-1], shape[:-1])
    indices[rng.random(indices.shape) < 0.3] = ignored
    indices.flat[0] = 0
    weight = rng.random(shape[-1]) + 0.1 if weighted else None
    options = {"weight": None if weight is None else torch.tensor(weight), "label_smoothing": smoothing}

    def cross_entropy(targets, **more):
        return lambda x: F.cross_entropy(channels_first(x), torch.tensor(targets), **options, **more)

    loss = nn.SoftmaxCrossEntropy(smoothing, weight=weight, ignore_index=ignored)
    assert_same_loss(loss, cross_entropy(indices, ignore_index=ignored), outputs, indices)
    shares = shares_of(seed, shape)
    assert_same_loss(loss, cross_entropy(np.moveaxis(shares, -1, 1)), outputs, shares)


@given(shape=shapes, weighted=st.sampled_from([None, "number", "classes"]), seed=seeds)
def test_binary_cross_entropy(shape, weighted, seed):
    outputs, targets = 4 * normal(seed, *shape), np.random.default_rng(seed).uniform(size=shape)
    rng = np.random.default_rng(seed)
    weight = {None: None, "number": 2.5, "classes": rng.random(shape[-1]) + 0.1}[weighted]
    options = {"pos_weight": None if weight is None else torch.tensor(weight)}

    def entropy(x):
        return F.binary_cross_entropy_with_logits(x, torch.tensor(targets), **options)

    assert_same_loss(nn.BinaryCrossEntropy("mean", weight), entropy, outputs, targets)
    assert_same_loss(nn.BinaryCrossEntropy(pos_weight=weight), lambda x: shape[-1] * entropy(x), outputs, targets)


@given(shape=shapes, seed=seeds)
def test_mean_squared_error(shape, seed):
    outputs, targets = normal(seed, *shape), normal(seed + 1, *shape)
    assert_same_loss(nn.MeanSquaredError(), lambda x: F.mse_loss(x, torch.tensor(targets)), outputs, targets)
