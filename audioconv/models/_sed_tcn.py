"""A causal dilated network for sound events: which classes sound, in every row."""

from typing import Any, Literal

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike

PLANES = (16, 24, 32)  # channels of the convolutions over time and frequency
CHANNELS, KERNEL_SIZE, DILATIONS = 96, 5, (1, 2, 4, 8, 16)  # of the blocks; dilations in rows
ROW_FRAMES = 4  # frames from row to row
DROPOUT = 0.2


def sed_tcn(
    classes: int,
    features: int = 40,
    *,
    dilated: bool = True,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a dilated network for sound events: (batch, frames, features, 1) to logits (batch, rows, 1, classes).

    A convolution of 5 x 5 taps with stride 2 in time and frequency to 16 channels, one of 3 x 3 with stride 2 in both
    to 24 and one with stride 2 in frequency to 32; one over all frequencies to 96 channels; five residual blocks, each
    a depthwise convolution of 5 taps along time, dilated by 1, 2, 4, 8 and 16 rows, batch norm, ReLU, a pointwise
    convolution and batch norm, and ReLU after the sum; dropout and a pointwise convolution. All are causal: no row
    depends on later frames. A row comes each 4 frames. The receptive field is 513 frames, without dilation 97.

    As in SELD-TCN and the dilated networks that took the place of the recurrent part of CRNNs, the planes learn what a
    sound is made of, and dilated convolutions how it goes on.

    Parameters
    ----------
    classes : int
        Logits a row, each for a sigmoid.
    features : int
        Numbers in a frame.
    dilated : bool
        Whether the blocks are dilated. Without, the network has as many weights, takes as long and looks back less.
    rng : numpy Generator
        Draws the initial weights.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    References
    ----------
    Guirguis et al., SELD-TCN: sound event localization & detection via temporal convolutional networks, EUSIPCO 2020.
    Li et al., Sound event detection via dilated convolutional recurrent neural networks, ICASSP 2020.
    Yu, Koltun, Multi-scale context aggregation by dilated convolutions, ICLR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.sed_tcn(10, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 100, 40, 1), "float32")).shape
    (1, 25, 1, 10)
    >>> sum(p.size for p in network.parameters().values())
    77834
    """
    draw: dict[str, Any] = {"bias": False, "rng": rng, "dtype": dtype}

    def conv(channels: int, filters: int, kernel_size: Any, strides: Any) -> list[nn.Layer]:
        along_frequency: Literal["valid", "same"] = "valid" if kernel_size[0] == 1 else "same"
        layer = nn.Conv2d(channels, filters, kernel_size, strides, 1, ("causal", along_frequency), **draw)
        return [layer, nn.BatchNorm(filters, dtype=dtype), nn.ReLU(dtype)]

    def block(dilation: int) -> nn.Layer:
        along = nn.DepthwiseConv2d(CHANNELS, (KERNEL_SIZE, 1), 1, (dilation, 1), ("causal", 0), **draw)
        mix, norms = nn.Conv2d(CHANNELS, CHANNELS, 1, **draw), [nn.BatchNorm(CHANNELS, dtype=dtype) for _ in range(2)]
        return nn.Residual(nn.Sequential([along, norms[0], nn.ReLU(dtype), mix, norms[1]]), activation="relu")

    first, second, third = PLANES
    planes = [*conv(1, first, (5, 5), 2), *conv(first, second, (3, 3), (ROW_FRAMES // 2, 2))]
    planes += conv(second, third, (3, 3), (1, 2))
    rows = conv(third, CHANNELS, (1, -(-features // 8)), 1)
    last = nn.Conv2d(CHANNELS, classes, 1, rng=rng, dtype=dtype)
    blocks = [block(dilation if dilated else 1) for dilation in DILATIONS]
    return nn.Sequential([*planes, *rows, *blocks, nn.Dropout(DROPOUT, dtype=dtype), last])
