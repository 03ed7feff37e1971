"""Where the steps of a program find their arrays: operands in a row of numbers, spaces of memory, atomic counters.

A program (`program.py`) is a table of int64, a row a step. A row begins with the address of the step, then come the
operands, each `OPERAND` numbers, then whatever the step needs. An operand is a block of clips in one of the spaces:

    space    which space
    offset   of clip 0 and group 0, in elements
    clip     elements from one clip of the batch to the next; 0 for what is kept for one group at a time
    group    from what belongs to one group of clips to the next
    inner    from one clip of a group to the next
    size     of one clip
    time     from one step of time to the next
    freq     from one frequency to the next; channels lie side by side

Without JIT an operand is a slice of its NumPy array, so that every access is checked against what the step may touch.
"""

import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._emit import operation
from audioconv.kernels._jit import JIT_ENABLED, STEPS, part

OPERAND = 8
SPACE, OFFSET, CLIP, GROUP, INNER, SIZE, TIME, FREQ = range(OPERAND)

# The spaces that every program has; those of single arrays come after them.
WORK, SCRATCH, OWN, SUMS, OWN_SUMS, INDEX = range(6)
# WORK: of the whole batch; SCRATCH: of a thread, for a group at a time; OWN: of a thread; SUMS, OWN_SUMS: the same in
# float64; INDEX: int64. Each thread has a table of spaces with its own in it.


def rest(operands):
    """Where in a row the other numbers of a step with so many operands begin."""
    return 1 + OPERAND * operands


@operation(lambda row, i: row[i : i + 1].view(np.float64)[0])
def real(typing_context, row, i):
    """real(row, i): the float64 whose bits are row[i]."""

    def codegen(context, builder, sig, args):
        return builder.bitcast(builder.load(builder.gep(args[0], [args[1]])), ir.DoubleType())

    return signature(types.float64, row, types.intp), codegen


def _array_of(context, builder, array_type, address, size):
    """An array over memory that nobody owns."""
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


