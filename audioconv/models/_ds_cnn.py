"""DS-CNN, depthwise separable convolutions for keywords."""

from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike


def ds_cnn_s(
    classes: int,
    features: int = 10,
    *,
    as_published: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a DS-CNN-S: (batch, frames, features, 1) to logits (batch, classes).

    A convolution to 64 channels, 10 taps in time and 4 in frequency, with stride 2 in both; dropout 0.2; four blocks,
    each a depthwise convolution of 3 x 3 taps and a pointwise one; the mean over time and frequency; a dense layer.
    Batch norm and ReLU follow each convolution. All convolutions have a bias, as in the authors' code, though
    the batch norm takes it away: 23,756 parameters with 12 classes, whatever the number of features.

    The authors' code (github.com/ARM-software/ML-KWS-for-MCU) differs in this: the batch norm has a shift and no scale
    (23,180 parameters), adds 0.001 to the variance, not 1e-5, and its statistics follow by 0.04 a batch, not 0.1;
    there is no dropout; padding is TensorFlow's "SAME", which is the same for the paper's 49 frames of 10 features.
    That is `as_published`. Initial weights are Glorot's there and He's here in any case.

    Parameters
    ----------
    classes : int
        Logits.
    features : int
        The paper has 49 frames of 10 features; the weights fit any number.
    as_published : bool
        Whether to be as the authors' code is, for weights from there; such a network does not work on streams frame
        by frame.
    rng : numpy Generator
        Draws the initial weights.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    References
    ----------
    Zhang et al., Hello Edge: Keyword Spotting on Microcontrollers (arXiv 1711.07128), section 3 and table 5.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.ds_cnn_s(12, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 49, 10, 1), "float32")).shape
    (1, 12)
    >>> sum(p.size for p in network.parameters().values())
    23756
    """
    draw: dict[str, Any] = {"rng": rng, "dtype": dtype}
    options: dict[str, Any] = {"momentum": 0.04, "epsilon": 1e-3, "scale": False} if as_published else {}

    def norm(conv: nn.Layer) -> list[nn.Layer]:
        return [conv, nn.BatchNorm(64, dtype=dtype, **options), nn.ReLU(dtype)]

    layers = norm(nn.Conv2d(1, 64, (10, 4), 2, padding="same_keras" if as_published else "same", **draw))
    layers += [] if as_published else [nn.Dropout(0.2, dtype=dtype)]
    for _ in range(4):
        layers += norm(nn.DepthwiseConv2d(64, 3, **draw)) + norm(nn.Conv2d(64, 64, 1, **draw))
    return nn.Sequential([*layers, nn.GlobalAveragePool(dtype), nn.Dense(64, classes, **draw)])
