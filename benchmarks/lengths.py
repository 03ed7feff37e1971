"""Each method against the length of the kernel, measured and predicted: 10 s at 48 kHz, float32, one thread.

`benchmarks/picture.py` draws it.
"""

import numpy as np
from side_by_side import medians_s, show

import audioconv as ac

SAMPLES = 10 * 48000
TAPS = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144)
SHARE = 100  # of so many taps of the sparse filter, one is not zero
SLOWEST_S = 0.2


def main(options):
    rows = [row(taps, zeros) for taps in TAPS for zeros in (False, True) if taps >= SHARE or not zeros]
    show("10 s at 48 kHz, float32, one thread", rows)
    return rows


def row(taps, zeros):
    """Times of all methods for a filter; with zeros, of the sparse one."""
    rng = np.random.default_rng(0)
    x, h = (rng.standard_normal(size).astype(np.float32) for size in (SAMPLES, taps))
    if zeros:
        h[rng.permutation(taps)[: taps - taps // SHARE]] = 0
    plan = ac.plan(SAMPLES, taps, nonzero=np.count_nonzero(h))
    wanted = ("sparse",) if zeros else ("direct", "overlap_add", "fft")
    predicted_s = {way.method: way.predicted_s for way in plan.ways if way.method in wanted}
    ways = {
        method: lambda method=method: ac.convolve(x, h, method=method, threads=1)
        for method, seconds in predicted_s.items()
        if seconds <= SLOWEST_S
    }
    measured_s = medians_s(ways, 9)
    times = {}
    for method in ("direct", "sparse", "overlap_add", "fft"):
        times[f"{method} ms"] = 1e3 * measured_s[method] if method in ways else None
        times[f"{method} predicted"] = 1e3 * predicted_s[method] if method in ways else None
    return {"taps": taps, **times}
