"""The arrays of a partitioned convolution (`partition`): header, state, spectra of the filters, schedule."""

from typing import NamedTuple

import numpy as np

from audioconv.arrays import aligned, frozen
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.dsp import right_angle
from audioconv.kernels.dsp.partition import (
    HEADER,
    LEVEL,
    LEVEL_SEGMENTS,
    LEVEL_SIZE,
    SEGMENTS,
    SUBTASK_PARTITIONS,
)
from audioconv.kernels.dsp.passes import PASS, PLAN, RUN, work_size
from audioconv.kernels.simd.vector import LANES


class Level(NamedTuple):
    """Partitions of one size: taps of each, the tap at which they begin (counted with the latency), how many."""

    partition_size: int
    first_tap: int
    partitions: int

    @property
    def deferred(self):
        """Whether its work is spread over the time of the next block."""
        return self.first_tap >= 2 * self.partition_size

    @property
    def all_partitions(self):
        """Partitions whose spectra are stored: for a level that is not deferred also the head."""
        return self.partitions + (not self.deferred)


class Shape(NamedTuple):
    """Levels, latency and taps; inputs, outputs and filters (1, one each, or a matrix); the dtype."""

    levels: tuple
    latency: int
    taps: int
    inputs: int
    outputs: int
    filters: int
    matrix: bool
    dtype: np.dtype

    @property
    def fan_in(self):
        """How many inputs an output has."""
        return self.inputs if self.matrix else 1

    @property
    def head_taps(self):
        """Taps of the direct filter."""
        return max(0, self.levels[0].first_tap - self.latency) if self.levels else self.taps


class ConvolverArrays(NamedTuple):
    """The memory segments of a convolver but state and filters; of each level the FFT plan, and costs of subtasks."""

    header: np.ndarray
    state_size: int
    schedule: np.ndarray
    plans: list
    costs: list


