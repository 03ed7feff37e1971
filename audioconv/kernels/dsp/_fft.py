"""Complex and real fast Fourier transform (FFT) in natural order, real and imaginary parts in separate arrays.

A complex transform of n = lanes * m points takes `lanes` neighbours as one vector, so that an m-point transform of
vectors (`passes`, no shuffle at all) does `lanes` decimated transforms at once (six-step FFT):

    X[c + m d] = sum_b  W_lanes^(b d)  W_n^(b c)  Y_b[c]        (b, d < lanes; c < m)

where Y_b is the m-point transform of x[b], x[b + lanes], ... A square of vectors is then transposed, so that lane
number becomes row number, multiplied by the twiddles W_n^(b c), and transformed along the rows. The passes leave Y_b[c]
at c with its digits reversed; the first radix is a multiple of `lanes`, so that the rows of a square are equally far
apart.

The inverse transform is the forward one with real and imaginary part exchanged on both sides.
A real transform of n points is a complex one of n / 2 (even samples real, odd ones imaginary), then split into the
spectra of even and odd samples. Transforms too small for a square are done by the definition (naive DFT).

References: Van Loan, Computational Frameworks for the FFT (1992), sections 2.4, 3.3, 4.3.
"""

from functools import lru_cache

import numpy as np

from audioconv.kernels._jit import inner, kernel, part
from audioconv.kernels.dsp.butterfly import dft, multiply_twiddles
from audioconv.kernels.dsp.passes import (
    PASS,
    PASS_SIZE,
    PLAN,
    descend,
    first_pass,
    joined_table,
    plan_levels,
    precision_for,
    roots,
    smooth,
)
from audioconv.kernels.simd.vector import (
    LANES,
    at,
    fma,
    lanes,
    load,
    load_rows,
    reverse_lanes,
    splat,
    store,
    store_rows,
    transpose,
    zip_high,
    zip_low,
)
from audioconv.kernels.simd.views import read_only_view