def _declare_space(name, element, doc, readonly=False):
    def numpy_body(spaces, space, start, size, like):
        array = spaces[space]
        assert 0 <= start <= start + size <= array.size, f"[{start}, {start + size}) of {array.size}"
        return array[start : start + size]

    def llvm_body(typing_context, spaces, space, start, size, like):
        array_type = types.Array(element or like.dtype, 1, "C", readonly=readonly)

        def codegen(context, builder, sig, args):
            table, space, start, size, _ = args
            first = builder.load(builder.gep(table, [space]))
            width = ir.Constant(start.type, sig.return_type.dtype.bitwidth // 8)
            return _array_of(context, builder, sig.return_type, builder.add(first, builder.mul(start, width)), size)

        return signature(array_type, spaces, types.intp, types.intp, types.intp, like), codegen

    llvm_body.__name__, llvm_body.__doc__ = name, doc
    return operation(numpy_body)(llvm_body)


floats_at = _declare_space("floats_at", None, "floats_at(spaces, space, start, size, like): a view of a space.")
doubles_at = _declare_space("doubles_at", types.float64, "The same, of float64.")
integers_at = _declare_space("integers_at", types.int64, "The same, of int64.")
frozen_floats_at = _declare_space("frozen_floats_at", None, "The same as floats_at, read-only.", True)


def _numpy_viewed(pointer, size):
    assert size <= pointer.size, f"{size} of {pointer.size}"
    return pointer[:size]


@operation(_numpy_viewed)
def viewed(typing_context, pointer, size):
    """viewed(pointer, size): the array of so many elements that a pointer points at."""
    array_type = types.Array(pointer.dtype, 1, "C")

    def codegen(context, builder, sig, args):
        address = builder.ptrtoint(args[0], args[1].type)
        return _array_of(context, builder, sig.return_type, address, args[1])

    return signature(array_type, pointer, types.intp), codegen


@part
def _start(row, i, clip, group):
    o = 1 + OPERAND * i
    return row[o + OFFSET] + clip * row[o + CLIP] + group * row[o + GROUP]


@part
def _size(row, i, clips):
    o = 1 + OPERAND * i
    return row[o + SIZE] + (clips - 1) * row[o + INNER] if clips else row[o + SIZE] * (row[o + INNER] == 0)


@part
def floats(row, spaces, like, i, at):
    """The i-th operand of a row, at = (clip, clips, group): a flat array of all its clips."""
    return floats_at(spaces, row[1 + OPERAND * i], _start(row, i, at[0], at[2]), _size(row, i, at[1]), like)


@part
def doubles(row, spaces, like, i, at):
    """The same of float64."""
    return doubles_at(spaces, row[1 + OPERAND * i], _start(row, i, at[0], at[2]), _size(row, i, at[1]), like)


@part
def integers(row, spaces, like, i, at):
    """The same of int64."""
    return integers_at(spaces, row[1 + OPERAND * i], _start(row, i, at[0], at[2]), _size(row, i, at[1]), like)


def _numpy_invoke(table, row, spaces, like, clip, clips, group, thread):
    STEPS[table[row, 0]].function(table[row], spaces, like, clip, clips, group, thread)


@operation(_numpy_invoke)
def invoke(typing_context, table, row, spaces, like, clip, clips, group, thread):
    """invoke(table, row, spaces, like, clip, clips, group, thread): do the step in a row of the table."""

    def codegen(context, builder, sig, args):
        table, row, spaces, like, *at = args
        array = context.make_array(sig.args[0])(context, builder, value=table)
        width = cgutils.unpack_tuple(builder, array.shape)[1]
        fields = builder.gep(array.data, [builder.mul(row, width)])
        bases = context.make_array(sig.args[2])(context, builder, value=spaces).data
        element = context.make_array(sig.args[3])(context, builder, value=like).data
        function = ir.FunctionType(ir.VoidType(), [fields.type, bases.type, element.type, *[a.type for a in at]])
        address = builder.inttoptr(builder.load(fields), function.as_pointer())
        builder.call(address, [fields, bases, element, *at])
        return context.get_dummy_value()

    return signature(types.none, table, types.intp, spaces, like, *[types.intp] * 4), codegen


def _flat_pointer(context, builder, array_type, array, index):
    return builder.gep(context.make_array(array_type)(context, builder, value=array).data, [index])


def _numpy_add_atomic(a, i, value):
    before = a[i]
    a[i] += value
    return before


@operation(_numpy_add_atomic)
def add_atomic(typing_context, a, i, value):
    """add_atomic(a, i, value): a[i] += value on an int64 array that threads share; returns what was there."""

    def codegen(context, builder, sig, args):
        pointer = _flat_pointer(context, builder, sig.args[0], args[0], args[1])
        return builder.atomic_rmw("add", pointer, args[2], "seq_cst")

    return signature(types.int64, a, types.intp, types.int64), codegen


@operation(lambda a, i: a[i])
def load_atomic(typing_context, a, i):
    """load_atomic(a, i): a[i] as other threads have left it; what they wrote before is seen after."""

    def codegen(context, builder, sig, args):
        pointer = _flat_pointer(context, builder, sig.args[0], args[0], args[1])
        return builder.load_atomic(pointer, "seq_cst", 8)

    return signature(types.int64, a, types.intp), codegen


@operation(lambda pointer: pointer is not None)
def given(typing_context, pointer):
    """given(pointer): whether it points anywhere."""

    def codegen(context, builder, sig, args):
        return builder.icmp_unsigned("!=", builder.ptrtoint(args[0], ir.IntType(64)), ir.Constant(ir.IntType(64), 0))

    return signature(types.boolean, pointer), codegen


@operation(lambda a, i: time.perf_counter_ns())
def nanoseconds(typing_context, a, i):
    """nanoseconds(a, i): a clock, by the function clock_gettime of which the address is a[i]; 0 where that is 0."""

    def codegen(context, builder, sig, args):
        integer, number = ir.IntType(64), ir.IntType(32)
        address = builder.load(builder.gep(args[0], [args[1]]))
        seconds = cgutils.alloca_once_value(builder, ir.Constant(ir.ArrayType(integer, 2), [0, 0]))
        with builder.if_then(builder.icmp_unsigned("!=", address, ir.Constant(integer, 0))):
            function = ir.FunctionType(number, [number, seconds.type])
            builder.call(builder.inttoptr(address, function.as_pointer()), [ir.Constant(number, 1), seconds])
        parts = builder.load(seconds)
        whole = builder.mul(builder.extract_value(parts, 0), ir.Constant(integer, 10**9))
        return builder.add(whole, builder.extract_value(parts, 1))

    return signature(types.int64, a, types.intp), codegen


def _numpy_exchange_atomic(a, i, value):
    before = a[i]
    a[i] = value
    return before


@operation(_numpy_exchange_atomic)
def exchange_atomic(typing_context, a, i, value):
    """exchange_atomic(a, i, value): a[i] = value on an int64 array that threads share; returns what was there."""

    def codegen(context, builder, sig, args):
        pointer = _flat_pointer(context, builder, sig.args[0], args[0], args[1])
        return builder.atomic_rmw("xchg", pointer, args[2], "seq_cst")

    return signature(types.int64, a, types.intp, types.int64), codegen


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
    """row_at(a, i): a pointer to the numbers that lie at the address a[i]; a is an int64 array or such a pointer."""

    def codegen(context, builder, sig, args):
        start = args[0] if isinstance(sig.args[0], types.CPointer) else context.make_array(sig.args[0])(
            context, builder, value=args[0]).data  # fmt: skip
        return builder.inttoptr(builder.load(builder.gep(start, [args[1]])), ir.IntType(64).as_pointer())

    return signature(types.CPointer(types.int64), a, types.intp), codegen


@operation(lambda: None)
def give_way(typing_context):
    """give_way(): let another thread have this core."""

    def codegen(context, builder, sig, args):
        function = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, function, "sched_yield"), [])
        return context.get_dummy_value()

    return signature(types.none), codegen
