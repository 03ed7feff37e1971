"""From streams to events in time: what keyword detectors are trained on, and how they score every frame."""

from audioconv.detect._word_bounds import word_bounds
from audioconv.detect.frame_scorer import FramePosteriorStream, FrameScorer
from audioconv.detect.mixtures import MixtureGenerator, MixtureSettings, Span
from audioconv.detect.negatives import HardNegative, NegativeFrames
from audioconv.detect.stream import DetectorStream
from audioconv.detect.targets import frame_targets

__all__ = [
    "DetectorStream",
    "FramePosteriorStream",
    "FrameScorer",
    "HardNegative",
    "MixtureGenerator",
    "MixtureSettings",
    "NegativeFrames",
    "Span",
    "frame_targets",
    "word_bounds",
]
