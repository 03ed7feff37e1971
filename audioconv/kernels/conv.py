"""Many-channel convolution of channels-last rows: one product for all of them, whatever the direction.

    out[r, :] = start + sum over k of a[row r, k] * b[k, :]

Forward, a row is an output frame, k runs over taps and channels, and b is the weights. No im2col is needed: where a row
begins says a table of offsets, and how k goes on from there three nested counts with a step each. With the table and
the counts exchanged the same product is the weight gradient: a row is a weight, k runs over frames, b is the gradient
of the output. The input gradient is a forward convolution of that with the taps reversed. Strided, dilated, grouped and
transposed convolutions, one dimension or two, are tables and counts; so are weights that are not shared.

With a filter a channel (depthwise), a's factor is a vector where it else is one number for all columns.

The product is computed in register tiles of rows x vectors: 12 accumulators (8 where one vector is all), the weights
and a factor fill the 16 registers of AVX2. Rows and columns that are left over are covered by a last tile that overlaps
the one before: every element is one chain of fma in the same order, so it gets the same bits twice.

Method: Goto, van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34 (2008).
"""

import numpy as np

from audioconv.kernels import simd, tile
from audioconv.kernels._emit import WIDE
from audioconv.kernels._jit import inner, part, step
from audioconv.kernels.memory import floats, integers, rest

# A row of `product` after its operands a, b, start, out, rows of a, rows of out:
CLIPS_IN, PER_CLIP, PER_FRAME, FRAME, COUNTS, A_STEPS, B_STEPS, FIRST, LAST, RELU = 0, 1, 2, 3, 4, 7, 10, 13, 14, 15
_REST = rest(6)
# CLIPS_IN: the clips of a group are 0 among the rows, 1 among the first count, 2 neither;
# PER_CLIP: rows of a clip; PER_FRAME > 0: as many a frame, of as many frames as FRAME says;
# FIRST, LAST: columns; RELU: whether what is negative becomes 0


def _tile(rows, vectors, add):
    """Kernel for one register tile: rows x (vectors * lanes) outputs, each one chain of fma."""

    @part
    def one_tile(a, b, start, out, table, table_out, first, column, counts, a_steps, b_steps, least):
        places = tile.offsets(table, first, rows)
        total = tile.fill(tile.zeros(out, rows, vectors), start, column)
        shift = column if add is tile.lanewise else np.int64(0)
        i, j = shift, column
        for _ in range(counts[0]):
            i1, j1 = i, j
            for _ in range(counts[1]):
                i2, j2, end = i1, j1, j1 + counts[2] * b_steps[2]
                while j2 != end:
                    total = add(total, a, places, i2, b, j2)
                    i2 += a_steps[2]
                    j2 += b_steps[2]
                i1 += a_steps[1]
                j1 += b_steps[1]
            i += a_steps[0]
            j += b_steps[0]
        tile.store(tile.at_least(total, least), out, tile.offsets(table_out, first, rows), column)

    return one_tile


def _band(rows, vectors, add):
    """Kernel for all rows of a band of columns: tiles of `rows`, the last one overlapping; fewer than that one by
    one.
    """
    many, one = _tile(rows, vectors, add), _tile(1, vectors, add)

    @inner
    def band(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least):
        if count < rows:
            for r in range(count):
                one(a, b, start, out, table, table_out, r, column, counts, a_steps, b_steps, least)
            return
        for block in range((count + rows - 1) // rows):
            r = min(block * rows, count - rows)
            many(a, b, start, out, table, table_out, r, column, counts, a_steps, b_steps, least)

    return band


@part
def _three(row, o):
    return row[o], row[o + 1], row[o + 2]


# The rows of a tile by its width in vectors, the widest first: as many accumulators as leave registers for the rest.
_RANK1 = {8: 6, 6: 8, 4: 10, 3: 8, 2: 12, 1: 8, 0: 6} if WIDE else {3: 4, 2: 6, 1: 8, 0: 6}
_LANEWISE = {8: 3, 4: 9, 2: 9, 1: 8, 0: 6} if WIDE else {2: 6, 1: 8, 0: 6}


def _product(add, rows_of):
    """The step for all columns, band after band."""
    bands = {width: _band(rows, width, add) for width, rows in rows_of.items()}
    scalar, one, two = bands[0], bands[1], bands[2]
    three, four, six, eight = (bands.get(width, two) for width in (3, 4, 6, 8))
    widths = tuple(width for width in rows_of if width > 1)

    @part
    def width_of(vectors):
        """Of the next band: the widest there is, but better two bands than one vector left alone."""
        for width in widths:
            if vectors == width or vectors > max(width + 1, 2):
                return width
        return 1

    def product(row, spaces, like, clip, clips, group, thread):
        at = (clip, clips, group)
        a, b = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
        start, out = floats(row, spaces, like, 2, at), floats(row, spaces, like, 3, at)
        table, table_out = integers(row, spaces, like, 4, at), integers(row, spaces, like, 5, at)
        o = _REST
        count = row[o + PER_CLIP]
        if row[o + CLIPS_IN] == 0:
            count *= clips
        counts, a_steps, b_steps = _three(row, o + COUNTS), _three(row, o + A_STEPS), _three(row, o + B_STEPS)
        if row[o + CLIPS_IN] == 1:
            counts = (clips, counts[1], counts[2])
        least = 0.0 if row[o + RELU] else -np.inf
        first, last = row[o + FIRST], row[o + LAST]
        lanes = simd.lanes(out)
        if last - first < lanes:
            for column in range(first, last):
                scalar(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least)
            return
        column = first
        while column < last:
            width = width_of((last - column) // lanes)
            if width == 8:
                eight(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least)
            elif width == 6:
                six(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least)
            elif width == 4:
                four(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least)
            elif width == 3:
                three(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least)
            elif width == 2:
                two(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least)
            else:
                column = min(column, last - lanes)
                one(a, b, start, out, table, table_out, count, column, counts, a_steps, b_steps, least)
            column += width * lanes

    return step(product)


product = _product(tile.rank1, _RANK1)
channelwise = _product(tile.lanewise, _LANEWISE)
