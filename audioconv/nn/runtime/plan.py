"""From a graph to a program: in which phase each op runs, and where its arrays lie.

Phases end where something is needed of the whole batch. Within a phase a thread takes one micro-batch after the other
through all ops, so that what lives in one phase alone stays in the cache: it lies in `SCRATCH`, once a thread. What is
needed in a later phase lies in `WORKSPACE` for the whole batch. Rematerialised ops (normalising, activations) are
recomputed in each phase that reads their result, which costs less than to write it to memory and read it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from audioconv.kernels.nn.operands import (
    ACCUMULATORS,
    INDEX,
    SCRATCH,
    THREAD_ACCUMULATORS,
    THREAD_LOCAL,
    WORKSPACE,
)
from audioconv.kernels.nn.program import PHASE
from audioconv.nn.debug import memory_is_checked
from audioconv.nn.ops.graph import CLIP, MICRO_BATCH, NO_HALO, SHARED, THREAD, Graph, Halo, Op, Tensor
from audioconv.nn.ops.instructions import Instruction, copy_instructions, fill_halo
from audioconv.nn.ops.tensor_view import Shape3, TensorView, shape3
from audioconv.nn.runtime.arena import Arena, NoReuseArena

if TYPE_CHECKING:
    from audioconv._typing import Array, IntArray

FIRST_ARRAY = INDEX + 1  # segments of single arrays come after the others


def micro_batch_starts(batch: int, count: int) -> IntArray:
    """Where micro-batches begin, and the end; the last are a clip larger, so that threads in turn get as many."""
    each, more = divmod(batch, max(count, 1))
    return np.array([each * i + max(0, i - count + more) for i in range(count + 1)])


class Schedule:
    """In which phase each op of a graph runs.

    Attributes
    ----------
    phase : dict of the ops that are not rematerialised to their phase
    stages : list of int, the number of phases up to the end of each stage
    count : int, of phases
    last : dict of tensors to the last phase that reads them, through rematerialised ops, too
    """

    def __init__(self, graph: Graph) -> None:
        self.phase: dict[Op, int] = {}
        self.stages: list[int] = []
        self.last: dict[Tensor, int] = {}
        self._known: dict[Tensor, int] = {}
        begin = 0
        for stage in range(graph.stage + 1):
            for op in graph.ops:
                if op.stage == stage and not op.rematerialised:
                    self.phase[op] = max(begin, self._start(op))
            begin = max(self.phase.values(), default=-1) + 1
            self.stages.append(begin)
        self.count = begin
        for op, phase in self.phase.items():
            for tensor in op.reads:
                self._use(tensor, phase)

    def _ready(self, tensor: Tensor) -> int:
        """The first phase in which a tensor can be read."""
        op = tensor.producer
        if op is None:
            return 0
        if tensor not in self._known:
            begin = self._start(op) if op.rematerialised else self.phase[op]
            self._known[tensor] = begin + (tensor.per in (MICRO_BATCH, SHARED))
        return self._known[tensor]

    def _start(self, op: Op) -> int:
        return max([0, *map(self._ready, op.reads)])

    def _use(self, tensor: Tensor, phase: int) -> None:
        self.last[tensor] = max(self.last.get(tensor, 0), phase)
        if tensor.producer is not None and tensor.producer.rematerialised:
            for other in tensor.producer.reads:
                self._use(other, phase)


class Plan:
    """The table of a program for a graph.

    Parameters
    ----------
    graph : Graph
    shards : int
        Parts of the batch, each of which one thread does.
    per_shard : int
        Micro-batches of a shard.

    Attributes
    ----------
    table : int64 (instructions, numbers)
    phases : int64 (phases, 3), as `kernels.nn.program.run` takes them
    stages : list of int, the number of phases up to the end of each stage
    micro_batches : int64, where micro-batches begin, and the end
    max_clips : int, of a micro-batch
    sizes : dict of the segments that every program has to their elements
    index : int64, offsets of rows
    arrays : list of tensors that lie outside, in the order of their segments
    scratch : int, elements of SCRATCH that are needed at once
    checked : bool, whether memory is for one tensor each, to be filled with NaN (see `nn.debug`)
    """

    def __init__(self, graph: Graph, shards: int, per_shard: int) -> None:
        self.graph, self.dtype = graph, graph.dtype
        self.micro_batch_count, self.per_shard = shards * per_shard, per_shard
        self.micro_batches = micro_batch_starts(graph.batch, self.micro_batch_count)
        self.max_clips = int(np.diff(self.micro_batches).max(initial=0))
        self.arrays: list[Tensor] = []
        self._segments: dict[object, int] = {}
        self._tables: dict[bytes, int] = {}
        self._index = [0]
        self.checked = memory_is_checked()
        self._arenas = {s: self.new_arena() for s in (WORKSPACE, THREAD_LOCAL, ACCUMULATORS, THREAD_ACCUMULATORS)}
        self.scratch, self._scratch_length = 0, 0
        self._fixed: dict[Tensor, TensorView] = {}  # of tensors that outlive their phase
        self._schedule = Schedule(graph)
        self.stages, self.count = self._schedule.stages, self._schedule.count
        self._lay_out()
        self.sizes = {segment: arena.length for segment, arena in self._arenas.items()}
        self.sizes[SCRATCH] = self._scratch_length
        self.index = np.array(self._index, np.int64)

    def __repr__(self) -> str:
        return (
            f"Plan({len(self.table)} instructions, {self.count} phases, {self.micro_batch_count} micro-batches, "
            f"{self.dtype})"
        )

    def new_arena(self) -> Arena:
        """An arena, for memory that is checked or not."""
        return NoReuseArena() if self.checked else Arena()

    def _lay_out(self) -> None:
        """Give every tensor its memory and make the table, phase by phase."""
        instructions: list[Instruction] = []
        phases: list[list[int]] = []
        outgoing: dict[Tensor, int] = {}  # tensors in the workspace, and the last phase that reads them
        for phase in range(self.count):
            ops = [op for op in self.graph.ops if self._schedule.phase.get(op) == phase]
            for tensor in [t for t, last in outgoing.items() if last < phase]:
                self._arenas[WORKSPACE].free(self._fixed[tensor].offset)
                del outgoing[tensor]
            current = _Phase(self, ops)
            for tensor in [t for op in ops for t in op.writes]:
                last = self._schedule.last.get(tensor, phase)
                if tensor.per == CLIP and not tensor.outside and last > phase:
                    self._fixed[tensor] = self._in_workspace(tensor)
                    outgoing[tensor] = last
            once, each = current.encode()
            begin = len(instructions)
            middle, end = begin + len(once), begin + len(once) + len(each)
            phases.append(PHASE.pack(once=begin, each=middle, end=end))
            instructions += once + each
            self.scratch = max(self.scratch, current.scratch.size)
            self._scratch_length = max(self._scratch_length, current.scratch.length)
        self.table = np.zeros((len(instructions), max([1, *map(len, instructions)])), np.int64)
        for number, each_instruction in enumerate(instructions):
            self.table[number, : len(each_instruction)] = each_instruction
        self.phases = np.array(phases, np.int64).reshape(-1, PHASE.row_size)

    # --- where tensors are ---

    def fixed(self, tensor: Tensor) -> TensorView | None:
        """The view of a tensor that has the same place in all phases, or None."""
        if tensor in self._fixed:
            return self._fixed[tensor]
        if tensor.outside or tensor.per != CLIP:
            self._fixed[tensor] = self._outside(tensor) if tensor.outside else self._shared(tensor)
            return self._fixed[tensor]
        return None

    def _in_workspace(self, tensor: Tensor) -> TensorView:
        start = self._arenas[WORKSPACE].allocate(tensor.size * self.graph.batch)
        return _of_clips(WORKSPACE, start, tensor)

    def _outside(self, tensor: Tensor) -> TensorView:
        segment, size = self._segment(tensor), tensor.size
        if tensor.per != CLIP:
            return TensorView(segment, micro_batch_stride=size if tensor.per == MICRO_BATCH else 0, size=size)
        return _of_clips(segment, 0, tensor)

    def _segment(self, tensor: Tensor) -> int:
        key = tensor.name or (id(tensor.array), tensor.shape)
        if key not in self._segments:
            self._segments[key] = FIRST_ARRAY + len(self.arrays)
            self.arrays.append(tensor)
        return self._segments[key]

    def _shared(self, tensor: Tensor) -> TensorView:
        """The view of a tensor of a micro-batch, a thread or the whole program."""
        if tensor.per == THREAD:
            segment = THREAD_ACCUMULATORS if tensor.accumulator else THREAD_LOCAL
        else:
            segment = ACCUMULATORS if tensor.accumulator else WORKSPACE
        count = self.micro_batch_count if tensor.per == MICRO_BATCH else 1
        start = self._arenas[segment].allocate(tensor.size * count)
        stride = tensor.size if tensor.per == MICRO_BATCH else 0
        return TensorView(segment, start, micro_batch_stride=stride, size=tensor.size)

    def offset_table(self, offsets: Iterable[int] | Array) -> TensorView:
        """Where a table of offsets (int64) is in the index."""
        offsets = np.ascontiguousarray(offsets, np.int64).reshape(-1)
        key = offsets.tobytes()
        if key not in self._tables:
            self._tables[key] = len(self._index)
            self._index += offsets.tolist()
        return TensorView(INDEX, self._tables[key], size=offsets.size)


def _of_clips(segment: int, start: int, tensor: Tensor) -> TensorView:
    """The view of a tensor of clips that lie one after the other."""
    _, freq, channels = shape3(tensor.shape)
    size = tensor.size
    return TensorView(segment, start, size, 0, size, size, freq * channels, channels)


class _Phase:
    """One phase: its ops in order, the rematerialised ones before those that read them, and its scratch memory."""

    def __init__(self, plan: Plan, ops: Iterable[Op]) -> None:
        self.plan, self.scratch = plan, plan.new_arena()
        self.order: list[Op] = []
        self._done: set[Op] = set()
        for op in ops:
            self._append(op)
        self._views: dict[Tensor, TensorView] = {}
        self._starts: dict[Tensor, int] = {}
        self._last: dict[Tensor, int] = {}
        self._halos: dict[Tensor, Halo] = {}
        for position, op in enumerate(self.order):
            for tensor in [*op.reads, *op.writes]:
                self._last[tensor] = position
            for tensor, halo in op.halos.items():
                known = self._halos.get(tensor, halo)
                self._halos[tensor] = known.union(halo) if known.fill == halo.fill else known

    def _append(self, op: Op) -> None:
        """Append an op to the order, after the rematerialised ones that it needs."""
        if op in self._done:
            return
        self._done.add(op)
        for tensor in op.reads:
            if tensor.producer is not None and tensor.producer.rematerialised:
                self._append(tensor.producer)
        self.order.append(op)

    def encode(self) -> tuple[list[Instruction], list[Instruction]]:
        """The instructions that are done once, and those for each micro-batch."""
        once: list[Instruction] = []
        each: list[Instruction] = []
        for position, op in enumerate(self.order):
            copies: list[int] = []
            reads = [self._read(op, tensor, each, copies) for tensor in op.reads]
            writes = [self._write(tensor, each) for tensor in op.writes]
            (once if op.once else each).extend(op.encode(self.plan, reads, writes))
            for start in copies:
                self.scratch.free(start)
            for tensor, last in self._last.items():
                if last == position and tensor in self._views:
                    self.scratch.free(self._starts[tensor])
        return once, each

    def _read(self, op: Op, tensor: Tensor, each: list[Instruction], copies: list[int]) -> TensorView:
        """The view of what an op reads; a copy with the halo that the op needs, where the tensor has none."""
        view, halo = self._view(tensor), op.halos.get(tensor, NO_HALO)
        if not halo or self._holds(tensor, halo):
            return view
        copy, start = self._allocate(shape3(tensor.shape), halo)
        copies.append(start)
        each += fill_halo(self.plan, copy, tensor, halo)
        each += copy_instructions(self.plan, view, copy, tensor)
        return copy

    def _write(self, tensor: Tensor, each: list[Instruction]) -> TensorView:
        """The view of what an op writes; its halo is filled first."""
        fresh = tensor not in self._views and self.plan.fixed(tensor) is None
        view, halo = self._view(tensor), self._halos.get(tensor, NO_HALO)
        if fresh and halo:
            each += fill_halo(self.plan, view, tensor, halo)
        return view

    def _holds(self, tensor: Tensor, halo: Halo) -> bool:
        """Whether a tensor lies in scratch with a halo of this kind (then it is wide enough for all)."""
        return tensor in self._views and self._halos[tensor].fill == halo.fill

    def _view(self, tensor: Tensor) -> TensorView:
        fixed = self.plan.fixed(tensor)
        if fixed is not None:
            return fixed
        if tensor not in self._views:
            halo = self._halos.get(tensor, NO_HALO)
            self._views[tensor], self._starts[tensor] = self._allocate(shape3(tensor.shape), halo)
        return self._views[tensor]

    def _allocate(self, shape: Shape3, halo: Halo) -> tuple[TensorView, int]:
        """Scratch memory for a tensor with a halo: its view, and where the memory begins."""
        (time, freq, channels), (before, after), (low, high) = shape, halo.time, halo.freq
        row = (low + freq + high) * channels
        size = (before + time + after) * row
        start = self.scratch.allocate(size * self.plan.max_clips)
        whole = TensorView(SCRATCH, start, clip_stride=size, size=size, time_stride=row, freq_stride=channels)
        return whole.shifted(before, low), start
