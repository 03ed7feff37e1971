"""Networks of equal budget: one layer after another of one kind, as wide as parameters or multiply-adds allow."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from audioconv import nn
from audioconv.arrays import choice
from audioconv.nn.layers.summary import described

Kind: TypeAlias = Literal["dense", "locally connected", "tiled", "convolutional", "depthwise-separable"]
Budget: TypeAlias = Literal["parameters", "multiply_adds"]

KINDS: tuple[Kind, ...] = get_args(Kind)
KERNEL_SIZE, TILES = 3, 2  # along both axes
STRIDED_SIDE = 12  # from so many steps on the first layer goes by two
MAX_WIDTH = 1 << 14


class Network(NamedTuple):
    """A kind of network of some width, and what it costs for one example."""

    kind: Kind
    pooled: bool
    widths: tuple[int, ...]  # channels after the first and after the second layer
    parameters: int
    multiply_adds: int
    activations: int  # numbers that come out of all layers

    @property
    def memory_bytes(self) -> int:
        """Of parameters and of the outputs of all layers, in float32."""
        return 4 * (self.parameters + self.activations)

    @property
    def name(self) -> str:
        """Its name in tables and pictures."""
        return f"{self.kind}, pooling" if self.pooled else self.kind


def build(
    kind: Kind,
    pooled: bool,
    widths: Sequence[int],
    shape: tuple[int, ...],
    classes: int,
    rng: np.random.Generator,
) -> nn.Sequential:
    """Two hidden layers of a kind, ReLU after each, and a dense layer over all that is left.

    Parameters
    ----------
    kind : one of `KINDS`
    pooled : bool
        Maxima of 2 x 2 after each hidden layer. Dense layers have no places: there the input is pooled, as a mean.
    widths : (int, int)
    shape : (rows, columns, 1) of an example
    classes : int
    rng : numpy Generator
    """
    choice(kind, "kind", KINDS)
    layers: list[nn.Layer] = []
    channels = shape[2]
    if kind == "dense":
        layers += [nn.AveragePool2d(2)] if pooled else []
        rows, columns, _ = _shape(layers, shape)
        layers += [nn.Conv2d(channels, widths[0], (rows, columns), padding="valid", rng=rng), nn.ReLU()]
        layers += [nn.Dense(widths[0], widths[1], rng=rng), nn.ReLU()]
    else:
        for number, width in enumerate(widths):
            rows, columns = (2 if size > STRIDED_SIDE and not number else 1 for size in shape[:2])
            layers += _layer(kind, channels, width, (rows, columns), _shape(layers, shape), bool(number), rng)
            layers += [nn.ReLU(), nn.MaxPool2d(2)] if pooled else [nn.ReLU()]
            channels = width
    rows, columns, channels = _shape(layers, shape)
    head = nn.Conv2d(channels, classes, (rows, columns), padding="valid", rng=rng)
    head.weight *= np.float32(np.sqrt(0.5))  # no ReLU follows it
    return nn.Sequential([*layers, head, nn.GlobalAveragePool()])


def _shape(layers: Sequence[nn.Layer], shape: tuple[int, ...]) -> tuple[int, ...]:
    return described(nn.Sequential(layers), shape)[0] if layers else shape


def _layer(
    kind: Kind,
    channels: int,
    width: int,
    stride: tuple[int, int],
    shape: tuple[int, ...],
    separable: bool,
    rng: np.random.Generator,
) -> list[nn.Layer]:
    """The layers that stand for one of a kind; the first one of a separable network is a plain convolution."""
    if kind == "depthwise-separable" and separable:
        return [nn.DepthwiseConv2d(channels, KERNEL_SIZE, stride, rng=rng), nn.Conv2d(channels, width, 1, rng=rng)]
    if kind == "tiled":
        return [nn.TiledConv2d(channels, width, KERNEL_SIZE, TILES, stride, rng=rng)]
    if kind == "locally connected":
        rows, columns = (-(-size // step) for size, step in zip(shape[:2], stride, strict=True))
        return [nn.LocallyConnected2d(channels, width, KERNEL_SIZE, (rows, columns), stride=stride, rng=rng)]
    return [nn.Conv2d(channels, width, KERNEL_SIZE, stride, rng=rng)]


def measured(kind: Kind, pooled: bool, widths: Sequence[int], shape: tuple[int, ...], classes: int) -> Network:
    """A `Network` with what it costs, counted from the layers themselves."""
    network = build(kind, pooled, widths, shape, classes, np.random.default_rng(0))
    multiply_adds, activations = 0, 0
    for layer in network.layers:
        shape, each = described(layer, shape)
        multiply_adds, activations = multiply_adds + each, activations + int(np.prod(shape))
    parameters = sum(p.size for p in network.parameters().values())
    return Network(kind, pooled, tuple(widths), parameters, multiply_adds, activations)


def within(
    budget: Budget,
    amount: int,
    kind: Kind,
    pooled: bool,
    shape: tuple[int, ...],
    classes: int,
) -> Network:
    """The network of a kind that comes nearest to an amount of "parameters" or "multiply_adds".

    The widths of its two layers are equal or differ by one; a width of one may be more than the budget.
    """

    def cost(widths: Sequence[int]) -> int:
        found = measured(kind, pooled, widths, shape, classes)
        return found.parameters if budget == "parameters" else found.multiply_adds

    low, high = 1, 2
    while cost((high, high)) <= amount and high < MAX_WIDTH:
        low, high = high, 2 * high
    while high - low > 1:  # cost((low, low)) <= amount < cost((high, high)), or low is 1
        middle = (low + high) // 2
        low, high = (middle, high) if cost((middle, middle)) <= amount else (low, middle)
    neighbours = [(a, b) for a in (low, low + 1) for b in (low, low + 1)]
    return min(
        (measured(kind, pooled, widths, shape, classes) for widths in neighbours),
        key=lambda network: abs(getattr(network, budget) - amount),
    )
