"""The ways to convolve one channel, each made once of its taps: `fill` gives any run of outputs.

Every method has the attributes
    reach   how many samples before an output's own it wants
    grain   where outputs may be cut without changing a bit: at multiples of this; None: nowhere
and fill(x, begin, y): y[t] = sum over k of h[k] x[begin + t stride - k dilation], x being zero outside.
"""

from math import gcd

import numpy as np

from audioconv.arrays import aligned, frozen
from audioconv.kernels import ring
from audioconv.kernels.fir import fir, fir_at
from audioconv.kernels.passes import work_size
from audioconv.kernels.silence import fir_at_but_silence, fir_but_silence

SHORT = 2000  # samples that are copied rather than done in three calls, the ends apart


class Direct:
    """Sums of products of neighbouring taps, in tap order."""

    grain = 1

    def __init__(self, taps):
        self._taps, self.reach = taps, len(taps) - 1
        self._fir = fir_but_silence if np.isfinite(taps).all() else fir

    def fill(self, x, begin, y):
        low = min(max(self.reach - begin, 0), y.size)
        high = min(max(x.size - begin, low), y.size)
        if y.size + self.reach <= SHORT:
            low = high = y.size
        for first, last in ((0, low), (low, high), (high, y.size)):
            if first < last:  # copies no more than the ends of x
                window = _window(x, begin + first - self.reach, last - first + self.reach)
                self._fir(window, self._taps, y[first:last])


class Spaced:
    """Sums of products of taps that lie anywhere: every `dilation`-th sample, or those that are not zero."""

    grain = 1

    def __init__(self, taps, delays, stride):
        self._taps, self._delays, self._stride = taps, delays, stride
        self.reach = int(delays.max(initial=0))
        skips = stride == 1 and np.isfinite(taps).all()
        self._fir_at = fir_at_but_silence if skips else fir_at

    def fill(self, x, begin, y):
        if not self._taps.size:
            y[:] = 0
            return
        stride = self._stride
        rows = -(-(self.reach + (y.size - 1) * stride + 1) // stride)
        window = _window(x, begin - self.reach, rows * stride)
        if stride > 1:  # the phases one after the other, so that neighbours in a phase are neighbours in memory
            window = frozen(window.reshape(rows, stride).T.ravel())
        distance = self.reach - self._delays
        offsets = distance % stride * rows + distance // stride
        self._fir_at(window[: offsets.max() + y.size], self._taps, frozen(offsets, np.int64), y)


class Blocks:
    """By spectra: of blocks of `size` samples, overlapping by the taps; or of the whole signal in one."""

    def __init__(self, taps, size, stride, whole):
        self._size, self._stride = size, stride
        self.reach = len(taps) - 1
        self._kept = None if whole else size - self.reach
        self.grain = None if whole else self._kept // gcd(self._kept, stride)
        self._header, self._table = ring.plan(size, taps.dtype.name)
        self._spectrum = ring.filter_spectrum(taps, self._header, self._table)

    def fill(self, x, begin, y):
        if self._stride > 1:
            every = np.empty((y.size - 1) * self._stride + 1, y.dtype)
            self._fill(x, begin, every)
            y[:] = every[:: self._stride]
        else:
            self._fill(x, begin, y)

    def _fill(self, x, begin, y):
        # a single block may begin with the signal: what wraps around then are the zeros after it
        lead = min(self.reach, begin) if self._kept is None else self.reach
        kept = self._kept or y.size
        work = aligned(work_size(self._size), y.dtype)
        ring.convolve_blocks(x, begin - lead, lead, kept, self._header, self._table, self._spectrum, work, y)


def whole_size(samples, taps, begin, outputs):
    """Samples that a transform must have to give `outputs` outputs from `begin` on in one block."""
    return max(samples + taps - 1 - min(begin, taps - 1), min(begin, taps - 1) + outputs)


def _window(x, start, length):
    """The samples x[start : start + length], with zeros where there are none."""
    if start >= 0 and start + length <= x.size:
        return x[start : start + length]
    window = np.zeros(length, x.dtype)
    first, last = max(start, 0), min(start + length, x.size)
    if first < last:
        window[first - start : last - start] = x[first:last]
    return frozen(window)
