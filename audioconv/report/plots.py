"""Pictures of signals, features, trainings and decisions.

Each function returns a matplotlib Figure of its own; neither pyplot nor any setting of matplotlib is touched. Figures
are narrow with large letters, so that they can still be read on a phone.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import ArrayLike
from audioconv.arrays import floating
from audioconv.errors import ArgumentError, ShapeError
from audioconv.report.theme import BLUE, FONT_SIZE, RED, label, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from audioconv.features import LogMel

COLUMNS = 1200  # of a waveform: about the pixels of a picture
_RANGE_DB = 70.0  # of log-mel frames, from bright to dark
_SILENT_DB = 1e-3  # between the levels of frames in which there is nothing


class Word(Protocol):
    """A word, spoken or detected: its label, start and end, in seconds."""

    @property
    def label(self) -> object: ...
    @property
    def start_s(self) -> float: ...
    @property
    def end_s(self) -> float: ...


def waveform(signals: Mapping[str, ArrayLike], sample_rate: int) -> "Figure":
    """Draw signals over time, a panel each, on one scale.

    Parameters
    ----------
    signals : dict of name -> float array, shape (samples,)
    sample_rate : int, in Hz

    Returns
    -------
    figure : matplotlib.figure.Figure
        Of long signals each pixel shows the range of its samples, so that no peak is lost.

    Examples
    --------
    >>> figure = waveform({"noise": np.random.default_rng(0).uniform(-1, 1, 16000)}, 16000)
    >>> figure.axes[0].get_title(loc="left")
    'noise'
    """
    if not signals:
        raise ArgumentError("signals must hold at least one signal, by its name")
    figure, panels = subplots(len(signals), 1, 0.5 + 1.25 * len(signals), sharex=True, sharey=True)
    for panel, (name, samples) in zip(panels[:, 0], signals.items(), strict=True):
        samples = floating(samples, name, (1,))
        if not samples.size:
            raise ShapeError(f"{name} must have at least one sample")
        starts = np.unique(np.linspace(0, samples.size, COLUMNS, endpoint=False).astype(int))
        low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
        panel.fill_between(starts / sample_rate, low, high, color=BLUE, linewidth=0.6)
        label(panel, y="amplitude", title=name)
        panel.margins(x=0.01)
    label(panels[-1, 0], x="time (s)")
    return figure


def log_mel(signals: Mapping[str, ArrayLike], features: "LogMel") -> "Figure":
    """Draw log-mel spectrograms, a panel each, on one scale of time and of colour.

    Parameters
    ----------
    signals : dict of name -> float array, shape (samples,), at the sample rate of `features`
    features : LogMel

    Returns
    -------
    figure : matplotlib.figure.Figure
        Energy a band in dB below the largest of all, down to -70 dB. Nothing but silence is all dark.

    Examples
    --------
    >>> import audioconv as ac
    >>> figure = log_mel({"noise": np.random.default_rng(0).uniform(-1, 1, 16000)}, ac.LogMel(16000))
    >>> figure.axes[0].get_ylabel()
    'frequency (Hz)'
    """
    frames = {name: 10 / np.log(10) * features(samples) for name, samples in signals.items()}
    if not frames or not all(map(len, frames.values())):
        raise ShapeError("signals must hold at least one signal, each at least one frame long")
    top = max(image.max() for image in frames.values())
    if top - min(image.min() for image in frames.values()) < _SILENT_DB:
        top += _RANGE_DB
    hop_s = features.hop / features.sample_rate
    figure, panels = subplots(len(frames), 1, 0.5 + 1.5 * len(frames), sharex=True)
    for panel, (name, image) in zip(panels[:, 0], frames.items(), strict=True):
        start_s = (features.win_length / 2 - features.padding[0]) / features.sample_rate - hop_s / 2
        picture = panel.imshow(
            (image - top).T, origin="lower", aspect="auto", cmap="viridis", vmin=-_RANGE_DB, vmax=0,
            extent=(start_s, start_s + len(image) * hop_s, -0.5, features.n_mels - 0.5),
        )  # fmt: skip
        ticks = [hz for hz in (500, 1000, 2000, 4000, 8000, 16000) if features.fmin < hz < features.fmax]
        panel.set_yticks(np.interp(ticks, _centres_hz(features), np.arange(features.n_mels)))
        panel.set_yticklabels(ticks)
        label(panel, y="frequency (Hz)", title=name)
    panels[-1, 0].set_xlim(0, max(len(image) for image in frames.values()) * hop_s)
    label(panels[-1, 0], x="time (s)")
    bar = figure.colorbar(picture, ax=list(panels[:, 0]), pad=0.02, aspect=15 * len(frames))
    bar.set_label("energy (dB)", fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE)
    return figure


def _centres_hz(features: "LogMel") -> NDArray[np.float64]:
    bins_hz = np.arange(features.filters.shape[1]) * features.sample_rate / features.fft_size
    centres_hz: NDArray[np.float64] = (features.filters * bins_hz).sum(axis=1) / features.filters.sum(axis=1)
    return centres_hz


def training_curve(history: Sequence[Mapping[str, Any]]) -> "Figure":
    """Draw loss and accuracy after each epoch, side by side.

    Parameters
    ----------
    history : list of dict
        As `KeywordClassifier.history_`: epoch, loss, accuracy and, if there were validation clips, val_accuracy.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> epochs = [{"epoch": 1, "loss": 0.9, "accuracy": 0.5}, {"epoch": 2, "loss": 0.4, "accuracy": 0.9}]
    >>> figure = training_curve(epochs)
    >>> len(figure.axes)
    2
    """
    if not history:
        raise ArgumentError("history must hold at least one epoch")
    epochs = [record["epoch"] for record in history]
    figure, panels = subplots(1, 2, 2.7)
    left, right = panels[0]
    left.plot(epochs, [record["loss"] for record in history], color=BLUE)
    left.set_ylim(bottom=0)
    label(left, x="epoch", title="loss, training")
    right.plot(epochs, [100 * record["accuracy"] for record in history], color=BLUE, label="training")
    held = [record["val_accuracy"] for record in history if record.get("val_accuracy") is not None]
    if len(held) == len(epochs):
        right.plot(epochs, [100 * value for value in held], color=RED, linestyle="--", label="validation")
    right.legend(fontsize=FONT_SIZE, frameon=False, loc="lower right")
    right.set_ylim(top=101)
    label(right, x="epoch", title="accuracy (%)")
    for panel in (left, right):
        panel.grid(alpha=0.3)
        panel.xaxis.get_major_locator().set_params(integer=True)
    return figure


def confusion(counts: ArrayLike, labels: Sequence[object]) -> "Figure":
    """Draw a confusion matrix: colour is the share of the row, the number the count.

    Parameters
    ----------
    counts : int array, shape (labels, labels)
        Row: the true label; column: the predicted one, as `confusion_matrix` gives them.
    labels : sequence of labels

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> figure = confusion([[9, 1], [0, 10]], ["no", "yes"])
    >>> figure.axes[0].get_ylabel()
    'what it was'
    """
    counts = np.asarray(counts)
    if counts.shape != (len(labels), len(labels)):
        raise ShapeError(f"counts must have a row and a column for each of {len(labels)} labels, not {counts.shape}")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, panels = subplots(1, 1, 1.1 + 0.36 * len(labels))
    panel = panels[0, 0]
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.5 else "black"
        panel.text(column, row, counts[row, column], ha="center", va="center", color=colour, fontsize=FONT_SIZE)
    panel.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    panel.set_yticks(range(len(labels)), labels)
    panel.set_xticks(np.arange(len(labels) - 1) + 0.5, minor=True)
    panel.set_yticks(np.arange(len(labels) - 1) + 0.5, minor=True)
    panel.grid(which="minor", color="#DDDDDD", linewidth=0.8)
    panel.tick_params(which="minor", length=0)
    label(panel, x="what the model said", y="what it was")
    return figure


def posteriors(
    rows: ArrayLike,
    times_s: ArrayLike,
    labels: Sequence[object],
    *,
    truth: Sequence[Word] = (),
    detections: Sequence[Word] = (),
    row_s: float = 30.0,
) -> "Figure":
    """Draw posteriors over time as an image, a line a label, with the words that were said and those detected.

    Parameters
    ----------
    rows : float array, shape (frames, labels)
    times_s : float array, shape (frames,), in seconds, in equal steps
    labels : sequence of labels
    truth : sequence with label, start_s, end_s
        Drawn as boxes.
    detections : sequence with label, start_s, end_s
        Drawn as dots at their middles: a dot in a box is a hit.
    row_s : float, in seconds
        Longest stretch in one panel; a longer recording is cut into panels of equal length.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> figure = posteriors(np.eye(2)[[0, 0, 1, 1]], [0.5, 1.0, 1.5, 2.0], ["no", "yes"])
    >>> [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    ['no', 'yes']
    """
    rows, times_s = floating(rows, "rows", (2,)), np.asarray(times_s)
    if rows.shape != (len(times_s), len(labels)) or len(times_s) < 2:
        raise ShapeError(
            f"rows must be (frames, labels), {(len(times_s), len(labels))}, two at least, not {rows.shape}"
        )
    names, step_s = [str(label) for label in labels], times_s[1] - times_s[0]
    begin, end = times_s[0] - step_s / 2, times_s[-1] + step_s / 2
    count = max(1, int(np.ceil((end - begin) / row_s - 1e-6)))
    panel_s = (end - begin) / count
    figure, panels = subplots(count, 1, 0.9 + count * (0.35 + 0.17 * len(names)))
    for i, panel in enumerate(panels[:, 0]):
        picture = panel.imshow(
            rows.T, aspect="auto", cmap="viridis", vmin=0, vmax=1, interpolation="nearest",
            extent=(begin, end, len(names) - 0.5, -0.5),
        )  # fmt: skip
        _mark(panel, names, truth, detections)
        panel.set_yticks(range(len(names)), names)
        panel.set_xlim(begin + i * panel_s, begin + (i + 1) * panel_s)
        panel.set_ylim(len(names) - 0.5, -0.5)
    label(panels[-1, 0], x="time (s)")
    bar = figure.colorbar(picture, ax=list(panels[:, 0]), location="top", aspect=40, pad=0.02, shrink=0.6)
    bar.set_label("posterior", fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE)
    return figure


def _mark(panel: "Axes", names: list[str], truth: Sequence[Word], detections: Sequence[Word]) -> None:
    """Boxes where words were said, dots where they were detected."""
    from matplotlib.patches import Rectangle

    for word in truth:
        corner = (word.start_s, names.index(str(word.label)) - 0.5)
        panel.add_patch(Rectangle(corner, word.end_s - word.start_s, 1, fill=False, edgecolor="white", linewidth=1.2))
    points = [((found.start_s + found.end_s) / 2, names.index(str(found.label))) for found in detections]
    if points:
        times_s, rows = zip(*points, strict=True)
        panel.scatter(times_s, rows, s=22, color=RED, edgecolors="white", linewidths=0.8, zorder=3)
