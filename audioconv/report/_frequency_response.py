"""The frequency response of equalisers and filters as a picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from audioconv.errors import ArgumentError
from audioconv.report.theme import label, subplots
from audioconv.stream import Biquad, ParametricEq

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS, _LOWEST_HZ, _LOWEST_DB = 1000, 20.0, -60.0


def frequency_response(filters: Mapping[str, Biquad | ParametricEq]) -> "Figure":
    """Draw the gain of filters over the frequency, all in one panel.

    Parameters
    ----------
    filters : dict of name -> Biquad or ParametricEq
        A `Biquad` with a sample rate. For a `ParametricEq` its bands are marked.

    Returns
    -------
    figure : matplotlib.figure.Figure
        From 20 Hz to half of the lowest sample rate; gains below -60 dB are not shown.

    Raises
    ------
    ArgumentError
        For no filter, and for a `Biquad` of which the sample rate is not known.

    Examples
    --------
    >>> figure = frequency_response({"speech": ParametricEq.from_preset("speech", sample_rate=48000)})
    >>> figure.axes[0].get_ylabel()
    'gain (dB)'
    """
    if not filters:
        raise ArgumentError("filters must hold at least one filter, by its name")
    figure, panels = subplots(1, 1, 3.0)
    panel = panels[0, 0]
    end = min((filter.rate_out or np.inf) / 2 for filter in filters.values())
    if not np.isfinite(end):
        raise ArgumentError("the sample rate is not known: make the Biquad with sample_rate=")
    hz = np.geomspace(_LOWEST_HZ, end, _POINTS)
    hz[-1] = end
    for name, filter in filters.items():
        with np.errstate(divide="ignore"):
            gain_db = 20 * np.log10(np.abs(filter.frequency_response(hz)))
        (line,) = panel.plot(hz, np.maximum(gain_db, _LOWEST_DB), label=name)
        for band in filter.bands.values() if isinstance(filter, ParametricEq) else ():
            panel.axvline(band.frequency_hz, color=line.get_color(), linewidth=0.6, linestyle=":")
    panel.set_xscale("log")
    panel.margins(x=0)
    label(panel, x="frequency (Hz)", y="gain (dB)")
    panel.legend(frameon=False)
    return figure
