"""What is shown to people: scores, pictures, and one HTML page that holds them."""

from audioconv.classify.intervals import wilson_interval
from audioconv.report._spectrogram import spectrogram
from audioconv.report.page import Report
from audioconv.report.plots import confusion, log_mel, posteriors, training_curve, waveform
from audioconv.report.scores import confusion_matrix, confusion_table

__all__ = [
    "Report",
    "confusion",
    "confusion_matrix",
    "confusion_table",
    "log_mel",
    "posteriors",
    "spectrogram",
    "training_curve",
    "waveform",
    "wilson_interval",
]
