"""audioconv's functions behind the names and arguments of scipy.signal, so that scipy's own tests can call them.

Arguments are translated, nothing is computed in place of audioconv. Integers go through float64 and back, which is
exact below 2**53, halves through float32. What is complex, which audioconv refuses, goes through it as real and
imaginary parts. What audioconv does not offer raises `NotOfferedError`, which no test of scipy expects.
"""

from functools import wraps
from itertools import product

import numpy as np

import audioconv as ac

BOUNDARIES = {"fill": "zero", "symm": "reflect", "wrap": "wrap"}  # scipy: ours
calls = 0  # of audioconv, so that tests which never reach it are told apart


class NotOfferedError(Exception):
    """What is asked for is nothing that audioconv has; not a ValueError, which tests of wrong arguments wait for."""


def count():
    global calls
    calls += 1


def translated(*arrays):
    """Arrays in the dtypes that audioconv takes, and how to give the result the dtype that scipy's has."""
    arrays = [np.asarray(array) for array in arrays]
    dtype, wider = np.result_type(*arrays), {"b": "f8", "i": "f8", "u": "f8", "e": "f4"}
    arrays = [a.astype(wider.get(a.dtype.char if a.dtype.kind == "f" else a.dtype.kind, a.dtype)) for a in arrays]
    if dtype.kind in "biu":
        return arrays, lambda y: np.rint(y).astype(dtype)
    return arrays, (lambda y: y.astype(dtype)) if dtype.char == "e" else (lambda y: y)


def parts(array):
    """An array, or the real and imaginary part of a complex one, each with what it is multiplied by."""
    array = np.asarray(array)
    return [(1, array.real), (1j, array.imag)] if array.dtype.kind == "c" else [(1, array)]


def by_parts(convolution):
    """The convolution of the parts of complex arrays, put together: it is linear in both."""

    @wraps(convolution)
    def convolved(first, second, *args, **options):
        if not (np.iscomplexobj(first) or np.iscomplexobj(second)):
            return convolution(first, second, *args, **options)
        pairs = product(parts(first), parts(second))
        return sum(a * b * convolution(one, other, *args, **options) for (a, one), (b, other) in pairs)

    return convolved


def _conjugate(array):
    return np.conj(array) if np.iscomplexobj(array) else array


def _by_dimensions(x, h, mode, method):
    count()
    if x.ndim != h.ndim:
        raise ValueError("arrays have other numbers of dimensions")
    if x.ndim == 1:
        return ac.convolve(x, h, mode, method=method)
    if x.ndim == 2:
        return ac.convolve2d(x, h, mode, method="overlap_add" if method == "fft" else method)
    raise NotOfferedError(f"{x.ndim} dimensions")


@by_parts
def convolve(in1, in2, mode="full", method="auto"):
    (x, h), back = translated(in1, in2)
    return back(_by_dimensions(x, h, mode, method))


def correlate(in1, in2, mode="full", method="auto"):
    return _correlate(in1, _conjugate(in2), mode, method)


@by_parts
def _correlate(in1, in2, mode, method):
    (x, h), back = translated(in1, in2)
    if x.ndim == h.ndim == 1:
        count()
        return back(ac.correlate(x, h, mode, method=method))
    return back(_by_dimensions(x, np.flip(h), mode, method))


@by_parts
def fftconvolve(in1, in2, mode="full", axes=None, *, method="fft"):
    """Over some axes; audioconv's channels, or a loop over planes, are what scipy broadcasts over the others.

    A signal or a filter that is broadcast is mono.
    """
    (x, h), _ = translated(in1, in2)
    if axes is None:
        return _by_dimensions(x, h, mode, method)
    axes = [int(axis) % x.ndim for axis in np.atleast_1d(axes)] if x.ndim else []
    if not x.size or not h.size:
        return _by_dimensions(x, h, mode, method)
    if len(axes) > 2:
        raise NotOfferedError(f"{len(axes)} dimensions")
    x, h = (np.moveaxis(array, axes, range(len(axes))) for array in (x, h))
    others = np.broadcast_shapes(x.shape[len(axes) :], h.shape[len(axes) :])
    count()
    if len(axes) == 1:
        x, h = (a.reshape(len(a), 1) if a.size == len(a) else _flat(a, 1, others) for a in (x, h))
        y = ac.convolve(x, h, mode, method=method, axis=0)
    else:
        x, h = (_flat(array, 2, others) for array in (x, h))
        ways = {"method": "overlap_add" if method == "fft" else method}
        planes = [ac.convolve2d(x[..., k], h[..., k], mode, **ways) for k in range(x.shape[-1])]
        y = np.stack(planes, axis=-1)
    return np.moveaxis(y.reshape(*y.shape[: len(axes)], *others), range(len(axes)), axes)


def _flat(array, kept, others):
    """The axes from `kept` on, broadcast to the shape `others`, as one."""
    return np.broadcast_to(array, (*array.shape[:kept], *others)).reshape(*array.shape[:kept], -1)


@by_parts
def oaconvolve(in1, in2, mode="full", axes=None):
    (x, h), back = translated(in1, in2)
    y = fftconvolve(x, h, mode, axes, method="overlap_add")
    return back(y) if x.size == h.size == 1 else y  # scipy gives floats, but for one product


@by_parts
def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    (x, kernel), back = translated(in1, in2)
    count()
    if fillvalue != 0:
        raise NotOfferedError("a border of another value than zero")
    return back(ac.convolve2d(x, kernel, mode, boundary=BOUNDARIES.get(boundary, boundary)))


def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    return convolve2d(in1, _conjugate(np.flip(in2)), mode, boundary, fillvalue)


@by_parts
def upfirdn(h, x, up=1, down=1, axis=-1, mode="constant", cval=0):
    (h, x), _ = translated(h, x)
    count()
    if mode not in ("constant", "zero") or cval:
        raise NotOfferedError(f"what stands around the signal: {mode!r}")
    if x.ndim > 2:
        lines = np.moveaxis(x, axis, 0)
        y = ac.upfirdn(h, lines.reshape(len(lines), -1), up, down, axis=0)
        return np.moveaxis(y.reshape(len(y), *lines.shape[1:]), 0, axis)
    return ac.upfirdn(h, x, up, down, axis=axis)
