"""From signals to features: one code for whole clips and for streams."""

from audioconv.features.decibel import power_to_db
from audioconv.features.level import Pcen
from audioconv.features.logmel import LogMel
from audioconv.features.mfcc import Mfcc
from audioconv.features.spectrogram import Spectrogram, spectrogram_db
from audioconv.features.stream import LogMelStream, MfccStream

__all__ = [
    "KINDS",
    "LogMel",
    "LogMelStream",
    "Mfcc",
    "MfccStream",
    "Pcen",
    "Spectrogram",
    "power_to_db",
    "spectrogram_db",
]

KINDS: dict[str, type[LogMel] | type[Mfcc]] = {"LogMel": LogMel, "Mfcc": Mfcc}  # by the name in a model's file
