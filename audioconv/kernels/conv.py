"""Many-channel convolution of channels-last rows: forward, input gradient and weight gradient from one product.

Output frame t of a 1-D convolution needs rows t * stride, t * stride + dilation, ... of x, each of them `channels`
contiguous elements; without dilation they are one contiguous run. So no im2col is needed: a convolution is a product of
a matrix whose rows start `stride * channels` elements apart (and overlap) with the weights, and the weight gradient
is the same product with the operands exchanged.

The product is computed in register tiles of 6 rows x 2 vectors: 12 accumulators, 2 registers for the weights and one
for a broadcast fill the 16 registers of AVX2. Rows and columns that are left over are covered by a last tile that
overlaps the one before: every element is one chain of fma in the same order, so it gets the same bits twice.

Method: Goto, van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34 (2008).
"""

import numpy as np

from audioconv.kernels import simd, tile
from audioconv.kernels._jit import kernel


def _tile(rows, vectors):
    """Kernel for one register tile: rows x (vectors * lanes) outputs, each one chain of fma."""

    @kernel
    def product(a, b, start, out, places, steps, counts):
        i, column, o = places
        row_step, outer_step, inner_step, out_step = steps
        width = b.shape[2]
        j = column
        total = tile.load(tile.zeros(out, rows, vectors), start, column, 0)
        for _ in range(counts[0]):
            k = i
            for _ in range(counts[1]):
                total = tile.rank1(total, a, k, row_step, b, j)
                k += inner_step
                j += width
            i += outer_step
        tile.store(total, out, o + column, out_step)

    return product


def _band(vectors):
    """Kernel for all rows of a band of columns: tiles of 6 rows, the last one overlapping; fewer than 6 one by one."""
    six, one = _tile(6, vectors), _tile(1, vectors)

    @kernel
    def band(a, b, start, out, rows, places, steps, counts):
        i, column, o = places
        row_step, _, _, out_step = steps
        if rows < 6:
            for r in range(rows):
                one(a, b, start, out, (i + r * row_step, column, o + r * out_step), steps, counts)
            return
        for block in range((rows + 5) // 6):
            r = min(block * 6, rows - 6)
            six(a, b, start, out, (i + r * row_step, column, o + r * out_step), steps, counts)

    return band


_two_vectors, _one_vector, _one_scalar = _band(2), _band(1), _band(0)


@kernel
def product(a, b, start, out, rows, places, steps, counts):
    """out[r, :] = start + sum over p < counts[0], q < counts[1], in order, of a[r, p, q] * b[p, q, :].

    The columns are those of b's last axis. places = (i, o): flat indices of the first element of a and of out.
    steps = (row, outer, inner, out): elements of a from one r, p, q to the next, elements of out from one r to the
    next.
    """
    i, o = places
    lanes = simd.lanes(out)
    width = b.shape[2]
    column = np.int64(0)  # a literal would be a type of its own, and all tiles would be compiled twice
    while width - column >= 2 * lanes:
        _two_vectors(a, b, start, out, rows, (i, column, o), steps, counts)
        column += 2 * lanes
    if width < lanes:
        for column in range(width):
            _one_scalar(a, b, start, out, rows, (i, column, o), steps, counts)
        return
    while column < width:
        column = min(column, width - lanes)
        _one_vector(a, b, start, out, rows, (i, column, o), steps, counts)
        column += lanes


@kernel
def conv1d(x, weight, bias, y, start, stride, dilation, first, step):
    """Rows first, first + step, ... of y get the frames of x, from row `start` on, correlated with weight.

    y[b, first + t * step, :] = bias + sum over tap, c, in order, of x[b, start + t * stride + tap * dilation, c] *
    weight[tap, c, :], for as many t as y has rows. x (batch, time, in) is long enough and already padded; weight
    (taps, in, out); bias (out,); y (batch, rows, out).
    """
    batch, time, channels = x.shape
    taps, _, width = weight.shape
    rows = (y.shape[1] - first + step - 1) // step
    runs, length = (1, taps * channels) if dilation == 1 else (taps, channels)
    one = np.int64(1)  # likewise
    steps = (stride * channels, dilation * channels, one, step * width)
    for b in range(batch):
        places = ((b * time + start) * channels, (b * y.shape[1] + first) * width)
        product(x, weight, bias, y, rows, places, steps, (runs, length))


@kernel
def conv1d_weight_gradient(x, grad_y, zeros, grad_weight, bounds, stride, dilation):
    """grad_weight[tap, c, :] = sum over b, t, in order, of x[b, t * stride + tap * dilation, c] * grad_y[b, t, :].

    Shapes as in `conv1d` with start = first = 0 and step = 1; zeros (out,). There is one sum for each shard
    of the batch, from bounds[shard] to bounds[shard + 1]; grad_weight (shards * taps, in, out) has them in a row.
    """
    _, time, channels = x.shape
    _, frames, width = grad_y.shape
    shards = bounds.size - 1
    taps = grad_weight.shape[0] // shards
    runs, rows = (1, taps * channels) if dilation == 1 else (taps, channels)
    steps = (np.int64(1), time * channels, stride * channels, width)
    for shard in range(shards):
        start, stop = bounds[shard], bounds[shard + 1]
        shard_x, shard_y = x[start:stop], grad_y[start:stop]
        for run in range(runs):
            places = (run * dilation * channels, (shard * taps * channels + run * rows) * width)
            product(shard_x, shard_y, zeros, grad_weight, rows, places, steps, (stop - start, frames))
