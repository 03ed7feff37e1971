"""Layer by layer against PyTorch: forward, and the gradients of input and weights, one thread."""

import numpy as np
from side_by_side import check_equal, medians_s, show

from audioconv import nn
from audioconv.arrays import aligned

try:
    import torch
    from torch.nn import functional
except ImportError:
    torch = None

BATCH, CLOSE = 100, 1e-4
SETTLE_S = 0.01  # a layer that waits for memory takes twice as long after a way that left other arrays in the cache
LAYERS = {
    "conv1d 9 taps, 24 to 32, stride 2": (lambda rng: nn.Conv1d(24, 32, 9, 2, padding=4, rng=rng), (49, 24)),
    "conv1d 9 taps, 48 to 48": (lambda rng: nn.Conv1d(48, 48, 9, padding=4, rng=rng), (13, 48)),
    "conv2d 3 x 3, 64 to 64": (lambda rng: nn.Conv2d(64, 64, 3, padding=1, rng=rng), (25, 5, 64)),
    "depthwise 3 x 3, 64": (lambda rng: nn.DepthwiseConv2d(64, 3, padding=1, rng=rng), (25, 5, 64)),
    "pointwise, 64 to 64": (lambda rng: nn.Conv2d(64, 64, 1, rng=rng), (25, 5, 64)),
    "transposed 4 taps, 32 to 24, stride 2": (lambda rng: nn.Conv1dTranspose(32, 24, 4, 2, rng=rng), (25, 32)),
}


def main(options):
    if torch is None:
        print("layers: PyTorch is not installed")
        return None
    torch.set_num_threads(1)
    rows = [_row(name, make, shape) for name, (make, shape) in LAYERS.items()]
    show("Layers, batch of 100, float32, 1 thread: ms, and PyTorch's time / ours", rows)
    return rows


def _row(name, make, shape):
    rng = np.random.default_rng(0)
    layer = make(rng)
    x = _aligned(rng.standard_normal((BATCH, *shape)))
    apply, theirs, leaves = layer.inference(), _in_torch(layer), _leaves(layer, x)
    y = layer.forward(x, training=True, threads=1)
    grad_y = _aligned(rng.standard_normal(y.shape))
    grad = _channels_first(grad_y)
    check_equal(y, _channels_last(theirs(*leaves)), CLOSE)
    found = torch.autograd.grad(theirs(*leaves), leaves, grad)
    check_equal(layer.backward(grad_y), _channels_last(found[0]), CLOSE)
    check_equal(layer.gradients()["weight"], _weights_back(layer, found[1]), CLOSE)

    def torch_forward():
        with torch.inference_mode():
            return theirs(*leaves)

    def both():
        layer.forward(x, training=True, threads=1)
        layer.backward(grad_y)

    ways = {
        "forward": lambda: apply(x, 1), "torch forward": torch_forward,
        "both": both, "torch both": lambda: torch.autograd.grad(theirs(*leaves), leaves, grad),
    }  # fmt: skip
    times_s = medians_s(ways, 30, SETTLE_S)
    return {
        "layer": name,
        "forward": 1e3 * times_s["forward"],
        "PyTorch / ours": times_s["torch forward"] / times_s["forward"],
        "forward, both gradients": 1e3 * times_s["both"],
        "PyTorch / ours ": times_s["torch both"] / times_s["both"],
    }


def _aligned(values):
    """In float32, from a cache line on, as a layer gets it from the one before, and as PyTorch has it."""
    array = aligned(values.size, np.float32).reshape(values.shape)
    array[...] = values
    return array


def _in_torch(layer):
    """The same layer as a function of (x, weight, bias), channels before time."""
    axes = layer.geometry.axes[: layer.dims[0] - 2]
    stride, padding = [a.stride for a in axes], [a.padding[0] for a in axes]
    dims = len(axes)
    if isinstance(layer, nn.Conv1dTranspose):
        return lambda x, w, b: functional.conv_transpose1d(x, w, b, stride, padding)
    convolve = functional.conv1d if dims == 1 else functional.conv2d
    groups = layer.geometry.channels if layer.geometry.depthwise else 1
    return lambda x, w, b: convolve(x, w, b, stride, padding, 1, groups)


def _leaves(layer, x):
    weight = layer.weight if not layer.geometry.depthwise else layer.weight[..., None, :]
    axes = tuple(range(weight.ndim))
    order = (*axes[-2:], *axes[:-2]) if isinstance(layer, nn.Conv1dTranspose) else (axes[-1], axes[-2], *axes[:-2])
    weight = torch.from_numpy(np.ascontiguousarray(weight.transpose(order)))
    found = [_channels_first(x), weight, torch.from_numpy(layer.bias.copy())]
    return [each.requires_grad_() for each in found]


def _weights_back(layer, gradient):
    array = gradient.numpy()
    axes = tuple(range(array.ndim))
    order = (*axes[2:], 0, 1) if isinstance(layer, nn.Conv1dTranspose) else (*axes[2:], 1, 0)
    return array.transpose(order).reshape(layer.weight.shape)


def _channels_first(x):
    """(batch, ..., channels) as PyTorch takes it; two dimensions stay in its channels-last order."""
    tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor


def _channels_last(tensor):
    return np.moveaxis(tensor.detach().numpy(), 1, -1)
