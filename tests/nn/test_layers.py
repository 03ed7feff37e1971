"""What layers compute, in training and outside of it, for any batch and any number of threads; what they refuse."""

import pickle

import numpy as np
import pytest

from audioconv import nn
from audioconv.errors import ArgumentError, AudioconvError, BusyError, DtypeError, ModelFileError, ShapeError
from audioconv.models import build
from tests import naive
from tests.compare import assert_close

RNG = np.random.default_rng


@pytest.mark.parametrize("padding", ["same", "valid", "causal", 3, (0, 5)])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 2)])
def test_conv1d_equals_loops_on_padded_input(padding, stride, dilation):
    rng = RNG(0)
    x, weight, bias = rng.standard_normal((2, 12, 3)), rng.standard_normal((4, 3, 10)), rng.standard_normal(10)
    span = 3 * dilation
    left, right = {"same": (span // 2, span - span // 2), "valid": (0, 0), "causal": (span, 0), 3: (3, 3)}.get(
        padding, padding
    )
    y = nn.conv1d(x, weight, bias, stride=stride, dilation=dilation, padding=padding)
    padded = np.pad(x, ((0, 0), (left, right), (0, 0)))
    assert_close(y, naive.conv1d_channels(padded, weight, bias, stride, dilation), 1e-14)


def test_conv1d_takes_any_array_and_mixes_dtypes():
    rng = RNG(0)
    x, weight = rng.standard_normal((3, 10, 6)).astype("float32"), rng.standard_normal((2, 3, 4))
    y = nn.conv1d(x[::2, ::-1, ::2], weight)
    assert y.dtype == np.float64
    assert_close(y, naive.conv1d_channels(x[::2, ::-1, ::2], weight, np.zeros(4)), 1e-14)


@pytest.mark.parametrize(
    ("x", "weight", "options", "error"),
    [
        ((1, 5, 2), (2, 3, 4), {}, ShapeError),
        ((1, 5), (2, 3, 4), {}, ShapeError),
        ((1, 2, 3), (3, 3, 4), {}, ShapeError),
        ((1, 5, 3), (0, 3, 4), {}, ShapeError),
        ((1, 5, 3), (2, 3, 4), {"bias": np.zeros(3)}, ShapeError),
        ((1, 5, 3), (2, 3, 4), {"padding": "full"}, ArgumentError),
        ((1, 5, 3), (2, 3, 4), {"padding": -1}, ArgumentError),
        ((1, 5, 3), (2, 3, 4), {"stride": 0}, ArgumentError),
    ],
)
def test_conv1d_refuses(x, weight, options, error):
    with pytest.raises(error):
        nn.conv1d(np.zeros(x), np.zeros(weight), **options)


def test_batch_norm_in_training_and_after():
    rng = RNG(0)
    layer = nn.BatchNorm(5, dtype=np.float64)
    layer.scale[:], layer.shift[:] = rng.standard_normal((2, 5))
    x = 100 + 3 * rng.standard_normal((11, 7, 5))
    assert_close(layer.forward(x, training=True), naive.batch_norm(x, layer.scale, layer.shift, 1e-5), 1e-11)
    for _ in range(200):
        layer.forward(x, training=True)
    flat = x.reshape(-1, 5)
    expected = (flat - flat.mean(0)) / np.sqrt(flat.var(0, ddof=1) + 1e-5) * layer.scale + layer.shift
    assert_close(layer.forward(x), expected.reshape(x.shape), 1e-6)


LAYERS_OF_STATISTICS = {
    "batch norm": (lambda **options: nn.BatchNorm(3, 1.0, **options), (16, 50, 3)),
    "batch norm, planes": (lambda **options: nn.BatchNorm(3, 1.0, **options), (16, 5, 4, 3)),
    "subspectral norm": (lambda **options: nn.SubSpectralNorm(3, 2, 1.0, **options), (16, 5, 4, 3)),
}


def two_passes(layer, x, grad_y):
    """What a batch norm and its gradients are by their definition: output, mean, variance, grad of x, scale, shift."""
    shape, bands = x.shape, layer.bands
    cut = (shape[0] * shape[1], bands, -1, shape[-1])  # frequencies of a band, or of none, last but one
    x, grad_y = (np.asarray(a, np.longdouble).reshape(cut) for a in (x, grad_y))
    scale, shift = (np.asarray(a, np.longdouble).reshape(bands, 1, -1) for a in (layer.scale, layer.shift))
    mean, count = x.mean((0, 2), keepdims=True), x.shape[0] * x.shape[2]
    variance = ((x - mean) ** 2).mean((0, 2), keepdims=True)
    deviation = np.sqrt(variance + layer.epsilon)
    z = (x - mean) / deviation
    grad_scale, grad_shift = (grad_y * z).sum((0, 2), keepdims=True), grad_y.sum((0, 2), keepdims=True)
    grad_x = scale / deviation * (grad_y - grad_shift / count - z * grad_scale / count)
    found = mean, variance * count / (count - 1), grad_scale, grad_shift
    mean, variance, grad_scale, grad_shift = (a.ravel() for a in found)
    return [(z * scale + shift).reshape(shape), mean, variance, grad_x.reshape(shape), grad_scale, grad_shift]


@pytest.mark.parametrize("offset", [0.0, 50.0, 1e3, -1e6])
@pytest.mark.parametrize("name", LAYERS_OF_STATISTICS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_statistics_and_gradients_far_from_zero(name, offset, dtype):
    make, shape = LAYERS_OF_STATISTICS[name]
    layer, rng = make(dtype=dtype), RNG(0)
    layer.scale, layer.shift = rng.standard_normal((2, layer.scale.size))
    x, grad_y = (rng.standard_normal(shape) + offset).astype(dtype), rng.standard_normal(shape).astype(dtype)
    found = []
    for threads in (1, 3):
        y = layer.forward(x, training=True, threads=threads)
        grad_x = layer.backward(grad_y)
        found.append([y, layer.mean, layer.variance, grad_x, *layer.gradients().values()])
        found[-1] = [array.copy() for array in found[-1]]
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))
    expected, close = two_passes(layer, x, grad_y), 1e-9 if dtype == "float64" else 1e-5
    for number, (a, b) in enumerate(zip(found[0], expected, strict=True)):
        assert_close(a, b, 1e-9 if number in (1, 2) else close)
    layer.variance *= (x.size / layer.mean.size - 1) / (x.size / layer.mean.size)  # as it was in the batch
    assert_close(layer.forward(x), expected[0], close)


