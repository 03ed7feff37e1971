"""Complex and real fast Fourier transform of power-of-two sizes, real and imaginary parts apart.

A complex transform of n = lanes * m points loads `lanes` neighbours into one vector, so that an m-point transform
of vectors (Stockham, radix 4, no shuffle at all) does `lanes` interleaved transforms at once:

    X[c + m d] = sum_b  W_lanes^(b d)  W_n^(b c)  Y_b[c]        (b, d < lanes; c < m)

where Y_b is the m-point transform of x[b], x[b + lanes], ... A square of vectors is then transposed, so that lane
number becomes row number, multiplied by W_n^(b c), and transformed along the rows; the result is in natural order.

The inverse transform is the forward one with real and imaginary part exchanged on both sides.
A real transform of n points is a complex one of n / 2 (even samples real, odd ones imaginary), then taken apart.

References: Stockham 1966; Van Loan, Computational Frameworks for the FFT (1992), sections 1.7, 2.4, 4.3.
"""

from functools import cache

import numpy as np
from numba.extending import overload

from audioconv.kernels._jit import JIT_ENABLED, OPTIONS, kernel
from audioconv.kernels.simd import (
    LANES,
    at,
    backwards,
    broadcast,
    evens,
    fma,
    lanes,
    load,
    load_rows,
    odds,
    splat,
    store,
    store_rows,
    transpose,
    zip_high,
    zip_low,
)

SMALLEST = 128  # points of a real transform: lanes^2 complex ones in float32


# --- tables -----------------------------------------------------------------------------------------------


def _roots(exponents, size):
    """exp(-2 pi i k / size), rounded once from extended precision."""
    return np.exp(-2j * np.pi * (np.asarray(exponents) % size).astype(np.longdouble) / np.longdouble(size))


