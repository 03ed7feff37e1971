"""Programs: steps in their phases, groups and shards, on any number of threads."""

import numpy as np
import pytest

from audioconv.kernels.nn import elementwise
from audioconv.kernels.nn import gradients as statistics
from audioconv.nn.ops.graph import GROUP, SHARED, Graph, Tensor
from audioconv.nn.ops.rows import row
from audioconv.nn.runtime.plan import Plan, Pool
from audioconv.nn.runtime.program import Program, clip_groups


def total_then_copy(batch, per_shard):
    """A graph that sums x over the batch, and then copies that sum and x: two phases."""
    graph = Graph("float64", True, batch)
    x, y, total = graph.given("x", (3, 8)), graph.given("y", (3, 8)), graph.given("total", (8,), SHARED)
    partial = Tensor((2, 8), GROUP, True)

    def sums(plan, place):
        return [row(elementwise.sums, plan.dtype, [place(x), place(partial)], [3, 1, 8, 1])]

    def add(plan, place):
        where = [place(partial).of_all(plan.group_count), place(total)]
        return [row(statistics.bias_gradient, plan.dtype, where, [8, plan.group_count])]

    def copy(plan, place):
        return [row(elementwise.scaled, plan.dtype, [place(x), place(y)], [3, 1, 8, 2.0])]

    graph.add(sums, [x], [partial])
    graph.add(add, [partial], [total], once=True)
    graph.add(copy, [x, total], [y])
    return Plan(graph, 8, per_shard)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("batch", "per_shard"), [(1, 1), (7, 1), (8, 2), (50, 3)])
def test_phases_see_what_all_threads_did_before(batch, per_shard, threads):
    plan = total_then_copy(batch, per_shard)
    assert plan.count == 2
    assert plan.groups[-1] == batch
    x = np.random.default_rng(batch).standard_normal((batch, 3, 8))
    y, total = np.full_like(x, np.nan), np.full(8, np.nan)
    program = Program(plan)
    for _ in range(20):
        program.run({"x": x, "y": y, "total": total}, threads=threads)
        assert np.allclose(total, x.sum(axis=(0, 1)), rtol=1e-12)
        assert np.array_equal(y, 2 * x)
        y[:], total[:] = np.nan, np.nan


@pytest.mark.parametrize(("batch", "largest"), [(0, 4), (1, 4), (8, 16), (100, 16), (9, 1)])
def test_groups_of_clips_are_no_larger_than_they_may_be(batch, largest):
    groups = clip_groups(batch, largest)
    assert groups[0] == 0
    assert groups[-1] == batch
    assert all(0 < size <= largest for size in np.diff(groups))


def test_memory_is_given_again_but_never_twice():
    pool, taken, rng = Pool(), {}, np.random.default_rng(0)
    for _ in range(300):
        if taken and rng.random() < 0.5:
            start = list(taken)[rng.integers(len(taken))]
            pool.give(start)
            del taken[start]
        else:
            size = int(rng.integers(1, 100))
            start = pool.take(size)
            assert all(start + size <= a or a + s <= start for a, s in taken.items())
            taken[start] = size
    assert pool.size < 40 * 112
