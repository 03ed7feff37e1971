"""Steps on what belongs to the whole batch: its statistics, the sums of partial gradients, the optimiser.

Partial sums are one a group of clips and are added in float64 in the order of groups.
"""

from audioconv.kernels._jit import part, step
from audioconv.kernels.nn.operands import doubles, floats, integers, rest
from audioconv.kernels.simd.vector_math import (
    accumulator_add,
    accumulator_round,
    accumulator_zero,
    masked_load,
    masked_store,
)

_2, _3 = rest(2), rest(3)


@part
def total_of(sums, i, groups, step):
    total = 0.0
    for g in range(groups):
        total += sums[i + g * step]
    return total


@step
def bias_gradient(row, spaces, like, clip, clips, group, thread):
    """The first of two rows of sums, over all groups; operands sums (groups, 2, width), gradient; rest: width,
    groups.
    """
    at = (clip, clips, group)
    total, gradient = doubles(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    width, groups = row[_2], row[_2 + 1]
    if thread == 0:
        for c in range(width):
            gradient[c] = total_of(total, c, groups, 2 * width)


@part
def share_of(size, group, groups):
    """The part of `size` elements that a group does: whole vectors, so that it does not matter who does them."""
    vectors = (size + 7) // 8
    return vectors * group // groups * 8, min(size, vectors * (group + 1) // groups * 8)


@step
def add_partials(row, spaces, like, clip, clips, group, thread):
    """total[i] = sum over p of partials[p, i]; operands partials, total; the rest: size, partials, groups."""
    at = (clip, clips, group)
    partials, total = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    size, count = row[_2], row[_2 + 1]
    first, last = share_of(size, group, row[_2 + 2])
    width = 8 if partials.itemsize == 4 else 4
    for i in range(first, last, width):
        value = accumulator_zero(total)
        for p in range(count):
            value = accumulator_add(value, masked_load(partials, p * size + i, last - i))
        masked_store(total, i, accumulator_round(total, value), last - i)


@step
def accumulate(row, spaces, like, clip, clips, group, thread):
    """total += x on the share of a group; operands x, total; the rest: size, groups."""
    at = (clip, clips, group)
    x, total = floats(row, spaces, like, 0, at), floats(row, spaces, like, 1, at)
    first, last = share_of(row[_2], group, row[_2 + 1])
    for i in range(first, last):
        total[i] += x[i]


@step
def flip_weights(row, spaces, like, clip, clips, group, thread):
    """Weights with taps in another order, and input and output exchanged: out[p, o, i] = w[taps[p], i, o].

    Operands w (taps, in // channel_groups, out), taps, out (taps, out // channel_groups, in); the rest: taps, in and
    out a group of channels, groups of channels, groups of clips that share the work; whether to exchange at all.
    """
    at = (clip, clips, group)
    w, taps, out = (
        floats(row, spaces, like, 0, at),
        integers(row, spaces, like, 1, at),
        floats(row, spaces, like, 2, at),
    )
    count, channels, filters, blocks = row[_3], row[_3 + 1], row[_3 + 2], row[_3 + 3]
    for p in range(count * group // row[_3 + 4], count * (group + 1) // row[_3 + 4]):
        size = channels * filters * blocks
        read, write = taps[p] * size, p * size
        if row[_3 + 5]:
            for block in range(blocks):
                for i in range(channels):
                    for o in range(filters):
                        out[write + o * channels * blocks + block * channels + i] = w[
                            read + i * filters * blocks + block * filters + o
                        ]
        else:
            for i in range(size):
                out[write + i] = w[read + i]