@cache
def tables(n, dtype):
    """Twiddles of a real transform of n points (n a power of two from 128), in the order the kernels read them.

    Kept for the life of the process, because they depend on the size alone.
    """
    dtype = np.dtype(dtype)
    if n < SMALLEST or n & (n - 1):
        raise ValueError(f"size {n} is not a power of two from {SMALLEST}")
    width, size = LANES[dtype], n // 2
    m = size // width
    parts = []
    length = m
    while length > 4:  # one pass of radix 4 leaves transforms of a quarter; the last pass needs no twiddles
        p = np.arange(length // 4)
        w = _roots(p[:, None] * np.array([1, 2, 3]), length)
        parts.append(np.stack((w.real, w.imag), axis=-1))
        length //= 4
    across = _roots(np.arange(1, width)[:, None] * np.arange(m), size)  # row b, point c
    parts.append(np.stack((across.real, across.imag), axis=1))
    real = _roots(np.arange(size), n)
    parts.append(np.stack((real.real, real.imag)))
    result = np.concatenate([part.ravel() for part in parts]).astype(dtype)
    result.flags.writeable = False
    return result


# --- complex transform ------------------------------------------------------------------------------------


@kernel
def _butterfly4(r0, i0, r1, i1, r2, i2, r3, i3):
    ar, ai, br, bi = r0 + r2, i0 + i2, r0 - r2, i0 - i2
    cr, ci, dr, di = r1 + r3, i1 + i3, r1 - r3, i1 - i3
    return ar + cr, ai + ci, br + di, bi - dr, ar - cr, ai - ci, br - di, bi + dr


@kernel
def _pass4(a, b, re, im, table, first, length, stride):
    """One radix-4 pass from a to b over transforms of `length` points, `stride` elements apart."""
    quarter = length // 4
    for p in range(quarter):
        t = first + 6 * p
        w1r, w1i = broadcast(table, t), broadcast(table, t + 1)
        w2r, w2i = broadcast(table, t + 2), broadcast(table, t + 3)
        w3r, w3i = broadcast(table, t + 4), broadcast(table, t + 5)
        for q in range(0, stride, lanes(a)):
            s = q + stride * p
            far = stride * quarter
            r0, i0 = load(a, re + s), load(a, im + s)
            r1, i1 = load(a, re + s + far), load(a, im + s + far)
            r2, i2 = load(a, re + s + 2 * far), load(a, im + s + 2 * far)
            r3, i3 = load(a, re + s + 3 * far), load(a, im + s + 3 * far)
            r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly4(r0, i0, r1, i1, r2, i2, r3, i3)
            d = q + stride * 4 * p
            store(b, re + d, r0)
            store(b, im + d, i0)
            store(b, re + d + stride, fma(r1, w1r, -(i1 * w1i)))
            store(b, im + d + stride, fma(r1, w1i, i1 * w1r))
            store(b, re + d + 2 * stride, fma(r2, w2r, -(i2 * w2i)))
            store(b, im + d + 2 * stride, fma(r2, w2i, i2 * w2r))
            store(b, re + d + 3 * stride, fma(r3, w3r, -(i3 * w3i)))
            store(b, im + d + 3 * stride, fma(r3, w3i, i3 * w3r))


@kernel
def _last_pass(a, b, re, im, length, stride):
    """The pass over transforms of 4 or 2 points: without twiddles, and a may be b."""
    for q in range(0, stride, lanes(a)):
        r, i = re + q, im + q
        if length == 4:
            r0, i0, r1, i1 = load(a, r), load(a, i), load(a, r + stride), load(a, i + stride)
            r2, i2 = load(a, r + 2 * stride), load(a, i + 2 * stride)
            r3, i3 = load(a, r + 3 * stride), load(a, i + 3 * stride)
            r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly4(r0, i0, r1, i1, r2, i2, r3, i3)
            store(b, r + 2 * stride, r2)
            store(b, i + 2 * stride, i2)
            store(b, r + 3 * stride, r3)
            store(b, i + 3 * stride, i3)
        else:
            x0, y0, x1, y1 = load(a, r), load(a, i), load(a, r + stride), load(a, i + stride)
            r0, i0, r1, i1 = x0 + x1, y0 + y1, x0 - x1, y0 - y1
        store(b, r, r0)
        store(b, i, i0)
        store(b, r + stride, r1)
        store(b, i + stride, i1)


@kernel
def _turned(r, i, table, t, m):
    """A complex vector times the twiddles at t (real parts) and t + m (imaginary parts)."""
    wr, wi = load(table, t), load(table, t + m)
    return fma(r, wr, -(i * wi)), fma(r, wi, i * wr)


@kernel
def _rows4(re, im, table, t, m):
    r1, i1 = _turned(re[1], im[1], table, t, m)
    r2, i2 = _turned(re[2], im[2], table, t + 2 * m, m)
    r3, i3 = _turned(re[3], im[3], table, t + 4 * m, m)
    r0, i0, r1, i1, r2, i2, r3, i3 = _butterfly4(re[0], im[0], r1, i1, r2, i2, r3, i3)
    return (r0, r1, r2, r3), (i0, i1, i2, i3)


@kernel
def _rows8(re, im, table, t, m):
    r1, i1 = _turned(re[1], im[1], table, t, m)
    r2, i2 = _turned(re[2], im[2], table, t + 2 * m, m)
    r3, i3 = _turned(re[3], im[3], table, t + 4 * m, m)
    r4, i4 = _turned(re[4], im[4], table, t + 6 * m, m)
    r5, i5 = _turned(re[5], im[5], table, t + 8 * m, m)
    r6, i6 = _turned(re[6], im[6], table, t + 10 * m, m)
    r7, i7 = _turned(re[7], im[7], table, t + 12 * m, m)
    ar, ai, cr, ci, er, ei, gr, gi = _butterfly4(re[0], im[0], r2, i2, r4, i4, r6, i6)
    br, bi, dr, di, fr, fi, hr, hi = _butterfly4(r1, i1, r3, i3, r5, i5, r7, i7)
    # the odd half turns by W_8^d: 1, (1 - i) / sqrt 2, -i, -(1 + i) / sqrt 2
    half = splat(table, 0.7071067811865476)
    dr, di = half * (dr + di), half * (di - dr)
    hr, hi = half * (hi - hr), half * (hi + hr)
    r = (ar + br, cr + dr, er + fi, gr + hr, ar - br, cr - dr, er - fi, gr - hr)
    i = (ai + bi, ci + di, ei - fr, gi - hi, ai - bi, ci - di, ei + fr, gi + hi)
    return r, i


def _rows(re, im, table, t, m):
    """Turn the rows of a square by the twiddles from t, then transform along the rows."""
    return (_rows8 if len(re) == 8 else _rows4)(re, im, table, t, m)


if JIT_ENABLED:

    @overload(_rows, jit_options=OPTIONS)
    def _rows_for_lanes(re, im, table, t, m):
        chosen = _rows8 if len(re) == 8 else _rows4
        return lambda re, im, table, t, m: chosen(re, im, table, t, m)


@kernel
def _across(a, b, re, im, table, first, m):
    """From m vectors, each holding one point of the interleaved transforms, to the whole transform in b."""
    width = lanes(a)
    for c in range(0, m, width):
        r = transpose(load_rows(a, re + c * width, width))
        i = transpose(load_rows(a, im + c * width, width))
        r, i = _rows(r, i, table, first + c, m)
        store_rows(b, re + c, m, r)
        store_rows(b, im + c, m, i)


@kernel
def fft(a, b, re, im, table, size):
    """Transform the `size` complex points a[re :], a[im :] in place; b is work space of the same layout.

    Returns where the twiddles of the real transform begin in `table`. With re and im exchanged this is the
    inverse, not divided by `size`.
    """
    m = size // lanes(a)
    x, y = a, b
    first, length, stride = np.int64(0), m, lanes(a)  # a literal 0 would be a type of its own, and compiled twice
    inside = True  # whether x is a
    while length > 4:
        _pass4(x, y, re, im, table, first, length, stride)
        first += 6 * (length // 4)
        length //= 4
        stride *= 4
        x, y = y, x
        inside = not inside
    if inside:  # the last step must end in a, so this one must end in b
        _last_pass(a, b, re, im, length, stride)
    else:
        _last_pass(b, b, re, im, length, stride)
    _across(b, a, re, im, table, first, m)
    return first + 2 * m * (lanes(a) - 1)


# --- real transform ---------------------------------------------------------------------------------------


@kernel
def _untangle(a, table, first, half_size, inverse):
    """Between the transform of (even + i odd samples) and the packed spectrum of the real signal, in place.

    With Z the one and X the other, s = (Z[k] + conj Z[h-k]) / 2, d = (Z[k] - conj Z[h-k]) / 2, t = -i W^k d:
    X[k] = s + t, X[h-k] = conj(s - t). The way back is the same with the real part of W negated; it leaves
    out the halves, so that it gives twice Z.
    """
    re, im, wr, wi = 0, half_size, first, first + half_size
    width = lanes(a)
    sign, share = splat(a, 1.0 - 2.0 * inverse), splat(a, 0.5 + 0.5 * inverse)
    one, part = a.dtype.type(1 - 2 * inverse), a.dtype.type(0.5 + 0.5 * inverse)
    r, i = at(a, re), at(a, im)
    a[re], a[im] = r + i, r - i  # the values at 0 and at half the sample rate are real: one holds the other's place
    middle = half_size // 2
    twice = a.dtype.type(1 + inverse)
    a[re + middle], a[im + middle] = twice * at(a, re + middle), -twice * at(a, im + middle)
    for k in range(1, width):
        j = half_size - k
        sr, si = part * (at(a, re + k) + at(a, re + j)), part * (at(a, im + k) - at(a, im + j))
        dr, di = part * (at(a, re + k) - at(a, re + j)), part * (at(a, im + k) + at(a, im + j))
        cr, ci = one * at(table, wr + k), at(table, wi + k)
        tr, ti = fma(cr, di, ci * dr), fma(ci, di, -(cr * dr))
        a[re + k], a[im + k], a[re + j], a[im + j] = sr + tr, si + ti, sr - tr, ti - si
    for k in range(width, middle, width):
        j = half_size - k - width + 1
        zr, zi, pr, pi = load(a, re + k), load(a, im + k), load(a, re + j), load(a, im + j)
        pr, pi = backwards(pr, pr), backwards(pi, pi)
        sr, si, dr, di = share * (zr + pr), share * (zi - pi), share * (zr - pr), share * (zi + pi)
        cr, ci = sign * load(table, wr + k), load(table, wi + k)
        tr, ti = fma(cr, di, ci * dr), fma(ci, di, -(cr * dr))
        store(a, re + k, sr + tr)
        store(a, im + k, si + ti)
        store(a, re + j, backwards(sr - tr, sr))
        store(a, im + j, backwards(ti - si, si))


@kernel
def rfft(x, spectrum, work, table):
    """Transform n real samples x into `spectrum` (n,): real parts of bins 0 ... n/2 - 1, then their imaginary parts.

    Bin n/2, which is real as bin 0 is, stands where the imaginary part of bin 0 would. `work` has n elements.
    """
    half_size = x.size // 2
    width = lanes(x)
    for j in range(0, half_size, width):
        u, v = load(x, 2 * j), load(x, 2 * j + width)
        store(spectrum, j, evens(u, v))
        store(spectrum, half_size + j, odds(u, v))
    first = fft(spectrum, work, np.int64(0), half_size, table, half_size)
    _untangle(spectrum, table, first, half_size, np.int64(0))


@kernel
def irfft(spectrum, x, work, table):
    """The inverse of rfft, divided by n; `spectrum` is used up."""
    half_size = x.size // 2
    width = lanes(x)
    _untangle(spectrum, table, table.size - 2 * half_size, half_size, np.int64(1))
    fft(spectrum, work, half_size, np.int64(0), table, half_size)
    scale = splat(x, 1.0 / x.size)  # a power of two: exact
    for j in range(0, half_size, width):
        u, v = scale * load(spectrum, j), scale * load(spectrum, half_size + j)
        store(x, 2 * j, zip_low(u, v))
        store(x, 2 * j + width, zip_high(u, v))
