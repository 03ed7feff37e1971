"""Convolution of one plane by sums of products: dense taps, products of a column and a row, taps at any offsets.

A band of rows is first brought into work space, with whatever stands around the plane: where a row or a column comes
from says a map, so that all boundaries are one. There the band lies in the nearest caches but one, on lines, with rows
that do not compete for the same places.

Every output is a sum in the order of the taps, rows first, wherever it falls: a chain of multiply-adds for each piece
of about CHAIN taps, and the pieces added in order (`fir` says why).

Dense taps work on tiles of 3 rows: a vector of the plane is loaded once for the three rows of outputs that it is part
of. float32 GFLOP/s in the cache on Zen 4 (peak 115), 60 x 1025 outputs: 67 with 3 x 3 taps, 96 with 5 x 5, 101 with
7 x 7, 105 with 11 x 11 and 15 x 15. Tiles of 4 x 6, 4 x 8 and 6 x 8 vectors instead of 3 x 8 are no better (96, 101,
107), and want as many rows of taps.
"""

import numpy as np

from audioconv.kernels._jit import inner, kernel, part
from audioconv.kernels.dsp._fir import fir, fir_at
from audioconv.kernels.simd import tile
from audioconv.kernels.simd._emit import AVX512
from audioconv.kernels.simd.prefetch import prefetch
from audioconv.kernels.simd.vector import at, lanes, load, store
from audioconv.kernels.simd.views import read_only_view

CHAIN = 96  # taps of a piece
VECTORS = 8 if AVX512 else 4  # of a row of a tile
HEIGHT = 3  # rows of a tile, and of taps in a piece, if there are as many

# The numbers that kernels take of a plane and its band: columns of the plane; columns of the band from RUN to before
# END are those of the plane from START on, the others where the map says; distance of rows in the band; rows and
# columns of taps; rows of outputs a band, and their columns; the fewest rows of a piece; rows and columns from output
# to output.
COLUMNS, RUN, END, START, STEP, TAP_ROWS, TAP_COLUMNS, BAND, OUT, LEAST, STRIDE, STRIDE_COLUMNS = range(12)
HEADER = 12


@part
def _copy(x, i, y, j, count):
    """y[j : j + count] = x[i : i + count]."""
    width = lanes(x)
    vectors = count // width * width
    for k in range(0, vectors, width):
        store(y, j + k, load(x, i + k))
    for k in range(vectors, count):
        y[j + k] = at(x, i + k)


@part
def _fill(y, j, count):
    for k in range(j, j + count):
        y[k] = 0


@part
def _gather(x, header, rows, first, count, columns, band):
    """Rows first ... first + count - 1 of the plane as the maps have it, to `band`; -1 in a map stands for zeros."""
    step = header[STEP]
    for r in range(count):
        row, j = rows[first + r], r * step
        if row < 0:
            _fill(band, j, columns.size)
        else:
            i = row * header[COLUMNS]
            for c in range(header[RUN]):
                band[j + c] = at(x, i + columns[c]) if columns[c] >= 0 else x.dtype.type(0)
            _copy(x, i + header[START], band, j + header[RUN], header[END] - header[RUN])
            for c in range(header[END], columns.size):
                band[j + c] = at(x, i + columns[c]) if columns[c] >= 0 else x.dtype.type(0)


@kernel
def gather(x, header, rows, columns, band):
    """The rows of a map of a plane in `band`, and zeros for the rest of it."""
    _gather(x, header, rows, np.int64(0), rows.size, columns, band)
    for r in range(rows.size):
        _fill(band, r * header[STEP] + columns.size, header[STEP] - columns.size)
    _fill(band, rows.size * header[STEP], band.size - rows.size * header[STEP])


# --- dense taps -------------------------------------------------------------------------------------------


def _row(first, last):
    @part
    def one_row(total, taps, k, step, x, p, count):
        """A row of the plane to those rows of a tile that it has a part in."""
        for j in range(count):
            total = tile.stagger(total, taps, k + j, step, x, p + j, first, last)
        return total

    return one_row


