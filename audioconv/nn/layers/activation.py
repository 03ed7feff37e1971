"""Activations, maxout and dropout."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from audioconv._typing import DTypeLike
from audioconv.arrays import whole
from audioconv.errors import ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.ops import pointwise, pooling
from audioconv.nn.ops.graph import Graph, Tensor
from audioconv.nn.ops.pointwise import ActivationName
from audioconv.nn.settings import Check, fraction


class Activation(Layer):
    """Base of the activations, which are elementwise; after a batch norm they are computed in the same pass (fused)."""

    dims = (2, 3, 4)
    name: ClassVar[ActivationName] = "linear"

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        return pointwise.activate(graph, x, self.name)


class ReLU(Activation):
    """max(0, x); NaN stays NaN.

    Parameters
    ----------
    dtype : float32 or float64
        Of inputs and outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.ReLU().forward(np.array([[-1.0, 2.0]]))
    array([[0., 2.]], dtype=float32)
    """

    name = "relu"


class Swish(Activation):
    """x * sigmoid(x), which PyTorch calls SiLU.

    Parameters
    ----------
    dtype : float32 or float64
        Of inputs and outputs.

    References
    ----------
    Ramachandran, Zoph, Le, Searching for Activation Functions (arXiv 1710.05941).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.Swish().forward(np.array([[-1.0, 2.0]])).round(3)
    array([[-0.269,  1.762]], dtype=float32)
    """

    name = "swish"


class Sigmoid(Activation):
    """1 / (1 + exp(-x)).

    Parameters
    ----------
    dtype : float32 or float64
        Of inputs and outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.Sigmoid().forward(np.array([[0.0, np.log(3)]])).round(3)
    array([[0.5 , 0.75]], dtype=float32)
    """

    name = "sigmoid"


class Maxout(Layer):
    """The largest of `pieces` values for each unit: y[u] = max over p of x[p * units + u].

    Parameters
    ----------
    pieces : int
        The input has pieces * units channels.
    dtype : float32 or float64
        Of inputs and outputs.

    References
    ----------
    Goodfellow et al., Maxout Networks, ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.Maxout(2).forward(np.array([[1.0, 5.0, 3.0, 4.0]]))
    array([[3., 5.]], dtype=float32)
    """

    dims = (2, 3, 4)
    _checks: ClassVar[Mapping[str, Check]] = {"pieces": whole}

    def __init__(self, pieces: int, *, dtype: DTypeLike = np.float32) -> None:
        super().__init__(dtype)
        self.pieces = pieces

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        channels = x.shape[-1]
        if channels % self.pieces:
            raise ShapeError(f"{channels} channels cannot be cut into {self.pieces} pieces (x {x.shape})")
        return pooling.maxout(graph, x, self.pieces)


class Dropout(Layer):
    """In training set each value to zero with probability `rate` and divide the others by 1 - rate.

    What is dropped is drawn by the seed of the clip, the place of the layer and that of the value: not by threads.

    Parameters
    ----------
    rate : float, 0 <= rate < 1
        Probability of a zero.
    dtype : float32 or float64
        Of inputs and outputs.

    References
    ----------
    Srivastava et al., Dropout, JMLR 15 (2014), section 10 (scaled at training time).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> x = np.ones((1, 4000), "float32")
    >>> y = nn.Dropout(0.25).forward(x, training=True)
    >>> bool(0.2 < (y == 0).mean() < 0.3), round(float(y.max()), 3)
    (True, 1.333)
    """

    dims = (2, 3, 4)
    _checks: ClassVar[Mapping[str, Check]] = {"rate": fraction}

    def __init__(self, rate: float, *, dtype: DTypeLike = np.float32) -> None:
        super().__init__(dtype)
        self.rate = rate

    def _build(self, graph: Graph, x: Tensor) -> Tensor:
        return pointwise.dropout(graph, x, self.rate) if graph.training and self.rate else x
