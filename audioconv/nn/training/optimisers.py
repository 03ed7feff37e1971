"""Optimisers: AdamW, and SGD with momentum; gradient clipping by norm."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import whole
from audioconv.errors import AudioconvError
from audioconv.kernels.nn import optimisers as kernels
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.containers import as_layer
from audioconv.nn.ops.graph import MICRO_BATCH, SHARDS, Graph, Planner, Tensor
from audioconv.nn.ops.instructions import Instruction, instruction
from audioconv.nn.ops.tensor_view import TensorView
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import Program
from audioconv.nn.settings import Changes, Check, Settings, boolean, bounded, fraction, shown

_learning_rate = bounded(0)


class Optimiser(Settings, ABC):
    """Base of the optimisers: what they keep of each parameter, and gradient clipping.

    Biases, scales and shifts (parameters of one dimension) get no weight decay. Settings may change between steps.

    Attributes
    ----------
    steps : int
        Steps done; not those that a loss which is not finite has cancelled.
    """

    _checks: ClassVar[Mapping[str, Check]] = {
        "weight_decay": bounded(0),
        "clip_grad_norm": bounded(above=0, optional=True),
    }
    _kernel: ClassVar[Any] = None
    _kept: ClassVar[int] = 2  # moments of each parameter

    def __init__(self, network: Layer, weight_decay: float, clip_grad_norm: float | None) -> None:
        self.network = as_layer(network, "network")
        self.weight_decay, self.clip_grad_norm = weight_decay, clip_grad_norm
        self._moments = {
            name: [np.zeros(p.size) for _ in range(self._kept)] for name, p in network.parameters().items()
        }
        self._steps = 0
        self.hyperparameters = np.zeros(kernels.ADAMW.row_size)  # of one step
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
        """Fill in the hyperparameters of the next step; `_finish` comes after it."""
        row = self._row(learning_rate=_learning_rate(learning_rate, "learning_rate"), gradient_scale=1,
                        weight_decay=self.weight_decay, enabled=1)  # fmt: skip
        self.hyperparameters[: len(row)] = row

    @abstractmethod
    def _row(self, **common: float) -> list[float]:
        """The row of hyperparameters that the op kernel takes."""

    def _finish(self) -> None:
        """Count the step, if it was not cancelled."""
        self._steps += int(self.hyperparameters[kernels.OPTIMISER.enabled])

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
        hyperparameters, gradients = graph.array(self.hyperparameters), self.network.gradients()
        check_parameters(self, {name: kept[0].size for name, kept in self._moments.items()})
        if self.clip_grad_norm is not None:
            graph.stage += 1
            self._add_clipping(graph, hyperparameters, gradients)
        graph.stage += 1
        for name, parameter in self.network.parameters().items():
            kept = self._moments[name]
            arrays = [graph.array(a) for a in (parameter, gradients[name], kept[0], kept[-1])]
            self._add_update(graph, [*arrays, hyperparameters], parameter)

    def _add_update(self, graph: Graph, tensors: list[Tensor], parameter: Array) -> None:
        def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
            operands = dict(zip(kernels.PARAMETER_UPDATE.operands, reads, strict=True))
            return [instruction(self._kernel, plan.dtype, **operands, size=parameter.size,
                                micro_batches=plan.micro_batch_count, decays=parameter.ndim > 1)]  # fmt: skip

        graph.add(encode, tensors, tensors[:1])

    def _add_clipping(self, graph: Graph, hyperparameters: Tensor, gradients: Mapping[str, Array]) -> None:
        squares, max_norm = Tensor((len(gradients),), MICRO_BATCH, True), self.clip_grad_norm
        assert max_norm is not None
        for number, gradient in enumerate(gradients.values()):
            _add_square_sum(graph, graph.array(gradient), squares, number)

        def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
            count = plan.micro_batch_count
            return [instruction(kernels.clip_grad_norm, plan.dtype, squares=reads[0].all_micro_batches(count),
                                hyperparameters=writes[0], terms=len(gradients) * count,
                                max_norm=max_norm)]  # fmt: skip

        graph.add(encode, [squares], [hyperparameters], once=True)


def _add_square_sum(graph: Graph, gradient: Tensor, squares: Tensor, number: int) -> None:
    """Set number `number` of `squares` to the sum of the squares of a gradient, of the share of each micro-batch."""

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        own = writes[0].shifted(channel=number)
        return [instruction(kernels.square_sum, plan.dtype, x=reads[0], sum=own, size=gradient.size,
                            micro_batches=plan.micro_batch_count)]  # fmt: skip

    graph.add(encode, [gradient], [squares])


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
        Each step subtracts learning_rate * weight_decay * weight.
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
    _kernel = kernels.adamw

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

    def _row(self, **common: float) -> list[float]:
        step = self._steps + 1
        row: list[float] = kernels.ADAMW.pack(
            **common, beta1=self.beta1, beta2=self.beta2, epsilon=self.epsilon, correction1=1 - self.beta1**step,
            correction2=1 - self.beta2**step,
        )  # fmt: skip
        return row


class SGD(Optimiser):
    """Stochastic gradient descent with momentum.

    Parameters
    ----------
    network : Layer
        Whose parameters it changes.
    momentum : float
        Share of the old velocity that a step keeps.
    nesterov : bool
        Whether to use Nesterov momentum (the gradient at the point ahead).
    weight_decay : float
        L2 penalty: times the weight, added to its gradient.
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
    _kernel = kernels.sgd
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

    def _row(self, **common: float) -> list[float]:
        row: list[float] = kernels.SGD.pack(**common, momentum=self.momentum, nesterov=self.nesterov)
        return row
