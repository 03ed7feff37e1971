"""Whole convolutions of short signals, a call each: where a call from Python costs more than the sums of products.

So these do in one call what callers do for larger kernels: they pad, flip, look at the taps, and at whether arrays are
contiguous, as they mostly are; a flag of an array takes Python 60 ns. Sums are those of the larger kernels, to the bit.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import kernel, part
from audioconv.kernels.dsp._fir import CHAIN
from audioconv.kernels.dsp.skip_zeros import fir_skip_zeros
from audioconv.kernels.simd._emit import operation, scalar_llvm
from audioconv.kernels.simd.pointers import carray
from audioconv.kernels.simd.vector import at, fma, lanes, load, store
from audioconv.kernels.simd.views import read_only_view

STACK = 2048  # elements of work space on the stack: 16 KiB of float64
MOST_TAPS = STACK // 2  # of the shorter one of signal and filter; an end of a signal needs twice as much space


@operation(lambda like: np.empty(STACK, like.dtype))
def _stack(typing_context, like):
    """A pointer to STACK elements of like's dtype on the stack: an array from Python takes 200 ns."""

    def codegen(context, builder, sig, args):
        size = ir.Constant(ir.IntType(64), STACK)
        memory = cgutils.alloca_once(builder, scalar_llvm(sig.return_type.dtype), size=size)
        memory.align = 64
        return memory

    return signature(types.CPointer(like.dtype), like), codegen


def _readable(x):
    """Whether elements of a one-dimensional array lie side by side, at addresses that are multiples of their size."""
    return x.strides == (x.itemsize,) and x.ctypes.data % x.itemsize == 0


