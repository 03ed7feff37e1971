"""Of what arrays a partitioned convolution (`partition`) consists: its shape, header, agenda, spectra."""

from typing import NamedTuple

import numpy as np

from audioconv.arrays import aligned, frozen
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.dsp import right_angle
from audioconv.kernels.dsp.partition import FIRST, GROUP, HEADS, NEWEST, POSITION, ROW, UNIT, UNITS, UNTIL
from audioconv.kernels.dsp.passes import CHUNK, LEVELS, POINTS, RUN, work_size
from audioconv.kernels.simd.vector import LANES


class Level(NamedTuple):
    """Partitions of one size: samples of each, the tap at which they begin (counted with the latency), how many."""

    block: int
    begin: int
    partitions: int

    @property
    def late(self):
        """Whether there is a block's time to compute in."""
        return self.begin >= 2 * self.block


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
    def summands(self):
        """How many inputs an output has."""
        return self.inputs if self.matrix else 1

    @property
    def head(self):
        """Taps of the direct filter."""
        return max(0, self.levels[0].begin - self.latency) if self.levels else self.taps


class Layout(NamedTuple):
    """What belongs into `spaces` but the filters; and for each level what its units cost, as `unit_costs` has it."""

    header: np.ndarray
    state_size: int
    agenda: np.ndarray
    rings: list
    costs: list


def unit_costs(level, plan, shape, columns):
    """What each unit of a block of a level costs, in about a third of a microsecond."""
    points, near = plan[POINTS], plan[CHUNK]
    pieces, chunks = points // plan[LEVELS] // columns, points // near
    a_pass = [0.4 * columns * plan[LEVELS] / 1024] * pieces
    a_chunk = near / 1024
    partitions = level.partitions + (not level.late)
    groups = [min(GROUP, partitions - q) for q in range(0, partitions, GROUP)]
    products = [0.35 * a_chunk * count for count in groups] * shape.summands
    return (a_pass + [a_chunk] * chunks) * shape.inputs + (
        [*products, a_chunk] * chunks + a_pass
    ) * shape.outputs  # fmt: skip


def _columns_of_a_piece(plan, dtype):
    """Of a pass, so many that it is about a chunk, a divisor of all; all if the transform is no more than one."""
    columns, least = int(plan[POINTS] // plan[LEVELS]), RUN * LANES[dtype]
    if plan[POINTS] <= plan[CHUNK] or columns % least:
        return columns
    wanted = max(1, int(plan[CHUNK] // plan[LEVELS]) // least)
    return least * max(n for n in range(1, wanted + 1) if columns // least % n == 0)


def layout(shape):
    """The `Layout` of a convolver."""
    pad = -(-(max(0, shape.head - 1) + (shape.latency if shape.head else 0)) // 16) * 16
    quantum = shape.levels[0].block if shape.levels else max(128, pad)
    longest = shape.levels[-1].block if shape.levels else 0
    header = np.zeros(FIRST + ROW * len(shape.levels), np.int64)
    line_size = shape.inputs * (pad + quantum)
    span = 3 * longest or quantum
    place = line_size + shape.inputs * span + 2 * quantum
    header[:FIRST] = (
        shape.inputs, shape.outputs, shape.filters, shape.matrix, shape.latency, quantum, shape.head, len(shape.levels),
        0, 0, pad, line_size, span, place - 2 * quantum, 0, 0, 0, 0, 0,
    )  # fmt: skip
    agenda, rings, costs, taps_place = [np.empty(0, np.int64)], [], [], 0
    for number, level in enumerate(shape.levels):
        plan, table = right_angle.plan(2 * level.block, shape.dtype.name)
        columns = _columns_of_a_piece(plan, shape.dtype)
        costs.append(unit_costs(level, plan, shape, columns))
        turns, delayed = level.block // quantum, level.begin // level.block - 1 - level.late
        row, partitions = FIRST + ROW * number, level.partitions + (not level.late)
        slots = partitions + delayed
        tails = place + shape.inputs * slots * 2 * level.block
        work = tails + shape.outputs * 2 * level.block
        total = work + work_size(2 * level.block)
        header[row : row + NEWEST] = (
            level.block, partitions, turns, slots, delayed, level.late, plan[CHUNK], plan[POINTS] // plan[CHUNK],
            plan[POINTS] // plan[LEVELS] // columns, columns,
            shape.inputs * (plan[POINTS] // plan[LEVELS] // columns + plan[POINTS] // plan[CHUNK]), len(costs[-1]),
            place, tails, work, total, taps_place,
            sum(map(len, agenda)),
        )  # fmt: skip
        agenda.append(_agenda(costs[-1], level.late, turns))
        rings.append((plan, table))
        place, taps_place = total + 2 * int(plan[CHUNK]), taps_place + shape.filters * partitions * 2 * level.block
    header[HEADS] = taps_place
    clear(header)
    return Layout(header, place, np.concatenate(agenda), rings, costs)


def _agenda(costs, late, turns):
    """How many units of a block are done after each of its turns; all in the first, if the level is not late."""
    if not late:
        return np.full(turns, len(costs), np.int64)
    done = np.concatenate([[0], np.cumsum(costs)])
    return np.abs(done[:, None] - done[-1] * np.arange(1, turns + 1) / turns).argmin(axis=0)


def clear(header):
    """Bring a header to the start of a stream; the state is zeros then."""
    header[POSITION:FIRST] = 0
    for row in range(FIRST, len(header), ROW):
        header[row + NEWEST : row + ROW] = 0
        header[row + UNIT] = header[row + UNTIL] = header[row + UNITS]  # of the block before the first: silence


def spectra_of(shape, parts, responses):
    """The array `ir` for responses (filters, taps): of each level the spectra, chunk by chunk, and then the heads."""
    ready = []
    for level, (plan, table) in zip(shape.levels, parts.rings, strict=True):
        for response in responses:
            spectra = []
            head = 0 if level.late else level.block
            for begin in range(level.begin - head, level.begin + level.partitions * level.block, level.block):
                low, high = begin - shape.latency, begin - shape.latency + level.block
                taps = np.zeros(level.block, shape.dtype)
                some = response[max(0, low) : max(0, high)]
                taps[max(0, -low) : max(0, -low) + len(some)] = some
                spectra.append(right_angle.filter_spectrum(frozen(taps), plan, table).reshape(-1, 2 * plan[CHUNK]))
            ready.append(np.stack(spectra, axis=1).reshape(-1))
    heads = np.zeros((len(responses), shape.head), shape.dtype)
    heads[:, : min(shape.head, shape.taps)] = responses[:, : shape.head]
    whole = np.concatenate([*ready, heads.reshape(-1)])
    result = aligned(len(whole), shape.dtype)
    result[:] = whole
    return frozen(result)


def spaces_of(header, state, ir, agenda, rings):
    """`spaces`: addresses and sizes; without JIT the arrays themselves. The arrays must outlive it."""
    arrays = [header, state, ir, agenda, *(array for ring in rings for array in ring)]
    slots = [slot for array in arrays for slot in (array.ctypes.data if JIT_ENABLED else array, array.size)]
    spaces = np.empty(len(slots), np.int64 if JIT_ENABLED else object)
    spaces[:] = slots
    return spaces
