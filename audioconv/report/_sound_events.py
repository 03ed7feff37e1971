"""Pictures of sound events under the spectrogram that they are in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from audioconv.classify.detections import Detection
from audioconv.detect.sound_events import SoundEvent
from audioconv.errors import ShapeError
from audioconv.features.spectrogram import Spectrogram
from audioconv.report._spectrogram import _limits, _mark_frequencies, _mark_times, _on_axis
from audioconv.report.theme import BLUE, DPI, FONT_SIZE, GREY, WIDTH, label, subplots, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LANE = 0.28  # inches of a class
_RANGE_DB = 70.0
_LEFT = 1.3  # inches from the left edge to the panels


def sound_events(
    spectrogram: Spectrogram,
    events: Sequence[Detection],
    *,
    truth: Sequence[SoundEvent] | None = None,
    title: str = "",
    width_inches: float = 2 * WIDTH,
    dpi: float = DPI,
) -> "Figure":
    """Draw a spectrogram, and below it when each class of sounds was heard.

    Parameters
    ----------
    spectrogram : features.Spectrogram
        Of levels.
    events : sequence of Detection
        What was detected; the surer, the darker.
    truth : sequence of SoundEvent, optional
        What there is, drawn above that.
    title : str
    width_inches : float
    dpi : float
        Pixels an inch.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If the spectrogram has no columns.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import Detection
    >>> from audioconv.features import spectrogram_db
    >>> noise = np.random.default_rng(0).standard_normal(16000).astype("float32")
    >>> figure = sound_events(spectrogram_db([noise], 16000, 16000), [Detection("rain", 0.2, 0.9, 0.8)])
    >>> [tick.get_text() for tick in figure.axes[1].get_yticklabels()]
    ['rain']
    """
    if not len(spectrogram.times_s):
        raise ShapeError("the spectrogram must have columns")
    labels = sorted({str(e.label) for e in events} | {str(e.label) for e in truth or ()})
    lanes = max(1, len(labels))
    height = 3.2 + _LANE * lanes
    figure, panels = subplots(2, 1, height, width_inches, dpi, sharex=True)
    top, bottom = panels[:, 0]
    top.get_gridspec().set_height_ratios([2.4, _LANE * lanes])
    _draw_levels(top, spectrogram)
    for i, name in enumerate(labels):
        bottom.axhline(i + 0.5, color=GREY, linewidth=0.3)
        for event in truth or ():
            if str(event.label) == name:
                bottom.barh(i - 0.22, event.offset_s - event.onset_s, 0.36, event.onset_s, color=GREY)
        place, thickness = (i, 0.7) if truth is None else (i + 0.22, 0.36)
        for found in events:
            if str(found.label) == name:
                shade = 0.35 + 0.65 * min(1.0, max(0.0, float(found.score)))
                bottom.barh(place, found.end_s - found.start_s, thickness, found.start_s, color=BLUE, alpha=shade)
    bottom.set_ylim(lanes - 0.5, -0.5)  # lanes go downwards
    bottom.set_yticks(range(len(labels)), labels, parse_math=False)
    label(bottom, x=_mark_times(top), title=None if truth is None else "grey: what there is, blue: what was detected")
    if title:
        label(top, title=wrapped(title, width_inches - _LEFT))
    return figure


def _draw_levels(panel: "Axes", spectrogram: Spectrogram) -> None:
    times_s, bin_hz = spectrogram.times_s, float(spectrogram.frequencies_hz[1])
    step_s = float(times_s[1] - times_s[0]) if len(times_s) > 1 else 1.0
    image = spectrogram.db.T
    low, high = _limits([image], _RANGE_DB, False)
    shown, begin, end = _on_axis(image, bin_hz, "mel")
    panel.imshow(
        shown, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high,
        extent=(float(times_s[0]) - step_s / 2, float(times_s[-1]) + step_s / 2, begin, end),
    )  # fmt: skip
    panel.set_xlim(left=0)
    _mark_frequencies(panel, "mel", begin, end)
    label(panel, y="frequency (Hz)")
    panel.tick_params(labelsize=FONT_SIZE)
