"""Noise reduction by a spectral gate: bins of time and frequency near the noise floor are attenuated."""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import floating, number, time_first, whole
from audioconv.enhance.activity import SignalActivity
from audioconv.errors import ArgumentError, ShapeError
from audioconv.signal._stft import Stft, hann
from audioconv.stage import (
    Guard,
    GuardedStage,
    SampleQueue,
    SkipFirst,
    Stage,
    checked_block,
    sample_shapes,
    without_latency,
)
from audioconv.stream.convolver2d import StreamConvolver2d

_CHUNK = 64  # frames that go through all steps together, so that memory does not grow with the block
_AVERAGED = 4  # frames averaged before the minimum is taken: fewer are too often small by chance
_PRESENT = 0.1  # share of a window that must cover sound for its power to count as noise
_TRIAL_FRAMES = 2000  # of white noise, to see how far its least power lies below its mean


class Denoise(GuardedStage):
    """Reduce noise, block by block: a spectral gate.

    Power is smoothed over time and frequency. Where it is not much above that of the noise, the gain goes down to
    -`reduction_db`; elsewhere the noise's share is subtracted (Wiener's gain). The mask of gains is smoothed, too, so
    that no single bin stands out (musical noise), and applied to the short-time spectra.

    Parameters
    ----------
    sample_rate : int, in Hz
    noise : float array, shape (samples,) or (samples, channels), optional
        A stretch of nothing but the noise: its mean power is the profile, for all time. By default the noise is
        estimated as it goes, by minimum statistics: the least power of each bin within the last `memory_s`, its bias
        corrected; digital silence is left out.
    threshold_db : float
        Bins less than so many dB above the noise are gated.
    reduction_db : float > 0
        Attenuation of gated bins.
    smooth_ms, smooth_hz : float
        Width of the smoothing kernels at half their height; 0 for none.
    memory_s : float
        How far back the least power is searched: long enough to hold a pause, and no longer than the noise stays
        alike.
    window_ms : float
        Length of a short-time spectrum, rounded up to a fast FFT size.
    channels : int
        They share one mask, so that nothing moves from one side to the other.

    Attributes
    ----------
    latency : int, in samples
        Delay of the result: a window, and the look-ahead of the smoothing. 96 ms with the defaults.
    rate_in, rate_out : int, in Hz
        The sample rate, for chains and files.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
        For numbers that make no sense, and noise that is shorter than a window, or other than float.

    References
    ----------
    Boll, Suppression of acoustic noise in speech using spectral subtraction, IEEE Trans. ASSP 27 (1979). Martin, Noise
    power spectral density estimation based on optimal smoothing and minimum statistics, IEEE Trans. SAP 9 (2001).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> noise = 0.1 * rng.standard_normal(48000).astype("float32")
    >>> tone = np.sin(np.arange(48000, dtype="float32"))
    >>> gate = Denoise(16000, noise=noise[:16000])
    >>> clean = np.concatenate([gate.process(tone + noise), gate.flush()])[gate.latency :]
    >>> bool(np.std(clean - tone) < 0.3 * np.std(noise))
    True
    """

    def __init__(self, sample_rate: int, *, noise: ArrayLike | None = None, threshold_db: float = 4.0,
                 reduction_db: float = 30.0, smooth_ms: float = 32.0, smooth_hz: float = 48.0, memory_s: float = 1.5,
                 window_ms: float = 64.0, channels: int = 1) -> None:  # fmt: skip
        self.sample_rate = self.rate_in = self.rate_out = whole(sample_rate, "sample_rate")
        self.channels = whole(channels, "channels")
        self.threshold_db = number(threshold_db, "threshold_db", -20, 60)
        self.reduction_db = number(reduction_db, "reduction_db", 0, 200)
        self.transform = hann(self.sample_rate * number(window_ms, "window_ms", 1, 1000) / 1000)
        hop_s, bin_hz = self.transform.hop / self.sample_rate, self.sample_rate / self.transform.fft_size
        self._kernel = _triangle(number(smooth_ms, "smooth_ms", 0, 1000) / 1000 / hop_s)[:, None] * _triangle(
            number(smooth_hz, "smooth_hz", 0, sample_rate) / bin_hz
        )
        self._memory = max(2, round(number(memory_s, "memory_s", 0.1, 60) / hop_s))
        self._noise = None if noise is None else self._profile(noise)
        self._smooth = [_smoothing(self._kernel, bins) for bins in (self.transform.bins, None)]
        averaging = np.full((_AVERAGED, 1), 1 / _AVERAGED, np.float32)
        self._mean = [_smoothing(averaging, bins, mode="causal") for bins in (self.transform.bins, None)]
        self._mask = _smoothing(self._kernel, self.transform.bins)
        self._activity = SignalActivity(self.transform)
        self._spectra = self.transform.stream(self.channels)
        self._samples = self.transform.inverse_stream(self.channels)
        self._ahead = self._smooth[0].latency + self._mask.latency
        self.latency = len(self.transform.window) - 1 + self._ahead * self.transform.hop
        self._guard, self._dims = Guard("Denoise"), 1 + (self.channels > 1)
        size = len(self.transform.window)
        self._bias = _minimum_bias(self._memory, size, self._kernel.tobytes(), self._kernel.shape)
        self._reset()
        self._process(
            np.zeros((2 * size, self.channels)[: self._dims], np.float32)
        )  # compiles, so that no block is late
        self._reset()

    def __repr__(self) -> str:
        noise = "estimated" if self._noise is None else "given"
        return (
            f"Denoise({self.sample_rate} Hz, {self.channels} channel{'s' if self.channels > 1 else ''}, noise {noise}, "
            f"threshold_db={self.threshold_db:g}, reduction_db={self.reduction_db:g}, latency={self.latency})"
        )

    def _profile(self, noise: ArrayLike) -> NDArray[np.float32]:
        noise = time_first(floating(noise, "noise", (1, 2)), "noise")
        if len(noise) < len(self.transform.window):
            raise ShapeError(
                f"noise must have at least the {len(self.transform.window)} samples of a window, not {len(noise)}"
            )
        inside = self.transform.stream(None if noise.ndim == 1 else noise.shape[1], noise.dtype)
        spectra = inside.process(noise)[
            self.transform.left_pad // self.transform.hop :
        ]  # those that do not begin before it
        power = _power_of(spectra.reshape(*spectra.shape[:2], -1)).mean(axis=0, dtype=np.float64)
        if not np.isfinite(power).all():
            raise ArgumentError("noise must be finite, or nothing would be left")
        profile: NDArray[np.float32] = power.astype(np.float32)
        return profile

    def process(self, block: ArrayLike, out: Array | None = None) -> NDArray[np.float32]:
        """Take the next block and return as many samples, `latency` late.

        Parameters
        ----------
        block : float32 array, shape (samples,) with one channel, or (samples, channels)
        out : float32 array, shape of the block, optional
            Where the result goes; may be the block itself.

        Returns
        -------
        y : float32 array, shape of the block

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        with self._guard:
            return self._process(block, out)

    def _process(self, block: ArrayLike, out: Array | None = None) -> NDArray[np.float32]:
        x: Array = checked_block(block, np.dtype(np.float32), sample_shapes(self.channels), stage=self)
        if out is not None and (np.shape(out) != x.shape or getattr(out, "dtype", None) != x.dtype):
            raise ShapeError(f"out must be a {x.dtype} array of shape {x.shape}, not of {np.shape(out)}")
        self._dims = x.ndim
        result: Array = np.empty_like(x) if out is None else out
        step = _CHUNK * self.transform.hop
        for begin in range(0, len(x), step):
            part = x[begin : begin + step].reshape(-1, self.channels)
            spectra = self._spectra.process(part)
            self._gate(spectra, self._activity.process(part, len(spectra)))
            self._emit(result[begin : begin + step])
        return result

    def _emit(self, result: Array) -> None:
        """Fill an array with the next samples; there are as many, as `latency` says."""
        result[...] = self._ready.take(len(result)).reshape(result.shape)

    def _gate(self, spectra: Array, shares: Array, ended: bool = False) -> None:
        """Spectra through the gate, to samples that are ready; the last ones, if the signal has `ended`."""
        inputs = _power_of(spectra), shares
        power, share = (
            skip(_through(stage, plane, ended))
            for skip, stage, plane in zip(self._lead_in, self._smooth, inputs, strict=True)
        )
        mask = self._mask_lead_in(_through(self._mask, self._gains(power, share), ended))
        self._delayed.append(spectra)
        cleaned = self._delayed.take(len(mask)) * mask[:, :, None]
        self._ready.append(self._samples.process(cleaned))

    def _gains(self, power: Array, share: Array) -> Array:
        """The gain of every bin of frames of smoothed power."""
        noise = self._noise if self._noise is not None else self._tracked_noise(power, share)
        least, above = np.float32(10 ** (-self.reduction_db / 20)), np.float32(10 ** (self.threshold_db / 10))
        gains = np.zeros_like(power)
        np.divide(above * noise * share, power, out=gains, where=power != 0)
        np.subtract(np.float32(1), gains, out=gains)
        gains[power == 0] = 0
        return np.maximum(gains, least, out=gains)

    def _tracked_noise(self, power: Array, share: Array) -> Array:
        """The noise in each frame, by minimum statistics: the least mean power within memory, times its bias."""
        mean, coverage = (stage.process(plane) for stage, plane in zip(self._mean, (power, share), strict=True))
        # what is not finite is no noise, and neither is silence
        known = np.isfinite(mean) & (coverage > _PRESENT)
        mean = np.divide(mean, coverage, out=np.full_like(mean, np.inf), where=known)
        least = _sliding_minimum(self._past.append(mean), self._memory)
        self._past.drop(len(mean))
        return np.float32(self._bias) * np.where(np.isfinite(least), least, np.float32(0))

    def _flush(self) -> NDArray[np.float32]:
        spectra = self._spectra.flush()
        self._gate(spectra, self._activity.flush(len(spectra)), ended=True)
        self._ready.append(self._samples.flush())
        self._ready.append(np.zeros((self.latency, self.channels), np.float32))
        result = np.empty((self.latency, self.channels)[: self._dims], np.float32)
        self._emit(result)
        self._reset()
        return result

    def _reset(self) -> None:
        inside = (*self._smooth, *self._mean, self._mask, self._spectra, self._samples)
        for stage in inside:
            stage.reset()
        self._activity.reset()
        bins = self.transform.bins
        self._lead_in = [SkipFirst(stage.latency) for stage in self._smooth]  # frames of zeros that come first
        self._mask_lead_in = SkipFirst(self._mask.latency)
        self._delayed = SampleQueue(np.empty((0, bins, self.channels), np.complex64))  # whose mask is not known yet
        self._past = SampleQueue(np.full((self._memory - 1, bins), np.inf, np.float32))  # mean powers within memory
        self._ready = SampleQueue(np.zeros((self.latency, self.channels), np.float32))


def denoise(x: ArrayLike, sample_rate: int, *, axis: int | None = None, noise: ArrayLike | None = None,
            threshold_db: float = 4.0, reduction_db: float = 30.0, smooth_ms: float = 32.0, smooth_hz: float = 48.0,
            memory_s: float = 1.5, window_ms: float = 64.0) -> NDArray[np.float32]:  # fmt: skip
    """Reduce the noise of a whole signal by a spectral gate, as `Denoise` does.

    Parameters
    ----------
    x : float array, shape (samples,) or (samples, channels)
    sample_rate : int, in Hz
    axis : int, optional
        The axis of time in a two-dimensional x. By default 0, and arrays with more channels than samples, or more than
        64, are refused, as they are for `noise`: they are (channels, samples) far more often than meant.
    noise : float array, shape (samples,) or (samples, channels), optional
        A stretch of nothing but the noise; estimated by default.
    threshold_db : float
        Bins less than so many dB above the noise are gated.
    reduction_db : float > 0
        Attenuation of gated bins.
    smooth_ms, smooth_hz : float
        Width of the smoothing kernels at half their height; 0 for none.
    memory_s : float
        How far back the noise is estimated from.
    window_ms : float
        Length of a short-time spectrum.

    Returns
    -------
    y : float32 array, shape of x

    Examples
    --------
    >>> import numpy as np
    >>> noise = 0.1 * np.random.default_rng(0).standard_normal(48000).astype("float32")
    >>> bool(np.std(denoise(noise, 16000)[16000:]) < 0.1 * np.std(noise))
    True
    """
    x = floating(x, "x", (1, 2)).astype(np.float32, copy=False)
    signal = time_first(x, "x", axis)
    gate = Denoise(
        sample_rate, noise=noise, threshold_db=threshold_db, reduction_db=reduction_db, smooth_ms=smooth_ms,
        smooth_hz=smooth_hz, memory_s=memory_s, window_ms=window_ms, channels=1 if x.ndim == 1 else signal.shape[1],
    )  # fmt: skip
    y = np.concatenate(list(without_latency(gate, [signal])))
    return np.ascontiguousarray(y.T) if x.ndim == 2 and axis in (1, -1) else y


def _power_of(spectra: Array) -> Array:
    """(frames, bins, channels) to the mean power of those channels that are finite."""
    power: Array = spectra.real**2 + spectra.imag**2
    if spectra.shape[2] == 1:
        first: Array = power[:, :, 0]
        return first
    finite = np.isfinite(power)
    mean: Array
    if finite.all():
        mean = power.mean(axis=2)
        return mean
    number = finite.sum(axis=2)
    total = np.where(finite, power, np.float32(0)).sum(axis=2)
    mean = total / np.where(number, number, np.nan).astype(np.float32)
    return mean


def _through(stage: Stage, plane: Array, ended: bool) -> Array:
    """The output of a stage for frames, flushed at the end of the signal."""
    output: Array = stage.process(plane)
    return np.concatenate((output, stage.flush())) if ended else output


def _smoothing(kernel: Array, bins: int | None, mode: Literal["same", "causal"] = "same") -> StreamConvolver2d:
    """Convolution of frames with a kernel; without bins, of one number a frame with its rows."""
    if bins is None:
        kernel, bins = kernel.sum(axis=1, keepdims=True), 1
    return StreamConvolver2d(kernel, bins, mode=mode, boundary=("edge", "reflect"))


def _triangle(width: float) -> NDArray[np.float32]:
    """A triangular window of `width` steps at half its height, its sum 1."""
    half = max(1, round(width))
    rising = np.arange(1, half + 1)
    return (np.concatenate((rising, rising[-2::-1])) / half**2).astype(np.float32)


@lru_cache(16)
def _minimum_bias(memory: int, size: int, kernel: bytes, shape: tuple[int, int]) -> float:
    """Bias of minimum statistics: mean power over least power, of white noise treated as the signal is here."""
    transform = Stft(min(size, 256), min(size, 256) // 4)
    frames = max(_TRIAL_FRAMES, memory + _TRIAL_FRAMES // 10)
    samples = np.random.default_rng(0).standard_normal(frames * transform.hop).astype(np.float32)
    spectra = transform(samples)
    smooth = _smoothing(np.frombuffer(kernel, np.float32).reshape(shape), transform.bins)
    power = smooth.process(_power_of(spectra[:, :, None]))[smooth.latency :]
    mean = np.lib.stride_tricks.sliding_window_view(power, _AVERAGED, axis=0).mean(axis=-1)
    return float(mean.mean() / _sliding_minimum(mean, memory).mean())


def _sliding_minimum(rows: Array, count: int) -> Array:
    """The least of each `count` neighbouring rows, by doubling: 10 times as fast as scipy.ndimage.minimum_filter1d."""
    size = 1
    while 2 * size <= count:
        rows = np.minimum(rows[size:], rows[: len(rows) - size])
        size *= 2
    more = count - size
    return np.minimum(rows[more:], rows[: len(rows) - more])
