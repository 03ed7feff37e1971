"""A causal DS-TCN that answers in every row: for detectors of words in streams."""

from typing import Any, Literal

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike
from audioconv.arrays import whole
from audioconv.errors import ArgumentError

PLANES = (16, 24, 32)  # channels of the convolutions over time and frequency
CHANNELS, KERNEL_SIZE, DILATIONS = 96, 7, (2, 4, 2, 4)  # of the blocks; dilations in rows of a stream
STREAM_ROW, TRAINING_ROW = 2, 4  # frames from row to row


def frame_ds_tcn(
    classes: int,
    features: int = 40,
    *,
    row_frames: int = STREAM_ROW,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a frame-level DS-TCN: (batch, frames, features, 1) to logits (batch, rows, 1, classes).

    A convolution of 5 x 5 taps with stride 2 in time and frequency to 16 channels; two of 3 x 3 with stride 2 in
    frequency to 24 and 32, each with a residual pair of 3 x 3 behind it; one over all frequencies to 96 channels; four
    residual blocks, each a depthwise convolution of 7 taps along time, dilated by 2, 4, 2 and 4 rows, batch norm, ReLU,
    a pointwise convolution and batch norm, and ReLU after the sum; a pointwise convolution. Each
    convolution but the last has batch norm and no bias. All are causal: no row depends on later frames. The receptive
    field is 193 frames.

    From the second convolution on every second row is enough for the rows after it, so that with `row_frames=4` each
    second row is made, by the same weights, with half of the dilations and of the work. Training does that.

    The blocks are those of WeKws's DS-TCN (see `ds_tcn`), wider. The planes before them, as before the encoders of
    speech recognisers, let one filter hear a formant wherever it lies.

    Parameters
    ----------
    classes : int
        Logits a row: the background and the keywords.
    features : int
        Numbers in a frame.
    row_frames : 2 or 4
        Frames from row to row.
    rng : numpy Generator
        Draws the initial weights.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    Raises
    ------
    ArgumentError
        For another number of frames from row to row.

    References
    ----------
    Wang et al., WeKws: A Production First Small-Footprint End-to-End Keyword Spotting Toolkit, ICASSP 2023
    (arXiv 2210.16743). Shelhamer, Long, Darrell, Fully convolutional networks, PAMI 2017, section 3.2 (the same
    weights with a stride, and without it but dilated).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.frame_ds_tcn(9, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 98, 40, 1), "float32")).shape
    (1, 49, 1, 9)
    >>> sum(p.size for p in network.parameters().values())
    97449
    """
    if whole(row_frames, "row_frames") not in (STREAM_ROW, TRAINING_ROW):
        raise ArgumentError(f"row_frames must be {STREAM_ROW} or {TRAINING_ROW}, not {row_frames!r}")
    stride = row_frames // STREAM_ROW
    apart = 2 // stride  # rows from tap to tap behind the stride
    draw: dict[str, Any] = {"bias": False, "rng": rng, "dtype": dtype}

    def conv(channels: int, filters: int, kernel_size: Any, strides: Any, rows: int = 1) -> list[nn.Layer]:
        along_frequency: Literal["valid", "same"] = "valid" if kernel_size[1] > kernel_size[0] else "same"
        layer = nn.Conv2d(channels, filters, kernel_size, strides, (rows, 1), ("causal", along_frequency), **draw)
        return [layer, nn.BatchNorm(filters, dtype=dtype), nn.ReLU(dtype)]

    def pair(channels: int) -> nn.Layer:
        first, second = (conv(channels, channels, (3, 3), 1, apart) for _ in range(2))
        return nn.Residual(nn.Sequential([*first, *second[:-1]]), activation="relu")

    def block(dilation: int) -> nn.Layer:
        along = nn.DepthwiseConv2d(CHANNELS, (KERNEL_SIZE, 1), 1, (dilation // stride, 1), ("causal", 0), **draw)
        mix, norms = nn.Conv2d(CHANNELS, CHANNELS, 1, **draw), [nn.BatchNorm(CHANNELS, dtype=dtype) for _ in range(2)]
        return nn.Residual(nn.Sequential([along, norms[0], nn.ReLU(dtype), mix, norms[1]]), activation="relu")

    first, second, third = PLANES
    planes = [*conv(1, first, (5, 5), 2), *conv(first, second, (3, 3), (stride, 2)), pair(second)]
    planes += [*conv(second, third, (3, 3), (1, 2), apart), pair(third)]
    rows = conv(third, CHANNELS, (1, -(-features // 8)), 1)
    last = nn.Conv2d(CHANNELS, classes, 1, rng=rng, dtype=dtype)
    return nn.Sequential([*planes, *rows, *map(block, DILATIONS), last])
