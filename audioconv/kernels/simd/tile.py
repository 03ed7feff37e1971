"""Register tiles (micro-kernels): rows x width of accumulators in registers, the inner loop of direct convolution.

`rank1` adds the outer product of a column and a row to a tile, as in GEMM; `lanewise` multiplies each row lane by lane,
as depthwise convolution does; `stagger` adds to some of the rows, as 2-D convolution of a plane does; `slide` is a
depthwise convolution over the rows. A tuple of offsets says where the rows of a tile are in memory, so that they may be
anywhere. A tile may be one scalar wide, for remainders that no vector fits.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature
from numba.extending import models, register_model

from audioconv.kernels.simd._emit import (
    AVX512,
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


class Tile(types.Type):
    """Numba type of rows x width accumulators; vectors = 0 makes a tile one scalar wide."""

    def __init__(self, dtype, rows, vectors):
        self.dtype, self.rows, self.vectors = dtype, rows, vectors
        self.width = vectors * LANES_OF[dtype] or 1
        super().__init__(name=f"Tile({dtype}, {rows}, {vectors})")


def _parts(tile):
    """LLVM type of one accumulator, how many are in a row, and elements of each."""
    if AVX512 and tile.vectors and tile.vectors % 2 == 0:
        return vector_llvm(tile.dtype, 2), tile.vectors // 2, 2 * LANES_OF[tile.dtype]
    if tile.vectors:
        return vector_llvm(tile.dtype), tile.vectors, LANES_OF[tile.dtype]
    return scalar_llvm(tile.dtype), 1, 1


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        part, count, _ = _parts(fe_type)
        super().__init__(manager, fe_type, ir.LiteralStructType([part] * (fe_type.rows * count)))


def _numpy_zeros(a, rows, vectors):
    return np.zeros((rows, vectors * LANES[a.dtype] or 1), a.dtype)


@operation(_numpy_zeros)
def zeros(typing_context, a, rows, vectors):
    """zeros(a, rows, vectors): rows x (vectors * lanes) zeros; the two numbers are compile-time constants."""
    result = Tile(a.dtype, rows.literal_value, vectors.literal_value)

    def codegen(context, builder, sig, args):
        return ir.Constant(context.get_value_type(sig.return_type), None)

    return signature(result, a, rows, vectors), codegen


def _walk(context, builder, tile_type, array_type, array, offsets, column):
    """(position in the tile, pointer) for each accumulator: row r starts at offsets[r] + column."""
    part, count, _ = _parts(tile_type)
    for r, offset in enumerate(cgutils.unpack_tuple(builder, offsets)):
        base = pointer_to(context, builder, array_type, array, builder.add(offset, column), part)
        for vector in range(count):
            yield r * count + vector, builder.gep(base, [ir.Constant(ir.IntType(64), vector)])


@operation(lambda table, i, rows: tuple(flat(table, i, rows).tolist()))
def offsets(typing_context, table, i, rows):
    """offsets(table, i, rows): a tuple of table[i : i + rows], int64; rows is a compile-time constant."""
    count = rows.literal_value

    def codegen(context, builder, sig, args):
        array, index, _ = args
        base = builder.gep(context.make_array(table)(context, builder, value=array).data, [index])
        found = [builder.load(builder.gep(base, [ir.Constant(ir.IntType(64), r)])) for r in range(count)]
        return context.make_tuple(builder, sig.return_type, found)

    return signature(types.UniTuple(types.int64, count), table, types.intp, rows), codegen


@operation(lambda start, step, rows: tuple(start + r * step for r in range(rows)))
def steps(typing_context, start, step, rows):
    """steps(start, step, rows): a tuple of start + r * step; rows is a compile-time constant."""
    count = rows.literal_value

    def codegen(context, builder, sig, args):
        start, step, _ = args
        found = [builder.add(start, builder.mul(step, ir.Constant(step.type, r))) for r in range(count)]
        return context.make_tuple(builder, sig.return_type, found)

    return signature(types.UniTuple(types.int64, count), types.intp, types.intp, rows), codegen


def _numpy_fill(t, a, column):
    return np.stack([flat(a, column, t.shape[1])] * t.shape[0])


@operation(_numpy_fill)
def fill(typing_context, t, a, column):
    """fill(t, a, column): a tile of t's shape whose rows are all a[column :]."""

    def codegen(context, builder, sig, args):
        _, array, column = args
        part, count, width = _parts(t)
        result = ir.Constant(context.get_value_type(t), ir.Undefined)
        for vector in range(count):
            index = builder.add(column, ir.Constant(column.type, vector * width))
            loaded = load_from(context, builder, a, array, index, part)
            for r in range(t.rows):
                result = builder.insert_value(result, loaded, r * count + vector)
        return result

    return signature(t, t, a, types.intp), codegen


