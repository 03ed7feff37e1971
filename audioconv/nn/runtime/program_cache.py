"""Programs kept for the next call, one for each shape, and running inference on them."""

import threading
from math import prod

import numpy as np

from audioconv.arrays import aligned
from audioconv.nn.debug import memory_is_checked
from audioconv.nn.runtime.program import inference_micro_batches

KEPT = 4  # programs of a layer, one a shape of input


LARGE = 1 << 12  # elements of an array for which it is worth to align it


def cache_program(programs, key, value):
    """Keep a program, and forget the oldest of too many."""
    while len(programs) >= KEPT:
        del programs[next(iter(programs))]
    programs[key] = value


class ProgramCache:
    """Programs that nobody runs, by the arguments of `make`; each call takes one, or makes one more."""

    def __init__(self, make):
        self._make, self._idle, self._lock = make, {}, threading.Lock()

    def take(self, *key):
        with self._lock:
            found = self._idle.get(key)
            if found:
                return found.pop()
        return self._make(*key)

    def give(self, program, *key):
        with self._lock:
            if key not in self._idle:
                cache_program(self._idle, key, [])
            self._idle[key].append(program)


def run_inference(programs, x, threads, refresh=False):
    """Run clips through inference, each thread its own groups; the result does not depend on how many there are."""
    key = x.shape[1:], len(x) == 1
    program = programs.take(*key)
    if refresh:
        for each in program.plan.graph.refreshers:
            each()
    y = new_array((len(x), *program.output_shape), x.dtype)
    groups = inference_micro_batches(len(x), program.plan.largest)
    program.run({"x": x, "y": y}, groups=groups, threads=max(1, min(threads, len(groups) - 1)))
    programs.give(program, *key)
    return y


def new_array(shape, dtype):
    """A new array; a large one begins on a cache line: vectors across two lines cost a depthwise layer a third more."""
    size = prod(shape)
    array = np.empty(shape, dtype) if size < LARGE else aligned(size, dtype).reshape(shape)
    if memory_is_checked():
        array[...] = np.nan
    return array
