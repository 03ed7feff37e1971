"""Right-angle FFT convolution: products of spectra of real signals, whose bins are in no particular order.

2 n real samples x are taken as the polynomial z[t] = x[t] - i x[n + t] modulo X^n + i, that is, as the real polynomial
sum x[t] X^t modulo X^2n + 1, of which X^n = -i is one half of the roots; the other half holds the conjugates. A
product there is a negacyclic convolution of 2 n real samples: what wraps around has its sign changed. One complex
transform of n points does it, without the split of a real transform into even and odd samples, and blocks of one signal
share nothing: a loud or a non-finite block leaves the others as they are. (Two blocks as real and imaginary part of one
transform modulo X^2n - 1, as is usual, give taps - 1 outputs less from as much work, and each the rounding errors of
the other.)

Since both factors are in the same order, there is no bit reversal: forward passes (`passes`), products, inverse
passes. At the leaves, `lanes`^2 points, a transform down the rows, a transpose and another one are done in registers,
then the product with the filter's spectrum, then the inverse of these.

In the buffers real part and imaginary part are exchanged, i z = x[n + t] + i x[t]; a filter's spectrum is that of z.

Reference: the "right-angle convolution" of Crandall, Fagin, Discrete weighted transforms and large-integer
arithmetic, Mathematics of Computation 62 (1994).
"""

from functools import lru_cache

import numpy as np

from audioconv.arrays import aligned, frozen
from audioconv.kernels._jit import inner, kernel, part
from audioconv.kernels.dsp.butterfly import broadcasts, complex_multiply, dft, multiply_twiddles
from audioconv.kernels.dsp.passes import (
    PASS,
    PLAN,
    RUN,
    ascend,
    descend,
    first_pass,
    inverse,
    joined_table,
    plan_levels,
    precision_for,
    roots,
    scatter,
    smooth,
    work_size,
)
from audioconv.kernels.dsp.skip_zeros import all_zero
from audioconv.kernels.simd.prefetch import touch
from audioconv.kernels.simd.vector import LANES, lanes, load_rows, store_rows, transpose
from audioconv.kernels.simd.views import read_only_view


@lru_cache(64)
def plan(size, dtype):
    """Plan (header, twiddle table) for products of `size` real samples: 4 or 6 lanes^2 times a power of two."""
    dtype = np.dtype(dtype)
    width, points = LANES[dtype], size // 2
    count = points // width**2
    if size != 2 * width**2 * count or count < 2 or not smooth(count):
        raise ValueError(f"size {size} is not {4 * width**2} or {6 * width**2} times a power of two")
    precision = precision_for(dtype)
    header, tables, angles = plan_levels(points, width**2, 0.25, precision)
    j = np.arange(width)
    down = roots(angles[:, None] * j / width, precision)
    # after the transpose row j holds coefficient j, and lane k belongs to the angle (angle + k) / width
    along = (
        roots(angles[:, None] * j / width**2, precision)[:, 1:, None]
        * roots(np.outer(j, j) / np.longdouble(width**2), precision)[1:]
    )
    leaves = np.empty((len(angles), 2 * width**2))
    leaves[:, :width], leaves[:, width : 2 * width] = down.real, down.imag
    leaves[:, 2 * width : width + width**2] = along.real.reshape(len(angles), -1)
    leaves[:, width + width**2 :] = along.imag.reshape(len(angles), -1)
    return header, joined_table([*tables, leaves.ravel()], dtype)


# --- leaves -----------------------------------------------------------------------------------------------


@part
def _twiddles(table, t, rows):
    """Twiddles of a leaf: down the rows, and along them. Row 0 of each is not used, and overlaps what is before."""
    width = lanes(table)
    square = width * (width - 1)
    return (
        broadcasts(table, t, rows),
        broadcasts(table, t + width, rows),
        load_rows(table, t + width, width),
        load_rows(table, t + width + square, width),
    )


