"""One core for all that is measured, and the place of real-time threads on it: first, as with a sound server."""

import contextlib
import os
from functools import cache
from pathlib import Path

PRIORITY = 20


@contextlib.contextmanager
def one_core():
    """All threads of this process, and the processes that it starts, on the lowest core that it may use."""
    if not hasattr(os, "sched_setaffinity"):
        print("not on one core: this system cannot pin threads")
        yield
        return
    cores = os.sched_getaffinity(0)
    _pin({min(cores)})
    try:
        yield
    finally:
        _pin(cores)


def _pin(cores):
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


@contextlib.contextmanager
def real_time():
    """This thread before all ordinary ones, if it has the right to."""
    if not priority():
        yield
        return
    _schedule(os.SCHED_FIFO, PRIORITY)
    try:
        yield
    finally:
        _schedule(os.SCHED_OTHER, 0)


@cache
def priority():
    """PRIORITY if threads may be scheduled in real time, otherwise 0."""
    try:
        _schedule(os.SCHED_FIFO, PRIORITY)
    except (AttributeError, PermissionError):
        print("not in real time: this process has no right to it")
        return 0
    _schedule(os.SCHED_OTHER, 0)
    return PRIORITY


def _schedule(policy, priority):
    os.sched_setscheduler(0, policy, os.sched_param(priority))
