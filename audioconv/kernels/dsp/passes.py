"""In-place FFT passes of radix 2, 3, 4 and 8, and the depth-first order in which a transform goes through them.

A transform is a tree of polynomial remainders (Bernstein 2007, "The tangent FFT", section 2): a signal of n points is a
polynomial modulo X^n - exp(-2 pi i angle). With Y = X^(n/r), the r roots of Y^r = exp(-2 pi i angle) split it into
polynomials modulo X^(n/r) - exp(-2 pi i (angle + k) / r), k = 0 ... r-1: row j, a run of n/r neighbours, is multiplied
by the twiddle factor exp(-2 pi i angle j / r), and an r-point transform (butterfly) goes over the rows. The child nodes
lie where the rows were. All points of a row have the same twiddle, so twiddle tables are small, and there is no bit
reversal: no point is ever moved.

Child nodes are done depth first down to chunks that fit into the L1 cache: a transform of any size goes through the
further caches once for each level above the chunks, and the sizes of caches need not be known (cache-oblivious).

Points lie in pairs of vectors: `lanes` real parts, then their imaginary parts, one cache line together. Rows a power of
two apart map to the same cache sets; side by side, the two parts take half as many ways.
"""

import numpy as np

from audioconv.arrays import aligned
from audioconv.kernels._jit import inner, part
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp.butterfly import broadcasts, dft, multiply_twiddles, rows_at
from audioconv.kernels.simd._emit import MAX_LANES
from audioconv.kernels.simd.vector import at, evens, lanes, load, odds, store, store_rows
from audioconv.kernels.simd.views import read_only_view

L1_POINTS = 1024  # most points of a chunk: 8 KiB in float32, beside as much for a filter's spectrum and for the leaves

# Header of an FFT plan: points of the transform; number of passes; the first pass whose nodes lie within chunks, and
# the points of a chunk; where in the twiddle table those of the leaves begin. Then a row for each pass.
PLAN = layout("PLAN", "points", "depth", "chunk_pass", "chunk", "leaf_twiddles")
# A pass: its radix, where its twiddles are in the table (-1: all are 1), and points of a node.
PASS = layout("PASS", "radix", "twiddles", "span", first=PLAN.row_size)
PASS_SIZE = PASS.row_size


def smooth(count):
    """Whether passes can make a transform of `count` points: 2^k or 3 2^k."""
    return count >= 1 and count // (count & -count) in (1, 3)


def next_fast_len(size, least):
    """The smallest fast length of a transform, 2^k or 3 2^k, from `size` on and from `least`, a power of two, on."""
    power = max(least, 1 << (size - 1).bit_length())
    return power // 4 * 3 if power > least and power // 4 * 3 >= size else power


def precision_for(dtype):
    """The complex dtype in which twiddles for a dtype are computed."""
    return np.complex128 if dtype == np.float32 else np.clongdouble


