"""What a network computes, before it is known where and when: tensors, and the operations between them.

Layers describe themselves to a `Graph`, and with each operation its way back; `plan.py` then decides in which
phase of a program each operation runs and where its arrays lie.
"""

from dataclasses import dataclass, field

import numpy as np

SHARDS = 8  # of a batch in training
CLIP, MICRO_BATCH, SHARED, THREAD = "clip", "micro_batch", "shared", "thread"  # of what there is one in memory


@dataclass(eq=False)
class Tensor:
    """An array of a program: (time, freq, channels) for each clip, or so much for each group, thread or program.

    `array` is the NumPy array that it is, if it lives outside of the program; `name` one that is given at each run.
    """

    shape: tuple
    per: str = CLIP
    accumulator: bool = False  # float64
    producer: object = None
    array: np.ndarray = None
    name: str = None
    make: object = None  # what makes the array, if it is derived from weights

    @property
    def outside(self):
        return self.array is not None or self.name is not None

    @property
    def size(self):
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Halo:
    """So many steps of `fill` an operation wants around what it reads: before and after in time and frequency."""

    time: tuple = (0, 0)
    freq: tuple = (0, 0)
    fill: float = 0.0

    def __bool__(self):
        return any(self.time + self.freq)

    def union(self, other):
        return Halo(tuple(map(max, self.time, other.time)), tuple(map(max, self.freq, other.freq)), self.fill)


NO_HALO = Halo()


@dataclass(frozen=True)
class ReceptiveWindow:
    """What an operation reads in time for one unit of outputs: `span` steps, `stride` after those of the one before.

    A unit is so many outputs. Of n steps n * unit + extra outputs are made; without `extra` as many as there are
    windows. Weights go round with `tiles` units; there are no more units than `limit`.
    """

    span: int = 1
    stride: int = 1
    unit: int = 1
    extra: int | None = None
    tiles: int = 1
    limit: int | None = None


@dataclass(eq=False)
class Op:
    """One operation: `encode(place)` gives its rows, where place(tensor) is the tensor's `TensorView`.

    A cheap one is done again in each phase that reads its result, from the cache instead of from memory. `once`: by
    each thread for itself, before the groups of its phase. Operations of one stage come after all of the stage before.
    """

    encode: object
    reads: list
    writes: list
    margins: dict = field(default_factory=dict)  # by tensor
    rematerialised: bool = False
    once: bool = False
    stage: int = 0
    window: ReceptiveWindow = ReceptiveWindow()  # of all that it reads of clips


class Graph:
    """The operations of a network for inputs of one shape.

    Parameters
    ----------
    dtype : dtype
    training : bool
    batch : int
        Clips; statistics of a batch need to know.
    input_gradient : bool
        Whether the gradient of the tensor named "x" is wanted.
    stream : "clip", int or None
        For a stream: whether global averages run over all frames so far, or over the last so many.
    """

    def __init__(self, dtype, training, batch, input_gradient=True, stream=None):
        self.dtype, self.training, self.batch = np.dtype(dtype), training, batch
        self.operations, self.dropouts, self._input_gradient = [], 0, input_gradient
        self.stream = stream
        self.stage = 0  # of operations from now on
        self.refreshers, self.partials, self.states = [], [], []
        self._uses, self.repeated = {}, []
        self.multiply_adds = 0  # multiply-adds of a clip, forward
        self.tape, self.gradients = [], {}

    @property
    def clips(self):
        """How many clips are about to be gone through at once; none on a stream."""
        if self.stream is not None:
            return 0
        return -(-self.batch // SHARDS) if self.training else self.batch

    # --- tensors ---

    def placeholder(self, name, shape, per=CLIP, accumulator=False):
        """A tensor that is given, or taken, at each run by its name."""
        return Tensor(tuple(shape), per, accumulator, name=name)

    def array(self, array):
        """The tensor that a NumPy array is, as it is when the program runs."""
        return Tensor(array.shape, SHARED, array=array)

    def folded_constant(self, make):
        """The tensor of an array that is made of weights: of what they are when the program is made or refreshed."""
        tensor = self.array(np.array(make(), self.dtype, order="C"))
        self.refreshers.append(lambda: np.copyto(tensor.array, make(), casting="same_kind"))
        tensor.make = make
        return tensor

    def uses(self, array):
        """The list of what was noted for an array of a layer, empty at first: a layer may be used more than once."""
        return self._uses.setdefault(id(array), [])

    def gradient_of(self, gradient):
        """The array that one use of a layer has its gradient in: `gradient` for the first use, its own for each more.

        `repeated` has the pairs (another use's, gradient), which are added up at the end.
        """
        uses = self.uses(gradient)
        uses.append(gradient if not uses else np.zeros_like(gradient))
        if len(uses) > 1:
            self.repeated.append((uses[-1], gradient))
        return uses[-1]

    def partial(self, sums, gradient):
        """Note that a gradient (a NumPy array) is the total of sums, one a group."""
        self.partials.append((sums, self.gradient_of(gradient)))

    def operation(self, encode, reads, shape, per=CLIP, accumulator=False, **options):
        """Add an operation with one result, and return that."""
        result = Tensor(tuple(shape), per, accumulator)
        result.producer = self.add(encode, reads, [result], **options)
        return result

    def add(self, encode, reads, writes, **options):
        """Add an operation that writes these tensors."""
        operation = Op(encode, list(reads), list(writes), **{"stage": self.stage} | options)
        for tensor in writes:
            if not tensor.outside:
                tensor.producer = operation
        self.operations.append(operation)
        return operation

    # --- the way back ---

    def record_gradient(self, y, step):
        """When the gradient of y is known, call step(grad_y), which adds the gradients of what y was made of."""
        if self.training:
            self.tape.append((y, step))

    def add_gradient(self, x, grad):
        """Add to the gradient of x."""
        self.gradients.setdefault(x, []).append(grad)

    def needs_gradient(self, x):
        """Whether the gradient of x is of any use: that of the network's input may be of none."""
        return x.name != "x" or self._input_gradient
