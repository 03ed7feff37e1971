"""Atomic access to what threads share; a clock; yielding to another thread.

What a thread wrote before it stored, added or exchanged a number is seen by one that has loaded that number. Ordinary
loads and stores promise that on x86 alone: on ARM they may be seen in any order.
"""

import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import signature

from audioconv.kernels._jit import kernel
from audioconv.kernels.simd._emit import operation


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
        array, index, term = args
        return builder.atomic_rmw("add", _flat_pointer(context, builder, a, array, index), term, "seq_cst")

    return signature(types.int64, a, types.intp, types.int64), codegen


@operation(lambda a, i: a[i])
def load_atomic(typing_context, a, i):
    """load_atomic(a, i): an atomic load of a[i]; what its writer wrote before it is seen after the load."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_flat_pointer(context, builder, a, *args), "seq_cst", 8)

    return signature(types.int64, a, types.intp), codegen


def _numpy_store_atomic(a, i, value):
    a[i] = value


@operation(_numpy_store_atomic)
def store_atomic(typing_context, a, i, value):
    """store_atomic(a, i, value): a[i] = value on an int64 array; on x86 an ordinary store."""

    def codegen(context, builder, sig, args):
        array, index, new = args
        builder.store_atomic(new, _flat_pointer(context, builder, a, array, index), "release", 8)
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, types.int64), codegen


@operation(lambda a, i: time.perf_counter_ns())
def nanoseconds(typing_context, a, i):
    """nanoseconds(a, i): a clock, by the function clock_gettime of which the address is a[i]; 0 where that is 0."""

    def codegen(context, builder, sig, args):
        integer, number = ir.IntType(64), ir.IntType(32)
        start, index = args
        address = builder.load(builder.gep(start, [index]))
        seconds = cgutils.alloca_once_value(builder, ir.Constant(ir.ArrayType(integer, 2), [0, 0]))
        with builder.if_then(builder.icmp_unsigned("!=", address, ir.Constant(integer, 0))):
            function = ir.FunctionType(number, [number, seconds.type])
            builder.call(builder.inttoptr(address, function.as_pointer()), [ir.Constant(number, 1), seconds])
        parts = builder.load(seconds)
        whole = builder.mul(builder.extract_value(parts, 0), ir.Constant(integer, 10**9))
        return builder.add(whole, builder.extract_value(parts, 1))

    return signature(types.int64, a, types.intp), codegen


def _numpy_clear_atomic(a, i, value):
    a[i] = 0 if a[i] == value else a[i]


@operation(_numpy_clear_atomic)
def clear_atomic(typing_context, a, i, value):
    """clear_atomic(a, i, value): a[i] = 0 if it is still `value` (compare and swap)."""

    def codegen(context, builder, sig, args):
        array, index, known = args
        place = _flat_pointer(context, builder, a, array, index)
        builder.cmpxchg(place, known, ir.Constant(known.type, 0), "seq_cst", "seq_cst")
        return context.get_dummy_value()

    return signature(types.none, a, types.intp, types.int64), codegen


def _numpy_exchange_atomic(a, i, value):
    before = a[i]
    a[i] = value
    return before


@operation(_numpy_exchange_atomic)
def exchange_atomic(typing_context, a, i, value):
    """exchange_atomic(a, i, value): a[i] = value on an int64 array that threads share; returns what was there."""

    def codegen(context, builder, sig, args):
        array, index, new = args
        return builder.atomic_rmw("xchg", _flat_pointer(context, builder, a, array, index), new, "seq_cst")

    return signature(types.int64, a, types.intp, types.int64), codegen


@operation(lambda: None)
def yield_core(typing_context):
    """yield_core(): let another thread have this core (sched_yield)."""

    def codegen(context, builder, sig, args):
        function = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, function, "sched_yield"), [])
        return context.get_dummy_value()

    return signature(types.none), codegen


@operation(lambda microseconds: None)
def nap(typing_context, microseconds):
    """nap(microseconds): sleep for that long or a little longer (usleep)."""

    def codegen(context, builder, sig, args):
        time_us = ir.IntType(32)
        function = ir.FunctionType(ir.IntType(32), [time_us])
        called, (microseconds,) = cgutils.get_or_insert_function(builder.module, function, "usleep"), args
        builder.call(called, [builder.trunc(microseconds, time_us)])
        return context.get_dummy_value()

    return signature(types.none, types.int64), codegen


@kernel
def read(shared, i):
    """shared[i], from Python; what was written before it is seen afterwards."""
    return load_atomic(shared, i)


@kernel
def write(shared, i, value):
    """shared[i] = value, from Python; who reads it sees what was written before."""
    store_atomic(shared, i, value)


@kernel
def increment(shared, i):
    """shared[i] += 1, from Python; who reads it sees what was written before."""
    add_atomic(shared, i, np.int64(1))
