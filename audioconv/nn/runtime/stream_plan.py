"""From a graph to a stream: queues for its tensors, and the tables that say which op reads what of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from audioconv.kernels.nn import implicit_gemm, pooling
from audioconv.kernels.nn import streaming as kernels
from audioconv.kernels.nn.implicit_gemm import GEMM
from audioconv.kernels.nn.operands import INDEX, OPERAND, WORKSPACE
from audioconv.kernels.nn.pooling import POOL
from audioconv.kernels.nn.streaming import PATCH, QUEUE, READ, STREAM_OP
from audioconv.nn.ops.graph import CLIP, NO_HALO, Graph, Halo, Op, Tensor
from audioconv.nn.ops.instructions import Instruction
from audioconv.nn.ops.tensor_view import TensorView, shape3
from audioconv.nn.runtime.arena import CACHE_LINE
from audioconv.nn.runtime.plan import FIRST_ARRAY

if TYPE_CHECKING:
    from audioconv._typing import Array, IntArray


@dataclass(frozen=True)
class Queue:
    """Where the rows of a tensor wait, one a frame: `before` of padding at first, room for `fits` and those at the end.

    The `size` elements of a row that are data begin at `low`, after the padding in frequency; `fill` is the value of
    padding.
    """

    before: int
    fits: int
    width: int
    begin: int
    low: int
    size: int
    fill: float


class StreamPlan:
    """Queues, tables and patches for a graph, as `kernels.nn.streaming.run_stream` takes them.

    Parameters
    ----------
    graph : Graph
    x, y : Tensor
        Of the input and the output.

    Attributes
    ----------
    table : list of Instruction
    ops, reads, patches : lists of rows of the layouts STREAM_OP, READ and PATCH
    fills : list of float, the value of padding of each read
    arrays : list of tensors that lie outside, in the order of their segments
    size : int, elements of the memory of all queues
    """

    micro_batch_count = max_clips = 1

    def __init__(self, graph: Graph, x: Tensor, y: Tensor) -> None:
        self.graph, self.dtype = graph, graph.dtype
        self.arrays: list[Tensor] = []
        self.table: list[Instruction] = []
        self.ops: list[list[int]] = []
        self.reads: list[list[int]] = []
        self.patches: list[list[int]] = []
        self.fills: list[float] = []
        self.size = 0
        self._index = [0]
        self._segments: dict[Tensor, int] = {}
        self._queues: list[Queue] = []
        self._numbers: dict[Tensor, int] = {}  # of the queue of a tensor
        self._halos: dict[Tensor, Halo] = {}
        for op in graph.ops:
            for tensor, halo in op.halos.items():
                self._halos[tensor] = halo.union(self._halos.get(tensor, halo))
        self._fits = _rows_that_fit(graph, x)
        self._add_queue(x)
        for op in graph.ops:
            self._add(op)
        assert self._numbers[y] == len(self._queues) - 1, "the output is what is made last"
        self.index = np.array(self._index, np.int64)
        # views of what is behind the end of a queue, from where the last of some tiles writes
        self.size += max(q.fits * q.width for q in self._queues) + tile_round(graph) * self._queues[-1].width

    def __repr__(self) -> str:
        return f"StreamPlan({len(self.ops)} ops, {len(self._queues)} queues, {self.size:,} elements, {self.dtype})"

    def _add_queue(self, tensor: Tensor) -> None:
        """Make a queue for a tensor; rows never join, so that time stays a count of its own."""
        _, freq, channels = shape3(tensor.shape)
        halo = self._halos.get(tensor, NO_HALO)
        (before, after), (low, high) = halo.time, halo.freq
        width = -(-((low + freq + high) * channels + 1) // CACHE_LINE) * CACHE_LINE
        fits = self._fits[tensor]
        queue = Queue(before, fits, width, self.size, low * channels, freq * channels, halo.fill)
        self._numbers[tensor] = len(self._queues)
        self._queues.append(queue)
        self.size += (fits + after) * width

    def _view(self, tensor: Tensor, read: int | Literal["y"], before: int) -> TensorView:
        """The view of a tensor's queue, `before` rows after its beginning."""
        queue = self._queues[self._numbers[tensor]]
        view = TensorView(
            WORKSPACE, queue.begin + queue.low, size=queue.fits * queue.width - queue.low, time_stride=queue.width,
            freq_stride=shape3(tensor.shape)[2], read=read,
        )  # fmt: skip
        return view.shifted(before)

    def _add(self, op: Op) -> None:
        """Encode an op, and note what it reads and writes."""
        (target,), window = op.writes, op.window
        if target not in self._numbers:
            self._add_queue(target)
        first_read, first_instruction, first_patch = len(self.reads), len(self.table), len(self.patches)
        reads = [self._read(op, tensor) for tensor in op.reads]
        for instruction in op.encode(self, reads, [self._view(target, "y", 0)]):
            self._patch(instruction)
            self.table.append(instruction)
        most = shape3(target.shape)[0]
        endless = kernels.ENDLESS
        self.ops.append(STREAM_OP.pack(
            first_instruction=first_instruction, end_instruction=len(self.table), first_read=first_read,
            end_read=len(self.reads), target=self._numbers[target], emitted=0,
            max_units=most if window.tiles == 1 else max(1, most - window.tiles),  # so many fit the tables of each tile
            first_patch=first_patch, end_patch=len(self.patches), unit=window.unit,
            extra=endless if window.extra is None else window.extra, limit=window.limit or endless,
        ))  # fmt: skip

    def _read(self, op: Op, tensor: Tensor) -> TensorView:
        """The view of what an op reads, and its row in `reads`."""
        if tensor.per != CLIP:
            return self._array(tensor)
        halo, number = op.halos.get(tensor, NO_HALO), self._numbers[tensor]
        (before, after), read = halo.time, len(self.reads)
        position = self._queues[number].before - before
        self.reads.append(READ.pack(
            queue=number, position=position, span=op.window.span, stride=op.window.stride, after=after
        ))  # fmt: skip
        self.fills.append(halo.fill)
        return self._view(tensor, read, before)

    def _array(self, tensor: Tensor) -> TensorView:
        if tensor not in self._segments:
            self._segments[tensor] = FIRST_ARRAY + len(self.arrays)
            self.arrays.append(tensor)
        return TensorView(self._segments[tensor], size=tensor.size)

    def _patch(self, instruction: Instruction) -> None:
        """Note which numbers of an instruction say how many frames there are, and where."""
        number, kernel = len(self.table), instruction.kernel
        layout = kernel.layout

        def patch(field: int, kind: int, value: int, read: int = 0) -> None:
            self.patches.append(PATCH.pack(
                instruction=number, field=field, kind=kind, value=value, read=read, tile=instruction.tile,
                tiles=instruction.tiles,
            ))  # fmt: skip

        for name, view in instruction.views.items():
            field = getattr(layout, name) + OPERAND.offset
            if view.read == "y":
                patch(field, kernels.WRITE_OFFSET, view.offset)
            elif view.read is not None:
                patch(field, kernels.READ_OFFSET, view.offset, view.read)
        gemm = kernel in (implicit_gemm.implicit_gemm, implicit_gemm.depthwise)
        patch(GEMM.rows_per_clip if gemm else layout.time, kernels.COUNT, instruction.rows_per_frame)
        if kernel in (pooling.average_pool, pooling.lp_pool):
            read = instruction.views["x"].read
            assert isinstance(read, int)
            patch(POOL.padding_time, kernels.PADDING, instruction[POOL.padding_time], read)
            patch(POOL.size_time, kernels.SIZE, instruction.padding_counted, read)

    def offset_table(self, offsets: Iterable[int] | Array) -> TensorView:
        """Where a table of offsets (int64) is in the index."""
        start = len(self._index)
        self._index += np.asarray(offsets).reshape(-1).tolist()
        return TensorView(INDEX, start, size=len(self._index) - start)

    def queues(self) -> IntArray:
        """Rows of the layout QUEUE as they are at the start."""
        rows = [
            QUEUE.pack(written=q.before, capacity=q.fits, width=q.width, begin=q.begin, total=0, low=q.low)
            for q in self._queues
        ]
        return np.array(rows, np.int64)

    def fill(self, memory: Array) -> None:
        """Fill a stream's memory with padding."""
        for queue in self._queues:
            memory[queue.begin :] = queue.fill  # each begins after the one before

    def unwritten(self, memory: Array) -> Iterator[Array]:
        """Views of a stream's memory: what of each queue is neither written nor padding at the start."""
        for q in self._queues:
            rows = memory[q.begin : q.begin + q.fits * q.width].reshape(q.fits, q.width)
            yield rows[q.before :, q.low : q.low + q.size]


