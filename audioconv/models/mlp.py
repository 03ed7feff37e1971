"""A network without convolutions, for comparison."""

import numpy as np

from audioconv import nn

UNITS = 144


def mlp(classes, features=10, *, frames=25, rng, dtype=np.float32):
    """Three dense layers of 144 units: (batch, frames, features) to logits (batch, classes).

    The first one sees all frames at once (a convolution as long as the clip has one output). ReLU after each; 79,644
    parameters with 25 frames of 10 features and 12 classes.

    Parameters
    ----------
    classes, features, frames : int
        Clips of another length are refused.
    rng : numpy Generator
        Draws the initial weights.
    dtype : float32 or float64

    References
    ----------
    Zhang et al., Hello Edge: Keyword Spotting on Microcontrollers (arXiv 1711.07128), section 3, the small DNN.
    """
    draw = {"rng": rng, "dtype": dtype}
    layers = [nn.Conv1d(features, UNITS, frames, **draw), nn.ReLU(dtype)]
    for _ in range(2):
        layers += [nn.Dense(UNITS, UNITS, **draw), nn.ReLU(dtype)]
    return nn.Sequential([*layers, nn.GlobalAveragePool(dtype), nn.Dense(UNITS, classes, **draw)])
