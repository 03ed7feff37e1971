"""Explicit SIMD for kernels: a vector type, a register tile, and the operations on them.

`Vector` is 8 x float32 or 4 x float64: one AVX2 register, half an AVX-512 one, two of SSE or NEON.
`Tile` is rows x width of accumulators that stay in registers. LLVM lowers both to whatever the machine has.

Each operation is declared once with two bodies, one that emits LLVM and one in NumPy. With
NUMBA_DISABLE_JIT=1 the NumPy one runs, and checks that every access lies inside its array.
Indices count elements of the flat contiguous array, whatever its number of dimensions: the pointer
arithmetic is ours, because an ordinary index costs a test for negative values on every access.

A product and a sum are one `fma` everywhere (llvm.fmuladd: fused where the machine can; llvm.fma would
become library calls where it cannot), in vectors and scalars alike, so that an output has the same bits
wherever it falls in a register, a tile or a remainder.
"""

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from audioconv.kernels._jit import JIT_ENABLED

LANES = {np.dtype(np.float32): 8, np.dtype(np.float64): 4}
_LANES = {types.float32: 8, types.float64: 4}


class Vector(types.Type):
    """Numba type of a SIMD vector."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.lanes = _LANES[dtype]
        super().__init__(name=f"Vector({dtype} x {self.lanes})")


class Tile(types.Type):
    """Numba type of rows x width accumulators; vectors = 0 makes a tile one scalar wide."""

    def __init__(self, dtype, rows, vectors):
        self.dtype, self.rows, self.vectors = dtype, rows, vectors
        self.width = vectors * _LANES[dtype] or 1
        super().__init__(name=f"Tile({dtype}, {rows}, {vectors})")


def _scalar_llvm(dtype):
    return ir.FloatType() if dtype == types.float32 else ir.DoubleType()


def _vector_llvm(dtype):
    return ir.VectorType(_scalar_llvm(dtype), _LANES[dtype])


def _tile_parts(tile):
    """LLVM type of one accumulator, their number in a row, elements from one to the next."""
    if tile.vectors:
        return _vector_llvm(tile.dtype), tile.vectors, _LANES[tile.dtype]
    return _scalar_llvm(tile.dtype), 1, 1


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, _vector_llvm(fe_type.dtype))


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        part, count, _ = _tile_parts(fe_type)
        super().__init__(manager, fe_type, ir.LiteralStructType([part] * (fe_type.rows * count)))


def operation(numpy_body):
    """Pair an LLVM body with its NumPy twin; the decorated function types the call and returns (signature, codegen)."""

    def decorate(llvm_body):
        if not JIT_ENABLED:
            return numpy_body
        return intrinsic(prefer_literal=True)(llvm_body)

    return decorate


# --- pointers, scalars ------------------------------------------------------------------------------------


def _pointer(context, builder, array_type, array, index, part):
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [index]), part.as_pointer())


def _load(context, builder, array_type, array, index, part):
    pointer = _pointer(context, builder, array_type, array, index, part)
    loaded = builder.load(pointer)
    loaded.align = array_type.dtype.bitwidth // 8
    return loaded


def _splat(builder, scalar, vector):
    if not isinstance(vector, ir.VectorType):
        return scalar
    index = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, index)
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)


def _llvm_name(part):
    vector = f"v{part.count}" if isinstance(part, ir.VectorType) else ""
    element = part.element if vector else part
    return vector + ("f32" if isinstance(element, ir.FloatType) else "f64")


def _call(builder, name, part, *args):
    """Call an LLVM intrinsic whose arguments and result all have the type `part`."""
    function_type = ir.FunctionType(part, [part] * len(args))
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.{_llvm_name(part)}")
    return builder.call(function, args)


def _flat(a, i, count):
    assert a.flags.c_contiguous, "kernels take contiguous arrays"
    assert i in range(a.size - count + 1), f"access to [{i}, {i + count}) of an array of {a.size}"
    return a.reshape(-1)[i : i + count]


# --- vectors ----------------------------------------------------------------------------------------------


@operation(lambda a: LANES[a.dtype])
def lanes(typing_context, a):
    """lanes(a): how many elements of a's dtype a vector holds; a constant for the compiler."""
    count = _LANES[a.dtype]
    return signature(types.intp, a), lambda context, builder, sig, args: context.get_constant(types.intp, count)


@operation(lambda a: np.zeros(LANES[a.dtype], a.dtype))
def zero(typing_context, a):
    """zero(a): a vector of zeros of a's dtype."""
    return signature(Vector(a.dtype), a), lambda context, builder, sig, args: ir.Constant(
        _vector_llvm(sig.return_type.dtype), None
    )


