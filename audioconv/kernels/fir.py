"""Direct convolution of one signal: dense taps, and taps at any offsets (strided, dilated, sparse).

Valid only: the caller brings the samples before and after. Every output is the same sum in the same order wherever a
signal is cut and in whatever register, group or remainder it falls: a chain of multiply-adds in tap order,

    (taps[0] x[t + K-1] + taps[1] x[t + K-2]) + ...,

for each run of CHAIN taps, and the chains added in order. One chain for all taps loses too many digits: a float32
moving average of a constant is wrong by 7e-7 after 64 taps, 1.7e-6 after 128, 7e-6 after 512.

What limits a direct filter are the loads: neighbouring outputs want x at every alignment, and a load that crosses
a cache line counts double, so that one tap times neighbouring vectors gives 65-70 GFLOP/s (float32, Zen 4, of
100-115). Here vectors go in pairs: the odd one runs `lanes` taps ahead of the even one, both want the same run of x,
and each load serves two multiply-adds. Figures: see `_pairs`.
"""

import numpy as np

from audioconv.kernels._jit import kernel
from audioconv.kernels.simd import at, broadcast, fma, lanes, load, store, zero

CHAIN = 64
PAIRS = 4


@kernel
def _add(x, i, tap, sums):
    """Add tap * x to four vectors, which are two vectors apart."""
    step = 2 * lanes(x)
    a, b, c, d = sums
    return (
        fma(tap, load(x, i), a),
        fma(tap, load(x, i + step), b),
        fma(tap, load(x, i + 2 * step), c),
        fma(tap, load(x, i + 3 * step), d),
    )


@kernel
def _put(y, t, even, odd, more):
    """Store eight vectors of sums at y[t]; with `more`, add them to what is there."""
    width = lanes(y)
    for n in range(PAIRS):
        i = t + 2 * n * width
        if more:
            store(y, i, load(y, i) + even[n])
            store(y, i + width, load(y, i + width) + odd[n])
        else:
            store(y, i, even[n])
            store(y, i + width, odd[n])


@kernel
def _pairs(x, taps, y):
    """All outputs, eight vectors at a time; y has at least as many.

    float32 GFLOP/s: 47 at 8 taps, 72 at 16, 77 at 24, 88 at 32, 97 from 64 on; half of that in float64. Six pairs
    make 5 % more, but a block of 64 outputs, the commonest in a stream, fills four and not six.
    """
    ahead, group, nothing = lanes(x), 2 * PAIRS * lanes(x), zero(x)
    for t in range(0, y.size, group):
        t = min(t, y.size - group)  # the last group reaches back over outputs that are done, and repeats their bits
        newest = t + taps.size - 1
        for first in range(0, taps.size, CHAIN):
            last = min(first + CHAIN, taps.size)
            middle = max(first, last - ahead)
            even = (nothing, nothing, nothing, nothing)
            odd = even
            for k in range(first, min(first + ahead, last)):
                odd = _add(x, newest + ahead - k, broadcast(taps, k), odd)
            for k in range(first, middle):
                even = _add(x, newest - k, broadcast(taps, k), even)
                odd = _add(x, newest - k, broadcast(taps, k + ahead), odd)  # of the same loads, as the compiler sees
            for k in range(middle, last):
                even = _add(x, newest - k, broadcast(taps, k), even)
            _put(y, t, even, odd, first > 0)


@kernel
def _vector(x, taps, y, t):
    """One vector of outputs from y[t]."""
    newest = t + taps.size - 1
    for first in range(0, taps.size, CHAIN):
        total = zero(x)
        for k in range(first, min(first + CHAIN, taps.size)):
            total = fma(broadcast(taps, k), load(x, newest - k), total)
        store(y, t, load(y, t) + total if first > 0 else total)


@kernel
def _scalar(x, taps, y, t):
    newest = t + taps.size - 1
    for first in range(0, taps.size, CHAIN):
        total = x.dtype.type(0)
        for k in range(first, min(first + CHAIN, taps.size)):
            total = fma(at(taps, k), at(x, newest - k), total)
        y[t] = y[t] + total if first > 0 else total


@kernel
def fir(x, taps, y):
    """y[t] = sum over k of taps[k] * x[t + taps.size - 1 - k].

    x (y.size + taps.size - 1,), taps (at least 1,), y (any,), which must not share memory with x.
    """
    width, t = lanes(x), np.int64(0)  # a literal 0 would be a type of its own, and compiled twice
    if y.size >= 2 * PAIRS * width:
        _pairs(x, taps, y)
        return
    while t < y.size:
        if y.size >= width:
            _vector(x, taps, y, min(t, y.size - width))
            t += width
        else:
            _scalar(x, taps, y, t)
            t += 1


@kernel
def _groups_at(x, taps, offsets, y):
    width, group, nothing = lanes(x), 2 * PAIRS * lanes(x), zero(x)
    for t in range(0, y.size, group):
        t = min(t, y.size - group)
        for first in range(0, taps.size, CHAIN):
            even = (nothing, nothing, nothing, nothing)
            odd = even
            for k in range(first, min(first + CHAIN, taps.size)):
                i, tap = t + offsets[k], broadcast(taps, k)
                even = _add(x, i, tap, even)
                odd = _add(x, i + width, tap, odd)
            _put(y, t, even, odd, first > 0)


@kernel
def _scalar_at(x, taps, offsets, y, t):
    for first in range(0, taps.size, CHAIN):
        total = x.dtype.type(0)
        for k in range(first, min(first + CHAIN, taps.size)):
            total = fma(at(taps, k), at(x, t + offsets[k]), total)
        y[t] = y[t] + total if first > 0 else total


@kernel
def fir_at(x, taps, offsets, y):
    """y[t] = sum over k of taps[k] * x[t + offsets[k]].

    x (max(offsets) + y.size,), taps and offsets (K,), y (any,), which must not share memory with x. Dilation and
    missing taps are offsets; for a stride the caller lays the phases of x one after the other. 65-70 GFLOP/s.
    """
    if y.size >= 2 * PAIRS * lanes(x):
        _groups_at(x, taps, offsets, y)
    else:
        for t in range(y.size):
            _scalar_at(x, taps, offsets, y, t)