def test_variance_of_one_value_and_of_an_outlier():
    layer = nn.BatchNorm(1, 1.0, dtype=np.float64)
    layer.forward(np.full((1, 1, 1), 1e6), training=True)
    assert (layer.mean[0], layer.variance[0]) == (1e6, 0)
    x = RNG(0).standard_normal((9, 100, 1))
    x[0, 0] = 1e8
    layer.forward(x, training=True)
    assert_close(layer.variance, [x.var(ddof=1)], 1e-12)


def test_without_seeds_each_call_drops_out_anew():
    def masks(calls, make=lambda: nn.Sequential([nn.Dropout(0.5)])):
        layer, x = make(), np.ones((4, 60), "float32")
        return [layer.forward(x, training=True) for _ in range(calls)]

    first = masks(4)
    assert len({mask.tobytes() for mask in first}) == 4
    assert all(np.array_equal(a, b) for a, b in zip(first, masks(4), strict=True))
    layer, x = nn.Sequential([nn.Dropout(0.5)]), np.ones((4, 60), "float32")
    for call, mask in enumerate(first):
        assert np.array_equal(layer.forward(x, training=True, seeds=np.arange(4) + (call << 20)), mask)
    assert np.array_equal(layer.forward(x, training=True), first[0])  # calls with seeds do not count
    copied = pickle.loads(pickle.dumps(layer))
    assert np.array_equal(copied.forward(x, training=True), first[1])
    assert np.array_equal(copied.forward(x), x)
    for seeds in (np.arange(3), np.zeros((4, 1), int), 7):
        with pytest.raises(ShapeError, match="one a clip"):
            layer.forward(x, training=True, seeds=seeds)


