"""Containers: layers in sequence, residual blocks with a shortcut, residual blocks through the mean over frequency."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, ClassVar, Literal, NoReturn, TypeAlias

from audioconv._typing import Array
from audioconv.arrays import choice
from audioconv.errors import ArgumentError, AudioconvError, ShapeError
from audioconv.nn.layers.activation import Activation
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.batch_norm import BatchNorm
from audioconv.nn.layers.convolution import Convolution
from audioconv.nn.ops import addition, reductions
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.tensor_view import shape3
from audioconv.nn.settings import Check, shown

ResidualActivation: TypeAlias = Literal["relu", "linear"]
MOST_SHOWN = 8  # kinds of layers in a line


class _Group(Layer):
    """A layer made of named layers; `_layers` maps name to layer."""

    dims: ClassVar[tuple[int, ...]] = (2, 3, 4)
    _layers: dict[str, Layer]

    def _children(self) -> tuple[Layer, ...]:
        return tuple(self._layers.values())

    def _input_channels(self) -> int | None:
        first = next(iter(self._layers.values()), None)
        return None if first is None else first._input_channels()

    def _build_within(self, graph: Graph, x: Tensor, name: str) -> Tensor:
        """Add the layer of this name to a graph."""
        layer = self._layers[name]
        with graph.within(name, layer):
            return layer._build(graph, x)

    def _collect(self, what: str) -> dict[str, Array]:
        """Arrays by name, each once: a layer may be there more than once."""
        found: dict[str, Array] = {}
        seen: set[int] = set()
        for name, layer in self._layers.items():
            for key, array in getattr(layer, what)().items():
                if id(array) not in seen:
                    seen.add(id(array))
                    found[f"{name}.{key}"] = array
        return found

    def _set_layers(self, layers: Mapping[str, Layer]) -> None:
        """Have these layers, by name, from now on."""
        for name, layer in layers.items():
            as_layer(layer, f"layer {name}")
        some = [layer for layer in layers.values() if layer.children() or not isinstance(layer, _Group)]
        dtypes = {layer.dtype for layer in some} | {self.dtype}
        if len(dtypes) > 1:
            raise AudioconvError(f"the layers of a network must have one dtype, not {sorted(map(str, dtypes))}")
        if any(self in _descendants(layer) for layer in layers.values()):
            raise AudioconvError(f"a {type(self).__name__} cannot be a layer of itself")
        self._layers = dict(layers)

    def _parameters(self) -> dict[str, Array]:
        return self._collect("parameters")

    def _gradients(self) -> dict[str, Array]:
        return self._collect("gradients")

    def _buffers(self) -> dict[str, Array]:
        return self._collect("buffers")


def as_layer(value: object, name: str) -> Layer:
    """Return `value` if it is a layer, or raise an error that says what else it is."""
    if not isinstance(value, Layer):
        raise ArgumentError(f"{name} must be a layer, such as a Sequential, not {value!r}")
    return value


def _descendants(layer: Layer) -> Iterator[Layer]:
    """A layer and all that it is made of."""
    yield layer
    for inner in layer.children():
        yield from _descendants(inner)


class _Layers(list[Layer]):
    """The layers of a `Sequential`, read-only."""

    def _refuse(self, *args: object, **options: object) -> NoReturn:
        raise AudioconvError(
            "the list of a network's layers is not changed in place, where nobody would notice; "
            "assign a new one: network.layers = [*network.layers, layer]"
        )

    append = extend = insert = pop = remove = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse


class Sequential(_Group):
    """Layers one after the other; their weights are called "0.weight", "1.scale" and so on.

    A layer may be there more than once: see `Layer`. `layers` may be assigned, and is not changed in place.

    An activation after a batch norm is done in its pass; outside of training both are folded into the convolution
    before them.

    Parameters
    ----------
    layers : sequence of Layer
        Of one dtype.

    Raises
    ------
    AudioconvError
        For layers of several dtypes.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> rng = np.random.default_rng(0)
    >>> network = nn.Sequential([nn.Conv1d(40, 16, 3, rng=rng), nn.GlobalAveragePool(), nn.Dense(16, 2, rng=rng)])
    >>> network.forward(np.zeros((5, 98, 40), "float32")).shape
    (5, 2)
    >>> network
    Sequential(3 layers, 1,970 parameters: Conv1d, GlobalAveragePool, Dense)
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        if isinstance(layers, Layer) or not isinstance(layers, Iterable):
            raise ArgumentError(f"layers must be a list of layers, not {layers!r}")
        layers = list(layers)
        super().__init__(*[as_layer(layer, "layer 0").dtype for layer in layers[:1]])
        self.layers = layers

    def __repr__(self) -> str:
        runs = [(kind, len(list(run))) for kind, run in groupby(type(layer).__name__ for layer in self.layers)]
        kinds = [kind if count == 1 else f"{count} x {kind}" for kind, count in runs]
        if len(kinds) > MOST_SHOWN:
            kinds = [*kinds[: MOST_SHOWN - 2], "...", kinds[-1]]
        parameters = sum(array.size for array in self.parameters().values())
        count = f"{len(self.layers)} layer{'s' * (len(self.layers) != 1)}, {parameters:,} parameters"
        return f"Sequential({count}{': ' * bool(kinds)}{', '.join(kinds)})"

    @property
    def layers(self) -> list[Layer]:
        """The layers, a read-only list; a new list may be assigned."""
        return _Layers(self._layers.values())

    @layers.setter
    def layers(self, layers: Iterable[Layer]) -> None:
        self._set_layers({str(i): layer for i, layer in enumerate(layers)})

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        names, waiting = iter(self._layers), list(self._layers.values())
        while waiting:
            layer, name = waiting.pop(0), next(names)
            options: dict[str, Any] = {}
            foldable = isinstance(layer, Convolution) and not graph.training
            if foldable and waiting and isinstance(norm := waiting[0], BatchNorm) and norm.bands == 1:
                options["fold"] = norm._affine
                waiting.pop(0), next(names)
            fused = foldable or isinstance(layer, BatchNorm)
            if fused and waiting and isinstance(activation := waiting[0], Activation):
                options["activation"] = activation.name
                waiting.pop(0), next(names)
            if len(x.shape) + 1 not in layer.dims:
                expected = " or ".join(str(d) for d in layer.dims)
                raise ShapeError(
                    f"{type(layer).__name__} takes {expected} dimensions, not {len(x.shape) + 1} (x {x.shape})"
                )
            with graph.within(name, layer):
                x = layer._build(graph, x, **options)
        return x


