"""Single transforms, complex and real, against the best plan of FFTW: in cache, one thread, loops compiled for both."""

import fftw
import numba
import numpy as np
from side_by_side import check_equal, medians_s, show

from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp import _fft as kernels
from audioconv.kernels.dsp.passes import work_size

SIZES = tuple(2**k for k in range(8, 17))
MOST_ERROR = {"float32": 1e-6, "float64": 2e-15}
REPEATS = 31
POINTS = 400_000  # in one measurement, so that it takes about a millisecond or two


@numba.njit(nogil=True)
def complex_loop(x, header, table, work, y, repeats):
    start, middle = np.int64(0), np.int64(y.size // 2)
    for _ in range(repeats):
        kernels.fft(x, start, middle, start, header, table, work, y, start, middle)


@numba.njit(nogil=True)
def real_loop(x, header, table, work, y, repeats):
    for _ in range(repeats):
        kernels.rfft(x, y, work, header, table)


class Ours:
    """Transform of n points by the kernels of this package: `run(repeats)` many times, of the x given to `bins(x)`."""

    def __init__(self, n, dtype, *, real):
        self.real = real
        size = n if real else 2 * n
        self._x, self._y, self._work = (aligned(length, dtype) for length in (size, size, work_size(size)))
        self._plan = kernels.plan_real(n, dtype) if real else kernels.plan(n, dtype)

    def run(self, repeats):
        loop = real_loop if self.real else complex_loop
        loop(frozen(self._x), *self._plan, self._work, self._y, repeats)

    def bins(self, x):
        """The spectrum of x, to check it."""
        self._x[:] = x if self.real else np.concatenate((x.real, x.imag))
        self.run(1)
        re, im = self._y.reshape(2, -1)
        if not self.real:
            return re + 1j * im
        # the last bin, which is real as the first is, stands where the imaginary part of the first would
        return np.concatenate((re[:1], re[1:] + 1j * im[1:], im[:1]))


def main(options):
    if fftw.missing():
        print(f"nothing to compare with: {fftw.missing()}")
        return []
    rows = [row(n, dtype, real) for real in (False, True) for dtype in ("float32", "float64") for n in SIZES]
    show("One forward transform (GFLOP/s: 5 n log2 n of a complex one, half of it of a real one)", rows)
    for kind in ("complex", "real"):
        for dtype in ("float32", "float64"):
            ratios = [row["FFTW / ours"] for row in rows if (row["transform"], row["dtype"]) == (kind, dtype)]
            mean = np.exp(np.mean(np.log(ratios)))
            print(f"{kind} {dtype}: FFTW / ours is {mean:.2f} on (geometric) average, {min(ratios):.2f} at the least")
    return rows


def row(n, dtype, real):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(n).astype(dtype)
    if not real:
        x = x + 1j * rng.standard_normal(n).astype(dtype)
    exact = np.fft.rfft(x.astype(float)) if real else np.fft.fft(x.astype(complex))
    ours, theirs = Ours(n, dtype, real=real), fftw.best_transform(n, dtype, real=real)
    error = check_equal(ours.bins(x), exact, MOST_ERROR[dtype])
    check_equal(theirs.bins(x), exact, MOST_ERROR[dtype])
    repeats = POINTS // n
    times_s = medians_s({"ours": lambda: ours.run(repeats), "FFTW": lambda: theirs.seconds(repeats)}, REPEATS)
    operations = (2.5 if real else 5.0) * n * np.log2(n) * repeats
    return {
        "transform": "real" if real else "complex",
        "dtype": dtype,
        "n": n,
        "audioconv us": 1e6 * times_s["ours"] / repeats,
        "FFTW us": 1e6 * times_s["FFTW"] / repeats,
        "audioconv GFLOP/s": operations / times_s["ours"] / 1e9,
        "FFTW GFLOP/s": operations / times_s["FFTW"] / 1e9,
        "FFTW / ours": times_s["FFTW"] / times_s["ours"],
        "error / maximum": error,
        "FFTW's plan": theirs.name,
    }
