"""Detectors in TOML files of chains, as `audioconv.stream.chain_file` asks for them."""

from audioconv.detect.keyword_detector import KeywordDetector
from audioconv.detect.monitor import DetectorMonitor
from audioconv.stream.chain_types import Place


def detector_monitor(place: Place, model: str | None = None) -> DetectorMonitor:
    """The words in what passes."""
    detector = KeywordDetector.load() if model is None else KeywordDetector.load(place.folder / model)
    return detector.monitor(sample_rate=place.sample_rate, channels=place.channels)
