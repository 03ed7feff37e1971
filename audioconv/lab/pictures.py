"""The pictures of the experiments."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from audioconv._typing import Array
from audioconv.report.theme import BLUE, FONT_SIZE, GREEN, GREY, RED, label, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from audioconv.lab.comparison import Row
    from audioconv.lab.dilated import Enlarged, Field
    from audioconv.lab.event_field import Reach
    from audioconv.lab.fast import Cost
    from audioconv.lab.pooling import Invariance
    from audioconv.lab.prior import Matrix
    from audioconv.lab.sharing import Sharing
    from audioconv.lab.sparse import Pruned

PURPLE = "#CC79A7"
KINDS = {  # colour and mark
    "dense": (GREY, "s"),
    "locally connected": (PURPLE, "v"),
    "tiled": (GREEN, "^"),
    "convolutional": (BLUE, "o"),
    "depthwise-separable": (RED, "D"),
}


def accuracy_by_share(rows: "Sequence[Row]", shares: Sequence[float]) -> "Figure":
    """Lines of accuracy against the share of the training data; without pooling and with it side by side."""
    figure, panels = subplots(1, 2, 3.6, sharey=True)
    for panel, pooled in zip(panels[0], (False, True), strict=True):
        for row in rows:
            if row.network.pooled == pooled:
                colour, mark = KINDS[row.network.kind]
                panel.plot(100 * np.array(shares), _percent(row.accuracy), f"{mark}-", color=colour, ms=4.5,
                           label=row.network.kind)  # fmt: skip
        panel.set_xscale("log")
        panel.set_xticks([1, 5, 10, 50, 100], ["1", "5", "10", "50", "100"])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
        label(panel, x="training data (%)", title="with pooling" if pooled else "without pooling")
    label(panels[0, 0], y="accuracy (%)")
    _legend(figure, panels[0, 0])
    return figure


def _percent(accuracy: Array) -> Array:
    """Means over the seeds that were finished; NaN, and so no point, where none was."""
    done = np.isfinite(accuracy)
    means: Array = (
        100 * np.where(done, accuracy, 0).sum(axis=-1) / np.where(done.any(axis=-1), done.sum(axis=-1), np.nan)
    )
    return means


def accuracy_by_cost(rows: "Sequence[Row]") -> "Figure":
    """Dots of accuracy against parameters, multiply-adds, memory, and times of a step and of a prediction."""
    costs: dict[str, Callable[[Row], float]] = {
        "parameters": lambda row: row.network.parameters,
        "multiply-adds": lambda row: row.network.multiply_adds,
        "memory (kB)": lambda row: row.network.memory_bytes / 1e3,
        "training step (ms)": lambda row: 1e3 * row.step_s,
        "prediction (µs)": lambda row: 1e6 * row.predict_s,
    }
    figure, panels = subplots(3, 2, 7.0, sharey=True)
    for panel, (name, cost) in zip(panels.flat, costs.items(), strict=False):
        for row in rows:
            colour, mark = KINDS[row.network.kind]
            size = 8 if row.budget == "multiply_adds" else 5
            panel.plot(cost(row), _percent(row.accuracy)[-1], mark, color=colour, ms=size,
                       fillstyle="full" if row.network.pooled else "none", label=row.network.kind)  # fmt: skip
        _log(panel)
        label(panel, x=name)
    for panel in panels[:, 0]:
        label(panel, y="accuracy (%)")
    panels[2, 1].axis("off")
    _legend(figure, panels[0, 0])
    return figure


def _log(panel: "Axes", axis: Literal["x", "y"] = "x") -> None:
    """A logarithmic axis with numbers at 1, 2 and 5, or at 1 alone where more would not fit."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    panel.set(**{f"{axis}scale": "log"})
    ticks = getattr(panel, f"{axis}axis")
    low, high = sorted(getattr(panel, f"get_{axis}lim")())
    few = high > low * {"x": 30, "y": 1500}[axis]
    ticks.set_major_locator(LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0)))
    ticks.set_major_formatter(FuncFormatter(_short))
    ticks.set_minor_locator(NullLocator())
    panel.grid(alpha=0.3)


def _short(value: float, _: object = None) -> str:
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:g} {unit}"
    return f"{value:g}"


def _legend(figure: "Figure", panel: "Axes") -> None:
    """Each kind once, above the panels."""
    handles, names = panel.get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside upper center", ncols=3, fontsize=FONT_SIZE, frameon=False)


