"""Convolutions as ops of a `Graph`: forward, the gradient of the input, the gradient of the weights.

All three are the implicit GEMM of `kernels.nn` with other tables and counts. What changes from one convolution to
another is a `Geometry`: taps, stride, dilation, padding and tiles along time and frequency, and groups of channels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from audioconv.kernels.nn import elementwise, gradients
from audioconv.kernels.nn import implicit_gemm as kernels
from audioconv.nn.ops.geometry import Axis, Geometry, Pair, Phase, Run, TapRange, input_phases
from audioconv.nn.ops.graph import MICRO_BATCH, SHARED, Graph, Halo, OpSpec, Planner, ReceptiveWindow, Tensor
from audioconv.nn.ops.instructions import Instruction, OpKernel, instruction
from audioconv.nn.ops.tensor_view import Shape, Shape3, TensorView, shape3, squeeze_like

if TYPE_CHECKING:
    from audioconv._typing import Array

Count: TypeAlias = tuple[int, int, int]  # how many, stride in a, stride in b


def _merge(counts: Iterable[Count], keep_first: bool = False) -> list[Count]:
    """Nested counts as three: neighbours are merged where one stride goes through both."""
    merged: list[Count] = []
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
    assert all(b or n == 1 for n, _, b in merged), "the kernel counts by the stride of b"
    return merged


class _Operands(NamedTuple):
    """Views of a, b, start and out of an implicit GEMM."""

    a: TensorView
    b: TensorView
    start: TensorView
    out: TensorView


def _gemm(
    plan: Planner,
    kernel: OpKernel,
    operands: _Operands,
    offsets: Sequence[Array],
    counts: Iterable[Count],
    columns: Pair,
    *,
    summed: bool = False,
    relu: bool = False,
    run_length: int = 0,
) -> Instruction:
    """An implicit GEMM: offsets of rows in a and out; nested counts with strides; first and end of the columns.

    Clips are rows, or `summed`: then the first of the counts is how many there are.
    """
    row_offsets, row_offsets_out = offsets
    clips = kernels.CLIPS_ARE_SUMMED if summed else kernels.CLIPS_ARE_ROWS
    rows = len(row_offsets) // (plan.max_clips if not summed and plan.max_clips else 1)
    merged = _merge(counts, keep_first=summed)
    return instruction(
        kernel, plan.dtype, **operands._asdict(), row_offsets=plan.offset_table(row_offsets),
        row_offsets_out=plan.offset_table(row_offsets_out), clips=clips, rows_per_clip=rows, run_length=run_length,
        counts=[n for n, _, _ in merged], a_strides=[a for _, a, _ in merged], b_strides=[b for _, _, b in merged],
        first_column=columns[0], end_column=columns[1], relu=relu,
    )  # fmt: skip


def _row_offsets(plan: Planner, frames: int, bins: int, spacing: Pair, clip_stride: int, frames_last: bool) -> Array:
    """Where rows (clip, frame, bin) begin, or (clip, bin, frame)."""
    starts = np.arange(frames)[:, None] * spacing[0] + np.arange(bins) * spacing[1]
    starts = (starts.T if frames_last else starts).reshape(-1)
    return (np.arange(plan.max_clips)[:, None] * clip_stride + starts).reshape(-1)


class _Strides(NamedTuple):
    """Of one axis: from tap to tap in the source and in the weights; from output to output in the source and in out."""

    tap: Pair
    output: Pair


def _run_instructions(
    plan: Planner,
    kernel: OpKernel,
    operands: _Operands,
    runs: tuple[Run, Run],
    strides: tuple[_Strides, _Strides],
    channels: Shape3,
    relu: bool,
) -> list[Instruction]:
    """Instructions for one run of outputs in time and one in frequency, one for each group of channels.

    channels (in of a group, out, groups). In a depthwise convolution taps in time are innermost: three of them slide
    over frames with the same spacing.
    """
    (t, f), (inner, filters, groups) = runs, channels
    over_time, over_freq = (t.taps, *strides[0].tap), (f.taps, *strides[1].tap)
    depthwise = kernel is kernels.depthwise
    counts = [over_freq, over_time] if depthwise else [over_time, over_freq]
    sliding = depthwise and t.taps == kernels.SLIDING and plan.graph.stream is None
    sliding = sliding and strides[0].tap[0] == strides[0].output[0]
    clip_strides = operands.a.clip_stride, operands.out.clip_stride
    spacings = zip(strides[0].output, strides[1].output, strict=True)
    offsets = [
        _row_offsets(plan, t.count, f.count, spacing, clip_stride, sliding)
        for spacing, clip_stride in zip(spacings, clip_strides, strict=True)
    ]
    made = []
    for group in range(groups):
        here = operands._replace(a=operands.a.shifted(channel=group * inner))
        columns = _columns_of(group, filters, groups)
        each = _gemm(plan, kernel, here, offsets, [*counts, (inner, 1, filters)], columns, relu=relu,
                     run_length=t.count if sliding else 0)  # fmt: skip
        each.rows_per_frame = f.count
        made.append(each)
    return made


def _zeros(graph: Graph, size: int) -> Tensor:
    return graph.folded_constant(lambda: np.zeros(size))


@dataclass(frozen=True, eq=False)
class ConvolutionSpec(OpSpec):
    """y = bias + x correlated with weight, and ReLU or not; reads x, weight and bias."""

    geometry: Geometry
    relu: bool


@dataclass(frozen=True, eq=False)
class TransposedConvolutionSpec(ConvolutionSpec):
    """The transpose of that; `weight` as (taps, in, out), because what the op reads is flipped."""

    weight: Tensor


def forward(
    graph: Graph, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, relu: bool = False
) -> Tensor:
    """y = bias + x correlated with weight."""
    start = bias if bias is not None else _zeros(graph, geometry.filters)
    halo, runs = geometry.forward_runs(x.shape, graph.clips)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        return _forward_instructions(plan, geometry, _Operands(*reads, *writes), runs, relu)

    shape = squeeze_like(geometry.outputs(x.shape), x.shape)
    graph.multiply_adds += int(np.prod(shape)) * geometry.taps * geometry.inner
    time = geometry.time
    window = ReceptiveWindow(time.span, time.stride, tiles=time.tiles, limit=time.tiles if geometry.unshared else None)
    halos, spec = {x: halo} if halo else {}, ConvolutionSpec(geometry, relu)
    return graph.operation(encode, [x, weight, start], shape, halos=halos, window=window, spec=spec)


def _forward_instructions(
    plan: Planner, geometry: Geometry, operands: _Operands, runs: list[list[list[Run]]], relu: bool
) -> list[Instruction]:
    x, weight, start, y = operands
    time, freq = geometry.axes
    block_size = geometry.inner * geometry.filters
    strides = (
        _Strides(
            (time.dilation * x.time_stride, freq.taps * block_size),
            (x.time_stride * time.stride * time.tiles, y.time_stride * time.tiles),
        ),
        _Strides(
            (freq.dilation * x.freq_stride, block_size),
            (x.freq_stride * freq.stride * freq.tiles, y.freq_stride * freq.tiles),
        ),
    )
    channels = geometry.inner, geometry.filters, geometry.groups
    made = []
    for (tile_t, runs_t), (tile_f, runs_f) in product(*map(enumerate, runs)):
        for t, f in product(runs_t, runs_f):
            block = geometry.weight_order((tile_t, tile_f), (t.tap, f.tap))
            target = y.shifted(tile_t + t.first * time.tiles, tile_f + f.first * freq.tiles)
            here = _Operands(x.shifted(t.base, f.base), weight.shifted(channel=block * block_size), start, target)
            for each in _run_instructions(plan, geometry.kernel, here, (t, f), strides, channels, relu):
                each.tile, each.tiles = tile_t, time.tiles
                made.append(each)
    return made


def flipped_weights(graph: Graph, weight: Tensor, geometry: Geometry, blocks: Sequence[int], exchange: bool) -> Tensor:
    """The blocks of weights (numbers of tile and tap) in this order, input and output exchanged or not."""
    inner, filters, groups = geometry.inner, geometry.filters, geometry.groups
    if not graph.training:  # inference: weights are constant, so they are flipped when the program is made
        make = weight.make
        assert make is not None
        return graph.folded_constant(lambda: np.reshape(make(), (-1, inner, filters))[list(blocks)])
    shape = (len(blocks), filters // groups, inner * groups) if exchange else (len(blocks), inner, filters)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        return [instruction(
            gradients.flip_weights, plan.dtype, weights=reads[0], taps=plan.offset_table(blocks), flipped=writes[0],
            tap_count=len(blocks), channels=inner, filters=filters // groups, groups=groups,
            micro_batches=plan.micro_batch_count, exchange=exchange,
        )]  # fmt: skip

    # in the first phase, so that no op of the backward pass waits for it
    return graph.operation(encode, [weight], shape, SHARED, stage=0)


def input_gradient(
    graph: Graph,
    grad_y: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    geometry: Geometry,
    shape: Shape,
    exchange: bool,
    relu: bool = False,
) -> Tensor:
    """Transposed convolution of grad_y: a tensor of `shape` (time, freq, channels).

    With `exchange` the weights are those of the forward convolution, and this is the gradient of its input; without it
    their input and output are already exchanged, and this is the forward pass of a transposed convolution.
    """
    sizes, outputs = shape3(shape)[:2], shape3(grad_y.shape)[:2]
    times = [graph.clips * -(-n // (axis.stride * axis.tiles)) for n, axis in zip(sizes, geometry.axes, strict=True)]
    axes = [input_phases(*each) for each in zip(geometry.axes, sizes, outputs, reversed(times), strict=True)]
    (halo_t, step_t, phases_t), (halo_f, step_f, phases_f) = axes
    pairs = list(product(phases_t, phases_f))
    blocks: list[int] = []
    begins: list[int] = []
    for t, f in pairs:
        begins.append(len(blocks))
        blocks += [geometry.weight_order((a, b), (i, j)) for (a, i), (b, j) in product(t.pairs, f.pairs)]
    channels = shape3(shape)[2]
    if not exchange:
        graph.multiply_adds += int(np.prod(shape3(grad_y.shape))) * geometry.taps * geometry.inner
    flipped = flipped_weights(graph, weight, geometry, blocks, exchange and not geometry.depthwise)
    start = bias if bias is not None else _zeros(graph, channels)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        operands, made = _Operands(*reads, *writes), []
        for begin, phases in zip(begins, pairs, strict=True):
            made += _phase_instructions(plan, geometry, operands, begin, phases, (step_t, step_f), channels, relu)
        return made

    window = ReceptiveWindow()
    if graph.stream is not None:
        halo_t, window = _transposed_window(geometry.time, halo_t[0], step_t, phases_t)
    halo, spec = Halo(halo_t, halo_f), TransposedConvolutionSpec(geometry, relu, weight)
    halos = {grad_y: halo} if halo else {}
    return graph.operation(encode, [grad_y, flipped, start], shape, halos=halos, window=window, spec=spec)


def _phase_instructions(
    plan: Planner,
    geometry: Geometry,
    operands: _Operands,
    begin: int,
    phases: tuple[Phase, Phase],
    steps: Pair,
    channels: int,
    relu: bool,
) -> list[Instruction]:
    """Instructions for one phase in time and one in frequency of an input gradient; `begin`: its block of weights."""
    (source, weights, start, target), (phase_t, phase_f), (time, freq) = operands, phases, geometry.axes
    inner = 1 if geometry.depthwise else geometry.filters // geometry.groups
    moduli, size, all_f = (time.stride * time.tiles, freq.stride * freq.tiles), inner * channels, len(phase_f.pairs)
    strides = (
        _Strides(
            (steps[0] * source.time_stride, all_f * size),
            (source.time_stride * time.tiles, target.time_stride * moduli[0]),
        ),
        _Strides(
            (steps[1] * source.freq_stride, size), (source.freq_stride * freq.tiles, target.freq_stride * moduli[1])
        ),
    )
    made = []
    for t, f in product(phase_t.runs, phase_f.runs):
        out = target.shifted(phase_t.first + t.first * moduli[0], phase_f.first + f.first * moduli[1])
        if not (t.taps and f.taps):
            made.append(_bias_alone(plan, start, out.strided(*moduli), (t.count, f.count, channels), relu))
            continue
        weights_here = weights.shifted(channel=(begin + t.tap * all_f + f.tap) * size)
        here = _Operands(source.shifted(t.base, f.base), weights_here, start, out)
        sizes = inner, channels, geometry.groups
        made += _run_instructions(plan, geometry.kernel, here, (t, f), strides, sizes, relu)
    return made


def _transposed_window(axis: Axis, before: int, step: int, phases: Sequence[Phase]) -> tuple[Pair, ReceptiveWindow]:
    """The halo in time that a transposed convolution needs on a stream, and its window: a unit is a stride."""
    extra = axis.inputs(0)
    last = max(run.base + (run.taps - 1) * step for phase in phases for run in phase.runs if run.taps)
    last = max(last, -(extra // axis.stride))  # frames that may be cropped are held back until more input follows
    halo = before, max(0, last - (-extra // axis.stride))
    return halo, ReceptiveWindow(before + last + 1, 1, axis.stride, extra)


def _bias_alone(plan: Planner, start: TensorView, out: TensorView, shape: Shape3, relu: bool) -> Instruction:
    """Outputs that no tap reaches: the bias alone."""
    source = TensorView(start.segment, start.offset, size=start.size)
    time, freq, channels = shape
    kind = elementwise.RELU if relu else elementwise.LINEAR
    return instruction(elementwise.activate, plan.dtype, x=source, y=out, time=time, freq=freq, channels=channels,
                       activation=kind)  # fmt: skip


def weight_gradient(graph: Graph, x: Tensor, grad_y: Tensor, geometry: Geometry) -> Tensor:
    """Partial sums, one a micro-batch, of the gradient of the weights: x times grad_y."""
    halo, (ranges_t, ranges_f) = geometry.weight_runs(x.shape)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        tiles = product(range(geometry.time.tiles), range(geometry.freq.tiles))
        operands = _Operands(*reads, *writes)
        return [
            each
            for tile, range_t, range_f in product(tiles, ranges_t, ranges_f)
            for each in _weight_instructions(plan, geometry, operands, tile, range_t, range_f)
        ]

    reads = [x, grad_y, _zeros(graph, geometry.filters)]
    return graph.operation(encode, reads, geometry.weight_shape, MICRO_BATCH, halos={x: halo} if halo else {})


def _weight_instructions(
    plan: Planner, geometry: Geometry, operands: _Operands, tile: Pair, range_t: TapRange, range_f: TapRange
) -> list[Instruction]:
    """Instructions for the weights of a tile with these taps along both axes."""
    x, grad, zeros, partial = operands
    time, freq = geometry.axes
    counts, taps, starts = [(1, x.clip_stride, grad.clip_stride)], [], []  # as many as there are clips
    for axis, n, (tap, length, first, outputs), a, b in (
        (time, tile[0], range_t, x.time_stride, grad.time_stride),
        (freq, tile[1], range_f, x.freq_stride, grad.freq_stride),
    ):
        count = max(0, -(-(outputs - n) // axis.tiles))
        counts.append((count, a * axis.stride * axis.tiles, b * axis.tiles))
        taps.append(np.arange(length) * axis.dilation * a)
        begin = (first + n) * axis.stride + tap * axis.dilation - axis.sides[0]
        starts.append((begin, first + n) if count else (0, 0))
    (from_t, grad_t), (from_f, grad_f) = starts
    source, grad = x.shifted(from_t, from_f), grad.shifted(grad_t, grad_f)
    offsets = (taps[0][:, None, None] + taps[1][:, None] + np.arange(geometry.inner)).reshape(-1)
    blocks = [[geometry.weight_order(tile, (i, j)) for j in range_f.numbers] for i in range_t.numbers]
    targets = np.array(blocks)[..., None] * geometry.inner + np.arange(geometry.inner)
    both = offsets, targets.reshape(-1) * geometry.filters
    made = []
    for group in range(geometry.groups):
        here = _Operands(source.shifted(channel=group * geometry.inner), grad, zeros, partial)
        columns = _columns_of(group, geometry.filters, geometry.groups)
        made.append(_gemm(plan, geometry.kernel, here, both, counts, columns, summed=True))
    return made


def _columns_of(group: int, filters: int, groups: int) -> Pair:
    """First and end of the columns of a group."""
    return group * filters // groups, (group + 1) * filters // groups


def transposed_weight_gradient(graph: Graph, x: Tensor, grad_y: Tensor, geometry: Geometry) -> Tensor:
    """The same for a transposed convolution from x to y: weights (taps, channels of x a group, filters)."""
    halo, filters, groups = geometry.halo(), geometry.channels, geometry.groups
    inner, (time, freq) = geometry.filters // groups, geometry.axes
    frames, bins, _ = shape3(x.shape)

    def encode(plan: Planner, reads: Sequence[TensorView], writes: Sequence[TensorView]) -> list[Instruction]:
        (source, grad, zeros), (partial,) = reads, writes
        grad = grad.shifted(-time.sides[0], -freq.sides[0])
        offsets = np.arange(inner), np.arange(inner) * filters
        counts = [
            (1, source.clip_stride, grad.clip_stride),
            (frames, source.time_stride, grad.time_stride * time.stride),
            (bins, source.freq_stride, grad.freq_stride * freq.stride),
        ]
        made = []
        for number, (i, j) in enumerate(product(range(time.taps), range(freq.taps))):
            grad_here = grad.shifted(i * time.dilation, j * freq.dilation)
            target = partial.shifted(channel=number * inner * filters)
            for group in range(groups):
                here = _Operands(source.shifted(channel=group * inner), grad_here, zeros, target)
                columns = _columns_of(group, filters, groups)
                made.append(_gemm(plan, kernels.implicit_gemm, here, offsets, counts, columns, summed=True))
        return made

    shape, reads = (geometry.taps, inner, filters), [x, grad_y, _zeros(graph, filters)]
    return graph.operation(encode, reads, shape, MICRO_BATCH, halos={grad_y: halo} if halo else {})
