"""Optimisers, schedules of the learning rate, and the moving average of weights."""

from math import cos, pi

import numpy as np

from audioconv.arrays import number, whole
from audioconv.errors import ArgumentError, AudioconvError
from audioconv.kernels.nn import optimisers as kernels
from audioconv.nn.ops.graph import MICRO_BATCH, Graph, Tensor
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import SHARDS, Program
from audioconv.nn.settings import Changes, Settings, boolean, bounded, fraction

RATE, FACTOR, DECAY, GO = 0, 6, 7, 8  # places in the settings of a step


_learning_rate = bounded(0)


class Optimiser(Settings):
    """Base of the optimisers: what they keep of each parameter, and the limit of the gradient's norm.

    Biases, scales and shifts (parameters of one dimension) do not decay. Settings may be changed between steps.

    Attributes
    ----------
    steps : int
        Steps done; not those that a loss which is not finite has cancelled.
    """

    _checks = {"weight_decay": bounded(0), "clip_grad_norm": bounded(above=0, optional=True)}
    _step = None
    _kept = 2  # arrays a parameter

    def __init__(self, network, weight_decay, clip_grad_norm):
        self.network, self.weight_decay, self.clip_grad_norm = network, weight_decay, clip_grad_norm
        self._moments = {
            name: [np.zeros(p.size) for _ in range(self._kept)] for name, p in network.parameters().items()
        }
        self._steps = 0
        self.settings = np.zeros(9)
        self._program, self._changes = None, Changes()

    @property
    def steps(self):
        return self._steps

    @steps.setter
    def steps(self, steps):
        self._steps = whole(steps, "steps", 0)

    def signature(self):
        """All that a program with the optimiser depends on, but what `prepare` fills in."""
        return self.network.signature(), self.clip_grad_norm

    def state_dict(self):
        """All that a later step depends on beside `steps`, by name: arrays, themselves and not copies."""
        return {f"{name}.{i}": a for name, moments in self._moments.items() for i, a in enumerate(moments)}

    def prepare(self, learning_rate):
        """Fill in the settings of the next step; `finish` comes after it."""
        self.settings[:] = 0
        self.settings[[RATE, FACTOR, DECAY, GO]] = (
            _learning_rate(learning_rate, "learning_rate"),
            1,
            self.weight_decay,
            1,
        )

    def finish(self):
        """Count the step, if it was not cancelled."""
        self._steps += int(self.settings[GO])

    def step(self, learning_rate):
        """Change the parameters by the gradients of the network's last `backward`."""
        if self._changes(self.signature):
            graph = Graph(self.network.dtype, True, SHARDS)
            self.build(graph)
            self._program = Program(Plan(graph, SHARDS, 1))
        self.prepare(learning_rate)
        self._program.run({})
        self.finish()

    def build(self, graph):
        """Add the step to a graph, after all that is there."""
        settings, gradients = graph.array(self.settings), self.network.gradients()
        _check_parameters(self, {name: kept[0].size for name, kept in self._moments.items()})
        if self.clip_grad_norm is not None:
            graph.stage += 1
            self._clip_grad_norm(graph, settings, gradients)
        graph.stage += 1
        for name, parameter in self.network.parameters().items():
            kept = self._moments[name]
            arrays = [graph.array(a) for a in (parameter, gradients[name], kept[0], kept[-1], self.settings)]
            self._add_step(graph, arrays, parameter)

    def _add_step(self, graph, arrays, parameter):
        def encode(plan, place):
            numbers = [parameter.size, plan.micro_batch_count, int(parameter.ndim > 1)]
            return [instruction(self._step, plan.dtype, list(map(place, arrays)), numbers)]

        graph.add(encode, arrays, arrays[:1])

    def _clip_grad_norm(self, graph, settings, gradients):
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


