"""What a trained model hands over so that a file for other machines can be made of it and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

import numpy as np

from audioconv import nn
from audioconv.errors import ArgumentError
from audioconv.features import LogMel, Mfcc
from audioconv.models._minirocket import MiniRocket
from audioconv.models.export.nodes import NodeList, network_nodes

if TYPE_CHECKING:
    from audioconv._typing import Float32Array
    from audioconv.models.export.mask_deployment import MaskDeployment

Features: TypeAlias = LogMel | Mfcc
STREAM_FRAMES = 1 << 12  # of the graph that the nodes of a stream are taken from


class Rows(Protocol):
    """A stream of posteriors."""

    def process(self, block: Float32Array) -> Float32Array:
        """The rows that a block of samples completes."""


@dataclass(frozen=True, eq=False)
class Deployment:
    """A model from samples to posteriors: its parts, what it says of itself, and what it gives, to check others by.

    Parameters
    ----------
    network : nn.Layer or MiniRocket
    frame_shape : tuple of int
        Of a frame as the network takes it: (features,) or (features, 1).
    features : LogMel or Mfcc
    mean, std : float32 arrays, shape (features,)
    labels : tuple
        Of the posteriors.
    posteriors : callable
        From samples, float32 (samples,), to (rows, labels) or, of a clip, (labels,).
    stream : callable
        Makes a stream of posteriors.
    with_network : callable
        Makes the deployment of the same model with another network.
    clip_length : int, in samples, optional
        Of a model of clips; none if every row of a stream is scored.
    absolute_features : tuple of LogMel
        Before levels are made relative, one for each pitch factor of test-time augmentation.
    shifts : tuple of int, in frames
        Of test-time augmentation.
    window_frames : int
        From one window of a stream to the next, of a model of clips.
    multi_label : bool
        Of rows of a stream: whether labels may be true together, each by its own logit. Otherwise there is a logit of
        the background before theirs.
    facts : dict
        What else a file says of the model: JSON-serialisable.
    """

    network: nn.Layer | MiniRocket
    frame_shape: tuple[int, ...]
    features: Features
    mean: Float32Array
    std: Float32Array
    labels: tuple[Any, ...]
    posteriors: Callable[[Float32Array], Float32Array]
    stream: Callable[[], Rows]
    with_network: Callable[[Any], Deployment]
    clip_length: int | None = None
    absolute_features: tuple[LogMel, ...] = ()
    shifts: tuple[int, ...] = (0,)
    window_frames: int = 1
    multi_label: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    gives: ClassVar[str] = "posteriors"

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.log_mel.sample_rate

    @property
    def log_mel(self) -> LogMel:
        """The log-mel frames behind the features."""
        return self.features.log_mel if isinstance(self.features, Mfcc) else self.features

    @property
    def frames(self) -> int:
        """Of a clip."""
        assert self.clip_length is not None
        return self.features.frames(self.clip_length)

    @property
    def versions(self) -> int:
        """Of test-time augmentation."""
        return len(self.absolute_features) * len(self.shifts)

    def nodes(self) -> NodeList:
        """The network as nodes: of clips, or of streams where it scores every row."""
        if self.clip_length is None:
            return network_nodes(self.network, (STREAM_FRAMES, *self.frame_shape), "clip")
        return network_nodes(self.network, (self.frames, *self.frame_shape), None)

    def network_mean_std(self) -> tuple[Float32Array, Float32Array]:
        """Mean and factor of the standardisation: (x - mean) * factor."""
        return self.mean, np.float32(1) / self.std


class Deployable(Protocol):
    """A trained model that a file for other machines can be made of: a classifier, a detector or a denoiser."""

    def deployment(self) -> Deployment | MaskDeployment:
        """What such a file is made of."""
        ...


def deployment_of(model: Deployable) -> Deployment | MaskDeployment:
    """What a trained model hands over.

    Raises
    ------
    ArgumentError
        If it is no such model.
    """
    if not hasattr(model, "deployment"):
        raise ArgumentError("a trained KeywordClassifier, KeywordDetector, SoundEventDetector or DenoiserModel is "
                            f"wanted, not {model!r}")  # fmt: skip
    return model.deployment()
