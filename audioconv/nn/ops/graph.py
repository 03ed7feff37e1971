"""The computation graph of a network, before memory and phases are assigned: tensors, and the ops between them.

Layers add themselves to a `Graph` as ops, and record the backward pass of each on its tape; `runtime.plan` then decides
in which phase of a program each op runs and where its arrays lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

import numpy as np

if TYPE_CHECKING:
    from typing import Unpack

    from audioconv._typing import Array, DTypeLike
    from audioconv.nn.ops.instructions import Instruction
    from audioconv.nn.ops.tensor_view import Shape, TensorView

SHARDS = 8  # of a batch in training

# What a tensor is allocated for: each clip, each micro-batch, the whole program, each thread.
Per: TypeAlias = Literal["clip", "micro_batch", "shared", "thread"]
CLIP: Literal["clip"] = "clip"
MICRO_BATCH: Literal["micro_batch"] = "micro_batch"
SHARED: Literal["shared"] = "shared"
THREAD: Literal["thread"] = "thread"


class Planner(Protocol):
    """What encodes the ops of a graph: the plan of a program, or of a stream."""

    graph: Graph
    dtype: np.dtype[Any]
    micro_batch_count: int
    max_clips: int  # of a micro-batch

    def offset_table(self, offsets: Iterable[int] | Array) -> TensorView:
        """Where a table of offsets (int64) is."""


# encode(plan, reads, writes), with the views of an op's tensors in their order, gives its instructions.
Encode: TypeAlias = "Callable[[Planner, Sequence[TensorView], Sequence[TensorView]], list[Instruction]]"


@dataclass(eq=False)
class Tensor:
    """An array of a program: (time, freq, channels) for each clip, or one for each micro-batch, thread or program.

    `array` is its NumPy array, if it lies outside of the program's memory; `name` that of a placeholder, an array that
    is passed to each run; `make` makes the array of a folded constant. An accumulator is float64.
    """

    shape: Shape
    per: Per = CLIP
    accumulator: bool = False
    producer: Op | None = None
    array: Array | None = None
    name: str | None = None
    make: Callable[[], Array] | None = None

    @property
    def outside(self) -> bool:
        """Whether it lives outside of the program's memory."""
        return self.array is not None or self.name is not None

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    def __repr__(self) -> str:
        return f"Tensor({self.name or ''}{self.shape}, per {self.per.replace('_', '-')})"


@dataclass(frozen=True)
class Halo:
    """Padding in memory around what an op reads: so many steps of `fill` before and after in time and frequency."""

    time: tuple[int, int] = (0, 0)
    freq: tuple[int, int] = (0, 0)
    fill: float = 0.0

    def __bool__(self) -> bool:
        return any(self.time + self.freq)

    def union(self, other: Halo) -> Halo:
        """The halo that is wide enough for both."""
        (before, after), (low, high) = self.time, self.freq
        return Halo(
            (max(before, other.time[0]), max(after, other.time[1])),
            (max(low, other.freq[0]), max(high, other.freq[1])),
            self.fill,
        )


NO_HALO = Halo()


@dataclass(frozen=True)
class ReceptiveWindow:
    """What an op reads in time for one unit of `unit` outputs: `span` steps, `stride` after those of the unit before.

    From n steps n * unit + extra outputs are made; without `extra` as many as there are windows. Weights repeat every
    `tiles` units; there are no more units than `limit`.
    """

    span: int = 1
    stride: int = 1
    unit: int = 1
    extra: int | None = None
    tiles: int = 1
    limit: int | None = None


@dataclass(frozen=True, eq=False)
class OpSpec:
    """What an op computes, whatever it is encoded as: for who writes it in another language (`models.export`)."""


@dataclass(eq=False)
class Op:
    """One op of a graph: what it reads and writes, and how it is encoded as instructions.

    Rematerialisation: such an op is recomputed in each phase that reads its result, in cache, instead of stored.
    `once`: by each thread for itself, before the micro-batches of its phase. Ops of one stage come after all of the
    stage before. `window`: of all that it reads of clips. `spec`: of those that inference and streams are made of.
    `layer`: where it is from.
    """

    encode: Encode
    reads: list[Tensor]
    writes: list[Tensor]
    halos: dict[Tensor, Halo] = field(default_factory=dict)
    rematerialised: bool = False
    once: bool = False
    stage: int = 0
    window: ReceptiveWindow = ReceptiveWindow()
    spec: OpSpec | None = None
    layer: str = ""

    def __repr__(self) -> str:
        return f"Op({self.encode.__qualname__.split('.')[0]}, stage {self.stage})"


class OpOptions(TypedDict, total=False):
    """What an `Op` may have besides what it reads and writes."""

    halos: dict[Tensor, Halo]
    rematerialised: bool
    once: bool
    stage: int
    window: ReceptiveWindow
    spec: OpSpec


