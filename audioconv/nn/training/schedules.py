"""Schedules of the learning rate: functions from step (0, 1, ...) to rate."""

from collections.abc import Callable
from math import cos, pi
from typing import TypeAlias

from audioconv.arrays import number, whole
from audioconv.errors import ArgumentError

Schedule: TypeAlias = Callable[[int], float]


def constant(rate: float) -> Schedule:
    """Return the schedule that is always the same rate.

    Parameters
    ----------
    rate : float
        At least 0.

    Returns
    -------
    schedule : callable
        From step (0, 1, ...) to learning rate.

    Raises
    ------
    ArgumentError
        For a rate below 0.

    Examples
    --------
    >>> from audioconv import nn
    >>> nn.constant(0.1)(1000)
    0.1
    """
    number(rate, "rate", 0)
    return lambda step: rate


def step_decay(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """Return the schedule that multiplies the rate by a factor after each so many steps.

    Parameters
    ----------
    rate : float
        Of the first step.
    every : int
        Steps of one rate.
    factor : float
        Above 0.

    Returns
    -------
    schedule : callable
        From step (0, 1, ...) to learning rate.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Examples
    --------
    >>> from audioconv import nn
    >>> schedule = nn.step_decay(1.0, every=10, factor=0.5)
    >>> schedule(9), schedule(10), schedule(25)
    (1.0, 0.5, 0.25)
    """
    every, factor, rate = whole(every, "every"), number(factor, "factor", above=0), number(rate, "rate", 0)
    return lambda step: rate * factor ** (step // every)


def warmup_cosine(peak: float, steps: int, warmup: int | None = None) -> Schedule:
    """Return the schedule that rises in a line up to a peak (warm-up), then falls as half a cosine down to 0.

    Parameters
    ----------
    peak : float
        The largest rate.
    steps : int
        All steps of the training.
    warmup : int, optional
        Steps of the rise; by default a tenth of all.

    Returns
    -------
    schedule : callable
        From step (0, 1, ...) to learning rate.

    Raises
    ------
    ArgumentError
        For numbers out of range, and a warm-up longer than the training.

    References
    ----------
    Loshchilov, Hutter, SGDR, ICLR 2017, equation 5.

    Examples
    --------
    >>> from audioconv import nn
    >>> schedule = nn.warmup_cosine(1.0, steps=100)
    >>> [round(schedule(step), 2) for step in (0, 10, 55, 100)]
    [0.09, 1.0, 0.5, 0.0]
    """
    steps, peak = whole(steps, "steps"), number(peak, "peak", 0)
    rise = steps // 10 if warmup is None else whole(warmup, "warmup", 0)
    if rise > steps:
        raise ArgumentError(f"warmup must be at most all of the {steps} steps, not {rise}")

    def learning_rate(step: int) -> float:
        if step < rise:
            return peak * (step + 1) / (rise + 1)
        return peak * 0.5 * (1 + cos(pi * min(1.0, (step - rise) / max(steps - rise, 1))))

    return learning_rate
