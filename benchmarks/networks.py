"""The networks that `train` and `infer` measure, and how PyTorch gets its best order of data in memory."""

from itertools import product

import in_torch
import numpy as np
import torch
from side_by_side import least_s

from audioconv import models

CLASSES, BATCH, CLOSE = 12, 100, 1e-4
SETTLE_S = 0.02  # OpenMP threads of PyTorch spin for some milliseconds, on a core that the next way wants
NETWORKS = {
    "TC-ResNet8": (models.tc_resnet8, (98, 40)),
    "DS-CNN-S": (models.ds_cnn_s, (49, 10, 1)),
    "BC-ResNet-1": (models.bc_resnet, (101, 40, 1)),
    "DS-TCN": (models.ds_tcn, (98, 40)),
}


def each_network():
    """(name, make, a batch, generator), one after the other."""
    for name, (make, shape) in NETWORKS.items():
        rng = np.random.default_rng(0)
        yield name, make, rng.standard_normal((BATCH, *shape)).astype(np.float32), rng


def row(name, what, ways, peers=("PyTorch",)):
    """A row of the table from {way: seconds}."""
    found, ours_s = {"network": name, "what": what, "audioconv": 1e3 * ways["audioconv"]}, ways["audioconv"]
    for peer in peers:
        time_s = ways.get(peer)
        found |= {peer: time_s and 1e3 * time_s, f"{peer} / audioconv": time_s and time_s / ours_s}
    return found


def best_format(network, x, *makes):
    """The fastest of what `make(module, x)` gives: for each of `makes`, channels first or last in memory."""
    formats = [torch.contiguous_format] + ([torch.channels_last] if x.ndim == 4 else [])
    ways = []
    for order, make in product(formats, makes):
        module = in_torch.translate(network).to(memory_format=order)
        way = make(module, in_torch.data(x).contiguous(memory_format=order))
        way(), way()
        ways.append((least_s(way, 5), way))
    return min(ways, key=lambda each: each[0])[1]


def with_threads(threads, way):
    def call():
        torch.set_num_threads(threads)
        return way()

    return call


def by_threads(what, times_s):
    """{(threads, way): seconds} as {description: {way: seconds}}."""
    found = {}
    for (threads, way), time_s in times_s.items():
        found.setdefault(f"{what}, {threads} thread{'s' * (threads > 1)}", {})[way] = time_s
    return found
