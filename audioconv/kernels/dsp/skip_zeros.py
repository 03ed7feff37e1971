"""Direct convolution that skips digital silence: segments of which all inputs are zero."""

from audioconv.kernels._jit import kernel
from audioconv.kernels.dsp._fir import fir, fir_at
from audioconv.kernels.simd.vector import at

SEGMENT = 4096  # outputs that are skipped together


@kernel
def all_zero(x, low, high):
    """Whether all of x[low : high] is exactly zero (NaN is not)."""
    for i in range(low, high):  # noqa: SIM110 - a generator would not compile
        if at(x, i) != 0:
            return False
    return True


@kernel
def _zero(y, first, last):
    for i in range(first, last):
        y[i] = 0


@kernel
def fir_skip_zeros(x, taps, y):
    """`fir` of finite taps by segments; those whose input is all zero are set to zero without work."""
    for first in range(0, y.size, SEGMENT):
        last = min(first + SEGMENT, y.size)
        if all_zero(x, first, last + taps.size - 1):
            _zero(y, first, last)
        else:
            fir(x[first : last + taps.size - 1], taps, y[first:last])


@kernel
def fir_at_skip_zeros(x, taps, offsets, y):
    """`fir_at` of finite taps by segments; those whose input is all zero are set to zero without work."""
    reach = x.size - y.size
    for first in range(0, y.size, SEGMENT):
        last = min(first + SEGMENT, y.size)
        if all_zero(x, first, last + reach):
            _zero(y, first, last)
        else:
            fir_at(x[first : last + reach], taps, offsets, y[first:last])
