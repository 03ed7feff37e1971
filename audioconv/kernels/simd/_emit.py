"""Declaration of SIMD operations: each has a NumPy body and one that emits LLVM instructions (a Numba intrinsic).

With NUMBA_DISABLE_JIT=1 the NumPy body runs, and checks that every access lies inside its array.
"""

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from audioconv.kernels._jit import JIT_ENABLED

LANES = {np.dtype(np.float32): 8, np.dtype(np.float64): 4}
LANES_OF = {types.float32: 8, types.float64: 4}
MAX_LANES = max(LANES.values())


def _registers_are_wide():
    """Whether numba compiles for AVX-512: 32 registers, each of two vectors."""
    if numba.config.CPU_NAME is not None:
        return "avx512f" in (numba.config.CPU_FEATURES or "")
    return bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))


AVX512 = _registers_are_wide()
# Vectors that all registers together hold: 32 registers of two (AVX-512), 16 of one (AVX2), 32 of a half (NEON, where a
# vector takes two and a splat scalar one). SSE holds half as many, and spills.
REGISTERS = 64 if AVX512 else 16
# x * y + z, in one rounding where the machine can. llvm.fma would become calls of a library on x86 without FMA. On
# 64-bit ARM, which always has FMA, LLVM vectorises loops over scalars with llvm.fmuladd, by products and sums apart,
# so that a scalar would get other bits than a lane.
MULTIPLY_ADD = "fma" if llvmlite.binding.get_process_triple().startswith(("aarch64", "arm64")) else "fmuladd"


def operation(numpy_body):
    """Pair an LLVM body with its NumPy twin; the decorated function types the call and returns (signature, codegen)."""

    def decorate(llvm_body):
        if not JIT_ENABLED:
            return numpy_body
        return intrinsic(prefer_literal=True)(llvm_body)

    return decorate


def scalar_llvm(dtype):
    """LLVM type of one element."""
    return ir.FloatType() if dtype == types.float32 else ir.DoubleType()


def vector_llvm(dtype, times=1):
    """LLVM type of a vector, or of one so many times as long."""
    return ir.VectorType(scalar_llvm(dtype), LANES_OF[dtype] * times)


def pointer_to(context, builder, array_type, array, index, part):
    """Pointer to element `index` of a contiguous array, to a `part`: a scalar or a vector."""
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [index]), part.as_pointer())


def load_from(context, builder, array_type, array, index, part):
    """The `part` at element `index`, which need be aligned no better than an element."""
    address = pointer_to(context, builder, array_type, array, index, part)
    loaded = builder.load(address)
    loaded.align = array_type.dtype.bitwidth // 8
    return loaded


def splat_over(builder, scalar, vector):
    """The scalar in every lane of a type, which may be the scalar's own."""
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


def call_llvm(builder, name, part, *args):
    """Call an LLVM intrinsic whose arguments and result all have the type `part`."""
    function_type = ir.FunctionType(part, [part] * len(args))
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.{_llvm_name(part)}")
    return builder.call(function, args)


def flat(a, i, count):
    """a[i : i + count] of the flat array, for NumPy bodies: checked, and a view."""
    assert a.flags.c_contiguous, "kernels take contiguous arrays"
    assert i in range(a.size - count + 1), f"access to [{i}, {i + count}) of an array of {a.size}"
    return a.reshape(-1)[i : i + count]


def flat_at(a, i):
    """a[i] of the flat array, for NumPy bodies: checked."""
    (value,) = flat(a, i, 1)
    return value
