"""From a graph to a program: in which phase each operation runs, and where its arrays lie.

Phases end where something is needed of the whole batch. Within a phase a thread takes one group of clips after the
other through all operations, so that what lives in one phase alone stays in the cache: it lies in `SCRATCH`, once a
thread. What is needed in a later phase lies in `WORK` for the whole batch. Cheap operations (normalising, activations)
are done again in each phase that reads their result, which costs less than to write it to memory and read it back.
"""

import numpy as np

from audioconv.kernels.nn.operands import INDEX, OWN, OWN_SUMS, SCRATCH, SUMS, WORK
from audioconv.nn.debug import memory_is_checked
from audioconv.nn.ops.graph import CLIP, MICRO_BATCH, NO_HALO, SHARED, THREAD
from audioconv.nn.ops.instructions import copy_instructions, fill_halo
from audioconv.nn.ops.tensor_view import TensorView, shape3

LINE = 16  # elements that a tensor's place is a multiple of
FIRST_ARRAY = INDEX + 1  # spaces of single arrays come after the others


def micro_batch_starts(batch, count):
    """Where groups of clips begin, and the end; the last are a clip larger, so that threads in turn get as many."""
    each, more = divmod(batch, max(count, 1))
    return np.array([each * i + max(0, i - count + more) for i in range(count + 1)])


