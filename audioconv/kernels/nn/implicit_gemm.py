"""Convolution of channels-last activations as an implicit GEMM: one matrix product, forward and backward, no im2col.

    out[r, :] = start + sum over k of a[row r, k] * b[k, :]

Forward, a row is an output frame, k runs over taps and channels, and b is the weights. Nothing is copied into a matrix
of patches (im2col): a table of offsets says where a row begins, and three nested counts with strides how k goes on from
there. With the table and the counts exchanged the same product is the weight gradient: a row is a weight, k runs over
frames, b is the gradient of the output. The input gradient is a forward convolution of that with flipped weights.
Strided, dilated, grouped and transposed convolutions, one dimension or two, are tables and counts; so are weights that
are not shared.

In a depthwise convolution the factor from a is a vector, otherwise a scalar for all columns. A vector would be loaded
for nearly every product, unless taps slide over rows: each vector of a is loaded once for the three taps that use it.

The product is computed in register tiles of rows x vectors, as many accumulators as leave registers for the weights
and a factor: 12 of the 16 of AVX2, 24 of the 32 of AVX-512, 24 of the 32 of NEON, which hold half a vector. Rows and
columns that are left over are covered by a last tile that overlaps the one before: every element is one chain of fma
in the same order, so it gets the same bits twice.

Method: Goto, van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34 (2008).
"""

from collections import namedtuple

import numpy as np

from audioconv.kernels._jit import inner, op_kernel, part
from audioconv.kernels.nn.operands import floats, integers, op_layout
from audioconv.kernels.simd import tile
from audioconv.kernels.simd import vector as simd
from audioconv.kernels.simd._emit import REGISTERS

# row_offsets, row_offsets_out: where rows begin in a and out; clips: which axis of the product the clips of a
# micro-batch are; rows_per_clip: rows of a clip; run_length > 0: in runs of so many, rows are as far apart in a as the
# innermost count's stride; counts: nested counts of k, with their strides in a and b; relu: whether what is negative
# becomes 0.
GEMM = op_layout(
    "GEMM",
    operands=("a", "b", "start", "out", "row_offsets", "row_offsets_out"),
    integers=(
        "clips", "rows_per_clip", "run_length", ("counts", 3), ("a_strides", 3), ("b_strides", 3), "first_column",
        "end_column", "relu",
    ),
)  # fmt: skip
CLIPS_ARE_ROWS, CLIPS_ARE_SUMMED, NO_CLIPS = range(3)  # of `clips`: rows, the outermost count, or neither

_Nested = namedtuple("_Nested", "outer middle innermost")  # the three nested counts, or a stride of each
_Gemm = namedtuple("_Gemm", "a b start out row_offsets row_offsets_out rows run_length counts a_strides b_strides relu")


def _tile(rows, vectors, add):
    """Kernel for one register tile: rows x (vectors * lanes) outputs, each one chain of fma."""

    @part
    def one_tile(gemm, first, column):
        a, b, start, out, row_offsets, row_offsets_out, _, _, counts, a_strides, b_strides, relu = gemm
        offsets = tile.offsets(row_offsets, first, rows)
        total = tile.fill(tile.zeros(out, rows, vectors), start, column)
        i, j = column if add is tile.lanewise else np.int64(0), column
        # not `for`: LLVM unrolls a loop of known count, and sets up addresses for 200 cycles a tile
        end = j + counts.outer * b_strides.outer
        while j != end:
            i1, j1, end1 = i, j, j + counts.middle * b_strides.middle
            while j1 != end1:
                i2, j2, end2 = i1, j1, j1 + counts.innermost * b_strides.innermost
                while j2 != end2:
                    total = add(total, a, offsets, i2, b, j2)
                    i2 += a_strides.innermost
                    j2 += b_strides.innermost
                i1 += a_strides.middle
                j1 += b_strides.middle
            i += a_strides.outer
            j += b_strides.outer
        if relu:
            total = tile.relu(total)
        tile.store(total, out, tile.offsets(row_offsets_out, first, rows), column)

    return one_tile


