"""Training of small networks on planes: equal steps for all."""

from collections.abc import Callable

import numpy as np

from audioconv import nn
from audioconv._typing import Array, IntArray
from audioconv.arrays import RandomState, seed_of

BATCH, PEAK_RATE, WEIGHT_DECAY = 32, 0.005, 0.01


def train(
    network: nn.Layer,
    x: Array,
    y: IntArray,
    classes: int,
    steps: int,
    seed: RandomState,
    threads: int | None = 1,
) -> nn.Layer:
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
    rate, targets = nn.warmup_cosine(PEAK_RATE, steps), nn.one_hot(y, classes)
    waiting = np.empty(0, int)
    for number in range(steps):
        while len(waiting) < BATCH:
            waiting = np.concatenate((waiting, rng.permutation(len(x))))
        chosen, waiting = waiting[:BATCH], waiting[BATCH:]
        step(x[chosen], targets[chosen], rate(number), threads=threads)
    return network


def stepper(network: nn.Layer, x: Array, y: IntArray, classes: int) -> Callable[[], object]:
    """A function that does one step of training on one batch, on one thread, to be timed."""
    step, targets = _step(network), nn.one_hot(y, classes)
    return lambda: step(x, targets, PEAK_RATE, threads=1)


def _step(network: nn.Layer) -> nn.TrainingStep:
    return nn.TrainingStep(network, nn.AdamW(network, weight_decay=WEIGHT_DECAY), nn.SoftmaxCrossEntropy())


def accuracy(network: nn.Layer, x: Array, y: IntArray, threads: int | None = 1) -> float:
    """Share of the examples whose largest logit is that of their class."""
    return float(np.mean(network.forward(x, threads=threads).argmax(axis=1) == y))
