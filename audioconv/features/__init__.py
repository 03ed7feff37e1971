"""From signals to features: one code for whole clips and for streams."""

from audioconv.features.logmel import LogMel, LogMelStream
from audioconv.features.mfcc import Mfcc, MfccStream
from audioconv.features.spectrogram import Levels, levels

__all__ = ["KINDS", "Levels", "LogMel", "LogMelStream", "Mfcc", "MfccStream", "levels"]

KINDS = {"LogMel": LogMel, "Mfcc": Mfcc}  # what a model may be made for, by the name in its file
