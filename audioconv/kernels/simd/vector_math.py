"""Vector mathematics: masked loads and stores, exp and log, horizontal sums, float64 accumulators."""

from math import factorial, sqrt
from math import log as natural_log
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels.simd._emit import (
    LANES,
    LANES_OF,
    MULTIPLY_ADD,
    call_llvm,
    flat,
    load_from,
    operation,
    pointer_to,
    splat_over,
    vector_llvm,
)
from audioconv.kernels.simd.vector import Vector


def _numpy_masked_load(a, i, count):
    lanes = LANES[a.dtype]
    result = np.zeros(lanes, a.dtype)
    result[: min(count, lanes)] = flat(a, i, min(count, lanes))
    return result


def _mask(builder, count, lanes):
    """True in the first `count` lanes."""
    numbers = ir.Constant(ir.VectorType(count.type, lanes), list(range(lanes)))
    return builder.icmp_signed("<", numbers, splat_over(builder, count, numbers.type))


def _masked(builder, name, vector, result, arguments):
    kind = "f32" if isinstance(vector.element, ir.FloatType) else "f64"
    full = f"llvm.masked.{name}.v{vector.count}{kind}.p0"
    function_type = ir.FunctionType(result, [a.type for a in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, full), arguments)


@operation(_numpy_masked_load)
def masked_load(typing_context, a, i, count):
    """masked_load(a, i, count): the vector a[i : i + count], at most `lanes` elements, zeros in the lanes beyond."""

    def codegen(context, builder, sig, args):
        array, index, count = args
        part = vector_llvm(a.dtype)
        whole = builder.icmp_signed(">=", count, ir.Constant(count.type, part.count))
        with builder.if_else(whole) as (then, otherwise):
            with then:
                full, full_block = load_from(context, builder, a, array, index, part), builder.block
            with otherwise:
                pointer = pointer_to(context, builder, a, array, index, part)
                align = ir.Constant(ir.IntType(32), a.dtype.bitwidth // 8)
                arguments = [pointer, align, _mask(builder, count, part.count), ir.Constant(part, None)]
                some, some_block = _masked(builder, "load", part, part, arguments), builder.block
        result = builder.phi(part)
        result.add_incoming(full, full_block)
        result.add_incoming(some, some_block)
        return result

    return signature(Vector(a.dtype), a, types.intp, types.intp), codegen


def _numpy_masked_store(a, i, v, count):
    count = min(count, len(v))
    flat(a, i, count)[:] = v[:count]


@operation(_numpy_masked_store)
def masked_store(typing_context, a, i, v, count):
    """masked_store(a, i, v, count): a[i : i + count] = the first lanes of v, at most all."""

    def codegen(context, builder, sig, args):
        array, index, value, count = args
        pointer = pointer_to(context, builder, a, array, index, value.type)
        whole = builder.icmp_signed(">=", count, ir.Constant(count.type, value.type.count))
        align = a.dtype.bitwidth // 8
        with builder.if_else(whole) as (then, otherwise):
            with then:
                builder.store(value, pointer).align = align
            with otherwise:
                mask = _mask(builder, count, value.type.count)
                arguments = [value, pointer, ir.Constant(ir.IntType(32), align), mask]
                _masked(builder, "store", value.type, ir.VoidType(), arguments)
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, v, types.intp), codegen


@operation(lambda x, g: np.where(x <= 0, x.dtype.type(0), g))
def where_positive(typing_context, x, g):
    """where_positive(x, g): the lanes of g where x > 0 or x is NaN, and zeros elsewhere."""

    def codegen(context, builder, sig, args):
        sign, value = args
        zero = ir.Constant(sign.type, None)
        return builder.select(builder.fcmp_ordered("<=", sign, zero), zero, value)

    return signature(x, x, x), codegen


@operation(lambda x, y: x / y)
def divide(typing_context, x, y):
    """divide(x, y): x / y, lane by lane."""
    return signature(x, x, x), lambda context, builder, sig, args: builder.fdiv(*args)


class _Exponential(NamedTuple):
    """Constants of exp and log for a dtype."""

    bits: int
    rounder: float  # its sum with a number rounds that to a whole number in its last bits
    place: int  # of the exponent
    one: int  # the bits of 1
    lowest: float  # argument
    highest: float
    terms: int  # of the series
    log2_short: float  # the logarithm of 2 is the sum of this and a small number
    log2_rest: float


_EXP = {
    np.dtype(np.float32): _Exponential(
        32, 1.5 * 2**23, 23, 127 << 23, -87.3, 88.7, 8, 0.693359375, -2.12194440054690583e-4
    ),
    np.dtype(np.float64): _Exponential(
        64, 1.5 * 2**52, 52, 1023 << 52, -708.3, 709.7, 14, 0.693145751953125, 1.428606820309417e-6
    ),
}


def _numpy_exp(x):
    of = _EXP[x.dtype]
    return np.exp(np.minimum(np.maximum(x, x.dtype.type(of.lowest)), x.dtype.type(of.highest)))


