"""Parameter sharing: the same connections with one set of weights, with a few in rotation, with one for each place."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from audioconv import nn, parallel
from audioconv._typing import Array
from audioconv.lab import data, pictures, training
from audioconv.lab.comparison import spread
from audioconv.lab.settings import Settings
from audioconv.nn.layers.convolution import Convolution

if TYPE_CHECKING:
    from audioconv.report import Report

DS_CNN = (64, (10, 4), (2, 2))  # filters, kernel and stride of its first layer, on ...
MFCC_SHAPE = (49, 10, 1)
FILTERS, SIDE = 16, 16  # of the networks that are trained; of the planes that digits lie in
SHARES, QUICK_SHARES = (0.02, 0.1, 0.5, 1.0), (0.1, 1.0)
STEPS, QUICK_STEPS = (50, 100, 200), (30, 100)  # of trainings on all data; those on shares take the last
LEAST = 0.04  # accuracies that are nearer are called alike: of 600 examples one deviation is 0.02
LINE = "the cat sat on the mat while another cat slept"
PATTERN = "cat"


class Setting(NamedTuple):
    """What is learnt, and the size of the windows that look for it."""

    name: str
    task: data.Task
    kernel_size: tuple[int, int]


class Sharing(NamedTuple):
    """How well a network learns with a kind of weights: accuracies (shares, seeds) and (steps, seeds)."""

    name: str
    weights: int  # of the first layer, biases included
    accuracy: Array
    by_steps: Array  # with all data


def layers_of(shape: tuple[int, ...], filters: int, kernel_size: tuple[int, int], stride: tuple[int, int],
              padding: Literal["same", "valid"], rng: np.random.Generator) -> dict[str, Convolution]:  # fmt: skip
    """The same windows, filters and places: weights shared by all places, four sets in rotation, one for each place."""
    shared = nn.Conv2d(1, filters, kernel_size, stride, padding=padding, rng=rng)
    rows, columns, _ = shared.geometry.outputs(shape)
    return {
        "shared": shared,
        "tiled, 2 x 2": nn.TiledConv2d(1, filters, kernel_size, 2, stride, padding=padding, rng=rng),
        "unshared": nn.LocallyConnected2d(1, filters, kernel_size, (rows, columns), stride=stride, padding=padding,
                                          rng=rng),
    }  # fmt: skip


def parameter_count(layer: nn.Layer) -> int:
    """Weights and biases of a layer."""
    return sum(p.size for p in layer.parameters().values())


def first_layers(setting: Setting, rng: np.random.Generator) -> dict[str, Convolution]:
    """The layers that are compared in a setting."""
    return layers_of(setting.task.shape, FILTERS, setting.kernel_size, (1, 1), "valid", rng)


def network(name: str, setting: Setting, seed: int) -> nn.Sequential:
    """One layer of windows, the largest output of each filter wherever it is, and a dense layer."""
    rng = np.random.default_rng([seed, 0x22])
    layer = first_layers(setting, rng)[name]
    places = layer.geometry.outputs(setting.task.shape)[:2]
    head = nn.Dense(FILTERS, len(setting.task.classes), rng=rng)
    return nn.Sequential([layer, nn.ReLU(), nn.MaxPool2d(places), nn.GlobalAveragePool(), head])


def settings_of(threads: int | None) -> list[Setting]:
    """Digits in the middle of a plane, digits anywhere, and words anywhere in their second, if they are here."""
    digits, words = data.digits(), data.keywords(threads)
    found = [
        Setting("digits in the middle", data.in_planes(digits, SIDE, anywhere=False), (8, 8)),
        Setting("digits anywhere", data.in_planes(digits, SIDE, anywhere=True), (8, 8)),
    ]
    return found + ([] if words is None else [Setting("words anywhere in their second", words, (20, 10))])


def measure(setting: Setting, settings: Settings, shares: Sequence[float], steps: Sequence[int]) -> list[Sharing]:
    """Train a network with each kind of weights on shares of the data, and on all of it with fewer steps."""
    task = setting.task
    layers = first_layers(setting, np.random.default_rng(0))
    runs = [(share, steps[-1]) for share in shares] + [(1.0, fewer) for fewer in steps[:-1]]
    cells = [(name, run, seed) for name in layers for run in runs for seed in settings.seeds]

    def accuracy(cell: tuple[str, tuple[float, int], int]) -> float:
        name, (share, count), seed = cell
        chosen = task.share(share, seed)
        built = network(name, setting, seed)
        training.train(built, task.train_x[chosen], task.train_y[chosen], len(task.classes), count, seed)
        return training.accuracy(built, task.test_x, task.test_y)

    found = np.reshape(parallel.run(accuracy, cells, settings.threads), (len(layers), len(runs), -1))
    whole = shares.index(1.0)
    return [
        Sharing(name, parameter_count(layer), each[: len(shares)],
                np.concatenate((each[len(shares) :], each[whole : whole + 1])))
        for (name, layer), each in zip(layers.items(), found, strict=True)
    ]  # fmt: skip


def verdict(rows: Sequence[Sharing], shares: Sequence[float], steps: Sequence[int]) -> str:
    """What the figures of a setting say of sharing, in words."""
    shared, unshared = rows[0], rows[-1]
    few = f"With {shares[0]:.0%} of the data {_compared(shared.accuracy[0], unshared.accuracy[0])}."
    early = f"After {steps[0]} steps on all of it {_compared(shared.by_steps[0], unshared.by_steps[0])}."
    best = unshared.accuracy[-1].mean()
    enough = [share for share, each in zip(shares, shared.accuracy, strict=True) if each.mean() >= best]
    spared = ""
    if enough and enough[0] < shares[-1]:
        spared = f" Shared weights need {enough[0]:.0%} of the data for what unshared ones do with all."
    elif not enough:
        spared = " With all of the data the unshared ones are ahead."
    return f"{few} {early}{spared}"


def _compared(shared: Array, unshared: Array) -> str:
    """Two accuracies and which one is higher, if it is by more than chance: the range of the seeds, and `LEAST`."""
    ahead = shared.mean() - unshared.mean()
    chance = max(LEAST, (np.ptp(shared) + np.ptp(unshared)) / 2)
    both = f"{shared.mean():.0%} and {unshared.mean():.0%}"
    if abs(ahead) <= chance:
        return f"shared and unshared weights do alike, {both}"
    return f"{'shared' if ahead > 0 else 'unshared'} weights do better: {both} for shared and unshared ones"


def find(pattern: str, line: str) -> Array:
    """Scores (places,) of a pattern at each place of a line: a kernel of one-hot letters, correlated with the line."""
    letters = sorted({*line, *pattern})

    def one_hot(text: str) -> Array:
        return np.eye(len(letters), dtype=np.float32)[[letters.index(letter) for letter in text]]

    return nn.conv1d(one_hot(line)[None], one_hot(pattern)[:, :, None])[0, :, 0]


def show(report: "Report", settings: Settings) -> dict[str, list[Sharing]]:
    """Count the weights, train where patterns move and where they do not, and look for a word in a line."""
    report.heading("Parameter sharing")
    _show_counts(report)
    shares, steps = (QUICK_SHARES, QUICK_STEPS) if settings.quick else (SHARES, STEPS)
    report.text(
        f"A network of {FILTERS} such filters, of each of which the largest output counts, wherever it is, and of a "
        f"dense layer is trained for {steps[-1]} steps on shares of the data, and for fewer steps on all. A pattern "
        "that lies at one place only gives the other places nothing to know. Where it may lie anywhere, shared weights "
        "learn at one place what they then know at all."
    )
    found = {}
    for setting in settings_of(settings.threads):
        settings.announce(f"parameter sharing, {setting.name}")
        rows = found[setting.name] = measure(setting, settings, shares, steps)
        report.subheading(setting.name[0].upper() + setting.name[1:])
        report.text(verdict(rows, shares, steps))
        report.table(
            ["accuracy (%)", "weights", *(f"{share:.0%} of the data" for share in shares),
             *(f"all, {count} steps" for count in steps[:-1])],
            [(row.name, f"{row.weights:,}", *map(spread, (*row.accuracy, *row.by_steps[:-1]))) for row in rows],
        )  # fmt: skip
        report.figure(pictures.lines_by_share(rows, shares), "Accuracy against the share of the training data.")
    scores = find(PATTERN, LINE)
    matches = ", ".join(str(place) for place in np.flatnonzero(scores == len(PATTERN)))
    report.text(
        f"The same in text: the kernel is the word “{PATTERN}”, three columns with a one for each letter. Correlated "
        f"with a line it counts how many letters agree, wherever that is; all {len(PATTERN)} agree at {matches}, and "
        "nobody had to learn the word anew for each place."
    )
    report.figure(pictures.scores_of_line(LINE, scores, len(PATTERN)), "Letters that agree, by the place of the first.")
    return found


def _show_counts(report: "Report") -> None:
    filters, kernel_size, stride = DS_CNN
    layers = layers_of(MFCC_SHAPE, filters, kernel_size, stride, "same", np.random.default_rng(0))
    places = int(np.prod(layers["shared"].geometry.outputs(MFCC_SHAPE)[:2]))
    report.text(
        f"A convolution uses the same weights at every place. Here is the first layer of DS-CNN, {filters} filters of "
        f"{kernel_size[0]} x {kernel_size[1]} at every second frame and coefficient, three times with the same "
        "connections: the weights shared by all places, four sets of them in rotation, and a set for each place."
    )
    report.table(
        ["weights on 49 x 10", "number, biases included"],
        [(name, f"{parameter_count(layer):,}") for name, layer in layers.items()],
    )
    report.text(
        f"There are {places} places; with a bias for each place too, the last would be "
        f"{places * parameter_count(layers['shared']):,}."
    )
