"""The plan of a convolution: which method it would take, and why, for people to read."""

from dataclasses import dataclass
from html import escape

import numpy as np

from audioconv._typing import Array, FloatArray, FloatName
from audioconv._wording import counted
from audioconv.arrays import float_dtype, floating, whole
from audioconv.errors import ArgumentError
from audioconv.signal import cost, cost2d
from audioconv.signal.image import rank_one_factors


@dataclass(frozen=True)
class Plan:
    """The method that `convolve` or `convolve2d` would choose, and why; `print` it.

    Parameters
    ----------
    samples : int, or (frames, bins) of a plane
    taps : int, or (rows, columns) of a kernel
    channels : int
    dtype : "float32" or "float64"
    candidates : tuple of Candidate, that is (method, fft_size, predicted_s, call_s)
        The best of each method, the fastest first.

    Examples
    --------
    >>> plan(480_000, 48_000)
    Plan(480,000 samples x 48,000 taps, 1 channel, float32: overlap_add, 131,072 samples a transform)
    """

    samples: int | tuple[int, int]
    taps: int | tuple[int, int]
    channels: int
    dtype: FloatName
    candidates: tuple[cost.Candidate, ...]

    @property
    def method(self) -> str:
        """The method: "direct", "sparse", "overlap_add" or "fft"; for planes "direct", "separable" or "overlap_add"."""
        return self.candidates[0].method

    @property
    def fft_size(self) -> int:
        """Samples of a block with the filter's overlap, of a tile, or of the whole FFT; 0 for sums of products."""
        return self.candidates[0].fft_size

    @property
    def predicted_s(self) -> float:
        """Time on one thread, in seconds, once everything is compiled and planned."""
        return self.candidates[0].predicted_s

    @property
    def call_s(self) -> float:
        """What of `predicted_s` the call itself costs, in seconds, whatever the sizes."""
        return self.candidates[0].call_s

    def _question(self) -> str:
        """What was asked for."""
        if isinstance(self.samples, tuple) and isinstance(self.taps, tuple):
            about = "{:,} x {:,} values, {} x {} taps".format(*self.samples, *self.taps)
        else:
            about = f"{self.samples:,} samples x {self.taps:,} taps, {counted(self.channels, 'channel')}"
        return f"{about}, {self.dtype}"

    def _rows(self) -> list[tuple[str, str, str, str, str]]:
        """Of each candidate: method, predicted time, that of the call itself, how it compares, what it does."""
        best, unit = self.candidates[0], "tile" if isinstance(self.samples, tuple) else "transform"
        rows = []
        for one in self.candidates:
            does = f"{one.fft_size:,} samples a {unit}" if one.fft_size else _DESCRIPTIONS[one.method]
            than = "chosen" if one is best else f"{one.predicted_s / best.predicted_s:.3g} times as long"
            rows.append((one.method, _time(one.predicted_s), _time(one.call_s), than, does))
        return rows

    def __repr__(self) -> str:
        method, *_, does = self._rows()[0]
        return f"Plan({self._question()}: {method}, {does})"

    def __str__(self) -> str:
        lines = [f"{self._question()}, one thread, costs {cost.origin()}"]
        lines += [
            f"  {method:<12}{time:>13}, the call {call:>7}  {than:<22} {does}"
            for method, time, call, than, does in self._rows()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """A table of the candidates, for notebooks."""
        head = "".join(f"<th>{name}</th>" for name in ("method", "predicted", "the call", "", ""))
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows())
        caption = escape(f"{self._question()}, one thread, costs {cost.origin()}")
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{body}</table>"


def _time(seconds: float) -> str:
    """A time for people: from 1 ms on in ms."""
    return f"{1e3 * seconds:.3g} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.3g} us"


_DESCRIPTIONS = {
    "direct": "a product for each tap and output",
    "sparse": "a product for each tap that is not zero",
    "separable": "a product for each row and column of the kernel",
}


def plan(
    samples: int | tuple[int, int],
    taps: int | tuple[int, int] | FloatArray,
    *,
    channels: int = 1,
    dtype: FloatName = "float32",
    nonzero: int | None = None,
    rank: int | None = None,
) -> Plan:
    """Return the method that `convolve` or `convolve2d` (mode "full") would choose, and why.

    Parameters
    ----------
    samples : int >= 1, or (frames, bins) of a plane
    taps : int >= 1; (rows, columns) of a kernel, or the kernel itself, for a plane
    channels : int >= 1, of a signal
    dtype : "float32" or "float64"
    nonzero : int, optional
        How many taps of a filter of signals are not zero; all by default.
    rank : int, optional
        Rank of a kernel of planes: its number of products of a column and a row. By default separable
        convolution is no candidate, unless the kernel itself is given and has rank one.

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
    dtype = "float32" if float_dtype(dtype) == np.float32 else "float64"
    if isinstance(samples, (tuple, list)):
        return _plan_plane(samples, taps, dtype, rank)
    samples, taps, channels = whole(samples, "samples"), whole(taps, "taps"), whole(channels, "channels")
    nonzero = taps if nonzero is None else whole(nonzero, "nonzero", least=0)
    if nonzero > taps:
        raise ArgumentError(f"nonzero must be at most taps = {taps}, not {nonzero}")
    candidates = cost.choose(samples, taps, 0, samples + taps - 1, dtype, nonzero=nonzero)
    candidates = tuple(one._replace(predicted_s=channels * one.predicted_s) for one in candidates)
    return Plan(samples, taps, channels, dtype, candidates)


def _plan_plane(
    shape: tuple[int, int], taps: int | tuple[int, int] | Array, dtype: FloatName, rank: int | None
) -> Plan:
    if isinstance(taps, np.ndarray):
        kernel = floating(taps, "taps", dims=(2,))
        rank, taps = 1 if rank is None and rank_one_factors(kernel) else rank, (kernel.shape[0], kernel.shape[1])
    if not isinstance(taps, (tuple, list)) or len(shape) != 2 or len(taps) != 2:
        raise ArgumentError(
            f"a plane has samples (frames, bins) and taps (rows, columns), or a kernel, not {shape!r} and {taps!r}"
        )
    shape = whole(shape[0], "samples"), whole(shape[1], "samples")
    taps = whole(taps[0], "taps"), whole(taps[1], "taps")
    rank = None if rank is None else whole(rank, "rank")
    outputs = shape[0] + taps[0] - 1, shape[1] + taps[1] - 1
    return Plan(shape, taps, 1, dtype, cost2d.choose(taps, outputs, dtype, rank=rank))
