"""Biquad design: second-order sections of the usual shapes.

Bristow-Johnson, Audio EQ Cookbook (W3C Note, 2021).
"""

from collections.abc import Callable
from math import cos, pi, sin, sqrt
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array, ArrayLike
from audioconv.arrays import choice, number
from audioconv.errors import ArgumentError
from audioconv.stream.values import factor

Kind: TypeAlias = Literal["lowpass", "highpass", "bandpass", "notch", "allpass", "peak", "lowshelf", "highshelf"]
B0, B1, B2, A0, A1, A2, COLUMNS = range(7)  # columns of a section, as scipy.signal has them
_Design: TypeAlias = Callable[[float, float, float], list[float]]  # of cos(angle), alpha and the root of the gain


def section(kind: Kind, sample_rate: float, frequency_hz: float, q: float, gain_db: float) -> list[float]:
    """b0 b1 b2 a0 a1 a2 of a shape; see `Biquad.design`."""
    make = _SHAPES[choice(kind, "kind", tuple(_SHAPES))]
    frequency_hz, q = number(frequency_hz, "frequency_hz"), number(q, "q", above=0)
    if not 0 < frequency_hz < sample_rate / 2:
        raise ArgumentError(
            f"frequency_hz must be between 0 and half of the sample rate {sample_rate}, not {frequency_hz!r}"
        )
    factor(gain_db, "gain_db")
    angle = 2 * pi * frequency_hz / sample_rate
    return make(cos(angle), sin(angle) / (2 * q), 10 ** (gain_db / 40))


def _passing(b0: Callable[[float, float], float], b1: Callable[[float, float], float],
             b2: Callable[[float, float], float]) -> _Design:  # fmt: skip
    """Shapes with the poles of a plain resonance; b as functions of c = cos(angle) and alpha."""
    return lambda c, alpha, _: [b0(c, alpha), b1(c, alpha), b2(c, alpha), 1 + alpha, -2 * c, 1 - alpha]


def _peak(c: float, alpha: float, a: float) -> list[float]:
    return [1 + alpha * a, -2 * c, 1 - alpha * a, 1 + alpha / a, -2 * c, 1 - alpha / a]


def _shelf(side: int) -> _Design:
    """A shelf: side 1 at low frequencies, -1 at high ones."""

    def make(c: float, alpha: float, a: float) -> list[float]:
        c, slope = side * c, 2 * sqrt(a) * alpha
        up, down = a + 1 + (a - 1) * c, a + 1 - (a - 1) * c
        b1, a1 = 2 * a * (a - 1 - (a + 1) * c), -2 * (a - 1 + (a + 1) * c)
        return [a * (down + slope), side * b1, a * (down - slope), up + slope, side * a1, up - slope]

    return make


_SHAPES: dict[Kind, _Design] = {
    "lowpass": _passing(lambda c, _: (1 - c) / 2, lambda c, _: 1 - c, lambda c, _: (1 - c) / 2),
    "highpass": _passing(lambda c, _: (1 + c) / 2, lambda c, _: -1 - c, lambda c, _: (1 + c) / 2),
    "bandpass": _passing(lambda _, alpha: alpha, lambda *_: 0.0, lambda _, alpha: -alpha),
    "notch": _passing(lambda *_: 1.0, lambda c, _: -2 * c, lambda *_: 1.0),
    "allpass": _passing(lambda _, alpha: 1 - alpha, lambda c, _: -2 * c, lambda _, alpha: 1 + alpha),
    "peak": _peak,
    "lowshelf": _shelf(1),
    "highshelf": _shelf(-1),
}


def frequency_response(sos: Array, sample_rate: float, frequency_hz: ArrayLike) -> NDArray[np.complex128]:
    """The response of sections one after the other, at each frequency; see `Biquad.frequency_response`."""
    hz = np.asarray(frequency_hz)
    if hz.dtype.kind not in "iuf" or not (np.abs(hz) <= sample_rate / 2).all():
        raise ArgumentError(f"frequency_hz must be numbers up to half of the sample rate {sample_rate}, not "
                            f"{frequency_hz!r:.60}")  # fmt: skip
    delay = np.exp(-2j * np.pi * hz[..., None] / sample_rate)  # z^-1, a column for each section
    above = sos[:, B0] + delay * (sos[:, B1] + delay * sos[:, B2])
    below = sos[:, A0] + delay * (sos[:, A1] + delay * sos[:, A2])
    response: NDArray[np.complex128] = (above / below).prod(axis=-1)
    return response
