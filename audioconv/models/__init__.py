"""Network architectures, one a file, as published, and the features that each is made for.

Each function says where its network differs from its authors' code, and most make that, too: `as_published=True`
(for a classifier, `model=functools.partial(models.tc_resnet8, as_published=True)`).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from audioconv import nn
from audioconv.arrays import choice
from audioconv.errors import ArgumentError
from audioconv.features import LogMel, Mfcc
from audioconv.models._bc_resnet import bc_resnet
from audioconv.models._ds_cnn import ds_cnn_s
from audioconv.models._ds_tcn import ds_tcn
from audioconv.models._minirocket import MiniRocket
from audioconv.models._mlp import mlp
from audioconv.models._tc_resnet import tc_resnet8, tc_resnet14_15

__all__ = [
    "MODELS",
    "MiniRocket",
    "Model",
    "bc_resnet",
    "build",
    "ds_cnn_s",
    "ds_tcn",
    "mlp",
    "model_of",
    "shaped",
    "tc_resnet8",
    "tc_resnet14_15",
]


# Levels count from the loudest frame so far, down to 18 dB below it. Tried on digits of a speaker out of four who
# was not trained on, 500 steps: with all levels below the loudest 69.0 %, down to 40 dB 73.5 %, 30 dB 75.1 %; with the
# equaliser and five voices 30, 24, 18, 14, 10 dB gave 81.0, 82.7, 84.9, 83.0, 82.2 %. Speech Commands (2 errors of 554
# with 30 and 18) and ESC-10 (87.5 and 88.1 %) hardly change. Two speakers, 800 steps, 30 dB: absolute levels 72.0 %,
# PCEN 74.5 %, the mean of each band out 75.9 %, or a running one weighted by loudness 75.3 %.
HEARD = {"offset": 1e-10, "top_db": 18}


class Model(NamedTuple):
    """An architecture, and what it is given."""

    make: Callable  # (classes, features, *, rng), and frames if `whole`, to layers
    features: Callable = partial(LogMel, **HEARD)  # of a sample rate
    whole: bool = False  # whether it is made for a number of frames


MODELS = {
    "tc-resnet8": Model(tc_resnet8),
    "tc-resnet14-1.5": Model(tc_resnet14_15),
    "ds-tcn": Model(ds_tcn),
    "ds-cnn-s": Model(ds_cnn_s, partial(Mfcc, **HEARD)),
    "bc-resnet-1": Model(bc_resnet),
    "bc-resnet-2": Model(partial(bc_resnet, scale=2)),
    "bc-resnet-3": Model(partial(bc_resnet, scale=3)),
    "mlp": Model(mlp, partial(Mfcc, hop_ms=40, **HEARD), whole=True),
    "minirocket": Model(MiniRocket, whole=True),
}


def model_of(model):
    """The `Model` of a name, or of a function (classes, features, *, rng) that makes layers; of log-mel frames then.

    Raises
    ------
    ArgumentError
        For a name that is not one of `MODELS`, and for what is neither.
    """
    if isinstance(model, Model):
        return model
    return Model(model) if callable(model) else MODELS[choice(model, "model", tuple(MODELS))]


def build(model, classes, features, seed, frames=None):
    """Make an untrained network: (batch, frames, features) to logits (batch, classes).

    Parameters
    ----------
    model : str, or function
        One of `MODELS`, or a function (classes, features, *, rng) that makes layers.
    classes, features : int
    seed : int, SeedSequence or Generator
        Of the initial weights and the dropout.
    frames : int, optional
        Of a clip, for models that are made for a number of them.

    Returns
    -------
    network : nn.Sequential, or MiniRocket
        For clips as `shaped` makes them.

    Raises
    ------
    ArgumentError
        For a name that is not one of `MODELS`, and for a function that makes no layers.
    """
    made = model_of(model)
    more = {"frames": frames} if made.whole and frames is not None else {}
    layers = made.make(classes, features, rng=np.random.default_rng(seed), **more)
    if isinstance(layers, (nn.Sequential, MiniRocket)):
        return layers
    if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, nn.Layer) for layer in layers):
        raise ArgumentError(f"a model must make a list of layers, or an nn.Sequential of them, not {layers!r}")
    return nn.Sequential(layers)


def takes_planes(network):
    """Whether a network takes clips as planes (batch, frames, features, 1)."""
    return 3 not in (network.layers[0] if isinstance(network, nn.Sequential) else network).dims


def shaped(network, frames):
    """Features (clips, frames, features) as a network takes them."""
    return frames[..., None] if takes_planes(network) else frames
