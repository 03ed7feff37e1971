"""Inference of four networks for keywords, against PyTorch and ONNX Runtime: batches, clips, and frames on a stream."""

import io
import warnings

import numpy as np
from side_by_side import check_equal, medians_s, show

from audioconv import LogMel

try:
    import in_torch
    import torch
    from networks import CLASSES, CLOSE, SETTLE_S, best_format, by_threads, each_network, row
except ImportError:
    torch = None
try:
    import onnxruntime
except ImportError:
    onnxruntime = None

SAMPLE_RATE, HOP = 16000, 160
PEERS = "PyTorch", "ONNX Runtime"


def main(options):
    if torch is None:
        print("infer: PyTorch is not installed")
        return None
    rows = []
    for name, make, x, rng in each_network():
        network = make(CLASSES, x.shape[2], rng=rng)
        network.forward(x, training=True)  # moves the running statistics
        times_s = _inference_s(network, x) | _clip_s(network, x[:1])
        stream = network.stream(x.shape[2:])
        if stream.look_ahead == 0:
            features = LogMel(SAMPLE_RATE, n_mels=x.shape[2]).stream()
            times_s["a frame on a stream, 1 thread"] = {"audioconv": _frame_s(stream, x[0])}
            times_s["10 ms of samples on a stream, 1 thread"] = {"audioconv": _samples_s(features, stream)}
        rows += [row(name, what, ways, PEERS) for what, ways in times_s.items()]
    show("Inference of keyword networks, float32: ms a call, and the peer's time / ours", rows)
    return rows


def _inference_s(network, x):
    """Seconds of a batch with two threads, by way."""
    apply = network.inference()
    torch.set_num_threads(2)
    theirs = best_format(network, x, _torch_inference, _torch_frozen)
    check_equal(apply(x, 2), theirs(), CLOSE)
    ways = {(2, "audioconv"): lambda: apply(x, 2), (2, "PyTorch"): theirs}
    return by_threads("inference, batch of 100", medians_s(ways, 30, SETTLE_S))


def _torch_inference(module, x):
    module.eval()

    def infer():
        with torch.inference_mode():
            return module(x).numpy()

    return infer


def _torch_frozen(module, x):
    """With norms folded into the convolutions, and what else PyTorch knows to do beforehand."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is called old
        return _torch_inference(
            torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(module.eval(), x))), x
        )


def _clip_s(network, x):
    """Seconds of one clip with one thread, by way."""
    apply = network.inference()
    torch.set_num_threads(1)
    ways = {(1, "audioconv"): lambda: apply(x, 1)}
    ways[1, "PyTorch"] = best_format(network, x, _torch_inference, _torch_frozen)
    if onnxruntime:
        ways[1, "ONNX Runtime"] = _onnx_inference(network, x)
    for way in ways.values():
        check_equal(apply(x, 1), way(), CLOSE)
    return by_threads("inference, one clip", medians_s(ways, 30, SETTLE_S))


def _frame_s(stream, frames):
    """Median seconds of a call for one frame, when the stream has been running for a while."""
    blocks = [frames[t : t + 1] for t in range(len(frames))]
    calls = {"frame": lambda: [stream.process(block) for block in blocks]}
    return medians_s(calls, 50)["frame"] / len(blocks)


def _samples_s(features, stream):
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
