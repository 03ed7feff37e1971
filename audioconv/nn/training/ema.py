"""The exponential moving average (EMA) of weights."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from audioconv._typing import Array
from audioconv.kernels.nn import optimisers as kernels
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.containers import as_layer
from audioconv.nn.ops.graph import Graph, Planner
from audioconv.nn.ops.instructions import Instruction, instruction
from audioconv.nn.ops.tensor_view import TensorView
from audioconv.nn.settings import Check, Settings, fraction, shown
from audioconv.nn.training.optimisers import check_parameters


class ExponentialMovingAverage(Settings):
    """Exponential moving average of the parameters of a network, which often does better than the last of them.

    A step that a loss which is not finite has cancelled leaves it as it is.

    Parameters
    ----------
    network : Layer
        Whose parameters are averaged.
    decay : float, 0 <= decay < 1
        Share of the old average that a step keeps.

    Attributes
    ----------
    averages : dict of str -> float64 array
        Of each parameter, by name, flat.

    Raises
    ------
    ArgumentError
        For a decay out of range, and for a network that is no layer.

    References
    ----------
    Polyak, Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control 30 (1992).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> network = nn.Dense(3, 2, rng=np.random.default_rng(0))
    >>> ema = nn.ExponentialMovingAverage(network, decay=0.9)
    >>> step = nn.TrainingStep(network, nn.SGD(network), nn.MeanSquaredError(), ema)
    >>> loss, outputs = step(np.eye(3, dtype="float32"), np.ones((3, 2), "float32"), learning_rate=0.1)
    >>> bool(np.allclose(ema.state_dict()["bias"], 0.1 * network.bias))  # which was 0 before
    True
    """

    _checks: ClassVar[Mapping[str, Check]] = {"decay": fraction}

    def __init__(self, network: Layer, decay: float = 0.999) -> None:
        self.network, self.decay = as_layer(network, "network"), decay
        self.averages = {name: p.reshape(-1).astype(np.float64) for name, p in network.parameters().items()}

    def __repr__(self) -> str:
        return shown(self, "network")

    def state_dict(self) -> dict[str, Array]:
        """Return the weights of the network, with the averages in place of its parameters.

        Returns
        -------
        state_dict : dict of str -> array
            Copies, as `Layer.load_state_dict` takes them.
        """
        found = {name: array.copy() for name, array in self.network.state_dict().items()}
        for name, average in self.averages.items():
            found[name][...] = average.reshape(found[name].shape)
        return found

    def _build(self, graph: Graph, hyperparameters: Array) -> None:
        """Add the step to a graph, after all that is there; `hyperparameters` are those of the optimiser."""
        check_parameters(self, {name: average.size for name, average in self.averages.items()})
        graph.stage += 1
        for name, parameter in self.network.parameters().items():
            arrays = [graph.array(each) for each in (parameter, self.averages[name], hyperparameters)]

            graph.add(self._encode, arrays, arrays[1:2])

    def _encode(self, plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        """The update of one parameter's average."""
        operands = dict(zip(kernels.EMA_UPDATE.operands, reads, strict=True))
        return [instruction(kernels.ema_update, plan.dtype, **operands, size=reads[0].size,
                            micro_batches=plan.micro_batch_count, decay=self.decay)]  # fmt: skip
