"""The names that parameters of convolutions and transforms take, as types for tools and as tuples to check against."""

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
