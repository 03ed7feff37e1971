"""Convolution as a dense layer with an infinitely strong prior, drawn as a matrix; and where the prior is wrong."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv import nn, parallel
from audioconv._typing import Array, IntArray
from audioconv.lab import data, networks, pictures, training
from audioconv.lab.comparison import BUDGETS, spread
from audioconv.lab.settings import Settings
from audioconv.nn.layers.convolution import Convolution

if TYPE_CHECKING:
    from audioconv.report import Report

STEPS, QUICK_STEPS = 250, 120
NETWORKS: tuple[tuple[networks.Kind, bool], ...] = (("dense", False), ("convolutional", False), ("convolutional", True))
TOLERANCE = 1e-5  # of the largest output: sums in another order


class Matrix(NamedTuple):
    """A layer as a matrix: which weight each entry is (0: none), and how far the outputs differ."""

    name: str
    tied: IntArray
    difference: float


class Scrambled(NamedTuple):
    """Accuracies (seeds,) of a network on frames in their order and in another one."""

    network: networks.Network
    ordered: Array
    scrambled: Array


def matrices() -> list[Matrix]:
    """Four convolutions of a short signal as matrices, each checked against the layer itself."""
    rng = np.random.default_rng(0)
    layers: dict[str, Convolution] = {
        "3 taps": nn.Conv1d(1, 1, 3, rng=rng),
        "stride 2": nn.Conv1d(1, 1, 3, stride=2, rng=rng),
        "dilation 3": nn.Conv1d(1, 1, 3, dilation=3, rng=rng),
        "transposed, stride 2": nn.Conv1dTranspose(1, 1, 3, 2, rng=rng),
    }
    return [as_matrix(name, layer, (16 if "transposed" not in name else 8, 1)) for name, layer in layers.items()]


def as_matrix(name: str, layer: Convolution, shape: tuple[int, ...]) -> Matrix:
    """A `Matrix`; raises AssertionError if the dense layer gives something else than the convolution."""
    x = np.random.default_rng(1).standard_normal((5, *shape)).astype(np.float32)
    y = layer.forward(x)
    difference = np.abs(nn.to_matrix(layer, shape).forward(x.reshape(5, -1)) - y.reshape(5, -1)).max() / np.abs(y).max()
    if not difference <= TOLERANCE:
        raise AssertionError(f"{name}: the dense layer differs by {difference:.1e} of the largest output")
    return Matrix(name, nn.connections(layer, shape), float(difference))


def measure(task: data.Task, settings: Settings, steps: int) -> list[Scrambled]:
    """Train dense and convolutional networks on frames as they are and in one other, fixed order."""
    classes, (amount, _) = len(task.classes), BUDGETS["parameters"]
    plans = [networks.within("parameters", amount, *each, task.shape, classes) for each in NETWORKS]
    order = np.random.default_rng(0).permutation(task.shape[0])
    cells = [(plan, seed, mixed) for plan in plans for seed in settings.seeds for mixed in (False, True)]

    def accuracy(cell: tuple[networks.Network, int, bool]) -> float:
        plan, seed, mixed = cell
        built = networks.build(
            plan.kind, plan.pooled, plan.widths, task.shape, classes, np.random.default_rng([seed, 0x33])
        )
        if mixed and plan.kind == "dense":  # each weight begins as it does without, so that nothing else differs
            first = built.parameters()["0.weight"]
            first[:] = first[order]
        x, test = (x[:, order] if mixed else x for x in (task.train_x, task.test_x))
        training.train(built, x, task.train_y, classes, steps, seed)
        return training.accuracy(built, test, task.test_y)

    found = np.reshape(parallel.run(accuracy, cells, settings.threads), (len(plans), -1, 2))
    return [Scrambled(plan, each[:, 0], each[:, 1]) for plan, each in zip(plans, found, strict=True)]


def _within(difference: float) -> str:
    """How far outputs differ, in words."""
    return f", to {difference:.0e} of the largest: sums are in another order" if difference else ", to the last bit"


def show(report: "Report", settings: Settings) -> list[Scrambled]:
    """Draw the matrices, and train where the prior holds and where it does not."""
    settings.announce("an infinitely strong prior")
    report.heading("An infinitely strong prior")
    found = matrices()
    report.text(
        "A convolution is a dense layer of which we are sure, before any data, that most weights are zero and that the "
        "others are the same at every place. nn.to_matrix gives that layer. "
        f"Its outputs are those of the convolution{_within(max(matrix.difference for matrix in found))}."
    )
    report.figure(
        pictures.matrices(found),
        "Matrices of convolutions of 16 values, one row for each output. White is zero; a colour, with its number, is "
        "one weight, wherever it stands. The transposed one makes 17 values of 8.",
    )
    task = data.keywords(settings.threads) or data.digits()
    steps = QUICK_STEPS if settings.quick else STEPS
    rows = measure(task, settings, steps)
    report.text(
        f"A prior helps as far as it is true. Here the frames of {task.name} stand in one other order, the same for "
        "all examples. To a dense network that is another numbering of its inputs: it learns the same, but for the "
        "order of sums. A convolution expects that neighbours belong together, and they do no longer."
    )
    report.table(
        ["accuracy (%)", "parameters", "frames in order", "frames in another order", "change"],
        [
            (row.network.name, f"{row.network.parameters:,}", spread(row.ordered), spread(row.scrambled),
             f"{100 * (row.scrambled.mean() - row.ordered.mean()):+.1f}")
            for row in rows
        ],
    )  # fmt: skip
    return rows
