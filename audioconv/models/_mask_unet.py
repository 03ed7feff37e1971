"""A causal U-Net along frequency, dilated along time in its middle, that masks spectra: for denoisers of streams."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from audioconv import nn
from audioconv._typing import DTypeLike
from audioconv.arrays import sizes
from audioconv.errors import ArgumentError
from audioconv.nn.layers.convolution import Convolution

BINS = 257
FEATURES, PARTS = 4, 2  # of a bin: what `compressed.network_features` gives; real and imaginary part of its mask
PLANES, TAPS, STRIDES = (24, 32, 16), (9, 3, 3), (4, 2, 2)  # of each level: channels, taps and stride along frequency
CHANNELS, DILATIONS = 80, (1, 2, 4, 8, 16, 32)  # of the blocks in the middle; in frames
START = (0.7, 0.0)  # the mask that training begins near


def mask_unet(
    planes: Sequence[int] = PLANES,
    channels: int = CHANNELS,
    dilations: Sequence[int] = DILATIONS,
    *,
    batch_norm: bool = True,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> nn.Sequential:
    """Make a mask U-Net: (batch, frames, 257, 4) to complex masks (batch, frames, 257, 2).

    The encoder is three convolutions along frequency, of 9, 3 and 3 taps with strides 4, 2 and 2, to 65, 33 and 17
    places. In the middle one convolution over all 17 places gives the channels of residual blocks, each a depthwise
    convolution of 3 taps, causal and dilated in time, batch norm, ReLU, a pointwise convolution and batch norm, and
    ReLU after the sum; a transposed convolution leads back to all places. The decoder is the transposed convolutions of
    the encoder's taps and strides; what the encoder had at a level is added there (skip connections). Each convolution
    but the last has batch norm and no bias. Only the blocks in the middle look back in time.

    Parameters
    ----------
    planes : sequence of three ints
        Channels of the levels.
    channels : int
        Of the blocks in the middle.
    dilations : sequence of int
        In frames, of the blocks in the middle. With the defaults the receptive field is 127 frames.
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
    Ronneberger, Fischer, Brox, U-Net, MICCAI 2015. Tan, Wang, A convolutional recurrent neural network for real-time
    speech enhancement, Interspeech 2018 (all places to one vector in the middle). Bai, Kolter, Koltun, An empirical
    evaluation of generic convolutional and recurrent networks for sequence modeling (arXiv 1803.01271; dilated
    convolutions in the place of recurrence).

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.mask_unet(rng=np.random.default_rng(0))
    >>> network.forward(np.zeros((1, 5, 257, 4), "float32")).shape
    (1, 5, 257, 2)
    >>> sum(p.size for p in network.parameters().values())
    94706
    """
    planes, dilations = sizes(planes, "planes"), sizes(dilations, "dilations")
    if len(planes) != len(STRIDES):
        raise ArgumentError(f"planes must be the channels of {len(STRIDES)} levels, not {planes}")
    draw: dict[str, Any] = {"rng": rng, "dtype": dtype}

    def normed(convolution: Callable[..., nn.Layer], filters: int, *given: Any, **options: Any) -> list[nn.Layer]:
        layer = convolution(*given, **options, bias=not batch_norm, **draw)
        return [layer, nn.BatchNorm(filters, dtype=dtype)] if batch_norm else [layer]

    def block(dilation: int) -> nn.Layer:
        along = normed(nn.DepthwiseConv2d, channels, channels, (3, 1), 1, (dilation, 1), ("causal", 0))
        mix = normed(nn.Conv2d, channels, channels, channels, 1)
        return nn.Residual(nn.Sequential([*along, nn.ReLU(dtype), *mix]), activation="relu")

    def across(inside: list[nn.Layer], window: dict[str, Any], filters: tuple[int, int]) -> nn.Layer:
        """A convolution along frequency, what is inside, the transposed convolution back; its sum with the input."""
        outer, inner = filters
        down = [*normed(nn.Conv2d, inner, outer, inner, **window), nn.ReLU(dtype)]
        up = normed(nn.Conv2dTranspose, outer, inner, outer, **window)
        return nn.Residual(nn.Sequential([*down, *inside, *up]), activation="relu")

    windows: list[dict[str, Any]] = [
        {"kernel_size": (1, taps), "stride": (1, stride), "padding": (0, taps // 2)}
        for taps, stride in zip(TAPS, STRIDES, strict=True)
    ]
    places = BINS
    for stride in STRIDES:
        places = (places - 1) // stride + 1
    network = across([*map(block, dilations)], {"kernel_size": (1, places), "padding": 0}, (planes[-1], channels))
    for window, filters in reversed([*zip(windows[1:], itertools.pairwise(planes), strict=True)]):
        network = across([network], window, filters)
    last = nn.Conv2dTranspose(planes[0], PARTS, **windows[0], **draw)
    last.bias = np.array(START)
    first = [*normed(nn.Conv2d, planes[0], FEATURES, planes[0], **windows[0]), nn.ReLU(dtype)]
    return nn.Sequential([*first, network, last])


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
