"""The loop that runs a network on a stream: each operation takes as many frames as are there.

What an operation reads waits in a queue, a piece of memory with `written` rows; each that reads it has its own place
there, where its next window begins. Before an operation runs, its rows of the table are patched: how many frames, and
where in the queues they are. So the same steps serve clips and streams.
"""

import numpy as np

from audioconv.kernels._jit import kernel, part, stage_step, step
from audioconv.kernels.nn.elementwise import place
from audioconv.kernels.nn.operands import doubles, floats, invoke, rest
from audioconv.kernels.simd.pointers import carray, floats_at, integers_at

# rows of `operations`
FIRST_ROW, LAST_ROW, FIRST_READ, LAST_READ, TARGET, EMITTED, MOST, FIRST_PATCH, LAST_PATCH, UNIT, EXTRA, LIMIT = range(
    12
)
# rows of `reads`: queue, where the next window begins, its span and stride, rows of zeros after the end
QUEUE, PLACE, SPAN, STRIDE, AFTER = range(5)
# rows of `queues`: rows written, rows that fit, elements of a row, where it begins, rows since the start, left margin
WRITTEN, CAPACITY, ROW, BEGIN, TOTAL, LOW = range(6)
# rows of `patches`: row and field of the table, kind, value, read; of units the `TILE`-th of every `TILES` is meant
KIND, VALUE, READ, TILE, TILES = 2, 3, 4, 5, 6
COUNT, READ_PLACE, WRITE_PLACE, MARGIN, SIZE = range(5)
ENDLESS = 1 << 40
CHUNK = 16  # frames that go through a network at a time
_3 = rest(3)


@part
def _due(operation, reads, queues):
    """How many rows are still to be made when the end is known."""
    rows = queues[reads[operation[FIRST_READ], QUEUE], TOTAL]
    return (rows - operation[EMITTED]) * operation[UNIT] + operation[EXTRA] if rows else 0


