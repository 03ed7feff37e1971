"""Non-uniformly partitioned convolution of streams, without or with latency, and with an even load.

The impulse response is cut into a head, which is a direct FIR filter, and levels. A level has P partitions of B taps,
from tap o on, and looks at time in blocks of B samples. With X[i] the spectrum (`right_angle`) of blocks i - 1 and i
together, and H[q] that of taps o + q B ... o + (q + 1) B and B zeros, the second half (overlap-save) of the inverse
transform of

    H[0] X[i - d] + H[1] X[i - d - 1] + ... + H[P - 1] X[i - d - P + 1]

is what the level adds to block i + 1 if o = (1 + d) B, or, if the level is deferred, to block i + 2 if o = (2 + d) B.
The last spectra X of each input are kept in a frequency-domain delay line (FDL), a ring buffer of `fdl_length` spectra.
Deferred levels have the length of their next block to compute in. Their work is cut into subtasks, of about a thousand
points each (some columns of the first or the last pass of a transform, a chunk of the passes between, products of
spectra in a chunk), done one after the other while the next block comes in. So each block of the stream costs about the
same, and no thread in the background is needed.

Time is cut into blocks of `block_size` samples, the partition size of the first level, from the start of the stream.
The schedule of a level says how many subtasks are done at the end of each of these blocks. Only the first level, whose
partitions are short, need not be deferred: the transform of a block is made when it is full, and what it adds to the
next one when that begins. If the next block is there as a whole then, the head is computed as one more partition, whose
products share the inverse transform of the others. Only this depends on how the caller cuts the stream into blocks, and
it changes only the last bits.

Several inputs and outputs: output o is input o through its filter or the one filter of all; or, in a matrix, the sum of
all inputs, input i through filter i outputs + o.

References: Gardner, Efficient convolution without input-output delay (1995); Garcia, Optimal filter partition for
efficient convolution with short input/output delay (2002); Wefers, Partitioned convolution algorithms for real-time
auralization (2015), chapters 5 and 6.
"""

import numpy as np

from audioconv.kernels._jit import inner, part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp._fir import fir
from audioconv.kernels.dsp.passes import first_columns
from audioconv.kernels.dsp.right_angle import last_columns, signal_chunk, spectrum_chunk
from audioconv.kernels.dsp.spectrum import multiply_add, multiply_add4
from audioconv.kernels.simd.denormals import flush_denormal
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at, read_only_floats_at
from audioconv.kernels.simd.views import read_only_view

# The state of the step: addresses and sizes of the memory segments of a convolver, then of each level header and
# twiddle table of its FFT plan.
SEGMENTS = layout(
    "SEGMENTS", "header", "header_size", "state", "state_size", "ir", "ir_size", "schedule", "schedule_size"
)
LEVEL_SEGMENTS = layout("LEVEL_SEGMENTS", "plan", "plan_size", "table", "table_size", first=SEGMENTS.row_size)
LEVEL_SEGMENTS_SIZE = LEVEL_SEGMENTS.row_size

# Header: constants of a convolver, then what changes. Names of parts of the state are offsets into it:
# - delay_line: of each input the last `delay_line_past` samples before the block, and the block, for the direct head;
# - history: of each input a ring buffer of `history_size` samples, a whole number of the longest partitions;
# - result: two work spaces of `block_size` samples.
# `head_taps` taps of each filter are at `head` in ir. position: samples of the block that have come in; history_end:
# where the next sample goes in the history; subtasks that are done and due in this block; whether the block came as a
# whole, so that its head is a partition.
HEADER = layout(
    "HEADER", "inputs", "outputs", "filters", "matrix", "latency", "block_size", "head_taps", "levels", "head",
    "delay_line", "delay_line_past", "history", "history_size", "result",
    "position", "history_end", "subtasks_done", "subtasks_due", "whole_block",
)  # fmt: skip
# A level. Constants: taps of a partition; partitions; blocks of the stream in one of the level; spectra in the FDL of
# an input; d (above); whether it is deferred; points of a chunk of its transform, chunks; pieces of the first and the
# last pass, columns of a piece; subtasks of the forward transforms, of all; offsets in the state of the FDL, of the
# outputs (double-buffered if deferred), of work space and of the sum of products; offsets of its filters in ir, and of
# its schedule. Then what changes: the newest spectrum in the FDL, the block of the stream within one of the level, the
# output buffer that is played, the next subtask, and the one before which this block stops.
LEVEL = layout(
    "LEVEL", "partition_size", "partitions", "blocks", "fdl_length", "delay", "deferred", "chunk", "chunks", "pieces",
    "columns", "forward_subtasks", "subtasks", "fdl", "outputs", "work", "products", "filters", "schedule",
    "fdl_newest", "block", "buffer_index", "next_subtask", "subtask_limit",
    first=HEADER.row_size,
)  # fmt: skip
LEVEL_SIZE = LEVEL.row_size
SUBTASK_PARTITIONS = 4  # of a subtask of products


