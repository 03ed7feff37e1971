"""What is set on layers, optimisers, losses and averages holds from the next call on, and is checked when it is set."""

import copy

import numpy as np
import pytest

from audioconv import nn
from audioconv.errors import ArgumentError, AudioconvError, DtypeError, ShapeError
from tests.compare import assert_close

RNG = np.random.default_rng


def x_of(*shape, seed=0):
    return RNG(seed).standard_normal(shape).astype("float32")


def network(rate=0.5, momentum=0.1, epsilon=1e-5, power=2.0):
    rng = RNG(0)
    pool, norm = nn.LpPool1d(2, p=power), nn.BatchNorm(4, momentum, epsilon)
    layers = [nn.Conv1d(3, 4, 3, rng=rng), norm, nn.Residual(nn.Conv1d(4, 4, 3, rng=rng)), pool, nn.Dropout(rate)]
    return nn.Sequential([*layers, nn.GlobalAveragePool(), nn.Dense(4, 2, rng=rng)])


def assign(changed, name, value):
    layer = {"rate": 4, "momentum": 1, "epsilon": 1, "power": 3, "activation": 2}[name]
    setattr(changed.layers[layer], name, value)


SETTINGS = {"rate": (0.0, 0.75), "momentum": (1.0,), "epsilon": (0.5,), "power": (3.0,)}


@pytest.mark.parametrize(("name", "values"), SETTINGS.items())
def test_settings_of_layers_hold_from_the_next_step_on(name, values):
    x, targets = x_of(8, 12, 3), nn.one_hot(np.arange(8) % 2, 2)

    def use(trained, step):
        value, y = step(x, targets, learning_rate=0.0, seeds=np.arange(8))
        z = trained.forward(x, training=True, seeds=np.arange(8))
        grad_x = trained.backward(z)
        made = [trained.forward(x), trained.inference()(x)]
        return [np.array(value), y, z, grad_x, *made, *trained.gradients().values(), *trained.buffers().values()]

    def step_of(trained):
        return nn.TrainingStep(trained, nn.SGD(trained), nn.SoftmaxCrossEntropy())

    changed = network()
    step = step_of(changed)
    before = use(changed, step)
    for value in values:
        fresh = network(**{name: value})
        fresh.load_state_dict(changed.state_dict())
        assign(changed, name, value)
        after, expected = use(changed, step), use(fresh, step_of(fresh))
        assert all(np.array_equal(a, b) for a, b in zip(after, expected, strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))


def test_the_activation_of_a_residual_may_be_changed():
    residual, x = nn.Residual(nn.Conv1d(3, 3, 3, rng=RNG(0))), x_of(2, 5, 3)
    y = residual.forward(x, training=True)
    assert (y >= 0).all()
    residual.activation = "linear"
    for training in (True, False):
        z = residual.forward(x, training=training)
        assert z.min() < 0
        assert np.array_equal(np.maximum(z, 0), y)
    with pytest.raises(ArgumentError, match="activation"):
        residual.activation = "tanh"


def test_streams_and_functions_made_afterwards_have_the_new_settings():
    layer = nn.Sequential([nn.BatchNorm(3)])
    x, before, infer = x_of(1, 6, 3), layer.stream((3,)), layer.inference()
    layer.layers[0].epsilon = 3.0
    layer.layers[0].shift = [1.0, 2.0, 3.0]
    assert_close(layer.stream((3,)).process(x[0]), x[0] / 2 + [1, 2, 3], 1e-6)
    assert_close(layer.inference()(x), x / 2 + [1, 2, 3], 1e-6)
    assert_close(before.process(x[0]), x[0], 1e-4)
    assert_close(infer(x), x, 1e-4)


def test_assigned_arrays_are_copied_into_those_of_the_layer():
    layer, x = nn.Dense(3, 2, rng=RNG(0)), x_of(4, 3)
    trained = nn.Sequential([layer, nn.BatchNorm(2)])
    step = nn.TrainingStep(trained, nn.SGD(trained), nn.MeanSquaredError())
    step(x, np.zeros((4, 2), "float32"), 0.1)
    own, new = layer.weight, RNG(5).standard_normal((3, 2))
    layer.weight = new
    layer.bias = np.array([1.0, -1.0])
    assert layer.weight is own is trained.parameters()["0.weight"]
    assert np.array_equal(own, new.astype("float32"))
    assert_close(layer.forward(x), x @ new + [1, -1], 1e-5)
    other = nn.Sequential([nn.Dense(3, 2, rng=RNG(9)), nn.BatchNorm(2)])
    other.load_state_dict(trained.state_dict())
    expected = nn.TrainingStep(other, nn.SGD(other), nn.MeanSquaredError())(x, np.zeros((4, 2), "float32"), 0.0)[1]
    assert np.array_equal(step(x, np.zeros((4, 2), "float32"), 0.0)[1], expected)
    layer.weight *= 2
    assert np.array_equal(layer.weight, 2 * new.astype("float32"))
    norm = trained.layers[1]
    norm.mean, norm.variance, norm.scale = np.array([1.0, 2.0]), [4.0 - 1e-5] * 2, np.array([3, 3], "float32")
    assert_close(norm.forward(x[:, :2]), (x[:, :2] - [1, 2]) * 1.5, 1e-6)


