"""From activations to decisions: data sets, augmentation, the classifier, detection in streams, calibration."""

from audioconv.classify.audit import Finding, audit
from audioconv.classify.classifier import KeywordClassifier
from audioconv.classify.dataset import Dataset, load_dataset
from audioconv.classify.detector import Detection, KeywordDetector, PosteriorStream

__all__ = [
    "Dataset",
    "Detection",
    "Finding",
    "KeywordClassifier",
    "KeywordDetector",
    "PosteriorStream",
    "audit",
    "load_dataset",
]
