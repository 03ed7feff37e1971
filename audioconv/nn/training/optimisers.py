"""Optimisers: AdamW, and SGD with momentum; gradient clipping by norm."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import whole
from audioconv.errors import AudioconvError
from audioconv.kernels.nn import optimisers as kernels
from audioconv.nn.layers.base import Layer
from audioconv.nn.ops.graph import MICRO_BATCH, SHARDS, Graph, Tensor
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import Program
from audioconv.nn.settings import Changes, Check, Settings, boolean, bounded, fraction, shown

RATE, FACTOR, DECAY, GO = 0, 6, 7, 8  # places in the settings of a step


_learning_rate = bounded(0)


class Optimiser(Settings):
    """Base of the optimisers: what they keep of each parameter, and gradient clipping.

    Biases, scales and shifts (parameters of one dimension) do not decay. Settings may be changed between steps.

    Attributes
    ----------
    steps : int
        Steps done; not those that a loss which is not finite has cancelled.
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "weight_decay": bounded(0),
        "clip_grad_norm": bounded(above=0, optional=True),
    }
    _step: ClassVar[Any] = None
    _kept: ClassVar[int] = 2  # arrays a parameter

    def __init__(self, network: Layer, weight_decay: float, clip_grad_norm: float | None) -> None:
        self.network, self.weight_decay, self.clip_grad_norm = network, weight_decay, clip_grad_norm
        self._moments = {
            name: [np.zeros(p.size) for _ in range(self._kept)] for name, p in network.parameters().items()
        }
        self._steps = 0
        self.settings = np.zeros(9)
        self._program: Program | None = None
        self._changes = Changes()

    def __repr__(self) -> str:
        return shown(self, "network", **({"steps": self.steps} if self.steps else {}))

    @property
    def steps(self) -> int:
        """Steps done so far."""
        return self._steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._steps = whole(steps, "steps", 0)

    def _signature(self) -> tuple[Any, ...]:
        """All that a program with the optimiser depends on, but what `_prepare` fills in."""
        return self.network._signature(), self.clip_grad_norm

    def state_dict(self) -> dict[str, Array]:
        """Return the moments of all parameters: what a later step depends on, beside `steps`.

        Returns
        -------
        state_dict : dict of str -> float64 array
            Themselves and not copies.
        """
        return {f"{name}.{i}": a for name, moments in self._moments.items() for i, a in enumerate(moments)}

    def _prepare(self, learning_rate: float) -> None:
        """Fill in the settings of the next step; `_finish` comes after it."""
        self.settings[:] = 0
        self.settings[[RATE, FACTOR, DECAY, GO]] = (
            _learning_rate(learning_rate, "learning_rate"),
            1,
            self.weight_decay,
            1,
        )

    def _finish(self) -> None:
        """Count the step, if it was not cancelled."""
        self._steps += int(self.settings[GO])

    def step(self, learning_rate: float) -> None:
        """Change the parameters by the gradients of the network's last `backward`.

        Parameters
        ----------
        learning_rate : float
            At least 0.

        Raises
        ------
        ArgumentError
            For a learning rate below 0, or none at all.
        AudioconvError
            If the network has other parameters than when the optimiser was made.
        """
        if self._changes(self._signature) or self._program is None:
            graph = Graph(self.network.dtype, True, SHARDS)
            self._build(graph)
            self._program = Program(Plan(graph, SHARDS, 1))
        self._prepare(learning_rate)
        self._program.run({})
        self._finish()

    def _build(self, graph: Graph) -> None:
        """Add the step to a graph, after all that is there."""
        settings, gradients = graph.array(self.settings), self.network.gradients()
        check_parameters(self, {name: kept[0].size for name, kept in self._moments.items()})
        if self.clip_grad_norm is not None:
            graph.stage += 1
            self._clip_grad_norm(graph, settings, gradients)
        graph.stage += 1
        for name, parameter in self.network.parameters().items():
            kept = self._moments[name]
            arrays = [graph.array(a) for a in (parameter, gradients[name], kept[0], kept[-1], self.settings)]
            self._add_step(graph, arrays, parameter)

    def _add_step(self, graph: Graph, arrays: list[Tensor], parameter: Array) -> None:
        def encode(plan, place):
            numbers = [parameter.size, plan.micro_batch_count, int(parameter.ndim > 1)]
            return [instruction(self._step, plan.dtype, list(map(place, arrays)), numbers)]

        graph.add(encode, arrays, arrays[:1])

    def _clip_grad_norm(self, graph: Graph, settings: Tensor, gradients: Mapping[str, Array]) -> None:
        squares = Tensor((len(gradients),), MICRO_BATCH, True)
        for channel, gradient in enumerate(gradients.values()):
            tensor = graph.array(gradient)

            def encode(plan, place, tensor=tensor, channel=channel):
                where = [place(tensor), place(squares).moved(channel=channel)]
                return [instruction(kernels.square_sum, plan.dtype, where, [tensor.size, plan.micro_batch_count])]

            graph.add(encode, [tensor], [squares])

        def encode_clip(plan, place):
            numbers = [len(gradients) * plan.micro_batch_count, float(self.clip_grad_norm)]
            return [
                instruction(
                    kernels.clip_grad_norm,
                    plan.dtype,
                    [place(squares).all_micro_batches(plan.micro_batch_count), place(settings)],
                    numbers,
                )
            ]

        graph.add(encode_clip, [squares], [settings], once=True)


