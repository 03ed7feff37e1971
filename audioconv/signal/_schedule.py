"""Into which partitions the taps of a stream are cut: found by dynamic programming over measured costs.

A level of P partitions of B samples costs a stream of one channel, for each B samples,

    transform(B) + P product(B),

and the head as much as a direct filter. Larger partitions cost less a tap. But a level that has time to compute in can
begin at tap 2 B only (see `kernels.partition`); what stands before is left to smaller partitions. The first level may
begin at tap B; then all its work falls due at once, and counts for more where blocks are shorter, so that of two
schedules that cost about the same the more even one is taken. Of blocks that hold B samples the head is but one more
product.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from audioconv.kernels.dsp.partition_layout import Level, Shape, layout
from audioconv.signal import cost

BLOCKS = (64, 512)  # samples of the blocks for which schedules are sought; shorter and longer ones want about the same
EVENNESS = 1 / 8  # how much of what falls due at once counts in each block


@dataclass(frozen=True)
class Schedule:
    """How a stream is convolved, and what a block should take; `print` it.

    Attributes
    ----------
    taps, latency, inputs, outputs, dtype, block
        What was asked for; block is the number of samples of the blocks it is best for.
    summands : int
        How many inputs an output has.
    head : int
        Taps of the direct filter.
    levels : tuple of (block, begin, partitions)
        Samples of a partition, the tap at which they begin (counted with the latency), and how many there are.
    """

    taps: int
    latency: int
    inputs: int
    outputs: int
    summands: int
    dtype: str
    block: int
    levels: tuple

    @property
    def head(self):
        return Shape(self.levels, self.latency, self.taps, 1, 1, 1, False, np.dtype(self.dtype)).head

    def block_s(self, samples=None):
        """What a block of so many samples should take, beside the call: the mean and the worst, in seconds."""
        samples = samples or self.block
        prices = _Prices(self)
        head_s = samples * prices.head_s(self.levels, self.head, samples)
        mean_s = head_s + samples * sum(prices.level_s(level) / level.block for level in self.levels)
        return mean_s, head_s + (_worst_s(self, prices, samples) if self.levels else 0.0)

    def __str__(self):
        lines = [
            f"{self.taps:,} taps, latency {self.latency}, {self.inputs} input(s), {self.outputs} output(s), "
            f"{self.dtype}, costs {cost.origin()}",
            f"  {self.head:6,d} taps directly",
        ]
        lines += [f"  {level.partitions:6d} partitions of {level.block:,} samples" for level in self.levels]
        mean_s, worst_s = self.block_s()
        lines.append(f"  a block of {self.block} samples: mean {1e6 * mean_s:.1f} us, worst {1e6 * worst_s:.1f} us, "
                     "and the call")  # fmt: skip
        return "\n".join(lines)


class _Prices:
    """What the parts of a schedule cost, for its channels."""

    def __init__(self, wanted):
        self._costs = cost.of(wanted.dtype)
        self._transforms = (wanted.inputs + wanted.outputs) / 2
        self._filters = wanted.summands * wanted.outputs

    def head_s(self, levels, head, samples):
        """A sample of all channels in the head, in blocks of so many samples."""
        direct_s = self._filters * cost.taps_s(self._costs.direct, head) if head else 0.0
        if not levels or levels[0].late:
            return direct_s
        block = levels[0].block
        # the part of time that comes in whole blocks
        whole = 1.0 if samples % block == 0 else max(0.0, 1 - block / samples)
        product_s = self._filters * self._costs.product[cost.PARTITIONS.index(block)] / block
        return (1 - whole) * direct_s + whole * product_s

    def level_s(self, level):
        """A block of a level."""
        place = cost.PARTITIONS.index(level.block)
        products = level.partitions * self._filters * self._costs.product[place]
        return self._transforms * self._costs.transform[place] + products


def schedule(taps, *, latency=0, inputs=1, outputs=1, matrix=False, dtype="float32", block=64):
    """The best `Schedule` for a stream with filters of so many taps, in blocks of so many samples."""
    block = min(max(block, BLOCKS[0]), BLOCKS[1])
    return _schedule(taps, latency, inputs, outputs, matrix, str(dtype), block, cost.tuned())


@lru_cache(256)
def _schedule(taps, latency, inputs, outputs, matrix, dtype, samples, _tuned):
    wanted = Schedule(taps, latency, inputs, outputs, inputs if matrix else 1, dtype, samples, ())
    prices, end = _Prices(wanted), latency + taps
    late = {}  # for each length of partitions the least cost of a sample, and the levels, from tap 2 B on
    for block in reversed(cost.PARTITIONS):
        if 2 * block < end:
            late[block] = _best(block, 2 * block, end, late, prices)
    choices = [(prices.head_s((), taps, samples), ())]
    for block in cost.PARTITIONS:
        begin = max(block, latency // block * block)
        if begin < end:
            levels_s, levels = _best(block, begin, end, late, prices)
            head_s = prices.head_s(levels, max(0, begin - latency), samples)
            at_once_s = 0.0 if levels[0].late or samples >= block else prices.level_s(levels[0])
            choices.append((levels_s + head_s + EVENNESS * at_once_s / samples, levels))
    return replace(wanted, levels=min(choices)[1])


def _best(block, begin, end, late, prices):
    """(cost of a sample, levels) from tap `begin` on; the first has partitions of `block` samples."""
    found = []
    for following, (rest_s, levels) in [(None, (0.0, ())), *late.items()]:
        until = end if following is None else 2 * following
        if following is None or (following > block and until > begin):
            level = Level(block, begin, -(-(until - begin) // block))
            found.append((prices.level_s(level) / block + rest_s, (level, *levels)))
    return min(found)


def _worst_s(chosen, prices, samples):
    """The longest block, by the agenda of all levels."""
    matrix = chosen.summands > 1
    filters = chosen.inputs * chosen.outputs if matrix else 1
    parts = layout(Shape(chosen.levels, chosen.latency, chosen.taps, chosen.inputs, chosen.outputs, filters, matrix,
                         np.dtype(chosen.dtype)))  # fmt: skip
    quantum, turns = chosen.levels[0].block, chosen.levels[-1].block // chosen.levels[0].block
    early_s, longest_s, by_turn_s, first = 0.0, 0.0, np.zeros(turns), 0
    for level, costs in zip(chosen.levels, parts.costs, strict=True):
        units_s = np.array(costs) * prices.level_s(level) / sum(costs)
        agenda = np.concatenate([[0], parts.agenda[first : first + level.block // quantum]])
        first += level.block // quantum
        if level.late:
            done_s = np.concatenate([[0.0], np.cumsum(units_s)])[agenda]
            by_turn_s += np.tile(np.diff(done_s), turns * quantum // level.block)
            longest_s = max(longest_s, units_s.max())
        else:
            early_s = units_s.sum()
    if samples < quantum:  # a part of a turn, in whole units
        return early_s + by_turn_s.max() * samples / quantum + longest_s
    span = -(-samples // quantum)
    by_turn_s = np.tile(by_turn_s, 1 + -(-span // turns))
    return span * early_s + np.convolve(by_turn_s, np.ones(span), "valid").max()
