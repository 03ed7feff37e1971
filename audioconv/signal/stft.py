"""Short-time Fourier transform and its inverse, of whole signals and block by block."""

from functools import cached_property
from math import ceil

import numpy as np

from audioconv.arrays import aligned, float_dtype, floating, frozen, whole
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.kernels import fft
from audioconv.kernels import stft as kernels
from audioconv.kernels.passes import smooth
from audioconv.stage import Guard

_LEAST = 8  # samples of a transform
_PAIRS = {np.dtype(np.float32): np.dtype(np.complex64), np.dtype(np.float64): np.dtype(np.complex128)}
_PARTS = {pair: part for part, pair in _PAIRS.items()}


class Stft:
    """Short-time Fourier transform: spectra of a signal under a window that moves in hops. Immutable.

    The numbers are those of `scipy.signal.ShortTimeFFT(window, hop, ..., mfft=fft_size)` in its "onesided" mode, turned
    to (frames, bins): frame p is centred on sample p * hop, and frames begin and end where the window no longer touches
    the signal, zeros being around it.

    Parameters
    ----------
    window : float array, shape (samples,), or int
        The window; a number stands for a periodic Hann window of so many samples.
    hop : int, in samples
    fft_size : int, optional
        Samples of a transform, at least those of the window (the default): a power of two or three times one, from 8.

    Attributes
    ----------
    bins : int
        fft_size // 2 + 1.
    first_frame : int, <= 0
        Which frame, as above, is the first one of a result.

    Raises
    ------
    ArgumentError
        For another size of transform (the next good one is said), or a hop or window that makes no sense.

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

    def __init__(self, window, hop, fft_size=None):
        self.window, self.hop = _window(window), whole(hop, "hop")
        size = len(self.window) if fft_size is None else whole(fft_size, "fft_size")
        if size < len(self.window):
            raise ArgumentError(f"fft_size must be at least the window's {len(self.window)} samples, not {size}")
        if size < _LEAST or not smooth(size // 2) or size % 2:
            raise ArgumentError(
                f"fft_size must be a power of two, or three times one, from {_LEAST} on, not {size}; "
                f"the next one is {_next_size(size)}"
            )
        self.fft_size, self.bins = size, size // 2 + 1
        self.middle = len(self.window) // 2

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
    def lead(self):
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

    def __call__(self, x):
        """Spectra of a signal, shape (samples,) or (samples, channels).

        Returns
        -------
        spectra : complex array, shape (frames, bins) or (frames, bins, channels)
            complex64 of float32, complex128 of float64.
        """
        x = floating(x, "x", dims=(1, 2))
        frames = self.frames(len(x))
        rest = max(0, (frames - 1) * self.hop + len(self.window) - self.lead - len(x))
        padded = np.pad(x, [(self.lead, rest), (0, 0)][: x.ndim])
        return self._spectra(padded, frames)

    def _spectra(self, x, frames):
        """The frames from the first sample of x on."""
        columns = x.reshape(len(x), 1 if x.ndim == 1 else x.shape[1])
        out = np.empty((columns.shape[1], frames, self.bins), _PAIRS[x.dtype])
        tools = self._tools(self.window, x.dtype)
        for column, spectra in zip(columns.T, out, strict=True):
            kernels.forward(frozen(column), self.hop, *tools, spectra.view(x.dtype).reshape(-1))
        return out[0] if x.ndim == 1 else np.ascontiguousarray(np.moveaxis(out, 0, -1))

    def _tools(self, window, dtype):
        """What both kernels take of the transform."""
        scratch = aligned(kernels.scratch_size(self.fft_size), dtype)
        return frozen(window, dtype), self.middle, *fft.plan_real(self.fft_size, dtype.name), scratch

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
        reach = max(0, (len(spectra) - 1) * self.hop + len(self.window) - self.lead) if len(spectra) else 0
        samples = reach if samples is None else whole(samples, "samples", least=0)
        if samples > reach:
            raise ArgumentError(f"{len(spectra)} frames reach {reach} samples, and {samples} are wanted")
        y = np.zeros((self.lead + reach, *spectra.shape[2:]), _PARTS[spectra.dtype])
        self._add(spectra, y)
        return y[self.lead : self.lead + samples]

    def _checked(self, spectra):
        spectra = np.asarray(spectra)
        if spectra.dtype not in _PARTS:
            raise DtypeError(f"spectra must be complex64 or complex128, not {spectra.dtype}")
        if spectra.ndim not in (2, 3) or spectra.shape[1] != self.bins:
            raise ShapeError(
                f"spectra must have shape (frames, {self.bins}) or (frames, {self.bins}, channels), not {spectra.shape}"
            )
        return spectra

    def _add(self, spectra, y):
        """Add all frames to y, which begins where the first one does."""
        tools = self._tools(self.dual, y.dtype)
        channels = 1 if y.ndim == 1 else y.shape[1]
        columns, planes = y.reshape(len(y), channels), spectra.reshape(*spectra.shape[:2], channels)
        for channel in range(channels):
            pairs = np.ascontiguousarray(planes[:, :, channel]).view(y.dtype).reshape(-1)
            column = np.ascontiguousarray(columns[:, channel])
            kernels.backward(frozen(pairs), self.hop, *tools, column)
            if channels > 1:
                columns[:, channel] = column

    def stream(self, channels=None, dtype="float32"):
        """A stage from samples to spectra: `process` gives the frames that a block completes.

        With `channels`, blocks are (samples, channels) and frames (frames, bins, channels).
        """
        return StftStream(self, channels, dtype)

    def inverse_stream(self, channels=None, dtype="float32"):
        """A stage from spectra to samples: `process` gives the samples that no later frame reaches."""
        return InverseStftStream(self, channels, dtype)


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
    size = _next_size(max(2 * _LEAST, ceil(samples)))
    return Stft(size, size // 4)


def _next_size(size):
    """The smallest good size of a transform from `size` on."""
    twice = max(_LEAST, 1 << (size - 1).bit_length())
    return twice // 4 * 3 if twice > _LEAST and twice // 4 * 3 >= size else twice


def stft(x, window, hop, *, fft_size=None):
    """Short-time Fourier transform of a signal, (samples,) to (frames, bins): `Stft(window, hop, fft_size)(x)`.

    Examples
    --------
    >>> import numpy as np
    >>> stft(np.ones(4096, "float32"), 1024, 256).shape
    (19, 513)
    """
    return Stft(window, hop, fft_size)(x)


def istft(spectra, window, hop, *, fft_size=None, samples=None):
    """The signal of short-time spectra: `Stft(window, hop, fft_size).inverse(spectra, samples)`.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(4096)
    >>> bool(np.allclose(istft(stft(x, 1024, 256), 1024, 256, samples=4096), x))
    True
    """
    return Stft(window, hop, fft_size).inverse(spectra, samples)


class StftStream:
    """`Stft` block by block: `process` returns the frames that are complete, at any cut the same bits.

    `latency` is 0: no frame is delayed beyond the samples that it is made of.
    """

    latency = 0

    def __init__(self, transform, channels=None, dtype="float32"):
        self.transform, self.dtype = transform, float_dtype(dtype)
        self._shape = () if channels is None else (whole(channels, "channels"),)
        self._guard = Guard("Stft stream")
        self._clear()

    def reset(self):
        """Forget the signal so far."""
        with self._guard:
            self._clear()

    def _clear(self):
        self._pending = np.zeros((self.transform.lead, *self._shape), self.dtype)
        self._skip = self._samples = self._frames = 0  # skip: samples before the next frame, if the hop leaves out some

    def process(self, block):
        """Take (samples,) or (samples, channels) and return (frames, bins) or (frames, bins, channels)."""
        block = _checked_block(block, self._shape, self.dtype)
        with self._guard:
            self._samples += len(block)
            return self._taken(block)

    def _taken(self, block, most=None):
        joined = np.concatenate((self._pending, block))[self._skip :]
        self._skip = max(0, self._skip - len(self._pending) - len(block))
        hop, size = self.transform.hop, len(self.transform.window)
        frames = 0 if self._skip else max(0, 1 + (len(joined) - size) // hop)
        frames = frames if most is None else min(frames, most)
        spectra = self.transform._spectra(joined, frames)
        self._skip += max(0, frames * hop - len(joined))
        self._pending = joined[frames * hop :].copy()
        self._frames += frames
        return spectra

    def flush(self):
        """End the signal: the frames that reach into the zeros after it; then start afresh."""
        with self._guard:
            rest = self.transform.frames(self._samples) - self._frames
            zeros = self._skip + max(0, rest) * self.transform.hop + len(self.transform.window)
            spectra = self._taken(np.zeros((zeros, *self._shape), self.dtype), rest)
            self._clear()
            return spectra


class InverseStftStream:
    """`Stft.inverse` block by block: `process` returns the samples that no later frame reaches.

    `latency` is 0: no sample is delayed beyond the frames that it is made of.
    """

    latency = 0

    def __init__(self, transform, channels=None, dtype="float32"):
        self.transform, self.dtype = transform, float_dtype(dtype)
        self._shape = () if channels is None else (whole(channels, "channels"),)
        self._overlap = len(transform.dual) - transform.hop
        self._guard = Guard("inverse Stft stream")
        self._clear()

    def reset(self):
        """Forget the signal so far."""
        with self._guard:
            self._clear()

    def _clear(self):
        self._sum = np.zeros((self._overlap, *self._shape), self.dtype)  # what the next frames are added to
        self._skip = self.transform.lead
        self._fresh = True

    def process(self, spectra):
        """Take (frames, bins) or (frames, bins, channels) and return (samples,) or (samples, channels)."""
        spectra = self.transform._checked(spectra)
        if spectra.dtype != _PAIRS[self.dtype]:
            raise DtypeError(f"this stream takes {_PAIRS[self.dtype]} spectra, not {spectra.dtype}")
        if spectra.shape[2:] != self._shape:
            wanted = ", ".join(map(str, ("frames", self.transform.bins, *self._shape)))
            raise ShapeError(f"this stream takes spectra of shape ({wanted}), not {spectra.shape}")
        with self._guard:
            return self._taken(spectra)

    def _taken(self, spectra):
        total = np.zeros((len(spectra) * self.transform.hop + self._overlap, *self._shape), self.dtype)
        total[: self._overlap] = self._sum
        self.transform._add(spectra, total)
        self._sum = total[len(spectra) * self.transform.hop :].copy()
        self._fresh = self._fresh and not len(spectra)
        return self._from_start(total[: len(spectra) * self.transform.hop])

    def _from_start(self, samples):
        """Without those before the signal."""
        kept = samples[self._skip :]
        self._skip = max(0, self._skip - len(samples))
        return kept

    def flush(self):
        """End the signal: what the last frames reach; then start afresh."""
        with self._guard:
            rest = self._from_start(self._sum[: 0 if self._fresh else None])
            self._clear()
            return rest


def _checked_block(block, shape, dtype):
    block = floating(block, "block", (1 + len(shape),))
    if block.dtype != dtype:
        raise DtypeError(f"this stream takes {dtype} blocks, not {block.dtype}")
    if block.shape[1:] != shape:
        raise ShapeError(f"this stream takes blocks with {shape[0]} channel(s), not {block.shape[1]}")
    return block
