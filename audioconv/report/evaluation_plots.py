"""Pictures of an evaluation: the DET curve, the reliability diagram, and how far speakers are apart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audioconv.detect.evaluation.clips import ReliabilityBin, SpeakerSpread
from audioconv.detect.evaluation.det_curve import DetCurve
from audioconv.errors import ArgumentError
from audioconv.report.theme import BLUE, FONT_SIZE, GREY, ORANGE, RED, label, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_MISSED = 0.003  # of the axis
RATE_TICKS = tuple(base * 10.0**power for power in range(-3, 5) for base in (1, 3))
MISSED_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def det_curve(curves: Sequence[DetCurve]) -> "Figure":
    """Draw missed words against false alarms an hour, a line a condition; dots are the thresholds as they are.

    Parameters
    ----------
    curves : sequence of DetCurve
        As `Evaluation.curves`. No false alarm is drawn as half of one.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> from audioconv.detect.evaluation.det_curve import DetCurve, DetPoint
    >>> points = [DetPoint(0.1, 0.02, 30, 15.0), DetPoint(1.0, 0.05, 2, 1.0), DetPoint(10.0, 0.2, 0, 0.0)]
    >>> figure = det_curve([DetCurve("10 dB", 200, 2.0, points)])
    >>> figure.axes[0].get_ylabel()
    'words missed'
    """
    from matplotlib import colormaps

    if not curves:
        raise ArgumentError("curves must hold at least one curve")
    figure, panels = subplots(1, 1, 3.9)
    panel = panels[0, 0]
    noisy = [curve for curve in curves if curve.name != "rooms"]
    shades = colormaps["viridis"](np.linspace(0.0, 0.85, max(len(noisy), 2)))
    for curve in curves:
        colour, style = (RED, "--") if curve.name == "rooms" else (shades[noisy.index(curve)], "-")
        rates = [max(point.false_alarms_per_hour, 0.5 / curve.hours) for point in curve.points]
        missed = [max(point.missed, LEAST_MISSED) for point in curve.points]
        panel.plot(rates, missed, style, color=colour, linewidth=1.6, label=curve.name)
        for point, rate, share in zip(curve.points, rates, missed, strict=True):
            if abs(np.log(point.factor)) < 1e-6:
                panel.plot(rate, share, "o", color=colour, markersize=6)
    panel.set_xscale("log")
    panel.set_yscale("log")
    _ticks(panel)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=FONT_SIZE, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    label(panel, "false alarms an hour", "words missed")
    return figure


def _ticks(panel: "Axes") -> None:
    """Round numbers at both axes, those that lie within them."""
    low, high = panel.get_xlim()
    rates = [tick for tick in RATE_TICKS if low <= tick <= high]
    panel.set_xticks(rates, [f"{tick:g}" for tick in rates])
    panel.set_ylim(min(max(LEAST_MISSED, panel.get_ylim()[0]), 0.5), 1.1)
    missed = [tick for tick in MISSED_TICKS if tick >= panel.get_ylim()[0]]
    panel.set_yticks(missed, [f"{100 * tick:g} %" for tick in missed])
    panel.minorticks_off()


def reliability(bins: Sequence[ReliabilityBin]) -> "Figure":
    """Draw how often a model is right against how sure it is; the area of a dot is the number of clips.

    Parameters
    ----------
    bins : sequence of ReliabilityBin
        As `Evaluation.clips.reliability`.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> from audioconv.detect.evaluation.clips import ReliabilityBin
    >>> figure = reliability([ReliabilityBin(0.55, 0.5, 10), ReliabilityBin(0.95, 0.97, 200)])
    >>> figure.axes[0].get_xlabel()
    'posterior of the most probable label'
    """
    figure, panels = subplots(1, 1, 3.2)
    panel = panels[0, 0]
    panel.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    panel.plot([b.confidence for b in bins], [b.right for b in bins], color=BLUE, linewidth=1.4)
    most = max((b.clips for b in bins), default=1)
    panel.scatter([b.confidence for b in bins], [b.right for b in bins], s=[12 + 180 * b.clips / most for b in bins],
                  color=BLUE, edgecolors="white", zorder=3)  # fmt: skip
    panel.set_xlim(0, 1.04)
    panel.set_ylim(0, 1.04)
    panel.grid(alpha=0.3)
    label(panel, "posterior of the most probable label", "share that was right")
    return figure


def speakers(spread: SpeakerSpread, accuracy: float) -> "Figure":
    """Draw the accuracy of each speaker, the lowest first, with that of all clips.

    Parameters
    ----------
    spread : SpeakerSpread
        As `Evaluation.clips.speaker_spread`.
    accuracy : float

    Returns
    -------
    figure : matplotlib.figure.Figure

    Examples
    --------
    >>> from audioconv.detect.evaluation.clips import SpeakerSpread
    >>> figure = speakers(SpeakerSpread(2, (0.6, 0.9), 4, {"anna": 0.5, "ben": 1.0}), 0.75)
    >>> figure.axes[0].get_ylabel()
    'clips labelled right'
    """
    figure, panels = subplots(1, 1, 2.6)
    panel = panels[0, 0]
    heights = list(spread.accuracies.values())
    panel.fill_between(np.arange(len(heights) + 1), [*heights, heights[-1]], step="post", color=ORANGE, alpha=0.5)
    panel.step(np.arange(len(heights) + 1), [*heights, heights[-1]], where="post", color=ORANGE, linewidth=1.5)
    panel.axhline(accuracy, color=BLUE, linewidth=1.2, linestyle="--")
    panel.set_ylim(0, 1.02)
    panel.set_xlim(0, max(len(heights), 1))
    panel.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25 %", "50 %", "75 %", "100 %"])
    panel.grid(alpha=0.3, axis="y")
    label(panel, f"{len(heights)} speakers, the least understood first", "clips labelled right")
    return figure
