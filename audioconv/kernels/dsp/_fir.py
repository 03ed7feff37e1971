"""Direct FIR convolution of one signal: dense taps, and taps at any offsets (strided, dilated, sparse).

Valid outputs only: padding and history are the caller's. Every output is the same sum in the same order wherever a
signal is cut and in whatever register, group or remainder it falls: a chain of multiply-adds in tap order,

    (taps[0] x[t + K-1] + taps[1] x[t + K-2]) + ...,

for each run of CHAIN taps, and the chains added in order. One chain for all taps loses too many digits: a float32
moving average of a constant is wrong by 7e-7 after 64 taps, 1.7e-6 after 128, 7e-6 after 512.

What limits a direct filter are the loads, two a cycle like the multiply-adds: neighbouring outputs want x at every
alignment, and a load that crosses a cache line counts double. One tap after the other times eight neighbouring
vectors cannot get beyond two thirds of the peak. `fir` loads across lines as little as it can: see `_add_run`.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import kernel, part
from audioconv.kernels.simd._emit import (
    MULTIPLY_ADD,
    call_llvm,
    load_from,
    operation,
    scalar_llvm,
    splat_over,
    vector_llvm,
)
from audioconv.kernels.simd.vector import (
    add_products,
    at,
    broadcast,
    fma,
    lanes,
    line_offset,
    load,
    splat,
    store,
    store_rows,
    zero,
)

CHAIN = 64
GROUP_VECTORS, GROUP_AT_VECTORS = 8, 12  # of a group of outputs, of `fir` and of `fir_at`


def _numpy_add_run(sums, x, i, taps, k, count, plain):
    for n in range(count):
        sums = add_products(sums, broadcast(taps, k + n), x, i - n)
    return sums


@operation(_numpy_add_run)
def _add_run(typing_context, sums, x, i, taps, k, count, plain):
    """Add taps[k], taps[k + 1] ... times a group of neighbouring vectors of x at i, i - 1 ..., for up to `lanes` taps.

    Two neighbouring vectors fill a line. While the even ones move down within their lines (plain = 0; 1 for the odd
    ones), only the odd ones cross: those are shifted together in registers from two vectors that were loaded once
    for the run, by one instruction (valignd) on AVX-512 and two on AVX2. One of them is loaded across lines none the
    less: the last one because its neighbour may lie outside of x, the first one because shifting all four makes the
    shuffles, which share a port with the multiply-adds, the limit.

    float32 GFLOP/s on Zen 4 (peak 118), 8192 outputs: 80 at 8 taps, 86 at 12, 90 at 15, 96 at 24, 101 from 64 on; 64
    outputs: 81 at 64 taps, 91 at 128. Half of that in float64. Other ways were slower: see docs/trials.md, "Direct
    kernels".
    """

    def codegen(context, builder, sig, args):
        return context.make_tuple(builder, sig.return_type, _emit_run(context, builder, sig, args))

    return signature(sums, sums, x, types.intp, taps, types.intp, types.intp, plain), codegen


def _emit_run(context, builder, sig, args):
    """The code of `_add_run`: a ladder of `lanes` steps, entered so that `count` are left; the last is at offset 0."""
    _, x_type, _, taps_type, _, _, plain = sig.args
    sums, x, i, taps, k, count, _ = args
    totals = cgutils.unpack_tuple(builder, sums)
    part, scalar = vector_llvm(x_type.dtype), scalar_llvm(x_type.dtype)
    width = part.count
    # loaded as integers, or LLVM makes of a shift a permutation with its indices in a register
    bits = ir.VectorType(ir.IntType(x_type.dtype.bitwidth), width)

    def plus(base, offset):
        return builder.add(base, ir.Constant(base.type, offset))

    lowest = plus(builder.sub(i, count), 1)
    shifted = [v for v in range(1, GROUP_VECTORS - 1) if v % 2 != plain.literal_value]
    held = {
        v: load_from(context, builder, x_type, x, plus(lowest, v * width), bits) for u in shifted for v in (u, u + 1)
    }

    def window(v, offset):
        if v in shifted:
            mask = ir.Constant(ir.VectorType(ir.IntType(32), width), [*range(offset, offset + width)])
            return builder.bitcast(builder.shuffle_vector(held[v], held[v + 1], mask), part)
        return load_from(context, builder, x_type, x, plus(lowest, v * width + offset), part)

    for offset in reversed(range(width)):
        before, start = totals, builder.block
        with builder.if_then(builder.icmp_signed(">", count, ir.Constant(count.type, offset))):
            place_of_tap = plus(builder.add(k, count), -1 - offset)
            tap = splat_over(builder, load_from(context, builder, taps_type, taps, place_of_tap, scalar), part)
            after = [call_llvm(builder, MULTIPLY_ADD, part, tap, window(v, offset), t) for v, t in enumerate(before)]
            step = builder.block
        totals = [builder.phi(part) for _ in before]
        for total, old, new in zip(totals, before, after, strict=True):
            total.add_incoming(old, start)
            total.add_incoming(new, step)
    return totals


@part
def _groups(x, taps, y):
    """All outputs, a group of vectors at a time; y has at least as many."""
    width, nothing = lanes(x), zero(x)
    group, four = GROUP_VECTORS * width, (nothing, nothing, nothing, nothing)
    for t in range(0, y.size, group):
        t = min(t, y.size - group)  # the last group reaches back over outputs that are done: the same bits
        for first in range(0, taps.size, CHAIN):
            k, last = first, min(first + CHAIN, taps.size)
            sums = four + four
            while k < last:
                i = t + taps.size - 1 - k
                room = line_offset(x, i)  # a run ends where the plain vectors begin to cross
                if room < width:
                    count = min(room + 1, last - k)
                    sums = _add_run(sums, x, i, taps, k, count, 0)
                else:
                    count = min(room - width + 1, last - k)
                    sums = _add_run(sums, x, i, taps, k, count, 1)
                k += count
            if first > 0:
                sums = add_products(sums, splat(y, 1.0), y, t)
            store_rows(y, t, lanes(y), sums)


@part
def _vector(x, taps, y, t):
    """One vector of outputs from y[t]."""
    newest = t + taps.size - 1
    for first in range(0, taps.size, CHAIN):
        total = zero(x)
        for k in range(first, min(first + CHAIN, taps.size)):
            total = fma(broadcast(taps, k), load(x, newest - k), total)
        store(y, t, load(y, t) + total if first > 0 else total)


@part
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
    if y.size >= GROUP_VECTORS * lanes(x):
        _groups(x, taps, y)
    elif y.size >= lanes(x):
        for t in range(0, y.size, lanes(x)):
            _vector(x, taps, y, min(t, y.size - lanes(x)))
    else:
        for t in range(y.size):
            _scalar(x, taps, y, t)


@part
def _groups_at(x, taps, offsets, y):
    """All outputs, a group of vectors at a time; y has at least as many.

    All taps of a group before the next group. Half of the vectors cross lines: two thirds of the peak at most, and taps
    far apart go as fast as the second-level cache. As many vectors in a group as leave a register on AVX2: see
    docs/trials.md, "Direct kernels".
    """
    group, nothing = GROUP_AT_VECTORS * lanes(x), zero(x)
    four = (nothing, nothing, nothing, nothing)
    for t in range(0, y.size, group):
        t = min(t, y.size - group)
        for first in range(0, taps.size, CHAIN):
            sums = four + four + four
            for k in range(first, min(first + CHAIN, taps.size)):
                sums = add_products(sums, broadcast(taps, k), x, t + offsets[k])
            if first > 0:
                sums = add_products(sums, splat(y, 1.0), y, t)
            store_rows(y, t, lanes(y), sums)


@part
def _vector_at(x, taps, offsets, y, t):
    for first in range(0, taps.size, CHAIN):
        total = zero(x)
        for k in range(first, min(first + CHAIN, taps.size)):
            total = fma(broadcast(taps, k), load(x, t + offsets[k]), total)
        store(y, t, load(y, t) + total if first > 0 else total)


@part
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
    missing taps are offsets; for a stride the caller lays the phases of x one after the other.
    """
    if y.size >= GROUP_AT_VECTORS * lanes(x):
        _groups_at(x, taps, offsets, y)
    elif y.size >= lanes(x):
        for t in range(0, y.size, lanes(x)):
            _vector_at(x, taps, offsets, y, min(t, y.size - lanes(x)))
    else:
        for t in range(y.size):
            _scalar_at(x, taps, offsets, y, t)
