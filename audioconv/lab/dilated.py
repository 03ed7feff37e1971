"""Dilated and transposed convolution: large receptive fields of few layers, larger images without a checkerboard."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv import nn
from audioconv._typing import Array
from audioconv.lab import pictures
from audioconv.lab.settings import Settings

if TYPE_CHECKING:
    from audioconv.report import Report

DEPTHS = range(1, 9)
SIDE = 96  # of the image that is enlarged
STRIDE = 2


class Field(NamedTuple):
    """Receptive fields of stacks of layers of three taps, by their number of layers."""

    depths: tuple[int, ...]
    plain: tuple[int, ...]
    dilated: tuple[int, ...]
    weights: tuple[int, ...]  # of one channel, the same for both


class Enlarged(NamedTuple):
    """An image enlarged by one method, and the checkerboard that this makes of a constant one."""

    name: str
    image: Array
    ripple: float  # standard deviation over mean of what becomes of a constant, inside


def stack(depth: int, dilated: bool) -> list[nn.Conv1d]:
    """Layers of three taps and one channel, each dilated twice as far as the one before it, or none."""
    rng = np.random.default_rng(0)
    dilations = [2**k if dilated else 1 for k in range(depth)]
    return [nn.Conv1d(1, 1, 3, dilation=each, padding="causal", bias=False, rng=rng) for each in dilations]


def receptive_fields() -> Field:
    """Inputs that an output sees, as the streams of the networks, which buffer them, say."""
    fields = [
        [nn.Sequential(stack(d, dilated)).stream((1,)).receptive_field for d in DEPTHS] for dilated in (False, True)
    ]
    return Field(tuple(DEPTHS), tuple(fields[0]), tuple(fields[1]), tuple(3 * d for d in DEPTHS))


def inputs_seen(layers: Sequence[nn.Conv1d], steps: int) -> int:
    """Receptive field by the matrices of the layers: inputs with a path to the last output."""
    reached = np.arange(steps) == steps - 1
    for layer in reversed(layers):
        reached = (nn.connections(layer, (steps, 1)) > 0) @ reached
    return int(np.count_nonzero(reached))


def photograph() -> Array:
    """A square of one of scikit-learn's photographs, grey, from 0 to 1."""
    from sklearn.datasets import load_sample_image

    grey = load_sample_image("flower.jpg").mean(axis=2)[40:424, 120:504] / 255
    side = grey.shape[0] // SIDE
    means: Array = grey.reshape(SIDE, side, SIDE, side).mean(axis=(1, 3))
    return means.astype(np.float32)


def enlargements() -> dict[str, Callable[[Array], Array]]:
    """Layers that double both sides of an image (1, rows, columns, 1), each of which keeps its mean."""
    rng = np.random.default_rng(0)

    def transposed(taps: int, row: list[int]) -> Callable[[Array], Array]:
        layer = nn.Conv2dTranspose(1, 1, taps, STRIDE, bias=False, rng=rng)
        layer.weight[:, :, 0, 0] = np.outer(row, row) * STRIDE**2 / np.sum(row) ** 2
        return layer.forward

    def repeated(x: Array) -> Array:
        smooth = nn.Conv2d(1, 1, 3, bias=False, rng=rng)
        smooth.weight[:, :, 0, 0] = 1 / 9
        return smooth.forward(x.repeat(STRIDE, axis=1).repeat(STRIDE, axis=2))

    return {
        "transposed, 3 taps": transposed(3, [1, 1, 1]),
        "transposed, 4 taps": transposed(4, [1, 3, 3, 1]),
        "repeated, then 3 taps": repeated,
    }


def enlarged(image: Array) -> list[Enlarged]:
    """An `Enlarged` for each method."""
    found = []
    for name, enlarge in enlargements().items():
        flat = enlarge(np.ones((1, SIDE, SIDE, 1), np.float32))[0, 8:-8, 8:-8, 0]
        found.append(Enlarged(name, enlarge(image[None, :, :, None])[0, :, :, 0], float(flat.std() / flat.mean())))
    return found


def show(report: "Report", settings: Settings) -> Field:
    """Draw receptive fields, and enlarge an image."""
    settings.announce("dilated and transposed convolution")
    report.heading("Dilated and transposed convolution")
    field = receptive_fields()
    last = field.depths[-1]
    report.text(
        f"With three taps a layer and no gaps an output sees two inputs more with each layer: {field.plain[-1]} after "
        f"{last} layers. If each layer leaves gaps twice as wide as the one before, it sees twice as far: "
        f"{field.dilated[-1]} inputs, with the same {field.weights[-1]} weights."
    )
    report.table(
        ["layers", *map(str, field.depths)],
        [("inputs seen, dilation 1", *map(str, field.plain)), ("dilation 1, 2, 4, ...", *map(str, field.dilated))],
    )
    report.figure(pictures.fields_by_depth(field), "Inputs that an output sees against the number of layers.")
    image = photograph()
    images = enlarged(image)
    report.text(
        "A transposed convolution of stride 2 makes an image twice as large: each pixel adds a patch. Patches of 3 x 3 "
        "overlap at every second row and column, where twice as much is added; what was even becomes a checkerboard. "
        "Patches as wide as a multiple of the stride overlap evenly, and so does an image whose pixels are repeated "
        "before an ordinary convolution."
    )
    report.table(
        ["a plain grey image, enlarged, varies by", "standard deviation / mean"],
        [(image.name, f"{image.ripple:.1%}") for image in images],
    )
    report.figure(
        pictures.enlarged(images), f"A detail of a photograph of {SIDE} x {SIDE} pixels, enlarged by each of them."
    )
    return field
