"""Signals that tests are fed with; each call gives the same numbers, whatever other tests have drawn."""

import numpy as np

from audioconv.arrays import frozen


def noise(shape, dtype="float32", seed=0, scale=1.0):
    """White noise, normally distributed."""
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def frozen_noise(shape, dtype="float32", seed=0):
    """`noise` in the form in which kernels take their inputs."""
    return frozen(noise(shape, dtype, seed))


def channel_noise(samples, channels=1, seed=0):
    """`noise` of some channels; a single one is an array of one dimension."""
    return noise((samples, channels) if channels > 1 else samples, seed=seed)


def complex_noise(size, seed=0):
    """Complex white noise, complex128."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal(size) + 1j * rng.standard_normal(size)


def uniform(shape, scale=1.0, seed=0):
    """White noise from -scale to scale, evenly distributed, as sound files can hold it."""
    return np.random.default_rng(seed).uniform(-scale, scale, shape).astype("float32")
