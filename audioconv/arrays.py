"""Checks on arrays, and the two forms in which kernels take them: read-only in, writable out.

One form for inputs means one compiled signature a dtype, whether the caller's array was strided, read-only or not.
"""

import math
import numbers
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeAlias, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from audioconv._typing import Array, ArrayLike, DTypeLike, FloatArray
from audioconv._wording import counted, none_of
from audioconv.errors import ArgumentError, DtypeError, ShapeError

FLOATS: tuple[np.dtype[np.floating[Any]], ...] = (np.dtype(np.float32), np.dtype(np.float64))
RandomState: TypeAlias = (
    int | np.random.RandomState | np.random.Generator | np.random.BitGenerator | np.random.SeedSequence | None
)
_Name = TypeVar("_Name", bound=str)
_Scalar = TypeVar("_Scalar", bound=np.generic)


def floating(x: ArrayLike, name: str, dims: tuple[int, ...] | None = None) -> FloatArray:
    """Return `x` as an array of float32 or float64, or raise an error that says why.

    Parameters
    ----------
    x : array_like
    name : str
        Its name in error messages.
    dims : tuple of int, optional
        The numbers of dimensions that are allowed.

    Returns
    -------
    array : float array
        A view of `x` where it is an array in the machine's own byte order.

    Raises
    ------
    DtypeError
        For integer, half, complex, object and other arrays: nothing is rescaled silently.
    ShapeError
        For another number of dimensions.

    Examples
    --------
    >>> floating([0.5, 1.0], "x", dims=(1, 2)).dtype
    dtype('float64')
    """
    array = np.asarray(x)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in FLOATS:
        if array.dtype == np.int64:  # as lists of Python's whole numbers are; no sound file has such samples
            advice = "; give floats: np.asarray(x, 'float32'), and samples with 1.0 as full scale"
        elif array.dtype.kind == "i":
            advice = f"; for samples of full scale divide: x.astype('float32') / {np.iinfo(array.dtype).max + 1}"
        else:
            advice = "; convert it with x.astype('float32')"
        raise DtypeError(f"{name} must be float32 or float64, not {array.dtype}{advice}")
    if dims is not None and array.ndim not in dims:
        expected = " or ".join([*map(str, dims[:-1]), counted(dims[-1], "dimension")])
        raise ShapeError(f"{name} must have {expected}, not {array.ndim} (shape {array.shape})")
    return array


MOST_CHANNELS = 64  # more are taken for samples, unless `axis` is given


def time_first(x: NDArray[_Scalar], name: str, axis: int | None = None) -> NDArray[_Scalar]:
    """Return a signal with time along axis 0, or refuse one that has it along the other.

    Parameters
    ----------
    x : float array, shape (samples,) or (samples, channels), or as `axis` says
    name : str
        Its name in error messages.
    axis : int, optional
        The axis of time. None is 0 with a check: an array with more channels than samples, or more than 64 channels, is
        refused, because it is probably channels first.

    Returns
    -------
    view : array, shape (samples,) or (samples, channels)

    Raises
    ------
    ShapeError
    """
    if axis is not None:
        if (type(axis) is not int and not isinstance(axis, numbers.Integral)) or not -x.ndim <= axis < x.ndim:
            raise ShapeError(f"axis must be an axis of {name}, which has {counted(x.ndim, 'dimension')}, not {axis!r}")
        return np.moveaxis(x, axis, 0)
    if x.ndim == 2 and x.shape[0] and (x.shape[1] > x.shape[0] or x.shape[1] > MOST_CHANNELS):
        samples, channels = x.shape
        raise ShapeError(
            f"{name} has shape {x.shape}: {channels} channels of {counted(samples, 'sample')}? Wanted is "
            f"(samples, channels); give {name}.T if it is (channels, samples), or axis=0 if it is meant so"
        )
    return x


def float_dtype(dtype: DTypeLike) -> np.dtype[np.floating[Any]]:
    """Return `dtype` as float32 or float64, or raise an error that says why."""
    try:
        return FLOATS[FLOATS.index(np.dtype(dtype))]
    except (TypeError, ValueError):
        raise ArgumentError(f"dtype must be 'float32' or 'float64', not {dtype!r}") from None


def frozen(x: ArrayLike, dtype: DTypeLike | None = None) -> Array:
    """The form of a kernel's input: contiguous, aligned, read-only; copied only where it must be."""
    view: Array
    if type(x) is np.ndarray and (dtype is None or x.dtype == dtype) and x.flags.c_contiguous and x.flags.aligned:
        view = x
    else:
        view = np.require(x, dtype=dtype, requirements=("C", "A")).view(np.ndarray)  # which takes 2 us
    if view.flags.writeable:
        view = view.view()
        view.flags.writeable = False
    return view


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a real number: no bool, no text, no array of one dimension or more."""
    if getattr(value, "ndim", None) == 0:
        value = value.item()
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value is a real number, and one that a float can hold."""
    try:
        return is_number(value) and math.isfinite(value)
    except OverflowError:  # of an int
        return False


def whole(value: object, name: str, least: int = 1) -> int:
    """Return `value` as an int of at least `least`, or raise an error that says why."""
    if type(value) is int and value >= least:
        return value
    if not is_finite(value) or value != value // 1:
        raise ArgumentError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise ArgumentError(f"{name} must be at least {least}, not {value!r}")
    return int(value)


