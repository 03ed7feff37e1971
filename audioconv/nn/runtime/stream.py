"""A network on a stream: frames in, rows of outputs as soon as their inputs are complete.

The graph of the network is that of inference. Each of its tensors becomes a queue, which buffers what an op cannot use
yet. Padding at the start is there from the start; padding at the end is added by `flush`, layer by layer, so that a
stream and its flush give what the whole clip gives. If a branch of a residual block lags, the other is buffered.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from audioconv.arrays import aligned, sizes, whole
from audioconv.errors import AudioconvError, DtypeError, ShapeError
from audioconv.kernels.nn import streaming as kernels
from audioconv.kernels.nn.operands import INDEX, WORKSPACE
from audioconv.kernels.nn.streaming import ARRAY, PATCH, QUEUE, READ, STREAM_OP, STREAM_STATE
from audioconv.nn.debug import memory_is_checked
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.pointwise import scale
from audioconv.nn.runtime.plan import FIRST_ARRAY
from audioconv.nn.runtime.program import one_buffer, segment_table
from audioconv.nn.runtime.stream_plan import StreamPlan, receptive, tile_round
from audioconv.stage import Guard, GuardedStage, checked_block

if TYPE_CHECKING:
    from audioconv._typing import Array, FloatArray, IntArray

TRIAL_FRAMES = 1 << 12  # of the graph that a receptive field is looked up in


class Network(Protocol):
    """What a stream needs of a layer."""

    dtype: np.dtype[Any]

    def _build(self, graph: Graph, x: Tensor) -> Tensor: ...


class NetworkStream(GuardedStage):
    """A network, frame by frame: what `Layer.stream` returns, a stage of chains.

    Parameters
    ----------
    network : Layer
    shape : tuple of int
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
    receptive_field : int
        Frames that an output depends on.
    step : Fraction
        Frames from one output to the next.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.Conv1d(2, 3, 5, rng=np.random.default_rng(0))
    >>> stream = nn.NetworkStream(layer, (2,))
    >>> stream
    NetworkStream((2,) -> (3,), receptive field 5 frames, look-ahead 2, float32)
    >>> x = np.ones((8, 2), "float32")
    >>> len(stream.process(x)), len(stream.flush())
    (6, 2)
    """

    latency = 0

    def __init__(self, network: Network, shape: Sequence[int], average: Literal["clip"] | int = "clip") -> None:
        self._network, self._shape = network, sizes(shape, "shape")
        self._average: Literal["clip"] | int = "clip" if average == "clip" else whole(average, "average")
        self._build()
        self._reset()

    def _build(self) -> None:
        """Make the plan and the memory."""
        self.dtype = self._network.dtype
        trial = self._graph(TRIAL_FRAMES)[0]
        self.receptive_field, self.step, self.look_ahead = receptive(trial)
        room = kernels.NETWORK_BLOCK + self.receptive_field + 2 * tile_round(trial)
        graph, x, y = self._graph(room)
        self._y_shape = y.shape[1:]
        self.plan = plan = StreamPlan(graph, x, y, room)
        self._guard, self._like = Guard("network stream"), np.empty(0, self.dtype)
        self._memory: Array = aligned(plan.size, self.dtype)
        self._weights = one_buffer(plan.arrays, self.dtype)
        arrays = {WORKSPACE: self._memory, INDEX: plan.index}
        arrays |= {i: t.array for i, t in enumerate(plan.arrays, FIRST_ARRAY) if t.array is not None}
        self._arrays = arrays  # they live as long as their addresses are used
        self._segments = segment_table(arrays, FIRST_ARRAY + len(plan.arrays))
        width = max(map(len, plan.table), default=1)
        self._table = _rows([row + [0] * (width - len(row)) for row in plan.table], width)
        self._patches = _rows(plan.patches, PATCH.row_size)
        self._fills = np.array(plan.fills, self.dtype)
        self._limited = any(op.window.limit for op in graph.ops)
        self._max_rows = ceil(kernels.NETWORK_BLOCK / self.step) + 1  # of outputs for a block of frames
        self._queues = plan.queues()
        self._reads = _rows(plan.reads, READ.row_size)
        self._ops = _rows(plan.ops, STREAM_OP.row_size)
        self._step_state: IntArray | None = None

    def __getstate__(self) -> dict[str, Any]:
        due = None if self._step_state is None else int(self._step_state[STREAM_STATE.due])
        return {
            "network": self._network, "shape": self._shape, "average": self._average, "due": due,
            "arrays": [array.copy() for array in self._state_arrays()],
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._network, self._shape, self._average = state["network"], state["shape"], state["average"]
        self._build()  # anew, because instructions hold addresses, which are of this process
        arrays = self._state_arrays()
        if [array.shape for array in arrays] != [array.shape for array in state["arrays"]]:
            raise AudioconvError("a copy of a NetworkStream needs its network as it was when the stream was made, but "
                                 "layers of it have changed since")  # fmt: skip
        for array, kept in zip(arrays, state["arrays"], strict=True):
            array[...] = kept
        if state["due"] is not None:
            self._step_state = self._new_step_state()
            self._step_state[STREAM_STATE.due] = state["due"]

    def _state_arrays(self) -> list[Array]:
        """What makes a stream go on where it is: its signal so far, and the weights, which the network may change."""
        return [self._memory, self._weights, self._queues, self._reads, self._ops, *self.plan.graph.states]

    def __repr__(self) -> str:
        return (
            f"NetworkStream({self._shape} -> {self._y_shape}, receptive field {self.receptive_field} frames, "
            f"look-ahead {self.look_ahead}, {self.dtype})"
        )

    def _graph(self, time: int) -> tuple[Graph, Tensor, Tensor]:
        graph = Graph(self.dtype, False, 1, stream=self._average)
        x = graph.placeholder("x", (time, *self._shape))
        y = self._network._build(graph, x)
        if len(y.shape) < 2:
            raise ShapeError(f"the output of a stream must have time, not shape {y.shape}")
        return graph, x, scale(graph, x, 1.0) if y is x else y

    def _reset(self) -> None:
        """Reset all state to the start of a stream."""
        self.plan.fill(self._memory)
        if memory_is_checked():
            for part in self.plan.unwritten(self._memory):
                part[...] = np.nan
        for array in self.plan.graph.states:
            array[...] = 0
        if self._step_state is not None:
            self._step_state[STREAM_STATE.due] = self.look_ahead
        # in place, because a compiled step has their addresses
        self._queues[...] = self.plan.queues()
        self._reads[...] = _rows(self.plan.reads, READ.row_size)
        self._ops[...] = _rows(self.plan.ops, STREAM_OP.row_size)

    @property
    def channels(self) -> int:
        """Numbers in a frame."""
        return prod(self._shape)

    @property
    def out_channels(self) -> int:
        """Numbers in a row of outputs."""
        return prod(self._y_shape)

    @property
    def bytes(self) -> int:
        """Memory of the state."""
        return self._memory.nbytes + sum(a.nbytes for a in self.plan.graph.states)

    def process(self, block: FloatArray) -> FloatArray:
        """Take frames and return the rows of outputs that they complete.

        Parameters
        ----------
        block : float array, shape (frames, channels) or (frames, freq, channels)
            In the dtype of the network.

        Returns
        -------
        rows : float array, shape (rows, channels) or (rows, freq, channels)
            A new array; it may have no rows.

        Raises
        ------
        DtypeError, ShapeError
            If the frames do not fit the network, or the stream is longer than what it has weights for.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: FloatArray) -> FloatArray:
        frames = checked_block(block, self.dtype, (self._shape,), name="frames", unit="frames")
        return self._run(np.ascontiguousarray(frames).reshape(len(frames), self.channels), False)

    def flush(self) -> FloatArray:
        """End the stream; it starts afresh.

        Returns
        -------
        rows : float array, shape (rows, channels) or (rows, freq, channels)
            The rows of outputs that are still due.

        Raises
        ------
        ShapeError
            If the stream is shorter than what the network has weights for.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> FloatArray:
        try:
            return self._run(np.empty((0, self.channels), self.dtype), True)
        finally:
            self._reset()

    def compiled_step(self) -> tuple[int, IntArray]:
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

    def _new_step_state(self) -> IntArray:
        arrays: dict[str, Array] = {
            "table": self._table, "ops": self._ops, "reads": self._reads, "queues": self._queues,
            "patches": self._patches, "fills": self._fills, "memory": self._memory, "segments": self._segments,
        }  # fmt: skip
        pairs = {name: ARRAY.pack(address=array.ctypes.data, size=array.size) for name, array in arrays.items()}
        state = STREAM_STATE.pack(
            **pairs, instruction_width=self._table.shape[1], x_width=self.channels, y_width=self.out_channels,
            due=self.look_ahead,
        )  # fmt: skip
        return np.array(state, np.int64)

    def _check_limits(self, ending: bool) -> None:
        """Weights of their own for each output are for clips of one length."""
        for op in self._ops[self._ops[:, STREAM_OP.limit] < kernels.ENDLESS]:
            made, limit, read = op[STREAM_OP.emitted], op[STREAM_OP.limit], self._reads[op[STREAM_OP.first_read]]
            written = self._queues[read[READ.queue], QUEUE.written] + ending * read[READ.after]
            more = written - read[READ.position] >= read[READ.span]
            if (made == limit and more) or (ending and made < limit):
                raise ShapeError(f"the stream is {'longer' if more else 'shorter'} than a clip: there are weights for "
                                 f"{limit} outputs")  # fmt: skip

    def _run(self, x: Array, ending: bool) -> FloatArray:
        found: list[Array] = []
        while True:
            y = np.empty((self.plan.room if ending else self._max_rows, self.out_channels), self.dtype)
            block = x[: kernels.NETWORK_BLOCK]
            taken, given = kernels.run_stream(self._table, self._ops, self._reads, self._queues, self._patches,
                                              self._fills, self._memory, self._segments, self._like, block, y,
                                              int(ending))  # fmt: skip
            found.append(y[:given])
            x = x[taken:]
            if self._limited:
                self._check_limits(ending)
            if not len(x) and given < (1 if ending else len(y)):
                break
        rows: Array = found[0] if len(found) == 1 else np.concatenate(found)
        return rows.reshape(len(rows), *self._y_shape)


def _rows(rows: Sequence[Sequence[int]], width: int) -> IntArray:
    return np.array(rows, np.int64).reshape(-1, width)