def tile_round(graph: Graph) -> int:
    """Frames of the input after which the rotation of all tiled weights begins anew."""
    return max((op.window.tiles * op.window.stride for op in graph.ops if op.window.tiles > 1), default=0)


class _Reach(NamedTuple):
    """First and last frame of the input that row 0 of a tensor has seen, and frames from one row to the next."""

    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    step: Fraction = Fraction(1)


def _clip_reads(op: Op) -> list[Tensor]:
    """What an op reads of the signal: not weights."""
    return [tensor for tensor in op.reads if tensor.per == CLIP]


def _before(op: Op, tensor: Tensor) -> int:
    return op.halos.get(tensor, NO_HALO).time[0]


def _reaches(graph: Graph) -> dict[Tensor, _Reach]:
    """How far each tensor reaches; one that is not there is the input."""
    reach: dict[Tensor, _Reach] = {}
    for op in graph.ops:
        window, bounds = op.window, []
        for tensor in _clip_reads(op):
            own, before = reach.get(tensor, _Reach()), _before(op, tensor)
            high = own.high + (window.span - 1 - before) * own.step
            bounds.append((own.low - before * own.step, high, own.step * window.stride / window.unit))
        for tensor in op.writes:
            lows, highs, steps = zip(*bounds, strict=True)
            reach[tensor] = _Reach(min(lows), max(highs), max(steps))
    return reach


