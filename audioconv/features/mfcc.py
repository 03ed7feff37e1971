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
    coefficients : int
        At most `mels`; the first one is the level.
    mels : int, number of bands
    **settings
        low_hz, high_hz, offset, center, relative_db, filters, htk, norm of `LogMel`.

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

    def __init__(self, sample_rate=16000, window_ms=40, hop_ms=20, coefficients=10, mels=40, **settings):
        self.log_mel = LogMel(sample_rate, window_ms, hop_ms, mels, **settings)
        self.coefficients = arrays.whole(coefficients, "coefficients")
        if self.coefficients > self.log_mel.mels:
            raise ArgumentError(f"coefficients must be at most mels = {self.log_mel.mels}, not {coefficients!r}")
        rows, columns = np.arange(self.log_mel.mels)[:, None], np.arange(self.coefficients)
        basis = np.cos(np.pi / self.log_mel.mels * (rows + 0.5) * columns) * np.sqrt(2 / self.log_mel.mels)
        basis[:, 0] /= np.sqrt(2)
        self._basis = basis

    def __getattr__(self, name):
        """What is the same as of the frames before the transform."""
        if name in ("sample_rate", "window_ms", "hop_ms", "window", "hop", "frames", "margins", "filters"):
            return getattr(self.log_mel, name)
        raise AttributeError(name)

    @property
    def size(self):
        """Numbers a frame."""
        return self.coefficients

    def settings(self):
        """The arguments that make this object again, without `filters`."""
        return self.log_mel.settings() | {"coefficients": self.coefficients}

    def _transformed(self, frames):
        """Sums in the order of the bands, so that a frame has the same bits in any company."""
        basis = self._basis.astype(frames.dtype)
        result = np.zeros((*frames.shape[:-1], self.coefficients), frames.dtype)
        for band in range(self.log_mel.mels):
            result += frames[..., band, None] * basis[band]
        return result

    def __call__(self, samples):
        """Features of a whole signal: (samples,) -> (frames, coefficients), in the dtype of the samples."""
        return self._transformed(self.log_mel(samples))

    @property
    def absolute(self):
        """The log-mel frames behind these features; see `LogMel.absolute`."""
        return self.log_mel.absolute

    def finish(self, frames):
        """Features of `absolute` frames (..., frames, mels); see `LogMel.finish`."""
        return self._transformed(self.log_mel.finish(frames))

    def _of(self, log_mel):
        other = copy(self)
        other.log_mel = log_mel
        return other

    def pitched(self, factor):
        """The same with bands `factor` times lower; see `LogMel.pitched`."""
        return self._of(self.log_mel.pitched(factor))

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
