"""Speech without its noise, by a network that masks spectra."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import ArrayLike, Path
from audioconv.arrays import floating, number, time_first, whole
from audioconv.enhance.compressed import KEPT, frame_size, mask_transform, spectrum_scale
from audioconv.enhance.denoiser_model import DenoiserModel, shipped_denoiser
from audioconv.enhance.short_time_stage import ShortTimeStage
from audioconv.errors import ArgumentError
from audioconv.kernels.realtime.spectral_mask import FEATURES, NUMBERS, PARTS, SPECTRAL_MASK, spectral_mask
from audioconv.models._mask_unet import BINS
from audioconv.stage import without_latency
from audioconv.stream.steps import Entry, Table, compiled, table_of_steps

SAMPLE_RATES = 4000, 192_000
REDUCTION_DB = 40.0  # by default


class NeuralDenoise(ShortTimeStage):
    """Reduce the noise around speech, block by block: a small network masks short-time spectra.

    The network knows speech, and so also noise that changes, such as voices in the background. What is not speech it
    takes for noise: for music and machines `Denoise` is made. It hears frames of 32 ms, of any sample rate; above 8 kHz
    all is attenuated as what is just below.

    Parameters
    ----------
    sample_rate : int, in Hz
        From 4 to 192 kHz.
    model : DenoiserModel or path, optional
        As `train_denoiser` makes it, or its file. Default: the one that comes along.
    reduction_db : float > 0
        What is taken for noise is attenuated by so much at most; the signal itself is mixed in as softly.
    channels : int
        Each is denoised for itself.

    Attributes
    ----------
    latency : int, in samples
        A frame less a sample: 32 to 35 ms.
    channels, out_channels : int
    rate_in, rate_out : int, in Hz
        The sample rate, for chains and files.
    model : DenoiserModel
    nonfinite_count : int
        How many samples were not finite and have been replaced by zeros, since the signal began.

    Raises
    ------
    ArgumentError, ModelFileError
        For numbers that make no sense, and for what is no model.

    References
    ----------
    Rong et al., GTCRN: a speech enhancement model requiring ultralow computational resources, ICASSP 2024. Ahn et al.,
    FastEnhancer: speed-optimized streaming neural speech enhancement (arXiv 2509.21867).

    Examples
    --------
    >>> import numpy as np
    >>> hiss = 0.1 * np.random.default_rng(0).standard_normal(32000).astype("float32")
    >>> stage = NeuralDenoise(16000)
    >>> rest = np.concatenate([stage.process(hiss), stage.flush()])[stage.latency :]
    >>> bool(np.std(rest[16000:]) < 0.1 * np.std(hiss))
    True
    """

    def __init__(self, sample_rate: int, *, model: DenoiserModel | Path | None = None,
                 reduction_db: float = REDUCTION_DB, channels: int = 1) -> None:  # fmt: skip
        rate, (lowest, highest) = whole(sample_rate, "sample_rate"), SAMPLE_RATES
        if not lowest <= rate <= highest:
            raise ArgumentError(f"sample_rate must be from {lowest} to {highest} Hz, not {rate}; Denoise, the spectral "
                                "gate (--method gate), takes any")  # fmt: skip
        super().__init__(rate, mask_transform(frame_size(rate)), channels)
        self._reduction_db = number(reduction_db, "reduction_db", 0, 200)
        if model is None:
            model = shipped_denoiser()
        elif not isinstance(model, DenoiserModel):
            model = DenoiserModel.load(model)
        self.model = model
        self._streams = [model.network.stream((BINS, FEATURES)) for _ in range(self.channels)]
        self._networks: Table | None = None
        dry = 10 ** (-self._reduction_db / 20)
        self._numbers = np.array(NUMBERS.pack(scale=spectrum_scale(self._size), dry=dry, kept=KEPT), np.float64)
        self._keep(means=self.channels * (BINS + 1), features=BINS * FEATURES, mask=BINS * PARTS)
        self._reset()
        self._prepare()

    def __getstate__(self) -> dict[str, Any]:
        return super().__getstate__() | {"_networks": None}

    def _spectra_step(self) -> Entry:
        if self._networks is None:
            self._networks = table_of_steps([stream.compiled_step() for stream in self._streams])
        row = SPECTRAL_MASK.pack(
            channels=self.channels, size=self._size, bins=BINS, networks=self._networks[0], numbers=self._numbers,
            means=self._memory["means"], features=self._memory["features"], mask=self._memory["mask"],
        )  # fmt: skip
        return compiled(spectral_mask, row)

    def _reset(self) -> None:
        super()._reset()
        for stream in self._streams:
            stream.reset()

    def _parameters(self) -> dict[str, Any]:
        return {"sample_rate": self.sample_rate, "reduction_db": self._reduction_db, "latency": self.latency}


def neural_denoise(x: ArrayLike, sample_rate: int, *, axis: int | None = None,
                   model: DenoiserModel | Path | None = None, reduction_db: float = REDUCTION_DB,
                   ) -> NDArray[np.float32]:  # fmt: skip
    """Reduce the noise around speech in a whole signal, as `NeuralDenoise` does.

    Parameters
    ----------
    x : float array, shape (samples,) or (samples, channels)
        Is converted to float32.
    sample_rate : int, in Hz
    axis : int, optional
        That of time; 0 if it is not given, where (channels, samples) are refused.
    model : DenoiserModel or path, optional
        Default: the one that comes along.
    reduction_db : float > 0
        What is taken for noise is attenuated by so much at most.

    Returns
    -------
    y : float32 array, shape of x
        Without latency.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError, ModelFileError
        As `NeuralDenoise` does.

    Examples
    --------
    >>> import numpy as np
    >>> hiss = 0.1 * np.random.default_rng(0).standard_normal(32000)
    >>> bool(np.std(neural_denoise(hiss, 16000)[16000:]) < 0.1 * np.std(hiss))
    True
    """
    x = floating(x, "x", (1, 2)).astype(np.float32, copy=False)
    signal = time_first(x, "x", axis)
    stage = NeuralDenoise(
        sample_rate, model=model, reduction_db=reduction_db, channels=1 if x.ndim == 1 else signal.shape[1]
    )
    y = np.concatenate(list(without_latency(stage, [signal])))
    return np.ascontiguousarray(y.T) if x.ndim == 2 and axis in (1, -1) else y
