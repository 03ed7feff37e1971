"""Training of small networks on planes: equal steps for all."""

from collections.abc import Callable

import numpy as np

from audioconv import nn
from audioconv._typing import Array
from audioconv.arrays import seed_of

BATCH, PEAK, DECAY = 32, 0.005, 0.01


def train(network: nn.Layer, x: Array, y: Array, classes: int, steps: int, seed: int, threads: int = 1) -> nn.Layer:
    """Train a network in place by `steps` steps of AdamW on batches drawn at random.

    Parameters
    ----------
    network : Layer
        From x (examples, ...) to logits (examples, classes).
    x : float32 array
    y : int array (examples,)
    classes, steps : int
    seed : int, RandomState or Generator
    """
    step, rng = _step(network), np.random.default_rng([seed_of(seed, "seed"), 0x7A])
    rate, targets = nn.warmup_cosine(PEAK, steps), nn.one_hot(y, classes)
    waiting = np.empty(0, int)
    for number in range(steps):
        while len(waiting) < BATCH:
            waiting = np.concatenate((waiting, rng.permutation(len(x))))
        chosen, waiting = waiting[:BATCH], waiting[BATCH:]
        step(x[chosen], targets[chosen], rate(number), threads=threads)
    return network


def stepper(network: nn.Layer, x: Array, y: Array, classes: int) -> Callable[[], object]:
    """A function that does one step of training on one batch, on one thread; to see how long that takes."""
    step, targets = _step(network), nn.one_hot(y, classes)
    return lambda: step(x, targets, PEAK, threads=1)


def _step(network: nn.Layer) -> nn.TrainingStep:
    return nn.TrainingStep(network, nn.AdamW(network, weight_decay=DECAY), nn.SoftmaxCrossEntropy())


def accuracy(network: nn.Layer, x: Array, y: Array, threads: int = 1) -> float:
    """Share of the examples whose largest logit is that of their class."""
    return float(np.mean(network.forward(x, threads=threads).argmax(axis=1) == y))
