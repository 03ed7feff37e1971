"""Many-channel convolution of channels-last rows: one product for all of them, whatever the direction.

    out[r, :] = start + sum over k of a[row r, k] * b[k, :]

Forward, a row is an output frame, k runs over taps and channels, and b is the weights. No im2col is needed: where a row
begins says a table of offsets, and how k goes on from there three nested counts with a step each. With the table and
the counts exchanged the same product is the weight gradient: a row is a weight, k runs over frames, b is the gradient
of the output. The input gradient is a forward convolution of that with the taps reversed. Strided, dilated, grouped and
transposed convolutions, one dimension or two, are tables and counts; so are weights that are not shared.

With a filter a channel (depthwise), a's factor is a vector where it else is one number for all columns. Then nearly as
much is loaded as multiplied, unless taps slide over rows: each vector of a is loaded once for the three taps that meet
it.

The product is computed in register tiles of rows x vectors, as many accumulators as leave registers for the weights and
a factor: 12 of the 16 of AVX2, 24 of the 32 of AVX-512. Rows and columns that are left over are covered by a last tile
that overlaps the one before: every element is one chain of fma in the same order, so it gets the same bits twice.

Method: Goto, van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34 (2008).
"""

import numpy as np

from audioconv.kernels._jit import inner, part, step
from audioconv.kernels.nn.operands import floats, integers, rest
from audioconv.kernels.simd import tile
from audioconv.kernels.simd import vector as simd
from audioconv.kernels.simd._emit import AVX512

# A row of `product` after its operands a, b, start, out, rows of a, rows of out:
CLIPS_IN, PER_CLIP, RUN, COUNTS, A_STEPS, B_STEPS, FIRST, LAST, RELU = 0, 1, 2, 3, 6, 9, 12, 13, 14
_REST = rest(6)
# CLIPS_IN: the clips of a group are 0 among the rows, 1 among the first count, 2 neither;
# PER_CLIP: rows of a clip; RUN > 0: so many rows in a row are as far apart in a as the last count steps;
# FIRST, LAST: columns; RELU: whether what is negative becomes 0

# What bands take: operands a, b, start, out, tables of rows, how many rows, RUN, counts with steps, RELU.
_OUT, _ROWS, _RUN, _COUNTS = 3, 6, 7, 8


def _tile(rows, vectors, add):
    """Kernel for one register tile: rows x (vectors * lanes) outputs, each one chain of fma."""

    @part
    def one_tile(arguments, first, column):
        a, b, start, out, table, table_out, _, _, counts, a_steps, b_steps, relu = arguments
        places = tile.offsets(table, first, rows)
        total = tile.fill(tile.zeros(out, rows, vectors), start, column)
        i, j = column if add is tile.lanewise else np.int64(0), column
        # not `for`: a loop whose count LLVM knows beforehand it unrolls, and sets up addresses for 200 cycles a tile
        end = j + counts[0] * b_steps[0]
        while j != end:
            i1, j1, end1 = i, j, j + counts[1] * b_steps[1]
            while j1 != end1:
                i2, j2, end2 = i1, j1, j1 + counts[2] * b_steps[2]
                while j2 != end2:
                    total = add(total, a, places, i2, b, j2)
                    i2 += a_steps[2]
                    j2 += b_steps[2]
                i1 += a_steps[1]
                j1 += b_steps[1]
            i += a_steps[0]
            j += b_steps[0]
        if relu:
            total = tile.relu(total)
        tile.store(total, out, tile.offsets(table_out, first, rows), column)

    return one_tile


