"""Layers in a row, a row of layers with a way round it, and a way through the mean over frequency."""

from audioconv.arrays import choice
from audioconv.errors import AudioconvError, ShapeError
from audioconv.nn.layers.activation import Activation
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.batch_norm import BatchNorm
from audioconv.nn.layers.convolution import _Convolution
from audioconv.nn.ops import addition, reductions
from audioconv.nn.ops.tensor_view import shape3


class _Group(Layer):
    """A layer made of named layers; `_layers` maps name to layer."""

    dims = (2, 3, 4)

    def children(self):
        return tuple(self._layers.values())

    def _collect(self, what):
        """Arrays by name, each once: a layer may be there more than once."""
        found, seen = {}, set()
        for name, layer in self._layers.items():
            for key, array in getattr(layer, what)().items():
                if id(array) not in seen:
                    seen.add(id(array))
                    found[f"{name}.{key}"] = array
        return found

    def _take_over(self, layers):
        """Have these layers, by name, from now on."""
        some = [layer for layer in layers.values() if layer.children() or not isinstance(layer, _Group)]
        dtypes = {layer.dtype for layer in some} | {self.dtype}
        if len(dtypes) > 1:
            raise AudioconvError(f"the layers of a network must have one dtype, not {sorted(map(str, dtypes))}")
        if any(self in _descendants(layer) for layer in layers.values()):
            raise AudioconvError(f"a {type(self).__name__} cannot be a layer of itself")
        self._layers = dict(layers)

    def parameters(self):
        return self._collect("parameters")

    def gradients(self):
        return self._collect("gradients")

    def buffers(self):
        return self._collect("buffers")


def _descendants(layer):
    """A layer and all that it is made of."""
    yield layer
    for inner in layer.children():
        yield from _descendants(inner)


def _part(name):
    """The property of a group that is its layer of this name, and may be another one from the next call on."""

    def assign(group, layer):
        group._take_over(group._layers | {name: layer})

    return property(lambda group: group._layers[name], assign)


class _Layers(list):
    """The layers of a `Sequential`, to look at."""

    def _refuse(self, *args, **options):
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

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> rng = np.random.default_rng(0)
    >>> network = nn.Sequential([nn.Conv1d(40, 16, 3, rng=rng), nn.GlobalAveragePool(), nn.Dense(16, 2, rng=rng)])
    >>> network.forward(np.zeros((5, 98, 40), "float32")).shape
    (5, 2)
    """

    def __init__(self, layers):
        layers = list(layers)
        super().__init__(*[layer.dtype for layer in layers[:1]])
        self.layers = layers

    @property
    def layers(self):
        return _Layers(self._layers.values())

    @layers.setter
    def layers(self, layers):
        self._take_over({str(i): layer for i, layer in enumerate(layers)})

    def _build(self, graph, x):
        waiting = list(self._layers.values())
        while waiting:
            layer, options = waiting.pop(0), {}
            if waiting and not graph.training and isinstance(layer, _Convolution):
                if isinstance(waiting[0], BatchNorm) and waiting[0].bands == 1:
                    options["fold"] = waiting.pop(0).affine
                if waiting and isinstance(waiting[0], Activation):
                    options["activation"] = waiting.pop(0).name
            elif waiting and isinstance(layer, BatchNorm) and isinstance(waiting[0], Activation):
                options["activation"] = waiting.pop(0).name
            if len(x.shape) + 1 not in layer.dims:
                wanted = " or ".join(str(d) for d in layer.dims)
                raise ShapeError(
                    f"{type(layer).__name__} takes {wanted} dimensions, not {len(x.shape) + 1} (x {x.shape})"
                )
            x = layer._build(graph, x, **options)
        return x


class Residual(_Group):
    """y = activation of (main(x) + shortcut(x)); without a shortcut x itself is added.

    Parameters
    ----------
    main : Layer
    shortcut : Layer, optional
    activation : "relu" or "linear"

    References
    ----------
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 3.2.
    """

    _checks = {"activation": lambda value, name: choice(value, name, ("relu", "linear"))}

    def __init__(self, main, shortcut=None, activation="relu"):
        super().__init__(main.dtype)
        self._take_over({"main": main, "shortcut": Sequential([]) if shortcut is None else shortcut})
        self.activation = activation

    main, shortcut = _part("main"), _part("shortcut")

    def _build(self, graph, x):
        a, b = self.main._build(graph, x), self.shortcut._build(graph, x)
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
    """

    dims = (4,)

    def __init__(self, main):
        super().__init__(main.dtype)
        self._take_over({"main": main})

    main = _part("main")

    def _build(self, graph, x):
        spread = self.main._build(graph, reductions.frequency_mean(graph, x))
        time, _, channels = shape3(x.shape)
        if spread.shape != (time, 1, channels):
            raise ShapeError(f"main must keep the shape {(time, 1, channels)}, not make it {spread.shape}")
        return addition.add(graph, x, spread)
