"""From streams to events in time: what keyword detectors are trained on."""

from audioconv.detect.negatives import HardNegative, NegativeFrames

__all__ = ["HardNegative", "NegativeFrames"]
