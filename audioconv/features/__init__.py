"""From signals to features: one code for whole clips and for streams."""

from audioconv.features.decibel import power_to_db
from audioconv.features.logmel import LogMel, LogMelStream
from audioconv.features.mfcc import Mfcc, MfccStream
from audioconv.features.spectrogram import Spectrogram, spectrogram_db

__all__ = ["KINDS", "LogMel", "LogMelStream", "Mfcc", "MfccStream", "Spectrogram", "power_to_db", "spectrogram_db"]

KINDS = {"LogMel": LogMel, "Mfcc": Mfcc}  # what a model may be made for, by the name in its file
