"""Activations and dropout."""

import numpy as np

from audioconv.nn.layers.base import Layer
from audioconv.nn.ops import pointwise
from audioconv.nn.settings import fraction


class Activation(Layer):
    """Base of the activations, each element for itself; after a batch norm they are done in the same pass."""

    dims = (2, 3, 4)
    name = None

    def _build(self, graph, x):
        return pointwise.activate(graph, x, self.name)


class ReLU(Activation):
    """max(0, x); NaN stays NaN."""

    name = "relu"


class Swish(Activation):
    """x * sigmoid(x).

    References
    ----------
    Ramachandran, Zoph, Le, Searching for Activation Functions (arXiv 1710.05941).
    """

    name = "swish"


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    name = "sigmoid"


class Dropout(Layer):
    """In training set each value to zero with probability `rate` and divide the others by 1 - rate.

    What is dropped is drawn by the seed of the clip, the place of the layer and that of the value: not by threads.

    Parameters
    ----------
    rate : float, 0 <= rate < 1

    References
    ----------
    Srivastava et al., Dropout, JMLR 15 (2014), section 10 (scaled at training time).
    """

    dims = (2, 3, 4)
    _checks = {"rate": fraction}

    def __init__(self, rate, *, dtype=np.float32):
        super().__init__(dtype)
        self.rate = rate

    def _build(self, graph, x):
        return pointwise.dropout(graph, x, self.rate) if graph.training and self.rate else x