def _band(rows, vectors, add):
    """Kernel for all rows of a band of columns: tiles of `rows`, the last one overlapping; fewer than that one by
    one.
    """
    many, one = _tile(rows, vectors, add), _tile(1, vectors, add)

    @inner
    def band(gemm, column):
        count = gemm.rows
        if count < rows:
            for r in range(count):
                one(gemm, r, column)
            return
        for block in range((count + rows - 1) // rows):
            many(gemm, min(block * rows, count - rows), column)

    return band


def _sliding_tile(rows, vectors):
    """Kernel for a tile of rows that `SLIDING` taps slide over: each vector of a is loaded once for all taps."""

    @part
    def one_tile(gemm, first, column):
        a, b, start, out, row_offsets, row_offsets_out, _, _, counts, a_strides, b_strides, relu = gemm
        total = tile.fill(tile.zeros(out, rows, vectors), start, column)
        i, j = row_offsets[first] + column, column
        end = j + counts.outer * b_strides.outer
        while j != end:
            i1, j1, end1 = i, j, j + counts.middle * b_strides.middle
            while j1 != end1:
                total = tile.slide(total, a, i1, a_strides.innermost, b, j1, b_strides.innermost, SLIDING)
                i1 += a_strides.middle
                j1 += b_strides.middle
            i += a_strides.outer
            j += b_strides.outer
        if relu:
            total = tile.relu(total)
        tile.store(total, out, tile.offsets(row_offsets_out, first, rows), column)

    return one_tile


def _sliding_band(rows, vectors):
    """Kernel for all runs of a band of columns."""
    many = _sliding_tile(rows, vectors)

    @inner
    def band(gemm, column):
        count, run = gemm.rows, gemm.run_length
        for begin in range(0, count, run):
            for block in range((run + rows - 1) // rows):
                many(gemm, begin + min(block * rows, run - rows), column)

    return band


@part
def _nested(instruction, first):
    return _Nested(instruction[first], instruction[first + 1], instruction[first + 2])


@part
def _decoded(instruction, segments, like, at):
    """Decode an instruction into the tuple that bands take."""
    a = floats(instruction, segments, like, GEMM.a, at)
    b = floats(instruction, segments, like, GEMM.b, at)
    start = floats(instruction, segments, like, GEMM.start, at)
    out = floats(instruction, segments, like, GEMM.out, at)
    row_offsets = integers(instruction, segments, like, GEMM.row_offsets, at)
    row_offsets_out = integers(instruction, segments, like, GEMM.row_offsets_out, at)
    (_, clips, _), axis = at, instruction[GEMM.clips]
    rows = instruction[GEMM.rows_per_clip] * (clips if axis == CLIPS_ARE_ROWS else 1)
    outer, middle, innermost = _nested(instruction, GEMM.counts)
    counts = _Nested(clips if axis == CLIPS_ARE_SUMMED else outer, middle, innermost)
    a_strides, b_strides = _nested(instruction, GEMM.a_strides), _nested(instruction, GEMM.b_strides)
    run_length, relu = instruction[GEMM.run_length], instruction[GEMM.relu]
    return _Gemm(a, b, start, out, row_offsets, row_offsets_out, rows, run_length, counts, a_strides, b_strides, relu)


SLIDING = 3  # taps that slide over rows: the usual kernel size of a depthwise convolution

# The rows of a tile by its width in vectors, the widest first: as many accumulators as leave registers for the rest.
# `benchmarks/registers.py` counts what spills, on other processors, too.
# Wide tiles read whole lines of the weights: see docs/trials.md, "Direct kernels".
_RANK1 = {64: {8: 6, 6: 8, 4: 10, 3: 8, 2: 12, 1: 8, 0: 6}, 16: {3: 4, 2: 6, 1: 8, 0: 6}}[REGISTERS]
_LANEWISE = {64: {4: 9, 2: 9, 1: 8, 0: 6}, 16: {2: 6, 1: 8, 0: 6}}[REGISTERS]
_SLIDE = {64: {4: 8, 2: 8, 1: 8}, 16: {2: 4, 1: 8}}[REGISTERS]


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
    def band(gemm, column, width):
        if width == 8:
            eight(gemm, column)
        elif width == 6:
            six(gemm, column)
        elif width == 4:
            four(gemm, column)
        elif width == 3:
            three(gemm, column)
        elif width == 2:
            two(gemm, column)
        else:
            one(gemm, column)

    return band


def _all_columns(bands):
    """Kernel for all columns, band after band."""
    scalar, vectors = bands.get(0, bands[1]), _any_width(bands)
    width_of = _choose(tuple(width for width in bands if width > 1))

    @inner
    def all_bands(gemm, first, last):
        lanes = simd.lanes(gemm.out)
        if last - first < lanes:
            for column in range(first, last):
                scalar(gemm, column)
            return
        column = first
        while column < last:
            width = width_of((last - column) // lanes)
            vectors(gemm, min(column, last - width * lanes), width)
            column += width * lanes

    return all_bands


_sums = _all_columns({width: _band(rows, width, tile.rank1) for width, rows in _RANK1.items()})
_lanes = _all_columns({width: _band(rows, width, tile.lanewise) for width, rows in _LANEWISE.items()})
_slide = _all_columns({width: _sliding_band(rows, width) for width, rows in _SLIDE.items()})
_LEAST_RUN = max(_SLIDE.values())


@op_kernel(GEMM)
def implicit_gemm(instruction, segments, like, clip, clips, micro_batch, thread):
    """The matrix product: each factor from a is a scalar for all columns."""
    gemm = _decoded(instruction, segments, like, (clip, clips, micro_batch))
    _sums(gemm, instruction[GEMM.first_column], instruction[GEMM.end_column])


@op_kernel(GEMM)
def depthwise(instruction, segments, like, clip, clips, micro_batch, thread):
    """Depthwise convolution: sums of products column by column."""
    gemm = _decoded(instruction, segments, like, (clip, clips, micro_batch))
    first, end = instruction[GEMM.first_column], instruction[GEMM.end_column]
    slides = gemm.run_length >= _LEAST_RUN and gemm.counts.innermost == SLIDING
    if slides and end - first >= simd.lanes(gemm.out):
        _slide(gemm, first, end)
    else:
        _lanes(gemm, first, end)
