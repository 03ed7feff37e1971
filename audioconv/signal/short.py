"""Short signals: where the checks and plans of a call would take longer than its sums of products.

Each function that has a short way, `convolve`, `correlate`, `Fir.convolve`, `upfirdn` and `convolve2d`, works so: by
the shapes and dtype of its two arrays and by its settings it looks up a plan, which is cached, with the entry of a
kernel (`kernels.dsp.entry`), makes the array of the result, and calls. What is not two arrays of one dtype, or
has settings that are unusual or wrong, or is no short signal, has no plan: the long way then does it, or says what is
wrong. Both give the same bits.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from audioconv._typing import Array, FloatName
from audioconv.kernels.dsp.entry import entry
from audioconv.kernels.dsp.short import fir_short
from audioconv.signal import cost
from audioconv.signal.options import MODES, Method, Mode, output_range

NAMES: dict[Any, FloatName] = {np.dtype(np.float32): "float32", np.dtype(np.float64): "float64"}
ndarray, empty = np.ndarray, np.empty  # an attribute of a module takes 20 ns


def plain(array: Any) -> Array:
    """An array as kernels without checks take it: contiguous and aligned; a copy if it is not, or read-only."""
    found: Array = array if array.flags.carray else array.copy()
    return found


# The number of taps, first output of the full result, outputs, dtype, kernel; a named tuple takes 60 ns more to unpack.
_Plan: TypeAlias = tuple[int, int, int, np.dtype[Any], Callable[..., int]]


@cost.cached_choice
def _plan(x: tuple[int, ...], h: tuple[int, ...], dtype: np.dtype[Any], mode: Mode, method: Method) -> _Plan | None:
    """The plan for shapes, if the direct method is wanted, or right where no tap is zero."""
    if not len(x) == len(h) == 1 or dtype not in NAMES or mode not in MODES or not cost.is_short(x[0], h[0]):
        return None
    begin, count = output_range(mode, x[0], h[0])
    best = cost.choose(x[0], h[0], begin, count, NAMES[dtype])[0].method if method == "auto" else method
    if best != "direct":
        return None
    y = empty(2, dtype)
    any_strides = y[::2]
    return h[0], begin, count, dtype, entry(fir_short, any_strides, any_strides, 0, 0, y)


def convolve_short(x: Any, h: Any, mode: Mode, method: Method, flip: int = 0) -> Array | None:
    """Convolve few samples by the direct method, if it is wanted or the one that should be fastest.

    Parameters
    ----------
    x, h : object
        What the caller gave.
    mode : {"full", "same", "valid", "causal"}
    method : {"auto", "direct", "sparse", "overlap_add", "fft"}
    flip : int
        1: correlate, by reversing h.

    Returns
    -------
    y : float array, or None
        None: nothing was done, and `Filter` has to do it, or to say what is wrong.
    """
    if type(x) is not ndarray or type(h) is not ndarray or x.dtype is not h.dtype:
        return None
    try:
        plan = _plan(x.shape, h.shape, x.dtype, mode, method)
    except TypeError:  # a mode or method that has no hash is wrong
        return None
    if plan is None:
        return None
    taps, begin, count, dtype, fir = plan
    if flip and taps > x.size:
        h, flip = h[::-1].copy(), 0
    y: Array = empty(count, dtype)
    nonzero = fir(x, h, flip, begin, y)
    if nonzero == -2:  # not contiguous
        nonzero = fir(x.copy(), h.copy(), flip, begin, y)
    if nonzero == taps or (nonzero >= 0 and method == "direct"):
        return y
    if nonzero < 0:
        return None
    best = cost.choose(x.size, taps, begin, count, NAMES[dtype], nonzero=nonzero)[0]
    return y if best.method == "direct" else None