@operation(_numpy_exp)
def exp(typing_context, x):
    """exp(x): the exponential of each lane, right to a few units in the last place; beyond its range the last finite.

    x = n log 2 + r, exp(r) by its Taylor series, 2^n by writing n into the exponent. (`math.exp` lane by lane takes ten
    times as long.)
    """

    def codegen(context, builder, sig, args):
        (argument,) = args
        part, of = argument.type, _EXP[np.dtype(str(x.dtype))]

        def constant(value):
            return ir.Constant(part, [value] * part.count)

        inside = call_llvm(builder, "maximum", part, argument, constant(of.lowest))
        inside = call_llvm(builder, "minimum", part, inside, constant(of.highest))
        shifted = call_llvm(builder, MULTIPLY_ADD, part, inside, constant(1 / natural_log(2)), constant(of.rounder))
        n = builder.fsub(shifted, constant(of.rounder))
        r = call_llvm(builder, MULTIPLY_ADD, part, n, constant(-of.log2_short), inside)
        r = call_llvm(builder, MULTIPLY_ADD, part, n, constant(-of.log2_rest), r)
        value = constant(1 / factorial(of.terms - 1))
        for k in range(of.terms - 2, -1, -1):
            value = call_llvm(builder, MULTIPLY_ADD, part, value, r, constant(1 / factorial(k)))
        whole = ir.VectorType(ir.IntType(of.bits), part.count)
        power = builder.shl(builder.bitcast(shifted, whole), ir.Constant(whole, [of.place] * part.count))
        power = builder.add(power, ir.Constant(whole, [of.one] * part.count))
        return builder.fmul(value, builder.bitcast(power, part))

    return signature(x, x), codegen


_LOG_TERMS = {32: 5, 64: 11}  # of the series, by bits


