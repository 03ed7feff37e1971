"""Direct 2-D convolution of a plane (image or spectrogram): dense taps, separable (low-rank) taps, sparse taps.

A band of rows is first gathered into work space, with its padding: boundary index maps say which row and column of the
plane is read for each row and column of the padded one, so that all boundary modes are one code. The band fits into the
L2 cache, is aligned to cache lines, and its rows do not map to the same cache sets.

Every output is a sum in the order of the taps, rows first, wherever it falls: a chain of multiply-adds for each piece
of about CHAIN taps, and the pieces added in order (`fir` says why).

Dense taps work on register tiles of 3 rows: a vector of the plane is loaded once for the three rows of outputs that it
contributes to. float32 GFLOP/s in the cache on Zen 4 (peak 115), 60 x 1025 outputs: 67 with 3 x 3 taps, 96 with 5 x 5,
101 with 7 x 7, 105 with 11 x 11 and 15 x 15. Larger tiles want as many rows of taps: see docs/trials.md, "Direct
kernels".
"""

from collections import namedtuple

import numpy as np

from audioconv.kernels._jit import inner, kernel, part
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp._fir import fir, fir_at
from audioconv.kernels.simd import tile
from audioconv.kernels.simd._emit import REGISTERS
from audioconv.kernels.simd.prefetch import prefetch
from audioconv.kernels.simd.vector import at, lanes, load, store
from audioconv.kernels.simd.views import read_only_view

CHAIN = 96  # taps of a piece
TILE_VECTORS = {64: 8, 16: 4}[REGISTERS]  # of a row of a tile
TILE_ROWS = 3  # of a tile, and of taps in a piece, if there are as many

# Header of a plane and its band: columns of the plane; columns of the band from run_begin to before run_end are
# contiguous in the plane, from plane_begin on, and the others are padding, by the index map; row stride of
# the band; rows and columns of taps; rows of outputs a band, and their columns; the fewest rows of a piece of taps; the
# stride of the convolution.
PLANE = layout(
    "PLANE", "columns", "run_begin", "run_end", "plane_begin", "row_stride", "tap_rows", "tap_columns", "band_rows",
    "out_columns", "piece_rows", "stride_rows", "stride_columns",
)  # fmt: skip
# A piece of the taps: its rows and columns, first and end (after the last).
PIECE = layout("PIECE", "row", "row_end", "column", "column_end")
PIECE_SIZE = PIECE.row_size

_Plane = namedtuple("_Plane", "x header rows columns")  # rows, columns: boundary index maps
_Weights = namedtuple("_Weights", "taps row_stride pieces")
_Source = namedtuple("_Source", "x row_stride")  # rows of inputs: a band, or the plane itself
_Target = namedtuple("_Target", "y row_stride rows columns")  # outputs
_Upcoming = namedtuple("_Upcoming", "x begin x_stride y first y_stride")  # input and outputs that come next
_Edges = namedtuple("_Edges", "left right")  # columns at the edges of a plane


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
    """Gather padded rows first ... first + count - 1 of the plane to `band`; -1 in an index map stands for zeros."""
    step = header[PLANE.row_stride]
    for r in range(count):
        row, j = rows[first + r], r * step
        if row < 0:
            _fill(band, j, columns.size)
        else:
            i = row * header[PLANE.columns]
            for c in range(header[PLANE.run_begin]):
                band[j + c] = at(x, i + columns[c]) if columns[c] >= 0 else x.dtype.type(0)
            run = header[PLANE.run_end] - header[PLANE.run_begin]
            _copy(x, i + header[PLANE.plane_begin], band, j + header[PLANE.run_begin], run)
            for c in range(header[PLANE.run_end], columns.size):
                band[j + c] = at(x, i + columns[c]) if columns[c] >= 0 else x.dtype.type(0)


@kernel
def gather(x, header, rows, columns, band):
    """Gather the padded plane that the index maps describe to `band`, and fill the rest of it with zeros."""
    _gather(x, header, rows, np.int64(0), rows.size, columns, band)
    for r in range(rows.size):
        _fill(band, r * header[PLANE.row_stride] + columns.size, header[PLANE.row_stride] - columns.size)
    _fill(band, rows.size * header[PLANE.row_stride], band.size - rows.size * header[PLANE.row_stride])


# --- dense taps -------------------------------------------------------------------------------------------


def _row(first, last):
    @part
    def one_row(total, taps, k, step, x, p, count):
        """Add the products with a row of the plane to rows first ... last - 1 of a tile."""
        for j in range(count):
            total = tile.stagger(total, taps, k + j, step, x, p + j, first, last)
        return total

    return one_row


