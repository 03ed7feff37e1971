"""From streams to events in time: detectors of keywords that score every frame, and what they are trained on."""

from audioconv.detect._word_bounds import word_bounds
from audioconv.detect.calibration import FalseAlarmRate, choose_thresholds
from audioconv.detect.evaluation import (
    Evaluation,
    EvaluationSettings,
    Negatives,
    StreamScore,
    WordScore,
    evaluate,
    find_negatives,
    score_stream,
)
from audioconv.detect.frame_scorer import FramePosteriorStream, FrameScorer
from audioconv.detect.keyword_detector import KeywordDetector
from audioconv.detect.mixtures import MixtureGenerator, MixtureSettings, Span
from audioconv.detect.monitor import DetectorMonitor
from audioconv.detect.negatives import HardNegative, NegativeFrames
from audioconv.detect.serialization import is_detector
from audioconv.detect.stream import DetectorStream
from audioconv.detect.targets import frame_targets
from audioconv.detect.training_config import DetectorTraining

__all__ = [
    "DetectorMonitor",
    "DetectorStream",
    "DetectorTraining",
    "Evaluation",
    "EvaluationSettings",
    "FalseAlarmRate",
    "FramePosteriorStream",
    "FrameScorer",
    "HardNegative",
    "KeywordDetector",
    "MixtureGenerator",
    "MixtureSettings",
    "NegativeFrames",
    "Negatives",
    "Span",
    "StreamScore",
    "WordScore",
    "choose_thresholds",
    "evaluate",
    "find_negatives",
    "frame_targets",
    "is_detector",
    "score_stream",
    "word_bounds",
]
