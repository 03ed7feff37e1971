"""FFTW from Python, by a small harness in C (fftw_harness.c) that is compiled on first use: single transforms, and
convolution by overlap-save. Each is the fastest of several variants and sizes, planned by measurement beforehand."""

import ctypes
import subprocess
import tempfile
from functools import cache, partial
from pathlib import Path

import numpy as np
from side_by_side import least_s

from audioconv.arrays import aligned

SOURCE = Path(__file__).with_name("fftw_harness.c")
LIBRARIES = {"float32": "fftw3f", "float64": "fftw3"}
MEASURE, PATIENT, NO_LIMIT = 0, 1 << 5, -1.0
PATIENCE_S = 2.0  # for the plan of one transform; FFTW keeps the best that it has found by then


@cache
def missing():
    """Why FFTW cannot be used here, or "" if it can."""
    try:
        for dtype in LIBRARIES:
            library(dtype)
    except FileNotFoundError:
        return "gcc is not installed"
    except subprocess.CalledProcessError as error:
        return "libfftw3-dev is not installed, or gcc failed: " + error.stderr.strip().splitlines()[0]
    return ""


@cache
def library(dtype):
    """The harness for one dtype ("float32" or "float64"), compiled for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "harness.so"
        flags = ["-O3", "-march=native", "-shared", "-fPIC", *(["-DSINGLE"] if dtype == "float32" else [])]
        command = ["gcc", *flags, SOURCE, "-o", built, "-l" + LIBRARIES[dtype]]
        subprocess.run(command, check=True, capture_output=True, text=True)
        harness = ctypes.CDLL(built)
    pointer, integer, long, double = ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_double
    array = np.ctypeslib.ndpointer(dtype, flags="C")  # checks what it is given
    for name, result, arguments in (
        ("single_plan", pointer, (integer, integer, integer, array, array, ctypes.c_uint, double)),
        ("single_s", double, (pointer, integer)),
        ("single_free", None, (pointer,)),
        ("saver_new", pointer, (long, long, integer, ctypes.c_uint)),
        ("saver_run", None, (pointer, array, long, array, array)),
        ("saver_free", None, (pointer,)),
    ):
        getattr(harness, name).restype, getattr(harness, name).argtypes = result, arguments
    return harness


class Transform:
    """One planned forward transform of n points: fill `input`, call `seconds`, see `output`.

    Complex numbers are interleaved, or `split` into all real parts and then all imaginary parts.
    """

    def __init__(self, n, dtype, *, real, split, in_place, flags=MEASURE, limit_s=NO_LIMIT):
        self.n, self.real, self.split = n, real, split
        self._library = library(dtype)
        self.input = aligned(2 * n + 2, dtype)
        self.output = self.input if in_place else aligned(2 * n + 2, dtype)
        self._plan = self._library.single_plan(n, real, split, self.input, self.output, flags, limit_s)
        self.input[:] = 0  # planning wrote into it; in place, transforms of anything else would grow without end
        self.name = f"{'split' if split else 'interleaved'}, {'in place' if in_place else 'out of place'}"

    def __del__(self):
        self._library.single_free(self._plan)

    def seconds(self, repeats):
        """Mean time of a transform among `repeats`, measured in C."""
        return self._library.single_s(self._plan, repeats)

    def bins(self, x):
        """The spectrum of x, to check that this is a transform at all."""
        self.input[: 2 * self.n] = self._flat(x)
        self.seconds(1)
        bins = self.n // 2 + 1 if self.real else self.n
        parts = self.output[: 2 * bins]
        re, im = parts.reshape(2, bins) if self.split else parts.reshape(bins, 2).T
        result = re + 1j * im
        self.input[:] = 0
        return result

    def _flat(self, x):
        if self.real:
            return np.concatenate((x, np.zeros_like(x)))
        return np.stack((x.real, x.imag), axis=0 if self.split else 1).ravel()


def best_transform(n, dtype, *, real):
    """The fastest of FFTW's plans for n points: interleaved or split, in or out of place, by MEASURE and by PATIENT."""
    variants = [
        Transform(n, dtype, real=real, split=split, in_place=in_place, flags=flags, limit_s=limit_s)
        for split in (False, True)
        for in_place in (False, True)
        if not (real and split and in_place)  # its two halves of n/2 + 1 do not fit into n samples
        for flags, limit_s in ((MEASURE, NO_LIMIT), (PATIENT, PATIENCE_S))
    ]
    repeats = max(4, 300_000 // n)
    return min(variants, key=lambda each: min(each.seconds(repeats) for _ in range(9)))


class OverlapSave:
    """Convolution of one real signal by blocks of `size`: r2c, product, c2r. The filter's transform is part of a call.

    The plans, and the array that the result is written to, are made beforehand.
    """

    def __init__(self, samples, taps, dtype, size, in_place):
        self.samples, self.taps, self.size = samples, taps, size
        self._library = library(dtype)
        self._saver = self._library.saver_new(taps, size, in_place, MEASURE)
        self._output = aligned(samples + taps - 1, dtype)

    def __del__(self):
        self._library.saver_free(self._saver)

    def __call__(self, x, h):
        assert (x.size, h.size) == (self.samples, self.taps)
        self._library.saver_run(self._saver, x, x.size, h, self._output)
        return self._output


def overlap_save(x, h):
    """Convolution of signals and filters like x and h, at the best size."""
    dtype = x.dtype.name
    return OverlapSave(x.size, h.size, dtype, *_best_size(x.size, h.size, dtype))


@cache
def _best_size(samples, taps, dtype):
    """The fastest (size, in_place) among the sizes 2^k and 3 * 2^k.

    Sizes beyond 2^19 are left out: up to one block for the whole of 30 s they took 1.2 to 6 times as long as the best
    size, and each plan half a minute or more.
    """
    x, h = (np.random.default_rng(0).standard_normal(size).astype(dtype) for size in (samples, taps))
    least = {}
    for size in sorted(factor << k for factor in (2, 3) for k in range(7, 19)):
        if 1.3 * taps <= size <= min(max(4096, 32 * taps), 2**19):
            for in_place in (False, True):
                way = OverlapSave(samples, taps, dtype, size, in_place)
                least[size, in_place] = least_s(partial(way, x, h), 5)
    return min(least, key=least.get)
