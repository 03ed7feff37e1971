"""The networks are the published ones, and their gradients are right."""

import numpy as np
import pytest

from audioconv import models, nn
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.ops import addition, pointwise
from audioconv.nn.ops import batch_norm as norms
from audioconv.nn.ops.graph import Graph
from audioconv.nn.ops.outputs import output
from audioconv.nn.runtime.program import Program, training_plan
from tests.compare import assert_close

NETWORKS = {
    "TC-ResNet8": (models.tc_resnet8, (98, 40), 65_180),
    "TC-ResNet14-1.5": (models.tc_resnet14_15, (98, 40), 303_012),
    "MLP": (models.mlp, (25, 10), 79_644),
    "DS-CNN-S": (models.ds_cnn_s, (49, 10, 1), 23_756),
    "BC-ResNet-1": (models.bc_resnet, (101, 40, 1), 9_232),
    "DS-TCN": (models.ds_tcn, (98, 40), 23_372),
    "CNN-TC-ResNet": (models.cnn_tc_resnet, (98, 40, 1), 105_004),
}
RNG = np.random.default_rng


@pytest.mark.parametrize("name", NETWORKS)
def test_parameter_count_and_shape(name):
    make, shape, count = NETWORKS[name]
    network = make(12, shape[1], rng=RNG(0))
    assert sum(p.size for p in network.parameters().values()) == count
    assert network.forward(np.zeros((2, *shape), "float32")).shape == (2, 12)


def choices_of(network, x, monkeypatch):
    """A function that gives (output, where each ReLU lets through) of the network as it is, in training."""
    found = []

    def noting(function):
        def note(*args, **options):
            y = function(*args, **options)
            if "relu" in [*args, *options.values()]:
                found.append(y)
            return y

        return note

    with monkeypatch.context() as patch:
        for module, name in ((norms, "normalise"), (addition, "add"), (pointwise, "activate")):
            patch.setattr(module, name, noting(getattr(module, name)))
        graph = Graph(network.dtype, True, len(x))
        y = network._build(graph, graph.placeholder("x", x.shape[1:]))
    arrays = {"x": x, "seeds": np.arange(len(x))}
    for name, tensor in [("y", y), *((f"choice {n}", t) for n, t in enumerate(found))]:
        output(graph, tensor, name)
        arrays[name] = np.empty((len(x), *tensor.shape))
    program = Program(training_plan(graph))

    def run():
        program.run(arrays)
        chosen = [arrays[name] > 0 for name in arrays if name.startswith("choice")]
        return arrays["y"].copy(), np.concatenate([c.ravel() for c in chosen] or [np.zeros(0, bool)])

    return run, len(found)


@pytest.mark.parametrize(
    ("name", "relus"),
    [
        ("TC-ResNet8", 10),
        ("TC-ResNet14-1.5", 16),
        ("DS-CNN-S", 9),
        ("BC-ResNet-1", 18),
        ("DS-TCN", 9),
        ("CNN-TC-ResNet", 9),
    ],
)
def test_gradient_along_random_directions(name, relus, monkeypatch):
    make, (_, features, *rest), _ = NETWORKS[name]
    network, rng = make(4, features, rng=RNG(1), dtype=np.float64), RNG(2)
    parameters = network.parameters()
    for parameter in parameters.values():
        parameter += 0.1 * rng.standard_normal(parameter.shape)
    x, grad_y = rng.standard_normal((3, 24, features, *rest)), rng.standard_normal((3, 4))
    network.forward(x, training=True)
    network.backward(grad_y)
    gradients = {key: gradient.copy() for key, gradient in network.gradients().items()}
    kept = {key: parameter.copy() for key, parameter in parameters.items()}
    run, count = choices_of(network, x, monkeypatch)
    assert count == relus

    def value(directions, step):
        for key, parameter in parameters.items():
            parameter[...] = kept[key] + step * directions[key]
        y, chosen = run()
        return (y * grad_y).sum(), chosen

    checked, drawn, step = 0, 0, 1e-6
    while checked < 20:
        directions = {key: rng.standard_normal(parameter.shape) for key, parameter in kept.items()}
        (above, chosen), (below, others) = value(directions, step), value(directions, -step)
        drawn += 1
        assert drawn < 200, "hardly a direction without a kink"
        if not np.array_equal(chosen, others):
            continue  # on the two sides of a kink there are two slopes
        found = sum((gradients[key] * directions[key]).sum() for key in kept)
        assert_close(found, (above - below) / (2 * step), 1e-5)
        checked += 1


@pytest.mark.parametrize("name", models.MODELS)
def test_each_model_is_made_for_its_features(name):
    made = models.resolve_model(name)
    features = made.features(16000)
    network = models.build(name, 12, features.n_features, 0, features.frames(16000))
    clip = np.zeros((2, features.frames(16000), features.n_features), "float32")
    assert network.forward(models.network_input(network, clip)).shape == (2, 12)
    counts = {"bc-resnet-3": 54_168, "bc-resnet-2": 27_284, "bc-resnet-1": 9_232, "ds-cnn-s": 23_756, "mlp": 79_644}
    if name in counts:
        assert sum(p.size for p in network.parameters().values()) == counts[name]


