"""From streams to events in time: detectors of keywords and sounds that score every frame, and their training."""

from typing import TYPE_CHECKING

from audioconv._lazy import on_first_use

if TYPE_CHECKING:
    from audioconv.detect._mix_events import EventMixture, mix_events
    from audioconv.detect._word_bounds import word_bounds
    from audioconv.detect.calibration import FalseAlarmRate, choose_thresholds
    from audioconv.detect.evaluation import (
        Counts,
        Evaluation,
        EvaluationSettings,
        Negatives,
        SoundEventClassScore,
        SoundEventScore,
        StreamScore,
        WordScore,
        evaluate,
        find_negatives,
        score_sound_events,
        score_stream,
    )
    from audioconv.detect.frame_scorer import FramePosteriorStream, FrameScorer
    from audioconv.detect.keyword_detector import KeywordDetector
    from audioconv.detect.kinds import is_detector
    from audioconv.detect.mixtures import MixtureGenerator, MixtureSettings, Span
    from audioconv.detect.monitor import DetectorMonitor
    from audioconv.detect.negatives import HardNegative, NegativeFrames
    from audioconv.detect.sound_event_decoder import SoundEventDecoder
    from audioconv.detect.sound_event_detector import SoundEventDecision, SoundEventDetector
    from audioconv.detect.sound_event_stream import SoundEventStream
    from audioconv.detect.sound_events import SoundEvent, read_events
    from audioconv.detect.stream import DetectorStream
    from audioconv.detect.targets import activity_targets, frame_targets
    from audioconv.detect.training_config import DetectorTraining, SoundEventTraining
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "_mix_events": "EventMixture mix_events",
            "_word_bounds": "word_bounds",
            "calibration": "FalseAlarmRate choose_thresholds",
            "evaluation": (
                "Counts Evaluation EvaluationSettings Negatives SoundEventClassScore SoundEventScore "
                "StreamScore WordScore evaluate find_negatives score_sound_events score_stream"
            ),
            "frame_scorer": "FramePosteriorStream FrameScorer",
            "keyword_detector": "KeywordDetector",
            "kinds": "is_detector",
            "mixtures": "MixtureGenerator MixtureSettings Span",
            "monitor": "DetectorMonitor",
            "negatives": "HardNegative NegativeFrames",
            "sound_event_decoder": "SoundEventDecoder",
            "sound_event_detector": "SoundEventDecision SoundEventDetector",
            "sound_event_stream": "SoundEventStream",
            "sound_events": "SoundEvent read_events",
            "stream": "DetectorStream",
            "targets": "activity_targets frame_targets",
            "training_config": "DetectorTraining SoundEventTraining",
        },
    )

__all__ = [
    "Counts",
    "DetectorMonitor",
    "DetectorStream",
    "DetectorTraining",
    "Evaluation",
    "EvaluationSettings",
    "EventMixture",
    "FalseAlarmRate",
    "FramePosteriorStream",
    "FrameScorer",
    "HardNegative",
    "KeywordDetector",
    "MixtureGenerator",
    "MixtureSettings",
    "NegativeFrames",
    "Negatives",
    "SoundEvent",
    "SoundEventClassScore",
    "SoundEventDecision",
    "SoundEventDecoder",
    "SoundEventDetector",
    "SoundEventScore",
    "SoundEventStream",
    "SoundEventTraining",
    "Span",
    "StreamScore",
    "WordScore",
    "activity_targets",
    "choose_thresholds",
    "evaluate",
    "find_negatives",
    "frame_targets",
    "is_detector",
    "mix_events",
    "read_events",
    "score_sound_events",
    "score_stream",
    "word_bounds",
]
