"""Chains: the loop over compiled steps, each `void step(void* state, float* in, float* out, int64 frames)`.

Frames have `channels` samples side by side; out may be in where both have as many. The state of a step is int64:
numbers, and addresses of arrays, in fields that a layout beside the step names. Without JIT it is a list with the
arrays themselves. A table of steps has an entry (address of the step, address of its state) for each.

Steps with state (`biquad`, `dry_wet`, `limiter`) take samples that are not finite as zeros, and count them.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.typing.templates import signature

from audioconv.kernels._jit import C_FUNCTIONS, inner, kernel, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.simd._emit import operation
from audioconv.kernels.simd.pointers import ROWS, carray, floats_at, integers_at

SUB_BLOCK = 256  # frames that a step keeps in work space at a time
ENTRY = layout("ENTRY", "step", "state")  # of a table of steps
ENTRY_SIZE = ENTRY.row_size
# `channels` is the address of those before, between and after the steps; work_size is 0 if all are as many.
CHAIN = layout("CHAIN", "stages", "table", "channels", "work", "work_size")


def _numpy_call_step(table, i, x, y, frames):
    step, state = (table[ENTRY_SIZE * i + field] for field in ENTRY)
    state = ROWS.get(state, state) if isinstance(state, (int, np.int64)) else state
    C_FUNCTIONS[step].function(state, x, y, frames)


@operation(_numpy_call_step)
def call_step(typing_context, table, i, x, y, frames):
    """call_step(table, i, x, y, frames): run the i-th step of a table, from x to y."""

    def codegen(context, builder, sig, args):
        table_type, _, *block_types, _ = sig.args
        table, i, x, y, frames = args
        entries = context.make_array(table_type)(context, builder, value=table).data
        entry = builder.gep(entries, [builder.mul(i, ir.Constant(i.type, ENTRY_SIZE))])
        address, state = (builder.load(builder.gep(entry, [ir.Constant(i.type, field)])) for field in ENTRY)
        data = [context.make_array(t)(context, builder, value=v).data for t, v in zip(block_types, (x, y), strict=True)]
        state = builder.inttoptr(state, ir.IntType(64).as_pointer())
        arguments = [state, *data, frames]
        function = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
        builder.call(builder.inttoptr(address, function.as_pointer()), arguments)
        return context.get_dummy_value()

    return signature(types.none, table, types.intp, x, y, types.intp), codegen


@kernel
def run_chain(table, count, x, y, frames):
    """Run `count` steps that keep the number of channels, the first from x to y and the others on y; both flat."""
    if count:
        call_step(table, 0, x, y, frames)
    for i in range(1, count):
        call_step(table, i, y, y, frames)


@kernel
def run_step(table, x, y, frames):
    """Run the first step of a table from x to y, both flat; return False instead if they overlap in memory."""
    first, second = x.ctypes.data, y.ctypes.data
    apart = first + x.nbytes <= second or second + y.nbytes <= first or (first == second and x.size == y.size)
    if apart or not frames:
        call_step(table, 0, x, y, frames)
    return apart or not frames


@inner
def _run_changing(table, channels, work, x, y, frames):
    """Run steps of which the i-th goes from channels[i] to channels[i + 1]; `work` has room for two of the widest."""
    count, half = channels.size - 1, work.size // 2
    for first in range(0, frames, SUB_BLOCK):
        size = min(SUB_BLOCK, frames - first)
        source = x[first * channels[0] : (first + size) * channels[0]]
        for i in range(count - 1):
            start = i % 2 * half
            target = work[start : start + size * channels[i + 1]]
            call_step(table, i, source, target, size)
            source = target
        call_step(table, count - 1, source, y[first * channels[count] : (first + size) * channels[count]], size)


@stage_step
def whole_chain(state, x, y, frames):
    """The steps of a table, one after the other; where their channels differ, SUB_BLOCK frames at a time."""
    count = state[CHAIN.stages]
    table = integers_at(state, CHAIN.table, 0, ENTRY_SIZE * count, state)
    channels = integers_at(state, CHAIN.channels, 0, count + 1, state)
    source, target = carray(x, frames * channels[0]), carray(y, frames * channels[count])
    if state[CHAIN.work_size]:
        work = floats_at(state, CHAIN.work, 0, state[CHAIN.work_size], x)
        _run_changing(table, channels, work, source, target, frames)
    else:
        run_chain(table, count, source, target, frames)
