"""Mel-frequency cepstral coefficients: the cosine transform of log-mel frames."""

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audioconv import arrays
from audioconv._typing import Array, ArrayLike, DTypeLike, FloatArray
from audioconv.errors import ArgumentError
from audioconv.features.logmel import BandNorm, LogMel, _settings_text
from audioconv.features.stream import MfccStream


class Mfcc:
    """The first coefficients of a cosine transform (DCT-II, orthonormal) of each log-mel frame.

    Equal to `librosa.feature.mfcc(S=...)` of the frames of `LogMel`, whose logarithm is the natural one.

    Parameters
    ----------
    sample_rate : int, in Hz
    window_ms, hop_ms : float, in milliseconds
        By default 40 and 20, so that a second has 49 frames.
    n_mfcc : int
        At most `n_mels`; the first one is the level.
    n_mels : int
        Number of bands.
    fmin, fmax : float, in Hz
        Edges of the bands, as of `LogMel`.
    offset : float >= 0
        Added to the power before the logarithm.
    center : bool
        Whether frames are centred on multiples of the hop, as of `LogMel`.
    top_db : float > 0, in dB, optional
        Levels relative to the loudest frame so far, down to so many dB below it, as of `LogMel`.
    filters : float array, shape (n_mels, fft_size // 2 + 1), optional
        The bands themselves.
    htk : bool
        Space bands on the mel scale of HTK instead of Slaney's.
    norm : {"slaney", None} or float > 0
        Of the bands, as of `LogMel`.

    Attributes
    ----------
    log_mel : LogMel
        The frames before the transform.
    n_features : int
        Numbers a frame: `n_mfcc`.

    Raises
    ------
    ArgumentError
        If a setting makes no sense.

    References
    ----------
    Davis and Mermelstein, Comparison of parametric representations, IEEE Trans. ASSP 28 (1980).

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> ac.Mfcc()(np.zeros(16000, "float32")).shape
    (49, 10)
    """

    def __init__(self, sample_rate: int = 16000, window_ms: float = 40, hop_ms: float = 20, n_mfcc: int = 10,
                 n_mels: int = 40, *, fmin: float = 20.0, fmax: float | None = None, offset: float = 1e-6,
                 center: bool = False, top_db: float | None = None, filters: ArrayLike | None = None, htk: bool = False,
                 norm: BandNorm = "slaney") -> None:  # fmt: skip
        self.log_mel = LogMel(
            sample_rate, window_ms, hop_ms, n_mels, fmin=fmin, fmax=fmax, offset=offset, center=center, top_db=top_db,
            filters=filters, htk=htk, norm=norm,
        )  # fmt: skip
        self.n_mfcc = arrays.whole(n_mfcc, "n_mfcc")
        if self.n_mfcc > self.log_mel.n_mels:
            raise ArgumentError(f"n_mfcc must be at most n_mels = {self.log_mel.n_mels}, not {n_mfcc!r}")
        rows, columns = np.arange(self.log_mel.n_mels)[:, None], np.arange(self.n_mfcc)
        basis = np.cos(np.pi / self.log_mel.n_mels * (rows + 0.5) * columns) * np.sqrt(2 / self.log_mel.n_mels)
        basis[:, 0] /= np.sqrt(2)
        self._basis = basis

    def __repr__(self) -> str:
        return f"Mfcc({_settings_text(self.log_mel, self.n_mfcc)})"

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return self.log_mel.sample_rate

    @property
    def window_ms(self) -> float:
        """Length of a frame, in milliseconds."""
        return self.log_mel.window_ms

    @property
    def hop_ms(self) -> float:
        """From frame to frame, in milliseconds."""
        return self.log_mel.hop_ms

    @property
    def win_length(self) -> int:
        """Length of a frame, in samples."""
        return self.log_mel.win_length

    @property
    def hop(self) -> int:
        """From frame to frame, in samples."""
        return self.log_mel.hop

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros before and after the signal, in samples."""
        return self.log_mel.padding

    @property
    def filters(self) -> NDArray[np.float64]:
        """The bands, shape (n_mels, fft_size // 2 + 1)."""
        return self.log_mel.filters

    @property
    def n_features(self) -> int:
        """Numbers a frame."""
        return self.n_mfcc

    def frames(self, samples: int) -> int:
        """Return the number of frames of a signal.

        Parameters
        ----------
        samples : int
            Its length.

        Returns
        -------
        frames : int
        """
        return self.log_mel.frames(samples)

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this object again, without `filters`.

        Returns
        -------
        settings : dict
            JSON-serialisable.
        """
        return self.log_mel.settings() | {"n_mfcc": self.n_mfcc}

    def _transformed(self, frames: Array) -> Array:
        """Sums in the order of the bands, so that a frame has the same bits in any batch."""
        basis = self._basis.astype(frames.dtype)
        result = np.zeros((*frames.shape[:-1], self.n_mfcc), frames.dtype)
        for band in range(self.log_mel.n_mels):
            result += frames[..., band, None] * basis[band]
        return result

    def __call__(self, samples: ArrayLike) -> FloatArray:
        """Features of a whole signal: (samples,) -> (frames, n_mfcc), in the dtype of the samples."""
        return self._transformed(self.log_mel(samples))

    @property
    def absolute(self) -> LogMel:
        """The log-mel frames behind these features; see `LogMel.absolute`."""
        return self.log_mel.absolute

    def from_absolute(self, frames: ArrayLike) -> FloatArray:
        """Make these features of `absolute` frames; see `LogMel.from_absolute`.

        Parameters
        ----------
        frames : float array, shape (..., frames, n_mels)

        Returns
        -------
        features : float array, shape (..., frames, n_mfcc)
        """
        return self._transformed(self.log_mel.from_absolute(frames))

    def with_pitch_factor(self, pitch_factor: float) -> "Mfcc":
        """Return the same features with their bands lower; see `LogMel.with_pitch_factor`.

        Parameters
        ----------
        pitch_factor : float > 0
            How many times lower.

        Returns
        -------
        features : Mfcc
        """
        other = copy(self)
        other.log_mel = self.log_mel.with_pitch_factor(pitch_factor)
        return other

    def stream(self, dtype: DTypeLike = "float32") -> MfccStream:
        """Return a stage that gives the same frames block by block.

        Parameters
        ----------
        dtype : {"float32", "float64"}
            Of blocks and frames.

        Returns
        -------
        stream : MfccStream
        """
        return MfccStream(self, dtype)