class Graph:
    """The ops of a network for inputs of one shape.

    Parameters
    ----------
    dtype : dtype
    training : bool
    batch : int
        Clips; statistics of a batch need to know.
    input_gradient : bool
        Whether to compute the gradient of the tensor named "x".
    stream : "clip", int or None
        For a stream: whether global averages run over all frames so far, or over the last so many.

    Attributes
    ----------
    ops : list of Op
    stage : int, of ops from now on
    tape : list of (tensor, function), what is to be called when the gradient of the tensor is known
    partials : list of (tensor of partial sums, array of the gradient)
    repeated : list of (gradient of one more use of a layer, gradient of the first)
    refreshers : functions that make folded constants anew
    states : arrays that a stream starts with zeros in
    multiply_adds : int, of a clip, forward
    layer : str, the place and kind of the layer that is being added, as "3.main.0 (Conv1d)"
    """

    def __init__(
        self,
        dtype: DTypeLike,
        training: bool,
        batch: int,
        input_gradient: bool = True,
        stream: Literal["clip"] | int | None = None,
    ) -> None:
        self.dtype, self.training, self.batch = np.dtype(dtype), training, batch
        self.stream, self._input_gradient = stream, input_gradient
        self.ops: list[Op] = []
        self.stage = 0
        self.dropouts = 0
        self.multiply_adds = 0
        self.refreshers: list[Callable[[], None]] = []
        self.partials: list[tuple[Tensor, Array]] = []
        self.states: list[Array] = []
        self.repeated: list[tuple[Array, Array]] = []
        self.tape: list[tuple[Tensor, Callable[[Tensor], None]]] = []
        self.gradients: dict[Tensor, list[Tensor]] = {}
        self._uses: dict[int, list[Any]] = {}
        self._path: list[str] = []
        self.layer = ""

    def __repr__(self) -> str:
        kind = "training" if self.training else "inference" if self.stream is None else "stream"
        return f"Graph({len(self.ops)} ops, {kind} of {self.batch} clips, {self.dtype})"

    @property
    def clips(self) -> int:
        """About how many clips are processed at once; none on a stream."""
        if self.stream is not None:
            return 0
        return -(-self.batch // SHARDS) if self.training else self.batch

    @contextmanager
    def within(self, name: str, layer: object) -> Iterator[None]:
        """Say which layer ops are added for. After an error `layer` still says where it was."""
        outer = self._path, self.layer
        self._path = [*self._path, name]
        self.layer = f"{'.'.join(filter(None, self._path))} ({type(layer).__name__})".strip()
        yield
        self._path, self.layer = outer

    # --- tensors ---

    def placeholder(self, name: str, shape: Iterable[int], per: Per = CLIP, accumulator: bool = False) -> Tensor:
        """A tensor that is passed in, or returned, at each run by its name."""
        return Tensor(tuple(shape), per, accumulator, name=name)

    def array(self, array: Array) -> Tensor:
        """The tensor that a NumPy array is, as it is when the program runs."""
        return Tensor(array.shape, SHARED, array=array)

    def folded_constant(self, make: Callable[[], Array]) -> Tensor:
        """The tensor of an array that is made of weights: of what they are when the program is made or refreshed."""
        array = np.array(make(), self.dtype, order="C")
        tensor = Tensor(array.shape, SHARED, array=array, make=make)
        self.refreshers.append(lambda: _refresh(tensor))
        return tensor

    def uses(self, array: Array) -> list[Any]:
        """What was noted for an array at each use of its layer, a list: a layer may be used more than once."""
        return self._uses.setdefault(id(array), [])

    def gradient_of(self, gradient: Array) -> Array:
        """The array for the gradient of one use of a layer: `gradient` for the first use, a new one for each later.

        `repeated` has the pairs (gradient of a later use, gradient), which are added up at the end.
        """
        uses = self.uses(gradient)
        own: Array = gradient if not uses else np.zeros_like(gradient)
        uses.append(own)
        if len(uses) > 1:
            self.repeated.append((own, gradient))
        return own

    def partial(self, sums: Tensor, gradient: Array) -> None:
        """Note that a gradient (a NumPy array) is the total of sums, one a micro-batch."""
        self.partials.append((sums, self.gradient_of(gradient)))

    # --- ops ---

    def operation(
        self,
        encode: Encode,
        reads: Iterable[Tensor],
        shape: Iterable[int],
        per: Per = CLIP,
        accumulator: bool = False,
        **options: Unpack[OpOptions],
    ) -> Tensor:
        """Add an op with one result, and return that."""
        result = Tensor(tuple(shape), per, accumulator)
        self.add(encode, reads, [result], **options)
        return result

    def add(
        self, encode: Encode, reads: Iterable[Tensor], writes: Iterable[Tensor], **options: Unpack[OpOptions]
    ) -> Op:
        """Add an op that writes these tensors."""
        options.setdefault("stage", self.stage)
        op = Op(encode, list(reads), list(writes), **options, layer=self.layer)
        for tensor in op.writes:
            if not tensor.outside:
                tensor.producer = op
        self.ops.append(op)
        return op

    # --- the tape ---

    def record_gradient(self, y: Tensor, backward: Callable[[Tensor], None]) -> None:
        """Record on the tape: when the gradient of y is known, call backward(grad_y).

        It adds the gradients of what y was made of.
        """
        if self.training:
            self.tape.append((y, backward))

    def add_gradient(self, x: Tensor, grad: Tensor) -> None:
        """Add to the gradient of x."""
        self.gradients.setdefault(x, []).append(grad)

    def needs_gradient(self, x: Tensor) -> bool:
        """Whether the gradient of x is of any use: that of the network's input may be of none."""
        return x.name != "x" or self._input_gradient


def _refresh(tensor: Tensor) -> None:
    assert tensor.array is not None
    assert tensor.make is not None
    np.copyto(tensor.array, tensor.make(), casting="same_kind")
