"""Convolution of whole signals: one function, the method chosen by cost."""

from functools import partial

import numpy as np

from audioconv import parallel
from audioconv.arrays import choice, floating, frozen, whole
from audioconv.errors import ShapeError
from audioconv.kernels.fft import rfft, tables
from audioconv.kernels.fir import fir, fir_at
from audioconv.kernels.spectrum import convolve_blocks
from audioconv.signal import cost

MODES = ("full", "same", "valid", "causal")
METHODS = ("auto", "direct", "overlap_add")


def convolve(x, h, mode="full", *, method="auto", axis=0, stride=1, dilation=1, threads=None):
    """Convolve a signal with a filter (flipped, as convolution is defined), each channel by itself.

    Parameters
    ----------
    x : float array, shape (samples,) or (samples, channels)
        float32 or float64; with `h` of the other one, the result is float64.
    h : float array, shape (taps,) for one filter, or (taps, channels) for a filter a channel
    mode : {"full", "same", "valid", "causal"}
        full: samples + taps - 1 outputs. same: as many as x, the centre of full, as in scipy.signal.
        valid: those that need no zeros around, |samples - taps| + 1; as in scipy.signal, where h is longer than x,
        the two change parts. causal: the first `samples` of full.
    method : {"auto", "direct", "overlap_add"}
        direct: sums of products in tap order. overlap_add: by spectra of blocks (of overlapping windows, so that
        nothing is added). auto: the one that should be faster here.
    axis : int
        The axis of time in a two-dimensional x; the other one holds the channels. `h` has time first.
    stride : int >= 1, in samples
        Keep each stride-th output, from the first.
    dilation : int >= 1, in samples
        From one tap to the next; the filter acts as if it had (taps - 1) * dilation + 1 taps.
    threads : int, optional
        How many channels to work on at once; `AUDIOCONV_THREADS` or all cores by default. The result is the same.

    Returns
    -------
    y : float array of x's layout

    Raises
    ------
    DtypeError
        If x or h is not float32 or float64.
    ShapeError
        If x or h is empty, or has other dimensions or channels.
    ArgumentError
        For another mode or method, or a stride, dilation or number of threads below 1.

    Notes
    -----
    A sample that is not finite spoils the outputs that it has a part in; with overlap_add also others of its
    channel, at most those of the blocks that it lies in.

    References
    ----------
    Oppenheim, Schafer, Discrete-Time Signal Processing (3rd ed.), section 8.7.

    Examples
    --------
    >>> import numpy as np
    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5]))
    array([1. , 2.5, 4. , 1.5])
    """
    x, h = floating(x, "x", dims=(1, 2)), floating(h, "h", dims=(1, 2))
    choice(mode, "mode", MODES), choice(method, "method", METHODS)
    stride, dilation = whole(stride, "stride"), whole(dilation, "dilation")
    signal = np.moveaxis(x, _axis(axis, x.ndim), 0)
    _check_shapes(signal, h)
    dtype = np.result_type(x, h)
    begin, length = _range(mode, len(signal), (len(h) - 1) * dilation + 1)
    count = -(-length // stride)
    plan = cost.plan(len(signal), len(h), count, dtype, method=method, stride=stride, dilation=dilation)
    one = partial(_channel, plan=plan, begin=begin, count=count, stride=stride, dilation=dilation)

    columns = np.atleast_2d(signal.T)
    filters = np.broadcast_to(np.atleast_2d(h.T), (len(columns), len(h)))
    pairs = [(frozen(a, dtype), frozen(b, dtype)) for a, b in zip(columns, filters, strict=True)]
    outputs = parallel.run(one, pairs, threads)
    if x.ndim == 1:
        return outputs[0]
    y = np.empty((count, len(pairs)), dtype)
    for column, output in zip(y.T, outputs, strict=True):
        column[:] = output
    return np.moveaxis(y, 0, axis)


def _axis(axis, dims):
    axis = whole(axis, "axis", least=-dims)
    if axis >= dims:
        raise ShapeError(f"axis {axis} does not exist in an x of {dims} dimension(s)")
    return axis


def _check_shapes(signal, h):
    for array, name, unit in ((signal, "x", "sample"), (h, "h", "tap")):
        if len(array) == 0:
            raise ShapeError(f"{name} is empty (shape {array.shape}); at least one {unit} is needed")
    if h.ndim == 2 and (signal.ndim == 1 or h.shape[1] != signal.shape[1]):
        channels = 1 if signal.ndim == 1 else signal.shape[1]
        raise ShapeError(
            f"h of shape {h.shape} has {h.shape[1]} channels, but x has {channels}"
            + (" (one-dimensional)" if signal.ndim == 1 else "")
            + "; give h as (taps,) or as (taps, channels) with the channels of x"
        )


def _range(mode, samples, taps):
    """(first output of the full result, number of outputs) of a mode."""
    if mode == "full":
        return 0, samples + taps - 1
    if mode == "same":
        return (taps - 1) // 2, samples
    if mode == "causal":
        return 0, samples
    return min(samples, taps) - 1, abs(samples - taps) + 1


def _channel(pair, *, plan, begin, count, stride, dilation):
    """Outputs begin, begin + stride, ... of one channel."""
    x, h = pair
    if plan.method == "overlap_add" and dilation > 1:
        spread = np.zeros((len(h) - 1) * dilation + 1, h.dtype)
        spread[::dilation] = h
        h, dilation = frozen(spread), 1
    if len(h) > len(x) and dilation == 1:
        x, h = h, x  # convolution does not mind, and the shorter one is the cheaper filter
    if plan.method == "overlap_add":
        every = _overlap_add(x, h, begin, (count - 1) * stride + 1, plan.fft_size)
        return np.ascontiguousarray(every[::stride])
    if stride == dilation == 1:
        return _dense(x, h, begin, count)
    return _spaced(x, h, begin, count, stride, dilation)


# --- direct -----------------------------------------------------------------------------------------------


def _dense(x, h, begin, count):
    """y[t] = sum over k of h[k] * x[begin + t - k], with zeros around x; copies no more than the ends of x."""
    y, reach = np.empty(count, x.dtype), len(h) - 1
    low = min(max(reach - begin, 0), count)
    high = min(max(len(x) - begin, low), count)
    for first, last in ((0, low), (low, high), (high, count)):
        if first < last:
            fir(_window(x, begin + first - reach, last - first + reach), h, y[first:last])
    return y


def _spaced(x, h, begin, count, stride, dilation):
    """y[t] = sum over k of h[k] * x[begin + t * stride - k * dilation], with zeros around x."""
    y, reach = np.empty(count, x.dtype), (len(h) - 1) * dilation
    rows = -(-(reach + (count - 1) * stride + 1) // stride)
    phases = _window(x, begin - reach, rows * stride).reshape(rows, stride).T
    distance = reach - np.arange(len(h)) * dilation
    offsets = distance % stride * rows + distance // stride
    fir_at(frozen(phases.ravel()), h, frozen(offsets, np.int64), y)
    return y


def _window(x, start, length):
    """The samples x[start : start + length], with zeros where there are none."""
    if start >= 0 and start + length <= len(x):
        return x[start : start + length]
    window = np.zeros(length, x.dtype)
    first, last = max(start, 0), min(start + length, len(x))
    if first < last:
        window[first - start : last - start] = x[first:last]
    return frozen(window)


# --- by spectra -------------------------------------------------------------------------------------------


def _overlap_add(x, h, begin, count, fft_size):
    table = tables(fft_size, x.dtype)
    work = np.zeros(3 * fft_size, x.dtype)
    work[: len(h)] = h
    spectrum = np.empty(fft_size, x.dtype)
    rfft(work[:fft_size], spectrum, work[fft_size:], table)
    y = np.empty(count, x.dtype)
    convolve_blocks(x, begin, len(h), frozen(spectrum), table, work, y)
    return y
