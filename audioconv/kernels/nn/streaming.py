"""The loop that runs a network on a stream: each op takes as many frames as are available.

What an op reads is buffered in a queue, memory with `written` rows, one a frame; each op that reads it has its own read
position, where its next window begins. Before an op runs, its instructions in the table are patched: how many frames,
and where in the queues they are. So the same op kernels serve clips and streams.
"""

import numpy as np

from audioconv.kernels._jit import kernel, op_kernel, part, stage_step
from audioconv.kernels._layout import layout
from audioconv.kernels.nn.operands import DIMS, doubles, element, floats, invoke, op_layout
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at

# An op: first and end of its instructions, of its reads and of its patches; the queue that it writes; units
# made so far, and at most at once; rows of a unit; rows beyond whole units (ENDLESS: as many as there are windows);
# how many units there are in all.
STREAM_OP = layout(
    "STREAM_OP", "first_instruction", "end_instruction", "first_read", "end_read", "target", "emitted", "max_units",
    "first_patch", "end_patch", "unit", "extra", "limit",
)  # fmt: skip
# A read: which queue, where the next window begins, its span and stride, rows of padding after the end.
READ = layout("READ", "queue", "position", "span", "stride", "after")
# A queue: rows written, rows that fit, elements of a row, where it begins in memory, rows since the start, elements of
# padding at the beginning of a row.
QUEUE = layout("QUEUE", "written", "capacity", "width", "begin", "total", "low")
# A patch: which number of which instruction, the kind of it, what it is counted from, by which read; of units the
# `tile`-th of every `tiles` is meant.
PATCH = layout("PATCH", "instruction", "field", "kind", "value", "read", "tile", "tiles")
COUNT, READ_OFFSET, WRITE_OFFSET, PADDING, SIZE = range(5)  # kinds of patches
ENDLESS = 1 << 40
NETWORK_BLOCK = 16  # frames that go through a network at a time


@part
def _due(op, reads, queues):
    """How many rows an op still has to make, once the end of the stream is known."""
    rows = queues[reads[op[STREAM_OP.first_read], READ.queue], QUEUE.total]
    return (rows - op[STREAM_OP.emitted]) * op[STREAM_OP.unit] + op[STREAM_OP.extra] if rows else 0


@part
def _room(op, queues):
    """How many units an op has tables and memory for."""
    target = op[STREAM_OP.target]
    rows = min(op[STREAM_OP.max_units], queues[target, QUEUE.capacity] - queues[target, QUEUE.written])
    return rows // op[STREAM_OP.unit]


