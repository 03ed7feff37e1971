"""From signals to features: one code for whole clips and for streams."""

from audioconv.features.logmel import LogMel, LogMelStream
from audioconv.features.spectrogram import Levels, levels

__all__ = ["Levels", "LogMel", "LogMelStream", "levels"]
