"""Log-mel energies: power spectra of short frames, summed in triangular mel bands, and their logarithm."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import asdict
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audioconv import arrays
from audioconv._typing import Array, ArrayLike, DTypeLike, FloatArray, IntArray
from audioconv.arrays import frozen, is_number, number
from audioconv.errors import ArgumentError, ShapeError
from audioconv.features.level import Pcen, causal_pcen, causal_top_db
from audioconv.features.mel_bands import mel_bands
from audioconv.features.stream import LogMelStream
from audioconv.kernels.dsp import _fft as fft
from audioconv.kernels.dsp import mel
from audioconv.kernels.simd._emit import MAX_LANES
from audioconv.stage import checked_block, frame_count

BandNorm: TypeAlias = Literal["slaney"] | float | None
PerturbedFrames: TypeAlias = Callable[[Array, ArrayLike, ArrayLike, int], NDArray[np.float32]]


class LogMel:
    """Logarithm of the energy in mel bands, frame by frame: log(power + offset).

    A frame is `window_ms` of samples times a periodic Hann window, padded with zeros to a power of two and
    transformed; the squared magnitudes are summed in triangular bands, of equal area unless `norm` says otherwise.
    Nothing depends on what comes later, so that a clip and a stream give the same numbers.

    Parameters
    ----------
    sample_rate : int, in Hz
    window_ms : float, in milliseconds
        Length of a frame (`win_length` of librosa, as a time).
    hop_ms : float, in milliseconds
        From the start of a frame to that of the next (`hop_length` of librosa, as a time).
    n_mels : int
        Number of bands.
    fmin : float, in Hz
        Lower edge of the lowest band.
    fmax : float, in Hz, optional
        Upper edge of the highest band; half the sample rate if not given.
    offset : float >= 0
        Added to the power before the logarithm.
    center : bool
        With True frame f is centred on sample f * hop, with zeros before and after the signal:
        1 + samples // hop frames. With False every frame lies inside the signal:
        1 + (samples - win_length) // hop frames.
    top_db : float > 0, in dB, optional
        Give levels relative to the loudest frame so far, down to so many dB below it, instead of absolute ones. In
        contrast to `top_db` of librosa it is causal: the reference is a running peak.
    pcen : Pcen or its arguments as a dict, optional
        Per-channel energy normalisation instead of logarithms.
    filters : float array, shape (n_mels, fft_size // 2 + 1), optional
        The bands themselves, instead of triangles on the mel scale.
    htk : bool
        Space bands on the mel scale of HTK, 2595 log10(1 + f / 700), instead of Slaney's; as librosa.
    norm : {"slaney", None} or float > 0
        Bands of equal area, of height 1, or of equal norm of this order (infinity included); as librosa.

    Attributes
    ----------
    win_length, hop, fft_size : int, in samples
        Of a frame, from frame to frame, and of a transform.
    n_features : int
        Numbers a frame: the bands.
    pitch_factor : float
        How many times lower than those of the parameters the bands are; see `with_pitch_factor`.

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

    def __init__(self, sample_rate: int = 16000, window_ms: float = 25, hop_ms: float = 10, n_mels: int = 40, *,
                 fmin: float = 20.0, fmax: float | None = None, offset: float = 1e-6, center: bool = False,
                 top_db: float | None = None, pcen: Pcen | Mapping[str, float] | None = None,
                 filters: ArrayLike | None = None, htk: bool = False,
                 norm: BandNorm = "slaney") -> None:  # fmt: skip
        self.sample_rate = arrays.whole(sample_rate, "sample_rate")
        number(window_ms, "window_ms", above=0), number(hop_ms, "hop_ms", above=0)
        self.window_ms, self.hop_ms, self.n_mels = window_ms, hop_ms, arrays.whole(n_mels, "n_mels")
        self.fmin = number(fmin, "fmin")
        self.fmax = number(sample_rate / 2 if fmax is None else fmax, "fmax")
        self.offset, self.norm = number(offset, "offset", 0), _norm(norm)
        self.center, self.htk = bool(center), bool(htk)
        self.top_db = None if top_db is None else number(top_db, "top_db", above=0)
        self.pcen = _pcen(pcen)
        if self.pcen and top_db is not None:
            raise ArgumentError("levels are relative either by top_db or by pcen, not by both")
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
        self.pitch_factor = 1.0
        if filters is None:
            filters = mel_bands(self.sample_rate, self.fft_size, self.n_mels, self.fmin, self.fmax, htk=self.htk,
                                norm=self.norm)  # fmt: skip
        self.filters = self._checked(filters)

    def __repr__(self) -> str:
        return f"LogMel({_settings_text(self)})"

    def _checked(self, filters: ArrayLike) -> NDArray[np.float64]:
        found, shape = arrays.floating(filters, "filters").astype(np.float64), (self.n_mels, self.fft_size // 2 + 1)
        if found.shape != shape:
            raise ShapeError(f"filters must have shape {shape}, not {found.shape}")
        if not np.isfinite(found).all():
            raise ArgumentError("filters must be finite")
        if not found.any(axis=1).all():
            raise ArgumentError(f"{self.n_mels} bands are too many for transforms of {self.fft_size}: some hold no bin")
        return found

    @property
    def n_features(self) -> int:
        """Numbers a frame."""
        return self.n_mels

    def settings(self) -> dict[str, Any]:
        """Return the arguments that make this object again, without `filters`.

        Returns
        -------
        settings : dict
            JSON-serialisable.
        """
        names = ("sample_rate", "window_ms", "hop_ms", "n_mels", "fmin", "fmax", "offset", "center", "top_db")
        pcen = self.pcen and asdict(self.pcen)
        scale = {"htk": (self.htk, False), "norm": (self.norm, "slaney"), "pcen": (pcen, None)}  # where not the default
        return {name: getattr(self, name) for name in names} | {
            name: value for name, (value, usual) in scale.items() if value != usual
        }

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
        return frame_count(samples + sum(self.padding), self.win_length, self.hop)

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros before and after the signal, in samples."""
        return (self.win_length // 2, self.win_length - self.win_length // 2) if self.center else (0, 0)

    @cached_property
    def _bands(self) -> tuple[IntArray, NDArray[np.float64]]:
        """First bin, number of weights and offset of the first weight of each band; all weights in a row."""
        first, parts = [], []
        for row in self.filters:
            bins = np.flatnonzero(row)
            first.append(int(bins[0]) if bins.size else 0)
            weights = row[first[-1] : bins[-1] + 1] if bins.size else row[:0]
            parts.append(np.pad(weights, (0, -weights.size % MAX_LANES)))
        sizes = np.array([part.size for part in parts])
        return np.column_stack((first, sizes, np.cumsum(sizes) - sizes)).astype(np.int64), np.concatenate(parts)

    @cached_property
    def _window(self) -> NDArray[np.float64]:
        window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.win_length) / self.win_length)
        return window

    @cached_property
    def _tables(self) -> dict[np.dtype[Any], tuple[Array, Array, Array]]:
        """Window, bands and weights by dtype, as the kernel takes them."""
        return {}

    def _tables_of(self, dtype: np.dtype[Any]) -> Iterator[Array]:
        if dtype not in self._tables:
            bands, weights = self._bands
            self._tables[dtype] = self._window.astype(dtype), bands, weights.astype(dtype)
        return map(frozen, self._tables[dtype])  # here, because a pickled array comes back writable

    def _compute(self, x: Array, logarithm: bool = True) -> Array:
        """The frames that lie inside x, which is padded already."""
        out = np.empty((1, frame_count(x.size, self.win_length, self.hop), self.n_mels), x.dtype)
        hops, pitches = frozen([self.hop], np.int64), frozen([0], np.int64)
        self._frames(x[None], hops, pitches, tuple(self._tables_of(x.dtype)), out, logarithm)
        frames: Array = out[0]
        return frames

    def _frames(
        self, sounds: Array, hops: Array, pitches: Array, tables: tuple[Array, ...], out: Array, logarithm: bool = True
    ) -> None:
        offset = frozen([self.offset] if logarithm else [], sounds.dtype)
        scratch = arrays.aligned(mel.scratch_size(self.fft_size), sounds.dtype)
        plan = fft.plan_real(self.fft_size, sounds.dtype.name)
        mel.mel_frames(frozen(sounds), hops, pitches, *tables, offset, *plan, scratch, out)

    def perturbed(self, pitch_factors: Sequence[float]) -> PerturbedFrames:
        """Return a function for speed and pitch perturbation: `absolute` frames, each sound at its own hop and pitch.

        Parameters
        ----------
        pitch_factors : sequence of float
            The pitches that there are, as for `with_pitch_factor`.

        Returns
        -------
        frames_of : function of (sounds, hops, pitches, frames)
            sounds: float32 (clips, samples); hops: int (clips,), samples from frame to frame, so that at 1.1 times the
            usual hop a sound seems 1.1 times as fast; pitches: int (clips,), the index in `pitch_factors`; frames:
            how many, at least 1. It gives (clips, frames, n_mels), and raises a ShapeError if sounds are too short,
            an ArgumentError if hops or pitches make no sense.
        """
        tables = [self.with_pitch_factor(factor)._bands for factor in pitch_factors]
        starts = np.cumsum([0, *(weights.size for _, weights in tables)])
        bands = np.concatenate([bands + (0, 0, start) for (bands, _), start in zip(tables, starts[:-1], strict=True)])
        weights = np.concatenate([weights for _, weights in tables]).astype(np.float32)
        joined = tuple(frozen(table) for table in (self._window.astype(np.float32), bands.astype(np.int64), weights))

        def frames_of(sounds: Array, hops: ArrayLike, pitches: ArrayLike, frames: int) -> NDArray[np.float32]:
            hops, pitches = frozen(hops, np.int64), frozen(pitches, np.int64)
            if not hops.shape == pitches.shape == sounds.shape[:1]:
                raise ShapeError(
                    f"{len(sounds)} sounds need as many hops and pitches, not {hops.shape}, {pitches.shape}"
                )
            reach = sounds.shape[1] - (frames - 1) * np.max(hops, initial=0)
            if reach < self.win_length:
                raise ShapeError(f"{frames} frames need {self.win_length - reach} samples more than {sounds.shape[1]}")
            if np.min(hops, initial=1) < 1 or not np.all((pitches >= 0) & (pitches < len(tables))):
                raise ArgumentError(f"hops must be at least 1 and pitches below {len(tables)}, not {hops}, {pitches}")
            out = np.empty((len(sounds), frames, self.n_mels), np.float32)
            self._frames(sounds, hops, pitches, joined, out)
            return out

        return frames_of

    def __call__(self, samples: ArrayLike) -> FloatArray:
        """Features of a whole signal: (samples,) -> (frames, n_mels), in the dtype of the samples."""
        return self.from_absolute(self._compute(self._padded(samples)))

    @property
    def absolute(self) -> "LogMel":
        """The same without `top_db` and `pcen`: frames that do not depend on what came before."""
        if not self.adapts:
            return self
        other = copy(self)
        other.top_db = other.pcen = None
        return other

    @property
    def adapts(self) -> bool:
        """Whether frames depend on what came before: by `top_db` or `pcen`."""
        return self.top_db is not None or self.pcen is not None

    def from_absolute(self, frames: ArrayLike) -> FloatArray:
        """Make these features of `absolute` ones.

        Parameters
        ----------
        frames : float array, shape (..., frames, n_mels)
            Of `absolute`, of clips that begin with the first of them.

        Returns
        -------
        features : float array, shape (..., frames, n_mels)
        """
        return self._adapted(np.asarray(frames))[0]

    def _adapted(self, absolute: Array, state: Array | None = None) -> tuple[Array, Array | None]:
        """Frames of absolute ones, and the state to go on with; None begins afresh."""
        if self.top_db is not None:
            return causal_top_db(absolute, self.top_db, state)
        if self.pcen is not None:
            return causal_pcen(absolute, self.pcen, self.hop / self.sample_rate, state)
        return absolute, None

    def power(self, samples: ArrayLike) -> FloatArray:
        """Compute the energies before the logarithm, as `librosa.feature.melspectrogram` with power 2.

        Parameters
        ----------
        samples : float array, shape (samples,)

        Returns
        -------
        power : float array, shape (frames, n_mels)
        """
        return self._compute(self._padded(samples), logarithm=False)

    def _padded(self, samples: ArrayLike) -> Array:
        samples = checked_block(samples, None, ((),), stage=self, name="samples")
        return np.pad(samples, self.padding) if self.center else samples

    def with_pitch_factor(self, pitch_factor: float) -> "LogMel":
        """Return the same features with their bands lower, so that every sound seems higher.

        Where the bands above come from beyond half the sample rate they hold nothing.

        Parameters
        ----------
        pitch_factor : float > 0
            How many times lower; a sound seems so many times as high.

        Returns
        -------
        features : LogMel
        """
        bins, other = np.arange(self.filters.shape[1]), copy(self)
        other.filters = np.stack([np.interp(bins * pitch_factor, bins, row, right=0.0) for row in self.filters])
        other.pitch_factor = self.pitch_factor * pitch_factor
        for name in ("_bands", "_tables"):
            vars(other).pop(name, None)
        return other

    def stream(self, dtype: DTypeLike = "float32") -> LogMelStream:
        """Return a stage that gives the same frames block by block.

        Parameters
        ----------
        dtype : {"float32", "float64"}
            Of blocks and frames.

        Returns
        -------
        stream : LogMelStream
        """
        return LogMelStream(self, dtype)


def _pcen(pcen: Pcen | Mapping[str, float] | None) -> Pcen | None:
    if pcen is None or isinstance(pcen, Pcen):
        return pcen
    try:
        return Pcen(**pcen)
    except TypeError as error:
        raise ArgumentError(f"pcen must be a Pcen or the arguments of one, not {pcen!r}") from error


def _norm(norm: BandNorm) -> BandNorm:
    if norm is None or (isinstance(norm, str) and norm == "slaney"):
        return norm
    if not is_number(norm) or not norm > 0:
        raise ArgumentError(f"norm must be 'slaney', None or a number above 0, not {norm!r}")
    return float(norm)


def _settings_text(features: LogMel, n_mfcc: int | None = None) -> str:
    """The main settings, as in a call."""
    settings = features.settings()
    shown = ["sample_rate", "window_ms", "hop_ms", *([] if n_mfcc is None else ["n_mfcc"]), "n_mels", "fmin", "fmax"]
    shown += [name for name in ("top_db", "pcen", "center", "htk", "norm") if settings.get(name) not in (None, False)]
    values = settings | {"pcen": features.pcen, "n_mfcc": n_mfcc, "pitch_factor": features.pitch_factor}
    shown += ["pitch_factor"] if features.pitch_factor != 1 else []
    return ", ".join(f"{name}={values[name]!r}" for name in shown)
