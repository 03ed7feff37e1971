"""What PyTorch computes, where it is installed: layers and losses in all the ways that both have, with gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv import nn
from audioconv.errors import ShapeError
from tests.compare import assert_close

torch = pytest.importorskip("torch")
functional = torch.nn.functional
RNG, CLOSE = np.random.default_rng, 1e-11


def upto(most, least=1):
    return st.integers(least, most)


def channels_first(x):
    return torch.tensor(np.ascontiguousarray(np.moveaxis(x, -1, 1)))


def channels_last(x):
    return np.moveaxis(x.detach().numpy(), 1, -1)


def in_torch(weight):
    """A layer's weights (*taps, in // groups, out) as PyTorch's (out, in // groups, *taps)."""
    return torch.tensor(np.moveaxis(weight, (-1, -2), (0, 1)).copy(), requires_grad=True)


def in_torch_transposed(weight, groups):
    """The same as PyTorch's transposed ones, (in, out // groups, *taps): each group turned by itself."""
    parts = [np.moveaxis(part, (-2, -1), (0, 1)) for part in np.split(weight, groups, axis=-1)]
    return torch.tensor(np.concatenate(parts), requires_grad=True)


def assert_same(layer, peer, x):
    """Outputs in training and outside of it, and the gradient of the input."""
    theirs = channels_first(x).requires_grad_()
    wanted = peer(theirs)
    y = layer.forward(x, training=True)
    assert_close(y, channels_last(wanted), CLOSE, zeros_allowed=True)
    assert np.array_equal(layer.forward(x), y)
    grad_y = RNG(5).standard_normal(y.shape)
    wanted.backward(channels_first(grad_y))
    assert_close(layer.backward(grad_y), channels_last(theirs.grad), CLOSE, zeros_allowed=True)


@settings(max_examples=40)
@given(st.integers(0, 99), upto(2), st.data())
def test_pools(seed, dims, data):
    draw, rng = data.draw, RNG(seed)
    size, stride = ([draw(upto(5)) for _ in range(dims)] for _ in range(2))
    padding = [draw(upto(n // 2, 0)) for n in size]
    shape = [draw(upto(12)) for _ in size]
    x = rng.standard_normal((2, *shape, 3))
    ceil, zeros = draw(st.booleans()), draw(st.booleans())
    sizes, strides = (each[0] if dims == 1 else tuple(each) for each in (size, stride))
    ours = padding[0] if dims == 1 else tuple((p, p) for p in padding)
    options = {"ceil_mode": ceil, "dtype": np.float64}
    theirs = (sizes, strides, padding[0] if dims == 1 else tuple(padding))
    peers = functional.max_pool1d, functional.max_pool2d, functional.avg_pool1d, functional.avg_pool2d
    layer = (nn.MaxPool1d, nn.MaxPool2d)[dims - 1](sizes, strides, ours, **options)
    try:
        layer.forward(x)
    except ShapeError:  # shorter than a window, here and there
        with pytest.raises(RuntimeError):
            peers[dims - 1](channels_first(x), *theirs, ceil_mode=ceil)
        return
    assert_same(layer, lambda x: peers[dims - 1](x, *theirs, ceil_mode=ceil), x)
    layer = (nn.AveragePool1d, nn.AveragePool2d)[dims - 1](sizes, strides, ours, count_include_pad=zeros, **options)
    assert_same(layer, lambda x: peers[dims + 1](x, *theirs, ceil_mode=ceil, count_include_pad=zeros), x)


@settings(max_examples=30)
@given(st.integers(0, 99), st.sampled_from([1, 2, 3, 2.5]), upto(5), upto(5), upto(7, 0), st.booleans(), st.booleans())
def test_lp_pools_with_sign(seed, p, size, stride, more, ceil, positive):
    x = RNG(seed).standard_normal((2, size + more, 3))
    x = np.abs(x) + 0.1 if positive or p == 2.5 else x  # a root of what is negative is NaN here and there
    layer = nn.LpPool1d(size, stride, p=p, ceil_mode=ceil, signed=True, dtype=np.float64)
    if p == 3 and not positive:
        y, wanted = layer.forward(x), functional.lp_pool1d(channels_first(x), p, size, stride, ceil)
        assert_close(y, channels_last(wanted), CLOSE)
        return
    assert_same(layer, lambda x: functional.lp_pool1d(x, p, size, stride, ceil), x)
    if positive:
        plain = nn.LpPool1d(size, stride, p=p, ceil_mode=ceil, dtype=np.float64)
        assert_close(plain.forward(x), layer.forward(x), CLOSE)


@settings(max_examples=40)
@given(st.integers(0, 99), upto(2), upto(3), st.data())
def test_transposed_convolutions(seed, dims, groups, data):
    draw, rng = data.draw, RNG(seed)
    taps, stride, dilation, cut, shape = ([draw(upto(n, m)) for _ in range(dims)]
                                          for n, m in ((4, 1), (4, 1), (3, 1), (2, 0), (6, 1)))  # fmt: skip
    more = [draw(upto(max(s, d) - 1, 0)) for s, d in zip(stride, dilation, strict=True)]
    channels, filters = groups * draw(upto(3)), groups * draw(upto(3))
    one = [each[0] if dims == 1 else tuple(each) for each in (taps, stride, dilation, more)]
    padding = cut[0] if dims == 1 else tuple((c, c) for c in cut)
    make = (nn.Conv1dTranspose, nn.Conv2dTranspose)[dims - 1]
    layer = make(channels, filters, *one[:3], padding, groups=groups, output_padding=one[3], rng=rng, dtype=np.float64)
    layer.bias[:] = rng.standard_normal(filters)
    x = rng.standard_normal((3, *shape, channels))
    weight, bias = in_torch_transposed(layer.weight, groups), torch.tensor(layer.bias, requires_grad=True)
    peer = (functional.conv_transpose1d, functional.conv_transpose2d)[dims - 1]
    try:
        layer.forward(x)
    except ShapeError:
        return  # nothing is left
    assert_same(layer, lambda x: peer(x, weight, bias, one[1], cut, one[3], groups, one[2]), x)
    turned = in_torch_transposed(layer.gradients()["weight"], groups)
    assert_close(turned.detach().numpy(), weight.grad.numpy(), CLOSE, zeros_allowed=True)
    assert_close(layer.gradients()["bias"], bias.grad.numpy(), CLOSE)


@settings(max_examples=30)
@given(st.integers(0, 99), upto(5), upto(3), upto(3), upto(3), upto(12))
def test_convolutions(seed, taps, stride, dilation, groups, more):
    rng, padding = RNG(seed), seed % 4
    layer = nn.Conv1d(2 * groups, 3 * groups, taps, stride, dilation, padding, groups, rng=rng, dtype=np.float64)
    layer.bias[:] = rng.standard_normal(3 * groups)
    x = rng.standard_normal((3, dilation * (taps - 1) + more, 2 * groups))
    weight, bias = in_torch(layer.weight), torch.tensor(layer.bias, requires_grad=True)
    assert_same(layer, lambda x: functional.conv1d(x, weight, bias, stride, padding, dilation, groups), x)
    assert_close(in_torch(layer.gradients()["weight"]).detach().numpy(), weight.grad.numpy(), CLOSE, zeros_allowed=True)
    if stride == 1:  # all that PyTorch has "same" for
        layer = nn.Conv1d(2 * groups, 3, taps, 1, dilation, "same", rng=rng, dtype=np.float64)
        assert_same(layer, lambda x: functional.conv1d(x, in_torch(layer.weight), None, 1, "same", dilation), x)


def assert_same_loss(loss, peer, outputs, targets):
    theirs = torch.tensor(outputs, requires_grad=True)
    wanted = peer(theirs)
    wanted.backward()
    value, gradient = loss(outputs, targets)
    assert_close(value, wanted.item(), CLOSE)
    assert_close(gradient, theirs.grad.numpy(), CLOSE)


@settings(max_examples=40)
@given(
    st.integers(0, 99), upto(5), st.sampled_from([(), (3,), (2, 4)]), upto(6, 2), st.sampled_from([0.0, 0.2]),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_losses(seed, batch, places, classes, smoothing, weighted, ignoring):
    rng, shape = RNG(seed), (batch, *places, classes)
    outputs, indices, weight = 3 * rng.standard_normal(shape), rng.integers(0, classes, shape[:-1]), None
    if weighted:
        weight = rng.random(classes) + 0.1
    if ignoring:
        indices = np.where(rng.random(indices.shape) < 0.3, -100, indices)
        indices.flat[0] = 0
    options = {"weight": None if weight is None else torch.tensor(weight), "label_smoothing": smoothing}
    loss = nn.SoftmaxCrossEntropy(smoothing, weight=weight)
    shares = rng.random(shape)
    shares /= shares.sum(axis=-1, keepdims=True)
    wide, binary = torch.tensor(np.moveaxis(shares, -1, 1)), torch.tensor(shares)

    def cross_entropy(targets):
        return lambda x: functional.cross_entropy(torch.movedim(x, -1, 1), targets, **options)

    assert_same_loss(loss, cross_entropy(torch.tensor(indices)), outputs, indices)
    assert_same_loss(loss, cross_entropy(wide), outputs, shares)
    positive = {"pos_weight": options["weight"]}
    assert_same_loss(nn.BinaryCrossEntropy("mean", weight),
                     lambda x: functional.binary_cross_entropy_with_logits(x, binary, **positive),
                     outputs, shares)  # fmt: skip
    assert_same_loss(nn.MeanSquaredError(), lambda x: functional.mse_loss(x, binary), outputs, shares)
