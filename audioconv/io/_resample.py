"""Sample rates, changed by libsoxr (its HQ recipe: flat to 91 % of the band, about 100 dB rejection of aliases)."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike, FloatArray
from audioconv.arrays import floating, time_first, whole
from audioconv.errors import ArgumentError, ShapeError

_QUALITY = "HQ"
_FACTOR = 2**16  # between two rates: libsoxr's filters grow with it, to minutes of work for a million
_CHANNELS_AT_ONCE = (
    16  # channels in one call: libsoxr takes three times as long, each, for many, and dies of tens of thousands
)
_MOST_IN_STREAM = 1024
_RINGING = 256  # samples of the lower rate; after 100 of them soxr's filter has died away


def rates(rate_in: int, rate_out: int) -> tuple[int, int]:
    """Two sample rates as whole numbers, if one can be brought to the other."""
    rate_in, rate_out = whole(rate_in, "rate_in"), whole(rate_out, "rate_out")
    if max(rate_in, rate_out) > _FACTOR * min(rate_in, rate_out):
        raise ArgumentError(f"rate_in and rate_out may differ by a factor of {_FACTOR}, not {rate_in} and {rate_out}")
    return rate_in, rate_out


def resample(samples: ArrayLike, rate_in: int, rate_out: int, *, axis: int | None = None) -> FloatArray:
    """Bring a whole signal to another sample rate.

    Parameters
    ----------
    samples : float array, shape (samples,) or (samples, channels)
    rate_in, rate_out : int, Hz
        Neither is more than 65,536 times the other.
    axis : int, optional
        The axis of time in two-dimensional samples; the other one holds the channels. By default 0, and arrays with
        more channels than samples, or more than 64, are refused: they are (channels, samples) far more often than
        meant.

    Returns
    -------
    y : array of the same dtype and layout
        Its length is that of `samples` times rate_out / rate_in, rounded. Equal rates return `samples` itself.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
        For rates that are no whole numbers from 1 or too far apart, and for arrays that are no signals.

    Examples
    --------
    >>> resample(np.ones(800, "float32"), 8000, 16000).shape
    (1600,)
    """
    samples = floating(samples, "samples", (1, 2))
    signal: Array
    y: Array
    signal, (rate_in, rate_out) = time_first(samples, "samples", axis), rates(rate_in, rate_out)
    if rate_in == rate_out or not samples.size:
        return samples
    import soxr

    if signal.ndim == 1 or signal.shape[1] <= _CHANNELS_AT_ONCE:
        y = soxr.resample(signal, rate_in, rate_out, _QUALITY)
    else:
        groups = [
            signal[:, first : first + _CHANNELS_AT_ONCE] for first in range(0, signal.shape[1], _CHANNELS_AT_ONCE)
        ]
        y = np.concatenate([soxr.resample(group, rate_in, rate_out, _QUALITY) for group in groups], axis=1)
    return np.ascontiguousarray(y.T) if samples.ndim == 2 and axis in (1, -1) else y


def resample_response(
    response: ArrayLike, rate_in: int, rate_out: int, *, axis: int | None = None
) -> tuple[FloatArray, int]:
    """Bring an impulse response to another sample rate so that its frequency response keeps its gain.

    More taps a second sum to more, so the taps are multiplied by rate_in / rate_out. A response that begins or ends
    abruptly rings beyond both ends at its new rate; without the ringing its gain would be off by up to a quarter.

    Parameters
    ----------
    response : float array, shape (taps,) or (taps, channels)
    rate_in, rate_out : int, Hz
    axis : int, optional
        As of `resample`.

    Returns
    -------
    response : array of the same dtype and layout
    ahead : int
        How many of its first taps lie before time 0: drop as many samples from the front of what it filters.

    Examples
    --------
    >>> response, ahead = resample_response(np.ones(1), 8000, 16000)
    >>> round(float(response.sum()), 3), int(np.abs(response).argmax()) == ahead
    (1.0, True)
    """
    response = floating(response, "response", (1, 2))
    taps: Array
    taps, (rate_in, rate_out) = time_first(response, "response", axis), rates(rate_in, rate_out)
    if rate_in == rate_out:
        return response, 0
    common = math.gcd(rate_in, rate_out)  # the zeros ahead are a whole number of samples at both rates
    steps = -(-_RINGING * common // min(rate_in, rate_out))
    zeros = np.zeros((steps * rate_in // common, *taps.shape[1:]), taps.dtype)
    padded = resample(np.concatenate([zeros, taps, zeros]), rate_in, rate_out, axis=0)
    resampled = padded * taps.dtype.type(rate_in / rate_out)
    channels_first = response.ndim == 2 and axis in (1, -1)
    return np.ascontiguousarray(resampled.T) if channels_first else resampled, steps * rate_out // common


def resample_blocks(blocks: Iterable[FloatArray], rate_in: int, rate_out: int) -> Iterator[FloatArray]:
    """Bring a signal that comes block by block to another sample rate.

    Parameters
    ----------
    blocks : iterable of float arrays, shape (samples,) or (samples, channels), all of one dtype
    rate_in, rate_out : int, Hz

    Yields
    ------
    block : array
        As many samples as are due; nothing while there are none. Joined, they are what `resample` makes of the
        joined blocks, to the rounding of float32.

    Raises
    ------
    ShapeError
        If the number of channels changes on the way, or there are more than 1,024.
    ArgumentError
        For rates that are too far apart.

    Examples
    --------
    >>> sum(map(len, resample_blocks(np.ones((5, 160), "float32"), 8000, 16000)))
    1600
    """
    rate_in, rate_out = rates(rate_in, rate_out)
    if rate_in == rate_out:
        yield from blocks
        return
    import soxr

    stream: Any = None
    for block in blocks:
        block = floating(block, "block", (1, 2))
        if stream is None:
            shape, dtype = block.shape[1:], block.dtype
            if shape and not 1 <= shape[0] <= _MOST_IN_STREAM:
                raise ShapeError(
                    f"a block has shape {block.shape}, and from 1 to {_MOST_IN_STREAM} channels are wanted; "
                    "give block.T if it is (channels, samples)"
                )
            stream = soxr.ResampleStream(rate_in, rate_out, shape[0] if shape else 1, dtype, _QUALITY)
        if block.shape[1:] != shape:
            raise ShapeError(f"a block has shape {block.shape}, but those before it had channels {shape}")
        due = stream.resample_chunk(block)
        if len(due):
            yield due
    if stream is not None:
        due = stream.resample_chunk(np.zeros((0, *shape), dtype), last=True)
        if len(due):
            yield due
