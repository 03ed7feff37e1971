"""Base of all layers: forward and backward pass, cache of compiled programs, parameters by name."""

import copy
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from audioconv import parallel
from audioconv._typing import Array, ArrayLike, DTypeLike, IntArray
from audioconv.arrays import float_dtype, floating
from audioconv.errors import ArgumentError, AudioconvError, ShapeError
from audioconv.nn.layers.seeds import seeds_of
from audioconv.nn.layers.state_dict import check_state_dict
from audioconv.nn.layers.summary import Summary
from audioconv.nn.ops import backward
from audioconv.nn.ops.graph import SHARDS, Graph, Tensor
from audioconv.nn.ops.outputs import output, sum_partials
from audioconv.nn.runtime.program import Program, inference_plan, training_plan
from audioconv.nn.runtime.program_cache import ProgramCache, cache_program, new_array, run_inference
from audioconv.nn.runtime.stream import NetworkStream
from audioconv.nn.runtime.stream_program import StreamProgram
from audioconv.nn.settings import Changes, Settings, copy_into
from audioconv.stage import Guard


class Layer(Settings, ABC):
    """Base of all layers.

    Layers compute in their own dtype, time first and channels last: (batch, time, channels), or
    (batch, time, freq, channels), or (batch, channels) where time is gone. A layer is described once, in `_build`, as
    operations of a graph; training, inference and streams are programs made of that.

    Settings and arrays of a layer may be assigned at any time: they hold from the next call on, and for streams and
    functions of `inference` that are made afterwards. An array is copied into the layer's own, so that optimisers and
    averages follow. A layer that a network uses more than once is one layer: its parameters appear once, by the name
    of the first use, and their gradients are the sum over all uses.

    Parameters
    ----------
    dtype : float32 or float64
        Of weights, inputs and outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> layer = nn.Dense(3, 2, rng=np.random.default_rng(0))
    >>> x = np.ones((4, 3), "float32")
    >>> y = layer.forward(x, training=True)
    >>> layer.backward(np.ones_like(y)).shape
    (4, 3)
    >>> layer.gradients()["bias"]
    array([4., 4.], dtype=float32)
    """

    dims: ClassVar[tuple[int, ...]] = (3,)  # numbers of dimensions that an input may have
    _fixed: ClassVar[tuple[str, ...]] = ("dtype",)  # what is set once and for all
    _constructed: ClassVar[tuple[str, ...]] = ()  # what a layer is made from: to set it would change nothing

    def __init__(self, dtype: DTypeLike = np.float32) -> None:
        self.dtype = float_dtype(dtype)
        self._calls = 0  # in training without seeds
        self._drop_programs()

    def __setattr__(self, name: str, value: Any) -> None:
        own, gradient = self.__dict__.get(name), self.__dict__.get(f"_grad_{name}")
        if isinstance(own, np.ndarray) and not name.startswith("_"):
            copy_into(own, value, f"{name} of a {type(self).__name__}")
        elif own is None and value is not None and gradient is not None:  # a bias where there was none
            own = np.empty_like(gradient)
            copy_into(own, value, f"{name} of a {type(self).__name__}")
            super().__setattr__(name, own)
        elif name in self._constructed or (name in self._fixed and own is not None and own != value):
            raise AudioconvError(f"{name} of a {type(self).__name__} is fixed when it is made; make a new one")
        else:
            super().__setattr__(name, value)

    def _drop_programs(self) -> None:
        self._programs: dict[tuple[int, ...], tuple[Program, tuple[int, ...]]] = {}
        self._idle: dict[str, ProgramCache] = {}
        # of the last stream: (shape, average) and program
        self._streamed: tuple[tuple[tuple[int, ...], Literal["clip"] | int], StreamProgram] | None = None
        self._lock, self._changes = threading.Lock(), Changes()
        # (program, threads, x, shape of y, seeds) of the last forward in training
        self._last: tuple[Program, int, Array, tuple[int, ...], IntArray] | None = None
        self._guard = Guard("network in training")

    def __getstate__(self) -> dict[str, Any]:
        own = ("_programs", "_idle", "_streamed", "_lock", "_changes", "_last", "_guard")  # are made anew
        return {name: value for name, value in self.__dict__.items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._drop_programs()

    # --- what a layer defines ---

    def _parameters(self) -> dict[str, Array]:
        return {}

    def _gradients(self) -> dict[str, Array]:
        return {}

    def _buffers(self) -> dict[str, Array]:
        return {}

    def _children(self) -> "tuple[Layer, ...]":
        return ()

    def _input_channels(self) -> int | None:
        """Channels of the input, if the layer knows them."""
        return None

    @abstractmethod
    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        """Add the layer to a graph and return its output; raises ShapeError if x does not fit."""

    # --- what a layer offers ---

    def parameters(self) -> dict[str, Array]:
        """Return the arrays that are trained, by name.

        Returns
        -------
        parameters : dict of str -> float array
            Themselves and not copies.
        """
        return self._parameters()

    def gradients(self) -> dict[str, Array]:
        """Return the gradients of the last `backward`, by the names of `parameters`.

        Returns
        -------
        gradients : dict of str -> float array
            Themselves and not copies.
        """
        return self._gradients()

    def buffers(self) -> dict[str, Array]:
        """Return the arrays that training updates otherwise than by gradients, by name: running statistics.

        Returns
        -------
        buffers : dict of str -> float array
            Themselves and not copies.
        """
        return self._buffers()

    def children(self) -> "tuple[Layer, ...]":
        """Return the layers that this one is made of.

        Returns
        -------
        children : tuple of Layer
            Empty for most.
        """
        return self._children()

    def forward(
        self,
        x: ArrayLike,
        training: bool = False,
        threads: int | None = None,
        seeds: ArrayLike | None = None,
    ) -> Array:
        """Return the layer's output for a batch.

        Parameters
        ----------
        x : float array, shape (batch, time, channels) or as the layer says
            Converted to the layer's dtype.
        training : bool
            Use the statistics of the batch, drop out, and keep what `backward` needs. Otherwise nothing is kept,
            and a clip gives the same bits in whatever batch it is.
        threads : int, optional
            Default: `AUDIOCONV_THREADS`, or the cores of this process. The result does not depend on it.
        seeds : int array, shape (batch,), optional
            What dropout draws by, one a clip. Default: c * 2**20 + (0, 1, ...) in the c-th call in training without
            seeds, from 0 and those of training steps included; so each call drops out anew, and all of them the same
            in each run of a program.

        Returns
        -------
        y : float array, shape (batch, ...)
            Of the layer's dtype.

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
            return self._infer(x, threads)
        with self._guard:
            self._last = None  # after an error there is no forward pass to backpropagate through
            program, shape = self._program(x.shape)
            y = new_array((len(x), *shape), self.dtype)
            drawn = seeds_of(self, len(x), seeds)
            threads = min(threads, SHARDS)
            if len(x):
                program.run({"x": x, "y": y, "seeds": drawn}, phases=slice(0, program.plan.stages[0]), threads=threads)
            self._last = program, threads, x, y.shape, drawn
            return y

    def backward(self, grad_y: ArrayLike) -> Array:
        """Set the gradients of the parameters and return the gradient of the input of the last `forward`.

        Parameters
        ----------
        grad_y : float array, shape of the output
            Gradient of a scalar by the output of the last `forward(x, training=True)`.

        Returns
        -------
        grad_x : float array, shape of the input
            Gradient of that scalar by the input.

        Raises
        ------
        AudioconvError
            Without such a `forward`.
        ShapeError
            For another shape.
        """
        if self._last is None:
            raise AudioconvError("backward needs a forward(x, training=True) before it")
        program, threads, x, shape, seeds = self._last
        grad_y = np.ascontiguousarray(floating(grad_y, "grad_y"), dtype=self.dtype)
        if grad_y.shape != shape:
            raise ShapeError(f"grad_y must have the shape of the last output, {shape}, not {grad_y.shape}")
        with self._guard:
            self._last = None  # what was kept is used up
            grad_x = new_array(x.shape, x.dtype) if program.has_placeholder("grad_x") else np.zeros_like(x)
            if not len(x):
                for gradient in self.gradients().values():
                    gradient[...] = 0
                return grad_x
            arrays = {"x": x, "grad_y": grad_y, "grad_x": grad_x, "seeds": seeds}
            program.run(arrays, phases=slice(program.plan.stages[0], None), threads=threads)
        return grad_x

    def inference(self) -> Callable[..., Array]:
        """Return a function from x to y with the weights as they are now.

        Returns
        -------
        apply : callable
            apply(x, threads=1) gives what `forward` gives; any thread may call it.
        """
        # programs are made when a shape first comes, which may be after the weights have changed
        programs = ProgramCache(copy.deepcopy(self)._inference_program)

        def apply(x: ArrayLike, threads: int = 1) -> Array:
            return run_inference(programs, np.ascontiguousarray(floating(x, "x", self.dims), dtype=self.dtype), threads)

        return apply

    def _infer(self, x: Array, threads: int) -> Array:
        """Output with the weights as they are now."""
        self._drop_stale_programs()
        with self._lock:
            programs = self._idle.setdefault("programs", ProgramCache(self._inference_program))
        return run_inference(programs, x, threads, refresh=True)

    def _inference_program(self, shape: tuple[int, ...], alone: bool) -> Program:
        return Program(inference_plan(lambda batch: self._inference_graph(shape, batch), alone))

    def _inference_graph(self, shape: tuple[int, ...], batch: int) -> Graph:
        graph = Graph(self.dtype, False, batch)
        output(graph, self._build(graph, graph.placeholder("x", shape)), "y")
        return graph

    def _program(self, shape: tuple[int, ...]) -> tuple[Program, tuple[int, ...]]:
        """The program of a training step for inputs of this shape, and the shape of a clip's output."""
        self._drop_stale_programs()
        if shape not in self._programs:
            graph = Graph(self.dtype, True, shape[0])
            x = graph.placeholder("x", shape[1:])
            y = self._build(graph, x)
            graph.stage += 1
            backward.backpropagate(graph, y, graph.placeholder("grad_y", y.shape))
            output(graph, y, "y", stage=0)
            grad_x = backward.gradient(graph, x)
            if grad_x is not None:
                output(graph, grad_x, "grad_x", graph.stage)
            graph.stage += 1
            sum_partials(graph)
            cache_program(self._programs, shape, (Program(training_plan(graph)), y.shape))
        return self._programs[shape]

    def _signature(self) -> Hashable:
        """All that programs of the layer depend on, but the values in its arrays."""
        own = ((n, v if not isinstance(v, np.ndarray) else v.shape) for n, v in vars(self).items() if n[0] != "_")
        return self, tuple(own), tuple(layer._signature() for layer in self.children())

    def _drop_stale_programs(self) -> None:
        """Forget programs that were made with other settings."""
        with self._lock:
            if self._changes(self._signature):
                self._programs, self._idle, self._streamed = {}, {}, None

    def _stream_program(self, shape: tuple[int, ...], average: Literal["clip"] | int) -> StreamProgram:
        """What streams have in common; that of the last one as long as the weights are what they were then."""
        self._drop_stale_programs()
        key, last = (shape, average), self._streamed
        if last is None or last[0] != key or not last[1].is_current():
            last = self._streamed = key, StreamProgram(self, shape, average)
        return last[1]

    def stream(self, shape: tuple[int, ...] | None = None, average: Literal["clip"] | int = "clip") -> NetworkStream:
        """Return the layer as a stage for streams of frames.

        Parameters
        ----------
        shape : tuple of int, optional
            Of a frame: (channels,), or (freq, channels). Default: the channels of the first layer.
        average : "clip" or int
            Global averages run over all frames since the start, or over the last so many.

        Returns
        -------
        stream : NetworkStream
            With the weights as they are now.

        Raises
        ------
        ArgumentError
            Without a shape where the first layer does not know it.
        ShapeError
            If frames do not fit, or the network cannot work on a stream.
        """
        if shape is None:
            channels = self._input_channels()
            if channels is None:
                raise ArgumentError("say what a frame is: stream((channels,)) or stream((freq, channels))")
            shape = (channels,)
        return NetworkStream(self, shape, average)

    def summary(self, shape: tuple[int, ...], *, hop_ms: float = 10.0) -> Summary:
        """Return what the layer makes of clips, what it costs and how it streams.

        Parameters
        ----------
        shape : tuple of int
            Of a clip: (time, channels) or (time, freq, channels).
        hop_ms : float
            Of the frames, to say what look-ahead is in time.

        Returns
        -------
        summary : Summary
            `print` shows it as a table, as notebooks do.

        Raises
        ------
        ShapeError
            If such clips do not fit.
        """
        return Summary(self, shape, hop_ms=hop_ms)

    def state_dict(self) -> dict[str, Array]:
        """Return all that makes the trained layer, by name: parameters and buffers.

        Returns
        -------
        state_dict : dict of str -> float array
            Themselves and not copies.
        """
        return {**self.parameters(), **self.buffers()}

    def load_state_dict(self, state_dict: Mapping[str, ArrayLike]) -> None:
        """Take over arrays as `state_dict` gives them.

        Parameters
        ----------
        state_dict : dict of str -> float array
            Are copied into the layer's own.

        Raises
        ------
        ArgumentError, DtypeError
            For what is no dict, and for arrays of text, objects or complex numbers; nothing is changed.
        ModelFileError
            If a name is missing or unknown; nothing is changed.
        ShapeError
            If a shape differs; nothing is changed.
        """
        own = self.state_dict()
        check_state_dict(state_dict, own)
        for name, array in own.items():
            array[...] = state_dict[name]
