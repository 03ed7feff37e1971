"""Direct convolution of one signal: dense taps, and taps at any offsets (strided, dilated, sparse).

Valid only: the caller brings the samples before and after. Every output is one chain of multiply-adds in tap order,

    y[t] = ((taps[0] x[t + K-1] + taps[1] x[t + K-2]) + ...) + taps[K-1] x[t],

so its bits do not depend on where a signal is cut, nor on the register, tile or remainder that it falls in.

What limits a direct filter are the loads: neighbouring outputs want x at every alignment, and a load that crosses
a cache line counts double. Measured on Zen 3 (multiply-adds at most 100-115 GFLOP/s, float32, 64 to 512 taps):

- one broadcast tap times 8 or 12 neighbouring vectors: 65-70 GFLOP/s, 1.44 loads for each multiply-add;
- this file: vectors in pairs. The odd one runs `lanes` taps ahead of the even one, so that both want the same run
  of x, which is loaded once for two multiply-adds: 87 with 4 pairs, 93-101 with 6 (60-72 at 8 to 16 taps, where
  the taps that stand alone at both ends are most of the work);
- taps in order of their residue modulo `lanes`, x kept in registers: 85-90, but no longer in tap order.
"""

from audioconv.kernels._jit import kernel
from audioconv.kernels.simd import broadcast, fma, lanes, load, rank1, store, tile, tile_store, zero

PAIRS = 6


@kernel
def _add(x, i, tap, sums):
    """Add tap * x to six vectors, the runs of x two vectors apart."""
    step = 2 * lanes(x)
    a, b, c, d, e, f = sums
    return (
        fma(tap, load(x, i), a),
        fma(tap, load(x, i + step), b),
        fma(tap, load(x, i + 2 * step), c),
        fma(tap, load(x, i + 3 * step), d),
        fma(tap, load(x, i + 4 * step), e),
        fma(tap, load(x, i + 5 * step), f),
    )


@kernel
def _put(y, i, sums):
    """Store six vectors, two vectors apart."""
    step = 2 * lanes(y)
    for n in range(PAIRS):
        store(y, i + n * step, sums[n])


@kernel
def _pairs(x, taps, y, t):
    """Twelve vectors of outputs from y[t]; at least `lanes` taps."""
    ahead, last = lanes(x), taps.size - lanes(x)
    newest = t + taps.size - 1
    nothing = zero(x)
    even = (nothing, nothing, nothing, nothing, nothing, nothing)
    odd = even
    for k in range(ahead):
        odd = _add(x, newest + ahead - k, broadcast(taps, k), odd)
    for k in range(last):
        even = _add(x, newest - k, broadcast(taps, k), even)
        odd = _add(x, newest - k, broadcast(taps, k + ahead), odd)  # the same loads, which the compiler sees
    for k in range(last, taps.size):
        even = _add(x, newest - k, broadcast(taps, k), even)
    _put(y, t, even)
    _put(y, t + ahead, odd)


@kernel
def _run(sums, x, taps, y, t):
    """One tile of neighbouring outputs from y[t]: 8 vectors, one, or a single scalar."""
    newest = t + taps.size - 1
    for k in range(taps.size):
        sums = rank1(sums, taps, k, 0, x, newest - k)
    tile_store(sums, y, t, 0)


@kernel
def _run_at(sums, x, taps, offsets, y, t):
    for k in range(taps.size):
        sums = rank1(sums, taps, k, 0, x, t + offsets[k])
    tile_store(sums, y, t, 0)


@kernel
def fir(x, taps, y):
    """y[t] = sum over k of taps[k] * x[t + taps.size - 1 - k].

    x (y.size + taps.size - 1,), taps (at least 1,), y (any,), which must not share memory with x.
    """
    width, few, one = 2 * PAIRS * lanes(x), 8 * lanes(x), lanes(x)
    t = 0
    if taps.size >= one:
        while t + width <= y.size:
            _pairs(x, taps, y, t)
            t += width
    # The rest: the last tile or vector reaches back over outputs that are done, and gives them the same bits.
    while t < y.size:
        if y.size >= few and t + one < y.size:
            _run(tile(y, 1, 8), x, taps, y, min(t, y.size - few))
            t += few
        elif y.size >= one:
            _run(tile(y, 1, 1), x, taps, y, min(t, y.size - one))
            t += one
        else:
            _run(tile(y, 1, 0), x, taps, y, t)
            t += 1


@kernel
def fir_at(x, taps, offsets, y):
    """y[t] = sum over k, in order, of taps[k] * x[t + offsets[k]].

    x (max(offsets) + y.size,), taps and offsets (K,), y (any,), which must not share memory with x. Dilation and
    missing taps are offsets; for a stride the caller lays the phases of x one after the other.
    """
    few, one = 8 * lanes(x), lanes(x)
    t = 0
    while t < y.size:
        if y.size >= few and t + one < y.size:
            _run_at(tile(y, 1, 8), x, taps, offsets, y, min(t, y.size - few))
            t += few
        elif y.size >= one:
            _run_at(tile(y, 1, 1), x, taps, offsets, y, min(t, y.size - one))
            t += one
        else:
            _run_at(tile(y, 1, 0), x, taps, offsets, y, t)
            t += 1
