"""Explicit SIMD for kernels: a vector type and the operations on it.

`Vector` is 8 x float32 or 4 x float64: one AVX2 register, half an AVX-512 one, two of SSE or NEON; LLVM lowers it to
whatever the machine has. Indices count elements of the flat contiguous array, whatever its number of dimensions: the
pointer arithmetic is ours, because an ordinary index costs a test for negative values on every access.

A product and a sum are one `fma` everywhere (`MULTIPLY_ADD`: fused where the machine can), in vectors and scalars
alike, so that an output has the same bits wherever it falls in a register, a tile or a remainder.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from audioconv.kernels.simd._emit import (
    LANES,
    LANES_OF,
    MULTIPLY_ADD,
    call_llvm,
    flat,
    flat_at,
    load_from,
    operation,
    pointer_to,
    scalar_llvm,
    splat_over,
    vector_llvm,
)

CACHE_LINE = 64  # bytes


class Vector(types.Type):
    """Numba type of a SIMD vector."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.lanes = LANES_OF[dtype]
        super().__init__(name=f"Vector({dtype} x {self.lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, vector_llvm(fe_type.dtype))


@operation(lambda a: LANES[a.dtype])
def lanes(typing_context, a):
    """lanes(a): how many elements of a's dtype a vector holds; a constant for the compiler."""
    count = LANES_OF[a.dtype]
    return signature(types.intp, a), lambda context, builder, sig, args: context.get_constant(types.intp, count)


@operation(lambda a, i: flat(a, i, 1).ctypes.data % CACHE_LINE // a.itemsize)
def line_offset(typing_context, a, i):
    """line_offset(a, i): how many elements lie between the start of its cache line and a[i]."""

    def codegen(context, builder, sig, args):
        array, index = args
        pointer = pointer_to(context, builder, a, array, index, scalar_llvm(a.dtype))
        inside = builder.and_(builder.ptrtoint(pointer, index.type), ir.Constant(index.type, CACHE_LINE - 1))
        return builder.udiv(inside, ir.Constant(inside.type, a.dtype.bitwidth // 8))

    return signature(types.intp, a, types.intp), codegen


@operation(lambda a: np.zeros(LANES[a.dtype], a.dtype))
def zero(typing_context, a):
    """zero(a): a vector of zeros of a's dtype."""
    return signature(Vector(a.dtype), a), lambda context, builder, sig, args: ir.Constant(
        vector_llvm(sig.return_type.dtype), None
    )


@operation(lambda a, i: flat(a, i, LANES[a.dtype]).copy())
def load(typing_context, a, i):
    """load(a, i): the vector a[i : i + lanes]."""

    def codegen(context, builder, sig, args):
        array, index = args
        return load_from(context, builder, a, array, index, vector_llvm(a.dtype))

    return signature(Vector(a.dtype), a, types.intp), codegen


def _numpy_store(a, i, v):
    flat(a, i, LANES[a.dtype])[:] = v


@operation(_numpy_store)
def store(typing_context, a, i, v):
    """store(a, i, v): a[i : i + lanes] = v."""

    def codegen(context, builder, sig, args):
        array, index, vector = args
        pointer = pointer_to(context, builder, a, array, index, vector_llvm(a.dtype))
        builder.store(vector, pointer).align = a.dtype.bitwidth // 8
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, v), codegen


@operation(flat_at)
def at(typing_context, a, i):
    """at(a, i): the scalar a[i] of the flat array, without the test for negative indices."""

    def codegen(context, builder, sig, args):
        array, index = args
        return load_from(context, builder, a, array, index, scalar_llvm(a.dtype))

    return signature(a.dtype, a, types.intp), codegen


@operation(lambda a, i: np.full(LANES[a.dtype], flat_at(a, i)))
def broadcast(typing_context, a, i):
    """broadcast(a, i): the scalar a[i] in every lane."""

    def codegen(context, builder, sig, args):
        array, index = args
        scalar = load_from(context, builder, a, array, index, scalar_llvm(a.dtype))
        return splat_over(builder, scalar, vector_llvm(a.dtype))

    return signature(Vector(a.dtype), a, types.intp), codegen


@operation(lambda a, value: np.full(LANES[a.dtype], value, a.dtype))
def splat(typing_context, a, value):
    """splat(a, value): a vector of a's dtype with the number `value` in every lane."""

    def codegen(context, builder, sig, args):
        _, number = args
        return splat_over(builder, context.cast(builder, number, types.float64, a.dtype), vector_llvm(a.dtype))

    return signature(Vector(a.dtype), a, types.float64), codegen


@operation(lambda x, y, z: x * y + z)
def fma(typing_context, x, y, z):
    """fma(x, y, z): x * y + z in one rounding where the machine can; three vectors or three scalars."""

    def codegen(context, builder, sig, args):
        return call_llvm(builder, MULTIPLY_ADD, context.get_value_type(x), *args)

    return signature(x, x, x, x), codegen


def _numpy_add_products(sums, v, a, i):
    return tuple(v * load(a, i + n * len(v)) + total for n, total in enumerate(sums))


@operation(_numpy_add_products)
def add_products(typing_context, sums, v, a, i):
    """add_products(sums, v, a, i): a tuple of vectors plus v times the vectors side by side at a[i], each one fma."""

    def codegen(context, builder, sig, args):
        totals, v, array, index = args
        results = []
        for total in cgutils.unpack_tuple(builder, totals):
            factor = load_from(context, builder, a, array, index, v.type)
            results.append(call_llvm(builder, MULTIPLY_ADD, v.type, v, factor, total))
            index = builder.add(index, ir.Constant(index.type, v.type.count))
        return context.make_tuple(builder, sig.return_type, results)

    return signature(sums, sums, v, a, types.intp), codegen


@operation(np.maximum)
def maximum(typing_context, x, y):
    """maximum(x, y): the larger; NaN if either is NaN. Two vectors or two scalars."""

    def codegen(context, builder, sig, args):
        return call_llvm(builder, "maximum", context.get_value_type(x), *args)

    return signature(x, x, x), codegen


@operation(lambda x, y: (x > y).astype(x.dtype))
def greater_than(typing_context, x, y):
    """greater_than(x, y): 1 in lanes where x > y, else 0; NaN lies above nothing. Two vectors."""

    def codegen(context, builder, sig, args):
        return builder.uitofp(builder.fcmp_ordered(">", *args), context.get_value_type(x))

    return signature(x, x, x), codegen


def _declare_operator(symbol, operands, emit):
    """Let vectors be added, subtracted, multiplied and negated by the ordinary operators."""

    @infer_global(symbol)
    class _Typing(AbstractTemplate):
        def generic(self, args, kws):
            kind, *others = args
            if len(args) == operands and isinstance(kind, Vector) and all(other == kind for other in others):
                return signature(kind, *args)
            return None

    lower_builtin(symbol, *[Vector] * operands)(lambda context, builder, sig, args: emit(builder, *args))


_declare_operator(operator.add, 2, lambda builder, x, y: builder.fadd(x, y))
_declare_operator(operator.sub, 2, lambda builder, x, y: builder.fsub(x, y))
_declare_operator(operator.mul, 2, lambda builder, x, y: builder.fmul(x, y))
_declare_operator(operator.neg, 1, lambda builder, x: builder.fneg(x))


def _declare_shuffle(name, indices, doc):
    """Declare name(u, v): lanes picked by `indices(lanes)` from u followed by v."""

    def llvm_body(typing_context, u, v):
        def codegen(context, builder, sig, args):
            chosen = indices(sig.return_type.lanes)
            return builder.shuffle_vector(*args, ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen))

        return signature(u, u, v), codegen

    llvm_body.__name__, llvm_body.__doc__ = name, doc
    return operation(lambda u, v: np.concatenate((u, v))[indices(len(u))])(llvm_body)


evens = _declare_shuffle("evens", lambda n: list(range(0, 2 * n, 2)), "evens(u, v): lanes 0, 2, 4 ... of u then v.")
odds = _declare_shuffle("odds", lambda n: list(range(1, 2 * n, 2)), "odds(u, v): lanes 1, 3, 5 ... of u then v.")
zip_low = _declare_shuffle(
    "zip_low", lambda n: [j // 2 + (j % 2) * n for j in range(n)], "zip_low(u, v): u0, v0, u1, v1 ... first half."
)
zip_high = _declare_shuffle(
    "zip_high", lambda n: [(j + n) // 2 + (j % 2) * n for j in range(n)], "zip_high(u, v): the second half of it."
)
reverse_lanes = _declare_shuffle(
    "reverse_lanes", lambda n: list(range(n))[::-1], "reverse_lanes(u, u): the lanes of u reversed."
)


def _numpy_load_rows(a, i, step):
    count = LANES[a.dtype]
    return tuple(flat(a, i + r * step, count).copy() for r in range(count))


@operation(_numpy_load_rows)
def load_rows(typing_context, a, i, step):
    """load_rows(a, i, step): a square of vectors: a tuple of `lanes` vectors, the r-th from a[i + r * step :]."""

    def codegen(context, builder, sig, args):
        array, index, step = args
        part = vector_llvm(a.dtype)
        rows = []
        for _ in range(len(sig.return_type)):
            rows.append(load_from(context, builder, a, array, index, part))
            index = builder.add(index, step)
        return context.make_tuple(builder, sig.return_type, rows)

    return signature(types.UniTuple(Vector(a.dtype), LANES_OF[a.dtype]), a, types.intp, types.intp), codegen


def _numpy_store_rows(a, i, step, rows):
    for r, row in enumerate(rows):
        flat(a, i + r * step, len(row))[:] = row


@operation(_numpy_store_rows)
def store_rows(typing_context, a, i, step, rows):
    """store_rows(a, i, step, rows): the r-th vector of the tuple goes to a[i + r * step :]."""

    def codegen(context, builder, sig, args):
        array, index, step, rows = args
        for row in cgutils.unpack_tuple(builder, rows):
            pointer = pointer_to(context, builder, a, array, index, row.type)
            builder.store(row, pointer).align = a.dtype.bitwidth // 8
            index = builder.add(index, step)
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, types.intp, rows), codegen


@operation(lambda rows: tuple(np.stack(rows).T.copy()))
def transpose(typing_context, rows):
    """transpose(rows): a square of vectors with lane j of row i in lane i of row j."""

    def codegen(context, builder, sig, args):
        (square,) = args
        vectors = cgutils.unpack_tuple(builder, square)
        count, half = len(vectors), len(vectors) // 2
        lanes_of = ir.VectorType(ir.IntType(32), count)

        def shuffled(u, v, chosen):
            return builder.shuffle_vector(u, v, ir.Constant(lanes_of, chosen))

        # the halves of vectors first, and then each half by itself, because shuffles that stay in 128 bits cost least:
        # rounds of the perfect shuffle, rows i and i + half / 2 being interleaved
        low, high = list(range(half)), list(range(half, count))
        across = [(low, [count + j for j in low]), (high, [count + j for j in high])]
        zips = [
            [j // 2 + (j % 2) * count + side + part for part in (0, half) for j in range(half)]
            for side in (0, half // 2)
        ]
        groups = []
        for first, second in across:
            rows = [shuffled(vectors[i], vectors[i + half], first + second) for i in range(half)]
            for _ in range(half.bit_length() - 1):
                rows = [shuffled(rows[i // 2], rows[i // 2 + half // 2], zips[i % 2]) for i in range(half)]
            groups += rows
        vectors = groups
        return context.make_tuple(builder, sig.return_type, vectors)

    return signature(rows, rows), codegen
