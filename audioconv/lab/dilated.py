"""Dilated and transposed convolution: large receptive fields of few layers, larger images without a checkerboard."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from audioconv import nn
from audioconv._typing import Array
from audioconv.features import spectrogram_db
from audioconv.lab import data, event_field, pictures
from audioconv.lab.comparison import spread
from audioconv.lab.settings import Settings
from audioconv.signal import Stft

if TYPE_CHECKING:
    from audioconv.report import Report

DEPTHS = range(1, 9)
SIDE = 96  # of the image that is enlarged
STRIDE = 2
RANGE_DB = 60  # of a spectrogram, below its loudest point


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

    @property
    def unevenness(self) -> float:
        """Standard deviation over mean of the four kinds of pixels, of even and odd rows and columns."""
        means = [self.image[row:-8:2, column:-8:2].mean() for row in (8, 9) for column in (8, 9)]
        return float(np.std(means) / np.mean(means))


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


def spoken_spectrogram(clip: Array) -> Array:
    """The level of a clip of a second at 16 kHz, frequency against time, from 0 to 1, at the size of `photograph`."""
    transform = Stft(512, data.RATE // 100)
    levels = spectrogram_db([clip], len(clip), data.RATE, transform=transform).db.T[:SIDE, :SIDE]
    ranged: Array = np.clip(1 + (levels - levels.max()) / RANGE_DB, 0, 1)
    return ranged[::-1].astype(np.float32)


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
    _show_words(report, settings)
    _show_enlargements(report, settings)
    return field


def _show_words(report: "Report", settings: Settings) -> None:
    """How far back a network must see to tell words."""
    task = data.keywords(settings.threads)
    if task is None:
        report.text("The shipped keywords are not here, so that the field that words need was not measured.")
        return
    quick = (event_field.QUICK_DILATIONS, event_field.QUICK_STEPS)
    chosen = quick if settings.quick else (event_field.DILATIONS, event_field.STEPS)
    settings.announce("the receptive field that words need")
    rows = event_field.measure(task, settings, *chosen)
    report.text(
        f"What that is good for: {event_field.LAYERS} causal layers tell in each frame which word they see, in "
        f"{task.name}, anywhere in their second. Their dilation grows twofold from layer to layer, but no further than "
        f"is said; weights and work are the same. {event_field.verdict(rows)}"
    )
    report.table(
        ["dilation at most", *(str(row.dilation) for row in rows)],
        [("receptive field (s)", *(f"{row.seconds:.2f}" for row in rows)),
         ("accuracy (%)", *(spread(row.accuracy) for row in rows))],
    )  # fmt: skip
    report.figure(pictures.accuracy_by_field(rows), "Accuracy against the receptive field.")


def _show_enlargements(report: "Report", settings: Settings) -> None:
    """An image and a spectrogram that are made twice as large."""
    photo, spoken = enlarged(photograph()), data.spoken_clips(settings.threads)
    sound = [] if spoken is None else enlarged(spoken_spectrogram(spoken.test[0]))
    report.text(
        "A transposed convolution of stride 2 makes an image twice as large: each pixel adds a patch. Patches of 3 x 3 "
        "overlap at every second row and column, where twice as much is added; what was even becomes a checkerboard. "
        "Patches as wide as a multiple of the stride overlap evenly, and so does an image whose pixels are repeated "
        "before an ordinary convolution."
    )
    rows: list[tuple[str, ...]] = [(image.name, f"{image.ripple:.1%}") for image in photo]
    titles = ["enlarged", "a plain grey image varies by"]
    if sound:
        titles.append("of a spectrogram, even and odd bins and frames differ by")
        rows = [(*row, f"{image.unevenness:.1%}") for row, image in zip(rows, sound, strict=True)]
    report.table(titles, rows)
    report.figure(
        pictures.enlarged(photo), f"A detail of a photograph of {SIDE} x {SIDE} pixels, enlarged by each of them."
    )
    if sound:
        report.figure(
            pictures.enlarged(sound),
            "A detail of the spectrogram of a spoken word, enlarged by each of them, as the decoder of a network makes "
            "sound of few features: the checkerboard is tones and flutter that nobody said.",
        )
