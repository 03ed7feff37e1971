"""Four networks for keywords: steps of training and inference, against PyTorch and ONNX Runtime."""

import io

import numpy as np
from side_by_side import check_equal, least_s, medians_s, show

from audioconv import models, nn

try:
    import in_torch
    import torch
except ImportError:
    torch = None
try:
    import onnxruntime
except ImportError:
    onnxruntime = None

CLASSES, BATCH, RATE, CLOSE = 12, 100, 1e-3, 1e-4
NETWORKS = {
    "TC-ResNet8": (models.tc_resnet8, (98, 40)),
    "DS-CNN-S": (models.ds_cnn_s, (49, 10, 1)),
    "BC-ResNet-1": (models.bc_resnet, (101, 40, 1)),
    "DS-TCN": (models.ds_tcn, (98, 40)),
}


def main(options):
    rows = []
    for name, (make, shape) in NETWORKS.items():
        rng = np.random.default_rng(0)
        x = rng.standard_normal((BATCH, *shape)).astype(np.float32)
        targets = nn.one_hot(rng.integers(CLASSES, size=BATCH), CLASSES)
        if torch:
            for dtype, close in ((np.float32, CLOSE), (np.float64, 1e-9)):
                _check_training(make(CLASSES, shape[1], rng=rng, dtype=dtype), x, targets, close)
        network = make(CLASSES, shape[1], rng=rng)
        times_s = _training_s(network, x, targets)  # moves the running statistics too, for what follows
        times_s |= _inference_s(network, x) | _clip_s(network, x[:1])
        rows += [_row(name, what, ways) for what, ways in times_s.items()]
    show("Keyword networks, float32: ms a call, and the peer's time / ours", rows)
    return rows


def _row(name, what, ways):
    """A row of the table from {way: seconds}."""
    row, ours_s = {"network": name, "what": what, "audioconv": 1e3 * ways["audioconv"]}, ways["audioconv"]
    for peer in ("PyTorch", "ONNX Runtime"):
        time_s = ways.get(peer)
        row |= {peer: time_s and 1e3 * time_s, f"{peer} / audioconv": time_s and time_s / ours_s}
    return row


def _check_training(network, x, targets, close):
    """Outputs and gradients are those of PyTorch without dropout; float64 tells it sharply.

    In float32 a sum next to the kink of a ReLU may round to either side, and its gradient is there or not: ten times as much is let pass.
    """
    x, targets = x.astype(network.dtype), targets.astype(network.dtype)
    for layer in _layers(network):
        if isinstance(layer, nn.Dropout):
            layer.rate = 0.0
    module = in_torch.translate(network)
    y = network.forward(x, training=True)
    network.backward(nn.softmax_cross_entropy(y, targets)[1])
    theirs = module(in_torch.data(x))
    torch.nn.functional.cross_entropy(theirs, torch.from_numpy(targets)).backward()
    check_equal(y, theirs.detach().numpy(), close)
    ours, gradients = network.gradients(), in_torch.gradients(module)
    if ours.keys() != gradients.keys():
        raise SystemExit(f"gradients of other parameters: {sorted(ours.keys() ^ gradients.keys())}")
    # all at once: the bias before a batch norm has gradient zero, and nothing to be relative to
    close *= 10 if network.dtype == np.float32 else 1
    check_equal(*(np.concatenate([each[key].ravel() for key in ours]) for each in (ours, gradients)), close)


def _layers(layer):
    """A layer and all that are in it."""
    yield layer
    for inner in getattr(layer, "_layers", {}).values():
        yield from _layers(inner)


def _formats(network, x, make):
    """The faster of what `make(module, x)` gives for both orders of data in memory, channels before or last."""
    formats = [torch.contiguous_format] + ([torch.channels_last] if x.ndim == 4 else [])
    ways = []
    for order in formats:
        module = in_torch.translate(network).to(memory_format=order)
        way = make(module, in_torch.data(x).contiguous(memory_format=order))
        way(), way()
        ways.append((least_s(way, 5), way))
    return min(ways, key=lambda each: each[0])[1]


def _training_s(network, x, targets):
    """Seconds of forward, loss, backward and AdamW, by threads and way."""
    step = nn.TrainingStep(network, nn.AdamW(network), nn.SoftmaxCrossEntropy())
    ways = {(threads, "audioconv"): lambda threads=threads: step(x, targets, RATE, threads=threads) for threads in (2, 1)}
    if torch:
        wanted = torch.from_numpy(targets)
        for threads in (2, 1):
            torch.set_num_threads(threads)
            way = _formats(network, x, lambda module, x: _torch_step(module, x, wanted))
            ways[threads, "PyTorch"] = _with_threads(threads, way)
    return _by_threads("training, batch of 100", medians_s(ways, 30))


def _torch_step(module, x, wanted):
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


def _with_threads(threads, way):
    def call():
        torch.set_num_threads(threads)
        return way()

    return call


def _inference_s(network, x):
    """Seconds of a batch with two threads, by way."""
    apply = network.inference()
    ways = {(2, "audioconv"): lambda: apply(x, 2)}
    if torch:
        torch.set_num_threads(2)
        ways[2, "PyTorch"] = _formats(network, x, _torch_inference)
        check_equal(apply(x, 2), ways[2, "PyTorch"](), CLOSE)
    return _by_threads("inference, batch of 100", medians_s(ways, 50))


def _torch_inference(module, x):
    module.eval()

    def infer():
        with torch.inference_mode():
            return module(x).numpy()

    return infer


def _clip_s(network, x):
    """Seconds of one clip with one thread, by way."""
    apply = network.inference()
    ways = {(1, "audioconv"): lambda: apply(x, 1)}
    if torch:
        torch.set_num_threads(1)
        ways[1, "PyTorch"] = _formats(network, x, _torch_inference)
        if onnxruntime:
            ways[1, "ONNX Runtime"] = _onnx_inference(network, x)
        for way in ways.values():
            check_equal(apply(x, 1), way(), CLOSE)
    return _by_threads("inference, one clip", medians_s(ways, 500))


def _onnx_inference(network, x):
    file, given = io.BytesIO(), in_torch.data(x)
    torch.onnx.export(in_torch.translate(network).eval(), (given,), file, input_names=["x"], dynamo=False)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), settings, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": given.numpy()})[0]


def _by_threads(what, times_s):
    """{(threads, way): seconds} as {description: {way: seconds}}."""
    found = {}
    for (threads, way), time_s in times_s.items():
        found.setdefault(f"{what}, {threads} thread{'s' * (threads > 1)}", {})[way] = time_s
    return found
