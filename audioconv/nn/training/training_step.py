"""One step of training in one compiled call: forward, loss, backward, optimiser."""

import copy
import time
from collections.abc import Hashable, Sequence

import numpy as np

from audioconv import parallel
from audioconv._typing import Array, ArrayLike
from audioconv.arrays import floating
from audioconv.kernels.nn import optimisers as kernels
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.seeds import seeds_of
from audioconv.nn.ops import backward
from audioconv.nn.ops.graph import MICRO_BATCH, SHARDS, Graph, Planner
from audioconv.nn.ops.instructions import Instruction, instruction
from audioconv.nn.ops.outputs import output, sum_partials
from audioconv.nn.ops.tensor_view import TensorView
from audioconv.nn.runtime.program import Program, training_plan
from audioconv.nn.runtime.program_cache import cache_program, new_array
from audioconv.nn.settings import Changes, Settings
from audioconv.nn.training.ema import ExponentialMovingAverage
from audioconv.nn.training.losses import Loss, MeanSquaredError
from audioconv.nn.training.optimisers import SGD, Optimiser
from audioconv.stage import Guard


class TrainingStep(Settings):
    """Steps of training for a network.

    What is set on layers, optimiser, loss or moving average afterwards holds from the next step on.

    Parameters
    ----------
    network : Layer
        What is trained.
    optimiser : AdamW or SGD
        Of the same network.
    loss : Loss
        Of the network's outputs and the targets.
    ema : ExponentialMovingAverage, optional
        Of the same network; follows each step.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> network = nn.Sequential([nn.Dense(3, 2, rng=np.random.default_rng(0))])
    >>> step = nn.TrainingStep(network, nn.SGD(network), nn.MeanSquaredError())
    >>> x, targets = np.eye(3, dtype="float32"), np.ones((3, 2), "float32")
    >>> losses = [step(x, targets, learning_rate=0.1)[0] for _ in range(40)]
    >>> losses[-1] < 0.05 * losses[0]
    True
    """

    def __init__(
        self,
        network: Layer,
        optimiser: Optimiser,
        loss: Loss,
        ema: ExponentialMovingAverage | None = None,
    ) -> None:
        self.network, self.optimiser, self.loss, self.ema = network, optimiser, loss, ema
        self._programs: dict[tuple[int, ...], tuple[Program, tuple[int, ...]]] = {}
        self._changes, self._guard = Changes(), Guard("training step")

    def __repr__(self) -> str:
        ema = f", {self.ema!r}" if self.ema is not None else ""
        return f"TrainingStep({type(self.network).__name__}, {self.optimiser!r}, {self.loss!r}{ema})"

    def __call__(
        self,
        x: ArrayLike,
        targets: ArrayLike,
        learning_rate: float,
        seeds: ArrayLike | None = None,
        threads: int | None = None,
    ) -> tuple[float, Array]:
        """Do one step on a batch.

        If the loss is not finite, no weight is changed, and optimiser and moving average are as if there had been no
        step; running statistics of batch norms follow the batch, if it is finite where they are.

        Parameters
        ----------
        x : float array, shape (batch, ...)
            The batch, as the network takes it.
        targets : float array, shape of the outputs
            Or what else the loss takes, such as class indices.
        learning_rate : float
            Of this step.
        seeds : int array, shape (batch,), optional
            What dropout draws by, one a clip. Default: as for `Layer.forward`, others in each step.
        threads : int, optional
            The result does not depend on it.

        Returns
        -------
        loss : float
            Of the batch, before the step.
        outputs : float array, shape (batch, ...)
            Of the network, before the step.

        Raises
        ------
        ShapeError, DtypeError
            If batch or targets do not fit.
        BusyError
            If two threads enter one step at once.
        """
        dtype = self.network.dtype
        x = np.ascontiguousarray(floating(x, "x", self.network.dims), dtype)
        with self._guard:
            program, shape = self._program(x.shape)
            outputs = new_array((len(x), *shape), dtype)
            targets, weights = self.loss._prepare(targets, outputs)
            losses = np.zeros(program.plan.micro_batch_count)
            arrays = {"x": x, "y": outputs, "targets": targets, "weights": weights, "loss": losses}
            arrays["seeds"] = seeds_of(self.network, len(x), seeds)
            self.optimiser._prepare(learning_rate)
            program.run(arrays, threads=min(parallel.thread_count(threads), SHARDS))
            self.optimiser._finish()
        return float(sum(losses.tolist())), outputs

    def _program(self, shape: tuple[int, ...]) -> tuple[Program, tuple[int, ...]]:
        """The program for batches of this shape, and the shape of a clip's output."""
        if self._changes(self._signature):
            self._programs.clear()
        if shape not in self._programs:
            graph = Graph(self.network.dtype, True, shape[0], input_gradient=False)
            y = self.network._build(graph, graph.placeholder("x", shape[1:]))
            output(graph, y, "y")
            backward.backpropagate(graph, y, self.loss._build(graph, y))
            graph.stage += 1
            self._check_finite(graph)
            sum_partials(graph)
            self.optimiser._build(graph)
            if self.ema is not None:
                self.ema._build(graph, self.optimiser.hyperparameters)
            cache_program(self._programs, shape, (Program(training_plan(graph)), y.shape))
        return self._programs[shape]

    def _signature(self) -> Hashable:
        ema = self.ema and (self.ema, self.ema.decay)
        return self.network._signature(), self.optimiser, self.optimiser._signature(), self.loss, ema

    def _check_finite(self, graph: Graph) -> None:
        """Cancel the update of the weights if the loss is not finite."""
        losses = graph.placeholder("loss", (1,), MICRO_BATCH, accumulator=True)
        hyperparameters = graph.array(self.optimiser.hyperparameters)

        def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
            count = plan.micro_batch_count
            return [instruction(kernels.check_finite, plan.dtype, losses=reads[0].all_micro_batches(count),
                                hyperparameters=writes[0], micro_batches=count)]  # fmt: skip

        graph.add(encode, [losses], [hyperparameters], once=True)


def epoch_time_s(
    network: Layer, shape: tuple[int, ...], clips: int, batch_size: int = 100, threads: int | None = None
) -> float:
    """Predict how long an epoch of training takes: steps on random clips are measured, on a copy of the network.

    Parameters
    ----------
    network : Layer
        Is not changed.
    shape : tuple of int
        Of a clip: (time, channels) or (time, freq, channels).
    clips : int
        In the training set.
    batch_size : int
        Clips of a batch.
    threads : int, optional
        Default: `AUDIOCONV_THREADS`, or the cores of this process.

    Returns
    -------
    time_s : float
        Seconds.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.epoch_time_s(nn.Dense(4, 2, rng=np.random.default_rng(0)), (4,), clips=1000) > 0
    True
    """
    network = copy.deepcopy(network)
    step = TrainingStep(network, SGD(network), MeanSquaredError())
    x = np.random.default_rng(0).standard_normal((batch_size, *shape)).astype(network.dtype)
    targets = np.zeros((batch_size, *step._program(x.shape)[1]), network.dtype)
    times_s = []
    for _ in range(4):
        start = time.perf_counter()
        step(x, targets, 0.0, threads=threads)
        times_s.append(time.perf_counter() - start)
    return min(times_s) * clips / batch_size
