"""Programs kept for the next call, one for each shape, and running inference on them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from audioconv.arrays import aligned
from audioconv.nn.debug import memory_is_checked
from audioconv.nn.runtime.program import Program, inference_micro_batches

if TYPE_CHECKING:
    from audioconv._typing import Array, DTypeLike

CACHE_SIZE = 4  # programs of a layer, one a shape of input
LARGE = 1 << 12  # elements from which an array is aligned to a cache line

K = TypeVar("K")
V = TypeVar("V")


def cache_program(programs: dict[K, V], key: K, value: V) -> None:
    """Keep a program, and forget the oldest of too many."""
    while len(programs) >= CACHE_SIZE:
        del programs[next(iter(programs))]
    programs[key] = value


class ProgramCache:
    """Idle programs by the arguments of `make`; each call acquires one, or makes one more."""

    def __init__(self, make: Callable[..., Program]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._idle: dict[tuple[Any, ...], list[Program]] = {}

    def __repr__(self) -> str:
        return f"ProgramCache({sum(map(len, self._idle.values()))} idle programs)"

    def acquire(self, *key: Any) -> Program:
        """An idle program, for the caller alone until it is released."""
        with self._lock:
            found = self._idle.get(key)
            if found:
                return found.pop()
        return self._make(*key)

    def release(self, program: Program, *key: Any) -> None:
        """Mark a program as idle again."""
        with self._lock:
            if key not in self._idle:
                cache_program(self._idle, key, [])
            self._idle[key].append(program)


def run_inference(programs: ProgramCache, x: Array, threads: int, refresh: bool = False) -> Array:
    """Run clips through inference, each thread its own micro-batches; the result does not depend on how many."""
    key = x.shape[1:], len(x) == 1
    program = programs.acquire(*key)
    if refresh:
        for each in program.plan.graph.refreshers:
            each()
    y = new_array((len(x), *program.output_shape), x.dtype)
    starts = inference_micro_batches(len(x), program.plan.max_clips)
    program.run({"x": x, "y": y}, micro_batches=starts, threads=max(1, min(threads, len(starts) - 1)))
    programs.release(program, *key)
    return y


def new_array(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """A new array; a large one begins on a cache line: vectors across two lines cost a depthwise layer a third more."""
    size = prod(shape)
    array: Array = np.empty(shape, dtype) if size < LARGE else aligned(size, dtype).reshape(shape)
    if memory_is_checked():
        array[...] = np.nan
    return array
