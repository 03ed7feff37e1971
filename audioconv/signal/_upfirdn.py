"""Polyphase filtering: upsampling, FIR filter and downsampling in one."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import gcd
from typing import Any, NamedTuple

import numpy as np

from audioconv import parallel
from audioconv._typing import Array, ArrayLike, FloatArray, IntArray
from audioconv.arrays import floating, frozen, result_array, time_first, whole
from audioconv.errors import ArgumentError
from audioconv.kernels.dsp._polyphase import polyphase
from audioconv.kernels.dsp.entry import entry
from audioconv.kernels.dsp.short import upfirdn_short
from audioconv.signal import cost
from audioconv.signal.checks import check_shapes, window
from audioconv.signal.nonfinite import add_nonfinite_products, finite_stand_ins
from audioconv.signal.short import NAMES

SQUARE = 8  # samples from which rows are transposed by squares of vectors
GROUP = 64  # outputs that `fir_at` computes side by side
WIDTH = 3 * GROUP  # rows in a block: 128 to 512 cost the same, but powers of two meet on the same cache lines
SCRATCH = 2**16  # samples; where a few rows need more, outputs are computed one by one
PIECE = 2**18  # outputs that a thread computes at once


class _Layout(NamedTuple):
    """Layout of signal and filter for `polyphase`; see there. `order` has the taps of h column by column."""

    order: IntArray
    offsets: Array
    bounds: Array
    columns: int  # outputs in a row
    hop: int  # samples of x from one row to the next
    reach: int  # rows of x before its own that a row needs
    width: int  # rows in a block


def upfirdn(
    h: ArrayLike,
    x: ArrayLike,
    up: int = 1,
    down: int = 1,
    *,
    axis: int | None = None,
    out: FloatArray | None = None,
) -> FloatArray:
    """Upsample by zero stuffing, filter (h flipped, as convolution is defined), keep each down-th output.

    Parameters
    ----------
    h : float array, shape (taps,) for one filter, or (taps, channels) for a filter a channel
        A signal of one channel goes through each of the filters.
    x : float array, shape (samples,) or (samples, channels)
        float32 or float64; with `h` of the other one, the result is float64.
    up, down : int >= 1
        The rate of the result is up / down of that of x. To change the rate of a signal, `h` is a low-pass filter of
        gain `up` that cuts at the lower one of 1 / up and 1 / down.
    axis : int, optional
        The axis of time in a two-dimensional x; the other one holds the channels. `h` has time first. By default 0, and
        arrays that seem to be channels first are refused, as in `convolve`.
    out : array like the result, optional
        Where to put it: contiguous, and not in the memory of x.

    Returns
    -------
    y : float array of x's layout
        `out`, or a new array: ((samples - 1) * up + taps - 1) // down + 1 outputs, as scipy.signal.upfirdn.

    Raises
    ------
    DtypeError
        If x or h is not float32 or float64.
    ShapeError
        If x or h is empty, or has other dimensions or channels.
    ArgumentError
        If up or down is below 1, or no whole number; if `out` is in the memory of x or h.

    Notes
    -----
    Only kept outputs are computed, without products with inserted zeros: taps / up for each, in tap order. A
    sample or tap that is not finite spoils the outputs that it contributes to, and no others. With down = 1 this is the
    transposed convolution of stride `up`, with up = 1 the convolution of stride `down`.

    References
    ----------
    Crochiere, Rabiner, Multirate Digital Signal Processing (1983), section 3.3. Vaidyanathan, Multirate Systems and
    Filter Banks (1993), section 4.3.

    Examples
    --------
    >>> import numpy as np
    >>> upfirdn(np.array([1.0, 1.0, 1.0]), np.array([1.0, 2.0]), up=3)
    array([1., 1., 1., 2., 2., 2.])
    """
    if axis is None and out is None:
        short = _upfirdn_short(h, x, up, down)
        if short is not None:
            return short
    x, h = floating(x, "x", dims=(1, 2)), floating(h, "h", dims=(1, 2))
    up, down = whole(up, "up"), whole(down, "down")
    signal = time_first(x, "x", axis)
    check_shapes(signal, h, axis=axis)
    if len(signal) * up + len(h) > 2**62:
        raise ArgumentError(f"up = {up} makes more samples of {len(signal)} than there are numbers for")
    if h.ndim == 2 and (signal.ndim == 1 or signal.shape[1] == 1 != h.shape[1]):  # one channel through all filters
        signal = np.repeat(signal.reshape(-1, 1), h.shape[1], axis=1)
    elif h.ndim == 2 and h.shape[1] == 1:
        h = h[:, 0]
    dtype = np.result_type(x, h)
    count = ((len(signal) - 1) * up + len(h) - 1) // down + 1
    transposed = x.ndim == 2 and axis in (1, -1)
    shape = (signal.shape[1], count) if transposed else (count, *signal.shape[1:])
    y = result_array(out, shape, dtype, {"x": x, "h": h})
    if y.size == 0:
        return y
    finite = finite_stand_ins(h)
    if not transposed:
        planes = [(signal.reshape(len(signal), -1), finite.reshape(len(h), -1), y.reshape(count, -1))]
    else:  # each channel is contiguous
        filters = np.broadcast_to(np.atleast_2d(finite.T), (signal.shape[1], len(h)))
        planes = [(a[:, None], b[:, None], c[:, None]) for a, b, c in zip(signal.T, filters, y, strict=True)]
    layout = _layout(len(signal), len(h), up, down, count, planes[0][0].shape[1])
    parallel.run(_run, [piece for a, b, c in planes for piece in _pieces(layout, frozen(a, dtype), b, c)])
    if finite is not h:
        _add_nonfinite(signal, h, up, down, y.T if transposed else y)
    return y


@cost.cached_choice
def _short_plan(
    x: tuple[int, ...], h: tuple[int, ...], dtype: np.dtype[Any], up: int, down: int
) -> tuple[int, int, Callable[..., int]] | None:
    """Of the short way: number of outputs, step from one to the next of the same phase, kernel; if it is faster."""
    if not len(x) == len(h) == 1 or dtype not in NAMES or min(*x, *h, up, down) < 1:
        return None
    if max(*x, *h, up, down) >= 2**31:  # products of two of them are 64 bits
        return None
    count = ((x[0] - 1) * up + h[0] - 1) // down + 1
    if not 0 < count * (h[0] // up + 1) <= cost.SHORT_PRODUCTS:
        return None
    y = np.empty(2, dtype)
    return count, up // gcd(up, down), entry(upfirdn_short, y[::2], y[::2], 1, 1, 1, y)


def _upfirdn_short(h: Any, x: Any, up: Any, down: Any) -> Array | None:
    """The result for a few samples, the short way; None for what is unusual or wrong."""
    if type(x) is not np.ndarray or type(h) is not np.ndarray or x.dtype is not h.dtype:
        return None
    if type(up) is not int or type(down) is not int:
        return None
    plan = _short_plan(x.shape, h.shape, x.dtype, up, down)
    if plan is None:
        return None
    count, step, kernel = plan
    y: Array = np.empty(count, x.dtype)
    if kernel(x, h, up, down, step, y) < 0:  # not contiguous
        kernel(x.copy(), h.copy(), up, down, step, y)
    return y


def _add_nonfinite(signal: Array, h: Array, up: int, down: int, y: Array) -> None:
    """Add to y (time first), sums with finite stand-ins, the products with the taps that are not finite."""
    samples, outputs = signal.reshape(len(signal), -1), y.reshape(len(y), -1) if y.ndim == 1 else y
    for channel in range(samples.shape[1]):
        taps = h if h.ndim == 1 else h[:, channel]
        others = np.flatnonzero(~np.isfinite(taps))
        add_nonfinite_products(outputs[:, channel], samples[:, channel], taps[others], others, 0, down, up)


@lru_cache(64)
def _layout(samples: int, taps: int, up: int, down: int, count: int, channels: int) -> _Layout:
    """Lay out the filter's columns, those of several rows side by side where one row is narrow."""
    common = gcd(up, down)
    fold = -(-SQUARE // (min(up, down) // common * channels))
    columns = min(up // common * fold, count)
    newest, phase = np.divmod(np.arange(columns) * min(down, samples * up + taps), up)
    hop = down // common * fold if count > columns else int(newest[-1]) + 1

    sizes = np.maximum(-(-(taps - phase) // up), 0)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    column = np.repeat(np.arange(columns), sizes)
    age = np.arange(bounds[-1]) - bounds[column]
    reach = -(-(int(sizes.max()) - 1) // hop)
    width = _width(-(-count // columns), (columns + hop) * channels)
    row, place = np.divmod(newest[column] - age + reach * hop, hop)
    offsets = place * channels * (width + reach) + row
    order = phase[column] + age * up
    return _Layout(order, frozen(offsets, np.int64), frozen(bounds, np.int64), columns, hop, reach, width)


def _width(rows: int, samples: int) -> int:
    """The number of rows, of `samples` in and out each, in a block."""
    if rows < GROUP and rows * samples > SCRATCH:
        return rows
    return min(WIDTH, -(-rows // GROUP) * GROUP)


def _pieces(layout: _Layout, x: Array, h: Array, y: Array) -> Iterator["_Piece"]:
    """The work on a plane (samples, channels), in pieces that do not depend on the number of threads."""
    taps = frozen(h[layout.order].T.ravel(), x.dtype)
    rows, each = -(-len(y) // layout.columns), layout.columns * x.shape[1]
    step = max(PIECE // each // layout.width, 1) * layout.width
    for first in range(0, rows, step):
        yield layout, x, taps, y.reshape(-1), first, min(first + step, rows)


_Piece = tuple[_Layout, Array, Array, Array, int, int]  # layout, x, taps, y, first and last row


def _run(piece: _Piece) -> None:
    """Compute rows first ... last of the result y; those at the ends of x from a copy with zeros around."""
    layout, x, taps, y, first, last = piece
    size_in, size_out = layout.hop * x.shape[1], layout.columns * x.shape[1]
    phases = np.zeros((size_in, layout.width + layout.reach), y.dtype)
    sums = np.zeros((size_out, layout.width), y.dtype)
    low = min(max(layout.reach, first), last)
    high = min(max(x.size // size_in, low), last)
    for begin, end in ((first, low), (low, high), (high, last)):
        if begin == end:
            continue
        part = window(x.reshape(-1), (begin - layout.reach) * size_in, (end - begin + layout.reach) * size_in)
        out = y[begin * size_out : end * size_out]
        rows = out if out.size == (end - begin) * size_out else np.empty((end - begin) * size_out, y.dtype)
        polyphase(part, taps, layout.offsets, layout.bounds, phases, sums, rows)
        if rows is not out:
            out[:] = rows[: out.size]
