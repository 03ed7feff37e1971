"""How well a model does: on clips, in streams, in hours without its words; and its mistakes one by one."""

from audioconv.detect.evaluation._evaluate import evaluate
from audioconv.detect.evaluation.negatives import Negatives, find_negatives
from audioconv.detect.evaluation.results import Evaluation, EvaluationSettings
from audioconv.detect.evaluation.sound_event_score import (
    Counts,
    SoundEventClassScore,
    SoundEventScore,
    score_sound_events,
)
from audioconv.detect.evaluation.stream_score import StreamScore, WordScore, score_stream

__all__ = [
    "Counts",
    "Evaluation",
    "EvaluationSettings",
    "Negatives",
    "SoundEventClassScore",
    "SoundEventScore",
    "StreamScore",
    "WordScore",
    "evaluate",
    "find_negatives",
    "score_sound_events",
    "score_stream",
]
