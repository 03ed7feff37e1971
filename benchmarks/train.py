"""Steps of training of four networks for keywords, against PyTorch: time and memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from side_by_side import check_equal, medians_s, show

from audioconv import nn

try:
    import in_torch
    import torch
    from networks import CLASSES, CLOSE, NETWORKS, SETTLE_S, best_format, by_threads, each_network, row, with_threads
except ImportError:
    torch = None

RATE = 1e-3


def main(options):
    if torch is None:
        print("train: PyTorch is not installed")
        return None
    rows, memory = [], []
    for name, make, x, rng in each_network():
        targets = nn.one_hot(rng.integers(CLASSES, size=len(x)), CLASSES)
        _check_training(make, x, targets, rng)
        network = make(CLASSES, x.shape[2], rng=rng)
        rows += [row(name, what, ways) for what, ways in _training_s(network, x, targets).items()]
        ours, theirs = (_memory_mb(way, name) for way in ("audioconv", "PyTorch"))
        memory.append(
            {"network": name, "audioconv, MB": ours, "PyTorch, MB": theirs, "PyTorch / audioconv": theirs / ours}
        )
    show("Training of keyword networks, batch of 100, float32: ms a step, and PyTorch's time / ours", rows)
    show("Memory that training takes at its peak, beyond what was there after a step with two clips; 2 threads", memory)
    return rows + memory


def _check_training(make, x, targets, rng):
    """Outputs and gradients without dropout are those of PyTorch.

    In float32 a sum next to the kink of a ReLU may round to either side of it, and its gradient is there or not. So
    gradients are compared in float64, and in float32 with Swish in place of ReLU.
    """
    for dtype, smooth, close in ((np.float32, False, None), (np.float32, True, CLOSE), (np.float64, False, 1e-9)):
        network = make(CLASSES, x.shape[2], rng=rng, dtype=dtype)
        _prepare(network, smooth)
        module = in_torch.translate(network)
        y = network.forward(x, training=True)
        network.backward(nn.softmax_cross_entropy(y, targets.astype(dtype))[1])
        theirs = module(in_torch.data(x.astype(dtype)))
        torch.nn.functional.cross_entropy(theirs, torch.from_numpy(targets.astype(dtype))).backward()
        check_equal(y, theirs.detach().numpy(), close or CLOSE)
        if close is None:
            continue
        ours, gradients = network.gradients(), in_torch.gradients(module)
        if ours.keys() != gradients.keys():
            raise SystemExit(f"gradients of other parameters: {sorted(ours.keys() ^ gradients.keys())}")
        # all at once: the gradient of a bias before a batch norm is zero, and nothing to be relative to
        check_equal(*(np.concatenate([each[key].ravel() for key in ours]) for each in (ours, gradients)), close)


def _prepare(network, smooth):
    """Turn dropout off, and if `smooth` each ReLU into Swish or nothing."""
    for layer in _layers(network):
        if isinstance(layer, nn.Dropout):
            layer.rate = 0.0
        if smooth and isinstance(layer, nn.Residual):
            layer.activation = "linear"
        if smooth and isinstance(layer, nn.Sequential):
            layer.layers = [nn.Swish() if isinstance(each, nn.ReLU) else each for each in layer.layers]


def _layers(layer):
    """A layer and all that are in it."""
    yield layer
    for inner in getattr(layer, "_layers", {}).values():
        yield from _layers(inner)


def _training_s(network, x, targets):
    """Seconds of forward, loss, backward and AdamW, by threads and way."""
    step = nn.TrainingStep(network, nn.AdamW(network), nn.SoftmaxCrossEntropy())
    ways = {(2, "audioconv"): lambda: step(x, targets, RATE, threads=2)}
    ways[1, "audioconv"] = lambda: step(x, targets, RATE, threads=1)
    if torch:
        wanted = torch.from_numpy(targets)
        for threads in (2, 1):
            torch.set_num_threads(threads)
            way = best_format(network, x, lambda module, x: torch_step(module, x, wanted))
            ways[threads, "PyTorch"] = with_threads(threads, way)
    return by_threads("training, batch of 100", medians_s(ways, 16, SETTLE_S))


def torch_step(module, x, wanted):
    parameters = list(module.parameters())
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, RATE, fused=True)

    def step():
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(x), wanted)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def _memory_mb(way, name):
    """Peak of a process that trains, less that after a first step with two clips."""
    command = [sys.executable, __file__, way, name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _train_alone(way, name):
    make, shape = NETWORKS[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((100, *shape)).astype(np.float32)
    targets = nn.one_hot(rng.integers(CLASSES, size=100), CLASSES)
    network = make(CLASSES, shape[1], rng=rng)
    if way == "audioconv":
        training = nn.TrainingStep(network, nn.AdamW(network), nn.SoftmaxCrossEntropy())

        def step(clips):
            training(x[:clips], targets[:clips], RATE, threads=2)

    else:
        torch.set_num_threads(2)
        module, wanted = in_torch.translate(network), torch.from_numpy(targets)

        def step(clips):
            torch_step(module, in_torch.data(x[:clips]), wanted[:clips])()

    step(2)
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back
    before = _resident_mb("VmRSS")
    for _ in range(3):
        step(100)
    print(_resident_mb("VmHWM") - before)


def _resident_mb(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


if __name__ == "__main__":
    _train_alone(*sys.argv[1:])
