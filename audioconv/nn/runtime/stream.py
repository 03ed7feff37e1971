"""A network on a stream: frames in, rows of outputs as soon as they can be known.

The graph of the network is that of inference. Each of its tensors becomes a queue: what an operation cannot use yet
waits there. Padding at the start is there from the start; padding at the end comes with `flush`, layer by layer, so
that a stream and its flush give what the whole clip gives. Where a branch of a residual is behind the other, the other
waits.
"""

from fractions import Fraction
from math import ceil, prod

import numpy as np

from audioconv.arrays import aligned, floating, whole
from audioconv.errors import DtypeError, ShapeError
from audioconv.kernels._jit import JIT_ENABLED
from audioconv.kernels.nn import implicit_gemm, pooling
from audioconv.kernels.nn import streaming as kernels
from audioconv.kernels.nn.operands import INDEX, OFFSET, OPERAND, WORK, rest
from audioconv.nn.debug import memory_is_checked
from audioconv.nn.ops.graph import CLIP, NO_HALO, Graph
from audioconv.nn.ops.pointwise import scaled
from audioconv.nn.ops.tensor_view import TensorView, shape3
from audioconv.nn.runtime.plan import FIRST_ARRAY
from audioconv.nn.runtime.program import one_buffer
from audioconv.stage import Guard

_MARGINS = rest(2) + pooling.MARGIN, rest(2) + pooling.SIZE


