"""Sound made better: noise taken out."""

from audioconv.enhance.gate import Denoise, denoise

__all__ = ["Denoise", "denoise"]
