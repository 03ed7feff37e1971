"""A causal U-Net along frequency that masks spectra: for denoisers of streams."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike
from audioconv.arrays import sizes
from audioconv.errors import ArgumentError
from audioconv.nn.layers.convolution import Convolution

BINS = 257
FEATURES, PARTS = 3, 2  # of a bin: magnitude, real and imaginary part; real and imaginary part of its mask
PLANES, TAPS, STRIDES = (24, 32, 48), (9, 3, 3), (4, 2, 2)  # of each level: channels, taps and stride along frequency
START = (0.7, 0.0)  # the mask that training begins near
DILATIONS = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)  # in frames, of the blocks in the middle


def mask_unet(
    planes: Sequence[int] = PLANES,
    dilations: Sequence[int] = DILATIONS,
    *,
    batch_norm: bool = True,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a mask U-Net: (batch, frames, 257, 3) to complex masks (batch, frames, 257, 2).

    The encoder is three convolutions along frequency, of 9, 3 and 3 taps with strides 4, 2 and 2, to 65, 33 and 17
    places. In the middle are residual blocks, each a depthwise convolution of 3 x 3 taps, causal and dilated in time,
    batch norm, ReLU, a pointwise convolution and batch norm, and ReLU after the sum. The decoder is the transposed
    convolutions of the same taps and strides; what the encoder had at a level is added there (skip connections). Each
    convolution but the last has batch norm and no bias. Only the blocks in the middle look back in time.

    Parameters
    ----------
    planes : sequence of three ints
        Channels of the levels; those of the last are the channels in the middle.
    dilations : sequence of int
        In frames, of the blocks in the middle. With the defaults the receptive field is 125 frames.
    batch_norm : bool
        Whether there are batch norms; otherwise each convolution has a bias, and `fold_batch_norms` gives it weights.
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
        For another number of levels.

    References
    ----------
    Ronneberger, Fischer, Brox, U-Net, MICCAI 2015. Rong et al., GTCRN: a speech enhancement model requiring ultralow
    computational resources, ICASSP 2024 (compressed spectra in, complex masks out). Bai, Kolter, Koltun, An empirical
    evaluation of generic convolutional and recurrent networks for sequence modeling (arXiv 1803.01271).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.mask_unet(rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 5, 257, 3), "float32")).shape
    (1, 5, 257, 2)
    >>> sum(p.size for p in network.parameters().values())
    44506
    """
    planes, dilations = sizes(planes, "planes"), sizes(dilations, "dilations")
    if len(planes) != len(STRIDES):
        raise ArgumentError(f"planes must be the channels of {len(STRIDES)} levels, not {planes}")
    draw: dict[str, Any] = {"rng": rng, "dtype": dtype}
    middle = planes[-1]

    def normed(convolution: Callable[..., nn.Layer], channels: int, *given: Any, **options: Any) -> list[nn.Layer]:
        layer = convolution(*given, **options, bias=not batch_norm, **draw)
        return [layer, nn.BatchNorm(channels, dtype=dtype)] if batch_norm else [layer]

    def block(dilation: int) -> nn.Layer:
        along = normed(nn.DepthwiseConv2d, middle, middle, 3, 1, (dilation, 1), ("causal", "same"))
        mix = normed(nn.Conv2d, middle, middle, middle, 1)
        return nn.Residual(nn.Sequential([*along, nn.ReLU(dtype), *mix]), activation="relu")

    def level(number: int, inside: nn.Layer) -> nn.Layer:
        channels, filters = (FEATURES, *planes)[number : number + 2]
        window: dict[str, Any] = {
            "kernel_size": (1, TAPS[number]), "stride": (1, STRIDES[number]), "padding": (0, TAPS[number] // 2),
        }  # fmt: skip
        down = [*normed(nn.Conv2d, filters, channels, filters, **window), nn.ReLU(dtype)]
        if number:
            up = normed(nn.Conv2dTranspose, channels, filters, channels, **window)
            return nn.Residual(nn.Sequential([*down, inside, *up]), activation="relu")
        last = nn.Conv2dTranspose(filters, PARTS, **window, **draw)
        last.bias = np.array(START)
        return nn.Sequential([*down, inside, last])

    network: nn.Layer = nn.Sequential([*map(block, dilations)])
    for number in reversed(range(len(STRIDES))):
        network = level(number, network)
    assert isinstance(network, nn.Sequential)
    return network


def fold_batch_norms(network: nn.Layer, into: nn.Layer) -> None:
    """Give a network without batch norms the weights with which it does what one with them does outside of training.

    Parameters
    ----------
    network, into : Layer
        Of the same convolutions in the same order, those of `into` with bias.
    """
    for (layer, norm), (target, _) in zip(_convolutions(network), _convolutions(into), strict=True):
        if norm is None:
            target.weight, target.bias = layer.weight, layer.bias
        else:
            scale, shift = norm._affine()
            target.weight, target.bias = layer.weight * scale, shift


def _convolutions(layer: nn.Layer) -> Iterator[tuple[Any, Any]]:
    """The convolutions of a network in their order, each with the batch norm after it."""
    children = layer.children()
    for child, after in zip(children, (*children, None)[1:], strict=True):
        if isinstance(child, Convolution):
            yield child, after if isinstance(after, nn.BatchNorm) else None
        else:
            yield from _convolutions(child)
