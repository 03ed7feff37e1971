"""upfirdn against scipy.signal.upfirdn: rates by 2/1, 1/3 and 147/160, 30 s at 48 kHz, float32."""

import os

import numpy as np
import scipy.signal
from side_by_side import check_equal, medians_s, show

import audioconv as ac

RATES = ((2, 1), (1, 3), (147, 160))
HALF_LENGTHS = (4, 16)  # of the filter, in samples of the lower rate: a quick one and a good one
CHANNELS = (1, 8)
REPEATS = 9


def main(options):
    os.environ["AUDIOCONV_THREADS"] = "1"
    rng = np.random.default_rng(0)
    rows = []
    for channels in CHANNELS:
        x = rng.standard_normal((30 * 48000, channels) if channels > 1 else 30 * 48000).astype(np.float32)
        rows += [row(x, up, down, half_length) for up, down in RATES for half_length in HALF_LENGTHS]
    show("30 s at 48 kHz, float32, one thread", rows)
    return rows


def row(x, up, down, half_length):
    """Times of one case; SciPy has the channels apart in memory or together, whichever it does faster."""
    most = max(up, down)
    h = (up * scipy.signal.firwin(2 * half_length * most + 1, 1 / most, window=("kaiser", 5.0))).astype(np.float32)
    apart = np.ascontiguousarray(x.T)
    ways = {
        "audioconv": lambda: ac.upfirdn(h, x, up, down),
        "together": lambda: scipy.signal.upfirdn(h, x, up, down, axis=0),
        "apart": lambda: scipy.signal.upfirdn(h, apart, up, down, axis=-1),
    }
    exact = scipy.signal.upfirdn(h.astype(float), x.astype(float), up, down, axis=0)
    error = check_equal(ways["audioconv"](), exact, 2e-6)
    times_s = medians_s(ways, REPEATS)
    scipy_s = min(times_s["together"], times_s["apart"])
    return {
        "rate": f"{up}/{down}",
        "taps": h.size,
        "channels": x.size // len(x),
        "audioconv ms": 1e3 * times_s["audioconv"],
        "scipy ms": 1e3 * scipy_s,
        "scipy / ours": scipy_s / times_s["audioconv"],
        "error / maximum": error,
    }
