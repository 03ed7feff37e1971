"""The last layer of a network as columns, one a class, and what it is given."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from audioconv import models, nn
from audioconv._typing import Array, Float32Array
from audioconv.errors import ArgumentError

_Network = TypeVar("_Network", bound=models.Network)


class Column(NamedTuple):
    """Of a linear layer: what makes one logit of features (channels,)."""

    weight: NDArray[np.float64]
    bias: float


def last_columns(network: Any) -> list[Column]:
    """The columns of the last layer of a network.

    Raises
    ------
    ArgumentError
        If it is not linear, row by row, with a bias.
    """
    layers = getattr(network, "layers", None)
    state = layers[-1].state_dict() if layers else {}
    weight, bias = state.get("weight"), state.get("bias")
    if weight is None or bias is None or len(state) > 2 or weight.size != bias.size * weight.shape[-2]:
        last = repr(layers[-1]) if layers else type(network).__name__
        raise ArgumentError(
            f"only a network that ends in a layer of one tap with a bias can be adapted, not one that ends in {last}"
        )
    flat = weight.reshape(-1, bias.size).astype(np.float64)
    return [Column(flat[:, c], float(bias[c])) for c in range(bias.size)]


def is_linear_at_the_end(network: Any) -> bool:
    """Whether `last_columns` takes a network."""
    try:
        last_columns(network)
    except ArgumentError:
        return False
    return True


def with_columns(build: Callable[[int], _Network], network: Any, columns: Sequence[Column]) -> _Network:
    """The network of other columns that `build` makes for so many classes, with the weights of `network` below."""
    state, last = dict(network.state_dict()), f"{len(network.layers) - 1}."
    weight = np.stack([column.weight for column in columns], axis=1)
    state[f"{last}weight"] = weight.reshape(*state[f"{last}weight"].shape[:-1], len(columns)).astype(np.float32)
    state[f"{last}bias"] = np.array([column.bias for column in columns], np.float32)
    other = build(len(columns))
    other.load_state_dict(state)
    return other


def features_before_last(network: Any, x: Float32Array, threads: int | None = None) -> Float32Array:
    """What the last layer of a network is given, of inputs as the network takes them.

    Parameters
    ----------
    network : nn.Sequential
    x : float32 array, shape (clips or stretches, ...)
    threads : int, optional

    Returns
    -------
    features : float32 array, shape (stretches, rows, channels)
        Of one row each, if the network has one row of logits for each.
    """
    below: Array = nn.Sequential(network.layers[:-1]).forward(x, threads=threads) if len(network.layers) > 1 else x
    return below.reshape(len(below), -1, below.shape[-1])
