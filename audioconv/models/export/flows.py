"""How time goes by in a graph of ONNX: a whole clip at once, or so many rows a step with what came before as state.

Converters of ops ask for the rows that their windows reach and do not care which of both it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from audioconv.errors import ShapeError
from audioconv.models.export.nodes import Node, UpsampleSpec, Value
from audioconv.nn.ops.convolution import ConvolutionSpec
from audioconv.nn.ops.pooling import PoolSpec

if TYPE_CHECKING:
    from audioconv.models.export.onnx_writer import OnnxWriter

MOST_HOPS = 1024  # of a step
TIME = 2  # the axis of time in (clips, channels, time, freq)


class TimeWindow(NamedTuple):
    """What an op reads in time for an output: `span` rows, `stride` after those of the one before; zeros around."""

    span: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0


class Windowed(NamedTuple):
    """A tensor with all rows that windows reach but for `pads` rows before and after, which the operator adds."""

    name: str
    pads: tuple[int, int] = (0, 0)


class Flow(Protocol):
    """What converters ask for."""

    writer: OnnxWriter

    def begin(self, node: Node) -> None:
        """Note that a node is written now."""

    def finish(self, node: Node, name: str) -> None:
        """Note the tensor of its result."""

    def name(self, value: Value) -> str:
        """The tensor of a value, (clips, channels, time, freq)."""

    def windowed(self, value: Value, window: TimeWindow, fill: float = 0.0) -> Windowed:
        """The tensor with all rows that windows reach."""

    def inside(self, value: Value, window: TimeWindow, counted: tuple[int, int]) -> str:
        """Ones, (1, 1, time, 1), for those of its rows and `pads` that are no padding, and zeros."""

    def masked(self, value: Value) -> str:
        """The tensor with zeros in place of rows before the first one."""

    def align(self, reads: tuple[Value, ...]) -> list[str]:
        """The tensors of values, those that come earlier delayed to the latest."""

    def rows(self, value: Value) -> int | None:
        """How many there are, if it is known."""

    def first_row(self, value: Value) -> int:
        """The number of the first of them, at the first step."""

    def state(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> str:
        """A state that starts with zeros."""

    def keep(self, state: str, value: str) -> None:
        """What it is afterwards."""


def time_window(node: Node) -> TimeWindow:
    """The window of a node in time."""
    spec = node.spec
    if isinstance(spec, ConvolutionSpec):
        axis = spec.geometry.time
        return TimeWindow(axis.span, axis.stride, *axis.sides)
    if isinstance(spec, PoolSpec):
        return TimeWindow(spec.window.size[0], spec.window.stride[0], *spec.window.padding[0])
    return TimeWindow()


class ClipFlow:
    """Whole clips: padding is what operators add. Without `fixed` clips are of any length."""

    def __init__(self, writer: OnnxWriter, fixed: bool) -> None:
        self.writer, self._fixed = writer, fixed
        self._names: dict[Value, str] = {}

    def put(self, value: Value, name: str) -> None:
        """Note the tensor of a value."""
        self._names[value] = name

    def begin(self, node: Node) -> None:
        """Nothing is to be known before a node is written."""

    def finish(self, node: Node, name: str) -> None:
        """Note the result of a node."""
        self._names[node.write] = name

    def name(self, value: Value) -> str:
        """The tensor of a value."""
        return self._names[value]

    masked = name

    def align(self, reads: tuple[Value, ...]) -> list[str]:
        """The tensors of values."""
        return [self.name(value) for value in reads]

    def windowed(self, value: Value, window: TimeWindow, fill: float = 0.0) -> Windowed:
        """The tensor; what padding is negative is cut off."""
        name = self.name(value)
        if window.before < 0 or window.after < 0:
            name = self.writer.slice(name, max(-window.before, 0), min(window.after, 0) or None, TIME)
        return Windowed(name, (max(window.before, 0), max(window.after, 0)))

    def inside(self, value: Value, window: TimeWindow, counted: tuple[int, int]) -> str:
        """Ones between zeros."""
        writer = self.writer
        before, after = (max(0, n) for n in (window.before, window.after))
        zeros = before - counted[0], after - counted[1]
        if self._fixed:
            return writer.constant(np.pad(np.ones(value.shape[0] + sum(counted)), zeros).reshape(1, 1, -1, 1))
        one_channel = writer.slice(writer.slice(self.name(value), 0, 1, 1), 0, 1, 3)
        batch = writer.slice(one_channel, 0, 1, 0)
        ones = writer.add("ConstantOfShape", writer.add("Shape", batch), value=_float_one())
        edges = [writer.constant(np.pad(np.ones(c), p).reshape(1, 1, -1, 1))
                 for c, p in ((counted[0], (zeros[0], 0)), (counted[1], (0, zeros[1])))]  # fmt: skip
        return writer.add("Concat", edges[0], ones, edges[1], axis=TIME)

    def rows(self, value: Value) -> int | None:
        """Of clips of one length."""
        return value.shape[0] if self._fixed else None

    def first_row(self, value: Value) -> int:
        """0."""
        return 0

    def state(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> str:
        """Zeros: a clip has nothing before it."""
        return self.writer.constant(np.zeros(shape), dtype)

    def keep(self, state: str, value: str) -> None:
        """A clip has nothing after it."""


def _float_one() -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ones(1, np.float32))


class Pace(NamedTuple):
    """Of a tensor: rows a step, and by how many rows it is late: step j has rows j * rows - late and those after."""

    rows: int
    late: int


def pace_of_windows(window: TimeWindow, pace: Pace) -> Pace:
    """The pace of what is made of windows."""
    ahead = window.span - 1 - window.before + pace.late
    return Pace(pace.rows // window.stride, max(0, -(-(ahead - window.stride + 1) // window.stride)))


def pace_after(node: Node, pace: Pace) -> Pace | None:
    """The pace of what a node makes of a tensor; None if that is no whole number of rows a step."""
    if isinstance(node.spec, UpsampleSpec):
        return Pace(pace.rows * node.spec.time, pace.late * node.spec.time)
    window = time_window(node)
    if pace.rows % window.stride:
        return None
    rows, late = pace_of_windows(window, pace)
    tiles = node.spec.geometry.time.tiles if isinstance(node.spec, ConvolutionSpec) else 1
    return None if rows % tiles else Pace(rows, late)


def paces(nodes: tuple[Node, ...], x: Value, pace: Pace) -> dict[Value, Pace] | None:
    """The pace of each value if that of the input is `pace`; None if one is no whole number."""
    found = {x: pace}
    for node in nodes:
        after = pace_after(node, Pace(found[node.reads[0]].rows, max(found[read].late for read in node.reads)))
        if after is None:
            return None
        found[node.write] = after
    return found


def shortest_step(nodes: tuple[Node, ...], x: Value) -> int:
    """The least number of input rows of a step such that all ops make a whole number of rows."""
    for rows in range(1, MOST_HOPS + 1):
        if paces(nodes, x, Pace(rows, 0)) is not None:
            return rows
    raise ShapeError(f"strides and tiles of the network come round only after more than {MOST_HOPS} frames, which is "
                     "too long for a step of a stream")  # fmt: skip


class StepFlow:
    """A step of a stream: rows that windows reach back to are states, and rows before the first one are padding."""

    def __init__(self, writer: OnnxWriter) -> None:
        self.writer = writer
        self.states: list[tuple[str, tuple[int, ...], type]] = []
        self._kept: dict[str, str] = {}
        self._names: dict[Value, str] = {}
        self._paces: dict[Value, Pace] = {}
        self._starts: dict[tuple[int, int, int, int], str] = {}
        self._masked: dict[Value, str] = {}
        self.steps = self.state("state_steps", (1,), np.int64)
        self.keep(self.steps, writer.add("Add", self.steps, writer.whole(1)))

    def put(self, value: Value, name: str, pace: Pace) -> None:
        """Note the tensor of a value and its pace."""
        self._names[value], self._paces[value] = name, pace

    def begin(self, node: Node) -> None:
        """Note the pace of what a node makes."""
        pace = pace_after(node, Pace(self._paces[node.reads[0]].rows, self._late(node.reads)))
        assert pace is not None, "the step is as long as it has to be"
        self._paces[node.write] = pace

    def finish(self, node: Node, name: str) -> None:
        """Note the result of a node."""
        self._names[node.write] = name

    def align(self, reads: tuple[Value, ...]) -> list[str]:
        """The tensors of values, those that come earlier delayed to the latest."""
        late, found = self._late(reads), []
        for value in reads:
            rows, own = self._paces[value]
            found.append(self._with_past(value, late - own, self.name(value), rows) if late > own else self.name(value))
        return found

    def _late(self, reads: tuple[Value, ...]) -> int:
        return max(self._paces[read].late for read in reads)

    def pace(self, value: Value) -> Pace:
        """Rows a step, and how late they are."""
        return self._paces[value]

    def name(self, value: Value) -> str:
        """The tensor of a value."""
        return self._names[value]

    def rows(self, value: Value) -> int | None:
        """Of a step."""
        return self._paces[value].rows

    def first_row(self, value: Value) -> int:
        """Negative if rows are late."""
        return -self._paces[value].late

    def state(self, name: str, shape: tuple[int, ...], dtype: type = np.float32) -> str:
        """Declare a state, which is zeros at first."""
        self.states.append((name, shape, dtype))
        return self.writer.input(name, shape, dtype)

    def keep(self, state: str, value: str) -> None:
        """What it is after the step."""
        self._kept[state] = value

    def declare_outputs(self) -> None:
        """Declare the outputs of all states."""
        for name, shape, dtype in self.states:
            self.writer.output(f"next_{name}", self._kept[name], shape, dtype)

    def _numbers(self, rows: int, first: int, count: int) -> str:
        """first, ... of `count` rows, plus `rows` times the number of steps."""
        now = self.writer.add("Mul", self.steps, self.writer.whole(rows))
        return self.writer.add("Add", now, self.writer.constant(np.arange(first, first + count), np.int64))

    def from_row(self, rows: int, first: int, count: int, least: int = 0) -> str:
        """Whether each of `count` rows is number `least` or later, bool (1, 1, count, 1)."""
        key = rows, first, count, least
        if key not in self._starts:
            begun = self.writer.add("GreaterOrEqual", self._numbers(rows, first, count), self.writer.whole(least))
            self._starts[key] = self.writer.add("Reshape", begun, self.writer.whole(1, 1, count, 1))
        return self._starts[key]

    def masked(self, value: Value) -> str:
        """The tensor with zeros in place of rows before the first one."""
        rows, late = self._paces[value]
        if not late:
            return self.name(value)
        if value not in self._masked:
            begun, zero = self.from_row(rows, -late, rows), self.writer.constant(np.zeros(()))
            self._masked[value] = self.writer.add("Where", begun, self.name(value), zero)
        return self._masked[value]

    def _with_past(self, value: Value, past: int, now: str, until: int) -> str:
        """So many rows of before, then the first `until` of those of now; the last ones are kept for the next step."""
        _, bins, channels = value.shape
        state = self.state(f"state_{len(self.states)}", (1, channels, past, bins))
        both = self.writer.add("Concat", state, now, axis=TIME)
        self.keep(state, self.writer.slice(both, -past, None, TIME))
        rows = self._paces[value].rows
        return both if until == rows + past else self.writer.slice(both, 0, until, TIME)

    def _reach(self, value: Value, window: TimeWindow) -> tuple[int, int]:
        """How many rows of before windows reach, negative if not the first of now, and how many of now they do not."""
        late, late_after = self._paces[value].late, pace_of_windows(window, self._paces[value]).late
        ahead = window.span - 1 - window.before
        past = late_after * window.stride + window.before - late
        unused = window.stride - 1 - late + late_after * window.stride - ahead
        return past, unused

    def windowed(self, value: Value, window: TimeWindow, fill: float = 0.0) -> Windowed:
        """The tensor with its past, as far as windows reach."""
        (past, unused), rows = self._reach(value, window), self._paces[value].rows
        if window.span == window.stride == 1 and not past and not unused:
            return Windowed(self.name(value))
        now = self.masked(value)
        end = past + rows - unused
        if past > 0:
            name = self._with_past(value, past, now, end)
        else:
            name = self.writer.slice(now, -past, rows - unused, TIME)
        if fill:
            begun = self.from_row(rows, -past - self._paces[value].late, end)
            name = self.writer.add("Where", begun, name, self.writer.constant(fill))
        return Windowed(name)

    def inside(self, value: Value, window: TimeWindow, counted: tuple[int, int]) -> str:
        """Ones from the first row on that counts."""
        (past, unused), (rows, late) = self._reach(value, window), self._paces[value]
        begun = self.from_row(rows, -past - late, past + rows - unused, -counted[0])
        return self.writer.add("Cast", begun, to=1)