def test_assigned_arrays_are_checked():
    layer = nn.Conv1d(3, 4, 3, rng=RNG(0))
    kept = layer.weight.copy()
    with pytest.raises(ShapeError, match=r"weight of a Conv1d must have shape \(3, 3, 4\), not \(4, 3, 3\)"):
        layer.weight = np.zeros((4, 3, 3), "float32")
    with pytest.raises(DtypeError, match="weight"):
        layer.weight = np.zeros((3, 3, 4), int)
    with pytest.raises(AudioconvError, match="taken away"):
        layer.bias = None
    with pytest.raises(ShapeError, match="variance"):
        nn.BatchNorm(3).variance = np.ones(2)
    with pytest.raises(AudioconvError, match="fixed"):
        layer.dtype = np.float64
    with pytest.raises(AudioconvError, match="fixed"):
        nn.BatchNorm(3).channels = 4
    assert np.array_equal(layer.weight, kept)


def test_a_bias_may_be_added():
    for layer in (nn.Conv1d(3, 4, 3, bias=False, rng=RNG(0)), nn.Conv1dTranspose(3, 4, 3, bias=False, rng=RNG(0))):
        x = x_of(2, 5, 3)
        y, optimiser = layer.forward(x, training=True), nn.SGD(layer)
        with pytest.raises(ShapeError, match="bias"):
            layer.bias = np.ones(3)
        layer.bias = np.ones(4)
        assert_close(layer.forward(x, training=True), y + 1, 1e-6)
        layer.backward(np.ones_like(y))
        assert_close(layer.gradients()["bias"], np.full(4, y[..., 0].size), 1e-6)
        with pytest.raises(AudioconvError, match=r"other parameters than when its SGD was made \(bias\)"):
            optimiser.step(0.1)


BAD = [
    (lambda: nn.Dropout(0.5), "rate", (-0.1, 1.0, np.nan, "half", None)),
    (lambda: nn.BatchNorm(3), "momentum", (0.0, 1.5, -1, np.inf)),
    (lambda: nn.BatchNorm(3), "epsilon", (0.0, -1e-5, np.nan)),
    (lambda: nn.SubSpectralNorm(3, 2), "epsilon", (0.0,)),
    (lambda: nn.AdamW(network()), "weight_decay", (-0.1, np.nan)),
    (lambda: nn.AdamW(network()), "beta1", (1.0, -0.1)),
    (lambda: nn.AdamW(network()), "beta2", (1.0, -0.1)),
    (lambda: nn.AdamW(network()), "epsilon", (-1e-8, 0.0)),
    (lambda: nn.AdamW(network()), "clip_grad_norm", (0.0, -1.0, np.nan)),
    (lambda: nn.SGD(network()), "momentum", (-0.5, np.nan)),
    (lambda: nn.ExponentialMovingAverage(network()), "decay", (1.0, -0.1)),
    (lambda: nn.SoftmaxCrossEntropy(), "label_smoothing", (1.0, -0.1)),
]


@pytest.mark.parametrize(("make", "name", "values"), BAD)
def test_settings_are_checked_when_they_are_set(make, name, values):
    made = make()
    kept = getattr(made, name)
    for value in values:
        shown = f"{value:g}" if isinstance(value, (int, float)) and np.isfinite(value) else repr(value)
        with pytest.raises(ArgumentError, match=f"{name} must be .*not {shown}"):
            setattr(made, name, value)
        with pytest.raises(ArgumentError, match=name):
            type(made)(*{"Dropout": (), "BatchNorm": (3,), "SubSpectralNorm": (3, 2), "SoftmaxCrossEntropy": ()}.get(
                type(made).__name__, (network(),)), **{name: value})  # fmt: skip
        assert getattr(made, name) == kept


