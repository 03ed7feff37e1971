"""Op kernels on gradients of parameters: sums of partial gradients, and flipped weights for the input gradient.

There is one partial sum a micro-batch; they are added in float64 in the order of micro-batches.
"""

from audioconv.kernels._jit import op_kernel, part
from audioconv.kernels.nn.operands import DIMS, doubles, element, floats, integers, op_layout
from audioconv.kernels.simd._emit import MAX_LANES
from audioconv.kernels.simd.vector import lanes
from audioconv.kernels.simd.vector_math import (
    accumulator_add,
    accumulator_fma,
    accumulator_round,
    accumulator_store,
    accumulator_zero,
    masked_load,
    masked_store,
)


@part
def sum_over_micro_batches(sums, i, micro_batches, stride):
    total = 0.0
    for m in range(micro_batches):
        total += sums[i + m * stride]
    return total


BIAS_GRADIENT = op_layout("BIAS_GRADIENT", operands=("sums", "gradient"), integers=("width", "micro_batches"))


@op_kernel(BIAS_GRADIENT)
def bias_gradient(instruction, segments, like, clip, clips, micro_batch, thread):
    """gradient = the first of two rows of `sums` (micro-batches, 2, width), added up."""
    at = (clip, clips, micro_batch)
    total = doubles(instruction, segments, like, BIAS_GRADIENT.sums, at)
    gradient = floats(instruction, segments, like, BIAS_GRADIENT.gradient, at)
    width, micro_batches = instruction[BIAS_GRADIENT.width], instruction[BIAS_GRADIENT.micro_batches]
    if thread == 0:
        for c in range(width):
            gradient[c] = sum_over_micro_batches(total, c, micro_batches, 2 * width)


@part
def share_of(size, i, shares):
    """(first, last) of the i-th of equal shares of `size` elements, cut between whole vectors."""
    vectors = (size + MAX_LANES - 1) // MAX_LANES
    return vectors * i // shares * MAX_LANES, min(size, vectors * (i + 1) // shares * MAX_LANES)


SUM_PARTIALS = op_layout("SUM_PARTIALS", operands=("partials", "total"), integers=("size", "terms", "micro_batches"))


@op_kernel(SUM_PARTIALS)
def sum_partials(instruction, segments, like, clip, clips, micro_batch, thread):
    """total[i] = sum over p of partials[p, i], on the share of a micro-batch."""
    at = (clip, clips, micro_batch)
    partials = floats(instruction, segments, like, SUM_PARTIALS.partials, at)
    total = floats(instruction, segments, like, SUM_PARTIALS.total, at)
    size, count = instruction[SUM_PARTIALS.size], instruction[SUM_PARTIALS.terms]
    first, last = share_of(size, micro_batch, instruction[SUM_PARTIALS.micro_batches])
    for i in range(first, last, lanes(partials)):
        value = accumulator_zero(total)
        for p in range(count):
            value = accumulator_add(value, masked_load(partials, p * size + i, last - i))
        masked_store(total, i, accumulator_round(total, value), last - i)


ACCUMULATE = op_layout("ACCUMULATE", operands=("x", "total"), integers=("size", "micro_batches"))


@op_kernel(ACCUMULATE)
def accumulate(instruction, segments, like, clip, clips, micro_batch, thread):
    """total += x on the share of a micro-batch."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, ACCUMULATE.x, at)
    total = floats(instruction, segments, like, ACCUMULATE.total, at)
    first, last = share_of(instruction[ACCUMULATE.size], micro_batch, instruction[ACCUMULATE.micro_batches])
    for i in range(first, last):
        total[i] += x[i]


FLIP_WEIGHTS = op_layout(
    "FLIP_WEIGHTS",
    operands=("weights", "taps", "flipped"),
    integers=("tap_count", "channels", "filters", "groups", "micro_batches", "exchange"),
)


@op_kernel(FLIP_WEIGHTS)
def flip_weights(instruction, segments, like, clip, clips, micro_batch, thread):
    """Weights with taps in another order, and input and output exchanged: flipped[p, o, i] = weights[taps[p], i, o].

    `weights` (taps, in // groups, out), `flipped` (taps, out // groups, in); `channels` and `filters` are those of a
    group. Without `exchange` only the order changes. Micro-batches share the work.
    """
    at = (clip, clips, micro_batch)
    w = floats(instruction, segments, like, FLIP_WEIGHTS.weights, at)
    taps = integers(instruction, segments, like, FLIP_WEIGHTS.taps, at)
    out = floats(instruction, segments, like, FLIP_WEIGHTS.flipped, at)
    count, channels, filters, blocks = (
        instruction[FLIP_WEIGHTS.tap_count],
        instruction[FLIP_WEIGHTS.channels],
        instruction[FLIP_WEIGHTS.filters],
        instruction[FLIP_WEIGHTS.groups],
    )
    shares = instruction[FLIP_WEIGHTS.micro_batches]
    for p in range(count * micro_batch // shares, count * (micro_batch + 1) // shares):
        size = channels * filters * blocks
        read, write = taps[p] * size, p * size
        if instruction[FLIP_WEIGHTS.exchange]:
            for block in range(blocks):
                for i in range(channels):
                    for o in range(filters):
                        out[write + o * channels * blocks + block * channels + i] = w[
                            read + i * filters * blocks + block * filters + o
                        ]
        else:
            for i in range(size):
                out[write + i] = w[read + i]


@part
def frequencies_of(band, bands, freq):
    """(first, end) of the frequencies in one of `bands` equal bands."""
    return -(-band * freq // bands), -(-(band + 1) * freq // bands)


SUMS = op_layout("SUMS", operands=("x", "sums"), integers=(*DIMS, "bands"))


@op_kernel(SUMS)
def sums(instruction, segments, like, clip, clips, micro_batch, thread):
    """Sums of x and of x * x over a micro-batch, for each band and channel: (2, bands, channels)."""
    at = (clip, clips, micro_batch)
    x = floats(instruction, segments, like, SUMS.x, at)
    out = doubles(instruction, segments, like, SUMS.sums, at)
    freq, channels, bands = instruction[SUMS.freq], instruction[SUMS.channels], instruction[SUMS.bands]
    for band in range(bands):
        first, last = frequencies_of(band, bands, freq)
        for c in range(0, channels, lanes(x)):
            plain, squares = accumulator_zero(x), accumulator_zero(x)
            for b in range(clips):
                for t in range(instruction[SUMS.time]):
                    for f in range(first, last):
                        v = masked_load(x, element(instruction, SUMS.x, b, t, f) + c, channels - c)
                        plain, squares = accumulator_add(plain, v), accumulator_fma(squares, v, v)
            i = band * channels + c
            accumulator_store(out, i, plain, channels - c)
            accumulator_store(out, i + bands * channels, squares, channels - c)