def check_parameters(made: Any, sizes: Mapping[str, int]) -> None:
    """Refuse a network whose parameters are no longer those that an optimiser or an average was made for."""
    found = {name: parameter.size for name, parameter in made.network.parameters().items()}
    if found != sizes:
        different = sorted(name for name in found.keys() | sizes.keys() if found.get(name) != sizes.get(name))
        raise AudioconvError(
            f"the network has other parameters than when its {type(made).__name__} was made ({', '.join(different)}); "
            "make a new one after layers have changed"
        )


class AdamW(Optimiser):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    network : Layer
        Whose parameters it changes.
    weight_decay : float
        Each step takes learning_rate * weight_decay of a weight from it.
    beta1, beta2 : float
        Shares of the old moments that a step keeps, of the gradient and of its square.
    epsilon : float
        Added to the root of the second moment.
    clip_grad_norm : float, optional
        The largest norm of the whole gradient; a larger one is scaled down to it (gradient clipping).

    Raises
    ------
    ArgumentError
        For numbers out of range.

    References
    ----------
    Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> network = nn.Dense(3, 2, rng=np.random.default_rng(0))
    >>> optimiser = nn.AdamW(network, weight_decay=0.1, clip_grad_norm=1.0)
    >>> y = network.forward(np.ones((4, 3), "float32"), training=True)
    >>> grad_x = network.backward(y)
    >>> optimiser.step(learning_rate=0.01)
    >>> optimiser
    AdamW(weight_decay=0.1, clip_grad_norm=1, steps=1)
    """

    _checks = {**Optimiser._checks, "beta1": fraction, "beta2": fraction, "epsilon": bounded(above=0)}
    _step = kernels.adamw

    def __init__(
        self,
        network: Layer,
        weight_decay: float = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clip_grad_norm: float | None = None,
    ) -> None:
        super().__init__(network, weight_decay, clip_grad_norm)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _prepare(self, learning_rate: float) -> None:
        super()._prepare(learning_rate)
        step = self._steps + 1
        corrections = 1 - self.beta1**step, 1 - self.beta2**step
        self.settings[1:6] = self.beta1, self.beta2, self.epsilon, *corrections


class SGD(Optimiser):
    """Stochastic gradient descent with momentum.

    Parameters
    ----------
    network : Layer
        Whose parameters it changes.
    momentum : float
        Share of the old velocity that a step keeps.
    nesterov : bool
        Whether the gradient is looked at ahead, as Nesterov does.
    weight_decay : float
        Times the weight, added to its gradient.
    clip_grad_norm : float, optional
        As for `AdamW`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, On the importance of initialization and momentum in deep learning, ICML 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> network = nn.Dense(1, 1, rng=np.random.default_rng(0))
    >>> network.weight = [[2.0]]
    >>> y = network.forward(np.ones((1, 1), "float32"), training=True)
    >>> grad_x = network.backward(np.ones((1, 1), "float32"))
    >>> nn.SGD(network, momentum=0.0).step(learning_rate=0.5)
    >>> network.weight.tolist(), network.bias.tolist()
    ([[1.5]], [-0.5])
    """

    _checks = {**Optimiser._checks, "momentum": fraction, "nesterov": boolean}
    _step = kernels.sgd
    _kept = 1

    def __init__(
        self,
        network: Layer,
        momentum: float = 0.9,
        nesterov: bool = True,
        weight_decay: float = 0.0,
        clip_grad_norm: float | None = None,
    ) -> None:
        super().__init__(network, weight_decay, clip_grad_norm)
        self.momentum, self.nesterov = momentum, nesterov

    def _prepare(self, learning_rate: float) -> None:
        super()._prepare(learning_rate)
        self.settings[1:3] = self.momentum, self.nesterov
