"""From signals to features: one code for whole clips and for streams."""

from audioconv.features.logmel import LogMel, LogMelStream

__all__ = ["LogMel", "LogMelStream"]
