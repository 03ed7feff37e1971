"""From streams to events in time: what keyword detectors are trained on."""

from audioconv.detect._word_bounds import word_bounds
from audioconv.detect.mixtures import MixtureGenerator, MixtureSettings, Span
from audioconv.detect.negatives import HardNegative, NegativeFrames
from audioconv.detect.targets import frame_targets

__all__ = [
    "HardNegative",
    "MixtureGenerator",
    "MixtureSettings",
    "NegativeFrames",
    "Span",
    "frame_targets",
    "word_bounds",
]
