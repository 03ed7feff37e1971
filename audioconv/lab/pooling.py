"""Pooling: how far outputs and decisions change when a word comes later, and what follows a shift exactly."""

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from audioconv import nn, parallel
from audioconv._typing import Array
from audioconv.arrays import choice
from audioconv.features import Mfcc
from audioconv.lab import data, pictures, training
from audioconv.lab.comparison import spread
from audioconv.lab.settings import Settings

if TYPE_CHECKING:
    from audioconv.report import Report

Kind: TypeAlias = Literal["none", "max", "average", "Lp", "strided", "mean over all"]

KINDS: tuple[Kind, ...] = get_args(Kind)
SHIFTS_MS = (0, 20, 50, 100, 200, 300)
START_MS = 50  # where every word begins, in training and before it is shifted
CHANNELS, KERNEL_SIZE = 24, 5
STEPS, QUICK_STEPS = 250, 120


class Invariance(NamedTuple):
    """Effect of shifts on a network: (shifts, seeds) of accuracy and of the relative change of the logits."""

    kind: Kind
    parameters: int
    accuracy: Array
    change: Array


class Equivariance(NamedTuple):
    """|f(shift x) - shift f(x)| / |f(x)| of a layer, by steps of the shift; inside, away from the edges."""

    name: str
    inside: tuple[float, ...]
    everywhere: tuple[float, ...]


