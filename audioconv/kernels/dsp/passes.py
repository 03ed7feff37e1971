"""Fourier passes of radix 2, 3, 4 and 8 in place, and the order in which a transform goes through them.

A transform is a tree of remainders (Bernstein 2007, "The tangent FFT", section 2): a signal of n points is a polynomial
modulo X^n - exp(-2 pi i angle). With Y = X^(n/r), the r roots of Y^r = exp(-2 pi i angle) split it into polynomials
modulo X^(n/r) - exp(-2 pi i (angle + k) / r), k = 0 ... r-1: row j, a run of n/r neighbours, is multiplied by
exp(-2 pi i angle j / r), and an r-point transform goes over the rows. The children lie where the rows were. All points
of a row have the same twiddle, so the tables of the passes are small, and no point is ever moved.

Children are done depth first down to chunks that fit into the nearest cache: a transform of any size goes through the
further caches once for each level above the chunks, and the sizes of caches need not be known.

Points lie in pairs of vectors: `lanes` real parts, then their imaginary parts, one cache line together. Rows a power of
two apart compete for the same places of a cache; side by side, the two parts take half as many.
"""

import numpy as np

from audioconv.arrays import aligned
from audioconv.kernels._jit import inner, part
from audioconv.kernels.dsp.butterfly import broadcasts, dft, multiply_twiddles, rows_at
from audioconv.kernels.simd.vector import LANES, at, evens, lanes, load, odds, store, store_rows
from audioconv.kernels.simd.views import read_only_view

NEAR = 1024  # points done depth first: 8 KiB in float32, beside as much for a filter's spectrum and for the leaves

# Header of a plan, int64: points; number of levels; the first level whose nodes lie within chunks, and the points of a
# chunk; where the table goes on after the levels; then for each level: radix, place in the table, points of a node.
POINTS, DEPTH, SPLIT, CHUNK, TAIL, LEVELS = range(6)


def smooth(count):
    """Whether passes can make a transform of `count` points: 2^k or 3 2^k."""
    return count >= 1 and count // (count & -count) in (1, 3)


def precision_for(dtype):
    """In what twiddles for a dtype are computed."""
    return np.complex128 if dtype == np.float32 else np.clongdouble


