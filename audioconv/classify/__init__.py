"""From clips to labels: data sets, segmentation, augmentation, the classifier, detection in streams, calibration."""

from typing import TYPE_CHECKING

from audioconv._lazy import on_first_use

if TYPE_CHECKING:
    from audioconv.classify._audit import Finding, audit
    from audioconv.classify.augmentation import Augmentation
    from audioconv.classify.classifier import KeywordClassifier
    from audioconv.classify.dataset import Dataset, load_dataset
    from audioconv.classify.detections import Detection
    from audioconv.classify.model_card import ModelCard
    from audioconv.classify.scorer import PosteriorStream, Scorer
    from audioconv.classify.segmentation import EnergySegmenter, FixedChunks, Segment
    from audioconv.classify.sliding_window import SlidingWindowDetector
    from audioconv.classify.training_config import TrainingConfig
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "_audit": "Finding audit",
            "augmentation": "Augmentation",
            "classifier": "KeywordClassifier",
            "dataset": "Dataset load_dataset",
            "detections": "Detection",
            "model_card": "ModelCard",
            "scorer": "PosteriorStream Scorer",
            "segmentation": "EnergySegmenter FixedChunks Segment",
            "sliding_window": "SlidingWindowDetector",
            "training_config": "TrainingConfig",
        },
    )

__all__ = [
    "Augmentation",
    "Dataset",
    "Detection",
    "EnergySegmenter",
    "Finding",
    "FixedChunks",
    "KeywordClassifier",
    "ModelCard",
    "PosteriorStream",
    "Scorer",
    "Segment",
    "SlidingWindowDetector",
    "TrainingConfig",
    "audit",
    "load_dataset",
]
