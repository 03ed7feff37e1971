"""Measure the cost of each method on this machine, for the cost model (`cost`)."""

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from audioconv._typing import Array, FloatName, Progress
from audioconv.arrays import frozen
from audioconv.cache import write_atomically
from audioconv.kernels.dsp.partition import advance
from audioconv.kernels.dsp.partition_layout import Level, Shape, convolver_arrays, convolver_segments, filter_spectra
from audioconv.kernels.realtime.chain import run_chain
from audioconv.kernels.simd.pointers import address_of
from audioconv.signal import cost
from audioconv.signal._convolve import convolve
from audioconv.signal._convolve2d import convolve2d
from audioconv.signal.filter import Filter
from audioconv.signal.image import Direct2d, OverlapAdd2d, Plane, Separable2d, boundary_index_map
from audioconv.signal.methods import ConvolutionMethod, DirectFIR, OverlapAdd, SparseFIR
from audioconv.signal.options import Method

PLANE_COLUMNS = 1025  # bins of a spectrogram
SAMPLES = 1_440_000  # of the signal that is filtered: 30 s at 48 kHz, beyond most caches
ROUNDS = 3  # through everything, so that a time when the machine had other things to do does not stay in the figures
ENOUGH_S = 0.03  # of one measurement


def measure(progress: Progress = lambda done: None) -> dict[FloatName, cost.Costs]:
    """Time every method; call `progress` with the share that is done. Returns a dict of `cost.Costs`."""
    steps = [(dtype, *step) for dtype in cost.DTYPES for step in _steps(dtype)]
    least_s = [np.inf] * len(steps)
    for turn in range(ROUNDS):
        for i, (_, _, measured) in enumerate(steps):
            least_s[i] = min(least_s[i], measured())
            progress((turn + (i + 1) / len(steps)) / ROUNDS)
    tables: dict[FloatName, dict[str, list[float]]] = {
        dtype: {field: [] for field in cost.Costs._fields} for dtype in cost.DTYPES
    }
    for (dtype, field, _), seconds in zip(steps, least_s, strict=True):
        tables[dtype][field].append(seconds)
    return {dtype: cost.Costs(*map(tuple, table.values())) for dtype, table in tables.items()}


def _steps(dtype: FloatName) -> Iterator[tuple[str, Callable[[], float]]]:
    """(field of `cost.Costs`, function that measures its next figure)."""
    x = frozen(np.random.default_rng(0).standard_normal(SAMPLES), dtype)
    ones = np.ones(16, dtype)  # so short that nothing but the call counts
    for taps in cost.TAPS:
        yield "direct", partial(_output_s, DirectFIR(x[:taps]), x)
        yield "sparse", partial(_output_s, SparseFIR(x[:taps], 37 * np.arange(taps), 1), x)
    for size in cost.SIZES:
        yield "block", partial(_block_s, size, x)
        yield "whole", partial(_whole_s, size, x)
    for block in cost.PARTITIONS:
        yield "transform", partial(_transform_s, block, x)
        yield "product", partial(_product_s, block, x)
    for side in cost.SIDES:
        kernel = np.resize(x, (side, side))
        yield "dense", partial(_plane_s, Direct2d(kernel), x)
        yield "separable", partial(_plane_s, Separable2d(kernel[:1], kernel[:1]), x)
    for size in cost.TILES:
        yield "tile", partial(_tile_s, size, x)
    yield "call", partial(_call_s, ones, ones[:3], "direct")
    yield "call", partial(_call_s, ones, ones[:3], "sparse")
    yield "call", partial(_least_s, lambda: convolve(ones, ones[:3]))
    square = np.ones((4, 4), dtype)
    yield "call", partial(_least_s, lambda: convolve2d(square, square[:3, :3], threads=1))
    yield "call", partial(_least_s, lambda: convolve2d(square, square[:3, :3]))


def save(tables: dict[FloatName, cost.Costs]) -> Path:
    """Save the figures as those of this machine, which `cost` uses from now on; return where they are."""
    path = cost.table_path()
    rounded = {dtype: [[float(f"{value:.3g}") for value in row] for row in table] for dtype, table in tables.items()}
    text = json.dumps({"taps": cost.TAPS, "sizes": cost.SIZES, "sides": cost.SIDES, "calls": cost.CALLS, **rounded})
    write_atomically(path, f"{text}\n".encode())
    cost.forget()
    return path


