"""Pictures of spectrograms of sound."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import choice, number
from audioconv.errors import ArgumentError, ShapeError
from audioconv.features.spectrogram import FLOOR_DB, Spectrogram
from audioconv.report.theme import DPI, FONT_SIZE, WIDTH, label, subplots, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FrequencyAxis: TypeAlias = Literal["linear", "log", "mel"]
FREQUENCY_AXES: tuple[FrequencyAxis, ...] = get_args(FrequencyAxis)
_ROWS = 800  # of a picture whose frequencies are not linear
_LEAST_HZ = 20.0  # where a logarithmic axis begins
_LEFT = 0.85  # inches from the left edge to the title
_LEAST_CHANGE_DB = 1.0  # is shown in the darkest colours
_ROUNDING_DB = 1e-4  # what is less is no change, but rounding of levels around -100 dB
_TICKS_HZ = {
    "log": (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000),
    "mel": (0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000),
}
_STEPS_S = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_SHORT_S, _LONG_S = 0.1, 150  # shorter sound is shown over milliseconds, longer one over minutes or hours


def spectrogram(
    spectrograms: Mapping[str, Spectrogram],
    *,
    range_db: float = 80.0,
    fmax: float | None = None,
    frequency_axis: FrequencyAxis = "linear",
    size_inches: tuple[float, float] | None = None,
    dpi: float = DPI,
) -> "Figure":
    """Draw spectrograms over seconds and hertz, a panel each, on one scale of colour.

    Parameters
    ----------
    spectrograms : dict of name -> features.Spectrogram
        Signed ones (changes, after a derivative kernel) are shown in two colours.
    range_db : float > 0
        From the largest level down to the darkest colour, which silence (-120 dB) always has; changes are shown as far
        as 99.8 % of them go.
    fmax : float, in Hz, optional
        Where the pictures end; all frequencies by default.
    frequency_axis : {"linear", "log", "mel"}
        log begins at 20 Hz; mel is the scale of HTK. Where several bins fall on a row, it shows the largest one.
    size_inches : (float, float), optional
        Width and height; by default 6, and 2.9 a panel.
    dpi : float
        Pixels an inch.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ArgumentError, ShapeError
        If there is nothing to show, or a setting makes no sense.

    Examples
    --------
    >>> from audioconv.features import spectrogram_db
    >>> noise = np.random.default_rng(0).standard_normal(16000).astype("float32")
    >>> figure = spectrogram({"noise": spectrogram_db([noise], 16000, 16000)}, fmax=4000)
    >>> figure.axes[0].get_xlabel()
    'time (s)'
    """
    range_db = number(range_db, "range_db", above=0)
    fmax = np.inf if fmax is None else number(fmax, "fmax")
    choice(frequency_axis, "frequency_axis", FREQUENCY_AXES)
    if not spectrograms or len({one.signed for one in spectrograms.values()}) > 1:
        raise ArgumentError("spectrograms must hold at least one, by its name, and all levels or all signed")
    images = {name: one.db[:, one.frequencies_hz <= fmax].T for name, one in spectrograms.items()}
    if not all(image.size for image in images.values()):
        raise ShapeError(f"spectrograms must have columns, and bins up to fmax, {fmax}")
    signed = next(iter(spectrograms.values())).signed
    low, top = _limits(images.values(), range_db, signed)
    width, height = size_inches or (WIDTH, 0.7 + 2.9 * len(images))
    figure, panels = subplots(len(images), 1, height, width, dpi, sharex=True)
    for panel, (name, image) in zip(panels[:, 0], images.items(), strict=True):
        times_s, bin_hz = spectrograms[name].times_s, spectrograms[name].frequencies_hz[1]
        step_s = times_s[1] - times_s[0] if len(times_s) > 1 else 1.0
        shown, bottom, end = _on_axis(image, bin_hz, frequency_axis, signed)
        picture = panel.imshow(
            shown, origin="lower", aspect="auto", cmap="RdBu_r" if signed else "magma", vmin=low, vmax=top,
            extent=(times_s[0] - step_s / 2, times_s[-1] + step_s / 2, bottom, end),
        )  # fmt: skip
        panel.set_xlim(left=0)
        _mark_frequencies(panel, frequency_axis, bottom, end)
        label(panel, y="frequency (Hz)", title=wrapped(name, width - _LEFT))
    label(panels[-1, 0], x=_mark_times(panels[-1, 0]))
    bar = figure.colorbar(picture, ax=list(panels[:, 0]), pad=0.02, aspect=25 * len(images))
    bar.set_label("change (dB)" if signed else "level (dB, sine of full scale = 0)", fontsize=FONT_SIZE)
    bar.ax.tick_params(labelsize=FONT_SIZE)
    return figure


def _limits(images: Iterable[Array], range_db: float, signed: bool) -> tuple[float, float]:
    """The levels of the darkest and of the brightest colour; silence is dark, however little there is besides."""
    finite = [image[np.isfinite(image)] for image in images]
    if signed:
        top = max(float(np.quantile(np.abs(image), 0.998)) if image.size else 0.0 for image in finite)
        if top < _ROUNDING_DB:  # of levels that do not change
            top = _LEAST_CHANGE_DB
        return -top, top
    range_db = min(range_db, -FLOOR_DB)
    top = max(float(image.max(initial=FLOOR_DB)) for image in finite)
    top = max(top, FLOOR_DB + range_db)
    return top - range_db, top


def _position(hz: Any, axis: FrequencyAxis) -> Any:
    """Where a frequency stands."""
    if axis == "mel":
        return 2595 * np.log10(1 + np.asarray(hz) / 700)
    return np.log10(hz) if axis == "log" else np.asarray(hz)


def _frequency(position: Any, axis: FrequencyAxis) -> Any:
    return 700 * (10 ** (position / 2595) - 1) if axis == "mel" else 10.0**position


def _on_axis(image: Array, bin_hz: float, axis: FrequencyAxis, signed: bool = False) -> tuple[Array, float, float]:
    """An image (bins, columns) as rows at equal distances on an axis, and where it begins and ends there."""
    bins = len(image)
    if axis == "linear":
        return image, -bin_hz / 2, (bins - 0.5) * bin_hz
    least_hz, highest_hz = 0.0 if axis == "mel" else _LEAST_HZ, (bins - 1) * bin_hz
    if highest_hz <= least_hz:
        raise ShapeError(f"frequencies must reach beyond {least_hz:g} Hz, not to {highest_hz:g} Hz")
    edges = np.linspace(_position(least_hz, axis), _position(highest_hz, axis), _ROWS + 1)
    edge_bins = _frequency(edges, axis) / bin_hz
    middles = np.clip(_frequency((edges[1:] + edges[:-1]) / 2, axis) / bin_hz, 0, bins - 1)
    below = np.minimum(middles.astype(int), bins - 2)
    share = (middles - below)[:, None].astype(image.dtype)
    rows = (1 - share) * image[below] + share * image[below + 1]
    firsts, ends = np.ceil(edge_bins[:-1]).astype(int), np.ceil(edge_bins[1:]).astype(int)
    for row, (first, end) in enumerate(zip(firsts, np.minimum(ends, bins), strict=True)):
        if first < end:
            most, least = image[first:end].max(axis=0), image[first:end].min(axis=0)
            rows[row] = np.where(most >= -least, most, least) if signed else most
    return rows, edges[0], edges[-1]


def _mark_frequencies(panel: "Axes", axis: FrequencyAxis, bottom: float, end: float) -> None:
    """Ticks in Hz, if the axis is not linear."""
    if axis == "linear":
        return
    ticks = [hz for hz in _TICKS_HZ[axis] if bottom - 1e-9 <= _position(hz, axis) <= end]
    panel.set_yticks([float(_position(hz, axis)) for hz in ticks], [f"{hz}" for hz in ticks])


def _mark_times(panel: "Axes") -> str:
    """Ticks of a short time in milliseconds, of a long one in minutes or hours; what to call the axis."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    length_s = panel.get_xlim()[1]
    if length_s < _SHORT_S:
        panel.xaxis.set_major_formatter(FuncFormatter(lambda time_s, _: f"{1000 * time_s:g}"))
        return "time (ms)"
    if length_s < _LONG_S:
        return "time (s)"
    step_s = next((step for step in _STEPS_S if length_s / step <= 7), _STEPS_S[-1])
    unit_s = 3600 if length_s >= 3600 else 60
    panel.xaxis.set_major_locator(MultipleLocator(step_s))
    panel.xaxis.set_major_formatter(
        FuncFormatter(lambda time_s, _: f"{time_s // unit_s:.0f}:{time_s % unit_s * 60 // unit_s:02.0f}")
    )
    return "time (h:min)" if unit_s == 3600 else "time (min:s)"
