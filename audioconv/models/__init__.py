"""Network architectures, one a file, as published, and the features that each is made for.

Each function says where its network differs from its authors' code, and most make that, too: `as_published=True`
(for a classifier, `model=functools.partial(models.tc_resnet8, as_published=True)`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np

from audioconv import nn
from audioconv._typing import Array
from audioconv.arrays import choice
from audioconv.errors import ArgumentError
from audioconv.features import LogMel, Mfcc, Pcen
from audioconv.models._bc_resnet import bc_resnet
from audioconv.models._cnn_tc_resnet import cnn_tc_resnet
from audioconv.models._ds_cnn import ds_cnn_s
from audioconv.models._ds_tcn import ds_tcn
from audioconv.models._frame_ds_tcn import TRAINING_ROW, frame_ds_tcn
from audioconv.models._mask_unet import mask_unet
from audioconv.models._minirocket import MiniRocket
from audioconv.models._mlp import mlp
from audioconv.models._sed_tcn import sed_tcn
from audioconv.models._tc_resnet import tc_resnet8, tc_resnet14_15
from audioconv.models.export._c import export_c
from audioconv.models.export._onnx import export_onnx
from audioconv.models.export.onnx_int8 import Calibration

__all__ = [
    "FRAME_MODELS",
    "MODELS",
    "Calibration",
    "MiniRocket",
    "Model",
    "bc_resnet",
    "build",
    "build_frames",
    "cnn_tc_resnet",
    "ds_cnn_s",
    "ds_tcn",
    "export_c",
    "export_onnx",
    "frame_ds_tcn",
    "mask_unet",
    "mlp",
    "network_input",
    "resolve_frame_model",
    "resolve_model",
    "sed_tcn",
    "tc_resnet8",
    "tc_resnet14_15",
]

ModelName: TypeAlias = Literal[
    "tc-resnet8",
    "tc-resnet14-1.5",
    "cnn-tc-resnet",
    "ds-tcn",
    "ds-cnn-s",
    "bc-resnet-1",
    "bc-resnet-2",
    "bc-resnet-3",
    "mlp",
    "minirocket",
]
FrameModelName: TypeAlias = Literal["ds-tcn", "sed-tcn"]
Network: TypeAlias = nn.Sequential | MiniRocket
Layers: TypeAlias = Network | Sequence[nn.Layer]


class ModelFactory(Protocol):
    """A function that makes an untrained network, or the list of its layers."""

    def __call__(self, classes: int, features: int, *, rng: np.random.Generator) -> Layers:
        """Make the layers for so many classes and so many features a frame; `rng` draws the initial weights."""
        ...


# Levels count from the loudest frame so far, down to 18 dB below it, by which unseen speakers are recognised best: see
# docs/trials.md, "Recognition: digits, an unseen speaker".
LEVELS: dict[str, Any] = {"offset": 1e-10, "top_db": 18}
# Where there are many speakers to learn from, the weak sounds of "left" and "stop" are worth more: see docs/trials.md,
# "Recognition: eight keywords".
WIDE_LEVELS: dict[str, Any] = LEVELS | {"top_db": 40}


class Model(NamedTuple):
    """An architecture, and the features that it is made for.

    Parameters
    ----------
    make : callable
        As `ModelFactory` says; called with `frames`, too, if `fixed_frames`.
    features : callable
        From a sample rate to a `LogMel` or `Mfcc`.
    fixed_frames : bool
        Whether the network is made for clips of one number of frames.
    in_training : dict, optional
        What `make` is given besides to make the network that is trained, if that has the same weights but fewer rows.

    Examples
    --------
    >>> from audioconv import models
    >>> models.MODELS["ds-cnn-s"]
    Model(ds_cnn_s, Mfcc(offset=1e-10, top_db=18))
    >>> models.MODELS["ds-cnn-s"].features(16000).n_features
    10
    """

    make: Callable[..., Layers]
    features: Callable[[int], LogMel | Mfcc] = partial(LogMel, **LEVELS)
    fixed_frames: bool = False
    in_training: Mapping[str, Any] = MappingProxyType({})

    def __repr__(self) -> str:
        frames = ", fixed_frames=True" if self.fixed_frames else ""
        return f"Model({_named(self.make)}, {_named(self.features)}{frames})"


def _named(function: Callable[..., Any]) -> str:
    """A function or class by its name, with what a `partial` gives it."""
    if isinstance(function, partial):
        given = ", ".join(f"{name}={value!r}" for name, value in function.keywords.items())
        return f"{_named(function.func)}({given})"
    return getattr(function, "__name__", type(function).__name__)


MODELS: Mapping[ModelName, Model] = {
    "tc-resnet8": Model(tc_resnet8),
    "tc-resnet14-1.5": Model(tc_resnet14_15),
    "cnn-tc-resnet": Model(cnn_tc_resnet, partial(LogMel, **WIDE_LEVELS)),
    "ds-tcn": Model(ds_tcn),
    "ds-cnn-s": Model(ds_cnn_s, partial(Mfcc, **LEVELS)),
    "bc-resnet-1": Model(bc_resnet),
    "bc-resnet-2": Model(partial(bc_resnet, scale=2)),
    "bc-resnet-3": Model(partial(bc_resnet, scale=3)),
    "mlp": Model(mlp, partial(Mfcc, hop_ms=40, **LEVELS), fixed_frames=True),
    "minirocket": Model(MiniRocket, fixed_frames=True),
}

# For detectors: causal, with logits for every row. Levels count from the last moments: a stream has no loudest frame.
# "sed-tcn" is for sounds that go on for seconds, which a short time constant would take for noise.
FRAME_MODELS: Mapping[FrameModelName, Model] = {
    "ds-tcn": Model(frame_ds_tcn, partial(LogMel, pcen=Pcen()), in_training={"row_frames": TRAINING_ROW}),
    "sed-tcn": Model(sed_tcn, partial(LogMel, window_ms=40, pcen=Pcen(bias=10.0, power=0.25, time_constant_s=4.0))),
}


def resolve_model(model: ModelName | ModelFactory | Model) -> Model:
    """Return the `Model` that a name or a function stands for.

    Parameters
    ----------
    model : str, callable or Model
        One of `MODELS`; or a function (classes, features, *, rng) that makes layers, of log-mel frames then.

    Returns
    -------
    model : Model

    Raises
    ------
    ArgumentError
        For a name that is not one of `MODELS`, and for what is neither.

    Examples
    --------
    >>> from audioconv import models
    >>> models.resolve_model("mlp").fixed_frames
    True
    """
    if isinstance(model, Model):
        return model
    return Model(model) if callable(model) else MODELS[choice(model, "model", tuple(MODELS))]


def build(
    model: ModelName | ModelFactory | Model,
    classes: int,
    features: int,
    seed: int | np.random.SeedSequence | np.random.Generator,
    frames: int | None = None,
) -> Network:
    """Make an untrained network: (batch, frames, features) to logits (batch, classes).

    Parameters
    ----------
    model : str, callable or Model
        One of `MODELS`, or a function (classes, features, *, rng) that makes layers.
    classes : int
        Words, or sounds, to tell apart.
    features : int
        Numbers in a frame.
    seed : int, SeedSequence or Generator
        Of the initial weights and the dropout.
    frames : int, optional
        Of a clip, for models that are made for a number of them.

    Returns
    -------
    network : nn.Sequential or MiniRocket
        For clips as `network_input` makes them.

    Raises
    ------
    ArgumentError
        For a name that is not one of `MODELS`, and for a function that makes no layers.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.build("tc-resnet8", classes=12, features=40, seed=0)
    >>> network.forward(np.zeros((1, 98, 40), "float32")).shape
    (1, 12)
    """
    resolved = resolve_model(model)
    more = {"frames": frames} if resolved.fixed_frames and frames is not None else {}
    layers = resolved.make(classes, features, rng=np.random.default_rng(seed), **more)
    if isinstance(layers, (nn.Sequential, MiniRocket)):
        return layers
    if not isinstance(layers, (list, tuple)) or not all(isinstance(layer, nn.Layer) for layer in layers):
        raise ArgumentError(f"a model must make a list of layers, or an nn.Sequential of them, not {layers!r}")
    return nn.Sequential(layers)


def resolve_frame_model(model: FrameModelName | ModelFactory | Model) -> Model:
    """Return the `Model` that a name or a function stands for, of networks with logits for every row.

    Parameters
    ----------
    model : str, callable or Model
        One of `FRAME_MODELS`; or a function (classes, features, *, rng) that makes causal layers, of log-mel frames.

    Returns
    -------
    model : Model

    Raises
    ------
    ArgumentError
        For a name that is not one of `FRAME_MODELS`, and for what is neither.

    Examples
    --------
    >>> from audioconv import models
    >>> models.resolve_frame_model("ds-tcn")
    Model(frame_ds_tcn, LogMel(pcen=Pcen(gain=0.98, bias=2.0, power=0.5, time_constant_s=0.4, eps=1e-06)))
    """
    if isinstance(model, Model):
        return model
    return Model(model, LogMel) if callable(model) else FRAME_MODELS[choice(model, "model", tuple(FRAME_MODELS))]


def build_frames(
    model: FrameModelName | ModelFactory | Model,
    classes: int,
    features: int,
    seed: int | np.random.SeedSequence | np.random.Generator,
    *,
    training: bool = False,
) -> nn.Sequential:
    """Make an untrained network for streams: frames as `network_input` makes them to logits (batch, rows, classes).

    Where it is one of planes, logits are (batch, rows, 1, classes).

    Parameters
    ----------
    model : str, callable or Model
        One of `FRAME_MODELS`, or a function (classes, features, *, rng) that makes layers.
    classes : int
        Logits a row: the background and the words, or the sounds.
    features : int
        Numbers in a frame.
    seed : int, SeedSequence or Generator
        Of the initial weights.
    training : bool
        Make the network that is trained: some have the same weights, but fewer rows, which are cheaper.

    Returns
    -------
    network : nn.Sequential

    Raises
    ------
    ArgumentError
        For a name that is not one of `FRAME_MODELS`, and for a function that makes no layers.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.build_frames("ds-tcn", classes=9, features=40, seed=0)
    >>> network.forward(models.network_input(network, np.zeros((1, 98, 40), "float32"))).shape
    (1, 49, 1, 9)
    """
    resolved = resolve_frame_model(model)
    if training and resolved.in_training:
        resolved = resolved._replace(make=partial(resolved.make, **resolved.in_training))
    network = build(resolved, classes, features, seed)
    if not isinstance(network, nn.Sequential):
        raise ArgumentError(f"a detector needs layers that work on streams, not {network!r}")
    return network


def takes_planes(network: Network) -> bool:
    """Whether a network takes clips as planes (batch, frames, features, 1)."""
    return 3 not in (network.layers[0] if isinstance(network, nn.Sequential) else network).dims


def network_input(network: Network, frames: Array) -> Array:
    """Return features in the shape that a network takes.

    Parameters
    ----------
    network : nn.Sequential or MiniRocket
    frames : float array, shape (clips, frames, features)

    Returns
    -------
    x : float array, shape (clips, frames, features) or (clips, frames, features, 1)
        A view.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import models
    >>> network = models.build("ds-cnn-s", classes=12, features=10, seed=0)
    >>> models.network_input(network, np.zeros((5, 49, 10), "float32")).shape
    (5, 49, 10, 1)
    """
    return frames[..., None] if takes_planes(network) else frames
