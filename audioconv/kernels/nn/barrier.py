"""Barriers: threads wait for each other without Python. They spin for a while, then yield to other threads, then nap.

One that only yields stays runnable: where another process wants a core, the scheduler leaves that process on the core
of a thread that still works, and charges the time of waiting to those who wait. One that naps makes room.
"""

import numpy as np

from audioconv.kernels._jit import inner, kernel, part
from audioconv.kernels._layout import layout
from audioconv.kernels.realtime.atomics import add_atomic, load_atomic, nap, yield_core

BARRIER = layout("BARRIER", "arrived", "round", "abandoned")  # what threads share
SPIN_LIMIT = 2000  # loads before a thread yields, about 30 us
YIELD_LIMIT = 50  # to others before a thread naps
NAP_US = np.int64(20)


@part
def _spin_wait(control, i, now):
    """Spin until control[i] is no longer `now`, for a while; whether it changed."""
    for _ in range(SPIN_LIMIT):  # noqa: SIM110 - a generator would not compile
        if load_atomic(control, i) != now:
            return True
    return False


@kernel
def wait_for_change(control, i, now, yields, naps):
    """Wait until control[i] is no longer `now`: spin, then yield, then nap, so many times; whether it changed."""
    if _spin_wait(control, i, now):
        return True
    for turn in range(yields + naps):
        if load_atomic(control, i) != now:
            return True
        if turn < yields:
            yield_core()
        else:
            nap(NAP_US)
    return False


@inner
def barrier(control, threads):
    """Wait until all threads have reached the barrier; False if one of them has abandoned it."""
    now = load_atomic(control, BARRIER.round)
    if add_atomic(control, BARRIER.arrived, np.int64(1)) == threads - 1:
        add_atomic(control, BARRIER.arrived, np.int64(-threads))
        add_atomic(control, BARRIER.round, np.int64(1))
        return True
    if _spin_wait(control, BARRIER.round, now):
        return True
    turns = 0
    while load_atomic(control, BARRIER.round) == now:
        if load_atomic(control, BARRIER.abandoned):
            return False
        turns += 1
        if turns < YIELD_LIMIT:
            yield_core()
        else:
            nap(NAP_US)
    return True
