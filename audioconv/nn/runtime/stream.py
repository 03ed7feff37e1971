"""A network on a stream: frames in, rows of outputs as soon as their inputs are complete.

The graph of the network is that of inference. Each of its tensors becomes a queue, which buffers what an op cannot use
yet. Padding at the start is there from the start; padding at the end is added by `flush`, layer by layer, so that a
stream and its flush give what the whole clip gives. If a branch of a residual block lags, the other is buffered.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from audioconv.arrays import aligned, sizes, whole
from audioconv.errors import AudioconvError, DtypeError, ShapeError
from audioconv.kernels.nn import streaming as kernels
from audioconv.kernels.nn.operands import INDEX, WORKSPACE
from audioconv.kernels.nn.streaming import QUEUE, READ, STREAM_OP, STREAM_STATE
from audioconv.nn.debug import memory_is_checked
from audioconv.nn.runtime.plan import FIRST_ARRAY
from audioconv.nn.runtime.program import segment_table
from audioconv.nn.runtime.stream_program import Network, StreamProgram
from audioconv.stage import Guard, GuardedStage, checked_block
from audioconv.stream.steps import State, step_state

if TYPE_CHECKING:
    from audioconv._typing import Array, FloatArray


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
        self._allocate(network._stream_program(self._shape, self._average))
        self._reset()

    def _allocate(self, program: StreamProgram) -> None:
        """Make the memory that the stream has for itself."""
        self._program, self.dtype = program, program.dtype
        self._guard, self._like = Guard("network stream"), np.empty(0, self.dtype)
        self._memory: Array = aligned(program.plan.size, self.dtype)
        self._table = program.table.copy()  # streams patch it
        self._queues, self._reads, self._ops = program.queues.copy(), program.reads.copy(), program.ops.copy()
        self._states = {segment: array.copy() for segment, array in program.states.items()}
        arrays = {WORKSPACE: self._memory, INDEX: program.plan.index} | program.arrays | self._states
        self._segments = segment_table(arrays, FIRST_ARRAY + len(program.plan.arrays))
        self._step_state: State | None = None

    def __getstate__(self) -> dict[str, Any]:
        due = None if self._step_state is None else int(self._step_state[STREAM_STATE.due])
        return {
            "network": self._network, "shape": self._shape, "average": self._average, "due": due,
            "arrays": [array.copy() for array in self._state_arrays()],
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._network, self._shape, self._average = state["network"], state["shape"], state["average"]
        # anew, because instructions hold addresses, which are of this process; and with weights of its own
        self._allocate(StreamProgram(self._network, self._shape, self._average))
        arrays = self._state_arrays()
        if [array.shape for array in arrays] != [array.shape for array in state["arrays"]]:
            raise AudioconvError("a copy of a NetworkStream needs its network as it was when the stream was made, but "
                                 "layers of it have changed since")  # fmt: skip
        for array, kept in zip(arrays, state["arrays"], strict=True):
            array[...] = kept
        if state["due"] is not None:
            self.step_state()[STREAM_STATE.due] = state["due"]

    def _state_arrays(self) -> list[Array]:
        """What makes a stream go on where it is: its signal so far, and the weights, which the network may change."""
        own = [self._memory, self._queues, self._reads, self._ops, *self._states.values()]
        return [*own, self._program.weights]

    def __repr__(self) -> str:
        return (
            f"NetworkStream({self._shape} -> {self._program.y_shape}, receptive field {self.receptive_field} frames, "
            f"look-ahead {self.look_ahead}, {self.dtype})"
        )

    @property
    def receptive_field(self) -> int:
        """Frames that an output depends on."""
        return self._program.receptive_field

    @property
    def look_ahead(self) -> int:
        """So many frames after its own an output has to see."""
        return self._program.look_ahead

    @property
    def step(self) -> Fraction:
        """Frames from one output to the next."""
        return self._program.step

    def _reset(self) -> None:
        """Reset all state to the start of a stream."""
        program = self._program
        program.plan.fill(self._memory)
        if memory_is_checked():
            for part in program.plan.unwritten(self._memory):
                part[...] = np.nan
        for array in self._states.values():
            array[...] = 0
        if self._step_state is not None:
            self._step_state[STREAM_STATE.due] = self.look_ahead
        # in place, because a compiled step has their addresses
        self._queues[...], self._reads[...], self._ops[...] = program.queues, program.reads, program.ops

    @property
    def channels(self) -> int:
        """Numbers in a frame."""
        return prod(self._shape)

    @property
    def out_channels(self) -> int:
        """Numbers in a row of outputs."""
        return prod(self._program.y_shape)

    @property
    def max_rows(self) -> int:
        """The most rows of outputs that `kernels.nn.streaming.NETWORK_BLOCK` frames complete, or one more."""
        return self._program.max_rows

    @property
    def bytes(self) -> int:
        """Memory that a stream has for itself; the weights belong to all streams of the network."""
        return self._table.nbytes + sum(array.nbytes for array in self._state_arrays()[:-1])

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

    def compiled_step(self) -> tuple[int, State]:
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
        return kernels.network_step.address(self.dtype), self.step_state()

    def step_state(self) -> State:
        """Make the state of a compiled step, or of one that the network is a part of; what it points at is this stream.

        Returns
        -------
        state : int64 array
            A `STREAM_STATE`; without JIT a list of the numbers and arrays themselves.
        """
        if self._step_state is None:
            program = self._program
            arrays: dict[str, Array] = {
                "table": self._table, "ops": self._ops, "reads": self._reads, "queues": self._queues,
                "patches": program.patches, "fills": program.fills, "memory": self._memory, "segments": self._segments,
            }  # fmt: skip
            row = STREAM_STATE.pack(
                **{name: (array, array.size) for name, array in arrays.items()},
                instruction_width=self._table.shape[1], x_width=self.channels, y_width=self.out_channels,
                due=self.look_ahead,
            )  # fmt: skip
            self._step_state = step_state(row)
        return self._step_state

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
        program = self._program
        while True:
            y = np.empty((program.max_rows, self.out_channels), self.dtype)
            taken, given, made = kernels.run_stream(
                self._table, self._ops, self._reads, self._queues, program.patches, program.fills, self._memory,
                self._segments, self._like, x[: kernels.NETWORK_BLOCK], y, int(ending)
            )  # fmt: skip
            found.append(y[:given])
            x = x[taken:]
            if program.limited:
                self._check_limits(ending)
            if not len(x) and given < len(y) and not (ending and made):
                break
        rows: Array = found[0] if len(found) == 1 else np.concatenate(found)
        return rows.reshape(len(rows), *program.y_shape)