@operation(lambda x: x if _readable(x) else x[:0])
def _side_by_side(typing_context, x):
    """A one-dimensional array of any strides as a contiguous one; empty if it is none, or not aligned."""

    def codegen(context, builder, sig, args):
        (given,) = args
        array = context.make_array(x)(context, builder, value=given)
        (size,), (stride,) = cgutils.unpack_tuple(builder, array.shape), cgutils.unpack_tuple(builder, array.strides)
        width = ir.Constant(stride.type, sig.return_type.dtype.bitwidth // 8)
        inside = builder.urem(builder.ptrtoint(array.data, stride.type), width)
        whole = builder.and_(
            builder.icmp_signed("==", stride, width), builder.icmp_signed("==", inside, ir.Constant(inside.type, 0))
        )
        made = context.make_array(sig.return_type)(context, builder)
        context.populate_array(
            made,
            data=array.data,
            shape=cgutils.pack_array(builder, [builder.select(whole, size, ir.Constant(size.type, 0))]),
            strides=cgutils.pack_array(builder, [width]),
            itemsize=width,
            meminfo=None,
        )
        return made._getvalue()

    return signature(types.Array(x.dtype, 1, "C"), x), codegen


@part
def _padded(x, start, count, out):
    """out[:count] = x[start : start + count], with zeros where there are none."""
    low = min(max(-start, 0), count)
    high = max(min(x.size - start, count), low)
    for i in range(low):
        out[i] = 0
    vectors = low + (high - low) // lanes(x) * lanes(x)
    for i in range(low, vectors, lanes(x)):
        store(out, i, load(x, start + i))
    for i in range(vectors, high):
        out[i] = at(x, start + i)
    for i in range(high, count):
        out[i] = 0


@part
def _finite(taps):
    """How many taps are finite."""
    count = 0
    for k in range(taps.size):
        count += np.isfinite(at(taps, k))
    return count


@part
def _fill(signal, taps, begin, y, pad):
    """y[t] = output begin + t of the full convolution; where it reads beyond the ends of the signal, from a copy."""
    reach = taps.size - 1
    low = min(max(reach - begin, 0), y.size)  # from here to `high` the signal itself is read
    high = min(max(signal.size - begin, low), y.size)
    if y.size + reach <= STACK:
        low = high = y.size
    for first, last in ((0, low), (low, high), (high, y.size)):
        if first < last:
            start, count = begin + first - reach, last - first + reach
            samples = read_only_view(signal)
            if start >= 0 and start + count <= signal.size:
                samples = samples[start : start + count]
            else:
                _padded(signal, start, count, pad)
                samples = read_only_view(pad)[:count]
            fir_skip_zeros(samples, read_only_view(taps), y[first:last])


@kernel
def fir_short(x, h, flip, begin, y):
    """y[t] = output begin + t of the full convolution of x with h, h reversed if `flip`, which h longer than x is not.

    x (samples,), h (taps,): of any strides, the shorter one of at most MOST_TAPS. Returns how many taps of h are not
    zero. Nothing is done, and it returns -1, if the shorter one, which acts as the filter, is not finite; -2 if they
    are not contiguous.
    """
    signal, taps = _side_by_side(x), _side_by_side(h)
    if signal.size == 0 or taps.size == 0:
        return -2
    every = taps
    if taps.size > signal.size:
        signal, taps = taps, signal
    if _finite(taps) < taps.size:
        return -1
    pad, flipped, reach = carray(_stack(y), STACK), carray(_stack(y), STACK), taps.size - 1
    nonzero = 0
    for k in range(every.size):
        nonzero += at(every, k) != 0
    if flip:
        for k in range(taps.size):
            flipped[k] = at(taps, reach - k)
        taps = flipped[: taps.size]
    _fill(signal, taps, begin, y, pad)
    return nonzero


@part
def _one_output(samples, taps, i, p, up, count, y, m):
    """y[m] = sum over j < count of taps[p + j * up] * samples[i - j], as far as there are samples."""
    oldest, newest = max(i - samples.size + 1, 0), min(i + 1, count)
    y[m] = 0
    for first in range(0, count, CHAIN):
        total = y.dtype.type(0)
        for j in range(max(first, oldest), min(first + CHAIN, newest)):
            total = fma(at(taps, p + j * up), at(samples, i - j), total)
        y[m] = y[m] + total if first > 0 else total


@part
def _eight_outputs(samples, taps, i, hop, p, up, count, y, m, step):
    """The same for y[m], y[m + step] ..., of samples `hop` later each: as many chains as keep multiply-adds busy."""
    for first in range(0, count, CHAIN):
        a = b = c = d = e = f = g = h = y.dtype.type(0)
        for j in range(first, min(first + CHAIN, count)):
            tap, k = at(taps, p + j * up), i - j
            a, b = fma(tap, at(samples, k), a), fma(tap, at(samples, k + hop), b)
            c, d = fma(tap, at(samples, k + 2 * hop), c), fma(tap, at(samples, k + 3 * hop), d)
            e, f = fma(tap, at(samples, k + 4 * hop), e), fma(tap, at(samples, k + 5 * hop), f)
            g, h = fma(tap, at(samples, k + 6 * hop), g), fma(tap, at(samples, k + 7 * hop), h)
        for n, total in enumerate((a, b, c, d, e, f, g, h)):
            y[m + n * step] = y[m + n * step] + total if first > 0 else total


@kernel
def upfirdn_short(x, h, up, down, step, y):
    """y[m] = sum over j of h[p + j * up] * x[i - j], where i, p = divmod(m * down, up): phase by phase.

    x (samples,), h (taps,): of any strides; step: up / gcd(up, down), from an output to the next with the same p.
    Chains of products are those of `fir_at`. Returns 0; if x or h are not contiguous nothing is done, and it returns
    -2.
    """
    samples, taps = _side_by_side(x), _side_by_side(h)
    if samples.size == 0 or taps.size == 0:
        return -2
    hop = step * down // up
    for q in range(min(step, y.size)):
        i, p = q * down // up, q * down % up
        count, m = taps.size // up + (p < taps.size % up), q
        while m < y.size:
            if i + 1 >= count > 0 and m + 7 * step < y.size and i + 7 * hop < samples.size:
                _eight_outputs(samples, taps, i, hop, p, up, count, y, m, step)
                i, m = i + 8 * hop, m + 8 * step
            else:
                _one_output(samples, taps, i, p, up, count, y, m)
                i, m = i + hop, m + step
    return 0


@kernel
def flip_finite(taps, out):
    """out = the taps in reverse order, and whether all are finite; both flat, contiguous and writable."""
    for k in range(taps.size):
        out[k] = at(taps, taps.size - 1 - k)
    return _finite(taps) == taps.size