class StreamPlan:
    """Queues, tables and patches for a graph, as `kernels.streaming.run_stream` takes them."""

    def __init__(self, graph, x, y, room):
        self.graph, self.dtype, self.micro_batch_count, self.largest = graph, graph.dtype, 1, 1
        self.arrays, self._index, self._spaces = [], [0], {}
        self._queues, self._shapes, self.size = {}, [], 0
        margins = {t: m for o in graph.operations for t, m in o.margins.items()}
        self._before = {t: max(o.margins.get(t, NO_HALO).time[0] for o in graph.operations) for t in margins}
        self._after = {t: max(o.margins.get(t, NO_HALO).time[1] for o in graph.operations) for t in margins}
        self._freq = {t: tuple(max(o.margins.get(t, NO_HALO).freq[i] for o in graph.operations) for i in (0, 1))
                      for t in margins}  # fmt: skip
        self._fill = {t: m.fill for t, m in margins.items()}
        self.room = room
        self._queue(x)
        self.table, self.operations, self.reads, self.patches, self.fills = [], [], [], [], []
        for operation in graph.operations:
            self._add(operation)
        assert self._queues[y] == len(self._shapes) - 1, "the output is what is made last"
        self.index = np.array(self._index, np.int64)
        self.size += _round(graph) * self._shapes[-1][2]  # a view from where the last of some tiles writes

    def _queue(self, tensor):
        """Make a queue for a tensor; rows never join, so that time stays a count of its own."""
        _, freq, channels = shape3(tensor.shape)
        low, high = self._freq.get(tensor, (0, 0))
        width = -(-((low + freq + high) * channels + 1) // 16) * 16
        before = self._before.get(tensor, 0)
        rows = 2 * (before + max(self.room, shape3(tensor.shape)[0])) + kernels.CHUNK + self._after.get(tensor, 0)
        self._queues[tensor] = len(self._shapes)
        fits = rows - self._after.get(tensor, 0)
        shape = [before, fits, width, self.size, 0, low * channels]
        self._shapes.append([*shape, self._fill.get(tensor, 0.0), rows, freq * channels])
        self.size += rows * width

    def _location(self, tensor, read, before):
        _, _, width, begin, _, low, *_ = self._shapes[self._queues[tensor]]
        size = (self._shapes[self._queues[tensor]][1]) * width - low
        channels = shape3(tensor.shape)[2]
        place = TensorView(WORK, begin + low, 0, 0, 0, size, width, channels, read)
        return place.moved(before)

    def _add(self, operation):
        (target,), window = operation.writes, operation.window
        if target not in self._queues:
            self._queue(target)
        places, first_read, first_row = {}, len(self.reads), len(self.table)
        for tensor in operation.reads:
            if tensor.per == CLIP:
                margins = operation.margins.get(tensor, NO_HALO)
                places[tensor] = self._location(tensor, len(self.reads), margins.time[0])
                place = self._shapes[self._queues[tensor]][0] - margins.time[0]
                self.reads.append([self._queues[tensor], place, window.span, window.stride, margins.time[1]])
                self.fills.append(margins.fill)
            else:
                places[tensor] = self._array(tensor)
        places[target] = self._location(target, "y", 0)
        first_patch = len(self.patches)
        for row in operation.encode(self, places.__getitem__):
            self._patch(row)
            self.table.append(row)
        most = shape3(target.shape)[0]
        most = most if window.tiles == 1 else max(1, most - window.tiles)  # so many fit the tables of each tile
        endless = kernels.ENDLESS
        self.operations.append([
            first_row, len(self.table), first_read, len(self.reads), self._queues[target], 0, most, first_patch,
            len(self.patches), window.unit, endless if window.extra is None else window.extra,
            window.limit or endless,
        ])  # fmt: skip

    def _array(self, tensor):
        if tensor not in self._spaces:
            self._spaces[tensor] = FIRST_ARRAY + len(self.arrays)
            self.arrays.append(tensor)
        return TensorView(self._spaces[tensor], size=tensor.size)

    def _patch(self, row):
        def patch(field, kind, value, read=0):
            self.patches.append([len(self.table), field, kind, value, read, row.tile, row.tiles])

        for i, read in enumerate(row.reads):
            field = 1 + OPERAND * i + OFFSET
            if read == "y":
                patch(field, kernels.WRITE_PLACE, row[field])
            elif read is not None:
                patch(field, kernels.READ_PLACE, row[field], read)
        product = row.step in (implicit_gemm.implicit_gemm, implicit_gemm.depthwise)
        patch(rest(len(row.reads)) + product, kernels.COUNT, row.per_frame)
        if row.step in (pooling.average_pool, pooling.lp_pool):
            patch(_MARGINS[0], kernels.MARGIN, row[_MARGINS[0]], row.reads[0])
            patch(_MARGINS[1], kernels.SIZE, row.counted, row.reads[0])

    def table_of(self, offsets):
        """The location of a table of offsets (int64) in the index."""
        start = len(self._index)
        self._index += np.asarray(offsets).reshape(-1).tolist()
        return TensorView(INDEX, start, size=len(self._index) - start)

    def shapes(self):
        """The queues as they are at the start, and what their memory is filled with."""
        return np.array([s[:6] for s in self._shapes], np.int64), [s[6] for s in self._shapes]

    def unwritten(self, memory):
        """Views of a stream's memory: what of each queue is neither written nor padding at the start."""
        for before, _, width, begin, _, low, _, rows, size in self._shapes:
            yield memory[begin : begin + rows * width].reshape(rows, width)[before:, low : low + size]


def _round(graph):
    """Frames of the input for which all sets of weights have had their turn."""
    return max((o.window.tiles * o.window.stride for o in graph.operations if o.window.tiles > 1), default=0)


def receptive(graph):
    """(receptive field, frames from one output to the next, look-ahead) of a graph, in frames of its input."""
    reach = {}  # tensor: first and last frame of the input that its row 0 has seen, step
    for operation in graph.operations:
        seen = [(t, reach.get(t, (0, 0, Fraction(1)))) for t in operation.reads if t.per == CLIP]
        window, bounds = operation.window, []
        for tensor, (low, high, step) in seen:
            before = operation.margins.get(tensor, NO_HALO).time[0]
            high += (window.span - 1 - before) * step
            bounds.append((low - before * step, high, step * window.stride / window.unit))
        for tensor in operation.writes:
            reach[tensor] = (min(b[0] for b in bounds), max(b[1] for b in bounds), max(b[2] for b in bounds))
    low, high, step = reach[graph.operations[-1].writes[0]] if graph.operations else (0, 0, Fraction(1))
    return ceil(high - low) + 1, step, max(ceil(high), 0)


class NetworkStream:
    """A network, frame by frame.

    Parameters
    ----------
    network : Layer
    shape : tuple
        Of a frame: (channels,) or (freq, channels).
    average : "clip" or int
        Global averages run over all frames since the start, or over the last so many.

    Attributes
    ----------
    latency : int
        0: nothing is delayed beyond the frames that it is made of. (In a chain, which has a row for each frame, it is
        late by `look_ahead`.)
    look_ahead : int
        So many frames after its own an output has to see.
    receptive_field : int, in frames
    """

    latency = 0

    def __init__(self, network, shape, average="clip"):
        average = average if average == "clip" else whole(average, "average")
        trial = self._graph(network, shape, 1 << 12, average)[0]
        self.receptive_field, self.step, self.look_ahead = receptive(trial)
        room = kernels.CHUNK + self.receptive_field + 2 * _round(trial)
        graph, x, y = self._graph(network, shape, room, average)
        self.dtype, self._shape, self._y_shape = network.dtype, tuple(shape), y.shape[1:]
        self.plan = StreamPlan(graph, x, y, room)
        self._guard, self._like, self._step_state = Guard("network stream"), np.empty(0, self.dtype), None
        self._memory = aligned(self.plan.size, self.dtype)
        self._weights = one_buffer(self.plan.arrays, self.dtype)
        arrays = {WORK: self._memory, INDEX: self.plan.index}
        arrays |= {FIRST_ARRAY + i: t.array for i, t in enumerate(self.plan.arrays)}
        self._arrays = arrays
        spaces = [arrays[i].reshape(-1) if i in arrays else None for i in range(FIRST_ARRAY + len(self.plan.arrays))]
        if JIT_ENABLED:
            spaces = np.array([0 if a is None else a.ctypes.data for a in spaces], np.int64)
        self._spaces = spaces
        width = max(map(len, self.plan.table), default=1)
        self._table = np.array([row + [0] * (width - len(row)) for row in self.plan.table], np.int64).reshape(-1, width)
        self._patches = np.array(self.plan.patches, np.int64).reshape(-1, 7)
        self._fills = np.array(self.plan.fills, self.dtype)
        self._limited = any(operation.window.limit for operation in graph.operations)
        self._rows = ceil(kernels.CHUNK / self.step) + 1  # of outputs for a chunk of frames
        self._queues = np.zeros_like(self.plan.shapes()[0])
        self._reads, self._operations = (
            np.zeros((len(self.plan.reads), 5), np.int64),
            np.zeros((len(self.plan.operations), 12), np.int64),
        )
        self._clear()

    def _graph(self, network, shape, time, average):
        graph = Graph(network.dtype, False, 1, stream=average)
        x = graph.placeholder("x", (time, *shape))
        y = network._build(graph, x)
        if len(y.shape) < 2:
            raise ShapeError(f"the output of a stream must have time, not shape {y.shape}")
        if y is x:
            y = scaled(graph, x, 1.0)
        return graph, x, y

    def _clear(self):
        queues, fills = self.plan.shapes()
        for (_, _, _, begin, _, _), fill in zip(queues, fills, strict=True):
            self._memory[begin:] = fill  # each begins after the one before
        if memory_is_checked():
            for part in self.plan.unwritten(self._memory):
                part[...] = np.nan
        for array in self.plan.graph.states:
            array[...] = 0
        if self._step_state is not None:
            self._step_state[kernels.DUE] = self.look_ahead
        # in their place, because a compiled step knows where they are
        self._queues[...] = queues
        self._reads[...] = np.array(self.plan.reads, np.int64).reshape(-1, 5)
        self._operations[...] = np.array(self.plan.operations, np.int64).reshape(-1, 12)

    @property
    def channels(self):
        """Numbers in a frame."""
        return prod(self._shape)

    @property
    def out_channels(self):
        """Numbers in a row of outputs."""
        return prod(self._y_shape)

    @property
    def bytes(self):
        """Memory of the state."""
        return self._memory.nbytes + sum(a.nbytes for a in self.plan.graph.states)

    def reset(self):
        """Forget the stream so far."""
        with self._guard:
            self._clear()

    def process(self, frames):
        """Take (frames, channels) or (frames, freq, channels) and return the rows of outputs that they complete."""
        frames = floating(frames, "frames", (len(self._shape) + 1,))
        if frames.dtype != self.dtype:
            raise DtypeError(f"this stream takes {self.dtype} frames, not {frames.dtype}")
        if frames.shape[1:] != self._shape:
            raise ShapeError(f"frames must have shape (frames, {', '.join(map(str, self._shape))}), not {frames.shape}")
        with self._guard:
            return self._run(np.ascontiguousarray(frames).reshape(len(frames), prod(self._shape)), False)

    def flush(self):
        """End the stream: the rows that are still due; then start afresh."""
        with self._guard:
            try:
                return self._run(np.empty((0, prod(self._shape)), self.dtype), True)
            finally:
                self._clear()

    def compiled_step(self):
        """The stream as code for a chain: `void step(void* state, float* in, float* out, int64 frames)`.

        Returns
        -------
        address : int
            Of the step; it gives a row of outputs for each frame, `look_ahead` rows of zeros first.
        state : int64 array
            Its `ctypes.data` is what the step takes. Keep it, and the stream, as long as the step is used; do not
            use the stream otherwise meanwhile.

        Raises
        ------
        ShapeError
            If the network does not give one output a frame.
        DtypeError
            If it is not float32.
        """
        if self.step != 1:
            raise ShapeError(f"a step of a chain gives an output for each frame, and this network one for {self.step}")
        if self.dtype != np.float32:
            raise DtypeError(f"a step of a chain takes float32, and this network {self.dtype}")
        if self._step_state is None:
            self._step_state = self._new_step_state()
        return kernels.network_step.address(self.dtype), self._step_state

    def _new_step_state(self):
        k = kernels
        arrays = {
            k.TABLE: self._table, k.OPERATIONS: self._operations, k.READS: self._reads, k.QUEUES: self._queues,
            k.PATCHES: self._patches, k.FILLS: self._fills, k.MEMORY: self._memory, k.SPACES: self._spaces,
        }  # fmt: skip
        state = np.zeros(k.STATE, np.int64)
        for place, array in arrays.items():
            state[place], state[k.SIZES + place] = array.ctypes.data, array.size
        state[k.X_WIDTH], state[k.Y_WIDTH] = prod(self._shape), prod(self._y_shape)
        state[k.DUE], state[k.ROW_WIDTH] = self.look_ahead, self._table.shape[1]
        return state

    def _check_limits(self, ending):
        """Weights of their own for each output are for clips of one length."""
        for operation in self._operations[self._operations[:, kernels.LIMIT] < kernels.ENDLESS]:
            made, limit = operation[kernels.EMITTED], operation[kernels.LIMIT]
            queue, place, span, _, after = self._reads[operation[kernels.FIRST_READ]]
            more = self._queues[queue, kernels.WRITTEN] + ending * after - place >= span
            if (made == limit and more) or (ending and made < limit):
                raise ShapeError(f"the stream is {'longer' if more else 'shorter'} than a clip: there are weights for "
                                 f"{limit} outputs")  # fmt: skip

    def _run(self, x, ending):
        found, width = [], prod(self._y_shape)
        while True:
            y = np.empty((self.plan.room if ending else self._rows, width), self.dtype)
            taken, given = kernels.run_stream(self._table, self._operations, self._reads, self._queues, self._patches,
                                              self._fills, self._memory, self._spaces, self._like, x[:kernels.CHUNK], y,
                                              int(ending))  # fmt: skip
            found.append(y[:given])
            x = x[taken:]
            if self._limited:
                self._check_limits(ending)
            if not len(x) and given < (1 if ending else len(y)):
                break
        rows = found[0] if len(found) == 1 else np.concatenate(found)
        return rows.reshape(len(rows), *self._y_shape)
