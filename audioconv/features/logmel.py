"""Log-mel energies of a clip or of a stream."""

from copy import copy
from functools import cached_property

import numpy as np

from audioconv import arrays
from audioconv.arrays import frozen, is_number, number
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.features.level import causal_top_db
from audioconv.kernels.dsp import _fft as fft
from audioconv.kernels.dsp import mel
from audioconv.stage import Guard


class LogMel:
    """Logarithm of the energy in mel bands, frame by frame: log(power + offset).

    A frame is `window_ms` of samples times a periodic Hann window, padded with zeros to a power of two and
    transformed; the squared magnitudes are summed in triangular bands, of equal area unless `norm` says otherwise.
    Nothing depends on what comes later, so that a clip and a stream give the same numbers.

    Parameters
    ----------
    sample_rate : int, in Hz
    window_ms, hop_ms : float, in milliseconds
    n_mels : int, number of bands
    fmin, fmax : float, outer edges of the bands; `fmax` None is half the sample rate
    offset : float, added to the power before the logarithm
    center : bool
        With True frame f is centred on sample f * hop, with zeros before and after the signal:
        1 + samples // hop frames. With False every frame lies inside the signal:
        1 + (samples - window) // hop frames.
    top_db : float, optional
        Give levels relative to the loudest frame so far, down to so many dB below it (`causal_top_db`), instead of
        absolute ones.
    filters : float array, shape (n_mels, fft_size // 2 + 1), optional
        The bands themselves, instead of those of librosa (which is imported only to make them).
    htk : bool
        Space bands on the mel scale of HTK, 2595 log10(1 + f / 700), instead of Slaney's; as librosa.
    norm : "slaney", None or float > 0
        Bands of equal area, of height 1, or of equal norm of this order (infinity included); as librosa.

    Raises
    ------
    ArgumentError
        If a setting makes no sense, such as a band that holds no bin.

    References
    ----------
    Davis and Mermelstein 1980; Slaney, Auditory Toolbox, 1998; Young et al., The HTK Book.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype("float32")
    >>> frames = ac.LogMel()(tone)
    >>> frames.shape
    (98, 40)
    >>> int(frames[50].argmax())  # the band around 1000 Hz
    12
    """

    def __init__(self, sample_rate=16000, window_ms=25, hop_ms=10, n_mels=40, *, fmin=20.0, fmax=None,
                 offset=1e-6, center=False, top_db=None, filters=None, htk=False, norm="slaney"):  # fmt: skip
        self.sample_rate = arrays.whole(sample_rate, "sample_rate")
        number(window_ms, "window_ms", above=0), number(hop_ms, "hop_ms", above=0)
        self.window_ms, self.hop_ms, self.n_mels = window_ms, hop_ms, arrays.whole(n_mels, "n_mels")
        self.fmin = number(fmin, "fmin")
        self.fmax = number(sample_rate / 2 if fmax is None else fmax, "fmax")
        self.offset, self.norm = number(offset, "offset", 0), _norm(norm)
        self.center, self.htk = bool(center), bool(htk)
        self.top_db = None if top_db is None else number(top_db, "top_db", above=0)
        self.win_length = round(sample_rate * window_ms / 1000)
        self.hop = round(sample_rate * hop_ms / 1000)
        if self.win_length < 1 or self.hop < 1:
            raise ArgumentError(
                f"window_ms and hop_ms must make at least one sample at {sample_rate} Hz, not {window_ms} and {hop_ms}"
            )
        if not 0 <= self.fmin < self.fmax <= sample_rate / 2:
            raise ArgumentError(
                f"bands must lie in 0 <= fmin < fmax <= {sample_rate / 2:g}, not {fmin:g} ... {self.fmax:g}"
            )
        self.fft_size = max(128, 1 << (self.win_length - 1).bit_length())
        self.filters = (
            self._librosa_filters() if filters is None else arrays.floating(filters, "filters").astype(np.float64)
        )
        if self.filters.shape != (self.n_mels, self.fft_size // 2 + 1):
            raise ShapeError(
                f"filters must have shape {(self.n_mels, self.fft_size // 2 + 1)}, not {self.filters.shape}"
            )
        if not np.isfinite(self.filters).all():
            raise ArgumentError("filters must be finite")
        if not self.filters.any(axis=1).all():
            raise ArgumentError(f"{self.n_mels} bands are too many for transforms of {self.fft_size}: some hold no bin")

    def _librosa_filters(self):
        from librosa.filters import mel as librosa_mel  # slow to import, and needed by no saved model

        return librosa_mel(
            sr=self.sample_rate, n_fft=self.fft_size, n_mels=self.n_mels, fmin=self.fmin, fmax=self.fmax,
            dtype=np.float64, htk=self.htk, norm=self.norm,
        )  # fmt: skip

    @property
    def n_features(self):
        """Numbers a frame."""
        return self.n_mels

    def settings(self):
        """The arguments that make this object again, without `filters`."""
        names = ("sample_rate", "window_ms", "hop_ms", "n_mels", "fmin", "fmax", "offset", "center", "top_db")
        scale = {"htk": (self.htk, False), "norm": (self.norm, "slaney")}  # told where not as ever
        return {name: getattr(self, name) for name in names} | {
            name: value for name, (value, usual) in scale.items() if value != usual
        }

    def frames(self, samples):
        """Number of frames of a signal of so many samples."""
        return max(0, 1 + (samples + sum(self.padding) - self.win_length) // self.hop)

    @property
    def padding(self):
        """Zeros before and after the signal, in samples."""
        return (self.win_length // 2, self.win_length - self.win_length // 2) if self.center else (0, 0)

    @cached_property
    def _bands(self):
        """First bin, number of weights and place of the first weight of each band; all weights in a row."""
        first, parts = [], []
        for row in self.filters:
            bins = np.flatnonzero(row)
            first.append(bins[0] if bins.size else 0)
            weights = row[first[-1] : bins[-1] + 1] if bins.size else row[:0]
            parts.append(np.pad(weights, (0, -weights.size % mel.WIDEST)))
        sizes = np.array([part.size for part in parts])
        return np.column_stack((first, sizes, np.cumsum(sizes) - sizes)).astype(np.int64), np.concatenate(parts)

    @cached_property
    def _window(self):
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.win_length) / self.win_length)

    @cached_property
    def _tables(self):
        """Window, bands and weights by dtype, as the kernel takes them."""
        return {}

    def _tables_of(self, dtype):
        if dtype not in self._tables:
            bands, weights = self._bands
            self._tables[dtype] = self._window.astype(dtype), bands, weights.astype(dtype)
        return map(frozen, self._tables[dtype])  # here, because a pickled array comes back writable

    def _compute(self, x, logarithm=True):
        """The frames that lie inside x, which is padded already."""
        out = np.empty((1, max(0, 1 + (x.size - self.win_length) // self.hop), self.n_mels), x.dtype)
        hops, pitches = frozen([self.hop], np.int64), frozen([0], np.int64)
        self._frames(x[None], hops, pitches, self._tables_of(x.dtype), out, logarithm)
        return out[0]

    def _frames(self, sounds, hops, pitches, tables, out, logarithm=True):
        offset = frozen([self.offset] if logarithm else [], sounds.dtype)
        scratch = arrays.aligned(mel.scratch_size(self.fft_size), sounds.dtype)
        plan = fft.plan_real(self.fft_size, sounds.dtype.name)
        mel.mel_frames(frozen(sounds), hops, pitches, *tables, offset, *plan, scratch, out)

    def perturbed(self, factors):
        """A function from many sounds to `absolute` frames, each sound at a pace and a pitch of its own.

        Parameters
        ----------
        factors : sequence of float
            The pitches that there are, as for `with_pitch_factor`.

        Returns
        -------
        function of (sounds, hops, pitches, frames)
            sounds: float32 (clips, samples); hops: int (clips,), samples from frame to frame, so that at 1.1 times the
            usual hop a sound seems 1.1 times as fast; pitches: int (clips,), of `factors` the one to take; frames:
            how many, at least 1. It gives (clips, frames, n_mels).

        Raises
        ------
        ShapeError, ArgumentError
            By that function, if sounds are too short, or hops or pitches are not those of the sounds or make no sense.
        """
        tables = [self.with_pitch_factor(factor)._bands for factor in factors]
        starts = np.cumsum([0, *(weights.size for _, weights in tables)])
        bands = np.concatenate([bands + (0, 0, start) for (bands, _), start in zip(tables, starts[:-1], strict=True)])
        weights = np.concatenate([weights for _, weights in tables]).astype(np.float32)
        tables = tuple(map(frozen, (self._window.astype(np.float32), bands.astype(np.int64), weights)))

        def frames_of(sounds, hops, pitches, frames):
            hops, pitches = frozen(hops, np.int64), frozen(pitches, np.int64)
            if not hops.shape == pitches.shape == sounds.shape[:1]:
                raise ShapeError(
                    f"{len(sounds)} sounds need as many hops and pitches, not {hops.shape}, {pitches.shape}"
                )
            reach = sounds.shape[1] - (frames - 1) * np.max(hops, initial=0)
            if reach < self.win_length:
                raise ShapeError(f"{frames} frames need {self.win_length - reach} samples more than {sounds.shape[1]}")
            if np.min(hops, initial=1) < 1 or not np.all((pitches >= 0) & (pitches < len(factors))):
                raise ArgumentError(f"hops must be at least 1 and pitches below {len(factors)}, not {hops}, {pitches}")
            out = np.empty((len(sounds), frames, self.n_mels), np.float32)
            self._frames(sounds, hops, pitches, tables, out)
            return out

        return frames_of

    def __call__(self, samples):
        """Features of a whole signal: (samples,) -> (frames, n_mels), in the dtype of the samples."""
        return self.from_absolute(self._compute(self._padded(samples)))

    @property
    def absolute(self):
        """The log-mel frames behind these features, which do not depend on what came before."""
        if self.top_db is None:
            return self
        other = copy(self)
        other.top_db = None
        return other

    def from_absolute(self, frames):
        """Features of `absolute` frames (..., frames, n_mels) of clips that begin with the first of them."""
        return frames if self.top_db is None else causal_top_db(frames, self.top_db)[0]

    def power(self, samples):
        """The same before the logarithm."""
        return self._compute(self._padded(samples), logarithm=False)

    def _padded(self, samples):
        samples = arrays.floating(samples, "samples", (1, 2))
        if samples.ndim == 2:
            channels = np.argmin(samples.shape)
            raise ShapeError(
                f"samples must have one channel, shape (samples,), not {samples.shape}; give one of them, or their "
                f"mean: samples.mean(axis={channels})"
            )
        return np.pad(samples, self.padding) if self.center else samples

    def with_pitch_factor(self, factor):
        """The same with its bands `factor` times lower, so that every sound seems so many times as high.

        Where the bands above come from beyond half the sample rate they hold nothing.
        """
        bins, other = np.arange(self.filters.shape[1]), copy(self)
        other.filters = np.stack([np.interp(bins * factor, bins, row, right=0.0) for row in self.filters])
        for name in ("_bands", "_tables"):
            vars(other).pop(name, None)
        return other

    def stream(self, dtype="float32"):
        """A stage that gives the same frames block by block."""
        return LogMelStream(self, dtype)


def _norm(norm):
    if norm is None or (isinstance(norm, str) and norm == "slaney"):
        return norm
    if not is_number(norm) or not norm > 0:
        raise ArgumentError(f"norm must be 'slaney', None or a number above 0, not {norm!r}")
    return float(norm)


class LogMelStream:
    """LogMel block by block: `process` returns the frames that are complete, at any cut the same bits.

    `latency` is 0: no frame is delayed beyond the samples that it is made of.
    """

    latency = 0

    def __init__(self, features, dtype="float32"):
        self.features = features
        self.dtype = arrays.float_dtype(dtype)
        self._guard = Guard("LogMel stream")
        self._clear()

    def reset(self):
        """Forget the signal so far."""
        with self._guard:
            self._clear()

    def _clear(self):
        self._pending = np.zeros(self.features.padding[0], self.dtype)
        self._loudest = None  # so far, if levels are relative
        self._skip = 0  # samples to drop before the next frame, where the hop is longer than the window

    def process(self, block):
        """Take (samples,) and return (frames, n_mels) that they complete."""
        block = arrays.floating(block, "block", (1,))
        if block.dtype != self.dtype:
            raise DtypeError(f"this stream takes {self.dtype} blocks, not {block.dtype}")
        with self._guard:
            return self._process(block)

    def _process(self, block):
        joined = np.concatenate((self._pending, block))
        dropped = min(self._skip, joined.size)
        self._skip -= dropped
        joined = joined[dropped:]
        frames = self.features._compute(joined if not self._skip else joined[:0])
        used = len(frames) * self.features.hop
        self._skip += max(0, used - joined.size)
        self._pending = joined[used:].copy()
        if self.features.top_db is not None and len(frames):
            frames, self._loudest = causal_top_db(frames, self.features.top_db, self._loudest)
        return frames

    def flush(self):
        """End the signal: the frames that reach into the zeros after it, if `center`; then start afresh."""
        with self._guard:
            frames = self._process(np.zeros(self.features.padding[1], self.dtype))
            self._clear()
            return frames