def test_inference_folds_batch_norm_into_the_convolution():
    network = build("tc-resnet8", 4, 10, 0)
    rng = RNG(1)
    for _ in range(3):
        network.forward(rng.standard_normal((20, 30, 10)).astype("float32"), training=True)
    x = rng.standard_normal((5, 30, 10)).astype("float32")

    def plain(layer, x):
        if isinstance(layer, nn.Sequential):
            for inner in layer.layers:
                x = plain(inner, x)
            return x
        if isinstance(layer, nn.Residual):
            return np.maximum(plain(layer.main, x) + plain(layer.shortcut, x), 0)
        return layer.forward(x)

    assert_close(network.forward(x), plain(network, x), 2e-5)


def train_steps(threads, batch, steps=2):
    network = build("tc-resnet8", 3, 7, 0)
    optimiser, rng, outputs = nn.AdamW(network), RNG(2), []
    for _ in range(steps):
        x = rng.standard_normal((batch, 20, 7)).astype("float32")
        targets = nn.one_hot(rng.integers(0, 3, batch), 3)
        logits = network.forward(x, training=True, threads=threads)
        _, grad = nn.softmax_cross_entropy(logits, targets, 0.1)
        outputs += [logits, network.backward(grad), *(g.copy() for g in network.gradients().values())]
        optimiser.step(0.01)
    return outputs + [w.copy() for w in network.state_dict().values()]


@pytest.mark.parametrize("make", [lambda r: nn.Dense(4, 3, rng=r), lambda r: nn.Sequential([nn.Dense(4, 3, rng=r)])])
def test_inference_keeps_the_weights_that_it_was_made_with(make):
    layer, x = make(RNG(0)), RNG(1).standard_normal((2, 4)).astype("float32")
    before, infer = layer.forward(x), layer.inference()
    layer.load_state_dict({name: 2 * array + 1 for name, array in layer.state_dict().items()})
    np.testing.assert_array_equal(infer(x), before)
    np.testing.assert_array_equal(infer(x[:1]), before[:1])
    assert not np.array_equal(layer.forward(x), before)


@pytest.mark.parametrize("batch", [0, 1, 5, 8, 21])
def test_training_has_the_same_bits_with_any_number_of_threads(batch):
    expected = train_steps(1, batch)
    assert all(np.isfinite(array).all() for array in expected)
    for threads in (2, 3, 8):
        assert all(np.array_equal(a, b) for a, b in zip(expected, train_steps(threads, batch), strict=True))


def test_batches_of_other_sizes_leave_nothing_behind():
    once = nn.Conv1d(3, 4, 3, rng=RNG(0))
    again = nn.Conv1d(3, 4, 3, rng=RNG(0))
    big, small = RNG(1).standard_normal((20, 30, 3)), RNG(2).standard_normal((3, 9, 3))
    again.backward(again.forward(big, training=True))
    for layer in (once, again):
        layer.backward(layer.forward(small, training=True))
    assert np.array_equal(once.gradients()["weight"], again.gradients()["weight"])


@pytest.mark.parametrize("batch", [0, 1, 7, 40])
def test_inference_of_a_clip_has_the_same_bits_in_any_batch(batch):
    network = build("tc-resnet8", 3, 7, 0)
    x = RNG(0).standard_normal((batch, 50, 7)).astype("float32")
    y = network.forward(x, threads=2)
    assert y.shape == (batch, 3)
    assert all(np.array_equal(network.forward(x[i : i + 1])[0], y[i]) for i in range(batch))


def test_a_nan_clip_spoils_only_itself_outside_of_training():
    network = build("tc-resnet8", 3, 7, 0)
    x = RNG(0).standard_normal((4, 50, 7)).astype("float32")
    x[2, 20, 3] = np.nan
    assert np.isnan(network.forward(x)).all(axis=1).tolist() == [False, False, True, False]