def radices(count):
    """Mixed-radix factorisation of `count`, a power of two or three times one; the first radix is 8 where it can be."""
    threes = [3] if count % 3 == 0 else []
    twos = (count // 3 if threes else count).bit_length() - 1
    eights, rest = divmod(twos, 3)
    if rest == 1 and eights > 1:
        return [8] * (eights - 1) + [4, 4] + threes
    return [8] * eights + [[], [2], [4]][rest] + threes


def roots(angles, precision):
    """Roots of unity exp(-2 pi i angle), angles in turns."""
    radians = 8 * np.arctan(np.longdouble(1)) * np.asarray(angles, np.longdouble)
    return np.exp(-1j * radians).astype(precision)


def plan_levels(points, leaf, angle, precision):
    """Header of a plan (`PLAN`, then `PASS` rows), the twiddles of all passes, and the angles of the leaves.

    Leaves are sub-transforms of `leaf` points that are left after the passes.
    """
    factors = radices(points // leaf)
    angles, span, place = np.array([angle], np.longdouble), points, 0
    rows, tables = [], []
    for radix in factors:
        plain = radix == 8 and len(angles) == 1 and angle == 0  # the first pass of an ordinary transform
        rows += PASS.pack(radix=radix, twiddles=-1 if plain else place, span=span)
        twiddles = roots(angles[:, None] * np.arange(radix) / radix, precision)
        tables.append(np.stack((twiddles.real, twiddles.imag), axis=1).ravel())
        place += tables[-1].size
        angles = ((angles[:, None] + np.arange(radix)) / radix).ravel()
        span //= radix
    spans = [points // int(np.prod(factors[:i])) for i in range(len(factors))]
    chunk_pass = next((i for i in range(1, len(factors)) if spans[i] <= L1_POINTS), len(factors))
    chunk = spans[chunk_pass] if chunk_pass < len(factors) else leaf
    while 2 * chunk <= L1_POINTS and points % (2 * chunk) == 0:
        chunk *= 2
    tables.append(np.zeros(-place % 16))  # leaves begin on a cache line
    header = PLAN.pack(
        points=points, depth=len(factors), chunk_pass=chunk_pass, chunk=chunk,
        leaf_twiddles=place + tables[-1].size,
    )  # fmt: skip
    return np.array(header + rows, np.int64), tables, angles


def joined_table(tables, dtype):
    """The parts of a twiddle table as one read-only array."""
    size = sum(part.size for part in tables)
    result = aligned(size, dtype)
    np.concatenate(tables, out=result, casting="unsafe")
    result.flags.writeable = False
    return result


# --- one pass ---------------------------------------------------------------------------------------------


PLAIN, FORWARD, INVERSE = range(3)  # without twiddles; before the butterfly; after it


def _pass(radix, kind):
    @inner
    def one_pass(source, s, target, t, nodes, count, table, w):
        """A radix-`radix` pass over `nodes` nodes of `count` vectors a row, with twiddles from table[w].

        s and t address the points in source and target, which may be the same array: (index of the first real vector,
        of the first imaginary one, stride between rows, between vectors, between nodes).
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
    """The forward (decimation-in-frequency) pass of a radix; w < 0: all twiddles are 1."""
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
    """The pass that inverts `forward` (times the radix), with real and imaginary parts exchanged in s and t."""
    if radix == 8:
        _inverse8(source, s, target, t, nodes, count, table, w)
    elif radix == 4:
        _inverse4(source, s, target, t, nodes, count, table, w)
    elif radix == 3:
        _inverse3(source, s, target, t, nodes, count, table, w)
    else:
        _inverse2(source, s, target, t, nodes, count, table, w)


# --- gather and scatter between arrays in natural order and the first or the last pass ---------------------

# The first and the last pass go over rows of samples 4 KiB or another power of two apart, which share the 8 ways of
# one cache set (4K aliasing). So samples are gathered into and scattered from a tile, each row of it a run of 8
# neighbouring vectors: see docs/trials.md, "Transforms". Zero padding is done there, too.
RUN = 8
TILE = 16 * RUN * MAX_LANES


def work_size(size):
    """Elements of the work space for transforms of `size` real numbers: the points, then the gather tile."""
    return size + TILE


@inner
def _gather(x, first, row, tile, place, count, rows):
    """Gather `rows` runs of `count` samples from x[first :], `row` apart, to tile[place :]; zeros outside of x."""
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
    """Gather and deinterleave `rows` runs of `count` pairs of samples: all even samples, then all odd ones."""
    width = lanes(x)
    for r in range(rows):
        i, j = first + 2 * r * row, place + r * count
        for k in range(0, count, width):
            u, v = load(x, i + 2 * k), load(x, i + 2 * k + width)
            store(tile, j + k, evens(u, v))
            store(tile, j + rows * count + k, odds(u, v))


@inner
def scatter(tile, place, count, y, first, row, rows, low, high):
    """Scatter `rows` runs of `count` samples from the tile to y[first :], `row` apart, as far as in y[low : high]."""
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
    """Columns low ... high - 1 of `first_pass`; both are multiples of RUN vectors."""
    points, radix, w = header[PLAN.points], header[PASS.radix], header[PASS.twiddles]
    row, width, tile = points // radix, lanes(work), 2 * points
    step, none = np.int64(width), np.int64(0)
    direct = points <= 4 * L1_POINTS and not paired and min(re, im) >= 0 and max(re, im) + points <= x.size
    most = high - low if direct else RUN * width
    for j in range(low, high, most):
        run = min(most, high - j)
        origin, source = x, (re + j, im + j, row, step, none)
        if not direct:
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
    """The first forward pass: from real parts x[re :] and imaginary parts x[im :], zero-padded, to the start of `work`.

    If `paired` is 1, the points are interleaved, x[re] + i x[re + 1], x[re + 2] + i x[re + 3] ..., and x has all of
    them.
    """
    row = header[PLAN.points] // header[PASS.radix]
    first_columns(x, re, im, paired, header, table, work, np.int64(0), row)


# --- all passes but the first -----------------------------------------------------------------------------


@part
def _pass_of(header, number):
    """Radix, offset of the twiddles in the table, and points of a node of a pass."""
    row = PASS_SIZE * number
    return header[row + PASS.radix], header[row + PASS.twiddles], header[row + PASS.span]


@part
def descend(header, table, z, begin):
    """All forward passes after the first that are due before the leaves of the chunk at point `begin`."""
    width = lanes(z)
    for number in range(1, header[PLAN.depth]):
        radix, first, span = _pass_of(header, number)
        nodes = 1 if number < header[PLAN.chunk_pass] else header[PLAN.chunk] // span
        if number >= header[PLAN.chunk_pass] or begin % span == 0:
            row = span // radix
            place = (2 * begin, 2 * begin + width, 2 * row, 2 * width, 2 * span)
            w = first + begin // span * 2 * radix
            forward(radix, read_only_view(z), place, z, place, nodes, row // width, table, w)


@part
def ascend(header, table, z, begin):
    """All inverse passes but the last that can be done after the leaves of the chunk at point `begin`."""
    width, chunk = lanes(z), header[PLAN.chunk]
    for up in range(1, header[PLAN.depth]):
        number = header[PLAN.depth] - up
        radix, first, span = _pass_of(header, number)
        nodes, start = (1, begin + chunk - span) if number < header[PLAN.chunk_pass] else (chunk // span, begin)
        if number >= header[PLAN.chunk_pass] or (begin + chunk) % span == 0:
            row = span // radix
            place = (2 * start + width, 2 * start, 2 * row, 2 * width, 2 * span)
            w = first + start // span * 2 * radix
            inverse(radix, read_only_view(z), place, z, place, nodes, row // width, table, w)