# --- one block --------------------------------------------------------------------------------------------


@part
def _output_buffer(level, header, output, buffer_index):
    """Where in the state an output buffer of a level is."""
    return header[level + LEVEL.outputs] + (2 * output + buffer_index) * header[level + LEVEL.partition_size]


@part
def _routing(header, output):
    """The first input of an output, how many there are, and the filter of the first; filters are `step` apart."""
    if header[HEADER.matrix]:
        return 0, header[HEADER.inputs], output, header[HEADER.outputs]
    return output, np.int64(1), min(output, header[HEADER.filters] - 1), np.int64(0)


@part
def _delay_line(header, i):
    """Where in the state the delay line of an input begins."""
    return header[HEADER.delay_line] + i * (header[HEADER.delay_line_past] + header[HEADER.block_size])


@part
def _write_input(header, state, x, first, count):
    """Write `count` frames of the input, all of one block, to delay lines and history."""
    inputs = header[HEADER.inputs]
    for i in range(inputs):
        line = _delay_line(header, i) + header[HEADER.delay_line_past] + header[HEADER.position]
        past = header[HEADER.history] + i * header[HEADER.history_size] + header[HEADER.history_end]
        for t in range(count):
            value = flush_denormal(x, x[(first + t) * inputs + i])
            state[line + t] = value
            state[past + t] = value
    header[HEADER.history_end] += count


@part
def _read_output(header, state, ir, y, first, count):
    """The outputs of these frames: the direct head, and the output buffers of the levels."""
    outputs, position, head_taps = header[HEADER.outputs], header[HEADER.position], header[HEADER.head_taps]
    begin_other = header[HEADER.result] + header[HEADER.block_size]
    result = state[header[HEADER.result] : header[HEADER.result] + count]
    other = state[begin_other : begin_other + count]
    for o in range(outputs):
        begin, inputs, filters, step = _routing(header, o)
        if head_taps == 0 or header[HEADER.whole_block]:
            for t in range(count):
                result[t] = 0
        else:
            for i in range(begin, begin + inputs):
                now = _delay_line(header, i) + header[HEADER.delay_line_past] + position - header[HEADER.latency]
                taps = header[HEADER.head] + (filters + (i - begin) * step) * head_taps
                fir(read_only_view(state[now - head_taps + 1 : now + count]), ir[taps : taps + head_taps],
                    result if i == begin else other)  # fmt: skip
                if i > begin:
                    for t in range(count):
                        result[t] += other[t]
        for number in range(header[HEADER.levels]):
            level = LEVEL_SIZE * number
            buffer = _output_buffer(level, header, o, header[level + LEVEL.buffer_index])
            ready = buffer + header[level + LEVEL.block] * header[HEADER.block_size] + position
            for t in range(count):
                result[t] += state[ready + t]
        for t in range(count):
            y[(first + t) * outputs + o] = result[t]


