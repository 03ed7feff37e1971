"""CNN-TC-ResNet, planes of time and frequency first, then temporal convolution with residual blocks."""

from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike

FRONT = ((16, 5, 2, 2), (24, 3, 1, 2), (32, 3, 2, 2))  # channels, kernel size, strides in time and in frequency
CHANNELS, KERNEL_SIZE = 48, 9
STRIDES = (1, 2)  # of the residual blocks


def cnn_tc_resnet(
    classes: int,
    features: int = 40,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a CNN-TC-ResNet: (batch, frames, features, 1) to logits (batch, classes).

    A front of three convolutions over time and frequency, of 5 x 5, 3 x 3 and 3 x 3 taps to 16, 24 and 32 channels,
    which divide the frames by four and the bands by eight; one as wide as the bands that are left, which stay as many,
    to 48 channels; in each band two residual blocks as of `tc_resnet8`, each of two convolutions of 9 taps in time, the
    second block with stride 2 and a strided shortcut of one tap; the mean over time and bands; dropout 0.5; a dense
    layer.
    What the front learns holds at each pitch and vocal tract, because it is moved along frequency; TC-ResNet, whose
    channels are the bands, has to learn it for each of them from other speakers. No convolution has a bias, each is
    followed by batch norm, and the last layer has a bias: 105,004 parameters with 40 features and 12 classes.

    The front is Thienpondt's idea, who put one before a TDNN that tells speakers apart; its sizes here are our own. The
    blocks are Choi's.

    Parameters
    ----------
    classes : int
        Logits.
    features : int
        Numbers in a frame.
    rng : numpy Generator
        Draws the initial weights and seeds the dropout.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    References
    ----------
    Thienpondt, Desplanques, Demuynck, Integrating Frequency Translational Invariance in TDNNs and Frequency Positional
    Information in 2D ResNets to Enhance Speaker Verification, Interspeech 2021, section 2.2.
    Choi et al., Temporal Convolution for Real-time Keyword Spotting on Mobile Devices, Interspeech 2019
    (arXiv 1904.03814).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.cnn_tc_resnet(12, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 98, 40, 1), "float32")).shape
    (1, 12)
    >>> sum(p.size for p in network.parameters().values())
    105004
    """
    draw: dict[str, Any] = {"bias": False, "rng": rng, "dtype": dtype}

    def norm(filters: int, relu: bool = True) -> list[nn.Layer]:
        layers: list[nn.Layer] = [nn.BatchNorm(filters, dtype=dtype)]
        return [*layers, nn.ReLU(dtype)] if relu else layers

    def along_time(kernel_size: int, stride: int = 1, relu: bool = True) -> list[nn.Layer]:
        conv = nn.Conv2d(CHANNELS, CHANNELS, (kernel_size, 1), (stride, 1), padding="same", **draw)
        return [conv, *norm(CHANNELS, relu)]

    layers, channels, bands = list[nn.Layer](), 1, features
    for filters, kernel_size, stride, band_stride in FRONT:
        layers += [nn.Conv2d(channels, filters, kernel_size, (stride, band_stride), padding="same", **draw)]
        layers += norm(filters)
        channels, bands = filters, -(-bands // band_stride)
    layers += [nn.Conv2d(channels, CHANNELS, (1, bands), **draw), *norm(CHANNELS)]
    for stride in STRIDES:
        main = nn.Sequential(along_time(KERNEL_SIZE, stride) + along_time(KERNEL_SIZE, relu=False))
        layers.append(nn.Residual(main, nn.Sequential(along_time(1, stride))) if stride > 1 else nn.Residual(main))
    dense = nn.Dense(CHANNELS, classes, rng=rng, dtype=dtype)
    return nn.Sequential([*layers, nn.GlobalAveragePool(dtype), nn.Dropout(0.5, dtype=dtype), dense])