def _numpy_store(t, a, offsets, column):
    for r, offset in enumerate(offsets):
        flat(a, offset + column, t.shape[1])[:] = t[r]


@operation(_numpy_store)
def store(typing_context, t, a, offsets, column):
    """store(t, a, offsets, column): row r of the tile goes to a[offsets[r] + column :]."""

    def codegen(context, builder, sig, args):
        tile, *places = args
        for position, pointer in _walk(context, builder, t, a, *places):
            builder.store(builder.extract_value(tile, position), pointer).align = a.dtype.bitwidth // 8
        return context.get_dummy_value()

    return signature(types.none, t, a, offsets, types.intp), codegen


@operation(lambda t: np.where(t <= 0, t.dtype.type(0), t))
def relu(typing_context, t):
    """relu(t): zero where the tile is negative; NaN stays NaN."""

    def codegen(context, builder, sig, args):
        (result,), (part, count, _) = args, _parts(t)
        zero = ir.Constant(part, None)
        for position in range(t.rows * count):
            value = builder.extract_value(result, position)
            value = builder.select(builder.fcmp_ordered("<=", value, zero), zero, value)
            result = builder.insert_value(result, value, position)
        return result

    return signature(t, t), codegen


def _numpy_rank1(t, column, offsets, k, row, j):
    scalars = np.array([flat_at(column, offset + k) for offset in offsets])
    return scalars[:, None] * flat(row, j, t.shape[1]) + t


def _numpy_lanewise(t, column, offsets, k, row, j):
    width = t.shape[1]
    return np.stack([flat(column, offset + k, width) for offset in offsets]) * flat(row, j, width) + t


def _declare_product(name, numpy_body, alike, doc):
    """Declare a step of a product; `alike`: whether a row's factor is one number for all columns."""

    def llvm_body(typing_context, t, column, offsets, k, row, j):
        def codegen(context, builder, sig, args):
            tile_type, column_type, _, _, row_type, _ = sig.args
            result, column, offsets, k, row, start = args
            part, count, width = _parts(tile_type)
            places = [ir.Constant(start.type, v * width) for v in range(count)]
            vectors = [load_from(context, builder, row_type, row, builder.add(start, p), part) for p in places]
            for r, offset in enumerate(cgutils.unpack_tuple(builder, offsets)):
                index = builder.add(offset, k)
                if alike:
                    factor = load_from(context, builder, column_type, column, index, scalar_llvm(tile_type.dtype))
                    factors = [splat_over(builder, factor, part)] * count
                else:
                    factors = [load_from(context, builder, column_type, column, builder.add(index, p), part)
                               for p in places]  # fmt: skip
                for v in range(count):
                    position = r * count + v
                    total = builder.extract_value(result, position)
                    total = call_llvm(builder, MULTIPLY_ADD, part, factors[v], vectors[v], total)
                    result = builder.insert_value(result, total, position)
            return result

        return signature(t, t, column, offsets, types.intp, row, types.intp), codegen

    llvm_body.__name__, llvm_body.__doc__ = name, doc
    return operation(numpy_body)(llvm_body)


rank1 = _declare_product(
    "rank1", _numpy_rank1, True,
    "rank1(t, column, offsets, k, row, j): t[r, :] + column[offsets[r] + k] * row[j : j + width], each one fma.",
)  # fmt: skip
lanewise = _declare_product(
    "lanewise", _numpy_lanewise, False,
    "lanewise(t, column, offsets, k, row, j): t[r, :] + column[offsets[r] + k :] * row[j :], column by column.",
)  # fmt: skip