@stage_step
def advance(segments, x, y, frames):
    """Convolve interleaved frames; y may be x if it has as many channels."""
    header = integers_at(segments, SEGMENTS.header, 0, segments[SEGMENTS.header_size], segments)
    source, target = carray(x, frames * header[HEADER.inputs]), carray(y, frames * header[HEADER.outputs])
    state = floats_at(segments, SEGMENTS.state, 0, segments[SEGMENTS.state_size], x)
    ir = read_only_floats_at(segments, SEGMENTS.ir, 0, segments[SEGMENTS.ir_size], x)
    block_size, levels = header[HEADER.block_size], header[HEADER.levels]
    immediate = 1 if levels > 0 and not header[LEVEL.deferred] else 0  # levels that are not deferred: the first or none
    first = 0
    while first < frames:
        count = min(block_size - header[HEADER.position], frames - first)
        _write_input(header, state, source, first, count)
        if header[HEADER.position] == 0 and immediate:
            header[HEADER.whole_block] = count == block_size
            header[LEVEL.next_subtask] = 0 if header[HEADER.whole_block] else header[LEVEL.forward_subtasks]
            header[LEVEL.subtask_limit] = header[LEVEL.subtasks]
        for output_done in range(2):  # the subtasks before and after; one loop, so that they are compiled once
            if output_done:
                _read_output(header, state, ir, target, first, count)
                header[HEADER.position] += count
                if header[HEADER.position] == block_size and immediate and not header[HEADER.whole_block]:
                    header[LEVEL.next_subtask], header[LEVEL.subtask_limit] = 0, header[LEVEL.forward_subtasks]
            for number in range(levels if output_done else immediate):
                level = LEVEL_SIZE * number
                while _is_due(header, level):
                    _subtask(segments, header, state, ir, number, header[level + LEVEL.next_subtask])
                    header[level + LEVEL.next_subtask] += 1
                    header[HEADER.subtasks_done] += header[level + LEVEL.deferred]
        if header[HEADER.position] == block_size:
            _end_block(segments, header, state)
        first += count


# --- the work of the levels -------------------------------------------------------------------------------


@part
def _is_due(header, level):
    """Whether a level has a subtask to do now: deferred ones are spread evenly over the samples of a block."""
    due = header[HEADER.subtasks_done] * header[HEADER.block_size] < (
        header[HEADER.subtasks_due] * header[HEADER.position]
    )
    waiting = header[level + LEVEL.next_subtask] < header[level + LEVEL.subtask_limit]
    return waiting and (due or not header[level + LEVEL.deferred])


@part
def _end_block(segments, header, state):
    """End a block, and look up in the schedule how many subtasks the next one has to do."""
    block_size = header[HEADER.block_size]
    for i in range(header[HEADER.inputs]):
        line = _delay_line(header, i)
        for t in range(line, line + header[HEADER.delay_line_past]):
            state[t] = state[t + block_size]
    header[HEADER.position], header[HEADER.whole_block] = 0, 0
    header[HEADER.subtasks_done], header[HEADER.subtasks_due] = 0, 0
    for number in range(header[HEADER.levels]):
        level = LEVEL_SIZE * number
        deferred = header[level + LEVEL.deferred]
        header[level + LEVEL.block] += 1
        if header[level + LEVEL.block] == header[level + LEVEL.blocks]:
            newest = header[level + LEVEL.fdl_newest] + 1
            header[level + LEVEL.block] = 0
            header[level + LEVEL.next_subtask] = 0 if deferred else header[level + LEVEL.subtasks]
            header[level + LEVEL.fdl_newest] = newest if newest < header[level + LEVEL.fdl_length] else 0
            header[level + LEVEL.buffer_index] ^= deferred
        schedule = integers_at(
            segments, SEGMENTS.schedule, header[level + LEVEL.schedule], header[level + LEVEL.blocks], segments
        )
        # before the first block all subtasks count as done, and nothing is due
        limit = max(header[level + LEVEL.next_subtask], schedule[header[level + LEVEL.block]])
        header[level + LEVEL.subtask_limit] = limit
        header[HEADER.subtasks_due] += limit - header[level + LEVEL.next_subtask]
    if header[HEADER.history_end] == header[HEADER.history_size]:
        header[HEADER.history_end] = 0


@part
def _columns(header, level, piece):
    """The columns of a piece of the first or the last pass."""
    return piece * header[level + LEVEL.columns], (piece + 1) * header[level + LEVEL.columns]


