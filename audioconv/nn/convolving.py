"""Convolutions as operations of a `Graph`: forward, the gradient of the input, the gradient of the weights.

All three are the product of `kernels.conv` with other tables and counts. What changes from one convolution to another
is a `Geometry`: taps, stride, dilation, padding and tiles along time and frequency, and groups of channels.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import gcd

import numpy as np

from audioconv.kernels import conv as kernels
from audioconv.kernels import elementwise, statistics
from audioconv.nn.graph import GROUP, SHARED, Margins, Window
from audioconv.nn.rows import Location, row, seen_as, shape3

CLIPS_ARE_ROWS, CLIPS_ARE_SUMMED, NO_CLIPS = 0, 1, 2


@dataclass(frozen=True)
class Axis:
    """Windows along time or frequency. With `tiles` the n-th output has the n % tiles-th set of weights."""

    taps: int
    stride: int = 1
    dilation: int = 1
    padding: tuple = (0, 0)
    tiles: int = 1

    @property
    def span(self):
        return self.dilation * (self.taps - 1) + 1

    def outputs(self, size):
        """How many outputs an input of this size has; negative if it is too short."""
        return (size + sum(self.padding) - self.span) // self.stride + 1

    def inputs(self, size):
        """The size whose outputs a transposed convolution takes for its input."""
        return (size - 1) * self.stride + self.span - sum(self.padding)


@dataclass(frozen=True)
class Phase:
    """Rows first, first + step, ... of an input gradient: from which output on, with which (tile, tap) pairs."""

    pairs: tuple
    first: int
    rows: int
    begin: int


@lru_cache(maxsize=1024)
def input_phases(axis, size, outputs):
    """How the gradient of an input is made of forward convolutions.

    Input i met, as padded place i + left = n * stride + tap * dilation, those outputs n whose taps leave the same
    remainder modulo stride; and which tile n has is known from i modulo stride * tiles. So each remainder is a
    convolution of its own, of the output's gradient with those taps in reverse order, giving every
    (stride * tiles)-th row. Returns the margins of the gradient that they want, how far apart the outputs of
    neighbouring taps are, and the phases; one without pairs has rows of zeros.
    """
    left, stride, dilation, modulus = axis.padding[0], axis.stride, axis.dilation, axis.stride * axis.tiles
    phases, before, after = [], 0, 0
    step = dilation // gcd(stride, dilation)
    for first in range(min(modulus, size)):
        taps = [tap for tap in reversed(range(axis.taps)) if (first + left - tap * dilation) % stride == 0]
        met = [(first + left - tap * dilation) // stride for tap in taps]
        rows = -(-(size - first) // modulus)
        phases.append(Phase(tuple((n % axis.tiles, t) for n, t in zip(met, taps, strict=True)), first, rows,
                            met[0] if met else 0))  # fmt: skip
        if met:
            before = max(before, -met[0])
            after = max(after, met[-1] + (rows - 1) * axis.tiles + 1 - outputs)
    return (before, after), step, tuple(phases)


@dataclass(frozen=True)
class Geometry:
    """A convolution of (time, freq, channels): its two axes, channels in and out, groups; depthwise or not."""

    time: Axis
    freq: Axis
    channels: int
    filters: int
    groups: int = 1
    depthwise: bool = False

    @property
    def axes(self):
        return self.time, self.freq

    @property
    def inner(self):
        """Input channels that an output channel sees."""
        return 1 if self.depthwise else self.channels // self.groups

    @property
    def taps(self):
        return self.time.taps * self.freq.taps

    @property
    def tiles(self):
        return self.time.tiles * self.freq.tiles

    @property
    def weight_shape(self):
        """Of the weights as the kernels see them: (tiles * taps, inner, filters)."""
        return self.tiles * self.taps, self.inner, self.filters

    @property
    def step(self):
        return kernels.channelwise if self.depthwise else kernels.product

    def margins(self):
        return Margins(self.time.padding, self.freq.padding)

    def outputs(self, shape):
        time, freq, _ = shape3(shape)
        return self.time.outputs(time), self.freq.outputs(freq), self.filters

    def transposed(self, shape):
        """The size whose outputs have this shape."""
        time, freq, _ = shape3(shape)
        return self.time.inputs(time), self.freq.inputs(freq), self.channels

    def weight_order(self, tile, tap):
        """Which of tiles * taps blocks of weights: pairs over time and frequency."""
        (tile_t, tile_f), (tap_t, tap_f) = tile, tap
        return ((tile_t * self.freq.tiles + tile_f) * self.time.taps + tap_t) * self.freq.taps + tap_f


def _merge(counts, keep_first=False):
    """Nested (count, step of a, step of b) as three, neighbours joined where they go on evenly."""
    merged = []
    for position, (count, a, b) in enumerate(counts):
        fixed = keep_first and position == 0
        if count == 1 and not fixed:
            continue
        if merged and not (keep_first and len(merged) == 1):
            outer, a_outer, b_outer = merged[-1]
            if a_outer == count * a and b_outer == count * b:
                merged[-1] = (outer * count, a, b)
                continue
        merged.append((count, a, b))
    ones = [(1, 1, 1)] * (3 - len(merged))
    merged = merged[:1] + ones + merged[1:] if keep_first else ones + merged
    assert len(merged) == 3
    return merged


def _product(plan, step, operands, offsets, counts, columns, clips, relu=False, keep_first=False):
    """A row of `kernels.conv`: operands a, b, start, out; offsets of rows in a and out; nested counts with steps."""
    rows = len(offsets[0]) // (plan.largest if clips == CLIPS_ARE_ROWS and plan.largest else 1)
    merged = _merge(counts, keep_first)
    numbers = [clips, rows, 0, 0, *(n for n, _, _ in merged), *(a for _, a, _ in merged), *(b for *_, b in merged)]
    where = [*operands, *map(plan.table_of, offsets)]
    return row(step, plan.dtype, where, [*numbers, *columns, int(relu)])


def _offsets(plan, place, frames, bins, stride=(1, 1)):
    """Where rows (clip, frame, bin) of a place begin."""
    clip = np.arange(plan.largest)[:, None, None] * place.inner
    time = np.arange(frames)[:, None] * place.time * stride[0]
    return (clip + time + np.arange(bins) * place.freq * stride[1]).reshape(-1)


def _zeros(graph, size):
    return graph.array(np.zeros(size, graph.dtype))


def forward(graph, x, weight, bias, geometry, relu=False):
    """y = bias + x correlated with weight; weight and bias are tensors, bias may be None."""
    start = bias if bias is not None else _zeros(graph, geometry.filters)

    def encode(plan, place):
        return _forward_rows(plan, geometry, (place(x), place(weight), place(start), place(y)), shape3(y.shape), relu)

    margins = geometry.margins()
    shape = seen_as(geometry.outputs(x.shape), x.shape)
    graph.products += int(np.prod(shape)) * geometry.taps * geometry.inner
    window = Window(geometry.time.span, geometry.time.stride) if geometry.tiles == 1 else None
    options = {"margins": {x: margins} if margins else {}, "window": window}
    y = graph.operation(encode, [x, weight, start], shape, **options)
    return y


def _forward_rows(plan, geometry, places, outputs, relu):
    x, weight, start, y = places
    time, freq = geometry.axes
    x = x.moved(-time.padding[0], -freq.padding[0])
    frames, bins, _ = outputs
    per_group, size = geometry.filters // geometry.groups, geometry.taps * geometry.inner * geometry.filters
    row_size = geometry.inner * geometry.filters
    rows = []
    for tile in product(range(min(time.tiles, frames)), range(min(freq.tiles, bins))):
        count = [-(-(n - k) // axis.tiles) for n, k, axis in zip((frames, bins), tile, geometry.axes, strict=True)]
        source = x.moved(tile[0] * time.stride, tile[1] * freq.stride)
        offsets = [
            _offsets(plan, source, *count, (time.stride * time.tiles, freq.stride * freq.tiles)),
            _offsets(plan, y, *count, (time.tiles, freq.tiles)),
        ]
        weights = weight.moved(channel=(tile[0] * freq.tiles + tile[1]) * size)
        target = y.moved(*tile)
        for group in range(geometry.groups):
            counts = [
                (time.taps, time.dilation * x.time, freq.taps * row_size),
                (freq.taps, freq.dilation * x.freq, row_size),
                (geometry.inner, 1, geometry.filters),
            ]
            operands = [source.moved(channel=group * geometry.inner), weights, start, target]
            columns = group * per_group, (group + 1) * per_group
            rows.append(_product(plan, geometry.step, operands, offsets, counts, columns, CLIPS_ARE_ROWS, relu))
    return rows


def turned(graph, weight, geometry, blocks, exchange):
    """The blocks of weights (numbers of tile and tap) in this order, input and output exchanged or not."""
    inner, filters = geometry.inner, geometry.filters
    if not graph.training:  # where weights stay as they are, it is done when the program is made
        return graph.derived(lambda: np.reshape(weight.make(), (-1, inner, filters))[blocks])
    shape = (
        (len(blocks), filters // geometry.groups, inner * geometry.groups)
        if exchange
        else (len(blocks), inner, filters)
    )

    def encode(plan, place):
        where = [place(weight), plan.table_of(blocks), place(result)]
        numbers = [len(blocks), inner, filters // geometry.groups, geometry.groups, plan.group_count, int(exchange)]
        return [row(statistics.turn_weights, plan.dtype, where, numbers)]

    result = graph.operation(encode, [weight], shape, SHARED)
    return result


def adjoint(graph, grad_y, weight, bias, geometry, shape, exchange, relu=False):
    """What the transpose of a convolution makes of grad_y: a tensor of `shape` (time, freq, channels).

    With `exchange` the weights are those of the convolution, and this is the gradient of its input; without it they
    have their input and output the other way round already, and this is a transposed convolution.
    """
    sizes, outputs = shape3(shape)[:2], shape3(grad_y.shape)[:2]
    axes = [input_phases(*each) for each in zip(geometry.axes, sizes, outputs, strict=True)]
    (margins_t, step_t, phases_t), (margins_f, step_f, phases_f) = axes
    blocks, begins = [], []
    for t, f in product(phases_t, phases_f):
        begins.append(len(blocks))
        blocks += [geometry.weight_order((a, b), (i, j)) for (a, i), (b, j) in product(t.pairs, f.pairs)]
    channels = shape3(shape)[2]
    inner = 1 if geometry.depthwise else geometry.filters // geometry.groups
    if not exchange:
        graph.products += int(np.prod(shape3(grad_y.shape))) * geometry.taps * channels
    exchange = exchange and not geometry.depthwise
    flipped = turned(graph, weight, geometry, blocks, exchange)
    start = bias if bias is not None else _zeros(graph, channels)

    def encode(plan, place):
        source, weights, target = place(grad_y), place(flipped), place(y)
        steps = geometry.time.stride * geometry.time.tiles, geometry.freq.stride * geometry.freq.tiles
        rows = []
        for begin, (t, f) in zip(begins, product(phases_t, phases_f), strict=True):
            out = target.moved(t.first, f.first)
            if not (t.pairs and f.pairs):
                rows += _constant_rows(plan, place(start), out.every(*steps), (t.rows, f.rows, channels), relu)
                continue
            source_here = source.moved(t.begin, f.begin)
            offsets = [
                _offsets(plan, source, t.rows, f.rows, (geometry.time.tiles, geometry.freq.tiles)),
                _offsets(plan, target, t.rows, f.rows, steps),
            ]
            size = inner * channels
            counts = [
                (len(t.pairs), step_t * source.time, len(f.pairs) * size),
                (len(f.pairs), step_f * source.freq, size),
                (inner, 1, channels),
            ]
            for group in range(geometry.groups):
                operands = [source_here.moved(channel=group * inner), weights.moved(channel=begin * size),
                            place(start), out]  # fmt: skip
                columns = group * channels // geometry.groups, (group + 1) * channels // geometry.groups
                rows.append(_product(plan, geometry.step, operands, offsets, counts, columns, CLIPS_ARE_ROWS, relu))
        return rows

    margins = Margins(margins_t, margins_f)
    options = {"margins": {grad_y: margins} if margins else {}, "window": None}
    y = graph.operation(encode, [grad_y, flipped, start], shape, **options)
    return y


def _constant_rows(plan, start, out, shape, relu):
    """Rows that no tap reaches: the bias alone."""
    source = Location(start.space, start.offset, size=start.size)
    kind = elementwise.RELU if relu else elementwise.LINEAR
    return [row(elementwise.activate, plan.dtype, [source, out], [*shape, kind])]


def weight_gradient(graph, x, grad_y, geometry):
    """Partial sums, one a group, of the gradient of the weights: x met grad_y."""
    margins = geometry.margins()

    def encode(plan, place):
        source, grad, partial = place(x), place(grad_y), place(result)
        time, freq = geometry.axes
        source = source.moved(-time.padding[0], -freq.padding[0])
        frames, bins, _ = shape3(grad_y.shape)
        size = geometry.taps * geometry.inner * geometry.filters
        taps = np.arange(time.taps)[:, None] * time.dilation * source.time
        taps = (taps + np.arange(freq.taps) * freq.dilation * source.freq)[..., None] + np.arange(geometry.inner)
        offsets = taps.reshape(-1), np.arange(taps.size) * geometry.filters
        rows = []
        for tile in product(range(time.tiles), range(freq.tiles)):
            count = [
                max(0, -(-(n - k) // a.tiles)) for n, k, a in zip((frames, bins), tile, geometry.axes, strict=True)
            ]
            read = source.moved(tile[0] * time.stride, tile[1] * freq.stride) if all(count) else source
            met = grad.moved(*tile) if all(count) else grad
            counts = [
                (1, source.inner, grad.inner),  # as many as there are clips
                (count[0], source.time * time.stride * time.tiles, grad.time * time.tiles),
                (count[1], source.freq * freq.stride * freq.tiles, grad.freq * freq.tiles),
            ]
            target = partial.moved(channel=(tile[0] * freq.tiles + tile[1]) * size)
            for group in range(geometry.groups):
                operands = [read.moved(channel=group * geometry.inner), met, place(zeros), target]
                columns = [n * geometry.filters // geometry.groups for n in (group, group + 1)]
                rows.append(_product(plan, geometry.step, operands, offsets, counts, columns, CLIPS_ARE_SUMMED,
                                     keep_first=True))  # fmt: skip
        return rows

    zeros = _zeros(graph, geometry.filters)
    reads = [x, grad_y, zeros]
    result = graph.operation(encode, reads, geometry.weight_shape, GROUP, margins={x: margins} if margins else {})
    return result


def transposed_weight_gradient(graph, x, grad_y, geometry, filters):
    """The same for a transposed convolution from x to y: weights (taps, channels of x, filters)."""
    margins, channels = geometry.margins(), shape3(x.shape)[2]

    def encode(plan, place):
        source, grad, partial = place(x), place(grad_y), place(result)
        time, freq = geometry.axes
        grad = grad.moved(-time.padding[0], -freq.padding[0])
        frames, bins, _ = shape3(x.shape)
        offsets = np.arange(channels), np.arange(channels) * filters
        counts = [
            (1, source.inner, grad.inner),
            (frames, source.time, grad.time * time.stride),
            (bins, source.freq, grad.freq * freq.stride),
        ]
        rows = []
        for number, (i, j) in enumerate(product(range(time.taps), range(freq.taps))):
            met = grad.moved(i * time.dilation, j * freq.dilation)
            operands = [source, met, place(zeros), partial.moved(channel=number * channels * filters)]
            rows.append(_product(plan, kernels.product, operands, offsets, counts, (0, filters), CLIPS_ARE_SUMMED,
                                 keep_first=True))  # fmt: skip
        return rows

    zeros = _zeros(graph, filters)
    shape = (geometry.taps, channels, filters)
    reads = [x, grad_y, zeros]
    result = graph.operation(encode, reads, shape, GROUP, margins={grad_y: margins} if margins else {})
    return result
