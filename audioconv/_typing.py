"""Types that many parts use: arrays, dtypes, what names a file."""

import os
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = [
    "Array",
    "ArrayLike",
    "ComplexArray",
    "DTypeLike",
    "Float32Array",
    "FloatArray",
    "FloatName",
    "IntArray",
    "Path",
    "Progress",
]

Array: TypeAlias = NDArray[Any]
Float32Array: TypeAlias = NDArray[np.float32]
FloatArray: TypeAlias = NDArray[np.float32] | NDArray[np.float64]
ComplexArray: TypeAlias = NDArray[np.complex64] | NDArray[np.complex128]
IntArray: TypeAlias = NDArray[np.int64]
FloatName: TypeAlias = Literal["float32", "float64"]
Path: TypeAlias = str | os.PathLike[str]
Progress: TypeAlias = Callable[..., Any]