def _numpy_log(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(x)


@operation(_numpy_log)
def log(typing_context, x):
    """log(x): the natural logarithm of each lane, right to a few units in the last place; of 0, infinity and NaN, too.

    x = 2^n m with m between the roots of 1/2 and 2; log m = 2 artanh f = 2 (f + f^3 / 3 + ...), f = (m - 1) / (m + 1).
    """
    dtype = x.dtype

    def codegen(context, builder, sig, args):
        (x,) = args
        kind, part = np.dtype(str(dtype)), x.type
        of = _EXP[kind]
        place, one, whole = of.place, of.one, ir.VectorType(ir.IntType(of.bits), part.count)

        def constant(value, vector=part):
            return ir.Constant(vector, [value] * part.count)

        tiny = builder.fcmp_ordered("<", x, constant(float(np.finfo(kind).tiny)))  # fewer bits than a mantissa has
        scaled = builder.select(tiny, builder.fmul(x, constant(2.0**place)), x)
        pattern = builder.bitcast(scaled, whole)
        n = builder.sub(builder.lshr(pattern, constant(place, whole)), constant(one >> place, whole))
        n = builder.sub(n, builder.select(tiny, constant(place, whole), constant(0, whole)))
        m = builder.or_(builder.and_(pattern, constant((1 << place) - 1, whole)), constant(one, whole))
        m = builder.bitcast(m, part)
        large = builder.fcmp_ordered(">", m, constant(sqrt(2)))
        m = builder.select(large, builder.fmul(m, constant(0.5)), m)
        n = builder.sitofp(builder.add(n, builder.zext(large, whole)), part)
        f = builder.fdiv(builder.fsub(m, constant(1.0)), builder.fadd(m, constant(1.0)))
        square, series = builder.fmul(f, f), constant(2 / (2 * _LOG_TERMS[of.bits] - 1))
        for k in range(_LOG_TERMS[of.bits] - 2, -1, -1):
            series = call_llvm(builder, MULTIPLY_ADD, part, series, square, constant(2 / (2 * k + 1)))
        value = call_llvm(builder, MULTIPLY_ADD, part, n, constant(of.log2_rest), builder.fmul(f, series))
        value = call_llvm(builder, MULTIPLY_ADD, part, n, constant(of.log2_short), value)
        usual = builder.and_(
            builder.fcmp_ordered(">", x, constant(0.0)), builder.fcmp_ordered("<", x, constant(float("inf")))
        )
        nothing = builder.fcmp_ordered("==", x, constant(0.0))
        other = builder.select(nothing, constant(float("-inf")), constant(float("nan")))
        other = builder.select(builder.fcmp_ordered("==", x, constant(float("inf"))), x, other)
        return builder.select(usual, value, other)

    return signature(x, x), codegen


def _numpy_lane_sum(x):
    while len(x) > 1:
        x = x[: len(x) // 2] + x[len(x) // 2 :]
    (total,) = x
    return total


@operation(_numpy_lane_sum)
def lane_sum(typing_context, x):
    """lane_sum(x): the sum of all lanes, the two halves of the vector being added until one number is left."""

    def codegen(context, builder, sig, args):
        (x,), index = args, ir.IntType(32)
        count = x.type.count
        while count > 1:
            count //= 2
            low, high = list(range(count)), list(range(count, 2 * count))
            halves = [builder.shuffle_vector(x, x, ir.Constant(ir.VectorType(index, count), h)) for h in (low, high)]
            x = builder.fadd(*halves)
        return builder.extract_element(x, ir.Constant(index, 0))

    return signature(x.dtype, x), codegen


def _pair(dtype):
    """The type of as many float64 as a vector of `dtype` has lanes."""
    return types.UniTuple(Vector(types.float64), LANES_OF[dtype] // LANES_OF[types.float64])


def _widened(builder, v):
    """A vector as vectors of four float64."""
    double = ir.VectorType(ir.DoubleType(), v.type.count)
    wide = builder.fpext(v, double) if isinstance(v.type.element, ir.FloatType) else v
    index = ir.VectorType(ir.IntType(32), 4)
    quarters = [list(range(k, k + 4)) for k in range(0, v.type.count, 4)]
    undefined = ir.Constant(double, ir.Undefined)
    return [wide if len(quarters) == 1 else builder.shuffle_vector(wide, undefined, ir.Constant(index, q))
            for q in quarters]  # fmt: skip


@operation(lambda a: np.zeros(LANES[a.dtype]))
def accumulator_zero(typing_context, a):
    """accumulator_zero(a): zeros in float64, one a lane of a's vectors."""

    def codegen(context, builder, sig, args):
        part = vector_llvm(types.float64)
        return context.make_tuple(builder, sig.return_type, [ir.Constant(part, None)] * len(sig.return_type))

    return signature(_pair(a.dtype), a), codegen


@operation(lambda total, v: total + v)
def accumulator_add(typing_context, total, v):
    """accumulator_add(total, v): total + v in float64."""

    def codegen(context, builder, sig, args):
        so_far, vector = args
        pairs = zip(cgutils.unpack_tuple(builder, so_far), _widened(builder, vector), strict=True)
        return context.make_tuple(builder, sig.return_type, [builder.fadd(t, v) for t, v in pairs])

    return signature(total, total, v), codegen


@operation(lambda total, u, v: total + u.astype(np.float64) * v)
def accumulator_fma(typing_context, total, u, v):
    """accumulator_fma(total, u, v): total + u * v in float64."""

    def codegen(context, builder, sig, args):
        so_far, *factors = args
        parts = [cgutils.unpack_tuple(builder, so_far), *(_widened(builder, factor) for factor in factors)]
        part = vector_llvm(types.float64)
        sums = [call_llvm(builder, MULTIPLY_ADD, part, u, v, t) for t, u, v in zip(*parts, strict=True)]
        return context.make_tuple(builder, sig.return_type, sums)

    return signature(total, total, u, v), codegen


@operation(lambda total, wide: total + wide)
def accumulator_plus(typing_context, total, wide):
    """accumulator_plus(total, wide): total + wide, both sums in float64."""

    def codegen(context, builder, sig, args):
        pairs = zip(*(cgutils.unpack_tuple(builder, each) for each in args), strict=True)
        return context.make_tuple(builder, sig.return_type, [builder.fadd(t, v) for t, v in pairs])

    return signature(total, total, wide), codegen


@operation(lambda total, wide: total + wide * wide)
def accumulator_square(typing_context, total, wide):
    """accumulator_square(total, wide): total + wide * wide, both sums in float64."""

    def codegen(context, builder, sig, args):
        part = vector_llvm(types.float64)
        pairs = zip(*(cgutils.unpack_tuple(builder, each) for each in args), strict=True)
        sums = [call_llvm(builder, MULTIPLY_ADD, part, v, v, t) for t, v in pairs]
        return context.make_tuple(builder, sig.return_type, sums)

    return signature(total, total, wide), codegen


def _numpy_accumulator_store(a, i, total, count):
    count = min(count, len(total))
    flat(a, i, count)[:] = total[:count]


@operation(_numpy_accumulator_store)
def accumulator_store(typing_context, a, i, total, count):
    """accumulator_store(a, i, total, count): a[i : i + count] = total for an array of float64, at most all lanes."""

    def codegen(context, builder, sig, args):
        array, index, total, count = args
        for v in cgutils.unpack_tuple(builder, total):
            pointer = pointer_to(context, builder, a, array, index, v.type)
            arguments = [v, pointer, ir.Constant(ir.IntType(32), 8), _mask(builder, count, 4)]
            _masked(builder, "store", v.type, ir.VoidType(), arguments)
            index = builder.add(index, ir.Constant(index.type, 4))
            count = builder.sub(count, ir.Constant(count.type, 4))
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, total, types.intp), codegen


@operation(lambda a, total: total.astype(a.dtype))
def accumulator_round(typing_context, a, total):
    """accumulator_round(a, total): sums in float64 as a vector of a's dtype."""

    def codegen(context, builder, sig, args):
        _, sums = args
        part, parts = vector_llvm(a.dtype), cgutils.unpack_tuple(builder, sums)
        if part.element == ir.DoubleType():
            (whole,) = parts
            return whole
        index = ir.Constant(ir.VectorType(ir.IntType(32), part.count), list(range(part.count)))
        return builder.fptrunc(builder.shuffle_vector(*parts, index), part)

    return signature(Vector(a.dtype), a, total), codegen