@operation(lambda a, i: _flat(a, i, LANES[a.dtype]).copy())
def load(typing_context, a, i):
    """load(a, i): the vector a[i : i + lanes]."""

    def codegen(context, builder, sig, args):
        return _load(context, builder, sig.args[0], args[0], args[1], _vector_llvm(sig.args[0].dtype))

    return signature(Vector(a.dtype), a, types.intp), codegen


def _numpy_store(a, i, v):
    _flat(a, i, LANES[a.dtype])[:] = v


@operation(_numpy_store)
def store(typing_context, a, i, v):
    """store(a, i, v): a[i : i + lanes] = v."""

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1], _vector_llvm(sig.args[0].dtype))
        builder.store(args[2], pointer).align = sig.args[0].dtype.bitwidth // 8
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, v), codegen


@operation(lambda a, i: _flat(a, i, 1)[0])
def at(typing_context, a, i):
    """at(a, i): the scalar a[i] of the flat array, without the test for negative indices."""

    def codegen(context, builder, sig, args):
        return _load(context, builder, sig.args[0], args[0], args[1], _scalar_llvm(sig.args[0].dtype))

    return signature(a.dtype, a, types.intp), codegen


@operation(lambda a, i: np.full(LANES[a.dtype], _flat(a, i, 1)[0]))
def broadcast(typing_context, a, i):
    """broadcast(a, i): the scalar a[i] in every lane."""

    def codegen(context, builder, sig, args):
        scalar = _load(context, builder, sig.args[0], args[0], args[1], _scalar_llvm(sig.args[0].dtype))
        return _splat(builder, scalar, _vector_llvm(sig.args[0].dtype))

    return signature(Vector(a.dtype), a, types.intp), codegen


@operation(lambda a, value: np.full(LANES[a.dtype], value, a.dtype))
def splat(typing_context, a, value):
    """splat(a, value): a vector of a's dtype with the number `value` in every lane."""

    def codegen(context, builder, sig, args):
        scalar = context.cast(builder, args[1], types.float64, sig.args[0].dtype)
        return _splat(builder, scalar, _vector_llvm(sig.args[0].dtype))

    return signature(Vector(a.dtype), a, types.float64), codegen


@operation(lambda x, y, z: x * y + z)
def fma(typing_context, x, y, z):
    """fma(x, y, z): x * y + z in one rounding where the machine can; three vectors or three scalars."""

    def codegen(context, builder, sig, args):
        part = args[0].type
        return _call(builder, "fmuladd", part, *args)

    return signature(x, x, x, x), codegen


@operation(np.maximum)
def maximum(typing_context, x, y):
    """maximum(x, y): the larger; NaN if either is NaN. Two vectors or two scalars."""
    return signature(x, x, x), lambda context, builder, sig, args: _call(builder, "maximum", args[0].type, *args)


def _declare_operator(symbol, operands, emit):
    """Let vectors be added, subtracted, multiplied and negated by the ordinary operators."""

    @infer_global(symbol)
    class _Typing(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == operands and isinstance(args[0], Vector) and args[0] == args[-1]:
                return signature(args[0], *args)
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
backwards = _declare_shuffle("backwards", lambda n: list(range(n))[::-1], "backwards(u, u): the lanes of u reversed.")


def _numpy_load_rows(a, i, step):
    count = LANES[a.dtype]
    return tuple(_flat(a, i + r * step, count).copy() for r in range(count))


@operation(_numpy_load_rows)
def load_rows(typing_context, a, i, step):
    """load_rows(a, i, step): a square of vectors: a tuple of `lanes` vectors, the r-th from a[i + r * step :]."""

    def codegen(context, builder, sig, args):
        array, index, step = args
        part = _vector_llvm(sig.args[0].dtype)
        rows = []
        for _ in range(len(sig.return_type)):
            rows.append(_load(context, builder, sig.args[0], array, index, part))
            index = builder.add(index, step)
        return context.make_tuple(builder, sig.return_type, rows)

    return signature(types.UniTuple(Vector(a.dtype), _LANES[a.dtype]), a, types.intp, types.intp), codegen


def _numpy_store_rows(a, i, step, rows):
    for r, row in enumerate(rows):
        _flat(a, i + r * step, len(row))[:] = row


@operation(_numpy_store_rows)
def store_rows(typing_context, a, i, step, rows):
    """store_rows(a, i, step, rows): the r-th vector of the tuple goes to a[i + r * step :]."""

    def codegen(context, builder, sig, args):
        array, index, step, rows = args
        for row in cgutils.unpack_tuple(builder, rows):
            pointer = _pointer(context, builder, sig.args[0], array, index, row.type)
            builder.store(row, pointer).align = sig.args[0].dtype.bitwidth // 8
            index = builder.add(index, step)
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, types.intp, rows), codegen


