"""Geometry of convolutions: axes, padding, which taps reach which input from which outputs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, groupby
from math import gcd
from typing import Literal, NamedTuple, TypeAlias

from audioconv.kernels.nn import implicit_gemm as kernels
from audioconv.nn.ops.graph import Halo
from audioconv.nn.ops.instructions import OpKernel
from audioconv.nn.ops.tensor_view import Shape, Shape3, shape3

ROWS = 8  # of a tile of the kernels, about
KERAS: Literal["same_keras"] = "same_keras"  # a padding that depends on the size of the input

Pair: TypeAlias = tuple[int, int]


class TapRange(NamedTuple):
    """Taps of an axis, and the outputs that all of them are used for."""

    first_tap: int
    taps: int
    first_output: int
    outputs: int

    @property
    def numbers(self) -> range:
        """The numbers of the taps."""
        return range(self.first_tap, self.first_tap + self.taps)


@dataclass(frozen=True)
class Run:
    """Outputs first, first + 1, ... of a tile that `taps` taps from `tap` on reach, the first at input `base`."""

    first: int
    count: int
    tap: int
    taps: int
    base: int


@dataclass(frozen=True)
class Axis:
    """Windows along time or frequency. With `tiles` the n-th output has the n % tiles-th set of weights.

    Padding is (left, right), or KERAS until `at` resolves it for a size. A transposed convolution crops its output by
    the padding; a negative right one extends it.
    """

    taps: int
    stride: int = 1
    dilation: int = 1
    padding: Pair | Literal["same_keras"] = (0, 0)
    tiles: int = 1

    @property
    def span(self) -> int:
        """Steps from the first tap to the last, both included."""
        return self.dilation * (self.taps - 1) + 1

    def at(self, size: int) -> Axis:
        """This axis for inputs of a known size, its padding in numbers."""
        if not isinstance(self.padding, str):
            return self
        padding = max((-(-size // self.stride) - 1) * self.stride + self.span - size, 0)
        return replace(self, padding=(padding // 2, padding - padding // 2))

    @property
    def sides(self) -> Pair:
        """The padding on the left and on the right; it must be in numbers."""
        assert not isinstance(self.padding, str)
        return self.padding

    @property
    def halo(self) -> Pair:
        """The halo: steps of zeros before and after an input, so that all windows lie inside."""
        return self.sides[0], max(self.sides[1], 0)

    def outputs(self, size: int) -> int:
        """How many outputs an input of this size has; negative if it is too short."""
        return (size + sum(self.at(size).sides) - self.span) // self.stride + 1

    def inputs(self, size: int) -> int:
        """The size whose outputs a transposed convolution takes for its input."""
        return (size - 1) * self.stride + self.span - sum(self.sides)

    def whole(self, tile: int, outputs: int) -> list[Run]:
        """All outputs of a tile as one run, taps in the padding included."""
        return [Run(0, -(-(outputs - tile) // self.tiles), 0, self.taps, tile * self.stride - self.sides[0])]

    def runs(self, tile: int, size: int, outputs: int) -> list[Run]:
        """The outputs of a tile as runs that no tap in the padding belongs to."""
        return list(_unpadded_runs(self, tile, size, outputs))

    def reached_from(self, size: int, outputs: int) -> list[TapRange]:
        """For each tap the outputs from which it reaches the input."""
        found = []
        for tap in range(self.taps):
            first = tap * self.dilation - self.sides[0]
            low = max(0, -(first // self.stride))
            high = max(low, min(outputs, (size - 1 - first) // self.stride + 1))
            found.append(TapRange(tap, 1, low if high > low else 0, high - low))
        return found


@lru_cache(maxsize=1024)
def _unpadded_runs(axis: Axis, tile: int, size: int, outputs: int) -> tuple[Run, ...]:
    def reached(n: int) -> tuple[int, int, int]:
        first = n * axis.stride - axis.sides[0]
        low = max(0, -(first // axis.dilation))
        high = min(axis.taps, (size - 1 - first) // axis.dilation + 1)
        return (low, high, first + low * axis.dilation) if high > low else (0, 0, 0)

    return tuple(_joined([reached(n) for n in range(tile, outputs, axis.tiles)]))


def _joined(reached: Iterable[tuple[int, int, int]]) -> list[Run]:
    """Runs of [(first tap, tap after the last, position of the first), ...]."""
    runs: list[Run] = []
    first = 0
    for (low, high), each in groupby(reached, key=lambda taps: taps[:2]):
        bases = [base for _, _, base in each]
        runs.append(Run(first, len(bases), low, high - low, bases[0]))
        first += len(bases)
    return runs


def runs_are_faster(runs: Iterable[Run], whole: Iterable[Run], times: int) -> bool:
    """Whether the kernels are faster with runs than with the whole, each output being computed `times` times."""

    def cost(parts: Iterable[Run]) -> int:
        return sum(-(-each.count * times // ROWS) * each.taps for each in parts)

    return times >= ROWS and cost(runs) <= cost(whole)


@dataclass(frozen=True)
class Phase:
    """Rows first, first + step, ... (a polyphase component) of an input gradient, and their (tile, tap) or runs."""

    pairs: tuple[Pair, ...]
    first: int
    runs: tuple[Run, ...]


@lru_cache(maxsize=1024)
def input_phases(axis: Axis, size: int, outputs: int, times: int = 0) -> tuple[Pair, int, tuple[Phase, ...]]:
    """The input gradient as forward convolutions, one for each phase (polyphase decomposition).

    Input i, at padded position i + left = n * stride + tap * dilation, contributes to the outputs n of taps with the
    same remainder modulo stride; the tile of n follows from i modulo stride * tiles. So each remainder is a
    convolution of its own, of the output's gradient with those taps flipped, for every (stride * tiles)-th row.
    Returns the halo that the gradient needs, the distance between the outputs of neighbouring taps, and the phases;
    one without pairs has rows of zeros. If each row is computed so many `times` that it is faster, rows are cut into
    runs that need no halo.
    """
    left, stride, dilation, modulus = axis.sides[0], axis.stride, axis.dilation, axis.stride * axis.tiles
    before, after = 0, 0
    phases: list[tuple[tuple[Pair, ...], int, list[Run], list[Run]]] = []
    all_runs: list[Run] = []
    all_whole: list[Run] = []
    for first in range(min(modulus, size)):
        taps = [tap for tap in reversed(range(axis.taps)) if (first + left - tap * dilation) % stride == 0]
        positions = [(first + left - tap * dilation) // stride for tap in taps]
        rows = -(-(size - first) // modulus)
        pairs = tuple((n % axis.tiles, t) for n, t in zip(positions, taps, strict=True))
        whole = runs = [Run(0, rows, 0, len(positions), positions[0] if positions else 0)]
        if positions:
            before = max(before, -positions[0])
            after = max(after, positions[-1] + (rows - 1) * axis.tiles + 1 - outputs)
            runs = _joined([_within(positions, m * axis.tiles, outputs) for m in range(rows)])
        phases.append((pairs, first, whole, runs))
        all_runs, all_whole = all_runs + runs, all_whole + whole
    cut = runs_are_faster(all_runs, all_whole, times)
    halo = (0, 0) if cut else (before, after)
    step = dilation // gcd(stride, dilation)
    return (
        halo,
        step,
        tuple(Phase(pairs, first, tuple(runs if cut else whole)) for pairs, first, whole, runs in phases),
    )


def _within(positions: Sequence[int], shift: int, outputs: int) -> tuple[int, int, int]:
    """Which of positions + shift are outputs: (first, the one after the last, the first position)."""
    inside = [k for k, n in enumerate(positions) if 0 <= n + shift < outputs]
    return (inside[0], inside[-1] + 1, positions[inside[0]] + shift) if inside else (0, 0, 0)


@dataclass(frozen=True)
class Geometry:
    """A convolution of (time, freq, channels): its two axes, channels in and out, groups; depthwise or not."""

    time: Axis
    freq: Axis
    channels: int
    filters: int
    groups: int = 1
    depthwise: bool = False
    unshared: bool = False  # each output has a tile of its own

    @property
    def axes(self) -> tuple[Axis, Axis]:
        """Time and frequency."""
        return self.time, self.freq

    @property
    def inner(self) -> int:
        """Input channels of an output channel (those of its group)."""
        return 1 if self.depthwise else self.channels // self.groups

    @property
    def taps(self) -> int:
        """Of both axes together."""
        return self.time.taps * self.freq.taps

    @property
    def tiles(self) -> int:
        """Of both axes together."""
        return self.time.tiles * self.freq.tiles

    @property
    def weight_shape(self) -> Shape3:
        """Of the weights as the kernels see them: (tiles * taps, inner, filters)."""
        return self.tiles * self.taps, self.inner, self.filters

    @property
    def kernel(self) -> OpKernel:
        """The op kernel of its products."""
        return kernels.depthwise if self.depthwise else kernels.implicit_gemm

    def at(self, shape: Shape) -> Geometry:
        """This geometry for inputs of a known shape, its padding in numbers."""
        time, freq, _ = shape3(shape)
        return replace(self, time=self.time.at(time), freq=self.freq.at(freq))

    def halo(self) -> Halo:
        """The padding in memory around an input, so that all windows lie inside."""
        return Halo(self.time.halo, self.freq.halo)

    def outputs(self, shape: Shape) -> Shape3:
        """The output shape for an input of this shape."""
        time, freq, _ = shape3(shape)
        return self.time.outputs(time), self.freq.outputs(freq), self.filters

    def transposed(self, shape: Shape) -> Shape3:
        """The input shape whose output has this shape: the output shape of the transposed convolution."""
        time, freq, _ = shape3(shape)
        return self.time.inputs(time), self.freq.inputs(freq), self.channels

    def weight_order(self, tile: Pair, tap: Pair) -> int:
        """Which of tiles * taps blocks of weights: pairs over time and frequency."""
        (tile_t, tile_f), (tap_t, tap_f) = tile, tap
        return ((tile_t * self.freq.tiles + tile_f) * self.time.taps + tap_t) * self.freq.taps + tap_f

    def forward_runs(self, shape: Shape, clips: int) -> tuple[Halo, list[list[list[Run]]]]:
        """The halo that an input needs, and for both axes the runs of each tile, for so many clips at once."""
        sizes, outputs = shape3(shape)[:2], self.outputs(shape)[:2]
        halos: list[Pair] = []
        chosen: list[list[list[Run]]] = []
        for axis, size, count, others in zip(self.axes, sizes, outputs, reversed(outputs), strict=True):
            tiles = range(min(axis.tiles, count))
            whole, times = [axis.whole(t, count) for t in tiles], clips * others
            runs = [axis.runs(t, size, count) for t in tiles] if times >= ROWS else whole  # fewer are never faster
            cut = runs_are_faster(chain(*runs), chain(*whole), times)
            halos.append((0, 0) if cut else axis.halo)
            chosen.append(runs if cut else whole)
        return Halo(halos[0], halos[1]), chosen

    def weight_runs(self, shape: Shape) -> tuple[Halo, list[list[TapRange]]]:
        """The same for the weight gradient: ranges of taps along time and along frequency."""
        sizes, outputs = shape3(shape)[:2], self.outputs(shape)[:2]
        halos: list[Pair] = []
        chosen: list[list[TapRange]] = []
        for axis, size, count in zip(self.axes, sizes, outputs, strict=True):
            cut = any(axis.sides) and self.tiles == 1 and self.inner >= ROWS
            halos.append((0, 0) if cut else axis.sides)
            chosen.append(axis.reached_from(size, count) if cut else [TapRange(0, axis.taps, 0, count)])
        return Halo(halos[0], halos[1]), chosen
