"""BC-ResNet, broadcasted residual learning for keywords."""

import numpy as np

from audioconv import nn
from audioconv.arrays import whole
from audioconv.errors import ArgumentError

BANDS = 5
STAGES = ((8, 2, 1), (12, 2, 2), (16, 4, 2), (20, 4, 1))  # channels, blocks, stride in frequency


def bc_resnet(classes, features=40, *, scale=1, rng, dtype=np.float32):
    """BC-ResNet with logits as its output: (batch, frames, features, 1) to (batch, classes).

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
    features : int
        A multiple of 40, so that each stage has bands of equal width; the paper has 40.
    scale : int
        Times the channels; the paper has 1, 1.5, 2, 3, 6 and 8.
    rng : numpy Generator
        Draws the initial weights and seeds the dropout.
    dtype : float32 or float64

    References
    ----------
    Kim et al., Broadcasted Residual Learning for Efficient Keyword Spotting, Interspeech 2021 (arXiv 2106.04140),
    sections 2 and 3, table 1.
    """
    scale = whole(scale, "scale")
    if whole(features, "features") % 40:
        raise ArgumentError(f"features must be a multiple of 40, not {features!r}")
    draw = {"bias": False, "rng": rng, "dtype": dtype}

    def norm(filters):
        return nn.BatchNorm(filters, dtype=dtype)

    def along_time(filters, dilation):
        along = nn.DepthwiseConv2d(filters, (3, 1), 1, (dilation, 1), **draw)
        mix = [nn.Conv2d(filters, filters, 1, **draw), nn.Dropout(0.1, dtype=dtype)]
        return nn.Broadcast(nn.Sequential([along, norm(filters), nn.Swish(dtype), *mix]))

    def block(filters, stride, dilation):
        along = nn.DepthwiseConv2d(filters, (1, 3), (1, stride), padding=((0, 0), (1, 1)), **draw)
        return [along, nn.SubSpectralNorm(filters, BANDS, dtype=dtype), along_time(filters, dilation)]

    channels = 16 * scale
    layers = [nn.Conv2d(1, channels, 5, (1, 2), padding=2, **draw), norm(channels), nn.ReLU(dtype)]
    for number, (filters, count, stride) in enumerate(STAGES):
        filters *= scale
        layers += [nn.Conv2d(channels, filters, 1, **draw), norm(filters), nn.ReLU(dtype)]
        layers += [*block(filters, stride, 2**number), nn.ReLU(dtype)]
        layers += [nn.Residual(nn.Sequential(block(filters, 1, 2**number))) for _ in range(count - 1)]
        channels = filters
    wide = 32 * scale
    layers += [
        nn.DepthwiseConv2d(channels, 5, padding=("same", "valid"), **draw),
        nn.Conv2d(channels, wide, 1, **draw),
        norm(wide),
        nn.ReLU(dtype),
        nn.GlobalAveragePool(dtype),
        nn.Dense(wide, classes, rng=rng, dtype=dtype),
    ]
    return nn.Sequential(layers)
