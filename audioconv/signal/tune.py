"""Measure what the methods cost on this machine, for `cost`."""

import json
import os
import time

import numpy as np

from audioconv.arrays import frozen
from audioconv.signal import cost
from audioconv.signal.filter import Filter
from audioconv.signal.methods import Blocks, Direct, Spaced

SAMPLES = 400_000  # of the signal that is filtered: beyond the second cache, as recordings are
REPEATS = 7


def measure(progress=lambda done: None):
    """Time every method in steps; call `progress` with the share that is done. Returns a dict of `cost.Costs`."""
    tables, steps = {}, len(cost.DTYPES) * 2 * (len(cost.TAPS) + len(cost.SIZES))
    done = 0

    def step(value):
        nonlocal done
        done += 1
        progress(done / steps)
        return value

    for dtype in cost.DTYPES:
        x = frozen(np.random.default_rng(0).standard_normal(SAMPLES), dtype)
        direct = tuple(step(_output_s(Direct(x[:taps]), x)) for taps in cost.TAPS)
        spaced = tuple(step(_output_s(Spaced(x[:taps], 37 * np.arange(taps), 1), x)) for taps in cost.TAPS)
        block = tuple(step(_block_s(size, x)) for size in cost.SIZES)
        whole = tuple(step(_whole_s(size, x)) for size in cost.SIZES)
        tables[dtype] = cost.Costs(direct, spaced, block, whole, _calls_s(dtype))
    return tables


def save(tables, path=None):
    """Keep the figures, as those of this machine if no path is given; `cost` uses those from now on."""
    path = path or cost.table_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = {dtype: [[float(f"{value:.3g}") for value in row] for row in table] for dtype, table in tables.items()}
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_text(json.dumps({"taps": cost.TAPS, "sizes": cost.SIZES, **rounded}) + "\n")
    beside.replace(path)  # whole or not at all
    cost.forget()
    return path


def _least_s(function, repeats=REPEATS):
    """The least time of a call: what it takes when nothing disturbs it."""
    times_s = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times_s.append(time.perf_counter() - start)
    return min(times_s)


def _output_s(method, x):
    y = np.empty(x.size - method.reach, x.dtype)
    method.fill(x, method.reach, y)
    return _least_s(lambda: method.fill(x, method.reach, y)) / y.size


def _block_s(size, x):
    method = Blocks(x[: size // 4], size, 1, False)
    number = max(1, x.size // method.grain)
    signal = x if x.size >= number * method.grain else frozen(np.resize(x, number * method.grain))
    y = np.empty(number * method.grain, x.dtype)
    method.fill(signal, 0, y)
    return _least_s(lambda: method.fill(signal, 0, y), REPEATS if size < 2**18 else 3) / number


def _whole_s(size, x):
    x = np.resize(x, size // 4 * 3)
    return _call_s(x, x[: size // 4 + 1], "fft", REPEATS if size < 2**18 else 3)


def _calls_s(dtype):
    """On a signal so short that nothing else counts."""
    x = np.ones(16, dtype)
    return _call_s(x, x[:3], "direct", 200), _call_s(x, x[:3], "sparse", 200)


def _call_s(x, h, method, repeats):
    def call():
        return Filter(h).convolve(x, method=method, threads=1)

    call()  # plans, compiles
    return _least_s(call, repeats)
