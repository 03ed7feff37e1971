"""BC-ResNet, broadcasted residual learning for keywords."""

from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike
from audioconv.arrays import whole
from audioconv.errors import ArgumentError

BANDS = 5
STAGES = ((8, 2, 1), (12, 2, 2), (16, 4, 2), (20, 4, 1))  # channels, blocks, stride in frequency


def bc_resnet(
    classes: int,
    features: int = 40,
    *,
    scale: int = 1,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a BC-ResNet: (batch, frames, features, 1) to logits (batch, classes).

    A convolution of 5 x 5 taps with stride 2 in frequency; four stages of blocks, with dilation 1, 2, 4 and 8 in time;
    a depthwise convolution of 5 x 5 taps and a pointwise one; the mean over time and frequency; a dense layer.
    A block convolves along frequency, then adds to all frequencies what it makes along time of their mean; then its own
    input, unless it is the first of a stage. No convolution has a bias, and the last layer has one: 9,232 parameters at
    scale 1 with 40 features and 12 classes.

    The authors' code (github.com/Qualcomm-AI-research/bcresnet) differs in this: its dropout takes out whole channels
    (Dropout2d), here it is single values; and initial weights are PyTorch's, here He's. Outside of training networks
    of the same weights compute the same.

    Parameters
    ----------
    classes : int
        Logits.
    features : int
        A multiple of 40, so that each stage has bands of equal width; the paper has 40.
    scale : int
        Times the channels; the paper has 1, 1.5, 2, 3, 6 and 8.
    rng : numpy Generator
        Draws the initial weights and seeds the dropout.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    Raises
    ------
    ArgumentError
        For features that are no multiple of 40.

    References
    ----------
    Kim et al., Broadcasted Residual Learning for Efficient Keyword Spotting, Interspeech 2021 (arXiv 2106.04140),
    sections 2 and 3, table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.bc_resnet(12, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 98, 40, 1), "float32")).shape
    (1, 12)
    >>> sum(p.size for p in network.parameters().values())
    9232
    """
    scale = whole(scale, "scale")
    if whole(features, "features") % 40:
        raise ArgumentError(f"features must be a multiple of 40, not {features!r}")
    draw: dict[str, Any] = {"bias": False, "rng": rng, "dtype": dtype}

    def norm(filters: int) -> nn.Layer:
        return nn.BatchNorm(filters, dtype=dtype)

    def along_time(filters: int, dilation: int) -> nn.Layer:
        along = nn.DepthwiseConv2d(filters, (3, 1), 1, (dilation, 1), **draw)
        mix = [nn.Conv2d(filters, filters, 1, **draw), nn.Dropout(0.1, dtype=dtype)]
        return nn.Broadcast(nn.Sequential([along, norm(filters), nn.Swish(dtype), *mix]))

    def block(filters: int, stride: int, dilation: int) -> list[nn.Layer]:
        along = nn.DepthwiseConv2d(filters, (1, 3), (1, stride), padding=((0, 0), (1, 1)), **draw)
        return [along, nn.SubSpectralNorm(filters, BANDS, dtype=dtype), along_time(filters, dilation)]

    channels = 16 * scale
    layers: list[nn.Layer] = [nn.Conv2d(1, channels, 5, (1, 2), padding=2, **draw), norm(channels), nn.ReLU(dtype)]
    for number, (filters, count, stride) in enumerate(STAGES):
        filters *= scale
        layers += [nn.Conv2d(channels, filters, 1, **draw), norm(filters), nn.ReLU(dtype)]
        layers += [*block(filters, stride, 2**number), nn.ReLU(dtype)]
        layers += [nn.Residual(nn.Sequential(block(filters, 1, 2**number))) for _ in range(count - 1)]
        channels = filters
    last_channels = 32 * scale
    layers += [
        nn.DepthwiseConv2d(channels, 5, padding=("same", "valid"), **draw),
        nn.Conv2d(channels, last_channels, 1, **draw),
        norm(last_channels),
        nn.ReLU(dtype),
        nn.GlobalAveragePool(dtype),
        nn.Dense(last_channels, classes, rng=rng, dtype=dtype),
    ]
    return nn.Sequential(layers)
