"""Levels that adapt, and are causal: relative to a running peak, or PCEN. A word is the same from near and from far."""

from dataclasses import astuple, dataclass
from math import sqrt

import numpy as np

from audioconv._typing import Array
from audioconv.arrays import frozen, number
from audioconv.kernels.dsp import level

MIN_POWER = 1e-5  # mean power of a frame that counts as loud at all, so that silence is not blown up


def causal_top_db(frames: Array, top_db: float, running_peak: Array | None = None) -> tuple[Array, Array]:
    """Log-mel frames less the level of the loudest frame so far, down to `top_db` below it, where they level out.

    It is causal: a clip, and a window of a stream that begins where the clip does, give the same numbers.

    Parameters
    ----------
    frames : float array, shape (..., frames, bands)
        Natural logarithms of power.
    top_db : float
        Range below the peak, in dB.
    running_peak : float array, shape (..., 1, 1), optional
        Mean power of the loudest frame before the first.

    Returns
    -------
    relative : float array of the same shape and dtype
    running_peak : float array, shape (..., 1, 1)
        To go on with.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.log(np.array([[1.0, 1.0], [4.0, 4.0], [2.0, 1e-9]]))
    >>> relative, running_peak = causal_top_db(frames, 30)
    >>> np.exp(relative).round(3).tolist()
    [[1.001, 1.001], [1.001, 1.001], [0.501, 0.001]]
    """
    frames = frozen(frames)
    clips = (*frames.shape[:-2], 1, 1)
    peak: Array = np.zeros(clips, frames.dtype) if running_peak is None else np.array(running_peak, frames.dtype)
    out = np.empty_like(frames)
    min_power, floor = (frozen([number], frames.dtype) for number in (MIN_POWER, 10 ** (-top_db / 10)))
    by_clip = (-1, *frames.shape[-2:]) if frames.size else (0, 1, 1)
    level.relative_levels(frames.reshape(by_clip), min_power, floor, peak.reshape(-1), out.reshape(by_clip))
    return out, peak


@dataclass(frozen=True)
class Pcen:
    """Per-channel energy normalisation: each band relative to its own mean over the last moments, then compressed.

    (energy / (eps + mean) ** gain + bias) ** power - bias ** power, where the mean is that of a low-pass filter of one
    pole. Steady noise and the colour of a microphone nearly vanish, and what changes stands out.

    Parameters
    ----------
    gain : float, from 0 to 1
        How far levels are made equal: 1 wholly.
    bias : float > 0
    power : float, from 0 to 1
        Of the compression.
    time_constant_s : float > 0, in seconds
        Of the mean.
    eps : float > 0
        The energy below which a band counts as silent.

    Raises
    ------
    ArgumentError
        For a number that is out of its range.

    References
    ----------
    Wang et al., Trainable frontend for robust and far-field keyword spotting, ICASSP 2017 (arXiv 1607.05666). Names and
    defaults are those of `librosa.pcen`, but the mean begins with the first frame.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> noise = np.random.default_rng(0).standard_normal(32000).astype("float32")
    >>> features = ac.LogMel(pcen=ac.features.Pcen(time_constant_s=0.2))
    >>> loud, quiet = features(noise), features(noise / 10)
    >>> bool(np.abs(loud - quiet).max() < 0.2)
    True
    """

    gain: float = 0.98
    bias: float = 2.0
    power: float = 0.5
    time_constant_s: float = 0.4
    eps: float = 1e-6

    def __post_init__(self) -> None:
        number(self.gain, "gain", 0, 1), number(self.power, "power", 0, 1)
        for name in ("bias", "time_constant_s", "eps"):
            number(getattr(self, name), name, above=0)

    def numbers(self, hop_s: float) -> list[float]:
        """Return what the kernel needs, of the layout PCEN.

        Parameters
        ----------
        hop_s : float, in seconds
            From frame to frame.

        Returns
        -------
        numbers : list of float
        """
        gain, bias, power, time_constant_s, eps = astuple(self)
        frames = time_constant_s / hop_s
        smoothing = (sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
        return [smoothing, gain, bias, power, eps, bias**power]


def causal_pcen(frames: Array, settings: Pcen, hop_s: float, smoothed: Array | None = None) -> tuple[Array, Array]:
    """Log-mel frames with per-channel energy normalisation.

    Parameters
    ----------
    frames : float array, shape (..., frames, bands)
        Natural logarithms of energy.
    settings : Pcen
    hop_s : float, in seconds
        From frame to frame.
    smoothed : float array, shape (..., bands), optional
        The running means before the first frame.

    Returns
    -------
    normalised : float array of the same shape and dtype
    smoothed : float array, shape (..., bands)
        To go on with.

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.log(np.array([[4.0], [4.0], [400.0]]))
    >>> causal_pcen(frames, Pcen(), 0.01)[0].round(2).tolist()
    [[0.33], [0.33], [4.3]]
    """
    frames = frozen(frames)
    shape = (*frames.shape[:-2], frames.shape[-1])
    means: Array = np.full(shape, -1, frames.dtype) if smoothed is None else np.array(smoothed, frames.dtype)
    out = np.empty_like(frames)
    if frames.size:
        by_clip = (-1, *frames.shape[-2:])
        numbers = frozen(settings.numbers(hop_s), frames.dtype)
        level.pcen(frames.reshape(by_clip), numbers, means.reshape(-1, shape[-1]), out.reshape(by_clip))
    return out, means