@part
def _leaf_down(re, im, ur, ui, vr, vi):
    """Forward transform of a leaf: the values of its polynomial."""
    re, im = multiply_twiddles(re, im, ur, ui)
    re, im = dft(re, im)
    re, im = multiply_twiddles(transpose(re), transpose(im), vr, vi)
    return dft(re, im)


@part
def _leaf_up(re, im, ur, ui, vr, vi):
    """Inverse transform of a leaf; real and imaginary parts are exchanged on both sides."""
    re, im = dft(re, im)
    re, im = multiply_twiddles(re, im, vr, vi)
    re, im = dft(transpose(re), transpose(im))
    return multiply_twiddles(re, im, ur, ui)


@part
def _spectrum_leaves(z, p, count, table, t, spectrum, q):
    """spectrum[q :] = the forward transforms of `count` leaves from z[p]."""
    width = lanes(z)
    step = 2 * width
    for leaf in range(count):
        i, k = p + leaf * step * width, q + leaf * step * width
        re, im = load_rows(z, i, step), load_rows(z, i + width, step)
        ur, ui, vr, vi = _twiddles(table, t + leaf * step * width, re)
        re, im = _leaf_down(re, im, ur, ui, vr, vi)
        store_rows(spectrum, k, step, re)
        store_rows(spectrum, k + width, step, im)


@part
def _signal_leaves(spectrum, q, count, table, t, z, p):
    """z[p :] = the inverse transforms (times lanes^2) of `count` leaves from spectrum[q]."""
    width = lanes(z)
    step = 2 * width
    for leaf in range(count):
        i, k = p + leaf * step * width, q + leaf * step * width
        re, im = load_rows(spectrum, k, step), load_rows(spectrum, k + width, step)
        ur, ui, vr, vi = _twiddles(table, t + leaf * step * width, re)
        im, re = _leaf_up(im, re, ur, ui, vr, vi)
        store_rows(z, i, step, re)
        store_rows(z, i + width, step, im)


@part
def _product_leaves(z, p, count, table, t, spectrum):
    """Forward transform, product with `spectrum` and inverse transform: 352 vector operations, 96 shuffles a 64 points.

    200 cycles on Zen 4, by transposes of shuffles within 128 bits and without a call inside: see docs/trials.md,
    "Transforms".
    """
    width = lanes(z)
    step = 2 * width
    for leaf in range(count):
        i = p + leaf * step * width
        re, im = load_rows(z, i, step), load_rows(z, i + width, step)
        ur, ui, vr, vi = _twiddles(table, t + leaf * step * width, re)
        re, im = _leaf_down(re, im, ur, ui, vr, vi)
        re, im = complex_multiply(re, im, load_rows(spectrum, i, step), load_rows(spectrum, i + width, step))
        im, re = _leaf_up(im, re, ur, ui, vr, vi)
        store_rows(z, i, step, re)
        store_rows(z, i + width, step, im)


# --- the last pass, to samples -----------------------------------------------------------------------------


