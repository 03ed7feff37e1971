"""The loss of a network that masks spectra, by which denoisers are trained."""

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.errors import ShapeError
from audioconv.kernels.nn import loss as kernels
from audioconv.nn import Loss

PARTS = 4  # of a target: real and imaginary part of the noisy and of the clean spectrum


class SpectralMaskLoss(Loss):
    """What a masked spectrum lacks to the clean one: in magnitude, as complex numbers, and in decibels.

    Spectra are compressed to the cube roots of their magnitudes. For a clip with noisy bins X, masks M and clean bins
    S it is the sum over bins of 0.7 (|MX| - |S|)^2 + 0.3 |MX - S|^2, divided by that of |S|^2; and 0.02 for each
    decibel of the error of the expanded spectrum, relative to the clean one, down to -40 dB. The first two count soft
    parts, as hearing does; the last one is the signal-to-noise ratio of the samples, but that frames overlap.

    References
    ----------
    Braun, Tashev, A consolidated view of loss functions for supervised deep learning-based speech enhancement, TSP
    2021 (compressed spectra). Le Roux et al., SDR - half-baked or well done?, ICASSP 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv.enhance.mask_loss import SpectralMaskLoss
    >>> mask = np.array([[[[1.0, 0.0]]]])
    >>> noisy_and_clean = np.array([[[[0.6, 0.8, 0.6, 0.8]]]])
    >>> round(SpectralMaskLoss()(mask, noisy_and_clean)[0], 6)  # nothing is missing: 0.02 times -40 dB
    -0.8
    """

    _kernel = kernels.spectral_mask

    def _prepare(self, targets: ArrayLike, outputs: Array) -> tuple[Array, Array]:
        wanted = (*outputs.shape[:-1], PARTS)
        if np.shape(targets) != wanted:
            raise ShapeError(f"targets must have shape {wanted}, noisy and clean spectra, not {np.shape(targets)}")
        return np.ascontiguousarray(targets, outputs.dtype), np.full(len(outputs), 1 / max(len(outputs), 1))

    def _target_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], PARTS)