def _piece(height):
    """Kernel for the part that a piece of the taps has in a tile of so many rows; it has as many rows itself."""
    rising, rising2, full = _row(0, 1), _row(0, 2), _row(0, height)
    falling2, falling = _row(1, height), _row(height - 1, height)

    @part
    def one_piece(total, weights, n, source, p):
        """Piece n; p is where the tile's part of the plane begins."""
        (taps, step, pieces), (x, x_step) = weights, source
        i, j, rows, count = pieces[n], pieces[n + 2], pieces[n + 1] - pieces[n], pieces[n + 3] - pieces[n + 2]
        k, p = i * step + j, p + i * x_step + j
        if height > 1:
            total = rising(total, taps, k, step, x, p, count)
        if height > 2:
            total = rising2(total, taps, k + step, step, x, p + x_step, count)
        for r in range(height - 1, rows):
            total = full(total, taps, k + r * step, step, x, p + r * x_step, count)
        if height > 2:
            total = falling2(total, taps, k + rows * step, step, x, p + rows * x_step, count)
        if height > 1:
            last = rows + height - 2
            total = falling(total, taps, k + last * step, step, x, p + last * x_step, count)
        return total

    return one_piece


@part
def _prefetch_tile(t, height, c, upcoming):
    """A tile's part of what comes next."""
    plane, begin, plane_step, y, first, y_step = upcoming
    for r in range(t, t + height):
        for line in range(c, c + VECTORS * lanes(y), 2 * lanes(y)):
            prefetch(plane, begin + r * plane_step + line)
            prefetch(y, first + r * y_step + line)


def _tiles(height):
    """Kernel for all outputs of a band by tiles of so many rows."""
    one_piece = _piece(height)

    @inner
    def tiles(source, weights, target, upcoming):
        """The last tiles reach back over outputs that are done: the same bits."""
        y, y_step, rows, columns = target
        width = VECTORS * lanes(y)
        for t in range(0, rows, height):
            t = min(t, rows - height)
            places = tile.steps(t * y_step, y_step, height)
            for c in range(0, columns, width):
                c = min(c, columns - width)
                for n in range(0, weights[2].size, 4):
                    total = one_piece(tile.zeros(y, height, VECTORS), weights, n, source, t * source[1] + c)
                    if n > 0:
                        total = tile.plus(total, y, places, c)
                    tile.store(total, y, places, c)
                _prefetch_tile(t, height, c, upcoming)

    return tiles


_one, _two, _three = _tiles(1), _tiles(2), _tiles(3)


@inner
def _dense(source, weights, least, target, upcoming):
    """Outputs of a band: at least a tile's columns.

    source: band, distance of rows; weights: taps, distance of rows, pieces, of which none has fewer rows than `least`;
    target: outputs, distance of rows, rows, columns; upcoming: what will be loaded next, array, place and distance of
    rows, and what will be stored. Hints at that make it 2.7 ms instead of 3.5 for 3 x 3 taps and a plane of 23 MB (3.4
    with hints for the first cache), 3.8 instead of 5.1 for 5 + 5 separable ones.
    """
    if min(target[2], least) >= 3:
        _three(source, weights, target, upcoming)
    elif min(target[2], least) == 2:
        _two(source, weights, target, upcoming)
    else:
        _one(source, weights, target, upcoming)


@part
def _upcoming(plane, t, y, first, y_step):
    """The part of the plane that a band of outputs from t on has and the one before has not; and outputs."""
    x, header, rows, _ = plane
    row = rows[min(t + header[TAP_ROWS] - 1, rows.size - 1)]
    return x, max(row, 0) * header[COLUMNS] + header[START], header[COLUMNS], y, first, y_step


@part
def _gather_edges(x, header, rows, first, count, columns, size, band):
    """The first and the last `size` columns of rows of the plane as the maps have it, side by side in `band`."""
    for r in range(count):
        i, j = rows[first + r] * header[COLUMNS], r * header[STEP]
        for c in range(size[0] + size[1]):
            column = columns[c if c < size[0] else c - size[0] - size[1] + columns.size]
            band[j + c] = at(x, i + column) if column >= 0 else x.dtype.type(0)