def lines_by_share(rows: "Sequence[Sharing]", shares: Sequence[float]) -> "Figure":
    """Accuracy against the share of the training data, a line for each kind of weights."""
    figure, panels = subplots(1, 1, 3.2)
    panel = panels[0, 0]
    for row, colour, mark in zip(rows, (BLUE, GREEN, PURPLE), "o^v", strict=True):
        panel.plot(100 * np.array(shares), _percent(row.accuracy), f"{mark}-", color=colour,
                   label=f"{row.name} ({row.weights:,})")  # fmt: skip
    _log(panel)
    panel.set_xticks([100 * share for share in shares], [f"{100 * share:g}" for share in shares])
    panel.legend(fontsize=FONT_SIZE, frameon=False, title="weights of the first layer", title_fontsize=FONT_SIZE)
    label(panel, x="training data (%)", y="accuracy (%)")
    return figure


def scores_of_line(line: str, scores: Array, most: int) -> "Figure":
    """Bars of agreement under the letters of a line."""
    figure, panels = subplots(1, 1, 1.9)
    panel = panels[0, 0]
    colours = [BLUE if score == most else GREY for score in scores]
    panel.bar(range(len(scores)), scores, color=colours, width=0.8)
    panel.set_xticks(range(len(line)), list(line))
    panel.set_yticks(range(most + 1))
    panel.tick_params(axis="x", length=0, labelsize=FONT_SIZE - 1.5)
    panel.set_xlim(-0.7, len(line) - 0.3)
    label(panel, y="letters that agree")
    return figure


def pruned(rows: "Sequence[Pruned]") -> "Figure":
    """Time against the share of taps that is left: sums over all, over those left, and as predicted."""
    figure, panels = subplots(1, 1, 3.2)
    panel, shares = panels[0, 0], [100 * row.share for row in rows]
    panel.plot(shares, [1e3 * row.direct_s for row in rows], "s-", color=GREY, label="all taps")
    panel.plot(shares, [1e3 * row.sparse_s for row in rows], "o", color=BLUE, label="those left, measured")
    panel.plot(shares, [1e3 * row.predicted_s for row in rows], "-", color=BLUE, lw=1, label="those left, predicted")
    _log(panel, "x")
    _log(panel, "y")
    panel.legend(fontsize=FONT_SIZE, frameon=False)
    label(panel, x="taps left (%)", y="time (ms)")
    return figure


def receptive_fields(
    fields: Mapping[str, Sequence[Array]], lines: Mapping[str, Sequence[tuple[int, int, int]]]
) -> "Figure":
    """Units of each layer as dots, those that are seen filled, with the connections to the one that sees."""
    figure, panels = subplots(len(fields), 1, 0.4 + 2.1 * len(fields))
    for panel, (name, seen) in zip(panels[:, 0], fields.items(), strict=True):
        for layer, below, above in lines[name]:
            panel.plot((below, above), (layer, layer + 1), "-", color=GREY, lw=0.6, zorder=1)
        for layer, units in enumerate(seen):
            places = np.arange(len(units))
            panel.scatter(places[~units], np.full((~units).sum(), layer), s=12, facecolors="white", edgecolors=GREY,
                          linewidths=0.7, zorder=2)  # fmt: skip
            panel.scatter(places[units], np.full(units.sum(), layer), s=22, color=BLUE, zorder=3)
        panel.set_yticks(range(len(seen)), ["input", *(f"layer {n}" for n in range(1, len(seen)))])
        panel.set_xticks([])
        panel.spines[["left", "bottom"]].set_visible(False)
        panel.tick_params(length=0)
        label(panel, title=f"{name}: {np.count_nonzero(seen[0])} inputs")
    return figure


def matrices(rows: "Sequence[Matrix]") -> "Figure":
    """Matrices as squares in the colours of their weights, with the weights' numbers."""
    from matplotlib.colors import ListedColormap

    figure, panels = subplots(2, 2, 6.0)
    colours = ListedColormap(["white", "#9ECAE9", "#F5C396", "#8FD3B6"])
    for panel, row in zip(panels.flat, rows, strict=True):
        panel.imshow(row.tied.T, cmap=colours, vmin=0, vmax=3, aspect="equal")
        for column, line in zip(*np.nonzero(row.tied), strict=True):
            panel.text(column, line, row.tied[column, line], ha="center", va="center", fontsize=6)
        panel.spines[["top", "right"]].set_visible(True)
        panel.set_xticks([0, row.tied.shape[0] - 1])
        panel.set_yticks([0, row.tied.shape[1] - 1])
        label(panel, x="input", y="output", title=row.name)
    return figure