def radices(count):
    """The radices whose product is `count`, a power of two or three times one; the first is 8 where it can be."""
    threes = [3] if count % 3 == 0 else []
    twos = (count // 3 if threes else count).bit_length() - 1
    eights, rest = divmod(twos, 3)
    if rest == 1 and eights > 1:
        return [8] * (eights - 1) + [4, 4] + threes
    return [8] * eights + [[], [2], [4]][rest] + threes


def roots(angles, precision):
    """exp(-2 pi i angle)."""
    radians = 8 * np.arctan(np.longdouble(1)) * np.asarray(angles, np.longdouble)
    return np.exp(-1j * radians).astype(precision)


def plan_levels(points, leaf, angle, precision):
    """Header, the tables of all levels, and the angles of the leaves, which have `leaf` points."""
    factors = radices(points // leaf)
    angles, span, place = np.array([angle], np.longdouble), points, 0
    levels, tables = [], []
    for radix in factors:
        plain = radix == 8 and len(angles) == 1 and angle == 0  # the first pass of an ordinary transform
        levels += [radix, -1 if plain else place, span]
        twiddles = roots(angles[:, None] * np.arange(radix) / radix, precision)
        tables.append(np.stack((twiddles.real, twiddles.imag), axis=1).ravel())
        place += tables[-1].size
        angles = ((angles[:, None] + np.arange(radix)) / radix).ravel()
        span //= radix
    split = next((i for i in range(1, len(factors)) if levels[3 * i + 2] <= NEAR), len(factors))
    chunk = levels[3 * split + 2] if split < len(factors) else leaf
    while 2 * chunk <= NEAR and points % (2 * chunk) == 0:
        chunk *= 2
    tables.append(np.zeros(-place % 16))  # leaves begin on a cache line
    tail = place + tables[-1].size
    return np.array([points, len(factors), split, chunk, tail, *levels], np.int64), tables, angles


def finished(tables, dtype):
    """The parts of a table as one array that kernels take."""
    size = sum(part.size for part in tables)
    result = aligned(size, dtype)
    np.concatenate(tables, out=result, casting="unsafe")
    result.flags.writeable = False
    return result


# --- one pass ---------------------------------------------------------------------------------------------


PLAIN, FORWARD, INVERSE = range(3)  # what becomes of twiddles


def _pass(radix, kind):
    @inner
    def one_pass(source, s, target, t, nodes, count, table, w):
        """Radix `radix` over `nodes` nodes of `count` vectors a row, their twiddles in the table from w.

        s and t say where the points are in source and target, which may be one: the first real and imaginary
        vector, and how far it is from row to row, from vector to vector, from node to node.
        """
        s_re, s_im, s_row, s_step, s_node = s
        t_re, t_im, t_row, t_step, t_node = t
        for node in range(nodes):
            first = w + 2 * radix * node
            wr, wi = broadcasts(table, first, radix), broadcasts(table, first + radix, radix)
            for j in range(count):
                p, q = node * s_node + j * s_step, node * t_node + j * t_step
                re, im = rows_at(source, s_re + p, s_row, radix), rows_at(source, s_im + p, s_row, radix)
                if kind == FORWARD:
                    re, im = multiply_twiddles(re, im, wr, wi)
                re, im = dft(re, im)
                if kind == INVERSE:
                    re, im = multiply_twiddles(re, im, wr, wi)
                store_rows(target, t_re + q, t_row, re)
                store_rows(target, t_im + q, t_row, im)

    return one_pass


_forward2, _forward3, _forward4, _forward8 = (_pass(radix, FORWARD) for radix in (2, 3, 4, 8))
_inverse2, _inverse3, _inverse4, _inverse8 = (_pass(radix, INVERSE) for radix in (2, 3, 4, 8))
_plain8 = _pass(8, PLAIN)


@part
def forward(radix, source, s, target, t, nodes, count, table, w):
    """The forward pass of a radix; w < 0: all twiddles are 1."""
    if radix == 8 and w < 0:
        _plain8(source, s, target, t, nodes, count, table, np.int64(0))
    elif radix == 8:
        _forward8(source, s, target, t, nodes, count, table, w)
    elif radix == 4:
        _forward4(source, s, target, t, nodes, count, table, w)
    elif radix == 3:
        _forward3(source, s, target, t, nodes, count, table, w)
    else:
        _forward2(source, s, target, t, nodes, count, table, w)


@part
def inverse(radix, source, s, target, t, nodes, count, table, w):
    """The pass that undoes `forward` (times the radix), where s and t name real and imaginary parts crosswise."""
    if radix == 8:
        _inverse8(source, s, target, t, nodes, count, table, w)
    elif radix == 4:
        _inverse4(source, s, target, t, nodes, count, table, w)
    elif radix == 3:
        _inverse3(source, s, target, t, nodes, count, table, w)
    else:
        _inverse2(source, s, target, t, nodes, count, table, w)


# --- between arrays in natural order and the first or the last pass ----------------------------------------

# The first and the last pass go over rows of samples 4 KiB or another power of two apart, for which a cache has no more
# than 8 places. So samples come and go by way of a tile, each row of it a run of 8 neighbouring vectors. (Without it
# blocks of 8,192 points take 12.5 cycles a point instead of 9.6.) It also is where the zeros around a signal come from.
RUN = 8
TILE = 16 * RUN * max(LANES.values())


def work_size(size):
    """Elements of the work space for transforms of `size` real numbers: z, then the tile."""
    return size + TILE


@inner
def _gather(x, first, row, tile, place, count, rows):
    """`rows` runs of `count` samples from x[first :], `row` apart, to tile[place :]; zeros where x has none."""
    width = lanes(x)
    for r in range(rows):
        i, j = first + r * row, place + r * count
        if count == RUN * width and i >= 0 and i + count <= x.size:
            store_rows(tile, j, width, rows_at(x, i, width, RUN))
        else:
            for k in range(count):
                tile[j + k] = at(x, i + k) if 0 <= i + k < x.size else x.dtype.type(0)


@inner
def _gather_pairs(x, first, row, tile, place, count, rows):
    """`rows` runs of `count` pairs of samples; first of all the first ones, then the second ones."""
    width = lanes(x)
    for r in range(rows):
        i, j = first + 2 * r * row, place + r * count
        for k in range(0, count, width):
            u, v = load(x, i + 2 * k), load(x, i + 2 * k + width)
            store(tile, j + k, evens(u, v))
            store(tile, j + rows * count + k, odds(u, v))


@inner
def scatter(tile, place, count, y, first, row, rows, low, high):
    """`rows` runs of `count` samples from the tile to y[first :], `row` apart: those that lie in y[low : high]."""
    width = lanes(y)
    for r in range(rows):
        i, j = place + r * count, first + r * row
        if count == RUN * width and j >= low and j + count <= high:
            store_rows(y, j, width, rows_at(tile, i, width, RUN))
        else:
            for k in range(max(0, low - j), min(count, high - j)):
                y[j + k] = at(tile, i + k)


@part
def first_columns(x, re, im, paired, header, table, work, low, high):
    """The columns low ... high - 1 of the rows of `first_pass`: multiples of RUN vectors."""
    points, radix, w = header[POINTS], header[LEVELS], header[LEVELS + 1]
    row, width, tile = points // radix, lanes(work), 2 * points
    step, none = np.int64(width), np.int64(0)
    near = points <= 4 * NEAR and not paired and min(re, im) >= 0 and max(re, im) + points <= x.size
    most = high - low if near else RUN * width
    for j in range(low, high, most):
        run = min(most, high - j)
        origin, source = x, (re + j, im + j, row, step, none)
        if not near:
            if paired:
                _gather_pairs(x, re + 2 * j, row, work, tile, run, radix)
            else:
                _gather(x, re + j, row, work, tile, run, radix)
                _gather(x, im + j, row, work, tile + radix * run, run, radix)
            origin, source = read_only_view(work), (tile, tile + radix * run, run, step, none)
        target = (2 * j, 2 * j + width, 2 * row, 2 * step, none)
        forward(radix, origin, source, work, target, np.int64(1), run // width, table, w)


@part
def first_pass(x, re, im, paired, header, table, work):
    """From real parts x[re :] and imaginary parts x[im :], zeros where x has none, to z at the start of `work`.

    If `paired` is 1, they are x[re], x[re + 2] ... and x[re + 1], x[re + 3] ..., and x has all of them.
    """
    row = header[POINTS] // header[LEVELS]
    first_columns(x, re, im, paired, header, table, work, np.int64(0), row)


# --- all passes but the first -----------------------------------------------------------------------------


@part
def _node(header, level):
    """Radix, place in the table and points of the nodes of a level."""
    i = LEVELS + 3 * level
    return header[i], header[i + 1], header[i + 2]


@part
def descend(header, table, z, begin):
    """All forward passes below the first that come before the leaves of the chunk at point `begin`."""
    width = lanes(z)
    for level in range(1, header[DEPTH]):
        radix, first, span = _node(header, level)
        nodes = 1 if level < header[SPLIT] else header[CHUNK] // span
        if level >= header[SPLIT] or begin % span == 0:
            row = span // radix
            place = (2 * begin, 2 * begin + width, 2 * row, 2 * width, 2 * span)
            w = first + begin // span * 2 * radix
            forward(radix, read_only_view(z), place, z, place, nodes, row // width, table, w)


@part
def ascend(header, table, z, begin):
    """All inverse passes below the first that can be done after the leaves of the chunk at point `begin`."""
    width, chunk = lanes(z), header[CHUNK]
    for up in range(1, header[DEPTH]):
        level = header[DEPTH] - up
        radix, first, span = _node(header, level)
        nodes, start = (1, begin + chunk - span) if level < header[SPLIT] else (chunk // span, begin)
        if level >= header[SPLIT] or (begin + chunk) % span == 0:
            row = span // radix
            place = (2 * start + width, 2 * start, 2 * row, 2 * width, 2 * span)
            w = first + start // span * 2 * radix
            inverse(radix, read_only_view(z), place, z, place, nodes, row // width, table, w)
