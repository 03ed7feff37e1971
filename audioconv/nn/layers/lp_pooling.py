"""Lp pools: the p-norm over windows of time and frequency."""

from collections.abc import Mapping
from math import isfinite
from typing import ClassVar

import numpy as np

from audioconv._typing import DTypeLike
from audioconv.arrays import is_number
from audioconv.errors import ArgumentError
from audioconv.nn.layers.pooling import Pool
from audioconv.nn.layers.windows import Padding1d, Padding2d, Size2d
from audioconv.nn.settings import Check


def _power(p: object, name: str) -> float:
    """p of an Lp pool, as it is kept."""
    if not (is_number(p) and p >= 1 and isfinite(p)):
        raise ArgumentError(f"p must be a number from 1, not {p!r}; the limit of large p is MaxPool of |x|")
    return float(p)


class _LpPool(Pool):
    kind = "lp"
    count_include_pad = True
    _checks: ClassVar[Mapping[str, Check]] = {**Pool._checks, "power": _power}

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None,
        padding: Padding2d,
        p: float,
        ceil_mode: bool,
        signed: bool,
        dtype: DTypeLike,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, dtype)
        self.power, self.signed = p, signed

    @property
    def p(self) -> float:
        """The power of the norm (PyTorch's norm_type)."""
        return self.power

    @p.setter
    def p(self, p: float) -> None:
        self.power = p


class LpPool1d(_LpPool):
    """(sum of |x|**p over the window)**(1 / p): the p-norm of the window, not a mean; zeros pad.

    PyTorch's LPPool sums x**p, with its sign, which is the same for even p. It is here with signed=True: for p = 1 the
    plain sum; for other odd p NaN where the sum is negative, and for p that are not whole where an element is. As
    there, the sum of a window that `ceil_mode` adds counts as if its missing elements were like those that it has.

    Parameters
    ----------
    kernel_size : int
        Steps of a window (PyTorch's kernel_size).
    stride : int, optional
        From a window to the next; default: `kernel_size`.
    padding : int, (left, right), "same", "valid", "causal" or "same_keras"
        As for the convolutions, at most kernel_size - 1 a side, so that every window overlaps the input.
    p : float
        At least 1 (PyTorch's norm_type).
    ceil_mode : bool
        Whether a last window that the end cuts off counts, too, if it begins before the padding at the end.
    signed : bool
        Whether to sum x**p, as PyTorch does, in place of |x|**p.
    dtype : float32 or float64
        Of inputs and outputs.

    Raises
    ------
    ArgumentError, ShapeError
        For numbers out of range, and for padding that a window fits into.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.LpPool1d(2).forward(np.array([[[3.0], [-4.0], [0.0], [2.0]]])).ravel()
    array([5., 2.], dtype=float32)
    """

    def __init__(
        self,
        kernel_size: int,
        stride: int | None = None,
        padding: Padding1d = "valid",
        p: float = 2.0,
        *,
        ceil_mode: bool = False,
        signed: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding, p, ceil_mode, signed, dtype)


class LpPool2d(_LpPool):
    """(sum of |x|**p over the window)**(1 / p): the p-norm of the window, not a mean; zeros pad.

    As `LpPool1d`, with a number for both axes or (time, freq).

    Parameters
    ----------
    kernel_size : int or (time, freq)
        Steps of a window along time and frequency (PyTorch's kernel_size).
    stride : int or (time, freq), optional
        From a window to the next; default: `kernel_size`.
    padding : one for both, or (time, freq), each as of `Conv1d`
        As for the convolutions, at most kernel_size - 1 a side, so that every window overlaps the input.
    p : float
        At least 1 (PyTorch's norm_type).
    ceil_mode : bool
        Whether a last window that the end cuts off counts, too, if it begins before the padding at the end.
    signed : bool
        Whether to sum x**p, as PyTorch does, in place of |x|**p.
    dtype : float32 or float64
        Of inputs and outputs.

    Raises
    ------
    ArgumentError, ShapeError
        For numbers out of range, and for padding that a window fits into.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.LpPool2d((2, 1)).forward(np.zeros((1, 10, 5, 3))).shape
    (1, 5, 5, 3)
    """

    dims = (4,)

    def __init__(
        self,
        kernel_size: Size2d,
        stride: Size2d | None = None,
        padding: Padding2d = "valid",
        p: float = 2.0,
        *,
        ceil_mode: bool = False,
        signed: bool = False,
        dtype: DTypeLike = np.float32,
    ) -> None:
        super().__init__(kernel_size, stride, padding, p, ceil_mode, signed, dtype)
