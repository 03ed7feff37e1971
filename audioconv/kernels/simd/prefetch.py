"""Memory brought near, before it is walked through in hops that a processor does not foresee."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import part
from audioconv.kernels.simd._emit import operation, pointer_to
from audioconv.kernels.simd.vector import at, lanes


@part
def touch(a, first, last):
    """Look at every line of a[first : last] in order. The caller must keep the sum, or the loads are left out.

    Hints to fetch do less here: a burst of them is dropped.
    """
    total = a.dtype.type(0)
    for i in range(first, last, 2 * lanes(a)):
        total += at(a, i)
    return total


@operation(lambda a, i: None)
def prefetch(typing_context, a, i):
    """prefetch(a, i): the line of a[i], or beyond the ends of a, is going to be wanted in the second cache.

    A few at a time, between sums of products: they come while those are done. Not in the first cache: rows of planes
    are often nearly 4 KiB apart, and then it has no more than 8 places for them.
    """

    def codegen(context, builder, sig, args):
        number, byte = ir.IntType(32), ir.IntType(8)
        function = ir.FunctionType(ir.VoidType(), [byte.as_pointer(), number, number, number])
        prefetch = cgutils.get_or_insert_function(builder.module, function, "llvm.prefetch.p0")
        pointer = pointer_to(context, builder, sig.args[0], args[0], args[1], byte)
        load, second, data = (ir.Constant(number, n) for n in (0, 2, 1))
        builder.call(prefetch, [pointer, load, second, data])
        return context.get_dummy_value()

    return signature(types.none, a, types.intp), codegen