def _check_parameters(made, sizes):
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
    weight_decay : float
        Each step takes learning_rate * weight_decay of a weight from it.
    beta1, beta2, epsilon : float
    clip_grad_norm : float, optional
        The largest norm of the whole gradient; a larger one is scaled down to it.

    References
    ----------
    Loshchilov, Hutter, Decoupled Weight Decay Regularization, ICLR 2019, algorithm 2.
    """

    _checks = Optimiser._checks | {"beta1": fraction, "beta2": fraction, "epsilon": bounded(above=0)}
    _step = kernels.adamw

    def __init__(self, network, weight_decay=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8, clip_grad_norm=None):
        super().__init__(network, weight_decay, clip_grad_norm)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def prepare(self, learning_rate):
        super().prepare(learning_rate)
        step = self._steps + 1
        corrections = 1 - self.beta1**step, 1 - self.beta2**step
        self.settings[1:6] = self.beta1, self.beta2, self.epsilon, *corrections


class SGD(Optimiser):
    """Stochastic gradient descent with momentum.

    Parameters
    ----------
    network : Layer
    momentum : float
    nesterov : bool
    weight_decay : float
        Times the weight, added to its gradient.
    clip_grad_norm : float, optional
        As for `AdamW`.

    References
    ----------
    Sutskever, Martens, Dahl, Hinton, On the importance of initialization and momentum in deep learning, ICML 2013.
    """

    _checks = Optimiser._checks | {"momentum": fraction, "nesterov": boolean}
    _step = kernels.sgd
    _kept = 1

    def __init__(self, network, momentum=0.9, nesterov=True, weight_decay=0.0, clip_grad_norm=None):
        super().__init__(network, weight_decay, clip_grad_norm)
        self.momentum, self.nesterov = momentum, nesterov

    def prepare(self, learning_rate):
        super().prepare(learning_rate)
        self.settings[1:3] = self.momentum, self.nesterov


class ExponentialMovingAverage(Settings):
    """Exponential moving average of the parameters of a network, which often does better than the last of them.

    A step that a loss which is not finite has cancelled leaves it as it is.

    Parameters
    ----------
    network : Layer
    decay : float, 0 <= decay < 1
        Share of the old average that a step keeps.

    References
    ----------
    Polyak, Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM J. Control 30 (1992).
    """

    _checks = {"decay": fraction}

    def __init__(self, network, decay=0.999):
        self.network, self.decay = network, decay
        self.averages = {name: p.reshape(-1).astype(np.float64) for name, p in network.parameters().items()}

    def state_dict(self):
        """The weights of the network with the averages for its parameters: copies."""
        found = {name: array.copy() for name, array in self.network.state_dict().items()}
        for name, average in self.averages.items():
            found[name][...] = average.reshape(found[name].shape)
        return found

    def build(self, graph, settings):
        """Add the step to a graph, after all that is there; `settings` are those of the optimiser."""
        _check_parameters(self, {name: average.size for name, average in self.averages.items()})
        graph.stage += 1
        for name, parameter in self.network.parameters().items():
            arrays = [graph.array(each) for each in (parameter, self.averages[name], settings)]

            def encode(plan, place, arrays=arrays, size=parameter.size):
                numbers = [size, plan.micro_batch_count, float(self.decay)]
                return [instruction(kernels.ema_update, plan.dtype, list(map(place, arrays)), numbers)]

            graph.add(encode, arrays, arrays[1:2])


def constant(rate):
    """The function from step (0, 1, ...) to learning rate that is always `rate`."""
    number(rate, "rate", 0)
    return lambda step: rate


def step_decay(rate, every, factor=0.1):
    """The function from step to learning rate: `rate`, times `factor` after each `every` steps."""
    every, factor, rate = whole(every, "every"), number(factor, "factor", above=0), number(rate, "rate", 0)
    return lambda step: rate * factor ** (step // every)


def warmup_cosine(peak, steps, warmup=None):
    """Return the function from step (0, 1, ...) to learning rate: a line up to `peak`, then half a cosine down to 0.

    Parameters
    ----------
    peak : float
    steps : int
        All steps of the training.
    warmup : int, optional
        Steps of the rise; by default a tenth of all.

    References
    ----------
    Loshchilov, Hutter, SGDR, ICLR 2017, equation 5.
    """
    steps, peak = whole(steps, "steps"), number(peak, "peak", 0)
    warmup = steps // 10 if warmup is None else whole(warmup, "warmup", 0)
    if warmup > steps:
        raise ArgumentError(f"warmup must be at most all of the {steps} steps, not {warmup}")

    def learning_rate(step):
        if step < warmup:
            return peak * (step + 1) / (warmup + 1)
        return peak * 0.5 * (1 + cos(pi * min(1.0, (step - warmup) / max(steps - warmup, 1))))

    return learning_rate
