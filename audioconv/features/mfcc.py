"""Mel-frequency cepstral coefficients: log-mel frames turned to a few numbers that hardly depend on each other."""

from copy import copy

import numpy as np

from audioconv import arrays
from audioconv.errors import ArgumentError
from audioconv.features.logmel import LogMel, LogMelStream


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
    n_mels : int, number of bands
    **settings
        fmin, fmax, offset, center, top_db, filters, htk, norm of `LogMel`.

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

    def __init__(self, sample_rate=16000, window_ms=40, hop_ms=20, n_mfcc=10, n_mels=40, **settings):
        self.log_mel = LogMel(sample_rate, window_ms, hop_ms, n_mels, **settings)
        self.n_mfcc = arrays.whole(n_mfcc, "n_mfcc")
        if self.n_mfcc > self.log_mel.n_mels:
            raise ArgumentError(f"n_mfcc must be at most n_mels = {self.log_mel.n_mels}, not {n_mfcc!r}")
        rows, columns = np.arange(self.log_mel.n_mels)[:, None], np.arange(self.n_mfcc)
        basis = np.cos(np.pi / self.log_mel.n_mels * (rows + 0.5) * columns) * np.sqrt(2 / self.log_mel.n_mels)
        basis[:, 0] /= np.sqrt(2)
        self._basis = basis

    def __getattr__(self, name):
        """What is the same as of the frames before the transform."""
        if name in ("sample_rate", "window_ms", "hop_ms", "win_length", "hop", "frames", "padding", "filters"):
            return getattr(self.log_mel, name)
        raise AttributeError(name)

    @property
    def n_features(self):
        """Numbers a frame."""
        return self.n_mfcc

    def settings(self):
        """The arguments that make this object again, without `filters`."""
        return self.log_mel.settings() | {"n_mfcc": self.n_mfcc}

    def _transformed(self, frames):
        """Sums in the order of the bands, so that a frame has the same bits in any company."""
        basis = self._basis.astype(frames.dtype)
        result = np.zeros((*frames.shape[:-1], self.n_mfcc), frames.dtype)
        for band in range(self.log_mel.n_mels):
            result += frames[..., band, None] * basis[band]
        return result

    def __call__(self, samples):
        """Features of a whole signal: (samples,) -> (frames, n_mfcc), in the dtype of the samples."""
        return self._transformed(self.log_mel(samples))

    @property
    def absolute(self):
        """The log-mel frames behind these features; see `LogMel.absolute`."""
        return self.log_mel.absolute

    def from_absolute(self, frames):
        """Features of `absolute` frames (..., frames, n_mels); see `LogMel.from_absolute`."""
        return self._transformed(self.log_mel.from_absolute(frames))

    def _of(self, log_mel):
        other = copy(self)
        other.log_mel = log_mel
        return other

    def with_pitch_factor(self, factor):
        """The same with bands `factor` times lower; see `LogMel.with_pitch_factor`."""
        return self._of(self.log_mel.with_pitch_factor(factor))

    def stream(self, dtype="float32"):
        """A stage that gives the same frames block by block."""
        return MfccStream(self, dtype)


class MfccStream(LogMelStream):
    """`Mfcc` block by block, at any cut the same bits."""

    def __init__(self, features, dtype="float32"):
        self._mfcc = features
        super().__init__(features.log_mel, dtype)

    def _process(self, block):
        return self._mfcc._transformed(super()._process(block))
