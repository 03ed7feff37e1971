"""The methods of convolution of one channel, each made once for its taps: direct FIR, sparse FIR, overlap-add, one FFT.

Taps are finite, or finite stand-ins within `Nonfinite`.
"""

from collections.abc import Callable
from math import gcd
from typing import Protocol

import numpy as np

from audioconv._typing import Array, IntArray
from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp import right_angle
from audioconv.kernels.dsp._fir import fir_at
from audioconv.kernels.dsp.passes import work_size
from audioconv.kernels.dsp.skip_zeros import fir_at_skip_zeros, fir_skip_zeros
from audioconv.signal.checks import window
from audioconv.signal.nonfinite import add_nonfinite_products

SHORT = 2000  # up to so many samples are copied with padding, instead of three calls, the ends apart


class ConvolutionMethod(Protocol):
    """A method with its taps.

    Attributes
    ----------
    reach : int
        How many samples before an output's own it reads.
    grain : int or None
        Outputs may be cut at multiples of this without changing a bit; None: nowhere.
    """

    @property
    def reach(self) -> int: ...

    @property
    def grain(self) -> int | None: ...

    def fill(self, x: Array, begin: int, y: Array) -> None:
        """y[t] = sum over k of h[k] x[begin + t stride - k dilation], x being zero outside."""


def _by_parts(compute: Callable[[Array, Array], None], x: Array, begin: int, reach: int, y: Array) -> None:
    """compute(the samples that outputs read, those outputs) for all of y: no more than the ends of x are copied."""
    low = min(max(reach - begin, 0), y.size)
    high = min(max(x.size - begin, low), y.size)
    if y.size + reach <= SHORT:
        low = high = y.size
    for first, last in ((0, low), (low, high), (high, y.size)):
        if first < last:
            compute(window(x, begin + first - reach, last - first + reach), y[first:last])


class DirectFIR:
    """Direct FIR filter: sums of products in tap order."""

    grain = 1

    def __init__(self, taps: Array) -> None:
        self.reach = len(taps) - 1
        self._compute = lambda samples, y: fir_skip_zeros(samples, taps, y)

    def fill(self, x: Array, begin: int, y: Array) -> None:
        """See `ConvolutionMethod`."""
        _by_parts(self._compute, x, begin, self.reach, y)


class SparseFIR:
    """Sparse FIR filter: sums of products of taps at any delays, dilated or those that are not zero."""

    grain = 1

    def __init__(self, taps: Array, delays: IntArray, stride: int) -> None:
        self._taps, self._stride = taps, stride
        self.reach = int(delays.max(initial=0))
        self._distance = self.reach - delays
        offsets = frozen(self._distance, np.int64)
        self._compute = lambda samples, y: fir_at_skip_zeros(samples, taps, offsets, y)

    def fill(self, x: Array, begin: int, y: Array) -> None:
        """See `ConvolutionMethod`."""
        if not self._taps.size:
            y[:] = 0
        elif self._stride == 1:
            _by_parts(self._compute, x, begin, self.reach, y)
        else:
            self._fill_strided(x, begin, y)

    def _fill_strided(self, x: Array, begin: int, y: Array) -> None:
        """Polyphase components of x one after the other, so that inputs of neighbouring outputs lie side by side."""
        stride = self._stride
        rows = -(-(self.reach + (y.size - 1) * stride + 1) // stride)
        phases = window(x, begin - self.reach, rows * stride).reshape(rows, stride).T.ravel()
        offsets = self._distance % stride * rows + self._distance // stride
        fir_at(frozen(phases[: offsets.max() + y.size]), self._taps, frozen(offsets, np.int64), y)


class OverlapAdd:
    """Fast convolution by FFTs with an overlap-add block length of `size` samples, or of the whole signal in one block.

    Of the two forms of block convolution, blocks overlap on input by taps - 1 samples and the outputs that wrap around
    are discarded (overlap-save), so that nothing is added.
    """

    def __init__(self, taps: Array, size: int, stride: int, whole: bool) -> None:
        self._size, self._stride = size, stride
        self.reach, block_outputs = len(taps) - 1, size - len(taps) + 1
        self._block_outputs = None if whole else block_outputs
        self.grain = None if whole else block_outputs // gcd(block_outputs, stride)
        self._header, self._table = right_angle.plan(size, taps.dtype.name)
        self._spectrum = right_angle.filter_spectrum(taps, self._header, self._table)

    def fill(self, x: Array, begin: int, y: Array) -> None:
        """See `ConvolutionMethod`."""
        if self._stride > 1:
            every = np.empty((y.size - 1) * self._stride + 1, y.dtype)
            self._fill(x, begin, every)
            y[:] = every[:: self._stride]
        else:
            self._fill(x, begin, y)

    def _fill(self, x: Array, begin: int, y: Array) -> None:
        # a single block may begin with the signal: what wraps around then are the zeros after it
        left_pad = min(self.reach, begin) if self._block_outputs is None else self.reach
        block_outputs, work = self._block_outputs or y.size, aligned(work_size(self._size), y.dtype)
        tools = self._header, self._table, self._spectrum, work
        right_angle.convolve_blocks(x, begin - left_pad, left_pad, block_outputs, *tools, y)


class Nonfinite:
    """Another method, made of finite stand-ins for taps that are not; to its sums the products with those are added."""

    def __init__(self, method: ConvolutionMethod, taps: Array, delays: IntArray, stride: int) -> None:
        self._method, self._taps, self._delays, self._stride = method, taps, delays, stride
        self.reach, self.grain = method.reach, method.grain

    def fill(self, x: Array, begin: int, y: Array) -> None:
        """See `ConvolutionMethod`."""
        self._method.fill(x, begin, y)
        add_nonfinite_products(y, x, self._taps, self._delays, begin, self._stride)


def single_fft_size(samples: int, taps: int, begin: int, outputs: int) -> int:
    """Samples that a transform must have to give `outputs` outputs from `begin` on in one block."""
    return max(samples + taps - 1 - min(begin, taps - 1), min(begin, taps - 1) + outputs)
