"""Short-time Fourier transform and its inverse, of whole signals and block by block."""

from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv._typing import Array, ArrayLike, ComplexArray, DTypeLike, FloatArray
from audioconv.arrays import choice, floating, frozen, number, time_first, whole
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.kernels.dsp.passes import next_fast_len
from audioconv.signal.frames import LEAST, frame_transform
from audioconv.signal.options import PADDINGS, SCALINGS, Padding, Scaling

if TYPE_CHECKING:
    from audioconv.signal.stft_stream import InverseStftStream, StftStream

# The complex dtype of spectra of a float dtype, and the other way round.
COMPLEX: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.float32): np.dtype(np.complex64),
    np.dtype(np.float64): np.dtype(np.complex128),
}
REAL = {spectrum: signal for signal, spectrum in COMPLEX.items()}


class Stft:
    """Short-time Fourier transform: spectra of a signal under a window that moves in hops. Immutable.

    The numbers are those of `scipy.signal.ShortTimeFFT(window, hop, fs, mfft=fft_size, ...)` in its "onesided" mode,
    transposed to (frames, bins): frame p is centred on sample p * hop, and frames begin and end where the window no
    longer touches the signal.

    Parameters
    ----------
    window : float array, shape (samples,), or int
        The window; a number stands for a periodic Hann window of so many samples.
    hop : int, in samples
    fft_size : int, optional
        Samples of a transform (`mfft` of SciPy, `n_fft` of librosa), at least those of the window, which is the
        default; zeros fill it up. Powers of two and three times these, from 8 on, are the fast ones.
    scale_to : {"magnitude", "psd"}, optional
        Scale the window, so that the magnitude of a spectrum is that of a line of the spectrum, or its square a power
        spectral density (over both sides, as all of SciPy's "onesided").
    phase_shift : int or None, in samples
        From the middle of the window to the sample that phases count from; None: they count from its first sample.
    sample_rate : float, in Hz
        Of which "psd" is a density; by default 1, a density over cycles a sample.

    Attributes
    ----------
    bins : int
        fft_size // 2 + 1.
    first_frame : int, <= 0
        Which frame, as above, is the first one of a result.

    Raises
    ------
    ArgumentError
        For a transform smaller than its window, or other settings that make no sense.

    References
    ----------
    Gröchenig, Foundations of Time-Frequency Analysis (2001), chapter 7, on dual windows.

    Examples
    --------
    >>> import numpy as np
    >>> transform = Stft(1024, 256)
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype("float32")
    >>> spectra = transform(tone)
    >>> spectra.shape
    (66, 513)
    >>> float(transform.frequencies_hz(16000)[np.abs(spectra[30]).argmax()])
    1000.0
    >>> bool(np.allclose(transform.inverse(spectra, samples=16000), tone, atol=1e-6))
    True
    """

    def __init__(
        self,
        window: ArrayLike,
        hop: int,
        fft_size: int | None = None,
        *,
        scale_to: Scaling | None = None,
        phase_shift: int | None = 0,
        sample_rate: float = 1.0,
    ) -> None:
        self.window, self.hop = _window(window), whole(hop, "hop")
        size = len(self.window) if fft_size is None else whole(fft_size, "fft_size")
        if size < len(self.window):
            raise ArgumentError(f"fft_size must be at least the window's {len(self.window)} samples, not {size}")
        if scale_to is not None:
            self.window = frozen(self.window * _scale(self.window, scale_to, sample_rate))
        self.scale_to = scale_to
        self.phase_shift = None if phase_shift is None else whole(phase_shift, "phase_shift", least=1 - size)
        if self.phase_shift is not None and self.phase_shift >= size:
            raise ArgumentError(f"phase_shift must be less than fft_size = {size}, not {phase_shift}")
        self.fft_size, self.bins = size, size // 2 + 1
        self.middle = len(self.window) // 2
        self._rotation = 0 if self.phase_shift is None else (self.middle + self.phase_shift) % len(self.window)

    def __repr__(self) -> str:
        return f"Stft(<window of {len(self.window)} samples>, hop={self.hop}, fft_size={self.fft_size})"

    @cached_property
    def first_frame(self) -> int:
        """Which frame is the first one that touches the signal."""
        p = 0
        while (start := (p - 1) * self.hop - self.middle) + len(self.window) > 0 and self.window[start:].any():
            p -= 1
        return p

    def frames(self, samples: int) -> int:
        """Count the frames of a signal.

        Parameters
        ----------
        samples : int >= 0

        Returns
        -------
        frames : int
            0 for a signal without samples.
        """
        if (samples := whole(samples, "samples", least=0)) == 0:
            return 0
        p = samples // self.hop
        while (start := (p + 1) * self.hop - self.middle) < samples and self.window[: samples - start].any():
            p += 1
        return p + 1 - self.first_frame

    @property
    def left_pad(self) -> int:
        """Samples of padding before the signal, where the first frame begins."""
        return self.middle - self.first_frame * self.hop

    @cached_property
    def dual(self) -> FloatArray:
        """The canonical dual window, that of the inverse: window / (sum of its squares over all hops), float64.

        Raises ArgumentError if there is no inverse: the hop leaves out samples, or the window is zero where it matters.
        """
        power = self.window**2
        total = np.zeros(len(power))
        for k in range(0, len(power), self.hop):
            total += np.concatenate((power[k:], np.zeros(k))) + (np.concatenate((np.zeros(k), power[:-k])) if k else 0)
        if self.hop > len(power) or total.min() <= 1e-15 * total.max():
            raise ArgumentError(
                f"there is no inverse: a window of {len(power)} samples moved by {self.hop} does not reach every "
                f"sample; a smaller hop is wanted"
            )
        dual: FloatArray = self.window / total
        return dual

    def times_s(self, frames: int, sample_rate: float) -> FloatArray:
        """Return the times of the middles of frames.

        Parameters
        ----------
        frames : int
            How many, from the first one on.
        sample_rate : float, in Hz

        Returns
        -------
        times_s : float array, shape (frames,), in seconds
        """
        return (self.first_frame + np.arange(frames)) * (self.hop / sample_rate)

    def frequencies_hz(self, sample_rate: float) -> FloatArray:
        """Return the frequencies of the middles of the bins.

        Parameters
        ----------
        sample_rate : float, in Hz

        Returns
        -------
        frequencies_hz : float array, shape (bins,)
        """
        return np.arange(self.bins) * (sample_rate / self.fft_size)

    def __call__(self, x: ArrayLike, *, padding: Padding = "zeros", axis: int | None = None) -> ComplexArray:
        """Transform a signal to its short-time spectra.

        Parameters
        ----------
        x : float array, shape (samples,) or (samples, channels)
        padding : {"zeros", "edge", "even", "odd"}
            Padding before and after the signal: zeros, its outermost samples again, or its mirror image about them,
            as it is or with the sign inverted (about the value there); as of `ShortTimeFFT.stft`.
        axis : int, optional
            The axis of time in a two-dimensional x. By default 0, and an x that seems to be channels first is refused.

        Returns
        -------
        spectra : complex array, shape (frames, bins) or (frames, bins, channels)
            complex64 of float32, complex128 of float64.
        """
        signal: Array = time_first(floating(x, "x", dims=(1, 2)), "x", axis)
        choice(padding, "padding", PADDINGS)
        frames = self.frames(len(signal))
        rest = max(0, (frames - 1) * self.hop + len(self.window) - self.left_pad - len(signal))
        return self._spectra(pad(signal, self.left_pad, rest, padding if frames else "zeros"), frames)

    def _spectra(self, x: Array, frames: int) -> Array:
        """The frames from the first sample of x on."""
        columns = x.reshape(len(x), 1 if x.ndim == 1 else x.shape[1])
        out = np.empty((columns.shape[1], frames, self.bins), COMPLEX[x.dtype])
        transform = frame_transform(self.fft_size, self.window, self._rotation, x.dtype)
        for column, spectra in zip(columns.T, out, strict=True):
            transform.forward(column, self.hop, spectra)
        return out[0] if x.ndim == 1 else np.ascontiguousarray(np.moveaxis(out, 0, -1))

    def inverse(self, spectra: ArrayLike, samples: int | None = None) -> FloatArray:
        """Return the signal of spectra (inverse STFT); of modified ones, that with the nearest spectra (least squares).

        Parameters
        ----------
        spectra : complex array, shape (frames, bins) or (frames, bins, channels)
        samples : int, optional
            Length of the signal; by default all that the frames reach, which is more than the signal had.

        Returns
        -------
        x : float array, shape (samples,) or (samples, channels)

        Raises
        ------
        DtypeError, ShapeError
            If spectra are not complex, or have other bins.
        ArgumentError
            If there is no inverse, or the frames do not reach so many samples.
        """
        frames = self._checked(spectra)
        reach = max(0, (len(frames) - 1) * self.hop + len(self.window) - self.left_pad) if len(frames) else 0
        samples = reach if samples is None else whole(samples, "samples", least=0)
        if samples > reach:
            raise ArgumentError(f"{len(frames)} frames reach {reach} samples, and {samples} are wanted")
        y = np.zeros((self.left_pad + reach, *frames.shape[2:]), REAL[frames.dtype])
        self._overlap_add(frames, y)
        return y[self.left_pad : self.left_pad + samples]

    def _checked(self, spectra: ArrayLike) -> Array:
        spectra = np.asarray(spectra)
        if spectra.dtype not in REAL:
            raise DtypeError(f"spectra must be complex64 or complex128, not {spectra.dtype}")
        if spectra.ndim not in (2, 3) or spectra.shape[1] != self.bins:
            turns = {(2, 0): "spectra.T", (3, 0): "np.moveaxis(spectra, 0, 1)", (3, 2): "np.moveaxis(spectra, 0, -1)"}
            advice = [turns.get((spectra.ndim, axis)) for axis, size in enumerate(spectra.shape) if size == self.bins]
            raise ShapeError(
                f"spectra must have shape (frames, {self.bins}) or (frames, {self.bins}, channels), not {spectra.shape}"
                + (f"; give {advice[0]}" if advice and advice[0] else "")
            )
        return spectra

    def _overlap_add(self, spectra: Array, y: Array) -> None:
        """Add all frames to y, which begins where the first one does."""
        transform = frame_transform(self.fft_size, self.dual, self._rotation, y.dtype)
        channels = 1 if y.ndim == 1 else y.shape[1]
        columns, planes = y.reshape(len(y), channels), spectra.reshape(*spectra.shape[:2], channels)
        for channel in range(channels):
            column = np.ascontiguousarray(columns[:, channel])
            transform.backward(planes[:, :, channel], self.hop, column)
            if channels > 1:
                columns[:, channel] = column

    def stream(
        self, channels: int | None = None, dtype: DTypeLike = "float32", *, padding: Padding = "zeros"
    ) -> "StftStream":
        """Make a stage from samples to spectra: `process` gives the frames that a block completes.

        Parameters
        ----------
        channels : int, optional
            Blocks are (samples, channels) and frames (frames, bins, channels) then.
        dtype : "float32" or "float64"
            Of the samples.
        padding : {"zeros", "edge", "even", "odd"}
            As in a call.

        Returns
        -------
        stream : StftStream
        """
        from audioconv.signal.stft_stream import StftStream

        return StftStream(self, channels, dtype, padding)

    def inverse_stream(self, channels: int | None = None, dtype: DTypeLike = "float32") -> "InverseStftStream":
        """Make a stage from spectra to samples: `process` gives the samples that no later frame reaches.

        Parameters
        ----------
        channels : int, optional
            Frames are (frames, bins, channels) and blocks (samples, channels) then.
        dtype : "float32" or "float64"
            Of the samples.

        Returns
        -------
        stream : InverseStftStream
        """
        from audioconv.signal.stft_stream import InverseStftStream

        return InverseStftStream(self, channels, dtype)


