"""Enhancement: noise reduction by a spectral gate, and by a network that knows speech."""

from audioconv.enhance.denoiser_model import DenoiserModel, shipped_denoiser
from audioconv.enhance.denoiser_training import DenoiserTraining, train_denoiser
from audioconv.enhance.neural_denoise import NeuralDenoise, neural_denoise
from audioconv.enhance.noisy_speech import NoisySpeechSettings
from audioconv.enhance.spectral_gate import Denoise, denoise
from audioconv.enhance.speech_discriminator import sounds_like_speech

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
