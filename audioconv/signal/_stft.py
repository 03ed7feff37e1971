"""Short-time Fourier transform and its inverse, of whole signals and block by block."""

from functools import cached_property
from math import ceil

import numpy as np

from audioconv.arrays import choice, floating, frozen, number, time_first, whole
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.signal.frames import LEAST, frames_of

PAIRS = {np.dtype(np.float32): np.dtype(np.complex64), np.dtype(np.float64): np.dtype(np.complex128)}
PARTS = {pair: part for part, pair in PAIRS.items()}
PADDINGS = {  # as numpy.pad calls them
    "zeros": {"mode": "constant"},
    "edge": {"mode": "edge"},
    "even": {"mode": "reflect", "reflect_type": "even"},
    "odd": {"mode": "reflect", "reflect_type": "odd"},
}


class Stft:
    """Short-time Fourier transform: spectra of a signal under a window that moves in hops. Immutable.

    The numbers are those of `scipy.signal.ShortTimeFFT(window, hop, fs, mfft=fft_size, ...)` in its "onesided" mode,
    turned to (frames, bins): frame p is centred on sample p * hop, and frames begin and end where the window no longer
    touches the signal.

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

    def __init__(self, window, hop, fft_size=None, *, scale_to=None, phase_shift=0, sample_rate=1.0):
        self.window, self.hop = _window(window), whole(hop, "hop")
        size = len(self.window) if fft_size is None else whole(fft_size, "fft_size")
        if size < len(self.window):
            raise ArgumentError(f"fft_size must be at least the window's {len(self.window)} samples, not {size}")
        if scale_to is not None:
            self.window = frozen(self.window * _scale(self.window, scale_to, sample_rate))
        self.scale_to = scale_to
        self.phase_shift = None if phase_shift is None else whole(phase_shift, "phase_shift", least=1 - size)
        if phase_shift is not None and phase_shift >= size:
            raise ArgumentError(f"phase_shift must be less than fft_size = {size}, not {phase_shift}")
        self.fft_size, self.bins = size, size // 2 + 1
        self.middle = len(self.window) // 2
        self._turn = 0 if phase_shift is None else (self.middle + self.phase_shift) % len(self.window)

    def __repr__(self):
        return f"Stft(<window of {len(self.window)} samples>, hop={self.hop}, fft_size={self.fft_size})"

    @cached_property
    def first_frame(self):
        """Which frame is the first one that touches the signal."""
        p = 0
        while (start := (p - 1) * self.hop - self.middle) + len(self.window) > 0 and self.window[start:].any():
            p -= 1
        return p

    def frames(self, samples):
        """Number of frames of a signal of so many samples."""
        if (samples := whole(samples, "samples", least=0)) == 0:
            return 0
        p = samples // self.hop
        while (start := (p + 1) * self.hop - self.middle) < samples and self.window[: samples - start].any():
            p += 1
        return p + 1 - self.first_frame

    @property
    def left_pad(self):
        """Samples of zeros that the first frame begins before the signal."""
        return self.middle - self.first_frame * self.hop

    @cached_property
    def dual(self):
        """The window of the inverse: window / (sum of its squares over all hops), float64.

        Raises ArgumentError if there is no inverse: the hop leaves out samples, or the window is zero where it matters.
        """
        power = self.window**2
        total = sum(
            np.concatenate((power[k:], np.zeros(k))) + (np.concatenate((np.zeros(k), power[:-k])) if k else 0)
            for k in range(0, len(power), self.hop)
        )
        if self.hop > len(power) or total.min() <= 1e-15 * total.max():
            raise ArgumentError(
                f"there is no inverse: a window of {len(power)} samples moved by {self.hop} does not reach every "
                f"sample; a smaller hop is wanted"
            )
        return self.window / total

    def times_s(self, frames, sample_rate):
        """The middles of so many frames, in seconds."""
        return (self.first_frame + np.arange(frames)) * (self.hop / sample_rate)

    def frequencies_hz(self, sample_rate):
        """The middles of the bins, in Hz."""
        return np.arange(self.bins) * (sample_rate / self.fft_size)

    def __call__(self, x, *, padding="zeros", axis=None):
        """Spectra of a signal.

        Parameters
        ----------
        x : float array, shape (samples,) or (samples, channels)
        padding : {"zeros", "edge", "even", "odd"}
            What stands before and after the signal: zeros, its outermost samples again, or its mirror image about them,
            as it is or with the sign turned (about the value there); as of `ShortTimeFFT.stft`.
        axis : int, optional
            The axis of time in a two-dimensional x. By default 0, and an x that seems to be channels first is refused.

        Returns
        -------
        spectra : complex array, shape (frames, bins) or (frames, bins, channels)
            complex64 of float32, complex128 of float64.
        """
        x = time_first(floating(x, "x", dims=(1, 2)), "x", axis)
        choice(padding, "padding", tuple(PADDINGS))
        frames = self.frames(len(x))
        rest = max(0, (frames - 1) * self.hop + len(self.window) - self.left_pad - len(x))
        return self._spectra(pad(x, self.left_pad, rest, padding if frames else "zeros"), frames)

    def _spectra(self, x, frames):
        """The frames from the first sample of x on."""
        columns = x.reshape(len(x), 1 if x.ndim == 1 else x.shape[1])
        out = np.empty((columns.shape[1], frames, self.bins), PAIRS[x.dtype])
        made = frames_of(self.fft_size, self.window, self._turn, x.dtype)
        for column, spectra in zip(columns.T, out, strict=True):
            made.forward(column, self.hop, spectra)
        return out[0] if x.ndim == 1 else np.ascontiguousarray(np.moveaxis(out, 0, -1))

    def inverse(self, spectra, samples=None):
        """The signal of spectra: the one they are of; of others, the one with the spectra nearest to them.

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
        spectra = self._checked(spectra)
        reach = max(0, (len(spectra) - 1) * self.hop + len(self.window) - self.left_pad) if len(spectra) else 0
        samples = reach if samples is None else whole(samples, "samples", least=0)
        if samples > reach:
            raise ArgumentError(f"{len(spectra)} frames reach {reach} samples, and {samples} are wanted")
        y = np.zeros((self.left_pad + reach, *spectra.shape[2:]), PARTS[spectra.dtype])
        self._add(spectra, y)
        return y[self.left_pad : self.left_pad + samples]

    def _checked(self, spectra):
        spectra = np.asarray(spectra)
        if spectra.dtype not in PARTS:
            raise DtypeError(f"spectra must be complex64 or complex128, not {spectra.dtype}")
        if spectra.ndim not in (2, 3) or spectra.shape[1] != self.bins:
            turns = {(2, 0): "spectra.T", (3, 0): "np.moveaxis(spectra, 0, 1)", (3, 2): "np.moveaxis(spectra, 0, -1)"}
            turned = [turns.get((spectra.ndim, axis)) for axis, size in enumerate(spectra.shape) if size == self.bins]
            raise ShapeError(
                f"spectra must have shape (frames, {self.bins}) or (frames, {self.bins}, channels), not {spectra.shape}"
                + (f"; give {turned[0]}" if turned and turned[0] else "")
            )
        return spectra

    def _add(self, spectra, y):
        """Add all frames to y, which begins where the first one does."""
        made = frames_of(self.fft_size, self.dual, self._turn, y.dtype)
        channels = 1 if y.ndim == 1 else y.shape[1]
        columns, planes = y.reshape(len(y), channels), spectra.reshape(*spectra.shape[:2], channels)
        for channel in range(channels):
            column = np.ascontiguousarray(columns[:, channel])
            made.backward(planes[:, :, channel], self.hop, column)
            if channels > 1:
                columns[:, channel] = column

    def stream(self, channels=None, dtype="float32", *, padding="zeros"):
        """A stage from samples to spectra: `process` gives the frames that a block completes.

        With `channels`, blocks are (samples, channels) and frames (frames, bins, channels). `padding` is as in a call.
        """
        from audioconv.signal.stft_stream import StftStream

        return StftStream(self, channels, dtype, padding)

    def inverse_stream(self, channels=None, dtype="float32"):
        """A stage from spectra to samples: `process` gives the samples that no later frame reaches."""
        from audioconv.signal.stft_stream import InverseStftStream

        return InverseStftStream(self, channels, dtype)


