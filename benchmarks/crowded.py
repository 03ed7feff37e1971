"""Steps of training with two threads while another process keeps one of two cores busy, against PyTorch's.

What counts is how much longer a step takes than alone: threads that wait for each other must give way, and what a
thread has not done because it had no core, the others should not wait for longer than they have to.
"""

import contextlib
import os
import subprocess
import sys

from side_by_side import medians_s, show

from audioconv import nn

try:
    import torch
    from networks import CLASSES, SETTLE_S, best_format, each_network
    from train import RATE, torch_step
except ImportError:
    torch = None

THREADS, REPEATS = 2, 12
OTHERS = (os.cpu_count() or 2) - THREADS + 1  # so that one core is left


def main(options):
    if torch is None:
        print("crowded: PyTorch is not installed")
        return None
    torch.set_num_threads(THREADS)
    rows = []
    for name, make, x, rng in each_network():
        targets = nn.one_hot(rng.integers(CLASSES, size=len(x)), CLASSES)
        ways = steps(make(CLASSES, x.shape[2], rng=rng), x, targets)
        alone_s = medians_s(ways, REPEATS, SETTLE_S)
        with busy_processes():
            crowded_s = medians_s(ways, REPEATS, SETTLE_S)
        row = {"network": name}
        for way in ways:
            row |= {f"{way} alone": 1e3 * alone_s[way], f"{way} crowded": 1e3 * crowded_s[way],
                    f"{way} crowded / alone": crowded_s[way] / alone_s[way]}  # fmt: skip
        rows.append(row | {"PyTorch / audioconv, crowded": crowded_s["PyTorch"] / crowded_s["audioconv"]})
    show("Training, batch of 100, two threads, one of two cores taken: ms a step", rows)
    return rows


def steps(network, x, targets):
    """A step of training of each."""
    step, wanted = nn.TrainingStep(network, nn.AdamW(network), nn.SoftmaxCrossEntropy()), torch.from_numpy(targets)
    return {
        "audioconv": lambda: step(x, targets, RATE, threads=THREADS),
        "PyTorch": best_format(network, x, lambda module, x: torch_step(module, x, wanted)),
    }


@contextlib.contextmanager
def busy_processes():
    """Others that compute without a pause."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(OTHERS)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
