"""Sample rates, changed by libsoxr (its HQ recipe: flat to 91 % of the band, about 100 dB rejection of aliases)."""

import math

import numpy as np

from audioconv.arrays import floating, whole
from audioconv.errors import ShapeError

_QUALITY = "HQ"
_RINGING = 256  # samples of the lower rate; after 100 of them soxr's filter has died away


def resample(samples, rate_in, rate_out):
    """Bring a whole signal to another sample rate.

    Parameters
    ----------
    samples : float array, shape (samples,) or (samples, channels)
    rate_in, rate_out : int, Hz

    Returns
    -------
    y : array of the same dtype
        Its length is that of `samples` times rate_out / rate_in, rounded. Equal rates return `samples` itself.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
        For rates that are no whole numbers from 1, and for arrays that are no signals.

    Examples
    --------
    >>> resample(np.ones(800, "float32"), 8000, 16000).shape
    (1600,)
    """
    samples = floating(samples, "samples", (1, 2))
    rate_in, rate_out = whole(rate_in, "rate_in"), whole(rate_out, "rate_out")
    if rate_in == rate_out or not samples.size:
        return samples
    import soxr

    return soxr.resample(samples, rate_in, rate_out, _QUALITY)


def resample_response(response, rate_in, rate_out):
    """Bring an impulse response to another sample rate so that its frequency response keeps its gain.

    More taps a second sum to more, so the taps are multiplied by rate_in / rate_out. A response that begins or ends
    abruptly rings beyond both ends at its new rate; without the ringing its gain would be off by up to a quarter.

    Parameters
    ----------
    response : float array, shape (taps,) or (taps, channels)
    rate_in, rate_out : int, Hz

    Returns
    -------
    response : array of the same dtype
    ahead : int
        How many of its first taps lie before time 0: drop as many samples from the front of what it filters.

    Examples
    --------
    >>> response, ahead = resample_response(np.ones(1), 8000, 16000)
    >>> round(float(response.sum()), 3), int(np.abs(response).argmax()) == ahead
    (1.0, True)
    """
    response = floating(response, "response", (1, 2))
    rate_in, rate_out = whole(rate_in, "rate_in"), whole(rate_out, "rate_out")
    if rate_in == rate_out:
        return response, 0
    common = math.gcd(rate_in, rate_out)  # the zeros ahead are a whole number of samples at both rates
    steps = -(-_RINGING * common // min(rate_in, rate_out))
    zeros = np.zeros((steps * rate_in // common, *response.shape[1:]), response.dtype)
    padded = resample(np.concatenate([zeros, response, zeros]), rate_in, rate_out)
    return padded * response.dtype.type(rate_in / rate_out), steps * rate_out // common


def resample_blocks(blocks, rate_in, rate_out):
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
        If the number of channels changes on the way.
    """
    rate_in, rate_out = whole(rate_in, "rate_in"), whole(rate_out, "rate_out")
    if rate_in == rate_out:
        yield from blocks
        return
    import soxr

    stream = None
    for block in blocks:
        block = floating(block, "block", (1, 2))
        if stream is None:
            shape, dtype = block.shape[1:], block.dtype
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
