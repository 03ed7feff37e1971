"""Plans of non-uniform partitioned convolution: a stream's partitions, by dynamic programming over measured costs.

A level of P partitions of B samples costs a stream of one channel, for each B samples,

    transform(B) + P product(B),

and the head as much as a direct filter. Larger partitions cost less a tap. But a deferred level, one that has time to
compute in, can begin at tap 2 B only (see `kernels.dsp.partition`); the taps before are left to smaller partitions. The
first level may begin at tap B; then all its work falls due at once, and counts for more where blocks are shorter, so
that of two plans that cost about the same the more even one is taken. Of blocks that hold B samples the head is but one
more product.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np

from audioconv._typing import FloatName
from audioconv._wording import counted
from audioconv.kernels.dsp.partition_layout import Level, Shape, convolver_arrays
from audioconv.signal import cost

BLOCKS = (64, 512)  # block lengths for which plans are made; shorter and longer ones need about the same
EVENNESS = 1 / 8  # the weight in the cost of a sample of work that falls due in one block


@dataclass(frozen=True)
class PartitionPlan:
    """How a stream is convolved, and what a block should take; `print` it.

    Attributes
    ----------
    taps, latency, inputs, outputs, dtype, block
        What was asked for; block is the number of samples of the blocks it is best for.
    fan_in : int
        How many inputs an output has.
    head_taps : int
        Taps of the direct filter.
    levels : tuple of Level, that is (partition_size, first_tap, partitions)
        Samples of a partition, the tap at which they begin (counted with the latency), and how many there are.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import StreamConvolver
    >>> StreamConvolver(np.ones(10_000, "float32"), max_block=64).plan
    PartitionPlan(10,000 taps: head 128, 15 x 128, 8 x 1024)
    """

    taps: int
    latency: int
    inputs: int
    outputs: int
    fan_in: int
    dtype: FloatName
    block: int
    levels: tuple[Level, ...]

    @property
    def head_taps(self) -> int:
        """Taps of the direct filter."""
        shape = Shape(self.levels, self.latency, self.taps, 1, 1, 1, False, np.dtype(self.dtype))
        return int(shape.head_taps)

    def block_s(self, samples: int | None = None) -> tuple[float, float]:
        """Return what a block should take, beside the call.

        Parameters
        ----------
        samples : int, optional
            Of the block; by default `block`.

        Returns
        -------
        mean_s, worst_s : float, in seconds
            The mean over all blocks, and the longest one.
        """
        samples = samples or self.block
        costs = _PartitionCosts(self)
        head_s = samples * costs.head_s(self.levels, self.head_taps, samples)
        mean_s = head_s + samples * sum(costs.level_s(level) / level.partition_size for level in self.levels)
        return mean_s, head_s + (_worst_s(self, costs, samples) if self.levels else 0.0)

    def __repr__(self) -> str:
        parts = [f"head {self.head_taps:,}", *(f"{level.partitions} x {level.partition_size}" for level in self.levels)]
        return f"PartitionPlan({self.taps:,} taps: {', '.join(parts)})"

    def __str__(self) -> str:
        lines = [
            f"{self.taps:,} taps, latency {self.latency}, {counted(self.inputs, 'input')}, "
            f"{counted(self.outputs, 'output')}, {self.dtype}, costs {cost.origin()}",
            f"  {self.head_taps:6,d} taps directly",
        ]
        lines += [f"  {level.partitions:6d} partitions of {level.partition_size:,} samples" for level in self.levels]
        mean_s, worst_s = self.block_s()
        lines.append(
            f"  a block of {self.block} samples: mean {1e6 * mean_s:.1f} us, worst {1e6 * worst_s:.1f} us, and the call"
        )
        return "\n".join(lines)


class _PartitionCosts:
    """Predicted costs of the parts of a plan, for its channels."""

    def __init__(self, request: PartitionPlan) -> None:
        self._costs = cost.of(request.dtype)
        self._transforms = (request.inputs + request.outputs) / 2
        self._filters = request.fan_in * request.outputs

    def head_s(self, levels: tuple[Level, ...], head_taps: int, samples: int) -> float:
        """Seconds a sample of all channels in the head, in blocks of `samples`."""
        direct_s = self._filters * cost.taps_s(self._costs.direct, head_taps) if head_taps else 0.0
        if not levels or levels[0].deferred:
            return direct_s
        size = levels[0].partition_size
        # the part of time that comes in whole blocks
        whole = 1.0 if samples % size == 0 else max(0.0, 1 - size / samples)
        product_s = self._filters * self._costs.product[cost.PARTITIONS.index(size)] / size
        return (1 - whole) * direct_s + whole * product_s

    def level_s(self, level: Level) -> float:
        """Seconds a block of a level."""
        place = cost.PARTITIONS.index(level.partition_size)
        products = level.partitions * self._filters * self._costs.product[place]
        return self._transforms * self._costs.transform[place] + products


def partition_plan(
    taps: int,
    *,
    latency: int = 0,
    inputs: int = 1,
    outputs: int = 1,
    matrix: bool = False,
    dtype: FloatName = "float32",
    block: int = 64,
) -> PartitionPlan:
    """The best `PartitionPlan` for a stream with filters of `taps` taps, in blocks of `block` samples."""
    block = min(max(block, BLOCKS[0]), BLOCKS[1])
    request = PartitionPlan(taps, latency, inputs, outputs, inputs if matrix else 1, dtype, block, ())
    return _best_plan(request, cost.tuned())


_Found = tuple[float, tuple[Level, ...]]  # cost of a sample, levels


@lru_cache(256)
def _best_plan(request: PartitionPlan, _tuned: bool) -> PartitionPlan:
    costs, end = _PartitionCosts(request), request.latency + request.taps
    deferred: dict[int, _Found] = {}  # for each partition size B the best levels from tap 2 B on
    for size in reversed(cost.PARTITIONS):
        if 2 * size < end:
            deferred[size] = _best(size, 2 * size, end, deferred, costs)
    choices: list[_Found] = [(costs.head_s((), request.taps, request.block), ())]
    for size in cost.PARTITIONS:
        begin = max(size, request.latency // size * size)
        if begin < end:
            levels_s, levels = _best(size, begin, end, deferred, costs)
            head_s = costs.head_s(levels, max(0, begin - request.latency), request.block)
            at_once_s = 0.0 if levels[0].deferred or request.block >= size else costs.level_s(levels[0])
            choices.append((levels_s + head_s + EVENNESS * at_once_s / request.block, levels))
    return replace(request, levels=min(choices)[1])


def _best(size: int, begin: int, end: int, deferred: dict[int, _Found], costs: _PartitionCosts) -> _Found:
    """(cost of a sample, levels) from tap `begin` on; the first has partitions of `size` samples."""
    found: list[_Found] = []
    following: list[tuple[int | None, _Found]] = [(None, (0.0, ())), *deferred.items()]
    for next_size, (rest_s, levels) in following:
        until = end if next_size is None else 2 * next_size
        if next_size is None or (next_size > size and until > begin):
            level = Level(size, begin, -(-(until - begin) // size))
            found.append((costs.level_s(level) / size + rest_s, (level, *levels)))
    return min(found)


def _worst_s(chosen: PartitionPlan, costs: _PartitionCosts, samples: int) -> float:
    """The longest block, by the schedule of all levels."""
    matrix = chosen.fan_in > 1
    filters = chosen.inputs * chosen.outputs if matrix else 1
    shape = Shape(
        chosen.levels, chosen.latency, chosen.taps, chosen.inputs, chosen.outputs, filters, matrix,
        np.dtype(chosen.dtype),
    )  # fmt: skip
    arrays = convolver_arrays(shape)
    sizes = [level.partition_size for level in chosen.levels]
    block_size, blocks = sizes[0], sizes[-1] // sizes[0]
    immediate_s, longest_s, by_block_s = 0.0, 0.0, np.zeros(blocks)
    begins = np.cumsum([0] + [size // block_size for size in sizes])
    for level, units, (first, last) in zip(chosen.levels, arrays.costs, pairwise(begins), strict=True):
        subtasks_s = np.array(units) * costs.level_s(level) / sum(units)
        schedule = np.concatenate([[0], arrays.schedule[first:last]])
        if level.deferred:
            done_s = np.concatenate([[0.0], np.cumsum(subtasks_s)])[schedule]
            by_block_s += np.tile(np.diff(done_s), blocks * block_size // level.partition_size)
            longest_s = max(longest_s, subtasks_s.max())
        else:
            immediate_s = subtasks_s.sum()
    if samples < block_size:  # a part of a block, in whole subtasks
        return float(immediate_s + by_block_s.max() * samples / block_size + longest_s)
    span = -(-samples // block_size)
    by_block_s = np.tile(by_block_s, 1 + -(-span // blocks))
    return float(span * immediate_s + np.convolve(by_block_s, np.ones(span), "valid").max())