def test_a_model_may_be_a_function_that_makes_layers():
    def mine(classes, features, *, rng):
        return [nn.Conv1d(features, 8, 5, rng=rng), nn.GlobalAveragePool(), nn.Dense(8, classes, rng=rng)]

    network = models.build(mine, 3, 40, 0)
    assert network.forward(np.zeros((2, 98, 40), "float32")).shape == (2, 3)
    with pytest.raises(ArgumentError, match="list of layers"):
        models.build(lambda classes, features, *, rng: "layers", 3, 40, 0)
    with pytest.raises(ArgumentError, match="model must be one of 'tc-resnet8'"):
        models.resolve_model("resnet50")


@pytest.mark.parametrize(
    ("name", "count"),
    [("TC-ResNet8", 65_168), ("TC-ResNet14-1.5", 303_000), ("DS-CNN-S", 23_180), ("DS-TCN", 23_372), ("MLP", 79_644)],
)
def test_networks_as_in_their_authors_code(name, count):
    make, shape, _ = NETWORKS[name]
    network = make(12, shape[1], as_published=True, rng=RNG(0))
    assert sum(p.size for p in network.parameters().values()) == count
    x = RNG(1).standard_normal((3, *shape)).astype("float32")
    assert network.forward(x).shape == (3, 12)
    y = network.forward(x, training=True)
    network.backward(nn.SoftmaxCrossEntropy()(y, np.array([0, 1, 2]))[1])
    assert all(gradient.any() for key, gradient in network.gradients().items() if key.endswith("weight"))


def test_what_differs_in_the_authors_code():
    tc, ds, tcn, mlp = (
        make(12, as_published=True, rng=RNG(0))
        for make in (models.tc_resnet8, models.ds_cnn_s, models.ds_tcn, models.mlp)
    )
    assert tc.layers[-1].bias is None
    assert tc.layers[3].main.layers[0].geometry.at((98, 16)).time.padding == (3, 4)  # TensorFlow's, with a stride of 2
    assert tc.layers[1].epsilon == ds.layers[1].epsilon == 1e-3
    assert not [key for key in ds.parameters() if key.endswith("scale")]
    assert not any(isinstance(layer, nn.Dropout) for layer in ds.layers)
    assert ds.layers[0].geometry.at((49, 10, 1)).time.padding == (4, 5)
    block = tcn.layers[2]
    assert block.activation == "linear"
    assert [type(layer) for layer in block.main.layers[-3:]] == [nn.BatchNorm, nn.ReLU, nn.Dropout]
    assert mlp.layers[0].forward(np.zeros((1, 25, 10), "float32")).shape == (1, 1, 144)
    with pytest.raises(ShapeError, match="shorter than the filter"):
        mlp.forward(np.zeros((1, 24, 10), "float32"))


def test_a_batch_norm_without_scale_trains_its_shift_alone():
    norm, x = nn.BatchNorm(3, scale=False), RNG(0).standard_normal((5, 4, 3)).astype("float32")
    y = norm.forward(x, training=True)
    norm.backward(y)
    assert list(norm.parameters()) == list(norm.gradients()) == ["shift"]
    assert list(norm.state_dict()) == ["shift", "mean", "variance"]
    plain = nn.BatchNorm(3)
    assert np.array_equal(plain.forward(x, training=True), y)
    plain.backward(y)
    assert np.array_equal(plain.gradients()["shift"], norm.gradients()["shift"])


def test_the_front_of_a_cnn_tc_resnet_takes_any_number_of_bands():
    for features in (10, 39, 64):
        network = models.cnn_tc_resnet(3, features, rng=RNG(0))
        assert network.forward(np.zeros((1, 50, features, 1), "float32")).shape == (1, 3)


def test_channels_of_larger_networks():
    network = models.bc_resnet(12, 40, scale=2, rng=RNG(0))
    assert network.parameters()["0.weight"].shape == (5, 5, 1, 32)
    assert network.forward(np.zeros((1, 20, 40, 1), "float32")).shape == (1, 12)


def test_features_that_bands_cannot_divide_are_refused():
    with pytest.raises(ArgumentError, match="multiple of 40"):
        models.bc_resnet(12, 60, rng=RNG(0))


def test_two_dimensional_networks_refuse_frames_without_channel():
    with pytest.raises(ShapeError, match="Conv2d takes 4 dimensions"):
        models.ds_cnn_s(12, rng=RNG(0)).forward(np.zeros((1, 49, 10), "float32"))


@pytest.mark.parametrize(("dilated", "receptive_field"), [(True, 513), (False, 97)])
def test_the_network_of_sound_events_hears_as_far_back_as_it_says(dilated, receptive_field):
    network = models.sed_tcn(3, 16, dilated=dilated, rng=RNG(0))
    for layer in network.parameters():
        if layer.endswith("weight"):  # so that no path is cut off by a ReLU
            network.parameters()[layer][...] = np.abs(network.parameters()[layer])
    x = np.ones((1, 601, 16, 1), np.float32)
    rows = network.forward(x)[0, :, 0]
    assert len(rows) == 151
    changed = []
    for back in (0, receptive_field - 1, receptive_field):
        other = x.copy()
        other[0, 600 - back] += 100
        changed.append(bool(np.any(network.forward(other)[0, -1, 0] != rows[-1])))
        assert np.array_equal(network.forward(other)[0, : (600 - back + 3) // 4, 0], rows[: (600 - back + 3) // 4])
    assert changed == [True, True, False]
    count = sum(p.size for p in network.parameters().values())
    assert count == sum(p.size for p in models.sed_tcn(3, 16, rng=RNG(0)).parameters().values())
