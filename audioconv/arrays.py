"""Checks on arrays, and the two forms in which kernels take them: read-only in, writable out.

One form for inputs means one compiled signature a dtype, whether the caller's array was strided, read-only or not.
"""

import numbers

import numpy as np

from audioconv.errors import ArgumentError, DtypeError, ShapeError

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def floating(x, name, dims=None):
    """Return `x` as an array of float32 or float64, or say what is wrong with it.

    Parameters
    ----------
    x : array_like
    name : str
        What to call it in a message.
    dims : tuple of int, optional
        The numbers of dimensions that are allowed.

    Raises
    ------
    DtypeError
        For integer, half, complex, object and other arrays: nothing is rescaled silently.
    ShapeError
        For another number of dimensions.
    """
    array = np.asarray(x)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in FLOATS:
        if array.dtype.kind == "i":
            advice = f"; for samples of full scale divide: x.astype('float32') / {np.iinfo(array.dtype).max + 1}"
        else:
            advice = "; convert it with x.astype('float32')"
        raise DtypeError(f"{name} must be float32 or float64, not {array.dtype}{advice}")
    if dims is not None and array.ndim not in dims:
        wanted = " or ".join(str(d) for d in dims)
        raise ShapeError(f"{name} must have {wanted} dimension(s), not {array.ndim} (shape {array.shape})")
    return array


def float_dtype(dtype):
    """Return `dtype` as float32 or float64, or say what is wrong with it."""
    try:
        return FLOATS[FLOATS.index(np.dtype(dtype))]
    except (TypeError, ValueError):
        raise ArgumentError(f"dtype must be 'float32' or 'float64', not {dtype!r}") from None


def frozen(x, dtype=None):
    """The form of a kernel's input: contiguous, aligned, read-only; copied only where it must be."""
    ready = type(x) is np.ndarray and (dtype is None or x.dtype == dtype) and x.flags.c_contiguous and x.flags.aligned
    view = x if ready else np.require(x, dtype=dtype, requirements="CA").view(np.ndarray)  # which takes 2 us
    if view.flags.writeable:
        view = view.view()
        view.flags.writeable = False
    return view


def whole(value, name, least=1):
    """Return `value` as an int of at least `least`, or say what is wrong with it."""
    if type(value) is int and value >= least:
        return value
    is_number = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not is_number or not np.isfinite(value) or value != value // 1:
        raise ArgumentError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise ArgumentError(f"{name} must be at least {least}, not {value!r}")
    return int(value)


def choice(value, name, allowed):
    """Return `value` if it is one of `allowed`, or say which there are."""
    if value not in allowed:
        raise ArgumentError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
    return value


def aligned(size, dtype):
    """A new array of `size` elements that begins on a cache line, as NumPy's own do only by chance."""
    line = 64 // np.dtype(dtype).itemsize
    memory = np.empty(size + line, dtype)
    start = -memory.ctypes.data % 64 // memory.itemsize
    return memory[start : start + size]
