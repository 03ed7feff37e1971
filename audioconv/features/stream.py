"""Features block by block: the same frames as of the whole signal, at any cut the same bits."""

from typing import TYPE_CHECKING

import numpy as np

from audioconv import arrays
from audioconv._typing import Array, ArrayLike, DTypeLike, Float32Array, FloatArray
from audioconv.features.level import MIN_POWER
from audioconv.kernels.dsp import _fft as fft
from audioconv.stage import Guard, GuardedStage, SampleQueue, checked_block

if TYPE_CHECKING:
    from audioconv.features.logmel import LogMel
    from audioconv.features.mfcc import Mfcc


class LogMelStream(GuardedStage):
    """LogMel block by block: `process` returns the frames that are complete, at any cut the same bits.

    Parameters
    ----------
    features : LogMel
    dtype : {"float32", "float64"}
        Of blocks and frames.

    Attributes
    ----------
    latency : int
        0: no frame is delayed beyond the samples that it is made of.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> features, noise = ac.LogMel(), np.random.default_rng(0).standard_normal(16000).astype("float32")
    >>> stream = features.stream()
    >>> frames = np.concatenate([stream.process(noise[:5000]), stream.process(noise[5000:]), stream.flush()])
    >>> np.array_equal(frames, features(noise))
    True
    """

    latency = 0

    def __init__(self, features: "LogMel", dtype: DTypeLike = "float32") -> None:
        self.features = features
        self.dtype = arrays.float_dtype(dtype)
        self._guard = Guard("LogMel stream")
        self._reset()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.features!r}, {self.dtype.name!r})"

    def _reset(self) -> None:
        self._pending = SampleQueue(np.zeros(self.features.padding[0], self.dtype))
        self._level: Array | None = None  # the running peak or means, if levels are relative to them

    def process(self, block: ArrayLike) -> FloatArray:
        """Take the next samples and return the frames that they complete.

        Parameters
        ----------
        block : float array, shape (samples,)
            In the dtype of the stream.

        Returns
        -------
        frames : float array, shape (frames, n_features)

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stream stays as it was.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> FloatArray:
        frames = self.features._compute(self._pending.append(checked_block(block, self.dtype, ((),), stage=self)))
        self._pending.drop(len(frames) * self.features.hop)
        if self.features.adapts and len(frames):
            frames, self._level = self.features._adapted(frames, self._level)
        return frames

    def flush(self) -> FloatArray:
        """End the signal, and start afresh.

        Returns
        -------
        frames : float array, shape (frames, n_features)
            Those that reach into the zeros after it, if `center`.
        """
        with self._guard:
            return self._flush()

    def _flush(self) -> FloatArray:
        frames = self._process(np.zeros(self.features.padding[1], self.dtype))
        self._reset()
        return frames


class MfccStream(LogMelStream):
    """Mfcc block by block, at any cut the same bits.

    Parameters
    ----------
    features : Mfcc
    dtype : {"float32", "float64"}
        Of blocks and frames.

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> ac.Mfcc().stream().process(np.zeros(16000, "float32")).shape
    (49, 10)
    """

    def __init__(self, features: "Mfcc", dtype: DTypeLike = "float32") -> None:
        self._mfcc = features
        super().__init__(features.log_mel, dtype)

    def __repr__(self) -> str:
        return f"MfccStream({self._mfcc!r}, {self.dtype.name!r})"

    def _process(self, block: ArrayLike) -> FloatArray:
        return self._mfcc._transformed(super()._process(block))


def step_arrays(features: "LogMel | Mfcc") -> dict[str, Array]:
    """What a compiled step needs to make the frames of a stream, by the names of `kernels.nn.frame_posteriors`.

    Parameters
    ----------
    features : LogMel or Mfcc

    Returns
    -------
    arrays : dict of str to float32 or int64 array
        Read-only, and the same for all streams; `level` and `basis` are empty where they are not wanted.
    """
    log_mel: LogMel = getattr(features, "log_mel", None) or features  # type: ignore[assignment]  # what has none is one
    dtype = np.dtype(np.float32)
    window, bands, weights = log_mel._tables_of(dtype)
    plan, twiddles = fft.plan_real(log_mel.fft_size, dtype.name)
    level: list[float] = []
    if log_mel.top_db is not None:
        level = [MIN_POWER, 10 ** (-log_mel.top_db / 10)]
    elif log_mel.pcen is not None:
        level = log_mel.pcen.numbers(log_mel.hop / log_mel.sample_rate)
    floats = {"offset": [log_mel.offset], "level": level, "basis": getattr(features, "_basis", [])}
    return {
        "hops": arrays.frozen([log_mel.hop], np.int64),
        "pitches": arrays.frozen([0], np.int64),
        "window": window,
        "bands": bands,
        "weights": weights,
        "plan": plan,
        "twiddles": twiddles,
        **{name: arrays.frozen(values, dtype) for name, values in floats.items()},
    }


def level_start(features: "LogMel | Mfcc") -> Float32Array:
    """What the running peak or means of a compiled step are before the first frame.

    Parameters
    ----------
    features : LogMel or Mfcc

    Returns
    -------
    running : float32 array, shape (n_mels,)
    """
    log_mel: LogMel = getattr(features, "log_mel", None) or features  # type: ignore[assignment]  # what has none is one
    return np.full(log_mel.n_mels, 0 if log_mel.pcen is None else -1, np.float32)
