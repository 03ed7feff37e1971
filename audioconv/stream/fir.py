"""A filter as an object: for whole signals, and for streams."""

from audioconv._typing import ArrayLike, DTypeLike
from audioconv.signal import Filter
from audioconv.stage import described
from audioconv.stream.convolver import StreamConvolver
from audioconv.stream.values import finite


class Fir(Filter):
    """A filter of finite impulse response that caches the spectra of its taps for each block length.

    It is immutable, and may be shared between threads.

    Parameters
    ----------
    taps : float array, shape (taps,), or (taps, channels) for a filter a channel
        float32 or float64; it is copied. `convolve` brings a signal of one channel through each of several filters.

    Attributes
    ----------
    taps : array
        The taps, read-only.

    Raises
    ------
    DtypeError, ShapeError
        If taps are not float32 or float64, are empty, or have other dimensions.
    ArgumentError
        If they are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> smooth = Fir(np.full(3, 1 / 3))
    >>> smooth.convolve(np.array([3.0, 0.0, 3.0, 6.0]), "valid")
    array([2., 3.])
    >>> smooth.stream(dtype="float64").process(np.array([3.0, 0.0, 3.0, 6.0]))
    array([1., 1., 2., 3.])
    """

    _called = "taps"

    def __init__(self, taps: ArrayLike) -> None:
        super().__init__(taps)
        finite(self.taps, "taps")

    def stream(self, *, max_block: int = 512, channels: int = 1, dtype: DTypeLike = "float32") -> StreamConvolver:
        """Make a stream with these taps; one channel through taps (taps, channels) becomes as many.

        Parameters
        ----------
        max_block : int, in samples
            The longest block that it will take.
        channels : int
            Of the input.
        dtype : {"float32", "float64"}

        Returns
        -------
        StreamConvolver

        Raises
        ------
        ShapeError
            If the channels of taps and input differ.
        """
        return StreamConvolver(self.taps, max_block=max_block, channels=channels, dtype=dtype)

    def __repr__(self) -> str:
        channels = {} if self.taps.ndim == 1 else {"channels": self.taps.shape[1]}
        return described("Fir", {"taps": len(self.taps)} | channels | {"dtype": self.taps.dtype.name})
