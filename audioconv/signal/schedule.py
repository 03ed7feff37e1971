"""Into which partitions the taps of a stream are cut: found by dynamic programming over measured costs.

A level of P partitions of B samples costs a stream of one channel, for each B samples,

    transform(B) + P product(B),

and the head as much as a direct filter. Larger partitions cost less a tap. But a level that has time to compute in can
begin at tap 2 B only (see `kernels.partition`); what stands before is left to smaller partitions. The first level may begin
at tap B; then all its work falls due at once, and counts for more, so that of two schedules that cost about the same the
more even one is taken.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from audioconv.kernels.partition_layout import Level, Shape, layout
from audioconv.signal import cost

BLOCK = 64  # samples of the blocks for which the best schedule is sought; longer ones want about the same
EVENNESS = 1 / 8  # how much of what falls due at once counts in each of these blocks


@dataclass(frozen=True)
class Schedule:
    """How a stream is convolved, and what a block should take; `print` it.

    Attributes
    ----------
    taps, latency, inputs, outputs, dtype
        What was asked for.
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
    levels: tuple

    @property
    def head(self):
        return Shape(self.levels, self.latency, self.taps, 1, 1, 1, False, np.dtype(self.dtype)).head

    def block_s(self, samples):
        """What a block of so many samples should take, beside the call: the mean and the worst, in seconds."""
        prices = _Prices(self)
        head_s = samples * prices.head_s(self.head)
        mean_s = head_s + samples * sum(prices.level_s(level) / level.block for level in self.levels)
        return mean_s, head_s + (_worst_s(self, prices, samples) if self.levels else 0.0)

    def __str__(self):
        lines = [
            f"{self.taps:,} taps, latency {self.latency}, {self.inputs} input(s), {self.outputs} output(s), {self.dtype}, "
            f"costs {'measured on this machine' if cost.tuned() else 'built in (audioconv bench --tune measures them)'}",
            f"  {self.head:6,d} taps directly",
        ]
        lines += [f"  {level.partitions:6d} partitions of {level.block:,} samples" for level in self.levels]
        for samples in (64, 512):
            mean_s, worst_s = self.block_s(samples)
            lines.append(f"  a block of {samples} samples: mean {1e6 * mean_s:.1f} us, worst {1e6 * worst_s:.1f} us, "
                         "and the call")  # fmt: skip
        return "\n".join(lines)


class _Prices:
    """What the parts of a schedule cost, for its channels."""

    def __init__(self, wanted):
        self._costs = cost.of(wanted.dtype)
        self._transforms = (wanted.inputs + wanted.outputs) / 2
        self._filters = wanted.summands * wanted.outputs

    def head_s(self, taps):
        """A sample of all channels."""
        return self._filters * cost.taps_s(self._costs.direct, taps) if taps else 0.0

    def level_s(self, level):
        """A block of a level."""
        place = cost.PARTITIONS.index(level.block)
        products = level.partitions * self._filters * self._costs.product[place]
        return self._transforms * self._costs.transform[place] + products


def schedule(taps, *, latency=0, inputs=1, outputs=1, matrix=False, dtype="float32"):
    """The best `Schedule` for a stream of so many channels with filters of so many taps."""
    return _schedule(taps, latency, inputs, outputs, matrix, str(dtype), cost.tuned())


@lru_cache(256)
def _schedule(taps, latency, inputs, outputs, matrix, dtype, _tuned):
    wanted = Schedule(taps, latency, inputs, outputs, inputs if matrix else 1, dtype, ())
    prices, end = _Prices(wanted), latency + taps
    # late[B]: the least cost of a sample, and its levels, for all taps from 2 B on
    late = {}
    for block in reversed(cost.PARTITIONS):
        if 2 * block < end:
            late[block] = _best(block, 2 * block, end, late, prices)[:2]
    choices = [(BLOCK * prices.head_s(taps), ())]
    for block in cost.PARTITIONS:
        begin = max(block, latency // block * block)
        if begin < end:
            per_sample, levels = _best(block, begin, end, late, prices)
            falls_due = prices.level_s(levels[0]) if not levels[0].late else 0.0
            head = max(0, begin - latency)
            choices.append((BLOCK * (per_sample + prices.head_s(head)) + EVENNESS * falls_due, levels))
    _, levels = min(choices)
    return Schedule(taps, latency, inputs, outputs, wanted.summands, dtype, levels)


def _best(block, begin, end, late, prices):
    """(cost of a sample, levels) from tap `begin` on, of which the first has partitions of `block` samples."""
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
    at_once_s, longest_s, by_turn_s, first = 0.0, 0.0, np.zeros(turns), 0
    for level, costs in zip(chosen.levels, parts.costs, strict=True):
        units_s = np.array(costs) * prices.level_s(level) / sum(costs)
        agenda = np.concatenate([[0], parts.agenda[first : first + level.block // quantum]])
        first += level.block // quantum
        if level.late:
            done_s = np.concatenate([[0.0], np.cumsum(units_s)])[agenda]
            by_turn_s += np.tile(np.diff(done_s), turns * quantum // level.block)
            longest_s = max(longest_s, units_s.max())
        else:
            at_once_s = units_s.sum()
    if samples < quantum:  # a part of a turn, rounded up to whole units
        return at_once_s + (by_turn_s * samples / quantum).max() + longest_s
    span = -(-samples // quantum)
    sums_s = np.convolve(np.tile(by_turn_s, 1 + span // turns), np.ones(span), "valid") if span <= turns else span * by_turn_s
    return sums_s.max() + span * at_once_s
