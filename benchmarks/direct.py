"""The direct kernels against what multiply-adds in registers give here, called in loops of compiled code, one thread.

The loop of multiply-adds has 12 sums in registers: as many as latency times units ask for. Least times of 60 turns, not
medians: what a kernel takes when nobody shares the core's units, of which a virtual machine cannot be sure.
"""

import numba
import numpy as np
from side_by_side import least_s, show

from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp._fir import fir, fir_at
from audioconv.kernels.simd.vector import fma, lanes, load, store

TAPS = (8, 9, 12, 15, 16, 20, 24, 31, 32, 48, 64, 100, 128, 255, 256, 512)
OUTPUTS = 8192
DISTANCE = 3  # from tap to tap of the filter that is not dense
CHAINS = 12
ENOUGH_S = 5e-4  # of one measurement


@numba.njit(nogil=True)
def multiply_adds(x, y, repeats):
    u, v = load(x, 0), load(x, lanes(x))
    a, b, c, d, e, f = u, u, u, u, u, u
    g, h, i, j, k, m = v, v, v, v, v, v
    for _ in range(repeats):
        a, b, c, d, e, f = fma(u, v, a), fma(u, u, b), fma(v, v, c), fma(v, a, d), fma(u, b, e), fma(v, c, f)
        g, h, i, j, k, m = fma(u, v, g), fma(u, u, h), fma(v, v, i), fma(v, g, j), fma(u, h, k), fma(v, i, m)
    store(y, 0, a + b + c + d + e + f + g + h + i + j + k + m)


@numba.njit(nogil=True)
def dense(x, taps, y, repeats):
    for _ in range(repeats):
        fir(x, taps, y)


@numba.njit(nogil=True)
def spaced(x, taps, offsets, y, repeats):
    for _ in range(repeats):
        fir_at(x, taps, offsets, y)


def main(options):
    rows = [row(taps, dtype) for dtype in ("float32", "float64") for taps in TAPS]
    show(f"{OUTPUTS:,} outputs, GFLOP/s", rows)
    return rows


def row(taps, dtype):
    rng = np.random.default_rng(0)
    x = aligned(OUTPUTS + DISTANCE * taps + 8, dtype)
    x[:] = 1e-3 * rng.standard_normal(x.size)
    h, y = frozen(rng.standard_normal(taps), dtype), aligned(OUTPUTS, dtype)
    offsets = frozen(DISTANCE * np.arange(taps)[::-1], np.int64)
    few = frozen(x[:64] * 0)
    repeats = max(1, int(ENOUGH_S * 4e10 / (taps * OUTPUTS)))
    places = (0, 3, 6, 13)  # where x begins in a cache line
    ways = {
        place: lambda place=place: dense(frozen(x[place : place + OUTPUTS + taps - 1]), h, y, repeats)
        for place in places
    }
    ways["spaced"] = lambda: spaced(frozen(x), h, offsets, y, repeats)
    ways["peak"] = lambda: multiply_adds(few, np.empty(8, dtype), 100_000)
    times_s = dict.fromkeys(ways, np.inf)
    for _ in range(60):
        for name, way in ways.items():
            times_s[name] = min(times_s[name], least_s(way, 1))
    work = 2 * taps * OUTPUTS * repeats
    peak = 2 * CHAINS * 100_000 * (8 if dtype == "float32" else 4) / times_s["peak"]
    rate = work / np.mean([times_s[place] for place in places])
    return {
        "dtype": dtype,
        "taps": taps,
        "fir": rate / 1e9,
        "of the peak": rate / peak,
        f"fir_at, {DISTANCE} apart": work / times_s["spaced"] / 1e9,
        "multiply-adds": peak / 1e9,
    }
