"""Array views of raw memory: of segments in a table of addresses, and of pointers. Nothing owns the memory."""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.simd._emit import operation


def _array_of(context, builder, array_type, address, size):
    """An array view of memory that it does not own."""
    array = context.make_array(array_type)(context, builder)
    itemsize = context.get_constant(types.intp, array_type.dtype.bitwidth // 8)
    context.populate_array(
        array,
        data=builder.inttoptr(address, context.get_data_type(array_type.dtype).as_pointer()),
        shape=cgutils.pack_array(builder, [size]),
        strides=cgutils.pack_array(builder, [itemsize]),
        itemsize=itemsize,
        meminfo=None,
    )
    return array._getvalue()


def _declare_segment_view(name, element, doc, readonly=False):
    def numpy_body(segments, segment, start, size, like):
        array = segments[segment]
        assert 0 <= start <= start + size <= array.size, f"[{start}, {start + size}) of {array.size}"
        return array[start : start + size]

    def llvm_body(typing_context, segments, segment, start, size, like):
        array_type = types.Array(element or like.dtype, 1, "C", readonly=readonly)

        def codegen(context, builder, sig, args):
            table, segment, start, size, _ = args
            first = builder.load(builder.gep(table, [segment]))
            width = ir.Constant(start.type, sig.return_type.dtype.bitwidth // 8)
            return _array_of(context, builder, sig.return_type, builder.add(first, builder.mul(start, width)), size)

        return signature(array_type, segments, types.intp, types.intp, types.intp, like), codegen

    llvm_body.__name__, llvm_body.__doc__ = name, doc
    return operation(numpy_body)(llvm_body)


floats_at = _declare_segment_view(
    "floats_at", None, "floats_at(segments, segment, start, size, like): a view of a memory segment, of like's dtype."
)


doubles_at = _declare_segment_view("doubles_at", types.float64, "The same, of float64.")


integers_at = _declare_segment_view("integers_at", types.int64, "The same, of int64.")


read_only_floats_at = _declare_segment_view("read_only_floats_at", None, "The same as floats_at, read-only.", True)


def _numpy_carray(pointer, size):
    assert size <= pointer.size, f"{size} of {pointer.size}"
    return pointer[:size]


@operation(_numpy_carray)
def carray(typing_context, pointer, size):
    """carray(pointer, size): an array view of `size` elements at a pointer (`numba.carray`)."""
    array_type = types.Array(pointer.dtype, 1, "C")

    def codegen(context, builder, sig, args):
        start, count = args
        return _array_of(context, builder, sig.return_type, builder.ptrtoint(start, count.type), count)

    return signature(array_type, pointer, types.intp), codegen


@operation(lambda pointer: pointer is not None)
def is_not_null(typing_context, pointer):
    """is_not_null(pointer): whether it is not a null pointer."""

    def codegen(context, builder, sig, args):
        (address,) = args
        return builder.icmp_unsigned("!=", builder.ptrtoint(address, ir.IntType(64)), ir.Constant(ir.IntType(64), 0))

    return signature(types.boolean, pointer), codegen


ROWS = {}  # without JIT: what stands for addresses


def address_of(row):
    """The address of an array, for `row_at`; the caller keeps the array alive."""
    if JIT_ENABLED:
        return row.ctypes.data
    ROWS[id(row)] = row
    return id(row)


def _numpy_row_at(a, i):
    return ROWS[a[i]] if isinstance(a[i], (int, np.integer)) else a[i]


@operation(_numpy_row_at)
def row_at(typing_context, a, i):
    """row_at(a, i): a pointer to the int64 numbers at the address a[i]; a is an int64 array or such a pointer."""

    def codegen(context, builder, sig, args):
        start, index = args
        if not isinstance(a, types.CPointer):
            start = context.make_array(a)(context, builder, value=start).data
        return builder.inttoptr(builder.load(builder.gep(start, [index])), ir.IntType(64).as_pointer())

    return signature(types.CPointer(types.int64), a, types.intp), codegen
