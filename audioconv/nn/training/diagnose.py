"""Why a loss is not finite."""

import numpy as np

from audioconv._typing import Array
from audioconv.nn.layers.base import Layer


def nonfinite_cause(network: Layer, x: Array, seeds: Array) -> str:
    """Say in words what makes the outputs of a network for a batch not finite: its input, a weight, or a layer."""
    bad = ~np.isfinite(x).reshape(len(x), -1).all(axis=1)
    if bad.any():
        return f"its input has NaN or infinite values, in clip {np.flatnonzero(bad)[0]} of the batch"
    for name, array in network.state_dict().items():
        if not np.isfinite(array).all():
            return f"the weight {name} has NaN or infinite values"
    kept = {name: array.copy() for name, array in network.buffers().items()}
    try:
        found = _first_nonfinite_layer(network, x, seeds)
    finally:
        for name, array in network.buffers().items():
            array[...] = kept[name]
    return f"{found or 'the loss itself'} makes values that are not finite; try a smaller learning rate"


def _first_nonfinite_layer(network: Layer, x: Array, seeds: Array) -> str | None:
    """Name and kind of the first layer of a `Sequential` whose output is not finite."""
    for number, layer in enumerate(getattr(network, "layers", [])):
        x = layer.forward(x, training=True, seeds=seeds)
        if not np.isfinite(x).all():
            return f"layer {number} ({type(layer).__name__})"
    return None
