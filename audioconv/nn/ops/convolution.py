"""Convolutions as operations of a `Graph`: forward, the gradient of the input, the gradient of the weights.

All three are the product of `kernels.conv` with other tables and counts. What changes from one convolution to another
is a `Geometry`: taps, stride, dilation, padding and tiles along time and frequency, and groups of channels.
"""

from itertools import product

import numpy as np

from audioconv.kernels.nn import elementwise, gradients
from audioconv.kernels.nn import implicit_gemm as kernels
from audioconv.nn.ops.geometry import input_phases
from audioconv.nn.ops.graph import MICRO_BATCH, SHARED, Halo, ReceptiveWindow
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.ops.tensor_view import TensorView, shape3, squeeze_like

CLIPS_ARE_ROWS, CLIPS_ARE_SUMMED, NO_CLIPS = 0, 1, 2


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
    assert all(b or n == 1 for n, _, b in merged), "the kernel counts by the step of b"
    return merged


def _product(plan, step, operands, offsets, counts, columns, clips, relu=False, keep_first=False, run=0):
    """A row of `kernels.conv`: operands a, b, start, out; offsets of rows in a and out; nested counts with steps."""
    rows = len(offsets[0]) // (plan.largest if clips == CLIPS_ARE_ROWS and plan.largest else 1)
    merged = _merge(counts, keep_first)
    numbers = [clips, rows, run, *(n for n, _, _ in merged), *(a for _, a, _ in merged), *(b for *_, b in merged)]
    where = [*operands, *map(plan.table_of, offsets)]
    return instruction(step, plan.dtype, where, [*numbers, *columns, int(relu)])


def _offsets(plan, frames, bins, spacing, clip, frames_last):
    """Where rows (clip, frame, bin) begin, or (clip, bin, frame)."""
    places = np.arange(frames)[:, None] * spacing[0] + np.arange(bins) * spacing[1]
    return (np.arange(plan.largest)[:, None] * clip + (places.T if frames_last else places).reshape(-1)).reshape(-1)


def _run_rows(plan, step, places, runs, taps, spacing, channels, relu):
    """Rows that compute one run of outputs: (run in time, run in frequency) of the places source, weights, start, out.

    taps: for time and frequency how far apart neighbouring taps are in the source and in the weights; spacing: how far
    apart neighbouring outputs are in the source and in out; channels (in of a group, out, groups).

    With a filter a channel, taps in time come last: three of them slide over frames as far apart as they are.
    """
    (t, f), (inner, filters, groups), (source, weights, start, out) = runs, channels, places
    (a_t, b_t), (a_f, b_f) = taps
    over_time, over_freq = (t.taps, a_t, b_t), (f.taps, a_f, b_f)
    depthwise = step is kernels.depthwise
    counts = [over_freq, over_time] if depthwise else [over_time, over_freq]
    slides = depthwise and t.taps == kernels.SLIDING and a_t == spacing[0][0] and plan.graph.stream is None
    clips = source.inner, out.inner
    offsets = [_offsets(plan, t.count, f.count, *each, slides) for each in zip(spacing, clips, strict=True)]
    rows = []
    for group in range(groups):
        operands = [source.moved(channel=group * inner), weights, start, out]
        columns = group * filters // groups, (group + 1) * filters // groups
        each = _product(plan, step, operands, offsets, [*counts, (inner, 1, filters)], columns, CLIPS_ARE_ROWS, relu,
                        run=t.count if slides else 0)  # fmt: skip
        each.per_frame = f.count
        rows.append(each)
    return rows


def _zeros(graph, size):
    return graph.folded_constant(lambda: np.zeros(size))


def forward(graph, x, weight, bias, geometry, relu=False):
    """y = bias + x correlated with weight; weight and bias are tensors, bias may be None."""
    start = bias if bias is not None else _zeros(graph, geometry.filters)

    margins, runs = geometry.forward_runs(x.shape, graph.clips)

    def encode(plan, place):
        return _forward_rows(plan, geometry, (place(x), place(weight), place(start), place(y)), runs, relu)

    shape = squeeze_like(geometry.outputs(x.shape), x.shape)
    graph.multiply_adds += int(np.prod(shape)) * geometry.taps * geometry.inner
    time = geometry.time
    window = ReceptiveWindow(time.span, time.stride, tiles=time.tiles, limit=time.tiles if geometry.unshared else None)
    options = {"margins": {x: margins} if margins else {}, "window": window}
    y = graph.operation(encode, [x, weight, start], shape, **options)
    return y


