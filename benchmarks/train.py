"""Four networks for keywords: steps of training and inference, against PyTorch and ONNX Runtime."""

import io
import warnings

import numpy as np
from side_by_side import check_equal, least_s, medians_s, show

from audioconv import LogMel, models, nn

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
SAMPLE_RATE, HOP = 16000, 160
SETTLE_S = 0.02  # OpenMP threads of PyTorch spin for some milliseconds, on a core that the next way wants
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
            _check_training(make, x, targets, rng)
        network = make(CLASSES, shape[1], rng=rng)
        times_s = _training_s(network, x, targets)  # moves the running statistics too, for what follows
        times_s |= _inference_s(network, x) | _clip_s(network, x[:1])
        if network.stream(shape[1:]).look_ahead == 0:
            times_s["a frame on a stream, 1 thread"] = {"audioconv": _frame_s(network.stream(shape[1:]), x[0])}
            both = LogMel(SAMPLE_RATE, mels=shape[1]).stream(), network.stream(shape[1:])
            times_s["10 ms of samples on a stream, 1 thread"] = {"audioconv": _frame_with_features_s(*both)}
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
    ways = {(2, "audioconv"): lambda: step(x, targets, RATE, threads=2)}
    ways[1, "audioconv"] = lambda: step(x, targets, RATE, threads=1)
    if torch:
        wanted = torch.from_numpy(targets)
        for threads in (2, 1):
            torch.set_num_threads(threads)
            way = _formats(network, x, lambda module, x: _torch_step(module, x, wanted))
            ways[threads, "PyTorch"] = _with_threads(threads, way)
    return _by_threads("training, batch of 100", medians_s(ways, 16, SETTLE_S))


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
    return _by_threads("inference, batch of 100", medians_s(ways, 30, SETTLE_S))


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
    return _by_threads("inference, one clip", medians_s(ways, 30, SETTLE_S))


def _frame_s(stream, frames):
    """Median seconds of a call for one frame, when the stream has been running for a while."""
    blocks = [frames[t : t + 1] for t in range(len(frames))]
    calls = {"frame": lambda: [stream.process(block) for block in blocks]}
    return medians_s(calls, 50)["frame"] / len(blocks)


def _frame_with_features_s(features, stream):
    """The same from samples: log-mel features and the network, a hop at a time."""
    samples = np.random.default_rng(0).standard_normal(200 * HOP).astype(np.float32)
    blocks = samples.reshape(-1, HOP)
    calls = {"frame": lambda: [stream.process(features.process(block)) for block in blocks]}
    return medians_s(calls, 25)["frame"] / len(blocks)


def _onnx_inference(network, x):
    file, given = io.BytesIO(), in_torch.data(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no more packages is called old
        torch.onnx.export(in_torch.translate(network).eval(), (given,), file, input_names=["x"], dynamo=False)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file.getvalue(), settings, providers=["CPUExecutionProvider"])
    feed = {"x": given.numpy()}
    return lambda: session.run(None, feed)[0]


def _by_threads(what, times_s):
    """{(threads, way): seconds} as {description: {way: seconds}}."""
    found = {}
    for (threads, way), time_s in times_s.items():
        found.setdefault(f"{what}, {threads} thread{'s' * (threads > 1)}", {})[way] = time_s
    return found