@part
def _subtask(segments, header, state, ir, number, subtask):
    """Do a subtask of a level: of the transforms of all inputs, then of products and inverse transform of each output.

    An output goes chunk by chunk, so that the sum of products is never longer than a chunk.
    """
    level, of_level = LEVEL_SIZE * number, LEVEL_SEGMENTS_SIZE * number
    plan = integers_at(
        segments, of_level + LEVEL_SEGMENTS.plan, 0, segments[of_level + LEVEL_SEGMENTS.plan_size], segments
    )
    table = read_only_floats_at(
        segments, of_level + LEVEL_SEGMENTS.table, 0, segments[of_level + LEVEL_SEGMENTS.table_size], state
    )
    work = state[header[level + LEVEL.work] : header[level + LEVEL.products]]
    chunks, pieces, chunk = header[level + LEVEL.chunks], header[level + LEVEL.pieces], header[level + LEVEL.chunk]
    if subtask < header[level + LEVEL.forward_subtasks]:
        i, k = subtask // (pieces + chunks), subtask % (pieces + chunks)
        if k < pieces:
            _first_pass_piece(header, state, level, i, k, plan, table, work)
        else:
            k -= pieces
            spectrum = (i * chunks + k) * header[level + LEVEL.fdl_length] + header[level + LEVEL.fdl_newest]
            place = header[level + LEVEL.fdl] + spectrum * 2 * chunk
            spectrum_chunk(plan, table, work, k * chunk, state, place)
        return
    _, inputs, _, _ = _routing(header, 0)
    groups = -(-header[level + LEVEL.partitions] // SUBTASK_PARTITIONS)
    steps = inputs * groups + 1
    subtask -= header[level + LEVEL.forward_subtasks]
    o, k = subtask // (chunks * steps + pieces), subtask % (chunks * steps + pieces)
    if k >= chunks * steps:
        low, high = _columns(header, level, k - chunks * steps)
        size, deferred = header[level + LEVEL.partition_size], header[level + LEVEL.deferred]
        target = _output_buffer(level, header, o, header[level + LEVEL.buffer_index] ^ deferred)
        last_columns(plan, table, work, size, state, target, size, low, high)
    elif k % steps < steps - 1:
        _products(header, state, ir, level, o, k // steps, k % steps // groups, k % steps % groups)
    else:
        products = header[level + LEVEL.products]
        signal_chunk(read_only_view(state), products, plan, table, work, k // steps * chunk)


@inner
def _first_pass_piece(header, state, level, i, piece, plan, table, work):
    """A piece of the first pass over the last two blocks (of the level) of an input."""
    low, high = _columns(header, level, piece)
    # the history is a ring buffer, a whole number of blocks long, and its end is where the last full block ends
    size, history_size = header[level + LEVEL.partition_size], header[HEADER.history_size]
    past = header[HEADER.history] + i * history_size
    since = header[level + LEVEL.block] * header[HEADER.block_size] + header[HEADER.position]
    end = header[HEADER.history_end] - since * header[level + LEVEL.deferred]
    newer = end - size if end >= size else end - size + history_size
    older = newer - size if newer >= size else newer - size + history_size
    first_columns(read_only_view(state), past + newer, past + older, np.int64(0), plan, table, work, low, high)


@inner
def _products(header, state, ir, level, o, chunk, i, group):
    """Multiply-accumulate a group of partitions with spectra in the FDL of the i-th input of an output, in a chunk."""
    first, _, filters, step = _routing(header, o)
    partitions, length = header[level + LEVEL.partitions], header[level + LEVEL.fdl_length]
    size, total = 2 * header[level + LEVEL.chunk], header[level + LEVEL.products]
    q, last = group * SUBTASK_PARTITIONS, min(partitions, (group + 1) * SUBTASK_PARTITIONS)
    if i == 0 and group == 0:
        for t in range(total, total + size):
            state[t] = 0
    if group == 0 and not header[level + LEVEL.deferred] and not header[HEADER.whole_block]:
        q = 1  # the head, which would need the spectrum of this block, is done directly
    fdl = header[level + LEVEL.fdl] + ((first + i) * header[level + LEVEL.chunks] + chunk) * length * size
    spectrum = ((filters + i * step) * header[level + LEVEL.chunks] + chunk) * partitions + q
    taps = header[level + LEVEL.filters] + spectrum * size
    newest = header[level + LEVEL.fdl_newest] - header[level + LEVEL.delay] - q
    if q + SUBTASK_PARTITIONS == last:
        a, b, c, d = (newest % length, (newest - 1) % length, (newest - 2) % length, (newest - 3) % length)
        places = (fdl + a * size, fdl + b * size, fdl + c * size, fdl + d * size)
        multiply_add4(state, total, read_only_view(state), places, ir, taps, size)
    else:
        for j in range(last - q):
            place = fdl + (newest - j) % length * size
            multiply_add(state, total, read_only_view(state), place, ir, taps + j * size, size)
