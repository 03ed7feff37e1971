"""Barriers: threads wait for each other without Python. They spin for a while, then give way to other threads."""

import numpy as np

from audioconv.kernels._jit import inner, kernel, part
from audioconv.kernels.realtime.atomics import add_atomic, give_way, load_atomic

ARRIVED, ROUND, ABANDONED = range(3)  # the fields of a barrier's `control`
_SPINS = 2000  # about 30 us


@part
def _spin(control, i, now):
    """Spin until control[i] is no longer `now`, for a while; whether it changed."""
    for _ in range(_SPINS):  # noqa: SIM110 - a generator would not compile
        if load_atomic(control, i) != now:
            return True
    return False


@kernel
def wait_for_change(control, i, now, yields):
    """Wait until control[i] is no longer `now`: spin, then give way at most `yields` times; whether it changed."""
    if _spin(control, i, now):
        return True
    for _ in range(yields):
        if load_atomic(control, i) != now:
            return True
        give_way()
    return False


@inner
def barrier(control, threads):
    """Wait until all threads have come here; False if one of them will never come."""
    now = load_atomic(control, ROUND)
    if add_atomic(control, ARRIVED, np.int64(1)) == threads - 1:
        add_atomic(control, ARRIVED, np.int64(-threads))
        add_atomic(control, ROUND, np.int64(1))
        return True
    if _spin(control, ROUND, now):
        return True
    while load_atomic(control, ROUND) == now:
        if load_atomic(control, ABANDONED):
            return False
        give_way()
    return True


@kernel
def increment(control, i):
    """control[i] += 1, seen by all threads."""
    add_atomic(control, i, np.int64(1))
