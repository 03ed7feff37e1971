"""Convolution and correlation of whole signals."""

import numpy as np

from audioconv._typing import ArrayLike, FloatArray
from audioconv.arrays import floating
from audioconv.signal.filter import Filter
from audioconv.signal.options import Method, Mode
from audioconv.signal.short import convolve_short


def convolve(
    x: ArrayLike,
    h: ArrayLike,
    mode: Mode = "full",
    *,
    method: Method = "auto",
    axis: int | None = None,
    stride: int = 1,
    dilation: int = 1,
    out: FloatArray | None = None,
    threads: int | None = None,
) -> FloatArray:
    """Convolve a signal with a filter (flipped, as convolution is defined), each channel by itself.

    Parameters
    ----------
    x : float array, shape (samples,) or (samples, channels)
        float32 or float64; with `h` of the other one, the result is float64.
    h : float array, shape (taps,) for one filter, or (taps, channels) for a filter a channel
        A signal of one channel goes through each of the filters.
    mode : {"full", "same", "valid", "causal"}
        full: samples + taps - 1 outputs. same: as many as x, the centre of full, as in scipy.signal.
        valid: those without zero padding, |samples - taps| + 1; as in scipy.signal, where h is longer than x,
        the two are exchanged. causal: the first `samples` of full.
    method : {"auto", "direct", "sparse", "overlap_add", "fft"}
        direct: sums of products in tap order. sparse: the same of those taps that are not zero. overlap_add: by FFTs of
        blocks; as in overlap-save, blocks overlap on input, and nothing is added. fft: by one FFT of all. auto: the one
        that should be fastest, which `plan` explains.
    axis : int, optional
        The axis of time in a two-dimensional x; the other one holds the channels. `h` has time first. By default 0, and
        arrays with more channels than samples (taps), or more than 64, are refused: they are (channels, samples) far
        more often than meant.
    stride : int >= 1, in samples
        Keep each stride-th output, from the first.
    dilation : int >= 1, in samples
        From one tap to the next; the filter acts as if it had (taps - 1) * dilation + 1 taps.
    out : array like the result, optional
        Where to put it: contiguous, and not in the memory of x. A new array of many megabytes takes as long as a filter
        of a few taps, because its pages are made when they are first written.
    threads : int, optional
        How many threads share the channels and blocks; `AUDIOCONV_THREADS` or all cores by default. The result is the
        same.

    Returns
    -------
    y : float array of x's layout
        `out`, or a new array; (samples, channels) where x has one dimension and h two.

    Raises
    ------
    DtypeError
        If x or h is not float32 or float64, or `out` not of the dtype of the result.
    ShapeError
        If x or h is empty, or has other dimensions or channels; if `out` is not of the shape of the result.
    ArgumentError
        For another mode or method, a stride, dilation or number of threads below 1, or an `out` in the memory of x.

    Notes
    -----
    A sample that is not finite spoils the outputs that it contributes to; with overlap_add also others of its
    channel, at most those of the blocks that it lies in, with fft all of its channel. Stretches of digital silence are
    skipped, and their outputs are zeros exactly (but not with fft). A tap that is not finite spoils the outputs that
    it has a part in, with every method.

    To convolve many signals with one filter, make an `Fir` of it: its spectra are then made once.

    References
    ----------
    Oppenheim, Schafer, Discrete-Time Signal Processing (3rd ed.), section 8.7.

    Examples
    --------
    >>> import numpy as np
    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5]))
    array([1. , 2.5, 4. , 1.5])

    A mono signal in a room with two microphones:

    >>> convolve(np.array([1.0, 2.0, 3.0]), np.array([[1.0, 0.0], [0.5, 1.0]]))
    array([[1. , 0. ],
           [2.5, 1. ],
           [4. , 2. ],
           [1.5, 3. ]])
    """
    if axis is None and out is None and threads is None and stride == dilation == 1:
        short = convolve_short(x, h, mode, method)
        if short is not None:
            return short
    return Filter(h).convolve(
        x, mode, method=method, axis=axis, stride=stride, dilation=dilation, out=out, threads=threads
    )


def correlate(
    x: ArrayLike,
    h: ArrayLike,
    mode: Mode = "full",
    *,
    method: Method = "auto",
    axis: int | None = None,
    stride: int = 1,
    dilation: int = 1,
    out: FloatArray | None = None,
    threads: int | None = None,
) -> FloatArray:
    """Correlate a signal with a filter: `convolve` with the filter not flipped, as scipy.signal.correlate.

    Output t of the full result is the sum over k of h[k] * x[t - (taps - 1 - k) * dilation].

    Parameters
    ----------
    x : float array, shape (samples,) or (samples, channels)
        float32 or float64; with `h` of the other one, the result is float64.
    h : float array, shape (taps,) for one filter, or (taps, channels) for a filter a channel
        A signal of one channel goes through each of the filters.
    mode : {"full", "same", "valid", "causal"}
        Which outputs, as in `convolve`.
    method : {"auto", "direct", "sparse", "overlap_add", "fft"}
        As in `convolve`.
    axis : int, optional
        The axis of time in a two-dimensional x, as in `convolve`.
    stride : int >= 1, in samples
        Keep each stride-th output, from the first.
    dilation : int >= 1, in samples
        From one tap to the next.
    out : array like the result, optional
        Where to put it, as in `convolve`.
    threads : int, optional
        How many threads share the channels and blocks; `AUDIOCONV_THREADS` or all cores by default. The result is the
        same.

    Returns
    -------
    y : float array of x's layout
        `out`, or a new array; (samples, channels) where x has one dimension and h two.

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
        As `convolve` does.

    Examples
    --------
    >>> import numpy as np
    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5]))
    array([0.5, 2. , 3.5, 3. ])
    """
    if axis is None and out is None and threads is None and stride == dilation == 1:
        short = convolve_short(x, h, mode, method, 1)
        if short is not None:
            return short
    flipped = np.ascontiguousarray(np.flip(floating(h, "h", dims=(1, 2)), axis=0))
    return convolve(
        x, flipped, mode, method=method, axis=axis, stride=stride, dilation=dilation, out=out, threads=threads
    )