class Arena:
    """Offsets in memory that is given back: the first gap that fits."""

    def __init__(self):
        self.size, self._taken = 0, []

    def take(self, size):
        size, start = -(-max(size, 1) // LINE) * LINE, 0
        for begin, end in sorted(self._taken):
            if begin - start >= size:
                break
            start = max(start, end)
        self._taken.append((start, start + size))
        self.size = max(self.size, start + size)
        return start

    def give(self, start):
        self._taken = [(a, b) for a, b in self._taken if a != start]

    @property
    def length(self):
        """Of the memory that offsets are in; `size` is what is needed of it."""
        return self.size


class NoReuseArena(Arena):
    """Offsets in memory that is never given again; `size` is what a `Pool` would need."""

    length = 0

    def __init__(self):
        super().__init__()
        self._starts = {}

    def take(self, size):
        start = self.length
        self._starts[start] = super().take(size)
        self.length += -(-max(size, 1) // LINE) * LINE
        return start

    def give(self, start):
        super().give(self._starts[start])


class Plan:
    """The table of a program for a graph.

    Attributes
    ----------
    table : int64 (steps, numbers)
    phases : int64 (phases, 3), as `kernels.program.run` takes them
    stages : list of int, the number of phases up to the end of each stage
    groups : int64, where groups of clips begin
    sizes : dict of the spaces that every program has to their elements
    index : int64, offsets of rows
    arrays : list of tensors that lie outside, in the order of their spaces
    scratch : int, elements of SCRATCH that are needed at once
    checked : bool, whether memory is for one tensor each, to be filled with NaN (see `nn.debug`)
    """

    def __init__(self, graph, shards, per_shard):
        self.graph, self.dtype = graph, graph.dtype
        count = shards * per_shard
        self.groups = micro_batch_starts(graph.batch, count)
        self.micro_batch_count, self.per_shard = count, per_shard
        self.largest = int(np.diff(self.groups).max(initial=0))
        self.arrays, self._spaces, self._tables, self._index = [], {}, {}, [0]
        self.checked = memory_is_checked()
        self.pool = NoReuseArena if self.checked else Arena
        self._pools = {space: self.pool() for space in (WORK, OWN, SUMS, OWN_SUMS)}
        self.scratch, self._scratch = 0, 0
        self._kept = {}  # tensor: TensorView, of those that outlive their phase
        self._schedule()
        self._lay_out()
        self.sizes = {space: pool.length for space, pool in self._pools.items()} | {SCRATCH: self._scratch}
        self.index = np.array(self._index, np.int64)

    # --- when ---

    def _schedule(self):
        """Give every operation that is not cheap a phase, as early as what it reads allows."""
        self._phase, known = {}, {}

        def ready(tensor):
            operation = tensor.producer
            if operation is None:
                return 0
            if tensor not in known:
                begin = start(operation) if operation.rematerialised else self._phase[operation]
                known[tensor] = begin + (tensor.per in (MICRO_BATCH, SHARED))
            return known[tensor]

        def start(operation):
            return max([0, *map(ready, operation.reads)])

        begin, self.stages = 0, []
        for stage in range(self.graph.stage + 1):
            for operation in self.graph.operations:
                if operation.stage == stage and not operation.rematerialised:
                    self._phase[operation] = max(begin, start(operation))
            begin = max(self._phase.values(), default=-1) + 1
            self.stages.append(begin)
        self.count = begin
        self._uses()

    def _uses(self):
        """The phases that read each tensor, through cheap operations too, and the last of them."""
        self._last = {}

        def use(tensor, phase):
            self._last[tensor] = max(self._last.get(tensor, 0), phase)
            if tensor.producer is not None and tensor.producer.rematerialised:
                for other in tensor.producer.reads:
                    use(other, phase)

        for operation, phase in self._phase.items():
            for tensor in operation.reads:
                use(tensor, phase)

    # --- where ---

    def _lay_out(self):
        rows, phases, outgoing = [], [], {}
        for phase in range(self.count):
            operations = [o for o in self.graph.operations if self._phase.get(o) == phase]
            for tensor in [t for t, last in outgoing.items() if last < phase]:
                self._pools[WORK].give(self._kept[tensor].offset)
                del outgoing[tensor]
            current = _Phase(self, phase, operations)
            for operation in operations:
                for tensor in operation.writes:
                    last = self._last.get(tensor, phase)
                    if tensor.per == CLIP and not tensor.outside and last > phase:
                        self._keep(tensor)
                        outgoing[tensor] = last
            once, each = current.encode()
            phases.append([len(rows), len(rows) + len(once), len(rows) + len(once) + len(each)])
            rows += once + each
            self.scratch = max(self.scratch, current.scratch.size)
            self._scratch = max(self._scratch, current.scratch.length)
        width = max([1, *map(len, rows)])
        self.table = np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            self.table[number, : len(row)] = row
        self.phases = np.array(phases, np.int64).reshape(-1, 3)

    def _keep(self, tensor):
        time, freq, channels = shape3(tensor.shape)
        size = time * freq * channels
        start = self._pools[WORK].take(size * self.graph.batch)
        self._kept[tensor] = TensorView(WORK, start, size, 0, size, size, freq * channels, channels)

    def _space(self, tensor):
        key = tensor.name or (id(tensor.array), tensor.array.shape)
        if key not in self._spaces:
            self._spaces[key] = FIRST_ARRAY + len(self.arrays)
            self.arrays.append(tensor)
        return self._spaces[key]

    def fixed(self, tensor):
        """The location of a tensor that has the same place in all phases, or None."""
        if tensor in self._kept:
            return self._kept[tensor]
        if tensor.outside or tensor.per != CLIP:
            self._kept[tensor] = self._outside(tensor) if tensor.outside else self._shared(tensor)
            return self._kept[tensor]
        return None

    def _outside(self, tensor):
        space, size = self._space(tensor), tensor.size
        if tensor.per != CLIP:
            return TensorView(space, group=size if tensor.per == MICRO_BATCH else 0, size=size)
        _, freq, channels = shape3(tensor.shape)
        return TensorView(space, 0, size, 0, size, size, freq * channels, channels)

    def _shared(self, tensor):
        """For a group, a thread or the whole program."""
        space = {(THREAD, False): OWN, (THREAD, True): OWN_SUMS}.get(
            (tensor.per, tensor.accumulator), SUMS if tensor.accumulator else WORK
        )
        count = self.micro_batch_count if tensor.per == MICRO_BATCH else 1
        start = self._pools[space].take(tensor.size * count)
        return TensorView(space, start, group=tensor.size if tensor.per == MICRO_BATCH else 0, size=tensor.size)

    def table_of(self, offsets):
        """The location of a table of offsets (int64) in the index."""
        offsets = np.ascontiguousarray(offsets, np.int64).reshape(-1)
        key = offsets.tobytes()
        if key not in self._tables:
            self._tables[key] = len(self._index)
            self._index += offsets.tolist()
        return TensorView(INDEX, self._tables[key], size=offsets.size)


class _Phase:
    """One phase: its operations in order, the cheap ones before those that read them, and its scratch memory."""

    def __init__(self, plan, number, operations):
        self.plan, self.number = plan, number
        self.order, self._done, self._copies = [], set(), {}
        for operation in operations:
            self._bring(operation)
        self.scratch, self._places, self._starts = plan.pool(), {}, {}
        self._last, self._margins = {}, {}
        for position, operation in enumerate(self.order):
            for tensor in [*operation.reads, *operation.writes]:
                self._last[tensor] = position
            for tensor, margins in operation.margins.items():
                known = self._margins.get(tensor, margins)
                self._margins[tensor] = known.union(margins) if known.fill == margins.fill else known

    def _bring(self, operation):
        """Put an operation into the order, after the cheap ones that it needs."""
        if operation in self._done:
            return
        self._done.add(operation)
        for tensor in operation.reads:
            if tensor.producer is not None and tensor.producer.rematerialised:
                self._bring(tensor.producer)
        self.order.append(operation)

    def encode(self):
        once, each = [], []
        for position, operation in enumerate(self.order):
            places, copies = {}, []
            for tensor in operation.reads:
                place = self._place(tensor)
                margins = operation.margins.get(tensor, NO_HALO)
                if margins and not self._holds(tensor, margins):
                    place, start = self._scratch(shape3(tensor.shape), margins)
                    copies.append(start)
                    each += fill_halo(self.plan, place, tensor, margins)
                    each += copy_instructions(self.plan, self._place(tensor), place, tensor)
                places[tensor] = place
            for tensor in operation.writes:
                fresh = tensor not in self._places and self.plan.fixed(tensor) is None
                places[tensor] = self._place(tensor)
                if fresh and self._margins.get(tensor, NO_HALO):
                    each += fill_halo(self.plan, places[tensor], tensor, self._margins[tensor])
            rows = operation.encode(self.plan, places.__getitem__)
            (once if operation.once else each).extend(rows)
            for start in copies:
                self.scratch.give(start)
            for tensor, last in self._last.items():
                if last == position and tensor in self._places:
                    self.scratch.give(self._starts[tensor])
        return once, each

    def _holds(self, tensor, margins):
        """Whether a tensor lies in scratch with margins of this kind (then they are wide enough for all)."""
        return tensor in self._places and self._margins[tensor].fill == margins.fill

    def _place(self, tensor):
        fixed = self.plan.fixed(tensor)
        if fixed is not None:
            return fixed
        if tensor not in self._places:
            self._places[tensor], self._starts[tensor] = self._scratch(
                shape3(tensor.shape), self._margins.get(tensor, NO_HALO)
            )
        return self._places[tensor]

    def _scratch(self, shape, margins):
        (time, freq, channels), (before, after), (low, high) = shape, margins.time, margins.freq
        row = (low + freq + high) * channels
        size = (before + time + after) * row
        start = self.scratch.take(size * self.plan.largest)
        whole = TensorView(SCRATCH, start, inner=size, size=size, time=row, freq=channels)
        return whole.moved(before, low), start
