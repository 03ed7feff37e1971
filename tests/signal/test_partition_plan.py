"""The partitions of streams: they cover the taps, are the best of all there are, and say what a block takes."""

from itertools import combinations

import pytest

from audioconv.kernels.dsp.partition_layout import Level
from audioconv.signal import cost
from audioconv.signal._partition_plan import EVENNESS, PartitionPlan, _PartitionCosts, partition_plan

TAPS = [1, 100, 129, 1000, 4800, 48_000, 240_000]


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("latency", [0, 1, 64, 200, 512, 5000])
@pytest.mark.parametrize("block", [1, 64, 480, 512])
def test_head_and_levels_cover_the_taps_once(taps, latency, block):
    chosen = partition_plan(taps, latency=latency, block=block)
    if not chosen.levels:
        assert chosen.head_taps == taps
        return
    ends = latency + chosen.head_taps
    assert chosen.levels[0].first_tap == ends or chosen.levels[0].first_tap <= latency
    ends = chosen.levels[0].first_tap
    for i, level in enumerate(chosen.levels):
        assert level.first_tap == ends
        assert level.first_tap % level.partition_size == 0
        assert level.deferred or i == 0
        assert level.first_tap >= level.partition_size
        assert level.partitions >= 1
        ends += level.partition_size * level.partitions
    assert 0 <= ends - latency - taps < chosen.levels[-1].partition_size


def every_schedule(taps, sizes):
    """All schedules without latency whose levels begin where they must."""
    for count in range(1, 4):
        for blocks in combinations(sizes, count):
            ends = [*(2 * block for block in blocks[1:]), taps]
            begins = [blocks[0], *ends[:-1]]
            if all(begin < end for begin, end in zip(begins, ends, strict=True)):
                yield tuple(
                    Level(block, begin, -(-(end - begin) // block))
                    for block, begin, end in zip(blocks, begins, ends, strict=True)
                )


@pytest.mark.parametrize("taps", [300, 5000, 48_000])
@pytest.mark.parametrize("block", [64, 512])
def test_none_of_up_to_three_levels_is_better(taps, block):
    def total(levels):
        tried = PartitionPlan(taps, 0, 1, 1, 1, "float32", block, levels)
        mean_s, _ = tried.block_s(block)
        at_once_s = _PartitionCosts(tried).level_s(levels[0]) if levels and levels[0].partition_size > block else 0.0
        return mean_s + EVENNESS * at_once_s

    best = min(map(total, [(), *every_schedule(taps, cost.PARTITIONS)]))
    assert total(partition_plan(taps, block=block).levels) <= best * (1 + 1e-9)


def test_later_results_cost_less():
    means_s = [partition_plan(48_000, latency=latency).block_s()[0] for latency in (0, 64, 512, 4096)]
    assert means_s == sorted(means_s, reverse=True)
    assert means_s[-1] < 0.6 * means_s[0]


def test_more_channels_cost_more():
    one, two, full = (
        partition_plan(48_000, inputs=channels, outputs=channels, matrix=matrix).block_s()[0]
        for channels, matrix in ((1, False), (2, False), (2, True))
    )
    assert 1.9 * one < two < 2.1 * one
    assert two < full < 2 * two


@pytest.mark.parametrize("taps", TAPS)
@pytest.mark.parametrize("block", [64, 512])
def test_the_worst_block_is_no_shorter_than_the_mean(taps, block):
    mean_s, worst_s = partition_plan(taps, block=block).block_s()
    assert 0 < mean_s <= worst_s * (1 + 1e-9)
    assert worst_s < mean_s + 20e-6


def test_it_says_what_it_is():
    said = str(partition_plan(48_000))
    assert "48,000 taps" in said
    assert "partitions of" in said
    assert "a block of 64 samples: mean" in said
