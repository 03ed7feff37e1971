"""A convolution of streams with partitions of several sizes, without or with latency, and with even work.

The taps are cut into a head, which is a direct filter, and levels. A level has partitions of B taps, from tap o on, and
looks at time in blocks of B samples. With X[i] the spectrum (`ring`) of blocks i - 1 and i together, and H[q] that of
taps o + q B ... o + (q + 1) B and B zeros, the second half, which no wrap-around reaches, of the inverse transform of

    H[0] X[i - d] + H[1] X[i - d - 1] + ... + H[P - 1] X[i - d - P + 1]

is what the level adds to block i + 1 if o = (1 + d) B, or, if the level is `late`, to block i + 2 if o = (2 + d) B.
Late levels have the length of their next block for it. Their sums are cut into units, of about a thousand points each
(some columns of the first or the last pass of a transform, a chunk of the passes between, products of spectra in a
chunk), and done one after the other while the next block comes in. So each block of the stream costs about the same.

Time is cut into quanta, blocks of the first level, from the start of the stream. `agenda` settles which units a quantum
does. Only the first level, whose blocks are short, need not be late: the transform of a block is made when it is full,
and what it adds to the next one when that begins. If that is there as a whole then, the head is made in the same way,
as one more partition, and its products go back with the others by one transform. This is the only thing that depends
on the cut of the stream, and it changes the last bits alone.

All arrays of a convolver are in `spaces`, a row of addresses and sizes: header, state, ir, agenda, then of each level
header and table of `ring`. Several inputs and outputs: output o is input o through its filter or the one filter of all;
or, in a matrix, the sum of all inputs, input i through filter i outputs + o.

References: Gardner, Efficient convolution without input-output delay (1995); Garcia, Optimal filter partition for
efficient convolution with short input/output delay (2002); Wefers, Partitioned convolution algorithms for real-time
auralization (2015), chapters 5 and 6.
"""

import numpy as np

from audioconv.kernels._jit import inner, part, stage_step
from audioconv.kernels.dsp._fir import fir
from audioconv.kernels.dsp.passes import first_columns
from audioconv.kernels.dsp.right_angle import last_columns, signal_chunk, spectrum_chunk
from audioconv.kernels.dsp.spectrum import multiply_add, multiply_add4
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at, read_only_floats_at
from audioconv.kernels.simd.views import read_only_view

# Slots of `spaces`, each an address and a size; those of the levels come after them, two each.
HEADER, STATE, IR, AGENDA, RINGS = 0, 2, 4, 6, 8

# Header: constant for a convolver, then what changes, then the rows of the levels.
(INPUTS, OUTPUTS, FILTERS, MATRIX, LATENCY, QUANTUM, HEAD, DEPTH, HEADS, LINE, PAD, HISTORY, SPAN, RESULT,
 POSITION, WRITTEN, DONE, DUE, WHOLE, FIRST) = range(20)  # fmt: skip
# A level. Constant: samples of a block, partitions, quanta a block, spectra that are kept of an input, d, whether it is
# late; points of a chunk, chunks, pieces of a pass, columns of a piece, units; places. Then what changes.
(BLOCK, PARTITIONS, TURNS, SLOTS, DELAYED, LATE, NEAR, CHUNKS, PIECES, COLUMNS, FORWARD, UNITS, SPECTRA, TAILS, WORK,
 TOTAL, FILTER, PLAN, NEWEST, TURN, SIDE, UNIT, UNTIL, ROW) = range(24)  # fmt: skip
GROUP = 4  # partitions of a unit of products
SMALLEST = 2.0**-126  # of normal float32 numbers; smaller samples, which are slow to compute with, count as zeros


# --- one block --------------------------------------------------------------------------------------------


@part
def _tail(row, header, output, side):
    return header[row + TAILS] + (2 * output + side) * header[row + BLOCK]


@part
def _routes(header, output):
    """The first input of an output, how many there are, and the filter of the first; filters are `step` apart."""
    if header[MATRIX]:
        return 0, header[INPUTS], output, header[OUTPUTS]
    return output, np.int64(1), min(output, header[FILTERS] - 1), np.int64(0)


@part
def _take(header, state, x, first, count):
    """Take `count` frames, which lie in one quantum."""
    inputs = header[INPUTS]
    for i in range(inputs):
        line = header[LINE] + i * (header[PAD] + header[QUANTUM]) + header[PAD] + header[POSITION]
        past = header[HISTORY] + i * header[SPAN] + header[WRITTEN]
        for t in range(count):
            value = x[(first + t) * inputs + i]
            value = value if abs(value) >= SMALLEST or value != value else x.dtype.type(0)
            state[line + t] = value
            state[past + t] = value
    header[WRITTEN] += count