@part
def _available(op, reads, queues, ending):
    """How many units of an op have all their inputs."""
    count, unit = op[STREAM_OP.limit] - op[STREAM_OP.emitted], op[STREAM_OP.unit]
    for r in range(op[STREAM_OP.first_read], op[STREAM_OP.end_read]):
        written = queues[reads[r, READ.queue], QUEUE.written] + ending * reads[r, READ.after]
        have = written - reads[r, READ.position]
        count = min(count, (have - reads[r, READ.span]) // reads[r, READ.stride] + 1)
    if ending:
        count = min(count, (_due(op, reads, queues) + unit - 1) // unit)
    return max(count, 0)


@part
def _patch(table, op, reads, queues, patches, count, ending):
    """Patch the instructions of an op: how many units to make, and where."""
    target, emitted = op[STREAM_OP.target], op[STREAM_OP.emitted]
    for p in range(op[STREAM_OP.first_patch], op[STREAM_OP.end_patch]):
        value, tile, tiles = patches[p, PATCH.value], patches[p, PATCH.tile], patches[p, PATCH.tiles]
        kind, read = patches[p, PATCH.kind], patches[p, PATCH.read]
        first = (tile - emitted) % tiles
        those = max(count - first + tiles - 1, 0) // tiles
        shift = first - tile if those else -tile
        if kind == COUNT:
            value *= those
        elif kind == READ_OFFSET:
            rows = reads[read, READ.position] + shift * reads[read, READ.stride]
            value += rows * queues[reads[read, READ.queue], QUEUE.width]
        elif kind == WRITE_OFFSET:
            value += (queues[target, QUEUE.written] + shift) * queues[target, QUEUE.width]
        elif kind == PADDING:
            value -= emitted * reads[read, READ.stride]
        elif ending:
            value += queues[reads[read, READ.queue], QUEUE.total]
        else:
            value = ENDLESS
        table[patches[p, PATCH.instruction], patches[p, PATCH.field]] = value


@part
def _make_room(queues, reads, memory):
    """Move the rows that are still to be read to the beginning of each queue that is more than half full."""
    for q in range(queues.shape[0]):
        if 2 * queues[q, QUEUE.written] > queues[q, QUEUE.capacity]:
            done = queues[q, QUEUE.written]
            for r in range(reads.shape[0]):
                if reads[r, READ.queue] == q:
                    done = min(done, reads[r, READ.position])
            width, begin = queues[q, QUEUE.width], queues[q, QUEUE.begin]
            for i in range(begin, begin + (queues[q, QUEUE.written] - done) * width):
                memory[i] = memory[i + done * width]
            queues[q, QUEUE.written] -= done
            for r in range(reads.shape[0]):
                if reads[r, READ.queue] == q:
                    reads[r, READ.position] -= done


@part
def _read_input(queue, memory, x):
    """Copy rows of x to the first queue; how many."""
    taken = min(x.shape[0], queue[QUEUE.capacity] - queue[QUEUE.written])
    for t in range(taken):
        start = queue[QUEUE.begin] + (queue[QUEUE.written] + t) * queue[QUEUE.width] + queue[QUEUE.low]
        for c in range(x.shape[1]):
            memory[start + c] = x[t, c]
    queue[QUEUE.written] += taken
    queue[QUEUE.total] += taken
    return taken


@part
def _write_output(queue, memory, y):
    """Copy rows of the last queue to y, and move what is left to its beginning; how many."""
    given, begin, width = min(queue[QUEUE.written], y.shape[0]), queue[QUEUE.begin], queue[QUEUE.width]
    for t in range(given):
        for c in range(y.shape[1]):
            y[t, c] = memory[begin + t * width + c]
    queue[QUEUE.written] -= given
    if given:
        for i in range(begin, begin + queue[QUEUE.written] * width):
            memory[i] = memory[i + given * width]
    return given


@part
def _pad_end(op, reads, queues, fills, memory):
    """Put padding after the end of what an op reads."""
    for r in range(op[STREAM_OP.first_read], op[STREAM_OP.end_read]):
        q = reads[r, READ.queue]
        start = queues[q, QUEUE.begin] + queues[q, QUEUE.written] * queues[q, QUEUE.width]
        for i in range(start, start + reads[r, READ.after] * queues[q, QUEUE.width]):
            memory[i] = fills[r]


@kernel
def run_stream(table, ops, reads, queues, patches, fills, memory, segments, like, x, y, ending):
    """Take the rows of x (rows, width) and write to y what they complete; returns (rows of x taken, rows of y, units).

    Queue 0 is that of x, and the last that of y. fills (reads,): the value of padding after the end; memory: where the
    queues are, also the first of the segments. Call again until no row is taken or returned, and when `ending`, with an
    empty x, until no op has made a unit either.
    """
    taken, last, made = _read_input(queues[0], memory, x), queues.shape[0] - 1, np.int64(0)
    for o in range(ops.shape[0]):
        op = ops[o]
        if ending:
            _pad_end(op, reads, queues, fills, memory)
        available = _available(op, reads, queues, ending)
        count = min(available, _room(op, queues))
        if count:
            made += count
            _patch(table, op, reads, queues, patches, count, ending)
            for i in range(op[STREAM_OP.first_instruction], op[STREAM_OP.end_instruction]):
                invoke(table, i, segments, like, np.int64(0), np.int64(1), np.int64(0), np.int64(0))
            rows_made = count * op[STREAM_OP.unit]
            if ending:
                rows_made = min(rows_made, _due(op, reads, queues))
            for r in range(op[STREAM_OP.first_read], op[STREAM_OP.end_read]):
                reads[r, READ.position] += count * reads[r, READ.stride]
            op[STREAM_OP.emitted] += count
            queues[op[STREAM_OP.target], QUEUE.written] += rows_made
            queues[op[STREAM_OP.target], QUEUE.total] += rows_made
        if count < available:
            ending = 0  # there is more to come before the end of what it makes
    given = _write_output(queues[last], memory, y)
    _make_room(queues[:last], reads, memory)
    return taken, given, made


ARRAY = layout("ARRAY", "address", "size")
# State of `network_step`: the arrays that `run_stream` takes, each an address and a size; numbers of an instruction, of
# a row of x and of y; rows of zeros that are still to come before the first output.
STREAM_STATE = layout(
    "STREAM_STATE",
    *[(name, ARRAY.row_size) for name in ("table", "ops", "reads", "queues", "patches", "fills", "memory", "segments")],
    "instruction_width", "x_width", "y_width", "due",
)  # fmt: skip
# constants for kernels, which see the fields of a layout alone
_OP, _READ, _QUEUE, _PATCH = STREAM_OP.row_size, READ.row_size, QUEUE.row_size, PATCH.row_size


@part
def array_floats(state, array, like):
    """The floats of an `ARRAY` in a state."""
    return floats_at(state, array + ARRAY.address, 0, state[array + ARRAY.size], like)


@part
def array_integers(state, array):
    """The int64 numbers of an `ARRAY` in a state."""
    return integers_at(state, array + ARRAY.address, 0, state[array + ARRAY.size], state)


@part
def _rows(state, array, width):
    return array_integers(state, array).reshape(state[array + ARRAY.size] // width, width)


@part
def stream_arrays(state, like):
    """The first arguments of `run_stream`, up to and with `like`, of a `STREAM_STATE`."""
    fills = array_floats(state, STREAM_STATE.fills, like)
    return (
        _rows(state, STREAM_STATE.table, state[STREAM_STATE.instruction_width]),
        _rows(state, STREAM_STATE.ops, _OP),
        _rows(state, STREAM_STATE.reads, _READ),
        _rows(state, STREAM_STATE.queues, _QUEUE),
        _rows(state, STREAM_STATE.patches, _PATCH),
        fills,
        array_floats(state, STREAM_STATE.memory, like),
        array_integers(state, STREAM_STATE.segments),
        fills,
    )


@stage_step
def network_step(state, x, y, frames):
    """Write a row of y for each of x; a network with look-ahead is delayed by as many rows, zeros at first."""
    arrays = stream_arrays(state, x)
    x_width, y_width = state[STREAM_STATE.x_width], state[STREAM_STATE.y_width]
    rows_x = carray(x, frames * x_width).reshape(frames, x_width)
    rows_y = carray(y, frames * y_width).reshape(frames, y_width)
    done = min(frames, state[STREAM_STATE.due])
    rows_y[:done] = 0
    state[STREAM_STATE.due] -= done
    read, moved = 0, True
    while moved and (read < frames or done < frames):
        block = rows_x[read : min(read + NETWORK_BLOCK, frames)]
        taken, given, _ = run_stream(*arrays, block, rows_y[done:], np.int64(0))
        read += taken
        done += given
        moved = taken + given > 0


RUNNING_MEAN = op_layout("RUNNING_MEAN", operands=("x", "y", "sums"), integers=DIMS)


@op_kernel(RUNNING_MEAN)
def running_mean(instruction, segments, like, clip, clips, micro_batch, thread):
    """y[t] = mean over all frames so far and all frequencies; `sums` are those of channels, and a count."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, RUNNING_MEAN.x, at)
    y = floats(instruction, segments, like, RUNNING_MEAN.y, at)
    state = doubles(instruction, segments, like, RUNNING_MEAN.sums, at)
    for t in range(instruction[RUNNING_MEAN.time]):
        state[instruction[RUNNING_MEAN.channels]] += instruction[RUNNING_MEAN.freq]
        for c in range(instruction[RUNNING_MEAN.channels]):
            for f in range(instruction[RUNNING_MEAN.freq]):
                state[c] += np.float64(x[element(instruction, RUNNING_MEAN.x, 0, t, f) + c])
            y[element(instruction, RUNNING_MEAN.y, 0, t, 0) + c] = state[c] / state[instruction[RUNNING_MEAN.channels]]
