"""`stft` and `istft`, the functions for a single call of `Stft`."""

from audioconv._typing import ArrayLike, ComplexArray, FloatArray
from audioconv.signal._stft import Stft
from audioconv.signal.options import Padding, Scaling


def stft(
    x: ArrayLike,
    window: ArrayLike,
    hop: int,
    fft_size: int | None = None,
    *,
    scale_to: Scaling | None = None,
    phase_shift: int | None = 0,
    sample_rate: float = 1.0,
    padding: Padding = "zeros",
    axis: int | None = None,
) -> ComplexArray:
    """Transform a signal to its short-time spectra, (samples,) to (frames, bins).

    It is `Stft(window, hop, ...)(x, padding=padding, axis=axis)`.

    Parameters
    ----------
    x : float array, shape (samples,) or (samples, channels)
    window : float array, shape (samples,), or int
        The window; a number stands for a periodic Hann window of so many samples.
    hop : int, in samples
    fft_size : int, optional
        Samples of a transform, as of `Stft`; by default those of the window.
    scale_to : {"magnitude", "psd"}, optional
        How the window is scaled, as of `Stft`.
    phase_shift : int or None, in samples
        From the middle of the window to the sample that phases count from; None: they count from its first sample.
    sample_rate : float, in Hz
        Of which "psd" is a density.
    padding : {"zeros", "edge", "even", "odd"}
        Padding before and after the signal, as in a call of `Stft`.
    axis : int, optional
        The axis of time in a two-dimensional x. By default 0, and an x that seems to be channels first is refused.

    Returns
    -------
    spectra : complex array, shape (frames, bins) or (frames, bins, channels)
        complex64 of float32, complex128 of float64.

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
        As `Stft` does.

    Examples
    --------
    >>> import numpy as np
    >>> stft(np.ones(4096, "float32"), 1024, 256).shape
    (19, 513)

    Frames of 25 ms at 16 kHz, the signal padded with its mirror image:

    >>> stft(np.ones(4096, "float32"), 400, 160, padding="even").shape
    (28, 201)
    """
    transform = Stft(window, hop, fft_size, scale_to=scale_to, phase_shift=phase_shift, sample_rate=sample_rate)
    return transform(x, padding=padding, axis=axis)


def istft(
    spectra: ArrayLike,
    window: ArrayLike,
    hop: int,
    fft_size: int | None = None,
    *,
    samples: int | None = None,
    scale_to: Scaling | None = None,
    phase_shift: int | None = 0,
    sample_rate: float = 1.0,
) -> FloatArray:
    """Return the signal of short-time spectra: `Stft(window, hop, ...).inverse(spectra, samples)`.

    Parameters
    ----------
    spectra : complex array, shape (frames, bins) or (frames, bins, channels)
    window : float array, shape (samples,), or int
        That of the transform; a number stands for a periodic Hann window of so many samples.
    hop : int, in samples
    fft_size : int, optional
        Samples of a transform, as of `Stft`; by default those of the window.
    samples : int, optional
        Length of the signal; by default all that the frames reach, which is more than the signal had.
    scale_to : {"magnitude", "psd"}, optional
        How the window was scaled, as of `Stft`.
    phase_shift : int or None, in samples
        From the middle of the window to the sample that phases count from; None: they count from its first sample.
    sample_rate : float, in Hz
        Of which "psd" is a density.

    Returns
    -------
    x : float array, shape (samples,) or (samples, channels)

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
        As `Stft.inverse` does.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(4096)
    >>> bool(np.allclose(istft(stft(x, 1024, 256), 1024, 256, samples=4096), x))
    True
    """
    transform = Stft(window, hop, fft_size, scale_to=scale_to, phase_shift=phase_shift, sample_rate=sample_rate)
    return transform.inverse(spectra, samples)