def test_weights_go_from_one_network_to_another():
    first, second = build("tc-resnet8", 3, 7, 0), build("tc-resnet8", 3, 7, 1)
    x = RNG(0).standard_normal((9, 50, 7)).astype("float32")
    first.forward(x, training=True)
    assert not np.array_equal(first.forward(x), second.forward(x))
    second.load_state_dict(first.state_dict())
    assert np.array_equal(first.forward(x), second.forward(x))
    assert "3.main.0.weight" in first.state_dict()
    weights = dict(first.state_dict())
    bias = weights.pop("8.bias")
    with pytest.raises(ModelFileError, match="bias"):
        second.load_state_dict(weights)
    with pytest.raises(ShapeError, match="bias"):
        second.load_state_dict(weights | {"8.bias": bias[:2]})
    with pytest.raises(DtypeError, match=r"weight 8\.bias must be an array of real numbers, not of complex64"):
        second.load_state_dict(weights | {"8.bias": bias * 1j})
    with pytest.raises(ArgumentError, match=r"state_dict must be a dict of arrays by name"):
        second.load_state_dict([*first.state_dict().items()])
    assert np.array_equal(first.forward(x), second.forward(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential(nn.ReLU()), r"layers must be a list of layers, not ReLU\(\)"),
        (lambda: nn.Sequential(None), "layers must be a list of layers, not None"),
        (lambda: nn.Sequential([np.tanh]), "layer 0 must be a layer"),
        (lambda: nn.Sequential([nn.ReLU(), nn.ReLU]), "layer 1 must be a layer"),
        (lambda: nn.Residual([nn.ReLU()]), r"main must be a layer, such as a Sequential, not \[ReLU\(\)\]"),
        (lambda: nn.Residual(nn.ReLU(), [nn.ReLU()]), "layer shortcut must be a layer"),
        (lambda: nn.Broadcast(None), "main must be a layer"),
        (lambda: nn.Conv1d(3, 4, 3, rng=0), "rng must be a Generator of NumPy, .* not 0"),
        (lambda: nn.Dense(3, 4, rng=None), "rng must be a Generator of NumPy, .* not None"),
    ],
)
def test_what_is_no_layer_and_no_generator_is_named(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_what_layers_refuse():
    layer = nn.Conv1d(3, 4, 3, rng=RNG(0))
    with pytest.raises(AudioconvError, match="before"):
        layer.backward(np.zeros((1, 5, 4)))
    with pytest.raises(ShapeError, match="3 channels"):
        layer.forward(np.zeros((1, 5, 2)))
    with pytest.raises(DtypeError):
        layer.forward(np.zeros((1, 5, 3), int))
    layer.forward(np.zeros((2, 5, 3)), training=True)
    for shape in [(1, 5, 4), (2, 4, 4), (2, 5, 3)]:
        with pytest.raises(ShapeError):
            layer.backward(np.zeros(shape))
    with pytest.raises(ShapeError, match="shortcut"):
        nn.Residual(nn.Conv1d(3, 4, 3, rng=RNG(0))).forward(np.zeros((1, 5, 3)))
    with pytest.raises(ArgumentError, match="rate"):
        nn.Dropout(1.0)
    with pytest.raises(ShapeError, match="no time"):
        nn.GlobalAveragePool().forward(np.zeros((1, 0, 3)))
    with pytest.raises(ShapeError, match="window"):
        nn.MaxPool1d(2, padding=2)


def test_a_pickled_network_carries_its_weights_and_not_its_batches():
    network = build("tc-resnet8", 3, 7, 0)
    x = RNG(0).standard_normal((40, 50, 7)).astype("float32")
    network.backward(network.forward(x, training=True))
    stored = pickle.dumps(network)
    assert np.array_equal(pickle.loads(stored).forward(x), network.forward(x))
    assert len(stored) < 4 * sum(w.nbytes for w in network.state_dict().values())


def test_two_threads_cannot_train_one_network():
    layer = nn.Conv1d(3, 4, 3, rng=RNG(0))
    with layer._guard, pytest.raises(BusyError):
        layer.forward(np.zeros((1, 5, 3)), training=True)
