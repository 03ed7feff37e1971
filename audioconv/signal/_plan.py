"""The plan of a convolution: which method it would take, and why, for people to read."""

from dataclasses import dataclass

import numpy as np

from audioconv.arrays import float_dtype, floating, whole
from audioconv.errors import ArgumentError
from audioconv.signal import cost, cost2d
from audioconv.signal.image import rank_one_factors


@dataclass(frozen=True)
class Plan:
    """How `convolve` or `convolve2d` would go about it, and why; `print` it.

    Attributes
    ----------
    method : "direct", "sparse", "overlap_add" or "fft"; for planes "direct", "separable" or "overlap_add"
    fft_size : int, in samples
        Length of a block with the filter's overlap, of a tile of a plane, or of the whole transform; 0 for sums of
        products.
    predicted_s : float
        Time on one thread, once everything is compiled and planned.
    samples, taps, channels, dtype
        What was asked for.
    candidates : tuple of Candidate
        The best of each method, the fastest first.
    """

    samples: int | tuple
    taps: int | tuple
    channels: int
    dtype: str
    candidates: tuple

    method = property(lambda self: self.candidates[0].method)
    fft_size = property(lambda self: self.candidates[0].fft_size)
    predicted_s = property(lambda self: self.candidates[0].predicted_s)

    def __str__(self):
        best, plane = self.candidates[0], isinstance(self.samples, tuple)
        if plane:
            about = "{:,} x {:,} values, {} x {} taps".format(*self.samples, *self.taps)
        else:
            about = f"{self.samples:,} samples x {self.taps:,} taps, {self.channels} channel(s)"
        lines = [f"{about}, {self.dtype}, one thread, costs {cost.origin()}"]
        for candidate in self.candidates:
            unit = "tile" if plane else "transform"
            blocks = f"{candidate.fft_size:,} samples a {unit}" if candidate.fft_size else _SAYS[candidate.method]
            than = "chosen" if candidate is best else f"{candidate.predicted_s / best.predicted_s:.3g} times as long"
            lines.append(f"  {candidate.method:<12}{1e3 * candidate.predicted_s:10.3g} ms  {than:<22} {blocks}")
        return "\n".join(lines)


_SAYS = {
    "direct": "a product for each tap and output",
    "sparse": "a product for each tap that is not zero",
    "separable": "a product for each row and column of the kernel",
}


def plan(samples, taps, *, channels=1, dtype="float32", nonzero=None, rank=None):
    """Say how `convolve` or `convolve2d` (mode "full") would convolve so many samples with so many taps.

    Parameters
    ----------
    samples : int >= 1, or (frames, bins) of a plane
    taps : int >= 1; (rows, columns) of a kernel, or the kernel itself, for a plane
    channels : int >= 1, of a signal
    dtype : "float32" or "float64"
    nonzero : int, optional
        How many taps of a filter of signals are not zero; all by default.
    rank : int, optional
        Of how many products of a column and a row a kernel of planes is made. By default separable convolution is no
        choice, unless the kernel itself is given and is one such product.

    Returns
    -------
    plan : Plan

    Raises
    ------
    ArgumentError
        For numbers below 1, and another dtype.

    Examples
    --------
    >>> plan(480_000, 8).method
    'direct'
    >>> plan(480_000, 48_000).method
    'overlap_add'
    >>> plan((5625, 1025), (3, 3)).method, plan((5625, 1025), (31, 31)).method
    ('direct', 'overlap_add')
    """
    dtype = float_dtype(dtype).name
    if isinstance(samples, (tuple, list)):
        return _plan_plane(samples, taps, dtype, rank)
    samples, taps, channels = whole(samples, "samples"), whole(taps, "taps"), whole(channels, "channels")
    nonzero = taps if nonzero is None else whole(nonzero, "nonzero", least=0)
    if nonzero > taps:
        raise ArgumentError(f"nonzero must be at most taps = {taps}, not {nonzero}")
    candidates = cost.choose(samples, taps, 0, samples + taps - 1, dtype, nonzero=nonzero)
    candidates = tuple(one._replace(predicted_s=channels * one.predicted_s) for one in candidates)
    return Plan(samples, taps, channels, dtype, candidates)


def _plan_plane(shape, taps, dtype, rank):
    if isinstance(taps, np.ndarray):
        kernel = floating(taps, "taps", dims=(2,))
        rank, taps = 1 if rank is None and rank_one_factors(kernel) else rank, kernel.shape
    if not isinstance(taps, (tuple, list)) or len(shape) != 2 or len(taps) != 2:
        raise ArgumentError(
            f"a plane has samples (frames, bins) and taps (rows, columns), or a kernel, not {shape!r} and {taps!r}"
        )
    shape, taps = tuple(whole(n, "samples") for n in shape), tuple(whole(n, "taps") for n in taps)
    rank = None if rank is None else whole(rank, "rank")
    outputs = tuple(n + k - 1 for n, k in zip(shape, taps, strict=True))
    return Plan(shape, taps, 1, dtype, cost2d.choose(taps, outputs, dtype, rank=rank))
