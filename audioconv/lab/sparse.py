"""Sparse interactions: how few connections a convolution has, and what leaving out more of them saves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv import nn, signal
from audioconv._typing import Array
from audioconv.lab import fast, pictures
from audioconv.lab.settings import Settings
from audioconv.lab.timing import medians_s
from audioconv.nn.layers.convolution import Convolution
from audioconv.nn.layers.summary import described

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from audioconv.report import Report

TAPS, SHARES = 1024, (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
SAMPLES, QUICK_SAMPLES = 480_000, 48_000
FIELD_STEPS = 33  # of the drawing


class LayerCosts(NamedTuple):
    """A convolution beside the dense layer of the same shapes."""

    name: str
    shape: tuple[int, ...]
    output: tuple[int, ...]
    weights: int
    connections: int
    multiply_adds: int  # as the layer counts them, those with zeros at the edges included
    dense: int  # weights, connections and multiply-adds of the dense layer


class Pruned(NamedTuple):
    """A filter of which only a share of the taps is left."""

    share: float
    direct_s: float
    sparse_s: float
    predicted_s: float


def layers() -> list[LayerCosts]:
    """First layers of networks for speech and images, with what they cost."""
    rng = np.random.default_rng(0)
    cases: dict[str, tuple[Convolution, tuple[int, ...]]] = {
        "TC-ResNet8: 3 frames of 40 bands, 16 filters": (nn.Conv1d(40, 16, 3, rng=rng), (98, 40)),
        "DS-CNN: 10 x 4 of 49 x 10, 64 filters": (nn.Conv2d(1, 64, (10, 4), 2, rng=rng), (49, 10, 1)),
        "an image: 3 x 3 of 28 x 28, 8 filters": (nn.Conv2d(1, 8, 3, rng=rng), (28, 28, 1)),
        "depthwise: 3 x 3 of 14 x 14, 16 channels": (nn.DepthwiseConv2d(16, 3, rng=rng), (14, 14, 16)),
    }
    return [counted(name, layer, shape) for name, (layer, shape) in cases.items()]


def counted(name: str, layer: Convolution, shape: tuple[int, ...]) -> LayerCosts:
    """The costs of a layer: connections counted in the matrix that it is."""
    output, multiply_adds = described(layer, shape)
    connections = int(np.count_nonzero(nn.connections(layer, shape)))
    dense = int(np.prod(shape) * np.prod(output))
    return LayerCosts(name, shape, output, layer.weight.size, connections, multiply_adds, dense)


def pruned(samples: int, repeats: int) -> list[Pruned]:
    """Times of a filter with fewer and fewer of its taps, the largest ones, on one thread."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(samples).astype(np.float32)
    h = (rng.standard_normal(TAPS) * np.exp(-5 * np.arange(TAPS) / TAPS)).astype(np.float32)
    order, found = np.argsort(-np.abs(h)), []
    for share in SHARES:
        pruned_h = np.zeros_like(h)
        largest = order[: max(1, round(share * TAPS))]
        pruned_h[largest] = h[largest]
        predicted = {c.method: c.predicted_s for c in signal.plan(samples, TAPS, nonzero=len(largest)).candidates}
        methods = ["direct", *(["sparse"] if len(largest) < TAPS else [])]
        calls = {m: lambda m=m, h=pruned_h: signal.convolve(x, h, method=m, threads=1) for m in methods}
        times = medians_s(calls, repeats)
        found.append(Pruned(share, times["direct"], times.get("sparse", np.nan), predicted.get("sparse", np.nan)))
    return found


def reach(stack: Sequence[nn.Conv1d], steps: int, unit: int) -> list[Array]:
    """Which units of the input and of each layer's output a unit of the last one sees: list of bool arrays.

    Parameters
    ----------
    stack : list of Conv1d with one channel that keep the length, the first one nearest to the input
    steps : int, length
    unit : int, of the last output
    """
    seen = [np.arange(steps) == unit]
    for layer in reversed(stack):
        seen.append((nn.connections(layer, (steps, 1)) > 0) @ seen[-1])
    return seen[::-1]


def stacks() -> dict[str, list[nn.Conv1d]]:
    """Four layers of three taps, one after the other, and with growing dilation."""
    rng = np.random.default_rng(0)
    return {
        "dilation 1": [nn.Conv1d(1, 1, 3, rng=rng) for _ in range(4)],
        "dilation 1, 2, 4, 8": [nn.Conv1d(1, 1, 3, dilation=2**k, rng=rng) for k in range(4)],
    }


def show(report: "Report", settings: Settings) -> list[LayerCosts]:
    """Count, measure and draw."""
    settings.announce("sparse interactions")
    report.heading("Sparse interactions")
    report.text(
        "In a dense layer each output sees every input. A unit of a convolution sees as many as the kernel has taps, "
        "however long the input is. The same layers beside dense ones from the same inputs to the same outputs:"
    )
    rows = layers()
    report.table(
        ["layer", "input", "output", "weights", "connections", "multiply-adds", "each if dense", "times fewer"],
        [
            (row.name, _by(row.shape), _by(row.output), f"{row.weights:,}", f"{row.connections:,}",
             f"{row.multiply_adds:,}", f"{row.dense:,}", f"{row.dense / row.connections:,.0f}")
            for row in rows
        ],
    )  # fmt: skip
    report.text("Multiply-adds include those with the zeros around the input, which are no connections.")
    found = pruned(*((QUICK_SAMPLES, 3) if settings.quick else (SAMPLES, 7)))
    last = found[-1]
    report.text(
        f"A filter of {TAPS:,} taps of which only the largest are kept. Sums over all taps take as long as ever; sums "
        f"over those that are left take time in proportion to them, once they are few: with {last.share:.0%} left "
        f"{1e3 * last.sparse_s:.2f} ms instead of {1e3 * last.direct_s:.2f} ms, {last.direct_s / last.sparse_s:.0f} "
        "times as fast. "
        + fast.deviation({"sparse": [row.sparse_s / row.predicted_s for row in found if row.sparse_s > 0]})
    )
    report.figure(pictures.pruned(found), "Time of the filter against the share of its taps that is left; one thread.")
    fields = reaches()
    said = [f"{name}: {np.count_nonzero(seen[0])} inputs" for name, seen in fields.items()]
    report.text(
        "Each layer sees little, but a unit four layers up sees much, through the units between. "
        f"With three taps a layer, {'; '.join(said)}."
    )
    report.figure(
        draw_fields(fields),
        "What one unit of the fourth layer sees (filled), down to the input, with the connections on the way.",
    )
    return rows


def reaches() -> dict[str, list[Array]]:
    """What the unit in the middle sees of each layer below, for each of the stacks."""
    return {name: reach(stack, FIELD_STEPS, FIELD_STEPS // 2) for name, stack in stacks().items()}


def draw_fields(fields: dict[str, list[Array]]) -> "Figure":
    """Draw what `reaches` gave, with the connections on the way."""
    return pictures.receptive_fields(fields, {name: _lines(stack, fields[name]) for name, stack in stacks().items()})


def _lines(stack: Sequence[nn.Conv1d], seen: Sequence[Array]) -> list[tuple[int, int, int]]:
    """Connections between units that are seen: (layer, from, to)."""
    lines: list[tuple[int, int, int]] = []
    for number, layer in enumerate(stack):
        matrix = nn.connections(layer, (FIELD_STEPS, 1)) > 0
        below, above = np.nonzero(matrix & seen[number][:, None] & seen[number + 1][None, :])
        lines += [(number, int(b), int(a)) for b, a in zip(below, above, strict=True)]
    return lines


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
