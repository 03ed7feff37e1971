"""Programs: instructions in their phases, micro-batches and shards, on any number of threads."""

import numpy as np
import pytest

from audioconv.kernels.nn import elementwise, gradients, implicit_gemm
from audioconv.kernels.nn.operands import OPERAND
from audioconv.nn.ops.graph import MICRO_BATCH, SHARED, Graph, Tensor
from audioconv.nn.ops.instructions import extent, instruction
from audioconv.nn.ops.tensor_view import TensorView
from audioconv.nn.runtime.arena import Arena
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import Program, inference_micro_batches


def total_then_copy(batch, per_shard):
    """A graph that sums x over the batch, and then copies that sum and x: two phases."""
    graph = Graph("float64", True, batch)
    x, y, total = (
        graph.placeholder("x", (3, 8)),
        graph.placeholder("y", (3, 8)),
        graph.placeholder("total", (8,), SHARED),
    )
    partial, dims = Tensor((2, 8), MICRO_BATCH, True), extent((3, 1, 8))

    def sums(plan, reads, writes):
        return [instruction(gradients.sums, plan.dtype, x=reads[0], sums=writes[0], **dims, bands=1)]

    def add(plan, reads, writes):
        count = plan.micro_batch_count
        return [instruction(gradients.bias_gradient, plan.dtype, sums=reads[0].all_micro_batches(count),
                            gradient=writes[0], width=8, micro_batches=count)]  # fmt: skip

    def copy(plan, reads, writes):
        return [instruction(elementwise.scale, plan.dtype, x=reads[0], y=writes[0], **dims, factor=2.0)]

    graph.add(sums, [x], [partial])
    graph.add(add, [partial], [total], once=True)
    graph.add(copy, [x, total], [y])
    return Plan(graph, 8, per_shard)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("batch", "per_shard"), [(1, 1), (7, 1), (8, 2), (50, 3)])
def test_phases_see_what_all_threads_did_before(batch, per_shard, threads):
    plan = total_then_copy(batch, per_shard)
    assert plan.count == 2
    assert plan.micro_batches[-1] == batch
    x = np.random.default_rng(batch).standard_normal((batch, 3, 8))
    y, total = np.full_like(x, np.nan), np.full(8, np.nan)
    program = Program(plan)
    for _ in range(20):
        program.run({"x": x, "y": y, "total": total}, threads=threads)
        assert np.allclose(total, x.sum(axis=(0, 1)), rtol=1e-12)
        assert np.array_equal(y, 2 * x)
        y[:], total[:] = np.nan, np.nan


@pytest.mark.parametrize(("batch", "largest"), [(0, 4), (1, 4), (8, 16), (100, 16), (9, 1)])
def test_micro_batches_are_no_larger_than_they_may_be(batch, largest):
    starts = inference_micro_batches(batch, largest)
    assert starts[0] == 0
    assert starts[-1] == batch
    assert all(0 < size <= largest for size in np.diff(starts))


def test_memory_is_given_again_but_never_twice():
    arena, taken, rng = Arena(), {}, np.random.default_rng(0)
    for _ in range(300):
        if taken and rng.random() < 0.5:
            start = list(taken)[rng.integers(len(taken))]
            arena.free(start)
            del taken[start]
        else:
            size = int(rng.integers(1, 100))
            start = arena.allocate(size)
            assert all(start + size <= a or a + s <= start for a, s in taken.items())
            taken[start] = size
    assert arena.size < 40 * 112


def test_an_instruction_has_all_that_its_kernel_takes_and_nothing_else():
    x, y, dims = TensorView(0), TensorView(1), extent((3, 1, 8))
    right = {"x": x, "y": y, **dims, "factor": 0.5}
    made = instruction(elementwise.scale, "float64", **right)
    layout = elementwise.SCALE
    assert len(made) == 1 + layout.row_size
    assert made[layout.y : layout.y + OPERAND.row_size] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert made[layout.time : layout.channels + 1] == [3, 1, 8]
    assert np.int64(made[layout.factor]).view(np.float64) == 0.5
    assert made.views == {"x": x, "y": y}
    for name in right:
        with pytest.raises(TypeError, match="SCALE has the fields x, y, time, freq, channels, factor, not"):
            instruction(elementwise.scale, "float64", **{n: v for n, v in right.items() if n != name})
    for wrong in ({"grad_y": y}, {"bands": 1}, {"x": 3}, {"time": x}, {"time": 1.5}, {"factor": [1, 2]}):
        with pytest.raises(TypeError):
            instruction(elementwise.scale, "float64", **(right | wrong))
    gemm = dict.fromkeys(implicit_gemm.GEMM.names, 0) | dict.fromkeys(implicit_gemm.GEMM.operands, x)
    counts = {"counts": (1, 2, 3), "a_strides": (0, 0, 0), "b_strides": (0, 0, 0)}
    instruction(implicit_gemm.implicit_gemm, "float32", **(gemm | counts))
    with pytest.raises(ValueError, match="counts of GEMM has 3 numbers, not 2"):
        instruction(implicit_gemm.implicit_gemm, "float32", **(gemm | counts | {"counts": (1, 2)}))


def test_what_programs_are_made_of_shows_itself_in_one_line():
    plan = total_then_copy(9, 2)
    assert repr(plan.graph) == "Graph(3 ops, training of 9 clips, float64)"
    assert repr(plan) == "Plan(3 instructions, 2 phases, 16 micro-batches, float64)"
    assert repr(Program(plan)).startswith(f"Program({plan!r}, ")
    assert repr(plan.graph.ops[0]) == "Op(total_then_copy, stage 0)"
    assert repr(plan.graph.ops[0].reads) == "[Tensor(x(3, 8), per clip)]"
    assert repr(Arena()) == "Arena(0 elements, 0 allocations)"
