"""Our networks in PyTorch, with the same weights; data are (batch, channels, time) or (batch, channels, freq, time)."""

import numpy as np
import torch
from torch.nn import functional

from audioconv import nn


def data(x):
    """A batch of ours as PyTorch has it: channels second, frequency before time."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, range(1, x.ndim), range(x.ndim - 1, 0, -1))))


def translate(layer):
    """The module that computes what the layer does."""
    for kind, make in MODULES.items():
        if isinstance(layer, kind):
            return make(layer)
    raise TypeError(f"{type(layer).__name__} has no translation")


def gradients(module):
    """Gradients of all parameters by our names, in our shapes."""
    found = {}
    for name, each in module.named_modules():
        if isinstance(each, (_Conv, _Dense, _Norm)):
            found |= {f"{name}.{key}": array for key, array in each.ours().items()}
    return found


class _Conv(torch.nn.Module):
    """Zeros around, then a convolution; along time alone if `dims` is 1."""

    def __init__(self, layer, dims):
        super().__init__()
        geometry = layer.geometry
        axes = [geometry.freq, geometry.time][2 - dims :]
        taps, inner = (geometry.time.taps, geometry.freq.taps), 1 if geometry.depthwise else geometry.inner
        weight = layer.weight.reshape(*taps, inner, geometry.filters).transpose(3, 2, 1, 0)
        self.weight = _parameter(weight if dims == 2 else weight[:, :, 0])
        self.bias = None if layer.bias is None else _parameter(layer.bias)
        self.stride, self.dilation = [axis.stride for axis in axes], [axis.dilation for axis in axes]
        self.groups = geometry.channels if geometry.depthwise else geometry.groups
        self.convolve = functional.conv2d if dims == 2 else functional.conv1d
        sides = [axis.padding for axis in axes]
        even = all(left == right for left, right in sides)
        self.around = None if even else [side for pair in reversed(sides) for side in pair]
        self.padding = [left if even else 0 for left, _ in sides]
        self.shape = layer.weight.shape

    def forward(self, x):
        if self.around:
            x = functional.pad(x, self.around)
        return self.convolve(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def ours(self):
        grad = self.weight.grad.contiguous().numpy()
        grad = grad if grad.ndim == 4 else grad[:, :, None]
        found = {"weight": grad.transpose(3, 2, 1, 0).reshape(self.shape)}
        return found | ({} if self.bias is None else {"bias": self.bias.grad.numpy()})


class _Dense(torch.nn.Module):
    """A linear map of the channels, of a clip or a frame."""

    def __init__(self, layer):
        super().__init__()
        self.weight = _parameter(layer.weight.T)
        self.bias = None if layer.bias is None else _parameter(layer.bias)

    def forward(self, x):
        if x.ndim == 2:
            return functional.linear(x, self.weight, self.bias)
        return functional.conv1d(x, self.weight[:, :, None], self.bias)

    def ours(self):
        found = {"weight": self.weight.grad.numpy().T}
        return found | ({} if self.bias is None else {"bias": self.bias.grad.numpy()})


class _Norm(torch.nn.Module):
    """Batch norm, with bands of frequencies as channels of their own."""

    def __init__(self, layer):
        super().__init__()
        self.bands, self.channels = layer.bands, layer.channels
        self.momentum, self.epsilon = layer.momentum, layer.epsilon
        self.weight, self.bias = _parameter(self._turned(layer.scale)), _parameter(self._turned(layer.shift))
        for name in ("mean", "variance"):
            values = self._turned(getattr(layer, name)).astype(layer.dtype)
            self.register_buffer(name, torch.from_numpy(values))

    def _turned(self, values):
        return values.reshape(self.bands, self.channels).T.reshape(-1).copy()

    def forward(self, x):
        shape = x.shape
        if self.bands > 1:
            x = x.reshape(shape[0], shape[1] * self.bands, shape[2] // self.bands, shape[3])
        statistics = self.mean, self.variance, self.weight, self.bias
        return functional.batch_norm(x, *statistics, self.training, self.momentum, self.epsilon).reshape(shape)

    def ours(self):
        both = {"scale": self.weight, "shift": self.bias}
        return {key: p.grad.numpy().reshape(self.channels, self.bands).T.reshape(-1) for key, p in both.items()}


class _Residual(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.main, self.shortcut = translate(layer.main), translate(layer.shortcut)
        self.relu = layer.activation == "relu"

    def forward(self, x):
        y = self.main(x) + self.shortcut(x)
        return functional.relu(y, inplace=True) if self.relu else y


class _Broadcast(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.main = translate(layer.main)

    def forward(self, x):
        return x + self.main(x.mean(2, keepdim=True))


class _Mean(torch.nn.Module):
    def forward(self, x):
        return x.flatten(2).mean(2)


def _parameter(values):
    return torch.nn.Parameter(torch.from_numpy(np.array(values, order="C")))


MODULES = {
    nn.Sequential: lambda layer: torch.nn.Sequential(*map(translate, layer.layers)),
    nn.Residual: _Residual,
    nn.Broadcast: _Broadcast,
    nn.BatchNorm: _Norm,  # and SubSpectralNorm
    nn.Dense: _Dense,
    nn.Conv1d: lambda layer: _Conv(layer, 1),
    nn.DepthwiseConv1d: lambda layer: _Conv(layer, 1),
    nn.Conv2d: lambda layer: _Conv(layer, 2),
    nn.DepthwiseConv2d: lambda layer: _Conv(layer, 2),
    nn.ReLU: lambda layer: torch.nn.ReLU(inplace=True),
    nn.Swish: lambda layer: torch.nn.SiLU(inplace=True),
    nn.Dropout: lambda layer: torch.nn.Dropout(layer.rate),
    nn.GlobalAveragePool: lambda layer: _Mean(),
}
