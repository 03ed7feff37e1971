"""Where op kernels find their arrays: operands in an instruction, memory segments.

A program (`program.py`) is a table of int64; each row is an instruction: the address of the compiled op kernel, its
operands, each a row of the layout `OPERAND`, and its parameters. What an op kernel takes is declared once, by name
(`op_layout`), and read by these names:

    SCALE = op_layout("SCALE", operands=("x", "y"), integers=DIMS, reals=("factor",))
    ...
    x = floats(instruction, segments, like, SCALE.x, at)
    channels, factor = instruction[SCALE.channels], real(instruction, SCALE.factor)

An operand is a block of clips in a memory segment; channels lie side by side. Without JIT it is a slice of its NumPy
array, so that every access is checked against what the op kernel may touch.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import C_FUNCTIONS, part
from audioconv.kernels._layout import layout
from audioconv.kernels.simd._emit import operation
from audioconv.kernels.simd.pointers import doubles_at, floats_at, integers_at

INSTRUCTION = layout("INSTRUCTION", "address")  # of the op kernel; the fields of its own layout follow

# segment: which memory segment; offset: of the first clip and micro-batch, in elements; strides in elements: from clip
# to clip of the batch (0 for what is kept for one micro-batch at a time), from one micro-batch to the next, from clip
# to clip of a micro-batch, from one step of time and one frequency to the next; size: elements of one clip.
OPERAND = layout(
    "OPERAND", "segment", "offset", "batch_stride", "micro_batch_stride", "clip_stride", "size", "time_stride",
    "freq_stride",
)  # fmt: skip

# The segments that every program has; those of single arrays come after them. WORKSPACE: of the whole batch; SCRATCH:
# of a thread, for a micro-batch at a time; THREAD_LOCAL: of a thread; ACCUMULATORS and THREAD_ACCUMULATORS: the same in
# float64; INDEX: int64. Each thread has a table of segments with its own in it.
WORKSPACE, SCRATCH, THREAD_LOCAL, ACCUMULATORS, THREAD_ACCUMULATORS, INDEX = range(6)

DIMS = ("time", "freq", "channels")


def op_layout(name, operands, integers=(), reals=()):
    """Return the layout of the instructions of an op kernel: the offset of each operand and parameter by its name.

    A field of `integers` is a name or a pair (name, count). The layout has `operands` and `reals` (parameters that are
    float64), too, and `integers` as pairs.

    Examples
    --------
    >>> SCALE = op_layout("SCALE", operands=("x", "y"), integers=DIMS, reals=("factor",))
    >>> SCALE.x, SCALE.y, SCALE.time, SCALE.factor
    (1, 9, 17, 20)
    """
    made = layout(name, *[(operand, OPERAND.row_size) for operand in operands], *integers, *reals,
                  first=INSTRUCTION.row_size)  # fmt: skip
    pairs = tuple((field, 1) if isinstance(field, str) else field for field in integers)
    members = {"__slots__": (), "operands": tuple(operands), "integers": pairs, "reals": tuple(reals)}
    return type(name, (type(made),), members)(*made)


@operation(lambda instruction, i: instruction.view(np.float64)[i])
def real(typing_context, instruction, i):
    """real(instruction, i): the float64 whose bits are instruction[i]."""

    def codegen(context, builder, sig, args):
        fields, index = args
        return builder.bitcast(builder.load(builder.gep(fields, [index])), ir.DoubleType())

    return signature(types.float64, instruction, types.intp), codegen


@part
def _extent(instruction, operand, at):
    """Where in its segment an operand begins, and how long it is."""
    clip, clips, micro_batch = at
    start = (
        instruction[operand + OPERAND.offset]
        + clip * instruction[operand + OPERAND.batch_stride]
        + micro_batch * instruction[operand + OPERAND.micro_batch_stride]
    )
    size, stride = instruction[operand + OPERAND.size], instruction[operand + OPERAND.clip_stride]
    return start, size + (clips - 1) * stride if clips else size * (stride == 0)


@part
def floats(instruction, segments, like, operand, at):
    """An operand of an instruction, at = (clip, clips, micro_batch): a flat array of all its clips."""
    start, size = _extent(instruction, operand, at)
    return floats_at(segments, instruction[operand + OPERAND.segment], start, size, like)


@part
def doubles(instruction, segments, like, operand, at):
    """The same of float64."""
    start, size = _extent(instruction, operand, at)
    return doubles_at(segments, instruction[operand + OPERAND.segment], start, size, like)


@part
def integers(instruction, segments, like, operand, at):
    """The same of int64."""
    start, size = _extent(instruction, operand, at)
    return integers_at(segments, instruction[operand + OPERAND.segment], start, size, like)


@part
def element(instruction, operand, b, t, f):
    """Where channel 0 of an operand is: clip b of the micro-batch, time t, frequency f."""
    return (
        b * instruction[operand + OPERAND.clip_stride]
        + t * instruction[operand + OPERAND.time_stride]
        + f * instruction[operand + OPERAND.freq_stride]
    )


def _numpy_invoke(table, i, segments, like, clip, clips, micro_batch, thread):
    C_FUNCTIONS[table[i, INSTRUCTION.address]].function(table[i], segments, like, clip, clips, micro_batch, thread)


@operation(_numpy_invoke)
def invoke(typing_context, table, i, segments, like, clip, clips, micro_batch, thread):
    """invoke(table, i, segments, like, clip, clips, micro_batch, thread): carry out an instruction of the table."""

    def codegen(context, builder, sig, args):
        table_type, _, segments_type, like_type, *_ = sig.args
        table, i, segments, like, *at = args
        array = context.make_array(table_type)(context, builder, value=table)
        _, width = cgutils.unpack_tuple(builder, array.shape)
        fields = builder.gep(array.data, [builder.mul(i, width)])
        bases = context.make_array(segments_type)(context, builder, value=segments).data
        dtype_pointer = context.make_array(like_type)(context, builder, value=like).data
        function = ir.FunctionType(ir.VoidType(), [fields.type, bases.type, dtype_pointer.type, *[a.type for a in at]])
        address = builder.load(builder.gep(fields, [ir.Constant(i.type, INSTRUCTION.address)]))
        builder.call(builder.inttoptr(address, function.as_pointer()), [fields, bases, dtype_pointer, *at])
        return context.get_dummy_value()

    return signature(types.none, table, types.intp, segments, like, *[types.intp] * 4), codegen
