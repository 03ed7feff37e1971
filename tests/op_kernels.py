"""One step of a program on arrays of one clip after the other, for tests of single kernels."""

import numpy as np

from audioconv.nn.ops.graph import CLIP, SHARED, Graph
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import Program


def run(step, arrays, numbers, per=None, dtype=None):
    """Do a step with these operands; `per` has "shared" for those that are not of clips; all may be written to."""
    per = per or [CLIP] * len(arrays)
    clips = next((len(a) for a, p in zip(arrays, per, strict=True) if p == CLIP), 1)
    graph = Graph(dtype or arrays[0].dtype, True, clips)
    tensors = [
        graph.placeholder(str(i), a.shape if p == SHARED else a.shape[1:], p)
        for i, (a, p) in enumerate(zip(arrays, per, strict=True))
    ]

    def encode(plan, place):
        return [instruction(step, plan.dtype, list(map(place, tensors)), numbers)]

    graph.add(encode, [], tensors)
    Program(Plan(graph, 1, 1)).run({str(i): np.ascontiguousarray(a) for i, a in enumerate(arrays)})
