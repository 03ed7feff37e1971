"""How well `auto` chooses: 12 signal lengths x 12 kernel lengths x all methods, float32, one thread.

With the built-in costs, and with those that `audioconv bench --tune` measures here, kept in a folder of this run alone.
"""

import os
import tempfile
import time

import numpy as np
from side_by_side import show

import audioconv as ac
from audioconv.signal import cost, tune

SAMPLES = (64, 256, 1000, 4096, 10_000, 30_000, 65_536, 160_000, 480_000, 1_000_000, 1_440_000, 2_880_000)
TAPS = (3, 8, 16, 32, 64, 128, 255, 1024, 4800, 16_000, 48_000, 240_000)
FAR = 10  # a method that should take so many times the best is left out: it is not the fastest


def main(options):
    os.environ["AUDIOCONV_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("AUDIOCONV_CACHE")
        kernels = cost.table_path().parent / "kernels"  # compiled already
        os.environ["AUDIOCONV_CACHE"] = folder
        os.symlink(kernels, os.path.join(folder, "kernels"))
        try:
            rows = []
            for costs in ("built in", "tuned"):
                if costs == "tuned":
                    tune.save(tune.measure())
                cost.forget()
                cells = [_cell(samples, taps) for samples in SAMPLES for taps in TAPS]
                rows.append(_summary(costs, cells))
        finally:
            os.environ.pop("AUDIOCONV_CACHE")
            if before is not None:
                os.environ["AUDIOCONV_CACHE"] = before
            cost.forget()
    show("time of the method that auto picks / smallest time of a method, 144 cells", [_short(row) for row in rows])
    return rows


def _cell(samples, taps):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(samples).astype(np.float32)
    h = (rng.standard_normal(taps) * np.exp(-5 * np.arange(taps) / taps)).astype(np.float32)
    candidates = ac.plan(samples, taps).candidates
    methods = [candidate.method for candidate in candidates if candidate.predicted_s < FAR * candidates[0].predicted_s]
    times_s = {method: [] for method in methods}
    for method in methods:
        ac.convolve(x, h, method=method)
    inner = max(1, int(2e-4 / candidates[0].predicted_s))
    for _ in range(9):
        for method in methods:
            ac.convolve(x, h, method=method)  # into caches that the method before has left to it
            start = time.perf_counter()
            for _ in range(inner):
                ac.convolve(x, h, method=method)
            times_s[method].append((time.perf_counter() - start) / inner)
    medians_s = {method: float(np.median(values)) for method, values in times_s.items()}
    ms = {method: 1e3 * seconds for method, seconds in medians_s.items()}
    return {"samples": samples, "taps": taps, "picked": candidates[0].method, "ms": ms}


def _ratio(cell):
    return cell["ms"][cell["picked"]] / min(cell["ms"].values())


def _summary(costs, cells):
    ratios = np.array([_ratio(cell) for cell in cells])
    return {
        "costs": costs,
        "within 1.15": float(np.mean(ratios <= 1.15)),
        "within 1.5": float(np.mean(ratios <= 1.5)),
        "worst": float(ratios.max()),
        "picked": {m: sum(cell["picked"] == m for cell in cells) for m in ("direct", "overlap_add", "fft")},
        "cells": cells,
    }


def _short(row):
    return {key: value for key, value in row.items() if key != "cells"}