def _piece(height):
    """Make the kernel that adds a piece of the taps, of at least `height` rows, to a tile of `height` rows."""
    rising, rising2, full = _row(0, 1), _row(0, 2), _row(0, height)
    falling2, falling = _row(1, height), _row(height - 1, height)

    @part
    def one_piece(total, weights, n, source, p):
        """Add the piece at pieces[n]; p is where the tile's input begins."""
        (taps, step, pieces), (x, x_step) = weights, source
        i, j = pieces[n + PIECE.row], pieces[n + PIECE.column]
        rows, count = pieces[n + PIECE.row_end] - i, pieces[n + PIECE.column_end] - j
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
    """Prefetch a tile's share of the input and output of the next band."""
    x, begin, x_step, y, first, y_step = upcoming
    for r in range(t, t + height):
        for line in range(c, c + TILE_VECTORS * lanes(y), 2 * lanes(y)):
            prefetch(x, begin + r * x_step + line)
            prefetch(y, first + r * y_step + line)


def _tiles(height):
    """Make the kernel for all outputs of a band by tiles of `height` rows."""
    one_piece = _piece(height)

    @inner
    def tiles(source, weights, target, upcoming):
        """The last tiles overlap outputs that are done, which gives the same bits."""
        y, y_step, rows, columns = target
        width = TILE_VECTORS * lanes(y)
        for t in range(0, rows, height):
            t = min(t, rows - height)
            places = tile.steps(t * y_step, y_step, height)
            for c in range(0, columns, width):
                c = min(c, columns - width)
                for n in range(0, weights.pieces.size, PIECE_SIZE):
                    none = tile.zeros(y, height, TILE_VECTORS)
                    total = one_piece(none, weights, n, source, t * source.row_stride + c)
                    if n > 0:
                        total = tile.plus(total, y, places, c)
                    tile.store(total, y, places, c)
                _prefetch_tile(t, height, c, upcoming)

    return tiles


_one, _two, _three = _tiles(1), _tiles(2), _tiles(3)


@inner
def _dense(source, weights, piece_rows, target, upcoming):
    """Outputs of a band: at least a tile's columns.

    No piece of the weights has fewer rows than `piece_rows`. What will be loaded and stored next, `upcoming`, is
    prefetched into L2: see docs/trials.md, "Direct kernels".
    """
    if min(target.rows, piece_rows) >= 3:
        _three(source, weights, target, upcoming)
    elif min(target.rows, piece_rows) == 2:
        _two(source, weights, target, upcoming)
    else:
        _one(source, weights, target, upcoming)


@part
def _upcoming(plane, t, y, first, y_step):
    """What to prefetch: the rows that the band of outputs from t on reads beyond the band before, and its outputs."""
    x, header, rows, _ = plane
    row = rows[min(t + header[PLANE.tap_rows] - 1, rows.size - 1)]
    begin = max(row, 0) * header[PLANE.columns] + header[PLANE.plane_begin]
    return _Upcoming(x, begin, header[PLANE.columns], y, first, y_step)


@part
def _gather_edges(plane, first, count, edges, band):
    """Gather the padded columns at both edges of rows of the plane side by side in `band`."""
    (x, header, rows, columns), (left, right) = plane, edges
    for r in range(count):
        i, j = rows[first + r] * header[PLANE.columns], r * header[PLANE.row_stride]
        for c in range(left + right):
            column = columns[c if c < left else c - left - right + columns.size]
            band[j + c] = at(x, i + column) if column >= 0 else x.dtype.type(0)


@part
def _outputs(plane, t, weights, target, upcoming, band, edge_tiles):
    """All columns of rows of outputs from t on.

    Inside of the plane nothing is gathered but the input of the outputs at its left and right edge, which are made in
    `edge_tiles`, a column of tiles.
    """
    (x, header, rows, columns), (_, tap_columns, _), (y, y_step, count, out) = plane, weights, target
    wide, piece_rows = TILE_VECTORS * lanes(x), header[PLANE.piece_rows]
    more, left = tap_columns - 1, header[PLANE.run_begin]
    right, used = columns.size - header[PLANE.run_end], count + header[PLANE.tap_rows] - 1
    edges, between = _Edges(left + more, right + more), out - left - right
    one_tile = _Target(edge_tiles, wide, count, wide)
    inside = rows[t] >= 0 and rows[t + used - 1] == rows[t] + used - 1
    if inside and between >= wide and edges.left + edges.right <= wide:
        begin = rows[t] * header[PLANE.columns] + header[PLANE.plane_begin]
        source, target = _Source(x[begin:], header[PLANE.columns]), _Target(y[left:], y_step, count, between)
        _dense(source, weights, piece_rows, target, upcoming)
        if left + right > 0:
            _gather_edges(plane, t, used, edges, band)
            source = _Source(read_only_view(band), header[PLANE.row_stride])
            _dense(source, weights, piece_rows, one_tile, upcoming)
            for r in range(count):
                _copy(edge_tiles, r * wide, y, r * y_step, left)
                _copy(edge_tiles, r * wide + edges.left, y, r * y_step + out - right, right)
    else:
        _gather(x, header, rows, t, used, columns, band)
        source = _Source(read_only_view(band), header[PLANE.row_stride])
        if out >= wide:
            _dense(source, weights, piece_rows, target, upcoming)
        else:
            _dense(source, weights, piece_rows, one_tile, upcoming)
            for r in range(count):
                _copy(edge_tiles, r * wide, y, r * y_step, out)