def network(kind: Kind, shape: tuple[int, ...], classes: int, rng: np.random.Generator) -> nn.Sequential:
    """Two convolutions along time, each with a pool of two frames, or a stride of two, or nothing; a dense layer.

    It is over all places that are left, or, for "mean over all", over their mean.
    """
    choice(kind, "kind", KINDS)
    pools: dict[Kind, type[nn.MaxPool1d | nn.AveragePool1d | nn.LpPool1d]] = {
        "max": nn.MaxPool1d,
        "average": nn.AveragePool1d,
        "Lp": nn.LpPool1d,
    }
    layers: list[nn.Layer] = []
    frames, channels = shape
    for _ in range(2):
        stride = 2 if kind == "strided" else 1
        layers += [nn.Conv1d(channels, CHANNELS, KERNEL_SIZE, stride, rng=rng), nn.ReLU()]
        layers += [pools[kind](2)] if kind in pools else []
        frames = -(-frames // 2) if kind == "strided" else frames // 2 if kind in pools else frames
        channels = CHANNELS
    if kind == "mean over all":
        return nn.Sequential([*layers, nn.GlobalAveragePool(), nn.Dense(channels, classes, rng=rng)])
    return nn.Sequential(
        [*layers, nn.Conv1d(channels, classes, frames, padding="valid", rng=rng), nn.GlobalAveragePool()]
    )


def shifted(clips: Array, shift_ms: float) -> Array:
    """Features (clips, frames, coefficients) of words that begin `START_MS` + `shift_ms` into their second."""
    begin, features = round((START_MS + shift_ms) * data.RATE / 1000), Mfcc(data.RATE)
    moved = np.zeros_like(clips)
    for row, clip in zip(moved, clips, strict=True):
        part = clip[data.sound_of(clip)][: len(row) - begin]
        row[begin : begin + len(part)] = part
    return np.stack([features(clip) for clip in moved])


def fits_after_shifts(clips: Array) -> Array:
    """Which clips end within their second even after the largest shift."""
    room = clips.shape[1] - round((START_MS + SHIFTS_MS[-1]) * data.RATE / 1000)
    return np.array([0 < len(clip[data.sound_of(clip)]) <= room for clip in clips])


def measure(spoken: data.Spoken, settings: Settings, steps: int) -> tuple[list[Invariance], int]:
    """Train each kind on words that all begin at one place, and score them there and later."""
    train, test = spoken.train, spoken.test[fits_after_shifts(spoken.test)]
    test_y = spoken.test_y[fits_after_shifts(spoken.test)]
    x = shifted(train, 0)
    mean, deviation = x.mean(axis=(0, 1)), x.std(axis=(0, 1))
    x, *moved = ((f - mean) / deviation for f in (x, *(shifted(test, ms) for ms in SHIFTS_MS)))
    classes = len(spoken.classes)

    def evaluated(cell: tuple[Kind, int]) -> tuple[list[float], list[float]]:
        kind, seed = cell
        built = network(kind, x.shape[1:], classes, np.random.default_rng([seed, 0x44]))
        training.train(built, x, spoken.train_y, classes, steps, seed)
        logits = [built.forward(each, threads=1) for each in moved]
        right = [float(np.mean(each.argmax(axis=1) == test_y)) for each in logits]
        return right, [float(np.linalg.norm(each - logits[0]) / np.linalg.norm(logits[0])) for each in logits]

    cells = [(kind, seed) for kind in KINDS for seed in settings.seeds]
    found = np.reshape(parallel.run(evaluated, cells, settings.threads), (len(KINDS), -1, 2, len(SHIFTS_MS)))
    sizes = [
        sum(p.size for p in network(kind, x.shape[1:], classes, np.random.default_rng(0)).parameters().values())
        for kind in KINDS
    ]
    return [
        Invariance(kind, size, each[:, 0].T, each[:, 1].T) for kind, size, each in zip(KINDS, sizes, found, strict=True)
    ], len(test)


def equivariance(frames: int = 64, channels: int = 8, shifts: tuple[int, ...] = (1, 2, 4)) -> list[Equivariance]:
    """Errors of layers on noise that is shifted by some steps; outputs of a strided layer by as many of its own."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4, frames + max(shifts), channels)).astype(np.float32)
    layers: dict[str, tuple[nn.Layer, int]] = {
        "convolution": (nn.Conv1d(channels, channels, 3, rng=rng), 1),
        "depthwise": (nn.DepthwiseConv1d(channels, 3, rng=rng), 1),
        "ReLU": (nn.ReLU(), 1),
        "maximum of 2, every step": (nn.MaxPool1d(2, 1), 1),
        "maximum of 2, every 2nd": (nn.MaxPool1d(2), 2),
        "convolution, every 2nd": (nn.Conv1d(channels, channels, 3, 2, rng=rng), 2),
        "tiled convolution, 2 sets": (nn.TiledConv1d(channels, channels, 3, 2, rng=rng), 1),
        "locally connected": (nn.LocallyConnected1d(channels, channels, 3, frames, rng=rng), 1),
    }
    return [
        Equivariance(name, *zip(*(shift_error(layer, stride, noise, shift) for shift in shifts), strict=True))
        for name, (layer, stride) in layers.items()
    ]


def shift_error(layer: nn.Layer, stride: int, noise: Array, shift: int) -> tuple[float, float]:
    """(inside, everywhere) for x = noise[:, n:] and x later by `shift` steps, the samples before it shifted in.

    Everywhere, outputs are moved in from zeros. A strided layer cannot move its outputs by less than a step of its own:
    they are moved by as many as come nearest.
    """
    frames = noise.shape[1] - 4
    x, later = noise[:, 4:], noise[:, 4 - shift : noise.shape[1] - shift]
    assert x.shape == later.shape == (len(noise), frames, noise.shape[2])
    y, found = layer.forward(x), layer.forward(later)
    steps = shift // stride
    expected = np.concatenate((np.zeros_like(y[:, :steps]), y[:, : y.shape[1] - steps]), axis=1)
    inner = slice(steps + 2, y.shape[1] - 2)
    inside, everywhere = (
        float(np.linalg.norm(found[:, part] - expected[:, part]) / np.linalg.norm(y[:, part]))
        for part in (inner, slice(None))
    )
    return inside, everywhere


def show(report: "Report", settings: Settings) -> list[Equivariance]:
    """Train, shift, and compare layer by layer."""
    settings.announce("pooling")
    report.heading("Pooling")
    spoken = data.spoken_clips(settings.threads)
    if spoken is None:
        report.text("The shipped keywords are not here, so that invariance was not measured.")
    else:
        _show_invariance(report, settings, spoken)
    rows, shifts = equivariance(), (1, 2, 4)
    report.text(
        "Layer by layer: f is equivariant if a shift of its input shifts its output and does nothing else. The error "
        "is |f(shift x) - shift f(x)| / |f(x)| on noise; inside, and with the edges, where what lay outside comes in."
    )
    report.table(
        ["layer", *(f"{n} step{'s' * (n > 1)}" for n in shifts), *(f"{n}, edges too" for n in shifts)],
        [(row.name, *(f"{e:.3f}" for e in row.inside), *(f"{e:.3f}" for e in row.everywhere)) for row in rows],
    )
    report.text(
        "A convolution follows every shift exactly; whatever goes by two follows those by an even number alone; "
        "weights that change from place to place follow only shifts by as many places as they repeat after, or none."
    )
    return rows


def _show_invariance(report: "Report", settings: Settings, spoken: data.Spoken) -> None:
    steps = QUICK_STEPS if settings.quick else STEPS
    rows, count = measure(spoken, settings, steps)
    report.text(
        f"Six networks that differ in what follows each of two convolutions: maximum, mean or L2 norm of two frames, a "
        f"stride of two instead, or nothing; the last has nothing either, but a mean over all time at the end instead "
        f"of a dense layer that tells the places apart. They are trained for {steps} steps on words that all begin "
        f"{START_MS} ms into their second, and judged on {count} words of other voices that come later and later."
    )
    for title, values, form in (("accuracy (%)", "accuracy", spread), ("change of the logits", "change", _mean)):
        report.table(
            [title, "parameters", *(f"{ms} ms" for ms in SHIFTS_MS)],
            [(row.kind, f"{row.parameters:,}", *map(form, getattr(row, values))) for row in rows],
        )
    report.figure(
        pictures.shifts(rows, SHIFTS_MS),
        "Words later than in training: accuracy, and |logits - logits without shift| / |logits without shift|.",
    )


def _mean(values: Array) -> str:
    return f"{values.mean():.2f}"
