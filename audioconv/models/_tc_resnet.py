"""TC-ResNet, temporal convolution with residual blocks for keywords."""

import numpy as np

from audioconv import nn


def tc_resnet8(classes, features=40, *, as_published=False, rng, dtype=np.float32):
    """TC-ResNet8 with logits as its output: (batch, frames, features) to (batch, classes).

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
    classes, features : int
    as_published : bool
        Whether to be as the authors' code is, for weights from there; such a network does not work on streams frame
        by frame.
    rng : numpy Generator
        Draws the initial weights and seeds the dropout.
    dtype : float32 or float64

    References
    ----------
    Choi et al., Temporal Convolution for Real-time Keyword Spotting on Mobile Devices, Interspeech 2019
    (arXiv 1904.03814), section 2 and figure 2.
    """
    return _tc_resnet(classes, features, (16, 24, 32, 48), 1, as_published, rng, dtype)


def tc_resnet14_15(classes, features=40, *, as_published=False, rng, dtype=np.float32):
    """TC-ResNet14-1.5: as `tc_resnet8`, 1.5 times as wide, and with a second block after each of the three.

    The second block has no stride, and its input goes round it as it is. 303,012 parameters with 40 features and 12
    classes.

    Parameters
    ----------
    classes, features, as_published, rng, dtype
        As of `tc_resnet8`.

    References
    ----------
    Choi et al. 2019, section 2 and table 1.
    """
    return _tc_resnet(classes, features, (24, 36, 48, 72), 2, as_published, rng, dtype)


def _tc_resnet(classes, features, widths, blocks, as_published, rng, dtype):
    draw = {"rng": rng, "dtype": dtype}
    padding, norm = ("same_keras", {"momentum": 0.003, "epsilon": 1e-3}) if as_published else ("same", {})

    def conv_norm(channels, filters, taps, stride=1, relu=True):
        conv = nn.Conv1d(channels, filters, taps, stride, padding=padding, bias=False, **draw)
        return [conv, nn.BatchNorm(filters, dtype=dtype, **norm)] + ([nn.ReLU(dtype)] if relu else [])

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