def pair(value: object, name: str, least: int = 1, axes: str = "(time, freq)") -> tuple[int, int]:
    """Return two ints of at least `least`, from an int or a pair, or raise an error that says why."""
    both = value if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2:
        raise ArgumentError(f"{name} must be a whole number or {axes}, not {value!r}")
    return whole(both[0], name, least), whole(both[1], name, least)


def sizes(value: object, name: str) -> tuple[int, ...]:
    """Return `value`, the shape of an array, as a tuple of ints, or raise an error that says why."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ArgumentError(f"{name} must be a tuple of whole numbers, not {value!r}")
    return tuple(whole(size, f"a size in {name}", 0) for size in value)


def number(
    value: object,
    name: str,
    least: float | None = None,
    most: float | None = None,
    *,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a float within a range, or raise an error that says why.

    Parameters
    ----------
    value : float
        Finite; no bool and no text.
    name : str
        Its name in error messages.
    least, most : float, optional
        Inclusive bounds.
    above, below : float, optional
        Exclusive bounds.

    Returns
    -------
    value : float

    Raises
    ------
    ArgumentError

    Examples
    --------
    >>> number(1, "rate", above=0)
    1.0
    """
    bounds = [("at least", least), ("above", above), ("at most", most), ("below", below)]
    expected = " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)
    if not is_finite(value):
        raise ArgumentError(f"{name} must be a finite number{expected and f' {expected}'}, not {value!r}")
    value = float(value)
    low = (least is None or value >= least) and (above is None or value > above)
    high = (most is None or value <= most) and (below is None or value < below)
    if not (low and high):
        raise ArgumentError(f"{name} must be {expected}, not {value!r}")
    return value


def interval(value: object, name: str, least: float | None = None, most: float | None = None) -> tuple[float, float]:
    """Return `value` as two floats low <= high within a range, or raise an error that says why."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise ArgumentError(f"{name} must be two numbers, the lowest and the highest, not {value!r}")
    low, high = (number(end, name, least, most) for end in value)
    if low > high:
        raise ArgumentError(f"{name} must be the lowest and then the highest number, not {value!r}")
    return low, high


def one_for_each(values: ArrayLike, name: str, count: int) -> NDArray[np.float64]:
    """Return `count` numbers, of an array of them or of a single one for all, or raise an error that says why."""
    try:
        return np.array(np.broadcast_to(np.asarray(values, np.float64), count))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} must be a number, or {count} of them, one a label, not {values!r}") from error


def seed_of(random_state: RandomState, name: str = "random_state") -> int:
    """A seed, as an int of at least 0, from a `random_state` of any kind that scikit-learn takes.

    Parameters
    ----------
    random_state : None, int, numpy.random.RandomState, Generator, BitGenerator or SeedSequence
        None gives 0, an int of any size itself. From the others a seed is drawn: a new one by each call from a
        RandomState or Generator.
    name : str
        Its name in error messages.

    Returns
    -------
    seed : int

    Raises
    ------
    ArgumentError

    Examples
    --------
    >>> seed_of(None), seed_of(20250101), seed_of(np.random.RandomState(0))
    (0, 20250101, 209652396)
    """
    if random_state is None:
        return 0
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))  # as scikit-learn draws them for its ensembles
    if isinstance(random_state, np.random.BitGenerator):
        random_state = np.random.Generator(random_state)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.SeedSequence):
        return int(random_state.generate_state(1, np.uint64)[0])
    if isinstance(random_state, numbers.Real):
        return whole(random_state, name, 0)
    raise ArgumentError(f"{name} must be None, a whole number from 0, or a RandomState or Generator of NumPy, "
                        f"not {random_state!r}")  # fmt: skip


def choice(value: object, name: str, allowed: Collection[_Name]) -> _Name:
    """Return a text if it is one of `allowed`, or raise an error that lists these."""
    if not isinstance(value, str) or value not in allowed:
        raise ArgumentError(none_of(name, value, allowed))
    return value  # type: ignore[return-value]  # one of `allowed`, as was just checked


def result_array(out: object, shape: tuple[int, ...], dtype: DTypeLike, inputs: Mapping[str, Array]) -> Array:
    """Return `out`, if it can take a result, or a new array if it is None.

    Parameters
    ----------
    out : object
        What a caller gave.
    shape : tuple of int
        Of the result.
    dtype : dtype of the result
    inputs : dict
        By the names of parameters, arrays that are still read when the first results are written.

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
        If `out` is no array of that dtype; is of another shape, read-only or not contiguous; shares memory with inputs.
    """
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        raise DtypeError(f"out must be an array of {np.dtype(dtype)}, not {getattr(out, 'dtype', type(out).__name__)}")
    if out.shape != shape or not (out.flags.carray and out.flags.writeable):
        raise ShapeError(f"out must be a writable contiguous array of shape {shape}, not one of {out.shape}")
    for name, array in inputs.items():
        if np.may_share_memory(out, array):
            raise ArgumentError(f"out shares memory with {name}, which is still read when the first outputs are there")
    return out


def aligned(size: int, dtype: DTypeLike) -> Array:
    """A new array of `size` elements that begins on a cache line, as NumPy's own do only by chance."""
    line = 64 // np.dtype(dtype).itemsize
    memory = np.empty(size + line, dtype)
    start = -memory.ctypes.data % 64 // memory.itemsize
    return memory[start : start + size]
