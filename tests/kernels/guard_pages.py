"""A pytest plugin: each array that a kernel is given touches a page that nobody may read or write.

So does memory that stages and programs reach by its address. Who goes one element beyond is ended by the system, and
Python says where. `AUDIOCONV_GUARD=end python -m pytest -p tests.kernels.guard_pages tests/kernels`; with `begin` it is
what lies before arrays that is guarded.
"""

import ctypes
import faulthandler
import mmap
import os

import numpy as np
import pytest

from audioconv import arrays

SIDE = os.environ.get("AUDIOCONV_GUARD", "end")
PAGE = mmap.PAGESIZE
_SHARED = ("audioconv.kernels.realtime.atomics", "audioconv.kernels.nn.barrier")  # other threads are in their arrays
_protect = ctypes.CDLL(None, use_errno=True).mprotect
_protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def guarded(size, align=1):
    """`size` bytes that end (or begin) at a guard page; at most `align` - 1 bytes from it, if they are aligned."""
    size = int(size)  # of NumPy, which no C function takes
    pages = -(-size // PAGE) * PAGE
    memory = np.frombuffer(mmap.mmap(-1, pages + PAGE), np.uint8)
    guard = memory.ctypes.data + (pages if SIDE == "end" else 0)
    if _protect(guard, PAGE, mmap.PROT_NONE if hasattr(mmap, "PROT_NONE") else 0):
        raise OSError(ctypes.get_errno(), "mprotect")
    start = (pages - size) // align * align if SIDE == "end" else PAGE
    return memory[start : start + size]


def guarded_aligned(size, dtype):
    """`arrays.aligned`, with a guard page."""
    dtype = np.dtype(dtype)
    memory = guarded(size * dtype.itemsize, 64).view(dtype)
    memory.view(np.uint8)[:] = 0x55  # as what was there before; no number that a test would take for right
    return memory


class Guarded:
    """The arrays of a call, moved to guarded memory; those that overlap stay as they lie to each other."""

    def __init__(self, arguments):
        self._found = []
        self._collect(arguments)
        self._moved = {}
        self._spans = []
        for span in self._joined():
            begin, end = span[0][1], max(stop for _, _, stop in span)
            memory = guarded(end - begin)
            for array, start, stop in span:
                self._moved[id(array)] = memory[start - begin : stop - begin].view(array.dtype).reshape(array.shape)
                self._moved[id(array)][...] = array
            self._spans.append([(array, self._moved[id(array)]) for array, _, _ in span])
        for array, _, _ in self._found:
            self._moved[id(array)].flags.writeable = array.flags.writeable
        self.arguments = self._replaced(arguments)

    def copy_back(self):
        """What was written goes to the arrays of the caller."""
        for span in self._spans:
            for array, moved in span:
                if array.flags.writeable:
                    array[...] = moved

    def _collect(self, value):
        if isinstance(value, (tuple, list)):
            for each in value:
                self._collect(each)
        elif type(value) is np.ndarray and value.flags.c_contiguous and value.dtype.kind in "fiubc":
            self._found.append((value, value.ctypes.data, value.ctypes.data + value.nbytes))

    def _joined(self):
        """Runs of arrays that overlap, in the order of their addresses."""
        spans = []
        for each in sorted(self._found, key=lambda found: found[1:]):
            if spans and each[1] < max(stop for _, _, stop in spans[-1]):
                spans[-1].append(each)
            else:
                spans.append([each])
        return spans

    def _replaced(self, value):
        if isinstance(value, tuple):
            items = [self._replaced(each) for each in value]
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        if isinstance(value, list):
            return [self._replaced(each) for each in value]
        return self._moved.get(id(value), value)


def install():
    """Guard all that is called and allocated from now on."""
    from numba.core.registry import CPUDispatcher

    plain = CPUDispatcher.__call__

    def call(self, *arguments, **named):
        if self.py_func.__module__ in _SHARED or not self.py_func.__module__.startswith(
            ("audioconv", "tests", "__main__")
        ):
            return plain(self, *arguments, **named)
        moved = Guarded(arguments)
        try:
            return plain(self, *moved.arguments, **named)
        finally:
            moved.copy_back()

    CPUDispatcher.__call__ = call
    arrays.aligned = guarded_aligned
    faulthandler.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests():
    """As a plugin, before anything takes `aligned` by its name; who only imports this module goes on as before."""
    install()
