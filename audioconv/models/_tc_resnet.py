"""TC-ResNet, temporal convolution with residual blocks for keywords."""

from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike
from audioconv.nn.layers.windows import PaddingName


def tc_resnet8(
    classes: int,
    features: int = 40,
    *,
    as_published: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a TC-ResNet8: (batch, frames, features) to logits (batch, classes).

    A convolution of 3 taps to 16 channels; three residual blocks to 24, 32 and 48 channels, each of two
    convolutions of 9 taps, the first with stride 2, and a strided shortcut of one tap; the mean over time; dropout 0.5;
    a dense layer.
    The features are the channels from the start, so that the first layer already sees the whole spectrum.
    No convolution has a bias, each is followed by batch norm with scale and shift, and the last layer
    has a bias: 65,180 parameters with 40 features and 12 classes.

    The authors' code (github.com/hyperconnect/TC-ResNet) differs in this: the last layer has no bias either (65,168
    parameters); padding is TensorFlow's "SAME", which with a stride of 2 begins one frame later for clips of even
    length; the batch norm adds 0.001 to the variance, not 1e-5, and its statistics follow by 0.003 a batch, not 0.1.
    That is `as_published`. Initial weights are Glorot's there and He's here in any case.

    Parameters
    ----------
    classes : int
        Logits.
    features : int
        Numbers in a frame.
    as_published : bool
        Whether to be as the authors' code is, for weights from there; such a network does not work on streams frame
        by frame.
    rng : numpy Generator
        Draws the initial weights and seeds the dropout.
    dtype : float32 or float64
        Of weights and activations.

    Returns
    -------
    network : nn.Sequential

    References
    ----------
    Choi et al., Temporal Convolution for Real-time Keyword Spotting on Mobile Devices, Interspeech 2019
    (arXiv 1904.03814), section 2 and figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.tc_resnet8(12, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 98, 40), "float32")).shape
    (1, 12)
    >>> sum(p.size for p in network.parameters().values())
    65180
    """
    return _tc_resnet(classes, features, (16, 24, 32, 48), 1, as_published, rng, dtype)


def tc_resnet14_15(
    classes: int,
    features: int = 40,
    *,
    as_published: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a TC-ResNet14-1.5: as `tc_resnet8`, 1.5 times as wide, with a second block after each of the three.

    The second block has no stride, and an identity shortcut. 303,012 parameters with 40 features and 12
    classes.

    Parameters
    ----------
    classes, features, as_published, rng, dtype : as of `tc_resnet8`
        What the network tells apart and is given, and how it begins.

    Returns
    -------
    network : nn.Sequential

    References
    ----------
    Choi et al. 2019, section 2 and table 1.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.tc_resnet14_15(12, rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 98, 40), "float32")).shape
    (1, 12)
    >>> sum(p.size for p in network.parameters().values())
    303012
    """
    return _tc_resnet(classes, features, (24, 36, 48, 72), 2, as_published, rng, dtype)


def _tc_resnet(
    classes: int,
    features: int,
    widths: tuple[int, ...],
    blocks: int,
    as_published: bool,
    rng: np.random.Generator,
    dtype: DTypeLike,
) -> nn.Sequential:
    draw: dict[str, Any] = {"rng": rng, "dtype": dtype}
    padding: PaddingName = "same_keras" if as_published else "same"
    norm: dict[str, Any] = {"momentum": 0.003, "epsilon": 1e-3} if as_published else {}

    def conv_norm(channels: int, filters: int, kernel_size: int, stride: int = 1, relu: bool = True) -> list[nn.Layer]:
        conv = nn.Conv1d(channels, filters, kernel_size, stride, padding=padding, bias=False, **draw)
        layers: list[nn.Layer] = [conv, nn.BatchNorm(filters, dtype=dtype, **norm)]
        return [*layers, nn.ReLU(dtype)] if relu else layers

    layers, channels = conv_norm(features, widths[0], 3), widths[0]
    for filters in widths[1:]:
        main = conv_norm(channels, filters, 9, 2) + conv_norm(filters, filters, 9, relu=False)
        layers.append(nn.Residual(nn.Sequential(main), nn.Sequential(conv_norm(channels, filters, 1, 2))))
        for _ in range(blocks - 1):
            main = conv_norm(filters, filters, 9) + conv_norm(filters, filters, 9, relu=False)
            layers.append(nn.Residual(nn.Sequential(main)))
        channels = filters
    dense = nn.Dense(channels, classes, bias=not as_published, **draw)
    return nn.Sequential([*layers, nn.GlobalAveragePool(dtype), nn.Dropout(0.5, dtype=dtype), dense])