def test_settings_of_pools_and_losses_are_checked_when_they_are_set():
    pool, x = nn.LpPool1d(2, p=1), np.array([[[3.0], [4.0], [0.0], [-2.0]]])
    assert pool.forward(x).ravel().tolist() == [7, 2]
    pool.p = 2
    assert pool.forward(x).ravel().tolist() == [5, 2]
    assert pool.power == pool.p == 2
    maxout, bce = nn.Maxout(2), nn.BinaryCrossEntropy()
    bad = ((pool, "p", 0.5), (pool, "power", np.inf), (pool, "p", "2"), (maxout, "pieces", 0), (maxout, "pieces", 1.5),
           (nn.SoftmaxCrossEntropy(), "ignore_index", 0.5), (bce, "reduction", "sum"))  # fmt: skip
    for made, name, value in bad:
        before = getattr(made, name)
        with pytest.raises(ArgumentError, match="p must be" if name == "power" else f"{name} must be"):
            setattr(made, name, value)
        assert getattr(made, name) == before
    average = nn.AveragePool1d(3, 1, 1)
    assert average.forward(x[:, :2]).ravel().tolist() == [3.5, 3.5]
    average.count_include_pad = 1
    assert_close(average.forward(x[:, :2]).ravel(), [7 / 3, 7 / 3], 1e-6)


def fixed(kind, *sizes, **options):
    return kind(*sizes, **options, rng=RNG(0))


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (fixed(nn.Conv1d, 3, 4, 3), "stride", 2),
        (fixed(nn.Conv1d, 3, 4, 3), "in_channels", 2),
        (fixed(nn.Conv1d, 3, 4, 3), "geometry", fixed(nn.Conv1d, 3, 4, 5).geometry),
        (fixed(nn.Conv2dTranspose, 3, 4, 3), "output_padding", 1),
        (fixed(nn.DepthwiseConv2d, 3, 3), "dilation", 2),
        (fixed(nn.LocallyConnected1d, 3, 4, 3, 5), "output_size", 6),
        (fixed(nn.Dense, 3, 4), "out_features", 5),
        (nn.MaxPool1d(2), "kernel_size", 3),
        (nn.MaxPool2d(2), "axes", nn.MaxPool2d(3).axes),
        (nn.AveragePool1d(2), "padding", 1),
        (nn.BatchNorm(4), "bands", 2),
        (nn.SubSpectralNorm(4, 2), "bands", 3),
    ],
)
def test_what_a_layer_is_made_from_is_fixed(layer, name, value):
    with pytest.raises(AudioconvError, match=f"{name} of a {type(layer).__name__} is fixed when it is made"):
        setattr(layer, name, value)


@pytest.mark.parametrize("dtype", ["float16", int, "complex64"])
def test_layers_have_float32_or_float64(dtype):
    for make in (lambda: nn.ReLU(dtype), lambda: nn.BatchNorm(3, dtype=dtype), lambda: nn.MaxPool1d(2, dtype=dtype)):
        with pytest.raises(ArgumentError, match="dtype must be 'float32' or 'float64'"):
            make()


@pytest.mark.parametrize("rate", [-0.1, np.nan, np.inf])
def test_the_learning_rate_is_checked(rate):
    trained = network()
    step, before = (
        nn.TrainingStep(trained, nn.SGD(trained), nn.SoftmaxCrossEntropy()),
        copy.deepcopy(trained.state_dict()),
    )
    with pytest.raises(ArgumentError, match="learning_rate"):
        step(x_of(8, 12, 3), nn.one_hot(np.arange(8) % 2, 2), rate)
    assert all(np.array_equal(before[name], array) for name, array in trained.state_dict().items())


CHANGES = {
    "weight_decay": (nn.AdamW, 0.3), "beta1": (nn.AdamW, 0.2), "beta2": (nn.AdamW, 0.5), "epsilon": (nn.AdamW, 0.1),
    "clip_grad_norm": (nn.AdamW, 0.01), "momentum": (nn.SGD, 0.1), "nesterov": (nn.SGD, False),
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "value"), [(name, *each) for name, each in CHANGES.items()])
def test_settings_of_optimisers_hold_from_the_next_step_on(name, kind, value):
    x, targets = x_of(8, 12, 3), nn.one_hot(np.arange(8) % 2, 2)
    found = []
    for change in (True, False):
        weights = []
        for single in (False, True):
            trained = network()
            optimiser = kind(trained)
            step = nn.TrainingStep(trained, optimiser, nn.SoftmaxCrossEntropy())
            for number in range(3):
                if number == 1 and change:
                    setattr(optimiser, name, value)
                if single:
                    y = trained.forward(x, training=True, seeds=np.arange(8))
                    trained.backward(nn.SoftmaxCrossEntropy()(y, targets)[1])
                    optimiser.step(0.1)
                else:
                    step(x, targets, 0.1, seeds=np.arange(8))
            weights.append(np.concatenate([p.ravel() for p in trained.parameters().values()]))
        assert_close(*weights, 1e-4)
        found.append(weights[0])
    assert np.abs(found[0] - found[1]).max() > 1e-4 * np.abs(found[0]).max()