@part
def _give(header, state, ir, y, first, count):
    """The outputs of these frames: the head, and what the levels have ready."""
    outputs, position, head = header[OUTPUTS], header[POSITION], header[HEAD]
    result = state[header[RESULT] : header[RESULT] + count]
    other = state[header[RESULT] + header[QUANTUM] : header[RESULT] + header[QUANTUM] + count]
    for o in range(outputs):
        begin, inputs, filters, step = _routes(header, o)
        if head == 0 or header[WHOLE]:
            for t in range(count):
                result[t] = 0
        else:
            for i in range(begin, begin + inputs):
                now = header[LINE] + i * (header[PAD] + header[QUANTUM]) + header[PAD] + position - header[LATENCY]
                taps = header[HEADS] + (filters + (i - begin) * step) * head
                fir(read_only_view(state[now - head + 1 : now + count]), ir[taps : taps + head],
                    result if i == begin else other)  # fmt: skip
                if i > begin:
                    for t in range(count):
                        result[t] += other[t]
        for level in range(header[DEPTH]):
            row = FIRST + ROW * level
            ready = _tail(row, header, o, header[row + SIDE]) + header[row + TURN] * header[QUANTUM] + position
            for t in range(count):
                result[t] += state[ready + t]
        for t in range(count):
            y[(first + t) * outputs + o] = result[t]


@stage_step
def advance(spaces, x, y, frames):
    """Convolve frames, one input sample of each channel after the other; y may be x if it has as many channels."""
    header = integers_at(spaces, HEADER, 0, spaces[HEADER + 1], spaces)
    source, target = carray(x, frames * header[INPUTS]), carray(y, frames * header[OUTPUTS])
    state = floats_at(spaces, STATE, 0, spaces[STATE + 1], x)
    ir = read_only_floats_at(spaces, IR, 0, spaces[IR + 1], x)
    quantum, early = header[QUANTUM], 1 if header[DEPTH] > 0 and not header[FIRST + LATE] else 0
    first = 0
    while first < frames:
        count = min(quantum - header[POSITION], frames - first)
        _take(header, state, source, first, count)
        if header[POSITION] == 0 and early:
            header[WHOLE] = count == quantum
            header[FIRST + UNIT] = 0 if header[WHOLE] else header[FIRST + FORWARD]
            header[FIRST + UNTIL] = header[FIRST + UNITS]
        for given in range(2):  # the units before and after; one loop, so that they are compiled once
            if given:
                _give(header, state, ir, target, first, count)
                header[POSITION] += count
                if header[POSITION] == quantum and early and not header[WHOLE]:
                    header[FIRST + UNIT], header[FIRST + UNTIL] = 0, header[FIRST + FORWARD]
            for level in range(header[DEPTH] if given else early):
                row = FIRST + ROW * level
                while _wanted(header, row):
                    _unit(spaces, header, state, ir, row, header[row + UNIT])
                    header[row + UNIT] += 1
                    header[DONE] += header[row + LATE]
        if header[POSITION] == quantum:
            _turn(spaces, header, state)
        first += count


# --- the work of the levels -------------------------------------------------------------------------------


@part
def _wanted(header, row):
    """Whether a level has a unit to do now: late ones as large a part of those of the quantum as there is of it."""
    due = header[DONE] * header[QUANTUM] < header[DUE] * header[POSITION]
    return header[row + UNIT] < header[row + UNTIL] and (due or not header[row + LATE])


@part
def _turn(spaces, header, state):
    """End a quantum, and see what the next one has to do."""
    for i in range(header[INPUTS]):
        line = header[LINE] + i * (header[PAD] + header[QUANTUM])
        for t in range(line, line + header[PAD]):
            state[t] = state[t + header[QUANTUM]]
    header[POSITION], header[DONE], header[DUE], header[WHOLE] = 0, 0, 0, 0
    for level in range(header[DEPTH]):
        row = FIRST + ROW * level
        header[row + TURN] += 1
        if header[row + TURN] == header[row + TURNS]:
            header[row + TURN], header[row + UNIT] = 0, 0 if header[row + LATE] else header[row + UNITS]
            header[row + NEWEST] = header[row + NEWEST] + 1 if header[row + NEWEST] + 1 < header[row + SLOTS] else 0
            header[row + SIDE] ^= header[row + LATE]
        agenda = integers_at(spaces, AGENDA, header[row + PLAN], header[row + TURNS], spaces)
        # before the first block all units count as done, and nothing is due
        header[row + UNTIL] = max(header[row + UNIT], agenda[header[row + TURN]])
        header[DUE] += header[row + UNTIL] - header[row + UNIT]
    if header[WRITTEN] == header[SPAN]:
        header[WRITTEN] = 0


