"""Programs that run: a plan with its memory, on a team of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv.arrays import aligned
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.nn import program as kernels
from audioconv.kernels.nn.barrier import BARRIER
from audioconv.kernels.nn.operands import (
    ACCUMULATORS,
    INDEX,
    SCRATCH,
    THREAD_ACCUMULATORS,
    THREAD_LOCAL,
    WORKSPACE,
)
from audioconv.kernels.nn.program import PHASE
from audioconv.nn.ops.graph import SHARDS, Graph, Tensor
from audioconv.nn.runtime import thread_team
from audioconv.nn.runtime.arena import CACHE_LINE
from audioconv.nn.runtime.plan import FIRST_ARRAY, Plan, micro_batch_starts

if TYPE_CHECKING:
    from audioconv._typing import Array, IntArray

CACHE_BYTES = 1 << 19  # of scratch for one micro-batch: half of a second-level cache
MAX_MICRO_BATCHES, MAX_CLIPS = 8, 16  # of a shard in training; of a micro-batch in inference


def training_plan(graph: Graph) -> Plan:
    """The plan of a training step: 8 shards whatever the threads, each in micro-batches that fit into the cache."""
    plan = Plan(graph, SHARDS, 1)
    needed = -(-plan.scratch * plan.dtype.itemsize // CACHE_BYTES)
    per_shard = max(1, min(needed, MAX_MICRO_BATCHES, plan.max_clips))
    return plan if per_shard == 1 else Plan(graph, SHARDS, per_shard)


def inference_plan(make_graph: Callable[[int], Graph], alone: bool = False) -> Plan:
    """The plan of inference, for one clip alone or any number of them: as many at a time as fit into the cache."""
    plan = Plan(make_graph(1), 1, 1)
    clips = 1 if alone else max(1, min(MAX_CLIPS, CACHE_BYTES // max(1, plan.scratch * plan.dtype.itemsize)))
    plan = plan if clips == 1 else Plan(make_graph(clips), 1, 1)
    assert plan.count <= 1, "clips do not wait for each other outside of training"
    return plan


@lru_cache(maxsize=64)
def inference_micro_batches(batch: int, max_clips: int) -> IntArray:
    """Where micro-batches of at most so many clips begin: as many for each shard, so that threads have equal work."""
    count = min(batch, -(-batch // (SHARDS * max(max_clips, 1))) * SHARDS)
    return micro_batch_starts(batch, count)


def one_buffer(tensors: Iterable[Tensor], dtype: np.dtype[Any]) -> Array:
    """Move folded constants into one buffer, a cache line each, and return that."""
    made = [tensor for tensor in tensors if tensor.make is not None]
    starts = np.cumsum([0, *(-(-tensor.size // CACHE_LINE) * CACHE_LINE for tensor in made)])
    buffer: Array = aligned(int(starts[-1]), dtype)
    for tensor, start in zip(made, starts, strict=False):
        array = buffer[start : start + tensor.size].reshape(tensor.shape)
        array[...] = tensor.array
        tensor.array = array
    return buffer


class Program:
    """A plan with memory, for one call at a time."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.dtype = plan, plan.dtype
        self._like = np.empty(0, self.dtype)
        self._shared: dict[int, Array] = {
            WORKSPACE: aligned(plan.sizes[WORKSPACE], self.dtype),
            ACCUMULATORS: aligned(plan.sizes[ACCUMULATORS], np.float64),
            INDEX: plan.index,
        }
        self._weights = one_buffer(plan.arrays, self.dtype)
        segments = dict(enumerate(plan.arrays, FIRST_ARRAY))
        self._placeholders = {tensor.name: segment for segment, tensor in segments.items() if tensor.name}
        self._arrays = {s: tensor.array for s, tensor in segments.items() if tensor.array is not None}
        self._threads: list[tuple[Any, dict[int, Array]]] = []  # for each its segments, and the arrays of its own

    def __repr__(self) -> str:
        return f"Program({self.plan!r}, {self.bytes / 1e3:.0f} kB)"

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output "y" for a clip."""
        return next(t.shape for t in self.plan.arrays if t.name == "y")

    def has_placeholder(self, name: str) -> bool:
        """Whether the program has a placeholder of this name."""
        return name in self._placeholders

    @property
    def bytes(self) -> int:
        """Memory that the program keeps."""
        own = sum(a.nbytes for _, arrays in self._threads for a in arrays.values())
        return own + sum(a.nbytes for a in self._shared.values()) + self.plan.table.nbytes

    def _segments(self, thread: int) -> Any:
        """The memory segments of a thread: addresses, or without JIT the arrays."""
        while len(self._threads) <= thread:
            own = {s: aligned(self.plan.sizes[s], self.dtype) for s in (SCRATCH, THREAD_LOCAL)}
            own[THREAD_ACCUMULATORS] = aligned(self.plan.sizes[THREAD_ACCUMULATORS], np.float64)
            count = FIRST_ARRAY + len(self.plan.arrays)
            self._threads.append((segment_table(self._shared | own | self._arrays, count), own))
        return self._threads[thread][0]

    def run(
        self,
        arrays: Mapping[str, Array],
        micro_batches: IntArray | None = None,
        phases: slice | None = None,
        threads: int = 1,
    ) -> None:
        """Run the phases (all by default) with these arrays, by name, contiguous and of the right dtype."""
        micro_batches = self.plan.micro_batches if micro_batches is None else micro_batches
        begins = phases is None or phases.indices(self.plan.count)[0] == 0
        chosen = self.plan.phases if phases is None else self.plan.phases[phases]
        threads = threads if JIT_ENABLED else 1  # without JIT nothing is atomic
        segments = [self._segments(thread) for thread in range(threads)]
        for name, array in arrays.items():
            if name in self._placeholders:
                value = _address(array) if JIT_ENABLED else array.reshape(-1)
                for own in segments:
                    own[self._placeholders[name]] = value
        if self.plan.checked:
            self._run_checked(micro_batches, chosen, segments, begins)
            return
        control = np.zeros(BARRIER.row_size, np.int64)

        def work(thread: int) -> None:
            kernels.run(self.plan.table, chosen, segments[thread], self._like, micro_batches, self.plan.per_shard,
                        control, thread, threads)  # fmt: skip

        def abandon() -> None:
            control[BARRIER.abandoned] = 1

        thread_team.run_together(work, threads, abandon)

    def _run_checked(self, micro_batches: IntArray, phases: IntArray, segments: list[Any], begins: bool) -> None:
        """The same, one thread after the other, with NaN in all memory that nothing has written."""
        if begins:
            own = [array for _, memory in self._threads for array in memory.values()]
            for array in [self._shared[WORKSPACE], self._shared[ACCUMULATORS], *own]:
                array[...] = np.nan
        control, threads = np.zeros(BARRIER.row_size, np.int64), len(segments)
        table, like, shards = self.plan.table, self._like, self.plan.per_shard
        none, count = micro_batches[:1], len(micro_batches)
        for once, each, end in phases:
            first = np.array([PHASE.pack(once=once, each=each, end=each)])
            then = np.array([PHASE.pack(once=each, each=each, end=end)])
            for thread in range(threads):
                kernels.run(table, first, segments[thread], like, none, shards, control, thread, threads)
            for m in range(count - 1):
                thread = m // shards % threads
                self._threads[thread][1][SCRATCH][...] = np.nan
                # as if each micro-batch were a shard with a thread of its own
                kernels.run(table, then, segments[thread], like, micro_batches, 1, control, m, count)


def segment_table(arrays: Mapping[int, Array], count: int) -> Any:
    """So many memory segments as op kernels take them: int64 addresses, or without JIT flat arrays."""
    table = np.zeros(count, np.int64 if JIT_ENABLED else object)
    for segment, array in arrays.items():
        table[segment] = _address(array) if JIT_ENABLED else array.reshape(-1)
    return table


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])
