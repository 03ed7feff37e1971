"""Register tiles: rows x width of accumulators that stay in registers, the inner loop of every direct convolution.

`rank1` adds a column times a row to a tile. A tile may be one scalar wide, for what no vector fits.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature
from numba.extending import models, register_model

from audioconv.kernels._emit import (
    LANES,
    LANES_OF,
    call_llvm,
    flat,
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
    """LLVM type of one accumulator, their number in a row, elements from one to the next."""
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


def _walk(context, builder, tile_type, array_type, array, index, step):
    """(position in the tile, pointer) for each accumulator: row r starts at index + r * step."""
    part, count, width = _parts(tile_type)
    position = 0
    for _ in range(tile_type.rows):
        base = pointer_to(context, builder, array_type, array, index, part)
        for vector in range(count):
            yield position, builder.gep(base, [ir.Constant(ir.IntType(64), vector)])
            position += 1
        index = builder.add(index, step)
    assert width * count == tile_type.width


def _numpy_load(t, a, i, step):
    return np.stack([flat(a, i + r * step, t.shape[1]) for r in range(t.shape[0])])


@operation(_numpy_load)
def load(typing_context, t, a, i, step):
    """load(t, a, i, step): a tile of t's shape whose row r is a[i + r * step :]; step 0 repeats one row."""

    def codegen(context, builder, sig, args):
        tile_type, array_type = sig.args[:2]
        result = ir.Constant(context.get_value_type(tile_type), ir.Undefined)
        for position, pointer in _walk(context, builder, tile_type, array_type, *args[1:]):
            loaded = builder.load(pointer)
            loaded.align = array_type.dtype.bitwidth // 8
            result = builder.insert_value(result, loaded, position)
        return result

    return signature(t, t, a, types.intp, types.intp), codegen


def _numpy_store(t, a, i, step):
    for r in range(t.shape[0]):
        flat(a, i + r * step, t.shape[1])[:] = t[r]


@operation(_numpy_store)
def store(typing_context, t, a, i, step):
    """store(t, a, i, step): row r of the tile goes to a[i + r * step :]."""

    def codegen(context, builder, sig, args):
        tile_type, array_type = sig.args[:2]
        for position, pointer in _walk(context, builder, tile_type, array_type, *args[1:]):
            stored = builder.store(builder.extract_value(args[0], position), pointer)
            stored.align = array_type.dtype.bitwidth // 8
        return context.get_dummy_value()

    return signature(types.none, t, a, types.intp, types.intp), codegen


def _numpy_rank1(t, column, i, step, row, j):
    scalars = np.array([flat(column, i + r * step, 1)[0] for r in range(t.shape[0])])
    return scalars[:, None] * flat(row, j, t.shape[1]) + t


@operation(_numpy_rank1)
def rank1(typing_context, t, column, i, step, row, j):
    """rank1(t, column, i, step, row, j): t[r, :] + column[i + r * step] * row[j : j + width], each one fma."""

    def codegen(context, builder, sig, args):
        tile_type, column_type, _, _, row_type, _ = sig.args
        result, column, index, step, row, start = args
        part, count, width = _parts(tile_type)
        vectors = [
            load_from(context, builder, row_type, row, builder.add(start, ir.Constant(start.type, v * width)), part)
            for v in range(count)
        ]
        for r in range(tile_type.rows):
            scalar = load_from(context, builder, column_type, column, index, scalar_llvm(tile_type.dtype))
            scalar = splat_over(builder, scalar, part)
            for v in range(count):
                position = r * count + v
                total = call_llvm(builder, "fmuladd", part, scalar, vectors[v], builder.extract_value(result, position))
                result = builder.insert_value(result, total, position)
            index = builder.add(index, step)
        return result

    return signature(t, t, column, types.intp, types.intp, row, types.intp), codegen
