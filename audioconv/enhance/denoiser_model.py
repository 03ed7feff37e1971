"""A trained denoiser: its network, how it was made, and its file."""

import pathlib
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from audioconv import models, nn
from audioconv._typing import Array, Float32Array, Path
from audioconv.classify.model_card import ModelCard, card_of
from audioconv.classify.model_parts import (
    PARITY,
    check_kind,
    check_parity,
    network_arrays,
    parity_record,
    stored_network,
)
from audioconv.enhance.compressed import KEPT, compress, frame_size, mask_transform, network_features, spectrum_scale
from audioconv.errors import ArgumentError
from audioconv.io import model_file
from audioconv.io.stored_settings import StoredSettings
from audioconv.kernels.realtime.spectral_mask import LEAST_MEAN, TINY
from audioconv.models.export.mask_deployment import MaskDeployment

KIND = "NeuralDenoise"
SAMPLE_RATE = 16000  # of what it is trained on
BANDS = 8  # of the gains that a probe is told by
MOST_CHANNELS, MOST_BLOCKS, MOST_DILATION, MOST_EPOCHS = 256, 64, 1024, 10_000
SHIPPED = pathlib.Path(__file__).with_name("denoiser.safetensors")  # made by data/make_denoiser.py


@dataclass(frozen=True, eq=False)
class DenoiserModel:
    """A trained denoiser of speech, as `train_denoiser` gives it and `NeuralDenoise` takes it.

    Parameters
    ----------
    network : nn.Sequential
        As `models.mask_unet` makes it without batch norms.
    planes, channels, dilations : tuple of int, int, tuple of int
        That it was made with.
    card : ModelCard
        What it was made of.
    history : list of dict
        A record an epoch.
    parity : float
        By how much the probe's gains differ from those of where the model was made.

    Examples
    --------
    >>> import audioconv as ac
    >>> model = ac.enhance.shipped_denoiser()
    >>> model.weights < 100_000
    True
    """

    network: nn.Sequential
    planes: tuple[int, ...]
    channels: int
    dilations: tuple[int, ...]
    card: ModelCard = field(default_factory=ModelCard)
    history: list[dict[str, Any]] = field(default_factory=list)
    parity: float = 0.0

    def __repr__(self) -> str:
        made = f"planes {self.planes}, channels {self.channels}, dilations {self.dilations}"
        return f"DenoiserModel({self.weights:,} weights, {made})"

    @property
    def weights(self) -> int:
        """Numbers that were trained."""
        return sum(array.size for array in self.network.parameters().values())

    def mask(self, samples: Array) -> Float32Array:
        """Return the masks of a whole signal at 16 kHz.

        Parameters
        ----------
        samples : float32 array, shape (samples,)

        Returns
        -------
        mask : float32 array, shape (frames, 257, 2)
            Real and imaginary part, of spectra compressed to cube roots.
        """
        size = frame_size(SAMPLE_RATE)
        spectra = mask_transform(size)(samples) * np.float32(spectrum_scale(size))
        mask: Float32Array = self.network.forward(network_features(compress(spectra))[None])[0]
        return mask

    def _band_gains(self, samples: Float32Array) -> Float32Array:
        """(frames, bands): mean magnitudes of masks, by which models are compared."""
        gains = np.hypot(*np.moveaxis(self.mask(samples), -1, 0))[:, 1:]
        return np.ascontiguousarray(gains.reshape(len(gains), BANDS, -1).mean(axis=2))

    def deployment(self) -> MaskDeployment:
        """Return what `models.export_onnx` and `models.export_c` make files of, for sound at 16 kHz.

        Returns
        -------
        deployment : MaskDeployment
        """
        from audioconv.enhance._neural_denoise import REDUCTION_DB, NeuralDenoise, neural_denoise

        size = frame_size(SAMPLE_RATE)
        return MaskDeployment(
            self.network,
            SAMPLE_RATE,
            window=mask_transform(size).window,
            scale=spectrum_scale(size),
            dry=10 ** (-REDUCTION_DB / 20),
            tiny=TINY,
            kept=KEPT,
            least_mean=LEAST_MEAN,
            denoised=partial(neural_denoise, sample_rate=SAMPLE_RATE, model=self),
            stream=partial(NeuralDenoise, SAMPLE_RATE, model=self),
            facts={"kind": KIND, "reduction_db": REDUCTION_DB},
        )

    def save(self, path: Path) -> None:
        """Write the model to one safetensors file (atomic write).

        Parameters
        ----------
        path : path
            Ends in .safetensors, .model or nothing.

        Raises
        ------
        ModelFileError
            For another ending, and for weights that are not finite.
        """
        model_file.check_name(path)
        settings = {
            "kind": KIND, "sample_rate": SAMPLE_RATE, "planes": list(self.planes), "channels": self.channels,
            "dilations": list(self.dilations), "history": self.history, "card": self.card.get_params(),
        }  # fmt: skip
        model_file.save(path, network_arrays(self.network) | parity_record(self._band_gains, SAMPLE_RATE), settings)

    @classmethod
    def load(cls, path: Path) -> "DenoiserModel":
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : path

        Returns
        -------
        model : DenoiserModel

        Raises
        ------
        ModelFileError
            If something is missing in the file or does not fit, or its probe has other gains here.
        """
        arrays, stored = model_file.load(path)
        with model_file.complete(path):
            settings = StoredSettings(stored, "settings")
            check_kind(path, settings, KIND)
            if settings.whole("sample_rate", 1, 1_000_000) != SAMPLE_RATE:
                raise ArgumentError(f"the sample_rate of a denoiser must be {SAMPLE_RATE}")
            planes = _wholes(settings, "planes", MOST_CHANNELS, 8)
            dilations = _wholes(settings, "dilations", MOST_DILATION, MOST_BLOCKS)
            channels = settings.whole("channels", 1, MOST_CHANNELS)
            network = stored_network(
                lambda rng: models.mask_unet(planes, channels, dilations, batch_norm=False, rng=rng), arrays
            )
            history, card = settings.records("history", MOST_EPOCHS), card_of(settings.values["card"])
            model = cls(network, planes, channels, dilations, card, history)
            parity = check_parity(path, model._band_gains, arrays, SAMPLE_RATE, PARITY)
        return replace(model, parity=parity)


def _wholes(settings: StoredSettings, name: str, most: int, count: int) -> tuple[int, ...]:
    """A list of whole numbers from 1 on."""
    numbers = settings.numbers(name, 1, most, count)
    if any(value != int(value) for value in numbers):
        raise ArgumentError(f"{name} must be whole numbers, not {numbers}")
    return tuple(map(int, numbers))


@lru_cache(1)
def shipped_denoiser() -> DenoiserModel:
    """Return the denoiser that comes along; `audioconv info` shows its card.

    Returns
    -------
    model : DenoiserModel

    Examples
    --------
    >>> from audioconv.enhance import shipped_denoiser
    >>> shipped_denoiser().planes
    (24, 32, 16)
    """
    return DenoiserModel.load(SHIPPED)
