"""Layers in a row, and a row of layers with a way round it."""

import numpy as np

from audioconv.errors import AudioconvError, ShapeError
from audioconv.kernels import elementwise as kernels
from audioconv.nn.convolution import Conv1d
from audioconv.nn.layer import Layer, view
from audioconv.nn.normalise import BatchNorm


class _Group(Layer):
    """A layer made of named layers; `_layers` maps name to layer."""

    dims = (2, 3)

    def _collect(self, what):
        found = {}
        for name, layer in self._layers.items():
            found |= {f"{name}.{key}": array for key, array in getattr(layer, what)().items()}
        return found

    def parameters(self):
        return self._collect("parameters")

    def gradients(self):
        return self._collect("gradients")

    def state(self):
        return self._collect("state")

    def _begin(self):
        for layer in self._layers.values():
            layer._begin()

    def _finish(self):
        for layer in self._layers.values():
            layer._finish()


class Sequential(_Group):
    """Layers one after the other; their weights are called "0.weight", "1.scale" and so on.

    Outside of training a batch norm is folded into the convolution before it, and each thread runs the whole
    network on its own clips.

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
        dtypes = {layer.dtype for layer in layers}
        if len(dtypes) > 1:
            raise AudioconvError(f"the layers of a network must have one dtype, not {sorted(map(str, dtypes))}")
        super().__init__(*dtypes)
        self.layers = list(layers)
        self._layers = {str(i): layer for i, layer in enumerate(self.layers)}

    def inference(self):
        steps, i = [], 0
        while i < len(self.layers):
            layer, after = self.layers[i], self.layers[i + 1 : i + 2]
            if isinstance(layer, Conv1d) and after and isinstance(after[0], BatchNorm):
                steps.append(layer.inference(*after[0].affine(), relu=after[0].relu))
                i += 1
            else:
                steps.append(layer.inference())
            i += 1

        def apply(x):
            for step in steps:
                x = step(x)
            return x

        return apply

    def _want_input_gradient(self, wanted):
        if self.layers:
            self.layers[0]._want_input_gradient(wanted)

    def _forward_steps(self, part, x):
        for layer in self.layers:
            x = yield from layer._forward_steps(part, x)
        return x

    def _backward_steps(self, part, grad_y):
        for layer in reversed(self.layers):
            grad_y = yield from layer._backward_steps(part, grad_y)
        return grad_y


class Residual(_Group):
    """y = ReLU(main(x) + shortcut(x)); without a shortcut x itself is added.

    Parameters
    ----------
    main : Layer
    shortcut : Layer, optional

    References
    ----------
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016, section 3.2.
    """

    def __init__(self, main, shortcut=None):
        super().__init__(main.dtype)
        self._layers = {"main": main, "shortcut": Sequential([]) if shortcut is None else shortcut}
        self.main, self.shortcut = self._layers.values()

    def inference(self):
        main, shortcut = self.main.inference(), self.shortcut.inference()

        def apply(x):
            a, b = self._fitting(main(x), shortcut(x))
            y = np.empty_like(a)
            kernels.add_relu(view(a).reshape(-1), view(b).reshape(-1), y.reshape(-1))
            return y

        return apply

    def _fitting(self, a, b):
        if a.shape != b.shape:
            raise ShapeError(f"main gives shape {a.shape} and the shortcut {b.shape}; they must be equal to be added")
        return a, b

    def _forward_steps(self, part, x):
        a, b = yield from _both(self.main._forward_steps(part, x), self.shortcut._forward_steps(part, x))
        self._fitting(a, b)
        y = self._buffer(part, "y", a.shape)
        kernels.add_relu(view(a).reshape(-1), view(b).reshape(-1), y.reshape(-1))
        self._saved[part.key] = view(y)
        return y

    def _backward_steps(self, part, grad_y):
        y = self._saved[part.key]
        grad = self._buffer(part, "grad", y.shape)
        kernels.relu_gradient(y.reshape(-1), view(grad_y).reshape(-1), grad.reshape(-1))
        a, b = yield from _both(self.main._backward_steps(part, grad), self.shortcut._backward_steps(part, grad))
        return np.add(a, b, out=self._buffer(part, "grad_x", a.shape))


def _both(first, second):
    """Run two generators of steps side by side, so that they wait for the other shards together."""
    waiting, results = [first, second], {}
    while True:
        due = []
        for steps in list(waiting):
            try:
                due.append(next(steps))
            except StopIteration as end:
                waiting.remove(steps)
                results[steps] = end.value
        if not waiting:
            return results[first], results[second]
        yield lambda due=due: [action() for action in due]
