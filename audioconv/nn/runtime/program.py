"""Programs that run: a plan with its memory, on a team of threads."""

from functools import cached_property, lru_cache

import numpy as np

from audioconv.arrays import aligned
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.nn import program as kernels
from audioconv.kernels.nn.barrier import ABANDONED
from audioconv.kernels.nn.operands import INDEX, OWN, OWN_SUMS, SCRATCH, SUMS, WORK
from audioconv.nn.ops.graph import SHARDS
from audioconv.nn.runtime import thread_team
from audioconv.nn.runtime.plan import Plan, micro_batch_starts

CACHE = 1 << 19  # bytes of scratch that one group of clips may want: half of a second-level cache
MOST_GROUPS, MOST_CLIPS = 8, 16


def training_plan(graph):
    """The plan of a training step: 8 shards whatever the threads, each in as many groups as the cache asks for."""
    plan = Plan(graph, SHARDS, 1)
    wanted = -(-plan.scratch * plan.dtype.itemsize // CACHE)
    per_shard = max(1, min(wanted, MOST_GROUPS, plan.largest))
    return plan if per_shard == 1 else Plan(graph, SHARDS, per_shard)


def inference_plan(make_graph, alone=False):
    """The plan of inference, for one clip alone or any number of them: as many at a time as fit into the cache."""
    plan = Plan(make_graph(1), 1, 1)
    clips = 1 if alone else max(1, min(MOST_CLIPS, CACHE // max(1, plan.scratch * plan.dtype.itemsize)))
    plan = plan if clips == 1 else Plan(make_graph(clips), 1, 1)
    assert plan.count <= 1, "clips do not wait for each other outside of training"
    return plan


def one_buffer(tensors, dtype):
    """Move the arrays that are made of weights into one buffer, a cache line each, and return that."""
    made = [tensor for tensor in tensors if tensor.make is not None]
    starts = np.cumsum([0, *(-(-tensor.size // 16) * 16 for tensor in made)])
    buffer = aligned(int(starts[-1]), dtype)
    for tensor, start in zip(made, starts, strict=False):
        array = buffer[start : start + tensor.size].reshape(tensor.shape)
        array[...] = tensor.array
        tensor.array = array
    return buffer


class Program:
    """A plan with memory, for one call at a time."""

    def __init__(self, plan):
        self.plan, self.dtype = plan, plan.dtype
        self._like = np.empty(0, self.dtype)
        self._shared = {WORK: aligned(plan.sizes[WORK], self.dtype), SUMS: aligned(plan.sizes[SUMS], np.float64)}
        self._shared[INDEX] = plan.index
        self._weights = one_buffer(plan.arrays, self.dtype)
        self._names = {t.name: INDEX + 1 + i for i, t in enumerate(plan.arrays) if t.name}
        self._fixed = {INDEX + 1 + i: t.array for i, t in enumerate(plan.arrays) if not t.name}
        self._threads = []  # for each its spaces, and the arrays that these are

    @cached_property
    def output_shape(self):
        """Shape of what is given as "y", for a clip."""
        return next(t.shape for t in self.plan.arrays if t.name == "y")

    def writes(self, name):
        """Whether the array of this name is given, or taken."""
        return name in self._names

    @property
    def bytes(self):
        """Memory that the program keeps."""
        own = sum(a.nbytes for _, arrays in self._threads for a in arrays)
        return own + sum(a.nbytes for a in self._shared.values()) + self.plan.table.nbytes

    def _spaces(self, thread):
        while len(self._threads) <= thread:
            own = {s: aligned(self.plan.sizes[s], self.dtype) for s in (SCRATCH, OWN)}
            own[OWN_SUMS] = aligned(self.plan.sizes[OWN_SUMS], np.float64)
            arrays = self._shared | own | self._fixed
            count = INDEX + 1 + len(self.plan.arrays)
            if JIT_ENABLED:
                spaces = np.zeros(count, np.int64)
                for space, array in arrays.items():
                    spaces[space] = _address(array)
            else:
                spaces = [arrays[i].reshape(-1) if i in arrays else None for i in range(count)]
            self._threads.append((spaces, list(own.values())))
        return self._threads[thread][0]

    def run(self, arrays, groups=None, phases=None, threads=1):
        """Run the phases (a slice; all by default) with these arrays, by name, contiguous and of the right dtype."""
        groups = self.plan.groups if groups is None else groups
        begins = phases is None or phases.indices(self.plan.count)[0] == 0
        phases = self.plan.phases if phases is None else self.plan.phases[phases]
        threads = threads if JIT_ENABLED else 1  # without JIT nothing is atomic
        all_spaces = [self._spaces(thread) for thread in range(threads)]
        for name, array in arrays.items():
            if name in self._names:
                value = _address(array) if JIT_ENABLED else array.reshape(-1)
                for spaces in all_spaces:
                    spaces[self._names[name]] = value
        if self.plan.checked:
            self._run_checked(groups, phases, all_spaces, begins)
            return
        control = np.zeros(3, np.int64)

        def work(thread):
            kernels.run(self.plan.table, phases, all_spaces[thread], self._like, groups, self.plan.per_shard, control,
                        thread, threads)  # fmt: skip

        def abandon():
            control[ABANDONED] = 1

        thread_team.run_together(work, threads, abandon)

    def _run_checked(self, groups, phases, all_spaces, begins):
        """The same, one thread after the other, with NaN in all memory that nothing has written."""
        if begins:
            own = [array for _, memory in self._threads for array in memory]
            for array in [self._shared[WORK], self._shared[SUMS], *own]:
                array[...] = np.nan
        control, none = np.zeros(3, np.int64), groups[:1]
        like, shards = self._like, self.plan.per_shard
        for once, each, end in phases:
            for thread, spaces in enumerate(all_spaces):
                rows = np.array([[once, each, each]])
                kernels.run(self.plan.table, rows, spaces, like, none, shards, control, thread, len(all_spaces))
            for group in range(len(groups) - 1):
                thread, rows = group // shards % len(all_spaces), np.array([[each, each, end]])
                self._threads[thread][1][0][...] = np.nan  # as if each group were a shard, and this thread that one's
                kernels.run(self.plan.table, rows, all_spaces[thread], like, groups, 1, control, group, len(groups))


def _address(array):
    return array.__array_interface__["data"][0]


@lru_cache(maxsize=64)
def inference_micro_batches(batch, largest):
    """Where groups of at most `largest` clips begin: as many for each shard, so that threads have as much to do."""
    count = min(batch, -(-batch // (SHARDS * max(largest, 1))) * SHARDS)
    return micro_batch_starts(batch, count)