@inner
def last_columns(header, table, work, discarded, y, first, count, low, high):
    """Columns low ... high - 1 of `_last_pass`; both are multiples of RUN vectors."""
    points, radix, w = header[PLAN.points], header[PASS.radix], header[PASS.twiddles]
    row, width, tile = points // radix, lanes(work), 2 * points
    for j in range(low, high, RUN * width):
        run = min(RUN * width, high - j)
        source = (2 * j + width, 2 * j, 2 * row, np.int64(2 * width), np.int64(0))
        target = (tile, tile + radix * run, run, np.int64(width), np.int64(0))
        inverse(radix, read_only_view(work), source, work, target, np.int64(1), run // width, table, w)
        begin = first + j - discarded
        scatter(work, tile, run, y, begin, row, 2 * radix, first, first + count)


@part
def _last_pass(header, table, work, discarded, y, first, count):
    """The last inverse pass: y[first : first + count] = samples discarded ... discarded + count - 1 of the 2 n."""
    last_columns(
        header, table, work, discarded, y, first, count, np.int64(0), header[PLAN.points] // header[PASS.radix]
    )


# --- transforms and products ------------------------------------------------------------------------------


@inner
def spectrum_chunk(header, table, work, begin, spectrum, place):
    """All forward passes after the first that are due at the chunk at point `begin`; bins go to spectrum[place :]."""
    descend(header, table, work, begin)
    count = header[PLAN.chunk] // (lanes(work) * lanes(work))
    _spectrum_leaves(work, 2 * begin, count, table, header[PLAN.leaf_twiddles] + 2 * begin, spectrum, place)


@inner
def signal_chunk(spectrum, place, header, table, work, begin):
    """All inverse passes before the last that can be done with the chunk at point `begin`, from spectrum[place :]."""
    count = header[PLAN.chunk] // (lanes(work) * lanes(work))
    _signal_leaves(spectrum, place, count, table, header[PLAN.leaf_twiddles] + 2 * begin, work, 2 * begin)
    ascend(header, table, work, begin)


@kernel
def transform(x, start, header, table, work, spectrum):
    """The spectrum (2 n,) of the 2 n samples x[start :], zero-padded."""
    first_pass(x, start + header[PLAN.points], start, np.int64(0), header, table, work)
    for begin in range(0, header[PLAN.points], header[PLAN.chunk]):
        spectrum_chunk(header, table, work, begin, spectrum, 2 * begin)


def filter_spectrum(h, header, table):
    """The read-only spectrum of a filter's taps h, scaled by 1 / n, which spectra of signals are multiplied by."""
    size = 2 * header[PLAN.points]
    spectrum = aligned(size, h.dtype)
    transform(h, np.int64(0), header, table, aligned(work_size(size), h.dtype), spectrum)
    pairs, share = spectrum.reshape(-1, 2, LANES[h.dtype]), h.dtype.type(1 / header[PLAN.points])
    re, im = pairs.transpose(1, 0, 2)
    scaled = share * re
    np.multiply(im, share, out=re)
    np.negative(scaled, out=im)
    return frozen(spectrum)


# The first pass reads samples in runs from all over a block, which hardware prefetchers do not foresee. So they are
# prefetched in order: see docs/trials.md, "Transforms". Blocks beyond TOUCHED samples would fill the L2 cache.
TOUCHED = 32768


@kernel
def convolve_blocks(x, start, discarded, kept, header, table, spectrum, work, y):
    """Overlap-save: y = x convolved with the filter of `spectrum`, by blocks of `kept` outputs.

    Block b is samples discarded ... discarded + kept - 1 of the product of the window x[start + b kept :], 2 n samples,
    with the filter: overlap-save discards taps - 1 outputs of each and keeps the other 2 n - (taps - 1); a single
    window whose wrap-around is zeros discards none. Windows of zeros (digital silence) are skipped and give zeros, if
    the filter is finite.
    """
    size = 2 * header[PLAN.points]
    finite = spectrum[0] - spectrum[0] == 0  # one non-finite tap makes all bins non-finite
    for t in range(0, y.size, kept):
        count, first = min(kept, y.size - t), start + t
        if finite and all_zero(x, max(first, 0), min(first + size, x.size)):
            for i in range(t, t + count):
                y[i] = 0
        else:
            if size <= TOUCHED:
                work[0] = touch(x, max(first, 0), min(first + size, x.size)) + touch(read_only_view(y), t, t + count)
            first_pass(x, first + header[PLAN.points], first, np.int64(0), header, table, work)
            _multiply(header, table, work, spectrum)
            _last_pass(header, table, work, discarded, y, t, count)


@part
def _multiply(header, table, z, spectrum):
    """All passes between the first and the last, and the product with the filter's spectrum."""
    leaf = lanes(z) * lanes(z)
    for begin in range(0, header[PLAN.points], header[PLAN.chunk]):
        descend(header, table, z, begin)
        count = header[PLAN.chunk] // leaf
        _product_leaves(z, 2 * begin, count, table, header[PLAN.leaf_twiddles] + 2 * begin, spectrum)
        ascend(header, table, z, begin)