@operation(lambda rows: tuple(np.stack(rows).T.copy()))
def transpose(typing_context, rows):
    """transpose(rows): a square of vectors with lane j of row i in lane i of row j."""

    def codegen(context, builder, sig, args):
        vectors = cgutils.unpack_tuple(builder, args[0])
        count = len(vectors)
        half = count // 2
        # log2(count) rounds of the perfect shuffle: row i and row i + half are interleaved
        low = [j // 2 + (j % 2) * count for j in range(count)]
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), count), [j + side for j in low]) for side in (0, half)]
        for _ in range(count.bit_length() - 1):
            pairs = [(vectors[i // 2], vectors[i // 2 + half], masks[i % 2]) for i in range(count)]
            vectors = [builder.shuffle_vector(*pair) for pair in pairs]
        return context.make_tuple(builder, sig.return_type, vectors)

    return signature(rows, rows), codegen


# --- register tiles ---------------------------------------------------------------------------------------


def _tile_array(a, rows, vectors):
    return np.zeros((rows, vectors * LANES[a.dtype] or 1), a.dtype)


@operation(_tile_array)
def tile(typing_context, a, rows, vectors):
    """tile(a, rows, vectors): rows x (vectors * lanes) zeros; the two numbers are compile-time constants."""
    result = Tile(a.dtype, rows.literal_value, vectors.literal_value)

    def codegen(context, builder, sig, args):
        return ir.Constant(context.get_value_type(sig.return_type), None)

    return signature(result, a, rows, vectors), codegen


def _walk(context, builder, tile_type, array_type, array, index, step):
    """(position in the tile, pointer) for each accumulator: row r starts at index + r * step."""
    part, count, width = _tile_parts(tile_type)
    position = 0
    for _ in range(tile_type.rows):
        base = _pointer(context, builder, array_type, array, index, part)
        for vector in range(count):
            yield position, builder.gep(base, [ir.Constant(ir.IntType(64), vector)])
            position += 1
        index = builder.add(index, step)
    assert width * count == tile_type.width


def _numpy_tile_load(t, a, i, step):
    return np.stack([_flat(a, i + r * step, t.shape[1]) for r in range(t.shape[0])])


@operation(_numpy_tile_load)
def tile_load(typing_context, t, a, i, step):
    """tile_load(t, a, i, step): a tile of t's shape whose row r is a[i + r * step :]; step 0 repeats one row."""

    def codegen(context, builder, sig, args):
        tile_type, array_type = sig.args[:2]
        result = ir.Constant(context.get_value_type(tile_type), ir.Undefined)
        for position, pointer in _walk(context, builder, tile_type, array_type, *args[1:]):
            loaded = builder.load(pointer)
            loaded.align = array_type.dtype.bitwidth // 8
            result = builder.insert_value(result, loaded, position)
        return result

    return signature(t, t, a, types.intp, types.intp), codegen


def _numpy_tile_store(t, a, i, step):
    for r in range(t.shape[0]):
        _flat(a, i + r * step, t.shape[1])[:] = t[r]


@operation(_numpy_tile_store)
def tile_store(typing_context, t, a, i, step):
    """tile_store(t, a, i, step): row r of the tile goes to a[i + r * step :]."""

    def codegen(context, builder, sig, args):
        tile_type, array_type = sig.args[:2]
        for position, pointer in _walk(context, builder, tile_type, array_type, *args[1:]):
            stored = builder.store(builder.extract_value(args[0], position), pointer)
            stored.align = array_type.dtype.bitwidth // 8
        return context.get_dummy_value()

    return signature(types.none, t, a, types.intp, types.intp), codegen


def _numpy_rank1(t, column, i, step, row, j):
    scalars = np.array([_flat(column, i + r * step, 1)[0] for r in range(t.shape[0])])
    return scalars[:, None] * _flat(row, j, t.shape[1]) + t


@operation(_numpy_rank1)
def rank1(typing_context, t, column, i, step, row, j):
    """rank1(t, column, i, step, row, j): t[r, :] + column[i + r * step] * row[j : j + width], each one fma."""

    def codegen(context, builder, sig, args):
        tile_type, column_type, _, _, row_type, _ = sig.args
        result, column, index, step, row, start = args
        part, count, width = _tile_parts(tile_type)
        vectors = [
            _load(context, builder, row_type, row, builder.add(start, ir.Constant(start.type, v * width)), part)
            for v in range(count)
        ]
        for r in range(tile_type.rows):
            scalar = _load(context, builder, column_type, column, index, _scalar_llvm(tile_type.dtype))
            scalar = _splat(builder, scalar, part)
            for v in range(count):
                position = r * count + v
                total = _call(builder, "fmuladd", part, scalar, vectors[v], builder.extract_value(result, position))
                result = builder.insert_value(result, total, position)
            index = builder.add(index, step)
        return result

    return signature(t, t, column, types.intp, types.intp, row, types.intp), codegen
