"""Features of MiniRocket for one clip: the share of outputs of fixed dilated kernels that lie above given biases.

A kernel has nine weights, six of -1 and three of 2, so that its output is 3 * (three taps) - (all taps). Its channels
are added first, so that their sum is convolved once. A row of `plan` (layout `DILATED`) is one kernel with one dilation
and some of the channels. NaN lies above no bias.
"""

import numpy as np

from audioconv.kernels._jit import inner, kernel
from audioconv.kernels._layout import layout
from audioconv.kernels.simd._emit import MAX_LANES
from audioconv.kernels.simd.vector import at, fma, greater_than, lanes, load, splat, store, zero

TAPS = 9
# Three taps of weight 2; dilation; whether the clip is zero-padded; first and end in `members`, and in the biases.
DILATED = layout(
    "DILATED", "tap_a", "tap_b", "tap_c", "dilation", "padded", "first_member", "end_member", "first_bias", "end_bias"
)


def width_of(frames):
    """Elements of a row of frames, rounded up to whole vectors."""
    return -(-frames // MAX_LANES) * MAX_LANES


def scratch_size(frames, channels):
    """Elements of the work space: the clip by channels, a row between zeros, a row of outputs, and a vector."""
    return channels * width_of(frames) + 2 * width_of(frames) + width_of(frames) + 2 * MAX_LANES


@inner
def _by_channels(x, table, line):
    """Clear `line` and set table[c, t] = x[t, c], with zeros after the last frame."""
    channels = x.shape[1]
    for i in range(line.size):
        line[i] = 0
    for c in range(channels):
        for t in range(x.shape[0]):
            table[c, t] = at(x, t * channels + c)
        for t in range(x.shape[0], table.shape[1]):
            table[c, t] = 0


@inner
def _convolved(row, members, table, line, y):
    """y[t] = the output of a row of the plan centred at frame t; `line` has zeros on both sides of the frames."""
    width = table.shape[1]
    padding, dilation, three = width // 2, row[DILATED.dilation], splat(y, 3.0)
    for t in range(0, width, lanes(y)):
        total = load(table, members[row[DILATED.first_member]] * width + t)
        for m in range(row[DILATED.first_member] + 1, row[DILATED.end_member]):
            total = total + load(table, members[m] * width + t)
        store(line, padding + t, total)
    for t in range(0, width, lanes(y)):
        first = padding + t - TAPS // 2 * dilation
        total = load(line, first)
        for k in range(1, TAPS):
            total = total + load(line, first + k * dilation)
        chosen = load(line, first + row[DILATED.tap_a] * dilation) + load(line, first + row[DILATED.tap_b] * dilation)
        store(y, t, fma(chosen + load(line, first + row[DILATED.tap_c] * dilation), three, -total))


@inner
def _shares(row, frames, biases, y, counts, out):
    """The share of the outputs above each bias of a row; without padding only where the window is inside."""
    padding = 0 if row[DILATED.padded] else TAPS // 2 * row[DILATED.dilation]
    end = frames - padding
    for t in range(end, end + MAX_LANES):
        y[t] = -np.inf  # the last vector is counted whole
    for b in range(row[DILATED.first_bias], row[DILATED.end_bias]):
        bias, total = splat(y, at(biases, b)), zero(y)
        for t in range(padding, end, lanes(y)):
            total = total + greater_than(load(y, t), bias)
        store(counts, 0, total)
        count = at(counts, 0)
        for k in range(1, lanes(y)):
            count += at(counts, k)
        out[b] = count / y.dtype.type(end - padding)


@inner
def _parts(x, scratch):
    """The parts of the work space, see `scratch_size`."""
    frames, channels = x.shape
    width = -(-frames // MAX_LANES) * MAX_LANES
    line, y, counts = channels * width, (channels + 2) * width, (channels + 3) * width + MAX_LANES
    return (
        scratch[:line].reshape((channels, width)),
        scratch[line:y],
        scratch[y:counts],
        scratch[counts : counts + MAX_LANES],
    )


@kernel
def ppv(x, plan, members, biases, scratch, out):
    """Set out[b] = share of outputs above biases[b], for all rows of the plan, of a clip x (frames, channels)."""
    table, line, y, counts = _parts(x, scratch)
    _by_channels(x, table, line)
    for i in range(plan.shape[0]):
        _convolved(plan[i], members, table, line, y)
        _shares(plan[i], x.shape[0], biases, y, counts, out)


@kernel
def outputs(x, row, members, scratch, out):
    """Set out[t] = output of one row of a plan centred at frame t of a zero-padded clip x (frames, channels)."""
    table, line, y, _ = _parts(x, scratch)
    _by_channels(x, table, line)
    _convolved(row, members, table, line, y)
    for t in range(out.size):
        out[t] = at(y, t)