def shifts(rows: "Sequence[Invariance]", shifts_ms: Sequence[float]) -> "Figure":
    """Accuracy and change of the logits against the shift, a line for each kind of pooling."""
    figure, panels = subplots(1, 2, 3.6)
    marks = dict(zip(("none", "max", "average", "Lp", "strided", "mean over all"), "sovD^P", strict=True))
    colours = dict(zip(marks, (GREY, BLUE, GREEN, PURPLE, RED, "#000000"), strict=True))
    for row in rows:
        style: dict[str, Any] = {"color": colours[row.kind], "marker": marks[row.kind], "ms": 4.5, "label": row.kind}
        panels[0, 0].plot(shifts_ms, _percent(row.accuracy), **style)
        panels[0, 1].plot(shifts_ms, row.change.mean(axis=1), **style)
    label(panels[0, 0], x="later than in training (ms)", title="accuracy (%)")
    label(panels[0, 1], x="later than in training (ms)", title="change of the logits")
    for panel in panels[0]:
        panel.grid(alpha=0.3)
        panel.set_ylim(bottom=0)
    _legend(figure, panels[0, 0])
    return figure


def fields_by_depth(field: "Field") -> "Figure":
    """Inputs seen against layers, without and with dilation."""
    figure, panels = subplots(1, 1, 3.0)
    panel = panels[0, 0]
    panel.plot(field.depths, field.dilated, "o-", color=BLUE, label="dilation 1, 2, 4, ...")
    panel.plot(field.depths, field.plain, "s-", color=GREY, label="dilation 1")
    _log(panel, "y")
    panel.legend(fontsize=FONT_SIZE, frameon=False)
    label(panel, x="layers of three taps", y="inputs seen")
    return figure


def accuracy_by_field(rows: "Sequence[Reach]") -> "Figure":
    """Accuracy against the receptive field in seconds, a dot for each largest dilation."""
    figure, panels = subplots(1, 1, 2.8)
    panel = panels[0, 0]
    panel.plot([row.seconds for row in rows], _percent(np.array([row.accuracy for row in rows])), "o-", color=BLUE)
    for row in rows:
        panel.annotate(f"dilation {row.dilation}", (row.seconds, 100 * row.accuracy.mean()), (4, -11),
                       textcoords="offset points", fontsize=FONT_SIZE - 1)  # fmt: skip
    panel.margins(x=0.12, y=0.2)
    panel.grid(alpha=0.3)
    label(panel, x="receptive field (s)", y="accuracy (%)")
    return figure


def enlarged(images: "Sequence[Enlarged]") -> "Figure":
    """A detail of each enlarged image, all in one scale of grey."""
    figure, panels = subplots(1, len(images), 2.4)
    for panel, image in zip(panels[0], images, strict=True):
        middle = image.image.shape[0] // 2
        panel.imshow(image.image[middle - 32 : middle + 32, middle - 32 : middle + 32], cmap="gray", vmin=0, vmax=1,
                     interpolation="nearest")  # fmt: skip
        panel.axis("off")
        panel.set_title(image.name, fontsize=FONT_SIZE - 1)
    return figure


def costs(rows: "Sequence[Cost]", what: str) -> "Figure":
    """Times against the size of the kernel, a colour for each method: dots measured, lines predicted."""
    figure, panels = subplots(1, 1, 3.6)
    panel = panels[0, 0]
    styles = {"direct": (BLUE, "o"), "sparse": (PURPLE, "D"), "overlap_add": (GREEN, "^"), "fft": (RED, "s"),
              "separable": (GREY, "v")}  # fmt: skip
    for method, (colour, mark) in styles.items():
        own = [row for row in rows if method in row.measured_s]
        if own:
            sizes = [row.size for row in own]
            panel.plot(sizes, [1e3 * row.predicted_s[method] for row in own], "-", color=colour, lw=1.2)
            panel.plot(sizes, [1e3 * row.measured_s[method] for row in own], mark, color=colour, ms=5, label=method)
    _log(panel, "x")
    _log(panel, "y")
    panel.legend(fontsize=FONT_SIZE, frameon=False)
    label(panel, x=what, y="time (ms)")
    return figure
