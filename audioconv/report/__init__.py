"""What is shown to people: scores, pictures, and one HTML page that holds them."""

from typing import TYPE_CHECKING

from audioconv._lazy import on_first_use

if TYPE_CHECKING:
    from audioconv.classify.intervals import wilson_interval
    from audioconv.report._evaluation_page import evaluation_page
    from audioconv.report._frequency_response import frequency_response
    from audioconv.report._save_evaluation import save_evaluation
    from audioconv.report._sound_events import sound_events
    from audioconv.report._spectrogram import spectrogram
    from audioconv.report.evaluation_plots import det_curve, reliability, speakers
    from audioconv.report.page import Report
    from audioconv.report.plots import confusion, log_mel, posteriors, training_curve, waveform
    from audioconv.report.scores import confusion_matrix, confusion_table
    from audioconv.report.sound_card import SoundCard
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "audioconv.classify.intervals": "wilson_interval",
            "_frequency_response": "frequency_response",
            "_save_evaluation": "save_evaluation",
            "_sound_events": "sound_events",
            "_spectrogram": "spectrogram",
            "_evaluation_page": "evaluation_page",
            "evaluation_plots": "det_curve reliability speakers",
            "page": "Report",
            "plots": "confusion log_mel posteriors training_curve waveform",
            "scores": "confusion_matrix confusion_table",
            "sound_card": "SoundCard",
        },
    )

__all__ = [
    "Report",
    "SoundCard",
    "confusion",
    "confusion_matrix",
    "confusion_table",
    "det_curve",
    "evaluation_page",
    "frequency_response",
    "log_mel",
    "posteriors",
    "reliability",
    "save_evaluation",
    "sound_events",
    "speakers",
    "spectrogram",
    "training_curve",
    "waveform",
    "wilson_interval",
]
