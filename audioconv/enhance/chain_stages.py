"""Stages of enhancement in TOML files of chains, as `audioconv.stream.chain_file` asks for them."""

from audioconv.enhance._neural_denoise import REDUCTION_DB, NeuralDenoise
from audioconv.enhance.spectral_gate import Denoise
from audioconv.stream.chain_types import Place


def denoise(place: Place, threshold_db: float = 4.0, reduction_db: float = 30.0, memory_s: float = 1.5) -> Denoise:
    """The spectral gate."""
    return Denoise(
        place.sample_rate, threshold_db=threshold_db, reduction_db=reduction_db, memory_s=memory_s,
        channels=place.channels,
    )  # fmt: skip


def neural_denoise(place: Place, model: str | None = None, reduction_db: float = REDUCTION_DB) -> NeuralDenoise:
    """The network for speech."""
    path = None if model is None else place.folder / model
    return NeuralDenoise(place.sample_rate, model=path, reduction_db=reduction_db, channels=place.channels)
