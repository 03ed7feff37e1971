"""From streams to events in time: what keyword detectors are trained on, how they score frames, their thresholds."""

from audioconv.detect._word_bounds import word_bounds
from audioconv.detect.calibration import FalseAlarmRate, choose_thresholds
from audioconv.detect.evaluation import StreamScore, WordScore, score_stream
from audioconv.detect.frame_scorer import FramePosteriorStream, FrameScorer
from audioconv.detect.mixtures import MixtureGenerator, MixtureSettings, Span
from audioconv.detect.negatives import HardNegative, NegativeFrames
from audioconv.detect.stream import DetectorStream
from audioconv.detect.targets import frame_targets

__all__ = [
    "DetectorStream",
    "FalseAlarmRate",
    "FramePosteriorStream",
    "FrameScorer",
    "HardNegative",
    "MixtureGenerator",
    "MixtureSettings",
    "NegativeFrames",
    "Span",
    "StreamScore",
    "WordScore",
    "choose_thresholds",
    "frame_targets",
    "score_stream",
    "word_bounds",
]
