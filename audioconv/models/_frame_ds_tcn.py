"""A causal DS-TCN that answers in every row: for detectors of words in streams."""

from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike

CHANNELS, KERNEL_SIZE, DILATIONS = 96, 7, (1, 2, 4, 1, 2, 4)
FIRST_KERNEL_SIZE, STRIDE = 5, 2


def frame_ds_tcn(
    classes: int, features: int = 40, *, rng: np.random.Generator, dtype: DTypeLike = np.float32
) -> nn.Sequential:
    """Make a frame-level DS-TCN: (batch, frames, features) to logits (batch, rows, classes), a row each two frames.

    A causal convolution of 5 taps with stride 2 to 96 channels, batch norm and ReLU; six residual blocks, each a causal
    depthwise convolution of 7 taps, dilated by 1, 2, 4, 1, 2 and 4, batch norm, ReLU, a dense layer a row and batch
    norm, and ReLU after the sum; a dense layer a row. No row depends on later frames; its receptive field is
    173 frames.

    It is the DS-TCN of WeKws (see `ds_tcn`) with a stride, wider and without its dilation of 8, so that the receptive
    field is about as long as a word with what was said before it.

    Parameters
    ----------
    classes : int
        Logits a row: the background and the keywords.
    features : int
        Numbers in a frame.
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

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.frame_ds_tcn(9, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 98, 40), "float32")).shape
    (1, 49, 9)
    """
    draw: dict[str, Any] = {"rng": rng, "dtype": dtype}

    def norm() -> nn.Layer:
        return nn.BatchNorm(CHANNELS, dtype=dtype)

    def block(dilation: int) -> nn.Layer:
        along = nn.DepthwiseConv1d(CHANNELS, KERNEL_SIZE, 1, dilation, "causal", bias=False, **draw)
        mix = nn.Dense(CHANNELS, CHANNELS, bias=False, **draw)
        return nn.Residual(nn.Sequential([along, norm(), nn.ReLU(dtype), mix, norm()]), activation="relu")

    first = nn.Conv1d(features, CHANNELS, FIRST_KERNEL_SIZE, STRIDE, padding="causal", bias=False, **draw)
    blocks = [block(dilation) for dilation in DILATIONS]
    return nn.Sequential([first, norm(), nn.ReLU(dtype), *blocks, nn.Dense(CHANNELS, classes, **draw)])
