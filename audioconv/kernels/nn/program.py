"""The one loop that runs networks: phases of steps, on threads that meet between them.

A phase is a row of `phases`: (first step to be done once, first step to be done a group, first step after those). What
is to be done once each thread does for itself, on memory of its own. Groups of clips are dealt out by shards: group g
belongs to shard g // per_shard, and shard s to thread s % threads. So what is computed depends on the groups alone, and
only who computes it on the number of threads.

Between phases the threads wait for each other at a barrier.
"""

import numpy as np

from audioconv.kernels._jit import kernel
from audioconv.kernels.nn.barrier import barrier
from audioconv.kernels.nn.operands import invoke


@kernel
def run(table, phases, spaces, like, groups, per_shard, control, thread, threads):
    """Do all phases as one of the threads.

    table int64 (steps, numbers); phases int64 (phases, 3); spaces, this thread's: int64, addresses (without JIT the
    arrays); like, an empty array of the dtype; groups int64, where each group of clips begins, and the end; control
    int64 (3,), zeros that the threads share.
    """
    for phase in range(phases.shape[0]):
        if phase and threads > 1 and not barrier(control, threads):
            return
        for row in range(phases[phase, 0], phases[phase, 1]):
            invoke(table, row, spaces, like, np.int64(0), np.int64(0), np.int64(0), thread)
        for group in range(groups.size - 1):
            if group // per_shard % threads == thread:
                clip = groups[group]
                for row in range(phases[phase, 1], phases[phase, 2]):
                    invoke(table, row, spaces, like, clip, groups[group + 1] - clip, np.int64(group), thread)