def _band(rows, vectors, add):
    """Kernel for all rows of a band of columns: tiles of `rows`, the last one overlapping; fewer than that one by
    one.
    """
    many, one = _tile(rows, vectors, add), _tile(1, vectors, add)

    @inner
    def band(arguments, column):
        count = arguments[_ROWS]
        if count < rows:
            for r in range(count):
                one(arguments, r, column)
            return
        for block in range((count + rows - 1) // rows):
            many(arguments, min(block * rows, count - rows), column)

    return band


def _sliding_tile(rows, vectors):
    """Kernel for a tile of rows that `SLIDING` taps slide over: each vector of a is loaded once for all it meets."""

    @part
    def one_tile(arguments, first, column):
        a, b, start, out, table, table_out, _, _, counts, a_steps, b_steps, relu = arguments
        total = tile.fill(tile.zeros(out, rows, vectors), start, column)
        i, j = table[first] + column, column
        end = j + counts[0] * b_steps[0]
        while j != end:
            i1, j1, end1 = i, j, j + counts[1] * b_steps[1]
            while j1 != end1:
                total = tile.slide(total, a, i1, a_steps[2], b, j1, b_steps[2], SLIDING)
                i1 += a_steps[1]
                j1 += b_steps[1]
            i += a_steps[0]
            j += b_steps[0]
        if relu:
            total = tile.relu(total)
        tile.store(total, out, tile.offsets(table_out, first, rows), column)

    return one_tile


def _sliding_band(rows, vectors):
    """Kernel for all runs of a band of columns."""
    many = _sliding_tile(rows, vectors)

    @inner
    def band(arguments, column):
        count, run = arguments[_ROWS], arguments[_RUN]
        for begin in range(0, count, run):
            for block in range((run + rows - 1) // rows):
                many(arguments, begin + min(block * rows, run - rows), column)

    return band


@part
def _three(row, o):
    return row[o], row[o + 1], row[o + 2]


@part
def _arguments(row, spaces, like, at):
    """A row as bands take it."""
    a, b = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    start, out = floats(row, spaces, like, 2, at), floats(row, spaces, like, 3, at)
    table, table_out = integers(row, spaces, like, 4, at), integers(row, spaces, like, 5, at)
    o, clips = _REST, at[1]
    counts, a_steps, b_steps = _three(row, o + COUNTS), _three(row, o + A_STEPS), _three(row, o + B_STEPS)
    rows = row[o + PER_CLIP] * (clips if row[o + CLIPS_IN] == 0 else 1)
    counts = (clips if row[o + CLIPS_IN] == 1 else counts[0], counts[1], counts[2])
    return a, b, start, out, table, table_out, rows, row[o + RUN], counts, a_steps, b_steps, row[o + RELU]


SLIDING = 3  # taps that slide over rows: the usual number of taps of a filter a channel

# The rows of a tile by its width in vectors, the widest first: as many accumulators as leave registers for the rest.
# For 64 columns tiles of 6 x 8 reach 105-113 of 115 GFLOP/s on a Zen 4, where 6 x 2 read the weights 4 lines apart and
# reached 90. A filter a channel: 3 x 8 and 6 x 8 are no better than 9 x 4 (55 GFLOP/s from the second-level cache);
# sliding reaches 82.
_RANK1 = {8: 6, 6: 8, 4: 10, 3: 8, 2: 12, 1: 8, 0: 6} if AVX512 else {3: 4, 2: 6, 1: 8, 0: 6}
_LANEWISE = {4: 9, 2: 9, 1: 8, 0: 6} if AVX512 else {2: 6, 1: 8, 0: 6}
_SLIDE = {4: 8, 2: 8, 1: 8} if AVX512 else {2: 4, 1: 8}


def _choose(widths):
    """A function from vectors to the width of the next band."""

    @part
    def width_of(vectors):
        for width in widths:
            if vectors == width or vectors > width + 1:  # better two bands than one vector left alone
                return width
        return 1

    return width_of


def _any_width(bands):
    """Kernel for a band of any of these widths."""
    one = bands[1]
    two = bands.get(2, one)
    three, four, six, eight = (bands.get(width, two) for width in (3, 4, 6, 8))

    @inner
    def band(arguments, column, width):
        if width == 8:
            eight(arguments, column)
        elif width == 6:
            six(arguments, column)
        elif width == 4:
            four(arguments, column)
        elif width == 3:
            three(arguments, column)
        elif width == 2:
            two(arguments, column)
        else:
            one(arguments, column)

    return band


def _all_columns(bands):
    """Kernel for all columns, band after band."""
    scalar, vectors = bands.get(0, bands[1]), _any_width(bands)
    width_of = _choose(tuple(width for width in bands if width > 1))

    @inner
    def all_bands(arguments, first, last):
        lanes = simd.lanes(arguments[_OUT])
        if last - first < lanes:
            for column in range(first, last):
                scalar(arguments, column)
            return
        column = first
        while column < last:
            width = width_of((last - column) // lanes)
            vectors(arguments, min(column, last - width * lanes), width)
            column += width * lanes

    return all_bands


_sums = _all_columns({width: _band(rows, width, tile.rank1) for width, rows in _RANK1.items()})
_lanes = _all_columns({width: _band(rows, width, tile.lanewise) for width, rows in _LANEWISE.items()})
_slide = _all_columns({width: _sliding_band(rows, width) for width, rows in _SLIDE.items()})
_LEAST_RUN = max(_SLIDE.values())


@step
def implicit_gemm(row, spaces, like, clip, clips, group, thread):
    """Sums of products, a's factor being one number for all columns."""
    _sums(_arguments(row, spaces, like, (clip, clips, group)), row[_REST + FIRST], row[_REST + LAST])


@step
def depthwise(row, spaces, like, clip, clips, group, thread):
    """Sums of products, column by column."""
    arguments = _arguments(row, spaces, like, (clip, clips, group))
    first, last = row[_REST + FIRST], row[_REST + LAST]
    slides = arguments[_RUN] >= _LEAST_RUN and arguments[_COUNTS][2] == SLIDING
    if slides and last - first >= simd.lanes(arguments[_OUT]):
        _slide(arguments, first, last)
    else:
        _lanes(arguments, first, last)
