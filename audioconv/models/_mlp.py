"""A network of dense layers, for comparison."""

import numpy as np

from audioconv import nn

UNITS = 144


def mlp(classes, features=10, *, frames=25, as_published=False, rng, dtype=np.float32):
    """Three dense layers of 144 units: (batch, frames, features) to logits (batch, classes).

    The first one sees windows as long as a clip, moved by up to half a clip either way with zeros around it; the mean
    of what the third makes of each decides. ReLU after each; 79,644 parameters with 25 frames of 10 features and 12
    classes.

    The paper's network sees the clip once, as it lies. That is `as_published`, with as many parameters.

    Parameters
    ----------
    classes, features, frames : int
    as_published : bool
        Whether the first layer sees the clip once; shorter clips are then refused.
    rng : numpy Generator
        Draws the initial weights.
    dtype : float32 or float64

    References
    ----------
    Zhang et al., Hello Edge: Keyword Spotting on Microcontrollers (arXiv 1711.07128), section 3, the small DNN.
    """
    draw = {"rng": rng, "dtype": dtype}
    padding = "valid" if as_published else "same"
    layers = [nn.Conv1d(features, UNITS, frames, padding=padding, **draw), nn.ReLU(dtype)]
    for _ in range(2):
        layers += [nn.Dense(UNITS, UNITS, **draw), nn.ReLU(dtype)]
    return nn.Sequential([*layers, nn.GlobalAveragePool(dtype), nn.Dense(UNITS, classes, **draw)])