def _forward_rows(plan, geometry, places, runs, relu):
    x, weight, start, y = places
    time, freq = geometry.axes
    row_size = geometry.inner * geometry.filters
    taps = (time.dilation * x.time, freq.taps * row_size), (freq.dilation * x.freq, row_size)
    spacing = (
        (x.time * time.stride * time.tiles, x.freq * freq.stride * freq.tiles),
        (y.time * time.tiles, y.freq * freq.tiles),
    )
    channels = geometry.inner, geometry.filters, geometry.groups
    rows = []
    for (tile_t, runs_t), (tile_f, runs_f) in product(*map(enumerate, runs)):
        for t, f in product(runs_t, runs_f):
            block = geometry.weight_order((tile_t, tile_f), (t.tap, f.tap))
            target = y.moved(tile_t + t.first * time.tiles, tile_f + f.first * freq.tiles)
            here = x.moved(t.base, f.base), weight.moved(channel=block * row_size), start, target
            for each in _run_rows(plan, geometry.step, here, (t, f), taps, spacing, channels, relu):
                each.tile, each.tiles = tile_t, time.tiles
                rows.append(each)
    return rows


def flipped_weights(graph, weight, geometry, blocks, exchange):
    """The blocks of weights (numbers of tile and tap) in this order, input and output exchanged or not."""
    inner, filters = geometry.inner, geometry.filters
    if not graph.training:  # where weights stay as they are, it is done when the program is made
        return graph.folded_constant(lambda: np.reshape(weight.make(), (-1, inner, filters))[blocks])
    shape = (
        (len(blocks), filters // geometry.groups, inner * geometry.groups)
        if exchange
        else (len(blocks), inner, filters)
    )

    def encode(plan, place):
        where = [place(weight), plan.table_of(blocks), place(result)]
        numbers = [
            len(blocks),
            inner,
            filters // geometry.groups,
            geometry.groups,
            plan.micro_batch_count,
            int(exchange),
        ]
        return [instruction(gradients.flip_weights, plan.dtype, where, numbers)]

    # in the first phase, so that nothing waits for it on the way back
    result = graph.operation(encode, [weight], shape, SHARED, stage=0)
    return result


def input_gradient(graph, grad_y, weight, bias, geometry, shape, exchange, relu=False):
    """What the transpose of a convolution makes of grad_y: a tensor of `shape` (time, freq, channels).

    With `exchange` the weights are those of the convolution, and this is the gradient of its input; without it they
    have their input and output the other way round already, and this is a transposed convolution.
    """
    sizes, outputs = shape3(shape)[:2], shape3(grad_y.shape)[:2]
    times = [graph.clips * -(-n // (axis.stride * axis.tiles)) for n, axis in zip(sizes, geometry.axes, strict=True)]
    axes = [input_phases(*each) for each in zip(geometry.axes, sizes, outputs, reversed(times), strict=True)]
    (margins_t, step_t, phases_t), (margins_f, step_f, phases_f) = axes
    blocks, begins = [], []
    for t, f in product(phases_t, phases_f):
        begins.append(len(blocks))
        blocks += [geometry.weight_order((a, b), (i, j)) for (a, i), (b, j) in product(t.pairs, f.pairs)]
    channels = shape3(shape)[2]
    inner = 1 if geometry.depthwise else geometry.filters // geometry.groups
    if not exchange:
        graph.multiply_adds += int(np.prod(shape3(grad_y.shape))) * geometry.taps * geometry.inner
    exchange = exchange and not geometry.depthwise
    flipped = flipped_weights(graph, weight, geometry, blocks, exchange)
    start = bias if bias is not None else _zeros(graph, channels)

    def encode(plan, place):
        source, weights, target = place(grad_y), place(flipped), place(y)
        steps = geometry.time.stride * geometry.time.tiles, geometry.freq.stride * geometry.freq.tiles
        tiles, size, rows = (geometry.time.tiles, geometry.freq.tiles), inner * channels, []
        spacing = (source.time * tiles[0], source.freq * tiles[1]), (target.time * steps[0], target.freq * steps[1])
        for begin, (phase_t, phase_f) in zip(begins, product(phases_t, phases_f), strict=True):
            all_f = len(phase_f.pairs)
            taps = (step_t * source.time, all_f * size), (step_f * source.freq, size)
            for t, f in product(phase_t.runs, phase_f.runs):
                out = target.moved(phase_t.first + t.first * steps[0], phase_f.first + f.first * steps[1])
                if not (t.taps and f.taps):
                    rows += _constant_rows(plan, place(start), out.every(*steps), (t.count, f.count, channels), relu)
                    continue
                weights_here = weights.moved(channel=(begin + t.tap * all_f + f.tap) * size)
                here = source.moved(t.base, f.base), weights_here, place(start), out
                sizes = inner, channels, geometry.groups
                rows += _run_rows(plan, geometry.step, here, (t, f), taps, spacing, sizes, relu)
        return rows

    window = ReceptiveWindow()
    if graph.stream is not None:
        margins_t, window = _transposed_window(geometry.time, margins_t[0], step_t, phases_t)
    margins = Halo(margins_t, margins_f)
    options = {"margins": {grad_y: margins} if margins else {}, "window": window}
    y = graph.operation(encode, [grad_y, flipped, start], shape, **options)
    return y


def _transposed_window(axis, before, step, phases):
    """What a transposed convolution wants in time around its input on a stream, and its window: a unit is a stride."""
    extra = axis.inputs(0)
    last = max(run.base + (run.taps - 1) * step for phase in phases for run in phase.runs if run.taps)
    last = max(last, -(extra // axis.stride))  # what may be cut off waits until it is known that more follows
    return (before, max(0, last - (-extra // axis.stride))), ReceptiveWindow(before + last + 1, 1, axis.stride, extra)


def _constant_rows(plan, start, out, shape, relu):
    """Rows that no tap reaches: the bias alone."""
    source = TensorView(start.space, start.offset, size=start.size)
    kind = elementwise.RELU if relu else elementwise.LINEAR
    return [instruction(elementwise.activate, plan.dtype, [source, out], [*shape, kind])]


def weight_gradient(graph, x, grad_y, geometry):
    """Partial sums, one a group, of the gradient of the weights: x met grad_y."""
    margins, (lots_t, lots_f) = geometry.weight_runs(x.shape)

    def encode(plan, place):
        tiles = product(range(geometry.time.tiles), range(geometry.freq.tiles))
        places = place(x), place(grad_y), place(zeros), place(result)
        return [
            each
            for tile, lot_t, lot_f in product(tiles, lots_t, lots_f)
            for each in _weight_rows(plan, geometry, places, tile, lot_t, lot_f)
        ]

    zeros = _zeros(graph, geometry.filters)
    reads = [x, grad_y, zeros]
    result = graph.operation(encode, reads, geometry.weight_shape, MICRO_BATCH, margins={x: margins} if margins else {})
    return result


def _weight_rows(plan, geometry, places, tile, lot_t, lot_f):
    """Rows for the weights of a tile with some of the taps: (first tap, taps, first output, outputs) of both axes."""
    x, grad, zeros, partial = places
    time, freq = geometry.axes
    counts, taps, starts = [(1, x.inner, grad.inner)], [], []  # as many as there are clips
    for axis, n, (tap, many, first, outputs), a, b in (
        (time, tile[0], lot_t, x.time, grad.time), (freq, tile[1], lot_f, x.freq, grad.freq),
    ):  # fmt: skip
        count = max(0, -(-(outputs - n) // axis.tiles))
        counts.append((count, a * axis.stride * axis.tiles, b * axis.tiles))
        taps.append(np.arange(many) * axis.dilation * a)
        begin = (first + n) * axis.stride + tap * axis.dilation - axis.padding[0]
        starts.append((begin, first + n) if count else (0, 0))
    (from_t, met_t), (from_f, met_f) = starts
    source, met = x.moved(from_t, from_f), grad.moved(met_t, met_f)
    offsets = (taps[0][:, None, None] + taps[1][:, None] + np.arange(geometry.inner)).reshape(-1)
    blocks = [[geometry.weight_order(tile, (i, j)) for j in range(lot_f[0], sum(lot_f[:2]))]
              for i in range(lot_t[0], sum(lot_t[:2]))]  # fmt: skip
    targets = np.array(blocks)[..., None] * geometry.inner + np.arange(geometry.inner)
    offsets = offsets, targets.reshape(-1) * geometry.filters
    rows = []
    for group in range(geometry.groups):
        operands = [source.moved(channel=group * geometry.inner), met, zeros, partial]
        columns = [n * geometry.filters // geometry.groups for n in (group, group + 1)]
        rows.append(_product(plan, geometry.step, operands, offsets, counts, columns, CLIPS_ARE_SUMMED,
                             keep_first=True))  # fmt: skip
    return rows


def transposed_weight_gradient(graph, x, grad_y, geometry):
    """The same for a transposed convolution from x to y: weights (taps, channels of x a group, filters)."""
    margins, filters, groups = geometry.margins(), geometry.channels, geometry.groups
    inner = geometry.filters // groups

    def encode(plan, place):
        source, grad, partial = place(x), place(grad_y), place(result)
        time, freq = geometry.axes
        grad = grad.moved(-time.padding[0], -freq.padding[0])
        frames, bins, _ = shape3(x.shape)
        offsets = np.arange(inner), np.arange(inner) * filters
        counts = [
            (1, source.inner, grad.inner),
            (frames, source.time, grad.time * time.stride),
            (bins, source.freq, grad.freq * freq.stride),
        ]
        rows = []
        for number, (i, j) in enumerate(product(range(time.taps), range(freq.taps))):
            met = grad.moved(i * time.dilation, j * freq.dilation)
            target = partial.moved(channel=number * inner * filters)
            for group in range(groups):
                operands = [source.moved(channel=group * inner), met, place(zeros), target]
                columns = [n * filters // groups for n in (group, group + 1)]
                rows.append(_product(plan, kernels.implicit_gemm, operands, offsets, counts, columns, CLIPS_ARE_SUMMED,
                                     keep_first=True))  # fmt: skip
        return rows

    zeros = _zeros(graph, filters)
    shape = (geometry.taps, inner, filters)
    reads = [x, grad_y, zeros]
    result = graph.operation(encode, reads, shape, MICRO_BATCH, margins={grad_y: margins} if margins else {})
    return result