def _complex_plan(points, dtype):
    width, precision = LANES[dtype], precision_for(dtype)
    if points % width**2:  # no passes at all: the twiddles of the naive DFT
        twiddles = roots(np.arange(points) / np.longdouble(points), precision)
        header = PLAN.pack(points=points, depth=0, chunk_pass=0, chunk=0, leaf_twiddles=0)
        return np.array(header, np.int64), [twiddles.real, twiddles.imag]
    header, tables, _ = plan_levels(points, width, 0.0, precision)
    m, radices = points // width, header[PASS.radix :: PASS_SIZE]
    places, rest = 0, np.arange(0, m, width)
    for radix, span in zip(radices, m // np.cumprod(radices), strict=True):
        places, rest = places + rest % radix * span, rest // radix
    b, c = np.arange(1, width), np.arange(0, m, width)[:, None] + np.arange(width)
    across = roots(b[:, None] * c[:, None, :] / np.longdouble(points), precision)
    tables.append(np.stack((across.real, across.imag), axis=1).ravel())
    return np.concatenate((header, 2 * width * places)), tables


@lru_cache(64)
def plan(points, dtype):
    """Plan (header, twiddle table) of complex transforms of `points` points: 2^k or 3 2^k, from 4 on."""
    if points < 4 or not smooth(points):
        raise ValueError(f"size {points} is not a power of two from 4, or three times one")
    header, tables = _complex_plan(points, np.dtype(dtype))
    return header, joined_table(tables, dtype)


@lru_cache(64)
def plan_real(size, dtype):
    """Plan (header, twiddle table) of real transforms of `size` samples: 2^k or 3 2^k, from 8 on."""
    if size % 2 or size < 8 or not smooth(size // 2):
        raise ValueError(f"size {size} is not a power of two from 8, or three times one")
    dtype = np.dtype(dtype)
    header, tables = _complex_plan(size // 2, dtype)
    twiddles = roots(np.arange(size // 2) / np.longdouble(size), precision_for(dtype))
    return header, joined_table([*tables, twiddles.real, twiddles.imag], dtype)


# --- complex transform ------------------------------------------------------------------------------------


@inner
def _naive_dft(x, re, im, step, table, y, points):
    zero = x.dtype.type(0)
    for k in range(points):
        r, i, place = zero, zero, 0  # of the twiddle: k j modulo points
        for first in range(0, points, 8):  # one chain of 96 equal terms was off by 1.3e-6
            pr, pi = zero, zero
            for j in range(first, min(first + 8, points)):
                wr, wi, xr, xi = at(table, place), at(table, points + place), at(x, re + step * j), at(x, im + step * j)
                pr, pi = fma(xr, wr, fma(-xi, wi, pr)), fma(xr, wi, fma(xi, wr, pi))
                place += k if place + k < points else k - points
            r, i = r + pr, i + pi
        y[k], y[points + k] = r, i


@part
def _across(z, header, table, y, out_re, out_im):
    """Last step of the six-step FFT: combine the decimated transforms, one in each lane of m vectors, into y."""
    width, points = lanes(z), header[PLAN.points]
    m = points // width
    step, square = 2 * points // header[PASS.radix], width * (width - 1)
    order = PASS.radix + PASS_SIZE * header[PLAN.depth]
    for group in range(m // width):
        i, t, c = header[order + group], header[PLAN.leaf_twiddles] + 2 * square * group, group * width
        re, im = transpose(load_rows(z, i, step)), transpose(load_rows(z, i + width, step))
        # row 0 of the twiddles is not used: it overlaps what stands before
        re, im = multiply_twiddles(
            re, im, load_rows(table, t - width, width), load_rows(table, t + square - width, width)
        )
        re, im = dft(re, im)
        store_rows(y, out_re + c, m, re)
        store_rows(y, out_im + c, m, im)


@kernel
def fft(x, re, im, paired, header, table, work, y, out_re, out_im):
    """y[out_re :] + i y[out_im :] = the transform of x[re :] + i x[im :], n points.

    x and y may be the same array. If `paired` is 1, the points are interleaved: x[re] + i x[re + 1],
    x[re + 2] + i x[re + 3] ... work (passes.work_size(2 n),). With re and im, and out_re and out_im, exchanged this is
    the inverse, times n.
    """
    if header[PLAN.depth] == 0:
        n = header[PLAN.points]
        _naive_dft(x, re, re + 1 if paired else im, 1 + paired, table, work, n)
        for k in range(n):
            y[out_re + k], y[out_im + k] = at(work, k), at(work, n + k)
        return
    first_pass(x, re, im, paired, header, table, work)
    for begin in range(0, header[PLAN.points], header[PLAN.chunk]):
        descend(header, table, work, begin)
    _across(work, header, table, y, out_re, out_im)


# --- real transform ---------------------------------------------------------------------------------------


@part
def _split_real_one(a, k, half_size, table, first, inverse):
    j, i = half_size - k, half_size
    one, part = a.dtype.type(1 - 2 * inverse), a.dtype.type(0.5 + 0.5 * inverse)
    sr, si = part * (at(a, k) + at(a, j)), part * (at(a, i + k) - at(a, i + j))
    dr, di = part * (at(a, k) - at(a, j)), part * (at(a, i + k) + at(a, i + j))
    cr, ci = one * at(table, first + k), at(table, first + half_size + k)
    tr, ti = fma(cr, di, ci * dr), fma(ci, di, -(cr * dr))
    a[k], a[i + k], a[j], a[i + j] = sr + tr, si + ti, sr - tr, ti - si


@part
def _split_real(a, half_size, table, first, inverse):
    """Convert between the transform of (even + i odd samples) and the packed spectrum of the real signal, in place.

    With Z the one and X the other, s = (Z[k] + conj Z[h-k]) / 2, d = (Z[k] - conj Z[h-k]) / 2, t = -i W^k d:
    X[k] = s + t, X[h-k] = conj(s - t). The inverse is the same with the real part of W negated; it leaves out the
    halves, so that it gives twice Z.
    """
    width, im, middle = lanes(a), half_size, half_size // 2
    vectors = max(width, middle // width * width)
    r, i, twice = at(a, 0), at(a, im), a.dtype.type(1 + inverse)
    a[0], a[im] = r + i, r - i  # the bins at 0 and Nyquist are real, and are packed as one complex number
    a[middle], a[im + middle] = twice * at(a, middle), -twice * at(a, im + middle)
    for k in range(1, min(width, middle)):
        _split_real_one(a, k, half_size, table, first, inverse)
    for k in range(vectors, middle):
        _split_real_one(a, k, half_size, table, first, inverse)
    sign, share = splat(a, 1.0 - 2.0 * inverse), splat(a, 0.5 + 0.5 * inverse)
    for k in range(width, vectors, width):
        j = half_size - k - width + 1
        zr, zi, pr, pi = load(a, k), load(a, im + k), load(a, j), load(a, im + j)
        pr, pi = reverse_lanes(pr, pr), reverse_lanes(pi, pi)
        sr, si, dr, di = share * (zr + pr), share * (zi - pi), share * (zr - pr), share * (zi + pi)
        cr, ci = sign * load(table, first + k), load(table, first + half_size + k)
        tr, ti = fma(cr, di, ci * dr), fma(ci, di, -(cr * dr))
        store(a, k, sr + tr)
        store(a, im + k, si + ti)
        store(a, j, reverse_lanes(sr - tr, sr))
        store(a, im + j, reverse_lanes(ti - si, si))


@kernel
def rfft(x, spectrum, work, header, table):
    """Transform n real samples x into the packed `spectrum` (n,): n/2 real parts of bins, then as many imaginary parts.

    The Nyquist bin n/2, which is real as bin 0 is, is stored in place of the imaginary part of bin 0.
    work (passes.work_size(n),).
    """
    half_size, none = header[PLAN.points], np.int64(0)
    fft(x, none, none, np.int64(1), header, table, work, spectrum, none, half_size)
    _split_real(spectrum, half_size, table, table.size - 2 * half_size, none)


@kernel
def irfft(spectrum, x, work, header, table):
    """The inverse of rfft, divided by n; `spectrum` is overwritten."""
    half_size, none = header[PLAN.points], np.int64(0)
    _split_real(spectrum, half_size, table, table.size - 2 * half_size, np.int64(1))
    fft(read_only_view(spectrum), half_size, none, none, header, table, work, spectrum, half_size, none)
    width, scale = lanes(x), splat(x, 0.5 / half_size)
    vectors = half_size // width * width
    for j in range(0, vectors, width):
        u, v = scale * load(spectrum, j), scale * load(spectrum, half_size + j)
        store(x, 2 * j, zip_low(u, v))
        store(x, 2 * j + width, zip_high(u, v))
    for j in range(vectors, half_size):
        for side in range(2):
            x[2 * j + side] = at(spectrum, j + side * half_size) / x.dtype.type(x.size)
