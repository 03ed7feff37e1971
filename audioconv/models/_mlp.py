"""A network of dense layers, for comparison."""

from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike
from audioconv.nn.layers.windows import PaddingName

UNITS = 144


def mlp(
    classes: int,
    features: int = 10,
    *,
    frames: int = 25,
    as_published: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a network of three dense layers of 144 units: (batch, frames, features) to logits (batch, classes).

    The first one sees windows as long as a clip, moved by up to half a clip either way with zeros around it; the mean
    of what the third makes of each decides. ReLU after each; 79,644 parameters with 25 frames of 10 features and 12
    classes.

    The paper's network sees the clip once, as it lies. That is `as_published`, with as many parameters.

    Parameters
    ----------
    classes : int
        Logits.
    features : int
        Numbers in a frame.
    frames : int
        Of a clip.
    as_published : bool
        Whether the first layer sees the clip once; shorter clips are then refused.
    rng : numpy Generator
        Draws the initial weights.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    References
    ----------
    Zhang et al., Hello Edge: Keyword Spotting on Microcontrollers (arXiv 1711.07128), section 3, the small DNN.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.mlp(12, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 25, 10), "float32")).shape
    (1, 12)
    >>> sum(p.size for p in network.parameters().values())
    79644
    """
    draw: dict[str, Any] = {"rng": rng, "dtype": dtype}
    padding: PaddingName = "valid" if as_published else "same"
    layers: list[nn.Layer] = [nn.Conv1d(features, UNITS, frames, padding=padding, **draw), nn.ReLU(dtype)]
    for _ in range(2):
        layers += [nn.Dense(UNITS, UNITS, **draw), nn.ReLU(dtype)]
    return nn.Sequential([*layers, nn.GlobalAveragePool(dtype), nn.Dense(UNITS, classes, **draw)])