@part
def _available(operation, reads, queues, ending):
    """How many units an operation can make now."""
    target, unit = operation[TARGET], operation[UNIT]
    count = min(operation[MOST], queues[target, CAPACITY] - queues[target, WRITTEN]) // unit
    count = min(count, operation[LIMIT] - operation[EMITTED])
    for r in range(operation[FIRST_READ], operation[LAST_READ]):
        have = queues[reads[r, QUEUE], WRITTEN] + ending * reads[r, AFTER] - reads[r, PLACE]
        count = min(count, (have - reads[r, SPAN]) // reads[r, STRIDE] + 1)
    if ending:
        count = min(count, (_due(operation, reads, queues) + unit - 1) // unit)
    return max(count, 0)


@part
def _patch(table, operation, reads, queues, patches, count, ending):
    target = operation[TARGET]
    for p in range(operation[FIRST_PATCH], operation[LAST_PATCH]):
        value, tile, tiles = patches[p, VALUE], patches[p, TILE], patches[p, TILES]
        kind, read = patches[p, KIND], patches[p, READ]
        first = (tile - operation[EMITTED]) % tiles
        those = max(count - first + tiles - 1, 0) // tiles
        shift = first - tile if those else -tile
        if kind == COUNT:
            value *= those
        elif kind == READ_PLACE:
            value += (reads[read, PLACE] + shift * reads[read, STRIDE]) * queues[reads[read, QUEUE], ROW]
        elif kind == WRITE_PLACE:
            value += (queues[target, WRITTEN] + shift) * queues[target, ROW]
        elif kind == MARGIN:
            value -= operation[EMITTED] * reads[read, STRIDE]
        elif ending:
            value += queues[reads[read, QUEUE], TOTAL]
        else:
            value = ENDLESS
        table[patches[p, 0], patches[p, 1]] = value


@part
def _make_room(queues, reads, memory):
    """Move what is still wanted of each queue to its beginning, where there is no room for more."""
    for q in range(queues.shape[0]):
        if 2 * queues[q, WRITTEN] > queues[q, CAPACITY]:
            done = queues[q, WRITTEN]
            for r in range(reads.shape[0]):
                if reads[r, QUEUE] == q:
                    done = min(done, reads[r, PLACE])
            width, begin = queues[q, ROW], queues[q, BEGIN]
            for i in range(begin, begin + (queues[q, WRITTEN] - done) * width):
                memory[i] = memory[i + done * width]
            queues[q, WRITTEN] -= done
            for r in range(reads.shape[0]):
                if reads[r, QUEUE] == q:
                    reads[r, PLACE] -= done


@part
def _take(queues, memory, x):
    """Copy rows of x to the first queue; how many."""
    taken = min(x.shape[0], queues[0, CAPACITY] - queues[0, WRITTEN])
    for t in range(taken):
        start = queues[0, BEGIN] + (queues[0, WRITTEN] + t) * queues[0, ROW] + queues[0, LOW]
        for c in range(x.shape[1]):
            memory[start + c] = x[t, c]
    queues[0, WRITTEN] += taken
    queues[0, TOTAL] += taken
    return taken


@part
def _give(queue, memory, y):
    """Copy rows of the last queue to y, and move what is left to its beginning; how many."""
    given, begin, width = min(queue[WRITTEN], y.shape[0]), queue[BEGIN], queue[ROW]
    for t in range(given):
        for c in range(y.shape[1]):
            y[t, c] = memory[begin + t * width + c]
    queue[WRITTEN] -= given
    if given:
        for i in range(begin, begin + queue[WRITTEN] * width):
            memory[i] = memory[i + given * width]
    return given


@part
def _end(operation, reads, queues, fills, memory):
    """Put what stands after the end of what an operation reads."""
    for r in range(operation[FIRST_READ], operation[LAST_READ]):
        q = reads[r, QUEUE]
        start = queues[q, BEGIN] + queues[q, WRITTEN] * queues[q, ROW]
        for i in range(start, start + reads[r, AFTER] * queues[q, ROW]):
            memory[i] = fills[r]


@kernel
def run_stream(table, operations, reads, queues, patches, fills, memory, spaces, like, x, y, ending):
    """Take the rows of x (rows, width) and write to y what they complete; returns (rows of x taken, rows of y).

    Queue 0 is that of x, and the last that of y. fills (reads,): what stands after the end; memory: where the queues
    are, also the first of the spaces. Call again until nothing is taken or given any more. When `ending`, x is empty.
    """
    taken, last = _take(queues, memory, x), queues.shape[0] - 1
    for o in range(operations.shape[0]):
        operation = operations[o]
        if ending:
            _end(operation, reads, queues, fills, memory)
        count = _available(operation, reads, queues, ending)
        if count:
            _patch(table, operation, reads, queues, patches, count, ending)
            for row in range(operation[FIRST_ROW], operation[LAST_ROW]):
                invoke(table, row, spaces, like, np.int64(0), np.int64(1), np.int64(0), np.int64(0))
            rows_made = count * operation[UNIT]
            if ending:
                rows_made = min(rows_made, _due(operation, reads, queues))
            for r in range(operation[FIRST_READ], operation[LAST_READ]):
                reads[r, PLACE] += count * reads[r, STRIDE]
            operation[EMITTED] += count
            queues[operation[TARGET], WRITTEN] += rows_made
            queues[operation[TARGET], TOTAL] += rows_made
    given = _give(queues[last], memory, y)
    _make_room(queues[:last], reads, memory)
    return taken, given


# state of `network_step`: addresses of what `run_stream` takes, then their sizes and the widths of rows
TABLE, OPERATIONS, READS, QUEUES, PATCHES, FILLS, MEMORY, SPACES = range(8)
SIZES, X_WIDTH, Y_WIDTH, ROW_WIDTH = 8, 16, 17, 18
DUE, STATE = 19, 20  # DUE: rows of zeros that come before the first output; STATE: how many numbers


@part
def _table(state, i, width):
    return integers_at(state, i, 0, state[SIZES + i], state).reshape(state[SIZES + i] // width, width)


@stage_step
def network_step(state, x, y, frames):
    """Give a row of y for each of x: a network that looks ahead is behind by as many rows, zeros at first."""
    table, operations = _table(state, TABLE, state[ROW_WIDTH]), _table(state, OPERATIONS, LIMIT + 1)
    reads, queues = _table(state, READS, AFTER + 1), _table(state, QUEUES, LOW + 1)
    patches = _table(state, PATCHES, TILES + 1)
    fills = floats_at(state, FILLS, 0, state[SIZES + FILLS], x)
    memory = floats_at(state, MEMORY, 0, state[SIZES + MEMORY], x)
    spaces = integers_at(state, SPACES, 0, state[SIZES + SPACES], state)
    rows_x = carray(x, frames * state[X_WIDTH]).reshape(frames, state[X_WIDTH])
    rows_y = carray(y, frames * state[Y_WIDTH]).reshape(frames, state[Y_WIDTH])
    done = min(frames, state[DUE])
    rows_y[:done] = 0
    state[DUE] -= done
    read, moved = 0, True
    while moved and (read < frames or done < frames):
        block = rows_x[read : min(read + CHUNK, frames)]
        taken, given = run_stream(table, operations, reads, queues, patches, fills, memory, spaces, fills, block,
                                  rows_y[done:], np.int64(0))  # fmt: skip
        read += taken
        done += given
        moved = taken + given > 0


@step
def running_mean(row, spaces, like, clip, clips, group, thread):
    """y[t] = mean over all frames so far and all frequencies; operands x, y, state: sums of channels and a count."""
    at = (clip, clips, group)
    x, y, state = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at), doubles(row, spaces, like, 2, at)
    o = _3
    for t in range(row[o]):
        state[row[o + 2]] += row[o + 1]
        for c in range(row[o + 2]):
            for f in range(row[o + 1]):
                state[c] += np.float64(x[place(row, 0, 0, t, f) + c])
            y[place(row, 1, 0, t, 0) + c] = state[c] / state[row[o + 2]]