def pad(x, before, after, padding):
    """A signal, time first, with samples before and after it."""
    return np.pad(x, [(before, after), (0, 0)][: x.ndim], **PADDINGS[padding])


def _scale(window, scale_to, sample_rate):
    """What a window is multiplied by; see `scipy.signal.ShortTimeFFT.scale_to`."""
    choice(scale_to, "scale_to", ("magnitude", "psd"))
    sample_rate = number(sample_rate, "sample_rate", above=0)
    if scale_to == "psd":
        return 1 / np.sqrt(np.sum(window**2) * sample_rate)
    total = abs(np.sum(window))
    if total <= 1e-12 * np.sum(np.abs(window)):
        raise ArgumentError("a window whose sum is 0 cannot be scaled to 'magnitude'")
    return 1 / total


def _window(window):
    if isinstance(window, (int, np.integer)) and not isinstance(window, bool):
        n = np.arange(whole(window, "window"))
        return frozen(0.5 - 0.5 * np.cos(2 * np.pi * n / len(n)))
    array = np.array(floating(window, "window", (1,)), np.float64)
    if not array.size or not np.isfinite(array).all() or not array.any():
        raise ArgumentError("window must have samples, all finite and not all zero, or be their number")
    return frozen(array)


def hann(samples):
    """An `Stft` with a Hann window of the next good size from so many samples on, moved by a quarter of it."""
    size = _next_size(max(2 * LEAST, ceil(samples)))
    return Stft(size, size // 4)


def _next_size(size):
    """The smallest good size of a transform from `size` on."""
    twice = max(LEAST, 1 << (size - 1).bit_length())
    return twice // 4 * 3 if twice > LEAST and twice // 4 * 3 >= size else twice


def stft(x, window, hop, *, padding="zeros", axis=None, **settings):
    """Short-time Fourier transform of a signal, (samples,) to (frames, bins).

    It is `Stft(window, hop, **settings)(x, padding=padding, axis=axis)`; see there for what these are.

    Examples
    --------
    >>> import numpy as np
    >>> stft(np.ones(4096, "float32"), 1024, 256).shape
    (19, 513)

    Frames of 25 ms at 16 kHz, and what stands before and after the signal being its mirror image:

    >>> stft(np.ones(4096, "float32"), 400, 160, padding="even").shape
    (28, 201)
    """
    return Stft(window, hop, **settings)(x, padding=padding, axis=axis)


def istft(spectra, window, hop, *, samples=None, **settings):
    """The signal of short-time spectra: `Stft(window, hop, **settings).inverse(spectra, samples)`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(4096)
    >>> bool(np.allclose(istft(stft(x, 1024, 256), 1024, 256, samples=4096), x))
    True
    """
    return Stft(window, hop, **settings).inverse(spectra, samples)
