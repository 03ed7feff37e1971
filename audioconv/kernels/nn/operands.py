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

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import STEPS, part
from audioconv.kernels.simd._emit import operation
from audioconv.kernels.simd.pointers import doubles_at, floats_at, integers_at

OPERAND = 8
SPACE, OFFSET, CLIP, MICRO_BATCH, INNER, SIZE, TIME, FREQ = range(OPERAND)

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


@part
def _start(row, i, clip, group):
    o = 1 + OPERAND * i
    return row[o + OFFSET] + clip * row[o + CLIP] + group * row[o + MICRO_BATCH]


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
