"""Software prefetch: memory brought into the caches before it is read in an order that hardware does not foresee."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import part
from audioconv.kernels.simd._emit import operation, pointer_to
from audioconv.kernels.simd.vector import at, lanes


@part
def touch(a, first, last):
    """Load a number of every cache line of a[first : last] in order; the caller must keep the sum that is returned.

    (Otherwise LLVM removes the loads.) Prefetch instructions do less here: a burst of them is dropped.
    """
    total = a.dtype.type(0)
    for i in range(first, last, 2 * lanes(a)):
        total += at(a, i)
    return total


@operation(lambda a, i: None)
def prefetch(typing_context, a, i):
    """prefetch(a, i): fetch the cache line of a[i] into L2; i may lie beyond the ends of a.

    For a few lines at a time, between sums of products, which hide the latency. Not into L1: rows of planes are often
    nearly 4 KiB apart, and then they share the 8 ways of a set.
    """

    def codegen(context, builder, sig, args):
        number, byte = ir.IntType(32), ir.IntType(8)
        function = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
        array, index = args
        pointer = pointer_to(context, builder, a, array, index, byte)
        load, second, data = (ir.Constant(number, n) for n in (0, 2, 1))
        builder.call(prefetch, [pointer, load, second, data])
        return context.get_dummy_value()

    return signature(types.none, a, types.intp), codegen