def pad(x: Array, before: int, after: int, padding: Padding) -> Array:
    """A signal, time first, with samples before and after it."""
    widths = [(before, after), (0, 0)][: x.ndim]
    if padding == "zeros":
        return np.pad(x, widths)
    if padding == "edge":
        return np.pad(x, widths, mode="edge")
    return np.pad(x, widths, mode="reflect", reflect_type=padding)


def _scale(window: Array, scale_to: Scaling, sample_rate: float) -> float:
    """The factor of a window; see `scipy.signal.ShortTimeFFT.scale_to`."""
    choice(scale_to, "scale_to", SCALINGS)
    sample_rate = number(sample_rate, "sample_rate", above=0)
    if scale_to == "psd":
        return float(1 / np.sqrt(np.sum(window**2) * sample_rate))
    total = abs(np.sum(window))
    if total <= 1e-12 * np.sum(np.abs(window)):
        raise ArgumentError("a window whose sum is 0 cannot be scaled to 'magnitude'")
    return float(1 / total)


def _window(window: ArrayLike) -> Array:
    if isinstance(window, (int, np.integer)) and not isinstance(window, bool):
        n = np.arange(whole(window, "window"))
        return frozen(0.5 - 0.5 * np.cos(2 * np.pi * n / len(n)))
    array = np.array(floating(window, "window", (1,)), np.float64)
    if not array.size or not np.isfinite(array).all() or not array.any():
        raise ArgumentError("window must have samples, all finite and not all zero, or be their number")
    return frozen(array)


def hann(samples: float) -> Stft:
    """An `Stft` with a Hann window of the next fast length from `samples` on, with a hop of a quarter of it."""
    size = next_fast_len(max(2 * LEAST, ceil(samples)), LEAST)
    return Stft(size, size // 4)
