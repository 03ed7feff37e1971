"""The ways to convolve one channel, each made once of its taps: `fill` gives any run of outputs.

Every method has the attributes
    reach   how many samples before an output's own it wants
    grain   where outputs may be cut without changing a bit: at multiples of this; None: nowhere
and fill(x, begin, y): y[t] = sum over k of h[k] x[begin + t stride - k dilation], x being zero outside. Taps are
finite, or finite stand-ins within `Nonfinite`.
"""

from math import gcd

import numpy as np

from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp import right_angle
from audioconv.kernels.dsp._fir import fir_at
from audioconv.kernels.dsp.passes import work_size
from audioconv.kernels.dsp.skip_zeros import fir_at_skip_zeros, fir_skip_zeros
from audioconv.signal.checks import window
from audioconv.signal.nonfinite import add_nonfinite_products

SHORT = 2000  # samples that are copied rather than done in three calls, the ends apart


def _by_parts(compute, x, begin, reach, y):
    """compute(the samples that outputs want, those outputs) for all of y: no more than the ends of x are copied."""
    low = min(max(reach - begin, 0), y.size)
    high = min(max(x.size - begin, low), y.size)
    if y.size + reach <= SHORT:
        low = high = y.size
    for first, last in ((0, low), (low, high), (high, y.size)):
        if first < last:
            compute(window(x, begin + first - reach, last - first + reach), y[first:last])


class DirectFIR:
    """Sums of products of neighbouring taps, in tap order."""

    grain = 1

    def __init__(self, taps):
        self.reach = len(taps) - 1
        self._compute = lambda samples, y: fir_skip_zeros(samples, taps, y)

    def fill(self, x, begin, y):
        _by_parts(self._compute, x, begin, self.reach, y)


class SparseFIR:
    """Sums of products of taps that lie anywhere: every `dilation`-th sample, or those that are not zero."""

    grain = 1

    def __init__(self, taps, delays, stride):
        self._taps, self._stride = taps, stride
        self.reach = int(delays.max(initial=0))
        self._distance = self.reach - delays
        offsets = frozen(self._distance, np.int64)
        self._compute = lambda samples, y: fir_at_skip_zeros(samples, taps, offsets, y)

    def fill(self, x, begin, y):
        if not self._taps.size:
            y[:] = 0
        elif self._stride == 1:
            _by_parts(self._compute, x, begin, self.reach, y)
        else:
            self._fill_strided(x, begin, y)

    def _fill_strided(self, x, begin, y):
        """The phases of x one after the other, so that what neighbouring outputs want lies side by side."""
        stride = self._stride
        rows = -(-(self.reach + (y.size - 1) * stride + 1) // stride)
        phases = window(x, begin - self.reach, rows * stride).reshape(rows, stride).T.ravel()
        offsets = self._distance % stride * rows + self._distance // stride
        fir_at(frozen(phases[: offsets.max() + y.size]), self._taps, frozen(offsets, np.int64), y)


class OverlapAdd:
    """By spectra: of blocks of `size` samples, overlapping by the taps; or of the whole signal in one."""

    def __init__(self, taps, size, stride, whole):
        self._size, self._stride = size, stride
        self.reach = len(taps) - 1
        self._kept = None if whole else size - self.reach
        self.grain = None if whole else self._kept // gcd(self._kept, stride)
        self._header, self._table = right_angle.plan(size, taps.dtype.name)
        self._spectrum = right_angle.filter_spectrum(taps, self._header, self._table)

    def fill(self, x, begin, y):
        if self._stride > 1:
            every = np.empty((y.size - 1) * self._stride + 1, y.dtype)
            self._fill(x, begin, every)
            y[:] = every[:: self._stride]
        else:
            self._fill(x, begin, y)

    def _fill(self, x, begin, y):
        # a single block may begin with the signal: what wraps around then are the zeros after it
        left_pad = min(self.reach, begin) if self._kept is None else self.reach
        kept, work = self._kept or y.size, aligned(work_size(self._size), y.dtype)
        tools = self._header, self._table, self._spectrum, work
        right_angle.convolve_blocks(x, begin - left_pad, left_pad, kept, *tools, y)


class Nonfinite:
    """Another method, made of finite stand-ins for taps that are not; to its sums the products with those are added."""

    def __init__(self, method, taps, delays, stride):
        self._method, self._taps, self._delays, self._stride = method, taps, delays, stride
        self.reach, self.grain = method.reach, method.grain

    def fill(self, x, begin, y):
        self._method.fill(x, begin, y)
        add_nonfinite_products(y, x, self._taps, self._delays, begin, self._stride)


def whole_size(samples, taps, begin, outputs):
    """Samples that a transform must have to give `outputs` outputs from `begin` on in one block."""
    return max(samples + taps - 1 - min(begin, taps - 1), min(begin, taps - 1) + outputs)
