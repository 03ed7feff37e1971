"""Short-time Fourier transform and its inverse, block by block."""

from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv._typing import Array, ArrayLike, ComplexArray, DTypeLike, FloatArray
from audioconv.arrays import choice, float_dtype, whole
from audioconv.signal._stft import COMPLEX, pad
from audioconv.signal.options import PADDINGS, Padding
from audioconv.stage import Guard, GuardedStage, SampleQueue, SkipFirst, checked_block

if TYPE_CHECKING:
    from audioconv.signal._stft import Stft


class StftStream(GuardedStage):
    """`Stft` block by block: `process` returns the frames that are complete, at any cut the same bits.

    (Within rounding with sizes that are neither 2^k nor 3 2^k, which SciPy transforms.)

    `latency` is 0: no frame is delayed beyond the samples that it is made of. With a padding other than zeros the first
    ones wait for as many samples as they are padded with.

    Parameters
    ----------
    transform : Stft
    channels : int, optional
        Blocks are (samples, channels) and frames (frames, bins, channels) then.
    dtype : "float32" or "float64"
        Of the samples.
    padding : {"zeros", "edge", "even", "odd"}
        As in a call of `Stft`.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import Stft
    >>> stream = Stft(512, 128).stream()
    >>> frames = stream.process(np.ones(1000, "float32"))
    >>> frames.shape, stream.flush().shape
    ((7, 257), (4, 257))
    """

    latency = 0

    def __init__(
        self,
        transform: "Stft",
        channels: int | None = None,
        dtype: DTypeLike = "float32",
        padding: Padding = "zeros",
    ) -> None:
        self.transform, self.dtype = transform, float_dtype(dtype)
        self.padding: Padding = choice(padding, "padding", PADDINGS)
        self.channels = None if channels is None else whole(channels, "channels")
        self._shape: tuple[int, ...] = () if self.channels is None else (self.channels,)
        self._guard = Guard("Stft stream")
        self._reset()

    def _reset(self) -> None:
        self._begun = self.padding == "zeros"  # whether the padding before the signal is known
        left_pad = self.transform.left_pad if self._begun else 0
        self._pending = SampleQueue(np.zeros((left_pad, *self._shape), self.dtype))
        self._latest = self._pending.items[:0]  # samples that the padding after the signal is made of
        self._samples = self._frames = 0

    def process(self, block: ArrayLike) -> ComplexArray:
        """Take the next block and return the frames that it completes.

        Parameters
        ----------
        block : float array, shape (samples,), or (samples, channels) if the stream was made with channels

        Returns
        -------
        spectra : complex array, shape (frames, bins) or (frames, bins, channels)

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> Array:
        samples = checked_block(block, self.dtype, (self._shape,), stage=self)
        self._samples += len(samples)
        if self.padding != "zeros":
            most = max(self.transform.left_pad, len(self.transform.window)) + 1
            self._latest = np.concatenate((self._latest, samples))[-most:].copy()
        if not self._begun:
            return self._beginning(samples)
        return self._taken(samples)

    _for_channels = "channels={0}"

    def _beginning(self, block: Array) -> Array:
        """Take a block while the padding before the signal is not yet known."""
        if len(self._pending.items) + len(block) <= self.transform.left_pad:
            return self._taken(block, 0)
        self._begun = True
        return self._taken(pad(self._pending.take_all(block), self.transform.left_pad, 0, self.padding))

    def _taken(self, block: Array, most: int | None = None) -> Array:
        joined, hop = self._pending.append(block), self.transform.hop
        frames = self._pending.frames(len(self.transform.window), hop)
        frames = frames if most is None else min(frames, most)
        spectra: Array = self.transform._spectra(joined, frames)
        self._pending.drop(frames * hop)
        self._frames += frames
        return spectra

    def _flush(self) -> Array:
        """The frames that reach beyond the end of the signal."""
        transform = self.transform
        if not self._begun:
            spectra: Array = transform(self._pending.items, padding=self.padding, axis=0)
        else:
            rest = transform.frames(self._samples) - self._frames
            count = self._pending.skip + max(0, rest) * transform.hop + len(transform.window)
            after = pad(self._latest, 0, count, self.padding if len(self._latest) else "zeros")
            spectra = self._taken(after[len(self._latest) :], rest)
        self._reset()
        return spectra

    def _parameters(self) -> dict[str, Any]:
        transform = self.transform
        about: dict[str, Any] = {"window": len(transform.window), "hop": transform.hop, "channels": self.channels}
        return about | {"dtype": self.dtype.name, "padding": self.padding}


class InverseStftStream(GuardedStage):
    """`Stft.inverse` block by block: `process` returns the samples that no later frame reaches.

    `latency` is 0: no sample is delayed beyond the frames that it is made of.

    Parameters
    ----------
    transform : Stft
    channels : int, optional
        Frames are (frames, bins, channels) and blocks (samples, channels) then.
    dtype : "float32" or "float64"
        Of the samples.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import Stft
    >>> transform = Stft(512, 128)
    >>> stream = transform.inverse_stream()
    >>> spectra = transform(np.ones(1000, "float32"))
    >>> samples = np.concatenate([stream.process(spectra[:5]), stream.process(spectra[5:]), stream.flush()])
    >>> bool(np.allclose(samples[:1000], 1))
    True
    """

    latency = 0

    def __init__(self, transform: "Stft", channels: int | None = None, dtype: DTypeLike = "float32") -> None:
        self.transform, self.dtype = transform, float_dtype(dtype)
        self.channels = None if channels is None else whole(channels, "channels")
        self._shape: tuple[int, ...] = () if self.channels is None else (self.channels,)
        self._overlap = len(transform.dual) - transform.hop
        self._guard = Guard("inverse Stft stream")
        self._reset()

    def _reset(self) -> None:
        self._sum = np.zeros((self._overlap, *self._shape), self.dtype)  # what the next frames are added to
        self._from_start = SkipFirst(self.transform.left_pad)  # without the padding before the signal
        self._fresh = True

    def process(self, block: ArrayLike) -> FloatArray:
        """Take the next spectra and return the samples that no later frame reaches.

        Parameters
        ----------
        block : complex array, shape (frames, bins), or (frames, bins, channels) if the stream was made with channels

        Returns
        -------
        samples : float array, shape (samples,) or (samples, channels)

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        with self._guard:
            return self._process(block)

    def _process(self, block: ArrayLike) -> FloatArray:
        transform, dtype = self.transform, COMPLEX[self.dtype]
        shapes = ((transform.bins, *self._shape),)
        spectra = checked_block(transform._checked(block), dtype, shapes, name="spectra", unit="frames")
        total = np.zeros((len(spectra) * transform.hop + self._overlap, *self._shape), self.dtype)
        total[: self._overlap] = self._sum
        transform._overlap_add(spectra, total)
        self._sum = total[len(spectra) * transform.hop :].copy()
        self._fresh = self._fresh and not len(spectra)
        samples: FloatArray = self._from_start(total[: len(spectra) * transform.hop])
        return samples

    def _flush(self) -> FloatArray:
        """The last samples, which no further frame reaches."""
        rest: FloatArray = self._from_start(self._sum[: 0 if self._fresh else None])
        self._reset()
        return rest

    def _parameters(self) -> dict[str, Any]:
        transform = self.transform
        about: dict[str, Any] = {"window": len(transform.window), "hop": transform.hop, "channels": self.channels}
        return about | {"dtype": self.dtype.name}
