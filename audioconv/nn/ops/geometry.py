"""What convolutions meet of each other: axes, geometries, and which taps reach the input from which outputs."""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from math import gcd

from audioconv.kernels.nn import implicit_gemm as kernels
from audioconv.nn.ops.graph import Halo
from audioconv.nn.ops.tensor_view import shape3

ROWS = 8  # of a tile of the kernels, about
KERAS = "same_keras"  # a padding that is known when the size of the input is


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

    Padding is (left, right), or KERAS until `at` a size. Of the output of a transposed convolution so much is cut off;
    where right is negative, so much is added.
    """

    taps: int
    stride: int = 1
    dilation: int = 1
    padding: tuple = (0, 0)
    tiles: int = 1

    @property
    def span(self):
        return self.dilation * (self.taps - 1) + 1

    def at(self, size):
        """The same for inputs of this size, its padding in numbers."""
        if self.padding != KERAS:
            return self
        padding = max((-(-size // self.stride) - 1) * self.stride + self.span - size, 0)
        return replace(self, padding=(padding // 2, padding - padding // 2))

    @property
    def margins(self):
        """The steps of zeros around an input that all windows lie within."""
        return self.padding[0], max(self.padding[1], 0)

    def outputs(self, size):
        """How many outputs an input of this size has; negative if it is too short."""
        return (size + sum(self.at(size).padding) - self.span) // self.stride + 1

    def inputs(self, size):
        """The size whose outputs a transposed convolution takes for its input."""
        return (size - 1) * self.stride + self.span - sum(self.padding)

    def whole(self, tile, outputs):
        """All outputs of a tile as one run, taps in the padding included."""
        return [Run(0, -(-(outputs - tile) // self.tiles), 0, self.taps, tile * self.stride - self.padding[0])]

    def runs(self, tile, size, outputs):
        """The outputs of a tile as runs that no tap in the padding belongs to."""

        def reached(n):
            first = n * self.stride - self.padding[0]
            low = max(0, -(first // self.dilation))
            high = min(self.taps, (size - 1 - first) // self.dilation + 1)
            return (low, high, first + low * self.dilation) if high > low else (0, 0, 0)

        return _joined([reached(n) for n in range(tile, outputs, self.tiles)])

    def met(self, size, outputs):
        """For each tap the outputs from which it reaches the input: (tap, 1, first, number)."""
        found = []
        for tap in range(self.taps):
            first = tap * self.dilation - self.padding[0]
            low = max(0, -(first // self.stride))
            high = max(low, min(outputs, (size - 1 - first) // self.stride + 1))
            found.append((tap, 1, low if high > low else 0, high - low))
        return found


def _joined(reached):
    """Runs of [(first tap, tap after the last, place of the first), ...]."""
    runs = []
    for n, (low, high, base) in enumerate(reached):
        if runs and (runs[-1].tap, runs[-1].taps) == (low, high - low):
            runs[-1] = replace(runs[-1], count=runs[-1].count + 1)
        else:
            runs.append(Run(n, 1, low, high - low, base))
    return runs


def worth_it(runs, whole, times):
    """Whether the kernels are done sooner with runs than with the whole, if each output is there so many times."""

    def cost(parts):
        return sum(-(-each.count * times // ROWS) * each.taps for each in parts)

    return times >= ROWS and cost(runs) <= cost(whole)


@dataclass(frozen=True)
class Phase:
    """Rows first, first + step, ... of an input gradient, made with these (tile, tap); of a run, with some of them."""

    pairs: tuple
    first: int
    runs: tuple


@lru_cache(maxsize=1024)
def input_phases(axis, size, outputs, times=0):
    """How the gradient of an input is made of forward convolutions.

    Input i met, as padded place i + left = n * stride + tap * dilation, those outputs n whose taps leave the same
    remainder modulo stride; and which tile n has is known from i modulo stride * tiles. So each remainder is a
    convolution of its own, of the output's gradient with those taps in reverse order, giving every
    (stride * tiles)-th row. Returns the margins of the gradient that they want, how far apart the outputs of
    neighbouring taps are, and the phases; one without pairs has rows of zeros. If each row is there so many `times`
    that it is worth it, rows are cut into runs that want no margins.
    """
    left, stride, dilation, modulus = axis.padding[0], axis.stride, axis.dilation, axis.stride * axis.tiles
    phases, before, after, all_runs, all_whole = [], 0, 0, [], []
    for first in range(min(modulus, size)):
        taps = [tap for tap in reversed(range(axis.taps)) if (first + left - tap * dilation) % stride == 0]
        met = [(first + left - tap * dilation) // stride for tap in taps]
        rows = -(-(size - first) // modulus)
        pairs = tuple((n % axis.tiles, t) for n, t in zip(met, taps, strict=True))
        whole = runs = [Run(0, rows, 0, len(met), met[0] if met else 0)]
        if met:
            before = max(before, -met[0])
            after = max(after, met[-1] + (rows - 1) * axis.tiles + 1 - outputs)
            runs = _joined([_within(met, m * axis.tiles, outputs) for m in range(rows)])
        phases.append((pairs, first, whole, runs))
        all_runs, all_whole = all_runs + runs, all_whole + whole
    cut = worth_it(all_runs, all_whole, times)
    margins = (0, 0) if cut else (before, after)
    step = dilation // gcd(stride, dilation)
    return (
        margins,
        step,
        tuple(Phase(pairs, first, tuple(runs if cut else whole)) for pairs, first, whole, runs in phases),
    )


def _within(met, shift, outputs):
    """Which of the places met + shift are outputs: (first, the one after the last, the first place)."""
    inside = [k for k, n in enumerate(met) if 0 <= n + shift < outputs]
    return (inside[0], inside[-1] + 1, met[inside[0]] + shift) if inside else (0, 0, 0)


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
        return kernels.depthwise if self.depthwise else kernels.implicit_gemm

    def at(self, shape):
        """The same for inputs of this shape, its padding in numbers."""
        time, freq, _ = shape3(shape)
        return replace(self, time=self.time.at(time), freq=self.freq.at(freq))

    def margins(self):
        return Halo(self.time.margins, self.freq.margins)

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

    def forward_runs(self, shape, clips):
        """The margins that an input wants, and for both axes the runs of each tile, for so many clips at once."""
        sizes, outputs = shape3(shape)[:2], self.outputs(shape)[:2]
        margins, chosen = [], []
        for axis, size, count, others in zip(self.axes, sizes, outputs, reversed(outputs), strict=True):
            tiles = range(min(axis.tiles, count))
            whole, runs = [axis.whole(t, count) for t in tiles], [axis.runs(t, size, count) for t in tiles]
            cut = worth_it(chain(*runs), chain(*whole), clips * others)
            margins.append((0, 0) if cut else axis.margins)
            chosen.append(runs if cut else whole)
        return Halo(*margins), chosen

    def weight_runs(self, shape):
        """The same for the gradient of weights: for time and frequency the taps in lots, with the outputs they meet."""
        sizes, outputs = shape3(shape)[:2], self.outputs(shape)[:2]
        margins, chosen = [], []
        for axis, size, count in zip(self.axes, sizes, outputs, strict=True):
            cut = any(axis.padding) and self.tiles == 1 and self.inner >= ROWS
            margins.append((0, 0) if cut else axis.padding)
            chosen.append(axis.met(size, count) if cut else [(0, axis.taps, 0, count)])
        return Halo(*margins), chosen