@kernel
def dense(x, header, rows, columns, taps, pieces, band, y):
    """y = the padded plane of the index maps, correlated with taps (rows of taps, columns of taps).

    rows (rows of y + rows of taps - 1,), columns (columns of y + columns of taps - 1,): index maps. pieces: a `PIECE`
    row for each piece of the taps.
    """
    out, plane = header[PLANE.out_columns], _Plane(x, header, rows, columns)
    height, weights = y.size // out, _Weights(taps, header[PLANE.tap_columns], pieces)
    edge_tiles = band[(header[PLANE.band_rows] + header[PLANE.tap_rows] - 1) * header[PLANE.row_stride] :]
    for t in range(0, height, header[PLANE.band_rows]):
        count = min(header[PLANE.band_rows], height - t)
        upcoming = _upcoming(plane, t + count, y, (t + TILE_ROWS) * out, out)
        _outputs(plane, t, weights, _Target(y[t * out :], out, count, out), upcoming, band, edge_tiles)


# --- separable taps: sums of products of a column and a row -------------------------------------------------


@kernel
def separable(x, header, rows, columns, column_factors, pieces, row_factors, band, y):
    """`dense` of taps of low rank: the sum over n of column_factors[n, :, None] * row_factors[n, None, ::-1].

    (`fir` flips its taps.) pieces are those of column_factors[n, :, None]. First a pass along the columns of the plane,
    then one along each row.
    """
    out, step = header[PLANE.out_columns], header[PLANE.row_stride]
    high, long = header[PLANE.tap_rows], header[PLANE.tap_columns]
    height, terms, plane = y.size // out, column_factors.size // high, _Plane(x, header, rows, columns)
    between = band[(header[PLANE.band_rows] + high - 1) * step :]
    edge_tiles = between[header[PLANE.band_rows] * step :]
    for t in range(0, height, header[PLANE.band_rows]):
        count = min(header[PLANE.band_rows], height - t)
        upcoming = _upcoming(plane, t + count, y, t * out, out)
        target = _Target(between, step, count, columns.size)
        for n in range(terms):
            weights = _Weights(column_factors[n * high : (n + 1) * high], np.int64(1), pieces)
            _outputs(plane, t, weights, target, upcoming, band, edge_tiles)
            factors = row_factors[n * long : (n + 1) * long]
            for r in range(count):
                row = read_only_view(between)[r * step : r * step + columns.size]
                if n == 0:
                    fir(row, factors, y[(t + r) * out : (t + r + 1) * out])
                else:
                    fir(row, factors, edge_tiles[:out])
                    for c in range(out):
                        y[(t + r) * out + c] += edge_tiles[c]


# --- sparse taps, strides and dilations ---------------------------------------------------------------------


@kernel
def sparse(x, header, rows, columns, taps, offsets, band, y):
    """y[t, c] = sum over k of taps[k] * band[t * stride_rows * row_stride + c + offsets[k]].

    Each row of the band holds the polyphase components of its columns (stride_columns of them) one after the other.
    """
    out, step = header[PLANE.out_columns], header[PLANE.row_stride]
    stride, phases = header[PLANE.stride_rows], header[PLANE.stride_columns]
    height, size = y.size // out, step // phases
    row = band[band.size - columns.size :]
    for t in range(0, height, header[PLANE.band_rows]):
        count = min(header[PLANE.band_rows], height - t)
        for r in range((count - 1) * stride + header[PLANE.tap_rows]):
            if phases == 1:
                _gather(x, header, rows, t * stride + r, np.int64(1), columns, band[r * step :])
            else:
                _gather(x, header, rows, t * stride + r, np.int64(1), columns, row)
                for c in range(columns.size):
                    band[r * step + c % phases * size + c // phases] = row[c]
        for r in range(count):
            fir_at(read_only_view(band)[r * stride * step :], taps, offsets, y[(t + r) * out : (t + r + 1) * out])
