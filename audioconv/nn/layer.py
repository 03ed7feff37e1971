"""What all layers share: the cut of a batch into shards, training step by step on all of them, names of weights.

A batch is always cut into the same 8 shards, whatever the number of threads, and what is summed over the batch is
summed in each shard and then over the shards in order, in float64. So a network trains to the same bits with any
number of threads. Each thread takes a part, some neighbouring shards, through the network, with one kernel call for
all of them, because threads that often come back to Python wait for each other. A layer that needs the whole batch
(batch norm) is written as a generator: it yields what is to be done once, when all parts have got so far.
"""

from itertools import pairwise
from math import prod
from typing import NamedTuple

import numpy as np

from audioconv import parallel
from audioconv.arrays import floating
from audioconv.errors import AudioconvError, ModelFileError, ShapeError
from audioconv.stage import Guard

SHARDS = 8
CLIPS = 16  # at most so many clips are inferred at once: their activations stay in the cache


def view(array):
    """A read-only view of a contiguous array: what kernels read."""
    result = array[:]
    result.flags.writeable = False
    return result


def cut(length, count):
    """Bounds of `count` nearly equal ranges that make up `length`."""
    return [length * i // count for i in range(count + 1)]


class Part(NamedTuple):
    """Neighbouring shards of a batch, for one thread."""

    start: int  # first and last + 1 of its sequences in the batch
    stop: int
    shards: slice  # which of the shards
    bounds: np.ndarray  # where they begin and end, counted from `start`

    @property
    def key(self):
        """What tells this part from the others of its batch; a part of a small batch may be empty."""
        return self.shards.start


def parts(batch, threads):
    """Deal the shards of a batch out to threads."""
    edges = np.array(cut(batch, SHARDS))
    dealt = cut(SHARDS, min(threads, SHARDS))
    return [
        Part(int(edges[a]), int(edges[b]), slice(a, b), view(edges[a : b + 1] - edges[a])) for a, b in pairwise(dealt)
    ]


def together(generators, threads=1):
    """Run generators side by side, waiting for all at each yield, and return their results in order.

    Each must yield equally often. What the first one yields is called once before they go on.
    """
    results, waiting = [None] * len(generators), [None] * len(generators)

    def advance(i):
        try:
            waiting[i] = next(generators[i])
        except StopIteration as end:
            results[i], waiting[i] = end.value, None

    while True:
        parallel.run(advance, range(len(generators)), threads)
        if waiting[0] is None:
            return results
        waiting[0]()


class Layer:
    """Base of all layers. A layer keeps what its gradient needs from `forward` to `backward`, and reuses its arrays.

    Layers compute in their own dtype, time first and channels last: (batch, time, channels), or (batch, channels)
    where time is gone.
    """

    dims = (3,)  # numbers of dimensions that an input may have

    def __init__(self, dtype=np.float32):
        self.dtype = np.dtype(dtype)
        self._saved = {}
        self._buffers = {}
        self._parts = None
        self._guard = Guard("network in training")

    def __getstate__(self):
        return {**self.__dict__, "_saved": {}, "_buffers": {}, "_parts": None}  # weights are all that is worth keeping

    # --- what a layer defines ---

    def parameters(self):
        """Trained arrays by name, themselves and not copies."""
        return {}

    def gradients(self):
        """Gradients of the last `backward` by the names of `parameters`."""
        return {}

    def state(self):
        """Arrays that training updates otherwise than by gradients, by name."""
        return {}

    def inference(self):
        """Return a function from x to y, with the weights as they are now; any thread may call it.

        x is contiguous and of the layer's dtype; `forward` takes any array.
        """
        raise NotImplementedError

    def _begin(self):
        """Prepare what all parts share; called once before a training step."""

    def _finish(self):
        """Join the partial sums of all shards; called once after their gradients."""

    def _want_input_gradient(self, wanted):
        """Whether `_backward` may return None; a matter of the first layer of a network alone."""

    def _forward(self, part, x):
        raise NotImplementedError

    def _backward(self, part, grad_y):
        raise NotImplementedError

    def _forward_steps(self, part, x):
        return self._forward(part, x)
        yield  # never: most layers need not wait for the other parts

    def _backward_steps(self, part, grad_y):
        return self._backward(part, grad_y)
        yield

    # --- what a layer offers ---

    def forward(self, x, training=False, threads=None):
        """Return the layer's output for a batch.

        Parameters
        ----------
        x : float array, shape (batch, time, channels)
            Converted to the layer's dtype.
        training : bool
            Use the statistics of the batch, drop out, and keep what `backward` needs. Otherwise nothing is kept,
            and a sequence gives the same bits in whatever batch it is.
        threads : int, optional
            Default: `AUDIOCONV_THREADS`, or the cores of this process. The result does not depend on it.

        Raises
        ------
        ShapeError, DtypeError
            If x does not fit.
        BusyError
            If two threads train one network at once.
        """
        x = np.ascontiguousarray(floating(x, "x", self.dims), dtype=self.dtype)
        threads = parallel.thread_count(threads)
        if not training:
            edges = cut(len(x), max(1, min(len(x), SHARDS), -(-len(x) // CLIPS)))
            pieces = [x[a:b] for a, b in pairwise(edges)]
            return np.concatenate(parallel.run(self.inference(), pieces, threads))
        with self._guard:
            self._parts = None  # after an error there is nothing to go back from
            self._begin()
            cuts = parts(len(x), threads)
            y = np.concatenate(together([self._forward_steps(p, x[p.start : p.stop]) for p in cuts], threads))
            self._parts = cuts
            return y

    def backward(self, grad_y, threads=None, input_gradient=True):
        """Set the gradients of the parameters and return the gradient of the input of the last `forward`.

        Parameters
        ----------
        grad_y : float array, the shape of the output
            Gradient of a scalar by the output of the last `forward(x, training=True)`.
        threads : int, optional
            As for `forward`; the number given there deals out the work.
        input_gradient : bool
            False: the gradient of the input is of no use, and None may be returned to save time.

        Raises
        ------
        AudioconvError
            Without such a `forward`.
        """
        if self._parts is None:
            raise AudioconvError("backward needs a forward(x, training=True) before it")
        batch = self._parts[-1].stop
        grad_y = np.ascontiguousarray(floating(grad_y, "grad_y"), dtype=self.dtype)
        if len(grad_y) != batch:
            raise ShapeError(f"grad_y must have the batch of the last forward, {batch}, not {len(grad_y)}")
        with self._guard:
            self._want_input_gradient(input_gradient)
            steps = [self._backward_steps(p, grad_y[p.start : p.stop]) for p in self._parts]
            grads = together(steps, parallel.thread_count(threads))
            self._finish()
            self._parts = None  # what was kept is used up
        return None if grads[0] is None else np.concatenate(grads)

    def weights(self):
        """All that makes the trained layer, by name: parameters and running statistics, themselves and not copies."""
        return {**self.parameters(), **self.state()}

    def load_weights(self, weights):
        """Take over arrays as `weights` gives them.

        Raises
        ------
        ModelFileError
            If a name is missing or unknown; nothing is changed.
        ShapeError
            If a shape differs; nothing is changed.
        """
        own = self.weights()
        if own.keys() != weights.keys():
            missing, unknown = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
            raise ModelFileError(f"the weights do not fit the network: missing {missing}, unknown {unknown}")
        for name, array in own.items():
            if np.shape(weights[name]) != array.shape:
                raise ShapeError(f"weight {name} must have shape {array.shape}, not {np.shape(weights[name])}")
        for name, array in own.items():
            array[...] = weights[name]

    # --- helpers for layers ---

    def _buffer(self, part, name, shape):
        """An array of this shape, uninitialised, the same memory in every step; for a part, or for all (None)."""
        key, size = (part and part.key, name), prod(shape)
        found = self._buffers.get(key)
        if found is None or found.size < size:
            found = self._buffers[key] = np.empty(size, self.dtype)
        return found[:size].reshape(shape)