@part
def _columns(header, row, piece):
    """The columns of a piece of the first or the last pass."""
    return piece * header[row + COLUMNS], (piece + 1) * header[row + COLUMNS]


@part
def _unit(spaces, header, state, ir, row, number):
    """Do a unit of a level: of the transforms of all inputs, then of the products and the way back of each output.

    An output goes chunk by chunk, so that the sum of products is never longer than a chunk.
    """
    level = (row - FIRST) // ROW
    plan = integers_at(spaces, RINGS + 4 * level, 0, spaces[RINGS + 4 * level + 1], spaces)
    table = read_only_floats_at(spaces, RINGS + 4 * level + 2, 0, spaces[RINGS + 4 * level + 3], state)
    work = state[header[row + WORK] : header[row + TOTAL]]
    chunks, pieces = header[row + CHUNKS], header[row + PIECES]
    if number < header[row + FORWARD]:
        i, k = number // (pieces + chunks), number % (pieces + chunks)
        if k < pieces:
            _first(header, state, row, i, k, plan, table, work)
        else:
            k -= pieces
            size = 2 * header[row + NEAR]
            place = header[row + SPECTRA] + ((i * chunks + k) * header[row + SLOTS] + header[row + NEWEST]) * size
            spectrum_chunk(plan, table, work, k * header[row + NEAR], state, place)
        return
    _, inputs, _, _ = _routes(header, 0)
    groups = -(-header[row + PARTITIONS] // GROUP)
    steps = inputs * groups + 1
    number -= header[row + FORWARD]
    o, k = number // (chunks * steps + pieces), number % (chunks * steps + pieces)
    if k >= chunks * steps:
        low, high = _columns(header, row, k - chunks * steps)
        tail = _tail(row, header, o, header[row + SIDE] ^ header[row + LATE])
        last_columns(plan, table, work, header[row + BLOCK], state, tail, header[row + BLOCK], low, high)
    elif k % steps < steps - 1:
        _products(header, state, ir, row, o, k // steps, k % steps // groups, k % steps % groups)
    else:
        signal_chunk(read_only_view(state), header[row + TOTAL], plan, table, work, k // steps * header[row + NEAR])


@inner
def _first(header, state, row, i, piece, plan, table, work):
    """A piece of the first pass over the last two blocks of an input."""
    low, high = _columns(header, row, piece)
    # the history is a ring, a whole number of blocks long, and its end is where the last full block ends
    block, past = header[row + BLOCK], header[HISTORY] + i * header[SPAN]
    passed = header[row + TURN] * header[QUANTUM] + header[POSITION]
    end = header[WRITTEN] - passed * header[row + LATE]
    newer = end - block if end >= block else end - block + header[SPAN]
    older = newer - block if newer >= block else newer - block + header[SPAN]
    first_columns(read_only_view(state), past + newer, past + older, np.int64(0), plan, table, work, low, high)


@inner
def _products(header, state, ir, row, o, chunk, i, group):
    """Add the products of a group of partitions and the spectra of the i-th input of an output, in a chunk."""
    first, _, filters, step = _routes(header, o)
    partitions, slots, size = header[row + PARTITIONS], header[row + SLOTS], 2 * header[row + NEAR]
    total, q, last = header[row + TOTAL], group * GROUP, min(partitions, (group + 1) * GROUP)
    if i == 0 and group == 0:
        for t in range(total, total + size):
            state[t] = 0
    if group == 0 and not header[row + LATE] and not header[WHOLE]:
        q = 1  # the head, of which the spectrum of this block would be needed, is done directly
    spectra = header[row + SPECTRA] + ((first + i) * header[row + CHUNKS] + chunk) * slots * size
    taps = header[row + FILTER] + (((filters + i * step) * header[row + CHUNKS] + chunk) * partitions + q) * size
    newest = header[row + NEWEST] - header[row + DELAYED] - q
    if q + GROUP == last:
        a, b, c, d = (newest % slots, (newest - 1) % slots, (newest - 2) % slots, (newest - 3) % slots)
        places = (spectra + a * size, spectra + b * size, spectra + c * size, spectra + d * size)
        multiply_add4(state, total, read_only_view(state), places, ir, taps, size)
    else:
        for j in range(last - q):
            place = spectra + (newest - j) % slots * size
            multiply_add(state, total, read_only_view(state), place, ir, taps + j * size, size)