def _least_s(function: Callable[[], object]) -> float:
    """The least time of a call: what it takes when nothing disturbs it."""
    function()  # plans, compiles
    times_s: list[float] = []
    while len(times_s) < 3 or sum(times_s) < ENOUGH_S:
        start = time.perf_counter()
        function()
        times_s.append(time.perf_counter() - start)
    return min(times_s)


def _output_s(method: ConvolutionMethod, x: Array) -> float:
    y = np.empty(x.size - method.reach, x.dtype)
    return _least_s(lambda: method.fill(x, method.reach, y)) / y.size


def _block_s(size: int, x: Array) -> float:
    method, block_outputs = OverlapAdd(x[: size // 4], size, 1, False), size - size // 4 + 1
    number = max(1, x.size // block_outputs)
    y = np.empty(number * block_outputs, x.dtype)
    return _least_s(lambda: method.fill(x, 0, y)) / number


def _whole_s(size: int, x: Array) -> float:
    return _call_s(np.resize(x, size // 4 * 3), x[: size // 4 + 1], "fft")


def _plane_s(method: Direct2d | Separable2d, x: Array) -> float:
    """Seconds an output of a plane."""
    shape = (x.size // PLANE_COLUMNS, PLANE_COLUMNS)
    y = np.empty(shape, x.dtype)
    rows, columns = (
        boundary_index_map(size, 1 - taps, size + taps - 1, "wrap")
        for size, taps in zip(shape, method.shape, strict=True)
    )
    plane = Plane(frozen(np.resize(x, shape)), frozen(rows), frozen(columns), 1 - method.shape[1])
    return _least_s(lambda: method.fill(plane, y)) / y.size


def _tile_s(size: int, x: Array) -> float:
    """Seconds a tile of a plane of such tiles."""
    side = max(2, int(size**0.5) // 8)
    method = OverlapAdd2d(np.resize(x, (side, side)), size, PLANE_COLUMNS)
    rows, columns = method.tile_shape
    number, split = max(1, x.size // size), -(-PLANE_COLUMNS // columns)
    y = np.empty((-(-number // split) * rows, PLANE_COLUMNS), x.dtype)
    shape = (len(y) + side - 1, PLANE_COLUMNS + side - 1)
    maps = [frozen(np.arange(size)) for size in shape]
    plane = Plane(frozen(np.resize(x, shape)), maps[0], maps[1], 0)
    return _least_s(lambda: method.fill(plane, y)) / (-(-number // split) * split)


def _parts_s(block: int, x: Array) -> tuple[float, float]:
    """Seconds of the transforms and of a product of a block of a stream, from streams with 4 and with 16 partitions."""
    few_s, many_s = _partitions_s(block, 4, x), _partitions_s(block, 16, x)
    product_s = max((many_s - few_s) / 12, 1e-3 * few_s)  # a disturbed measurement may not make work cost nothing
    return max(few_s - 4 * product_s, product_s), product_s


def _transform_s(block: int, x: Array) -> float:
    return _parts_s(block, x)[0]


def _product_s(block: int, x: Array) -> float:
    return _parts_s(block, x)[1]


def _partitions_s(block: int, count: int, x: Array) -> float:
    """Seconds a block of a stream of `count` partitions of `block` samples and nothing else."""
    shape = Shape((Level(block, 2 * block, count),), 2 * block, count * block, 1, 1, 1, False, x.dtype)
    arrays = convolver_arrays(shape)
    state, ir = np.zeros(arrays.state_size, x.dtype), filter_spectra(shape, arrays, x[None, : shape.taps])
    segments = convolver_segments(arrays.header, state, ir, arrays.schedule, arrays.plans)
    samples = np.resize(x, max(block, 8192))
    table, y = np.array([advance.address(x.dtype), address_of(segments)]), np.empty_like(samples)
    return _least_s(lambda: run_chain(table, 1, samples, y, y.size)) / (y.size // block)


def _call_s(x: Array, h: Array, method: Method) -> float:
    return _least_s(lambda: Filter(h).convolve(x, method=method, threads=1))
