"""DS-TCN, depthwise separable causal convolutions for keywords."""

from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike

CHANNELS, KERNEL_SIZE = 64, 8


def ds_tcn(
    classes: int,
    features: int = 40,
    *,
    as_published: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a DS-TCN: (batch, frames, features) to logits (batch, classes).

    A dense layer a frame to 64 channels and ReLU; four residual blocks, each a causal depthwise convolution of 8 taps,
    dilated by 1, 2, 4 and 8, batch norm, ReLU, a dense layer a frame and batch norm; the mean over time; a dense layer.
    All layers have a bias and the first has no batch norm, as in WeKws: 23,372 parameters with 40 features and
    12 classes.

    WeKws' code (github.com/wenet-e2e/wekws, its hi_xiaowen recipe) differs in this: ReLU follows the second batch norm
    of a block, before the sum and not after it, and then dropout 0.1. That is `as_published`; the parameters are as
    many. There, one dense layer scores each frame for wake words (a sigmoid a word, and no mean); for Speech Commands
    two of them score the mean. Here it is one of the mean in any case.

    Parameters
    ----------
    classes : int
        Logits.
    features : int
        Numbers in a frame.
    as_published : bool
        Whether blocks are as in WeKws' code.
    rng : numpy Generator
        Draws the initial weights.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    References
    ----------
    Wang et al., WeKws: A Production First Small-Footprint End-to-End Keyword Spotting Toolkit, ICASSP 2023
    (arXiv 2210.16743).
    Bai, Kolter, Koltun, An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling
    (arXiv 1803.01271), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.ds_tcn(12, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 98, 40), "float32")).shape
    (1, 12)
    >>> sum(p.size for p in network.parameters().values())
    23372
    """
    draw: dict[str, Any] = {"rng": rng, "dtype": dtype}

    def block(dilation: int) -> nn.Layer:
        along = nn.DepthwiseConv1d(CHANNELS, KERNEL_SIZE, 1, dilation, "causal", **draw)
        mix = nn.Dense(CHANNELS, CHANNELS, **draw)
        norms = [nn.BatchNorm(CHANNELS, dtype=dtype) for _ in range(2)]
        layers: list[nn.Layer] = [along, norms[0], nn.ReLU(dtype), mix, norms[1]]
        if as_published:
            layers += [nn.ReLU(dtype), nn.Dropout(0.1, dtype=dtype)]
        return nn.Residual(nn.Sequential(layers), activation="linear" if as_published else "relu")

    blocks = [block(2**number) for number in range(4)]
    first = [nn.Dense(features, CHANNELS, **draw), nn.ReLU(dtype)]
    return nn.Sequential([*first, *blocks, nn.GlobalAveragePool(dtype), nn.Dense(CHANNELS, classes, **draw)])
