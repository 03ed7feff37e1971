"""A filter that convolves whole signals; what each method precomputes from its taps (spectra) is cached."""

from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import numpy as np

from audioconv import parallel
from audioconv._typing import Array, ArrayLike, FloatArray, FloatName
from audioconv.arrays import choice, floating, frozen, result_array, time_first, whole
from audioconv.errors import ShapeError
from audioconv.kernels.dsp.interleave import deinterleave, interleave
from audioconv.signal import cost
from audioconv.signal.checks import check_shapes
from audioconv.signal.methods import ConvolutionMethod, DirectFIR, Nonfinite, OverlapAdd, SparseFIR
from audioconv.signal.nonfinite import finite_stand_ins
from audioconv.signal.options import METHODS, MODES, Method, Mode, output_range
from audioconv.signal.short import convolve_short

Spacing = tuple[int, int]  # dilation, stride
PIECE = 2**18  # outputs that are made together where channels are interleaved


class Filter:
    """Taps to convolve signals with; spectra are made once for each length of block. Immutable, free to share.

    Parameters
    ----------
    taps : float array, shape (taps,), or (taps, channels) for a filter a channel

    Raises
    ------
    DtypeError, ShapeError
        If taps are not float32 or float64, are empty, or have other dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> smooth = Filter(np.full(2, 0.5))
    >>> smooth.convolve(np.array([1.0, 2.0, 3.0]), "valid")
    array([1.5, 2.5])
    """

    _called = "h"  # what messages call the taps

    def __init__(self, taps: ArrayLike) -> None:
        taps = floating(taps, self._called, dims=(1, 2))
        if len(taps) == 0:
            raise ShapeError(f"{self._called} is empty (shape {taps.shape}); at least one tap is needed")
        self._taps = frozen(np.array(taps))  # a copy: the spectra are of these taps
        used = self._taps if taps.ndim == 1 else self._taps.any(axis=1)
        self._nonzero = int(np.count_nonzero(used))
        self._finite = bool(np.isfinite(self._taps).all())
        self._short = np.array(taps)  # as kernels for short signals take them, and out of reach
        self._made: dict[tuple[Any, ...], ConvolutionMethod] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (np.array(self._taps),)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(<{self._taps.dtype} taps, shape {self._taps.shape}>)"

    @property
    def taps(self) -> FloatArray:
        """The taps, read-only."""
        return self._taps

    def convolve(
        self,
        x: ArrayLike,
        mode: Mode = "full",
        *,
        method: Method = "auto",
        axis: int | None = None,
        stride: int = 1,
        dilation: int = 1,
        out: FloatArray | None = None,
        threads: int | None = None,
    ) -> FloatArray:
        """Convolve a signal with the filter; see `audioconv.convolve`.

        Parameters
        ----------
        x : float array, shape (samples,) or (samples, channels)
            float32 or float64; with taps of the other one, the result is float64.
        mode : {"full", "same", "valid", "causal"}
            Which outputs, as in `audioconv.convolve`.
        method : {"auto", "direct", "sparse", "overlap_add", "fft"}
            As in `audioconv.convolve`.
        axis : int, optional
            The axis of time in a two-dimensional x; by default 0.
        stride : int >= 1, in samples
            Keep each stride-th output, from the first.
        dilation : int >= 1, in samples
            From one tap to the next.
        out : array like the result, optional
            Where to put it, as in `audioconv.convolve`.
        threads : int, optional
            How many threads share the channels and blocks.

        Returns
        -------
        y : float array of x's layout
            `out`, or a new array; (samples, channels) where x has one dimension and the taps two.
        """
        if axis is None and out is None and threads is None and stride == dilation == 1:
            short = convolve_short(x, self._short, mode, method)
            if short is not None:
                return short
        x = floating(x, "x", dims=(1, 2))
        choice(mode, "mode", MODES), choice(method, "method", METHODS)
        stride, dilation = whole(stride, "stride"), whole(dilation, "dilation")
        signal = time_first(x, "x", axis)
        check_shapes(signal, self._taps, self._called, axis)
        dtype = np.result_type(x, self._taps)
        begin, length = output_range(mode, len(signal), (len(self._taps) - 1) * dilation + 1)
        count = -(-length // stride)
        name: FloatName = "float32" if dtype == np.float32 else "float64"
        candidate = self._candidate(method, len(signal), begin, count, name, stride, dilation)
        spacing = (dilation, stride)
        if x.ndim == self._taps.ndim == 1:
            data, threads = frozen(x, dtype), parallel.worthwhile(threads, candidate.predicted_s)
            y = result_array(out, (count,), dtype, {"x": data})
            self._planar([data], [y], candidate, begin, spacing, threads)
            return y
        columns = signal.reshape(len(signal), -1) if signal.ndim == 1 else signal
        transposed = x.ndim == 2 and axis in (1, -1)
        channels = self._taps.shape[1] if columns.shape[1] == 1 and self._taps.ndim == 2 else columns.shape[1]
        y = result_array(out, (channels, count) if transposed else (count, channels), dtype, {"x": x})
        threads = parallel.worthwhile(threads, channels * candidate.predicted_s)
        side_by_side = columns.shape[1] > 1 and not transposed and not columns.T.flags.c_contiguous
        if side_by_side and candidate.method != "fft" and len(self._taps) <= len(signal) and self._finite:
            self._interleaved(frozen(columns, dtype), y, candidate, begin, spacing, threads)
            return y
        signals = [frozen(column, dtype) for column in columns.T]
        rows = y if transposed else np.empty((channels, count), dtype)
        if len(signals) == 1:  # through a filter a channel
            signals *= channels
        self._planar(signals, list(rows), candidate, begin, spacing, threads)
        if not transposed:
            y[...] = rows.T
        return y

    def _candidate(
        self, method: Method, samples: int, begin: int, count: int, dtype: FloatName, stride: int, dilation: int
    ) -> cost.Candidate:
        candidates = cost.choose(
            samples, len(self._taps), begin, count, dtype, nonzero=self._nonzero, stride=stride, dilation=dilation
        )
        allowed = [one for one in candidates if method in ("auto", one.method)]
        chosen = allowed[0] if allowed else cost.Candidate(method, 0, inf, 0.0)  # no time is predicted
        if chosen.fft_size and len(self._taps) > samples and not self._finite:  # as a signal, taps would spoil a block
            return cost.Candidate("direct", 0, inf, 0.0)
        return chosen

    def _made_for(
        self, channel: int, dtype: np.dtype[Any], candidate: cost.Candidate, spacing: Spacing
    ) -> ConvolutionMethod:
        """The method with the taps of a channel, cached."""
        column = channel if self._taps.ndim == 2 and self._taps.shape[1] > 1 else 0
        key = (column, dtype, candidate.method, candidate.fft_size, spacing)
        if key not in self._made:
            self._made[key] = _make(frozen(self._column(column), dtype), candidate, spacing)
        return self._made[key]

    def _column(self, channel: int) -> FloatArray:
        """The taps of a channel: those of all, if there is but one column."""
        if self._taps.ndim == 1:
            return self._taps
        return self._taps[:, channel if self._taps.shape[1] > 1 else 0]

    def _planar(
        self,
        signals: list[Array],
        outputs: list[Array],
        candidate: cost.Candidate,
        begin: int,
        spacing: Spacing,
        threads: int | None,
    ) -> None:
        """Each signal to its output, in as many pieces as keep all threads busy."""
        if not signals:
            return
        count, dtype = outputs[0].size, outputs[0].dtype
        # convolution is commutative, and the shorter one is the cheaper filter
        exchanged = len(self._taps) > signals[0].size and spacing[0] == 1 and candidate.method != "sparse"
        jobs = []
        for channel, (signal, y) in enumerate(zip(signals, outputs, strict=True)):
            x = frozen(self._column(channel), dtype) if exchanged else signal
            made = (
                _make(signal, candidate, spacing) if exchanged else self._made_for(channel, dtype, candidate, spacing)
            )
            for first, last in split_range(count, -(-parallel.thread_count(threads) // len(signals)), made.grain):
                jobs.append(partial(made.fill, x, begin + first * spacing[1], y[first:last]))
        parallel.run(_call, jobs, threads)

    def _interleaved(
        self,
        signal: Array,
        y: Array,
        candidate: cost.Candidate,
        begin: int,
        spacing: Spacing,
        threads: int | None,
    ) -> None:
        """The same for interleaved channels: piece by piece, because cache lines hold samples of all channels."""
        count, channels = y.shape
        made = [self._made_for(channel, y.dtype, candidate, spacing) for channel in range(channels)]
        stride, reach, grain = spacing[1], max(each.reach for each in made), made[0].grain
        flat, flat_y = signal.reshape(-1), y.reshape(-1)
        pieces = split_range(count, -(-count // max(PIECE // channels, reach)), grain)
        longest = max(last - first for first, last in pieces)
        inputs, outputs = (longest - 1) * stride + 1 + reach, longest

        def fill(first: int, last: int, memory: Array) -> None:
            start, end = begin + first * stride - reach, begin + (last - 1) * stride + 1
            samples = memory[: channels * (end - start)].reshape(channels, -1)
            results = memory[channels * inputs :][: channels * (last - first)].reshape(channels, -1)
            deinterleave(flat, channels, start, samples.reshape(-1))
            for one, signal, output in zip(made, samples, results, strict=True):
                one.fill(frozen(signal), reach, output)
            interleave(frozen(results.reshape(-1)), channels, first, flat_y)

        def share(job: tuple[int, Array]) -> None:  # one job a thread: handing work over takes as long as a small piece
            begin, memory = job
            for piece in pieces[begin : begin + each]:
                fill(*piece, memory)

        each = -(-len(pieces) // parallel.thread_count(threads))
        shares = range(0, len(pieces), each)
        # made by this thread: memory that others ask for goes back to the system after each call, page by page
        memories = np.empty((len(shares), channels * (inputs + outputs)), y.dtype)
        parallel.run(share, zip(shares, memories, strict=True), threads)


def _call(job: Callable[[], None]) -> None:
    job()


def _make(taps: Array, candidate: cost.Candidate, spacing: Spacing) -> ConvolutionMethod:
    """The method with these taps."""
    finite = finite_stand_ins(taps)
    made = _make_finite(finite, candidate, spacing)
    if finite is taps:
        return made
    others = np.flatnonzero(~np.isfinite(taps))
    return Nonfinite(made, taps[others], others * spacing[0], spacing[1])


def _make_finite(taps: Array, candidate: cost.Candidate, spacing: Spacing) -> ConvolutionMethod:
    dilation, stride = spacing
    if candidate.method in ("overlap_add", "fft"):
        if dilation > 1:
            spread = np.zeros((len(taps) - 1) * dilation + 1, taps.dtype)
            spread[::dilation] = taps
            taps = frozen(spread)
        return OverlapAdd(taps, candidate.fft_size, stride, candidate.method == "fft")
    if candidate.method == "direct" and stride == dilation == 1:
        return DirectFIR(taps)
    delays = np.flatnonzero(taps) if candidate.method == "sparse" else np.arange(len(taps))
    return SparseFIR(frozen(taps[delays]), delays * dilation, stride)


def split_range(count: int, number: int, grain: int | None) -> list[tuple[int, int]]:
    """(first, last) of up to `number` pieces of `count` outputs, cut at multiples of `grain`; None: do not cut."""
    if grain is None or number <= 1:
        return [(0, count)]
    length = -(-count // (number * grain)) * grain
    return [(first, min(first + length, count)) for first in range(0, count, length)]