def _numpy_plus(t, a, offsets, column):
    return t + np.stack([flat(a, offset + column, t.shape[1]) for offset in offsets])


@operation(_numpy_plus)
def plus(typing_context, t, a, offsets, column):
    """plus(t, a, offsets, column): t[r, :] + a[offsets[r] + column :]."""

    def codegen(context, builder, sig, args):
        result, *places = args
        for position, pointer in _walk(context, builder, t, a, *places):
            loaded = builder.load(pointer)
            loaded.align = a.dtype.bitwidth // 8
            result = builder.insert_value(
                result, builder.fadd(builder.extract_value(result, position), loaded), position
            )
        return result

    return signature(t, t, a, offsets, types.intp), codegen


def _numpy_stagger(t, column, k, step, row, j, first, last):
    result = t.copy()
    for r in range(first, last):
        result[r] += flat_at(column, k - r * step) * flat(row, j, t.shape[1])
    return result


@operation(_numpy_stagger)
def stagger(typing_context, t, column, k, step, row, j, first, last):
    """stagger(t, column, k, step, row, j, first, last): t[r, :] + column[k - r * step] * row[j : j + width].

    For the rows from `first` to before `last`, both compile-time constants; each one fma.
    """
    rows = range(first.literal_value, last.literal_value)

    def codegen(context, builder, sig, args):
        tile_type, column_type, _, _, row_type, *_ = sig.args
        result, column, k, step, row, start, _, _ = args
        part, count, width = _parts(tile_type)
        places = [builder.add(start, ir.Constant(start.type, v * width)) for v in range(count)]
        vectors = [load_from(context, builder, row_type, row, place, part) for place in places]
        for r in rows:
            index = builder.sub(k, builder.mul(step, ir.Constant(step.type, r)))
            factor = load_from(context, builder, column_type, column, index, scalar_llvm(tile_type.dtype))
            factor = splat_over(builder, factor, part)
            for v in range(count):
                total = builder.extract_value(result, r * count + v)
                total = call_llvm(builder, MULTIPLY_ADD, part, factor, vectors[v], total)
                result = builder.insert_value(result, total, r * count + v)
        return result

    return signature(t, t, column, types.intp, types.intp, row, types.intp, first, last), codegen


def _numpy_slide(t, a, i, step, b, j, b_step, taps):
    width = t.shape[1]
    for r in range(len(t)):
        for k in range(taps):
            t[r] = flat(a, i + (r + k) * step, width) * flat(b, j + k * b_step, width) + t[r]
    return t


@operation(_numpy_slide)
def slide(typing_context, t, a, i, step, b, j, b_step, taps):
    """slide(t, a, i, step, b, j, b_step, taps): t[r, :] + sum over k of a[i + (r + k) * step :] * b[j + k * b_step :].

    Column by column, in the order of k; taps is a compile-time constant. Each vector is loaded once.
    """
    count = taps.literal_value

    def codegen(context, builder, sig, args):
        tile_type, a_type, _, _, b_type, *_ = sig.args
        result, a, i, step, b, j, b_step, _ = args
        part, vectors, width = _parts(tile_type)

        def loaded(array_type, array, start):
            return [load_from(context, builder, array_type, array,
                              builder.add(start, ir.Constant(start.type, v * width)), part)
                    for v in range(vectors)]  # fmt: skip

        weights = []
        for _ in range(count):
            weights.append(loaded(b_type, b, j))
            j = builder.add(j, b_step)
        for place in range(tile_type.rows + count - 1):
            values = loaded(a_type, a, i)
            i = builder.add(i, step)
            for k in range(max(0, place - tile_type.rows + 1), min(count, place + 1)):
                for v in range(vectors):
                    position = (place - k) * vectors + v
                    total = builder.extract_value(result, position)
                    total = call_llvm(builder, MULTIPLY_ADD, part, values[v], weights[k][v], total)
                    result = builder.insert_value(result, total, position)
        return result

    return signature(t, t, a, types.intp, types.intp, b, types.intp, types.intp, taps), codegen