@part
def _outputs(plane, t, weights, target, upcoming, band, aside):
    """Rows of outputs from t on, of all columns, to a target as `_dense` takes it, and upcoming.

    plane: the plane, header, maps of rows and columns. Within the plane nothing is copied but what its edges want: they
    are made in `aside`, a column of tiles.
    """
    (x, header, rows, columns), (_, tap_columns, _), (y, y_step, count, out) = plane, weights, target
    wide, least, more, left = VECTORS * lanes(x), header[LEAST], tap_columns - 1, header[RUN]
    right, used = columns.size - header[END], count + header[TAP_ROWS] - 1
    narrow, edges, between = (aside, wide, count, wide), (left + more, right + more), out - left - right
    inside = rows[t] >= 0 and rows[t + used - 1] == rows[t] + used - 1
    if inside and between >= wide and edges[0] + edges[1] <= wide:
        source = (x[rows[t] * header[COLUMNS] + header[START] :], header[COLUMNS])
        _dense(source, weights, least, (y[left:], y_step, count, between), upcoming)
        if left + right > 0:
            _gather_edges(x, header, rows, t, used, columns, edges, band)
            _dense((read_only_view(band), header[STEP]), weights, least, narrow, upcoming)
            for r in range(count):
                _copy(aside, r * wide, y, r * y_step, left)
                _copy(aside, r * wide + edges[0], y, r * y_step + out - right, right)
    else:
        _gather(x, header, rows, t, used, columns, band)
        source = (read_only_view(band), header[STEP])
        if out >= wide:
            _dense(source, weights, least, target, upcoming)
        else:
            _dense(source, weights, least, narrow, upcoming)
            for r in range(count):
                _copy(aside, r * wide, y, r * y_step, out)


@kernel
def dense(x, header, rows, columns, taps, pieces, band, y):
    """y = the plane of the maps, correlated with taps (rows of taps, columns of taps).

    rows (rows of y + rows of taps - 1,), columns (columns of y + columns of taps - 1,).
    pieces: first row, row after the last, the same for columns, of each piece of the taps.
    """
    out, plane = header[OUT], (x, header, rows, columns)
    height, weights = y.size // out, (taps, header[TAP_COLUMNS], pieces)
    aside = band[(header[BAND] + header[TAP_ROWS] - 1) * header[STEP] :]
    for t in range(0, height, header[BAND]):
        count = min(header[BAND], height - t)
        upcoming = _upcoming(plane, t + count, y, (t + HEIGHT) * out, out)
        _outputs(plane, t, weights, (y[t * out :], out, count, out), upcoming, band, aside)


# --- taps that are sums of products of a column and a row ---------------------------------------------------


@kernel
def separable(x, header, rows, columns, column_factors, pieces, row_factors, band, y):
    """`dense` of taps of low rank: the sum over n of column_factors[n, :, None] * row_factors[n, None, ::-1].

    (`fir` flips its taps.) pieces are those of column_factors[n, :, None]. First a pass along the columns of the plane,
    then one along each row.
    """
    out, step, high, long = header[OUT], header[STEP], header[TAP_ROWS], header[TAP_COLUMNS]
    height, terms, plane = y.size // out, column_factors.size // high, (x, header, rows, columns)
    between = band[(header[BAND] + high - 1) * step :]
    aside = between[header[BAND] * step :]
    for t in range(0, height, header[BAND]):
        count = min(header[BAND], height - t)
        upcoming, target = _upcoming(plane, t + count, y, t * out, out), (between, step, count, columns.size)
        for n in range(terms):
            weights = (column_factors[n * high : (n + 1) * high], np.int64(1), pieces)
            _outputs(plane, t, weights, target, upcoming, band, aside)
            factors = row_factors[n * long : (n + 1) * long]
            for r in range(count):
                row = read_only_view(between)[r * step : r * step + columns.size]
                if n == 0:
                    fir(row, factors, y[(t + r) * out : (t + r + 1) * out])
                else:
                    fir(row, factors, aside[:out])
                    for c in range(out):
                        y[(t + r) * out + c] += aside[c]


# --- taps at any offsets ------------------------------------------------------------------------------------


@kernel
def sparse(x, header, rows, columns, taps, offsets, band, y):
    """y[t, c] = sum over k of taps[k] * plane[t * STRIDE * STEP + c + offsets[k]].

    Each row of the plane holds the STRIDE_COLUMNS phases of its columns one after the other.
    """
    out, step, stride, phases = header[OUT], header[STEP], header[STRIDE], header[STRIDE_COLUMNS]
    height, size = y.size // out, step // phases
    row = band[band.size - columns.size :]
    for t in range(0, height, header[BAND]):
        count = min(header[BAND], height - t)
        for r in range((count - 1) * stride + header[TAP_ROWS]):
            if phases == 1:
                _gather(x, header, rows, t * stride + r, np.int64(1), columns, band[r * step :])
            else:
                _gather(x, header, rows, t * stride + r, np.int64(1), columns, row)
                for c in range(columns.size):
                    band[r * step + c % phases * size + c // phases] = row[c]
        for r in range(count):
            fir_at(read_only_view(band)[r * stride * step :], taps, offsets, y[(t + r) * out : (t + r + 1) * out])
