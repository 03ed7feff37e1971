"""Butterflies of FFT passes: small DFTs over tuples of complex vectors, and products with twiddle factors.

A complex row is a vector of real parts and a vector of imaginary parts; a tuple of each makes the rows. The transform
is unrolled into straight code by one short recursion, for every radix and both dtypes. Additions, products and
shuffles go to different units of a processor, so that straight code of all three keeps them busy.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels.simd._emit import (
    LANES,
    MULTIPLY_ADD,
    call_llvm,
    flat,
    load_from,
    operation,
    splat_over,
    vector_llvm,
)
from audioconv.kernels.simd.vector import Vector


def _numpy_dft(re, im):
    rows = np.stack(re)
    z = np.fft.fft(rows.astype(np.float64) + 1j * np.stack(im), axis=0)
    return tuple(z.real.astype(rows.dtype)), tuple(z.imag.astype(rows.dtype))


@operation(_numpy_dft)
def dft(typing_context, re, im):
    """dft(re, im): rows k of the sums over j of rows[j] exp(-2 pi i j k / n), n = 2, 3, 4 or 8 rows."""

    def codegen(context, builder, sig, args):
        return _tuples(context, builder, sig, _emit_dft(builder, _rows(builder, *args)))

    return signature(types.Tuple((re, im)), re, im), codegen


def _numpy_multiply_twiddles(re, im, wr, wi):
    products = [(r * x - i * y, r * y + i * x) for r, i, x, y in list(zip(re, im, wr, wi, strict=True))[1:]]
    return (*re[:1], *(r for r, _ in products)), (*im[:1], *(i for _, i in products))


@operation(_numpy_multiply_twiddles)
def multiply_twiddles(typing_context, re, im, wr, wi):
    """multiply_twiddles(re, im, wr, wi): rows times twiddles, but for row 0, whose twiddle is 1 and never read."""

    def codegen(context, builder, sig, args):
        rows, factors = _rows(builder, *args[:2]), _rows(builder, *args[2:])
        products = [_emit_product(builder, *pair) for pair in zip(rows[1:], factors[1:], strict=True)]
        return _tuples(context, builder, sig, rows[:1] + products)

    return signature(types.Tuple((re, im)), re, im, wr, wi), codegen


def _numpy_complex_multiply(re, im, wr, wi):
    rows = list(zip(re, im, wr, wi, strict=True))
    return tuple(r * x - i * y for r, i, x, y in rows), tuple(r * y + i * x for r, i, x, y in rows)


@operation(_numpy_complex_multiply)
def complex_multiply(typing_context, re, im, wr, wi):
    """complex_multiply(re, im, wr, wi): each row times its factor, complex."""

    def codegen(context, builder, sig, args):
        pairs = zip(_rows(builder, *args[:2]), _rows(builder, *args[2:]), strict=True)
        return _tuples(context, builder, sig, [_emit_product(builder, *pair) for pair in pairs])

    return signature(types.Tuple((re, im)), re, im, wr, wi), codegen


@operation(lambda a, i, step, count: tuple(flat(a, i + r * step, LANES[a.dtype]).copy() for r in range(count)))
def rows_at(typing_context, a, i, step, count):
    """rows_at(a, i, step, count): `count` vectors, a literal, the r-th from a[i + r * step :]."""

    def codegen(context, builder, sig, args):
        array, index, step, _ = args
        part = vector_llvm(a.dtype)
        rows = []
        for _ in range(len(sig.return_type)):
            rows.append(load_from(context, builder, a, array, index, part))
            index = builder.add(index, step)
        return context.make_tuple(builder, sig.return_type, rows)

    return signature(types.UniTuple(Vector(a.dtype), count.literal_value), a, types.intp, types.intp, count), codegen


def _number(rows):
    """How many rows: a literal (a number where nothing is compiled), or a tuple of as many."""
    return rows if isinstance(rows, int) else getattr(rows, "literal_value", None) or len(rows)


@operation(lambda a, i, rows: tuple(np.full(LANES[a.dtype], value) for value in flat(a, i, _number(rows))))
def broadcasts(typing_context, a, i, rows):
    """broadcasts(a, i, rows): vectors, the r-th with a[i + r] in every lane.

    `rows` is a literal number of them, or a tuple of as many.
    """

    def codegen(context, builder, sig, args):
        array, index, _ = args
        part = vector_llvm(a.dtype)
        vectors = []
        for _ in range(len(sig.return_type)):
            scalar = load_from(context, builder, a, array, index, part.element)
            vectors.append(splat_over(builder, scalar, part))
            index = builder.add(index, index.type(1))
        return context.make_tuple(builder, sig.return_type, vectors)

    return signature(types.UniTuple(Vector(a.dtype), _number(rows)), a, types.intp, rows), codegen


# --- LLVM code -------------------------------------------------------------------------------------------


def _rows(builder, re, im):
    """Two tuples as a list of (real, imaginary)."""
    return list(zip(cgutils.unpack_tuple(builder, re), cgutils.unpack_tuple(builder, im), strict=True))


def _tuples(context, builder, sig, rows):
    """A list of (real, imaginary) as two tuples."""
    parts = [
        context.make_tuple(builder, kind, part)
        for kind, part in zip(sig.return_type, zip(*rows, strict=True), strict=True)
    ]
    return context.make_tuple(builder, sig.return_type, parts)


def _fused(builder, x, y, z):
    """x y + z; x may be a number."""
    if isinstance(x, float):
        x = ir.Constant(z.type, [x] * z.type.count)
    return call_llvm(builder, MULTIPLY_ADD, z.type, x, y, z)


def _emit_product(builder, row, factor):
    (r, i), (x, y) = row, factor
    return _fused(builder, r, x, builder.fneg(builder.fmul(i, y))), _fused(builder, r, y, builder.fmul(i, x))


def _emit_dft(builder, rows):
    """Cooley-Tukey step: the DFT of even rows plus and minus the twiddled DFT of odd rows."""
    if len(rows) == 1:
        return rows
    if len(rows) == 3:
        return _emit_dft3(builder, rows)
    add, sub, half = builder.fadd, builder.fsub, 0.5**0.5
    low, high = [], []
    pairs = zip(_emit_dft(builder, rows[0::2]), _emit_dft(builder, rows[1::2]), strict=True)
    for k, ((r, i), (x, y)) in enumerate(pairs):
        eighths = 8 * k // len(rows)  # the twiddle of the odd row is exp(-2 pi i eighths / 8)
        if eighths == 0:
            low.append((add(r, x), add(i, y)))
            high.append((sub(r, x), sub(i, y)))
        elif eighths == 2:
            low.append((add(r, y), sub(i, x)))
            high.append((sub(r, y), add(i, x)))
        elif eighths == 1:
            u, v = add(x, y), sub(y, x)
            low.append((_fused(builder, half, u, r), _fused(builder, half, v, i)))
            high.append((_fused(builder, -half, u, r), _fused(builder, -half, v, i)))
        else:
            u, v = sub(y, x), add(x, y)
            low.append((_fused(builder, half, u, r), _fused(builder, -half, v, i)))
            high.append((_fused(builder, -half, u, r), _fused(builder, half, v, i)))
    return low + high


def _emit_dft3(builder, rows):
    (ar, ai), (br, bi), (cr, ci) = rows
    add, sub, sine = builder.fadd, builder.fsub, 0.75**0.5
    sr, si, dr, di = add(br, cr), add(bi, ci), sub(br, cr), sub(bi, ci)
    mr, mi = _fused(builder, -0.5, sr, ar), _fused(builder, -0.5, si, ai)
    return [
        (add(ar, sr), add(ai, si)),
        (_fused(builder, sine, di, mr), _fused(builder, -sine, dr, mi)),
        (_fused(builder, -sine, di, mr), _fused(builder, sine, dr, mi)),
    ]
