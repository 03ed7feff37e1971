"""One instruction of a program on arrays of one clip after the other, for tests of single op kernels."""

import numpy as np

from audioconv.nn.ops.graph import CLIP, SHARED, Graph
from audioconv.nn.ops.instructions import instruction
from audioconv.nn.runtime.plan import Plan
from audioconv.nn.runtime.program import Program


def run(kernel, arrays, shared=(), dtype=None, **parameters):
    """Run an op kernel on arrays by the names of its operands; those that are `shared` are not of clips.

    All may be written to.
    """
    assert set(shared) <= arrays.keys()
    clips = next((len(a) for name, a in arrays.items() if name not in shared), 1)
    graph = Graph(dtype or next(iter(arrays.values())).dtype, True, clips)
    tensors = [
        graph.placeholder(name, a.shape if name in shared else a.shape[1:], SHARED if name in shared else CLIP)
        for name, a in arrays.items()
    ]

    def encode(plan, reads, writes):
        return [instruction(kernel, plan.dtype, **dict(zip(arrays, writes, strict=True)), **parameters)]

    graph.add(encode, [], tensors)
    Program(Plan(graph, 1, 1)).run({name: np.ascontiguousarray(a) for name, a in arrays.items()})
