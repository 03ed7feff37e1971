"""Taps that are not finite: each spoils the outputs that it contributes to, and no others.

Methods pad signals with zeros, and spectra mix all taps; an infinite tap times such a zero would be NaN where the
exact sum has no such product. So methods get finite stand-ins, and the products with the true taps are added
afterwards, where there are samples.
"""

from math import gcd

import numpy as np

from audioconv._typing import Array, IntArray
from audioconv.arrays import frozen


def finite_stand_ins(taps: Array) -> Array:
    """The taps if all are finite; otherwise a copy with a finite number of the same sign for each that is not."""
    finite = np.isfinite(taps)
    if finite.all():
        return taps
    largest = np.abs(taps[finite]).max(initial=0) or 1  # so that spectra of the others lose no digits
    return frozen(np.where(finite, taps, np.copysign(largest, taps)), taps.dtype)


def add_nonfinite_products(
    y: Array, x: Array, taps: Array, delays: IntArray, begin: int, stride: int = 1, up: int = 1
) -> None:
    """y[t] += taps[k] * x[(begin + t * stride - delays[k]) / up] for each k and t for which that is a sample of x.

    x (samples,), y (outputs,), taps and delays (K,), the delays ascending; meant for taps that are not finite.
    """
    common = gcd(stride, up)
    step, hop = up // common, stride // common  # from an output that a tap has a part in to the next, in y and in x
    inverse, spoiled = pow(hop, -1, step), 0
    with np.errstate(invalid="ignore", over="ignore"):
        for tap, delay in zip(taps, delays.tolist(), strict=True):
            if (delay - begin) % common:
                continue
            forever = step == 1 and np.isnan(tap)
            first = max((delay - begin + stride - 1) // stride, spoiled if forever else 0, 0)
            first += ((delay - begin) // common * inverse - first) % step
            last = min(y.size - 1, ((x.size - 1) * up + delay - begin) // stride)
            if first > last:
                continue
            start = (begin + first * stride - delay) // up
            outputs = y[first : last + 1 : step]
            outputs += tap * x[start : start + (outputs.size - 1) * hop + 1 : hop]
            if forever:  # NaN stays NaN: the next such tap can skip it
                spoiled = last + 1