class _Cut(NamedTuple):
    """How the transform of a level is cut: columns of a piece of a pass, pieces, points of a chunk, chunks."""

    columns: int
    pieces: int
    chunk: int
    chunks: int

    @classmethod
    def of(cls, plan, dtype):
        columns = _columns_of_a_piece(plan, dtype)
        points, chunk = int(plan[PLAN.points]), int(plan[PLAN.chunk])
        return cls(columns, points // int(plan[PASS.radix]) // columns, chunk, points // chunk)


def subtask_costs(level, plan, shape):
    """What each subtask of a block of a level costs, in about a third of a microsecond."""
    cut = _Cut.of(plan, shape.dtype)
    a_pass = [0.4 * cut.columns * plan[PASS.radix] / 1024] * cut.pieces
    a_chunk = cut.chunk / 1024
    starts = range(0, level.all_partitions, SUBTASK_PARTITIONS)
    groups = [min(SUBTASK_PARTITIONS, level.all_partitions - q) for q in starts]
    products = [0.35 * a_chunk * count for count in groups] * shape.fan_in
    forward = (a_pass + [a_chunk] * cut.chunks) * shape.inputs
    return forward + ([*products, a_chunk] * cut.chunks + a_pass) * shape.outputs


def _columns_of_a_piece(plan, dtype):
    """Columns of a pass that are about a chunk, a divisor of all; all if the transform is no more than one chunk."""
    columns, least = int(plan[PLAN.points] // plan[PASS.radix]), RUN * LANES[dtype]
    if plan[PLAN.points] <= plan[PLAN.chunk] or columns % least:
        return columns
    wanted = max(1, int(plan[PLAN.chunk] // plan[PASS.radix]) // least)
    return least * max(n for n in range(1, wanted + 1) if columns // least % n == 0)


def convolver_arrays(shape):
    """The `ConvolverArrays` of a shape, at the start of a stream."""
    past = -(-(max(0, shape.head_taps - 1) + (shape.latency if shape.head_taps else 0)) // 16) * 16
    block_size = shape.levels[0].partition_size if shape.levels else max(128, past)
    history = shape.inputs * (past + block_size)
    history_size = 3 * shape.levels[-1].partition_size if shape.levels else block_size
    result = history + shape.inputs * history_size
    state_size, ir_size, schedule_size = result + 2 * block_size, 0, 0
    rows, schedules, plans, costs = [], [np.empty(0, np.int64)], [], []
    for level in shape.levels:
        plan, table = right_angle.plan(2 * level.partition_size, shape.dtype.name)
        of_subtasks = subtask_costs(level, plan, shape)
        schedule = _schedule(of_subtasks, level.deferred, level.partition_size // block_size)
        offsets = {"fdl": state_size, "filters": ir_size, "schedule": schedule_size}
        row, state_size = _level_row(level, plan, shape, offsets, schedule.size, len(of_subtasks))
        rows += row
        plans.append((plan, table))
        costs.append(of_subtasks)
        schedules.append(schedule)
        ir_size += shape.filters * level.all_partitions * 2 * level.partition_size
        schedule_size += schedule.size
    header = HEADER.pack(
        inputs=shape.inputs, outputs=shape.outputs, filters=shape.filters, matrix=shape.matrix, latency=shape.latency,
        block_size=block_size, head_taps=shape.head_taps, levels=len(shape.levels), head=ir_size, delay_line=0,
        delay_line_past=past, history=history, history_size=history_size, result=result, position=0, history_end=0,
        subtasks_done=0, subtasks_due=0, whole_block=0,
    )  # fmt: skip
    header = np.array(header + rows, np.int64)
    reset_header(header)
    return ConvolverArrays(header, state_size, np.concatenate(schedules), plans, costs)


def _level_row(level, plan, shape, offsets, blocks, subtasks):
    """The row of a level, whose part of the state begins with the FDL, and where its part of the state ends."""
    size, delay = level.partition_size, level.first_tap // level.partition_size - 1 - level.deferred
    cut, fdl_length = _Cut.of(plan, shape.dtype), level.all_partitions + delay
    outputs = offsets["fdl"] + shape.inputs * fdl_length * 2 * size
    work = outputs + shape.outputs * 2 * size
    products = work + work_size(2 * size)
    row = LEVEL.pack(
        partition_size=size, partitions=level.all_partitions, blocks=blocks, fdl_length=fdl_length, delay=delay,
        deferred=level.deferred, chunk=cut.chunk, chunks=cut.chunks, pieces=cut.pieces, columns=cut.columns,
        forward_subtasks=shape.inputs * (cut.pieces + cut.chunks), subtasks=subtasks, outputs=outputs, work=work,
        products=products, **offsets, fdl_newest=0, block=0, buffer_index=0, next_subtask=0, subtask_limit=0,
    )  # fmt: skip
    return row, products + 2 * cut.chunk


def _schedule(costs, deferred, blocks):
    """How many subtasks are done at the end of each of its blocks; all in the first, if a level is not deferred."""
    if not deferred:
        return np.full(blocks, len(costs), np.int64)
    done = np.concatenate([[0], np.cumsum(costs)])
    return np.abs(done[:, None] - done[-1] * np.arange(1, blocks + 1) / blocks).argmin(axis=0)


def reset_header(header):
    """Bring a header to the start of a stream; the state is zeros then."""
    header[HEADER.position : HEADER.row_size] = 0
    for level in range(0, len(header) - HEADER.row_size, LEVEL_SIZE):
        header[level + LEVEL.fdl_newest : level + HEADER.row_size + LEVEL_SIZE] = 0
        subtasks = header[level + LEVEL.subtasks]  # of the block before the first: silence
        header[level + LEVEL.next_subtask] = header[level + LEVEL.subtask_limit] = subtasks


def filter_spectra(shape, arrays, responses):
    """The segment `ir` for responses (filters, taps): of each level the spectra, chunk by chunk, and then the heads."""
    ready = []
    for level, (plan, table) in zip(shape.levels, arrays.plans, strict=True):
        size = level.partition_size
        for response in responses:
            spectra = []
            head = 0 if level.deferred else size
            for first in range(level.first_tap - head, level.first_tap + level.partitions * size, size):
                low, high = first - shape.latency, first - shape.latency + size
                taps = np.zeros(size, shape.dtype)
                some = response[max(0, low) : max(0, high)]
                taps[max(0, -low) : max(0, -low) + len(some)] = some
                spectrum = right_angle.filter_spectrum(frozen(taps), plan, table)
                spectra.append(spectrum.reshape(-1, 2 * plan[PLAN.chunk]))
            ready.append(np.stack(spectra, axis=1).reshape(-1))
    heads = np.zeros((len(responses), shape.head_taps), shape.dtype)
    heads[:, : min(shape.head_taps, shape.taps)] = responses[:, : shape.head_taps]
    whole = np.concatenate([*ready, heads.reshape(-1)])
    result = aligned(len(whole), shape.dtype)
    result[:] = whole
    return frozen(result)


def convolver_segments(header, state, ir, schedule, plans):
    """The table of memory segments that `advance` takes (without JIT, of arrays); the arrays must outlive it."""
    place = (lambda array: array.ctypes.data) if JIT_ENABLED else (lambda array: array)
    row = SEGMENTS.pack(
        header=place(header), header_size=header.size, state=place(state), state_size=state.size,
        ir=place(ir), ir_size=ir.size, schedule=place(schedule), schedule_size=schedule.size,
    )  # fmt: skip
    for plan, table in plans:
        row += LEVEL_SEGMENTS.pack(
            plan=place(plan), plan_size=plan.size, table=place(table), table_size=table.size
        )  # fmt: skip
    segments = np.empty(len(row), np.int64 if JIT_ENABLED else object)
    segments[:] = row
    return segments
