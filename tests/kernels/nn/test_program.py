"""Programs: steps in their phases, groups and shards, on any number of threads."""

import numpy as np
import pytest

from audioconv.kernels.nn import elementwise
from audioconv.kernels.nn import gradients as statistics
from audioconv.nn.ops.graph import MICRO_BATCH, SHARED, Graph, Tensor
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.runtime.plan import Arena, Plan
from audioconv.nn.runtime.program import Program, inference_micro_batches


def total_then_copy(batch, per_shard):
    """A graph that sums x over the batch, and then copies that sum and x: two phases."""
    graph = Graph("float64", True, batch)
    x, y, total = (
        graph.placeholder("x", (3, 8)),
        graph.placeholder("y", (3, 8)),
        graph.placeholder("total", (8,), SHARED),
    )
    partial = Tensor((2, 8), MICRO_BATCH, True)

    def sums(plan, place):
        return [instruction(elementwise.sums, plan.dtype, [place(x), place(partial)], [3, 1, 8, 1])]

    def add(plan, place):
        where = [place(partial).all_micro_batches(plan.micro_batch_count), place(total)]
        return [instruction(statistics.bias_gradient, plan.dtype, where, [8, plan.micro_batch_count])]

    def copy(plan, place):
        return [instruction(elementwise.scaled, plan.dtype, [place(x), place(y)], [3, 1, 8, 2.0])]

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
    groups = inference_micro_batches(batch, largest)
    assert groups[0] == 0
    assert groups[-1] == batch
    assert all(0 < size <= largest for size in np.diff(groups))


def test_memory_is_given_again_but_never_twice():
    pool, taken, rng = Arena(), {}, np.random.default_rng(0)
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
