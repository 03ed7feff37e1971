"""Enhancement: noise reduction."""

from audioconv.enhance.spectral_gate import Denoise, denoise

__all__ = ["Denoise", "denoise"]