def receptive(graph: Graph) -> tuple[int, Fraction, int]:
    """(receptive field, frames from one output to the next, look-ahead) of a graph, in frames of its input."""
    low, high, step = _reaches(graph)[graph.ops[-1].writes[0]] if graph.ops else _Reach()
    return ceil(high - low) + 1, step, max(ceil(high), 0)


def _rows_that_fit(graph: Graph, x: Tensor) -> dict[Tensor, int]:
    """How many rows the queue of each tensor holds: twice those that may wait and those that a block adds.

    Rows wait until the window of an op is complete, and where an op reads several tensors until the slowest has come.
    Those that wait are moved to the beginning when more than half is used; so that half is always free for a block.
    """
    reach, new, waiting = _reaches(graph), {x: kernels.NETWORK_BLOCK}, {x: 0}
    for op in graph.ops:
        window, reads = op.window, _clip_reads(op)
        at = [reach.get(tensor, _Reach()) for tensor in reads]
        seen = [own.high - _before(op, tensor) * own.step for own, tensor in zip(at, reads, strict=True)]
        units = 0
        for tensor, own, high in zip(reads, at, seen, strict=True):
            behind = ceil((max(seen) - high) / own.step) + (len(reads) > 1)
            waiting[tensor] = max(waiting[tensor], window.span - 1 + behind, _before(op, tensor))
            at_once = max(0, _before(op, tensor) + 1 - window.span)  # windows inside the padding at the start
            units = max(units, ceil((new[tensor] + at_once) / window.stride))
        for tensor in op.writes:
            new[tensor], waiting[tensor] = units * window.unit, 0
    return {tensor: 2 * (waiting[tensor] + new[tensor]) for tensor in new}
