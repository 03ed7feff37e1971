"""The interpreter loop that runs networks: phases of instructions, on threads that wait at a barrier between them.

A phase is a row of the layout `PHASE`. Instructions of its "once" part are executed by each thread, on its own memory.
Micro-batches are dealt out by shards: micro-batch m belongs to shard m // per_shard, and shard s to thread s % threads.
So results depend on the micro-batches alone: the number of threads only decides which thread computes what.
"""

import numpy as np

from audioconv.kernels._jit import kernel
from audioconv.kernels._layout import layout
from audioconv.kernels.nn.barrier import barrier
from audioconv.kernels.nn.operands import invoke

# Indices of instructions: the first that is done once, the first that is done for each micro-batch, and the end.
PHASE = layout("PHASE", "once", "each", "end")


@kernel
def run(table, phases, segments, like, micro_batches, per_shard, control, thread, threads):
    """Do all phases as one of the threads.

    table int64 (instructions, numbers); phases int64 (phases, 3); segments, this thread's: int64, addresses (without
    JIT the arrays); like, an empty array of the dtype; micro_batches int64, where each begins, and the end, in clips;
    control int64, zeros that the threads share (`barrier.BARRIER`).
    """
    for phase in range(phases.shape[0]):
        if phase and threads > 1 and not barrier(control, threads):
            return
        for i in range(phases[phase, PHASE.once], phases[phase, PHASE.each]):
            invoke(table, i, segments, like, np.int64(0), np.int64(0), np.int64(0), thread)
        for m in range(micro_batches.size - 1):
            if m // per_shard % threads == thread:
                clip = micro_batches[m]
                for i in range(phases[phase, PHASE.each], phases[phase, PHASE.end]):
                    invoke(table, i, segments, like, clip, micro_batches[m + 1] - clip, np.int64(m), thread)
