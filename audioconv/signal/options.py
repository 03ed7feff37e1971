"""The names that parameters of convolutions and transforms take, for tools and to check against; what modes mean."""

from typing import Literal, TypeAlias, get_args

Mode: TypeAlias = Literal["full", "same", "valid", "causal"]
Method: TypeAlias = Literal["auto", "direct", "sparse", "overlap_add", "fft"]
Method2d: TypeAlias = Literal["auto", "direct", "separable", "overlap_add"]
Boundary: TypeAlias = Literal["zero", "reflect", "mirror", "edge", "wrap"]
Padding: TypeAlias = Literal["zeros", "edge", "even", "odd"]
Scaling: TypeAlias = Literal["magnitude", "psd"]
Pair: TypeAlias = int | tuple[int, int]

MODES: tuple[Mode, ...] = get_args(Mode)
METHODS: tuple[Method, ...] = get_args(Method)
METHODS_2D: tuple[Method2d, ...] = get_args(Method2d)
BOUNDARIES: tuple[Boundary, ...] = get_args(Boundary)
PADDINGS: tuple[Padding, ...] = get_args(Padding)
SCALINGS: tuple[Scaling, ...] = get_args(Scaling)


def output_range(mode: Mode, samples: int, taps: int) -> tuple[int, int]:
    """(first output of the full result, number of outputs) of a mode."""
    if mode == "full":
        return 0, samples + taps - 1
    if mode == "same":
        return (taps - 1) // 2, samples
    if mode == "causal":
        return 0, samples
    return min(samples, taps) - 1, abs(samples - taps) + 1