class Residual(_Group):
    """y = activation of (main(x) + shortcut(x)); without a shortcut x itself is added.

    Parameters
    ----------
    main : Layer
        The main branch.
    shortcut : Layer, optional
        The shortcut branch (skip connection).
    activation : "relu" or "linear"
        Of the sum.

    Raises
    ------
    ArgumentError, AudioconvError
        For another activation, and for layers of several dtypes.

    References
    ----------
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.Residual(nn.ReLU(), activation="linear").forward(np.array([[-1.0, 2.0]]))
    array([[-1.,  4.]], dtype=float32)
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "activation": lambda value, name: choice(value, name, ("relu", "linear")),
    }

    def __init__(self, main: Layer, shortcut: Layer | None = None, activation: ResidualActivation = "relu") -> None:
        super().__init__(as_layer(main, "main").dtype)
        self._set_layers({"main": main, "shortcut": Sequential([]) if shortcut is None else shortcut})
        self.activation = activation

    def __repr__(self) -> str:
        plain = isinstance(self.shortcut, Sequential) and not self.shortcut.layers
        return shown(self, shortcut=None if plain else self.shortcut)

    @property
    def main(self) -> Layer:
        """The main branch; another layer may be assigned."""
        return self._layers["main"]

    @main.setter
    def main(self, layer: Layer) -> None:
        self._set_layers(self._layers | {"main": layer})

    @property
    def shortcut(self) -> Layer:
        """The shortcut branch, an empty `Sequential` where there is none; another layer may be assigned."""
        return self._layers["shortcut"]

    @shortcut.setter
    def shortcut(self, layer: Layer) -> None:
        self._set_layers(self._layers | {"shortcut": layer})

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        a, b = self._build_within(graph, x, "main"), self._build_within(graph, x, "shortcut")
        if a.shape != b.shape:
            raise ShapeError(f"main gives shape {a.shape} and the shortcut {b.shape}; they must be equal to be added")
        return addition.add(graph, a, b, self.activation)


class Broadcast(_Group):
    """y = x + main(mean of x over frequency), the same for all frequencies.

    Parameters
    ----------
    main : Layer
        From (batch, time, 1, channels) to the same.

    References
    ----------
    Kim et al., Broadcasted Residual Learning for Efficient Keyword Spotting, Interspeech 2021, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.Broadcast(nn.ReLU()).forward(np.reshape([1.0, 3.0], (1, 1, 2, 1))).ravel()
    array([3., 5.], dtype=float32)
    """

    dims = (4,)

    def __init__(self, main: Layer) -> None:
        super().__init__(as_layer(main, "main").dtype)
        self._set_layers({"main": main})

    @property
    def main(self) -> Layer:
        """The branch along time; another layer may be assigned."""
        return self._layers["main"]

    @main.setter
    def main(self, layer: Layer) -> None:
        self._set_layers({"main": layer})

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        spread = self._build_within(graph, reductions.frequency_mean(graph, x), "main")
        time, _, channels = shape3(x.shape)
        if spread.shape != (time, 1, channels):
            raise ShapeError(f"main must keep the shape {(time, 1, channels)}, not make it {spread.shape}")
        return addition.add(graph, x, spread)