def test_decay_of_an_average_losses_and_averages_may_be_changed():
    trained, x, targets = network(), x_of(8, 12, 3), nn.one_hot(np.arange(8) % 2, 2)
    ema = nn.ExponentialMovingAverage(trained, 0.9)
    step = nn.TrainingStep(trained, nn.SGD(trained), nn.SoftmaxCrossEntropy(), ema)
    first = step(x, targets, 0.1, seeds=np.arange(8))[0]
    ema.decay = 0.0
    step(x, targets, 0.1)
    assert all(np.array_equal(ema.state_dict()[n], p) for n, p in trained.parameters().items())
    step.ema = other = nn.ExponentialMovingAverage(trained, 0.0)
    kept = {name: array.copy() for name, array in ema.averages.items()}
    step(x, targets, 0.1)
    assert all(np.array_equal(other.state_dict()[n], p) for n, p in trained.parameters().items())
    assert all(np.array_equal(ema.averages[n], p) for n, p in kept.items())
    fresh = network()
    step = nn.TrainingStep(fresh, nn.SGD(fresh), nn.MeanSquaredError())
    step(x, targets, 0.0)
    step.loss = nn.SoftmaxCrossEntropy()
    assert step(x, targets, 0.0, seeds=np.arange(8))[0] == first
    step.loss.label_smoothing = 0.5
    smooth = step(x, targets, 0.0, seeds=np.arange(8))[0]
    step.loss.label_smoothing, step.loss.class_weights = 0.0, [5.0, 1.0]
    weighted = step(x, targets, 0.0, seeds=np.arange(8))[0]
    assert len({first, smooth, weighted}) == 3
    with pytest.raises(ShapeError, match="class_weights"):
        step.loss.class_weights = [[1.0, 2.0]]


def test_layers_are_changed_by_assigning_them():
    trained, x = network(), x_of(8, 12, 3)
    targets = nn.one_hot(np.arange(8) % 2, 2)
    step, kept = (
        nn.TrainingStep(trained, nn.SGD(trained), nn.SoftmaxCrossEntropy()),
        copy.deepcopy(trained.state_dict()),
    )
    before = step(x, targets, 0.0, seeds=np.arange(8))[1], trained.forward(x), trained.stream(average=4).process(x[0])
    for change in (
        lambda: trained.layers.append(nn.ReLU()), lambda: trained.layers.pop(), lambda: trained.layers.clear(),
        lambda: trained.layers.__setitem__(0, nn.ReLU()), lambda: trained.layers.insert(0, nn.ReLU()),
    ):  # fmt: skip
        with pytest.raises(AudioconvError, match=r"network\.layers = "):
            change()
    trained.layers = [*trained.layers, nn.Sigmoid()]

    def sigmoid(y):
        return 1 / (1 + np.exp(-y.astype(float)))

    trained.load_state_dict(kept)
    after = step(x, targets, 0.0, seeds=np.arange(8))[1], trained.forward(x), trained.stream(average=4).process(x[0])
    for y, z in zip(before, after, strict=True):
        assert_close(z, sigmoid(y), 1e-6)
    assert len(trained.layers) == 8
    trained.layers = trained.layers[:-1] + [nn.Dense(2, 2, rng=RNG(0))]
    assert "7.weight" in trained.parameters()
    with pytest.raises(AudioconvError, match=r"SGD was made \(7.bias, 7.weight\); make a new one"):
        step(x, targets, 0.1)
    ema = nn.ExponentialMovingAverage(network())
    ema.network = trained
    step = nn.TrainingStep(trained, nn.SGD(trained), nn.SoftmaxCrossEntropy(), ema)
    with pytest.raises(AudioconvError, match="ExponentialMovingAverage"):
        step(x, targets, 0.1)


def test_branches_may_be_assigned():
    residual, x = nn.Residual(nn.Dense(3, 3, rng=RNG(0)), activation="linear"), x_of(4, 3)
    y = residual.forward(x)
    residual.shortcut = nn.Sequential([nn.ReLU()])
    assert_close(residual.forward(x), y - x + np.maximum(x, 0), 1e-6)
    residual.main = nn.Dense(3, 3, rng=RNG(1))
    assert residual.parameters()["main.weight"] is residual.main.weight
    assert_close(residual.forward(x), x @ residual.main.weight + np.maximum(x, 0), 1e-5)


def test_settings_between_forward_and_backward_are_for_the_next_forward():
    drop, x = nn.Dropout(0.5), np.ones((4, 50), "float32")
    y = drop.forward(x, training=True)
    drop.rate = 0.0
    assert np.array_equal(drop.backward(x), y)
    assert np.array_equal(drop.forward(x, training=True), x)
