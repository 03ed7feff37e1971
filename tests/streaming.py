"""Signals for stages, and stages run block by block."""

from itertools import cycle

import numpy as np


def run(stage, x, sizes=(100,)):
    """The outputs of a stage for blocks of these sizes, in turn, and its flush."""
    parts, begin, sizes = [], 0, cycle(sizes)
    while begin < len(x):
        size = next(sizes)
        parts.append(stage.process(x[begin : begin + size]))
        begin += size
    return np.concatenate([*parts, stage.flush()])
