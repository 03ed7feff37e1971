"""convolve against scipy.signal.oaconvolve: 30 s of noise at 48 kHz, float32, one thread."""

import numpy as np
import scipy.signal
from side_by_side import check_equal, medians_s, show

import audioconv as ac

TAPS = (16, 64, 255, 1024, 4800, 48000, 240000)


def main(options):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(30 * 48000).astype(np.float32)
    rows = []
    for taps in TAPS:
        h = (rng.standard_normal(taps) * np.exp(-5 * np.arange(taps) / taps)).astype(np.float32)
        ways = {
            "audioconv": lambda h=h: ac.convolve(x, h, threads=1),
            "scipy": lambda h=h: scipy.signal.oaconvolve(x, h),
        }
        exact = scipy.signal.oaconvolve(x.astype(float), h.astype(float))
        error = check_equal(ways["audioconv"](), exact, 2e-6)
        times_s = medians_s(ways, 15)
        rows.append({
            "taps": taps,
            "audioconv ms": 1e3 * times_s["audioconv"],
            "oaconvolve ms": 1e3 * times_s["scipy"],
            "times faster": times_s["scipy"] / times_s["audioconv"],
            "error / maximum": error,
        })  # fmt: skip
    show("30 s mono at 48 kHz, float32, one thread", rows)
    return rows
