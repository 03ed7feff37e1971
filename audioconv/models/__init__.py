"""Network architectures, one a file, as published."""

import numpy as np

from audioconv.arrays import choice
from audioconv.models.bc_resnet import bc_resnet
from audioconv.models.ds_cnn import ds_cnn_s
from audioconv.models.ds_tcn import ds_tcn
from audioconv.models.tc_resnet import tc_resnet8

__all__ = ["MODELS", "bc_resnet", "build", "ds_cnn_s", "ds_tcn", "tc_resnet8"]

MODELS = {"tc-resnet8": tc_resnet8, "ds-tcn": ds_tcn}  # of (batch, frames, features)


def build(name, classes, features, seed):
    """Make an untrained network: (batch, frames, features) to logits (batch, classes).

    Parameters
    ----------
    name : str
        "tc-resnet8" or "ds-tcn".
    classes, features : int
    seed : int, SeedSequence or Generator
        Of the initial weights and the dropout.

    Raises
    ------
    ArgumentError
        For a name that is not one of `MODELS`.
    """
    return MODELS[choice(name, "model", tuple(MODELS))](classes, features, rng=np.random.default_rng(seed))
