"""Enhancement: noise reduction by a spectral gate, and by a network that knows speech."""

from typing import TYPE_CHECKING

from audioconv._lazy import on_first_use

if TYPE_CHECKING:
    from audioconv.enhance._neural_denoise import NeuralDenoise, neural_denoise
    from audioconv.enhance.denoiser_model import DenoiserModel, shipped_denoiser
    from audioconv.enhance.denoiser_training import DenoiserTraining, train_denoiser
    from audioconv.enhance.noisy_speech import NoisySpeechSettings
    from audioconv.enhance.spectral_gate import Denoise, denoise
    from audioconv.enhance.speech_discriminator import sounds_like_speech
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "denoiser_model": "DenoiserModel shipped_denoiser",
            "denoiser_training": "DenoiserTraining train_denoiser",
            "_neural_denoise": "NeuralDenoise neural_denoise",
            "noisy_speech": "NoisySpeechSettings",
            "spectral_gate": "Denoise denoise",
            "speech_discriminator": "sounds_like_speech",
        },
    )

__all__ = [
    "Denoise",
    "DenoiserModel",
    "DenoiserTraining",
    "NeuralDenoise",
    "NoisySpeechSettings",
    "denoise",
    "neural_denoise",
    "shipped_denoiser",
    "sounds_like_speech",
    "train_denoiser",
]
