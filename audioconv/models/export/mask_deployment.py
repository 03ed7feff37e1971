"""What a trained denoiser hands over so that a file for other machines can be made of it and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audioconv.errors import ArgumentError
from audioconv.models._mask_unet import FEATURES, PARTS
from audioconv.models.export.deployment import STREAM_FRAMES
from audioconv.models.export.flows import Pace, paces
from audioconv.models.export.nodes import NodeList, network_nodes

if TYPE_CHECKING:
    from audioconv import nn
    from audioconv._typing import Array, Float32Array
    from audioconv.stage import Stage

NO_INT8 = "a denoiser is exported as float32 only: what int8 costs is told by the labels of clips"


@dataclass(frozen=True, eq=False)
class MaskDeployment:
    """A denoiser from samples to samples: spectra, compressed to cube roots, times the masks that a network makes.

    Parameters
    ----------
    network : nn.Layer
        From (frames, bins, 4), as `mask_unet` hears them, to (frames, bins, 2).
    sample_rate : int, in Hz
    window : float array, shape (size,)
        Frames overlap by half; its squares add up to 1 there.
    scale : float
        What makes spectra those that the network takes.
    dry : float
        The share of the sound that passes unmasked.
    tiny : float
        Is added to the power of a bin before it is compressed.
    kept : float
        Of the running means of magnitudes from frame to frame.
    least_mean : float
        Is added to these means.
    denoised : callable
        From samples, float32 (samples,), to as many.
    stream : callable
        Makes a stage that does the same, late by its latency.
    facts : dict
        What else a file says of the model: JSON-serialisable.
    """

    network: nn.Layer
    sample_rate: int
    window: Array
    scale: float
    dry: float
    tiny: float
    kept: float
    least_mean: float
    denoised: Callable[[Float32Array], Float32Array]
    stream: Callable[[], Stage]
    facts: Mapping[str, Any] = field(default_factory=dict)
    gives: ClassVar[str] = "samples"

    @property
    def hop(self) -> int:
        """From one frame to the next."""
        return len(self.window) // 2

    @property
    def bins(self) -> int:
        """Of a spectrum."""
        return self.hop + 1

    def nodes(self) -> NodeList:
        """The network as nodes of a stream.

        Raises
        ------
        ArgumentError, ShapeError
            For layers that cannot be exported, and networks that do not give a mask for each frame as it comes.
        """
        nodes = network_nodes(self.network, (STREAM_FRAMES, self.bins, FEATURES), "clip")
        found = paces(nodes.nodes, nodes.x, Pace(1, 0))
        if found is None or found[nodes.y] != Pace(1, 0) or nodes.y.shape[1:] != (self.bins, PARTS):
            raise ArgumentError("the network of a denoiser must give a mask for each frame as it comes, without "
                                "looking ahead: in time strides are 1, and padding is causal")  # fmt: skip
        return nodes

    def _angles(self) -> Array:
        """Of each sample of a frame and bin; time 0 is the middle of the window."""
        size = len(self.window)
        places = (np.arange(size)[:, None] - size // 2) * np.arange(self.bins) % size
        return 2 * np.pi * places / size

    def analysis(self) -> Array:
        """(size, 2 bins): a frame times this is its spectrum, real parts, then imaginary ones, windowed and scaled."""
        angles = self._angles()
        waves: Array = self.scale * self.window[:, None] * np.hstack([np.cos(angles), -np.sin(angles)])
        return waves

    def synthesis(self) -> Array:
        """(2 bins, size): a spectrum times this is what is overlap-added."""
        angles, size = self._angles(), len(self.window)
        shares = np.full(self.bins, 2 / size)
        shares[[0, -1]] = 1 / size
        waves: Array = (
            self.window[:, None] * np.hstack([shares * np.cos(angles), -shares * np.sin(angles)]) / self.scale
        )
        return waves.T
