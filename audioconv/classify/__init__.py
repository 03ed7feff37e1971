"""From activations to decisions: data sets, takes, augmentation, the classifier, detection in streams, calibration."""

from audioconv.classify._audit import Finding, audit
from audioconv.classify.augment import Augmentation
from audioconv.classify.classifier import KeywordClassifier
from audioconv.classify.dataset import Dataset, load_dataset
from audioconv.classify.detector import Detection, KeywordDetector, PosteriorStream
from audioconv.classify.recipe import Recipe
from audioconv.classify.takes import Pieces, Take, Takes

__all__ = [
    "Augmentation",
    "Dataset",
    "Detection",
    "Finding",
    "KeywordClassifier",
    "KeywordDetector",
    "Pieces",
    "PosteriorStream",
    "Recipe",
    "Take",
    "Takes",
    "audit",
    "load_dataset",
]
