"""Parameter sharing: the same connections with one set of weights, with a few in rotation, with one for each place."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv import nn, parallel
from audioconv._typing import Array
from audioconv.lab import data, pictures, training
from audioconv.lab.comparison import spread
from audioconv.lab.settings import Settings
from audioconv.nn.layers.convolution import Convolution

if TYPE_CHECKING:
    from audioconv.report import Report

FILTERS, KERNEL_SIZE, STRIDE = 64, (10, 4), (2, 2)  # the first layer of DS-CNN
SHARES = (0.02, 0.05, 0.2, 1.0)
STEPS, QUICK_STEPS = 300, 100
LINE = "the cat sat on the mat while another cat slept"
PATTERN = "cat"


class Sharing(NamedTuple):
    """A first layer and how well a network learns with it: accuracies (shares, seeds)."""

    name: str
    weights: int  # biases included
    accuracy: Array


def first_layers(shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, Convolution]:
    """The same windows, filters and places: weights shared by all places, four sets in rotation, one for each place."""
    rows, columns = (-(-size // step) for size, step in zip(shape[:2], STRIDE, strict=True))
    return {
        "shared": nn.Conv2d(1, FILTERS, KERNEL_SIZE, STRIDE, rng=rng),
        "tiled, 2 x 2": nn.TiledConv2d(1, FILTERS, KERNEL_SIZE, 2, STRIDE, rng=rng),
        "unshared": nn.LocallyConnected2d(1, FILTERS, KERNEL_SIZE, (rows, columns), stride=STRIDE, rng=rng),
    }


def parameter_count(layer: nn.Layer) -> int:
    """Weights and biases of a layer."""
    return sum(p.size for p in layer.parameters().values())


def network(name: str, shape: tuple[int, ...], classes: int, seed: int) -> nn.Sequential:
    """One hidden layer, means over 5 x 5 places, and a dense layer."""
    rng = np.random.default_rng([seed, 0x22])
    layer = first_layers(shape, rng)[name]
    places = layer.geometry.outputs(shape)
    pooled_rows, pooled_columns = (-(-n // 5) for n in places[:2])
    head = nn.Conv2d(FILTERS, classes, (pooled_rows, pooled_columns), padding="valid", rng=rng)
    return nn.Sequential([layer, nn.ReLU(), nn.AveragePool2d(5, padding=((0, -places[0] % 5), (0, -places[1] % 5))),
                          head, nn.GlobalAveragePool()])  # fmt: skip


def measure(task: data.Task, settings: Settings, steps: int, shares: Sequence[float] = SHARES) -> list[Sharing]:
    """Train a network with each first layer on each share of the data, with each seed."""
    layers = first_layers(task.shape, np.random.default_rng(0))
    cells = [(name, share, seed) for name in layers for share in shares for seed in settings.seeds]

    def accuracy(cell: tuple[str, float, int]) -> float:
        name, share, seed = cell
        chosen, classes = task.share(share, seed), len(task.classes)
        built = network(name, task.shape, classes, seed)
        training.train(built, task.train_x[chosen], task.train_y[chosen], classes, steps, seed)
        return training.accuracy(built, task.test_x, task.test_y)

    found = np.reshape(parallel.run(accuracy, cells, settings.threads), (len(layers), len(shares), -1))
    return [
        Sharing(name, parameter_count(layer), each) for (name, layer), each in zip(layers.items(), found, strict=True)
    ]


def find(pattern: str, line: str) -> Array:
    """Scores (places,) of a pattern at each place of a line: a kernel of one-hot letters, correlated with the line."""
    letters = sorted({*line, *pattern})

    def one_hot(text: str) -> Array:
        return np.eye(len(letters), dtype=np.float32)[[letters.index(letter) for letter in text]]

    return nn.conv1d(one_hot(line)[None], one_hot(pattern)[:, :, None])[0, :, 0]


def show(report: "Report", settings: Settings) -> list[Sharing]:
    """Count the weights, train, and look for a word in a line."""
    settings.announce("parameter sharing")
    report.heading("Parameter sharing")
    task = data.keywords(settings.threads) or data.digits()
    report.text(
        f"A convolution uses the same weights at every place. Here is the first layer of DS-CNN, {FILTERS} filters of "
        f"{KERNEL_SIZE[0]} x {KERNEL_SIZE[1]} at every second frame and coefficient, three times with the same "
        "connections: the weights shared by all places, four sets of them in rotation, and a set for each place."
    )
    layers = first_layers((49, 10, 1), np.random.default_rng(0))
    places = int(np.prod(layers["shared"].geometry.outputs((49, 10, 1))[:2]))
    report.table(
        ["weights on 49 x 10", "number, biases included"],
        [(name, f"{parameter_count(layer):,}") for name, layer in layers.items()],
    )
    report.text(
        f"There are {places} places; with a bias for each place too, the last would be "
        f"{places * parameter_count(layers['shared']):,}."
    )
    steps = QUICK_STEPS if settings.quick else STEPS
    rows = measure(task, settings, steps)
    report.text(
        f"The same network with each of them, on {task.name}: {steps} steps on shares of the training data. A pattern "
        "that is learnt at one place is known at all others only if weights are shared, so that fewer examples do."
    )
    report.table(
        ["accuracy (%)", *(f"{share:.0%} of the data" for share in SHARES)],
        [(row.name, *map(spread, row.accuracy)) for row in rows],
    )
    report.figure(pictures.lines_by_share(rows, SHARES), "Accuracy against the share of the training data.")
    scores = find(PATTERN, LINE)
    matches = ", ".join(str(place) for place in np.flatnonzero(scores == len(PATTERN)))
    report.text(
        f"The same in text: the kernel is the word “{PATTERN}”, three columns with a one for each letter. Correlated "
        f"with a line it counts how many letters agree, wherever that is; all {len(PATTERN)} agree at {matches}, and "
        "nobody had to learn the word anew for each place."
    )
    report.figure(pictures.scores_of_line(LINE, scores, len(PATTERN)), "Letters that agree, by the place of the first.")
    return rows
