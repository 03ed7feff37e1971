"""Convolution along time, as a function and as a layer, and the dense layer, which is one with a single tap."""

from functools import lru_cache
from math import gcd

import numpy as np

from audioconv.arrays import floating, frozen, whole
from audioconv.errors import ArgumentError, ShapeError
from audioconv.kernels import conv as kernels
from audioconv.kernels import elementwise
from audioconv.nn.layer import SHARDS, Layer, view


def padding_of(padding, taps, dilation):
    """Return (left, right) for a padding: "same", "valid", "causal", an int, or (left, right)."""
    span = dilation * (taps - 1)
    named = {"same": (span // 2, span - span // 2), "valid": (0, 0), "causal": (span, 0)}
    if isinstance(padding, str):
        if padding not in named:
            raise ArgumentError(f"padding must be one of {', '.join(named)}, an int or (left, right), not {padding!r}")
        return named[padding]
    pair = padding if isinstance(padding, (tuple, list)) else (padding, padding)
    if len(pair) != 2:
        raise ArgumentError(f"padding must be an int or (left, right), not {padding!r}")
    return tuple(whole(p, "padding", 0) for p in pair)


def frame_count(time, span, stride, padding):
    """Output frames of a window of `span` steps of time; an error if the padded sequence is shorter."""
    rest = sum(padding) + time - span
    if rest < 0:
        raise ShapeError(f"{time} steps of time padded by {padding} are shorter than the filter, which spans {span}")
    return rest // stride + 1


def conv1d(x, weight, bias=None, *, stride=1, dilation=1, padding=0):
    """Correlate a batch of sequences with a bank of filters along time.

    Parameters
    ----------
    x : float array, shape (batch, time, in_channels)
    weight : float array, shape (taps, in_channels, out_channels)
    bias : float array, shape (out_channels,), optional
    stride, dilation : int >= 1, in steps of time
    padding : int, (left, right), "same", "valid" or "causal"; zeros, in steps of time

    Returns
    -------
    y : float array, shape (batch, frames, out_channels)
        frames = (left + time + right - dilation * (taps - 1) - 1) // stride + 1

    Raises
    ------
    ShapeError
        If channels differ, or the padded sequence is shorter than the dilated filter.

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), section 9.5.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> steps = np.array([0.0, 0.0, 1.0, 1.0, 3.0]).reshape(1, 5, 1)
    >>> difference = np.array([-1.0, 1.0]).reshape(2, 1, 1)
    >>> nn.conv1d(steps, difference)[0, :, 0]
    array([0., 1., 0., 2.])
    """
    x, weight = floating(x, "x", (3,)), floating(weight, "weight", (3,))
    stride, dilation = whole(stride, "stride"), whole(dilation, "dilation")
    taps, channels, width = weight.shape
    if taps < 1 or channels != x.shape[2]:
        raise ShapeError(
            f"weight must have shape (taps >= 1, {x.shape[2]}, out) to fit x {x.shape}, not {weight.shape}"
        )
    bias = np.zeros(width, weight.dtype) if bias is None else floating(bias, "bias", (1,))
    if bias.shape != (width,):
        raise ShapeError(f"bias must have shape ({width},), not {bias.shape}")
    dtype = np.result_type(x, weight, bias)
    arrays = (frozen(a, dtype) for a in (x, weight, bias))
    return _correlate(*arrays, stride, dilation, padding_of(padding, taps, dilation))


def pad(x, padding, fill, out):
    """Copy x to out, with steps of `fill` before and after; a read-only view of it."""
    elementwise.pad(view(x), view(np.array([fill], x.dtype)), padding[0], out)
    return view(out)


def _correlate(x, weight, bias, stride, dilation, padding):
    """`conv1d` on arrays in the kernels' form."""
    batch, time, channels = x.shape
    taps, _, width = weight.shape
    frames = frame_count(time, dilation * (taps - 1) + 1, stride, padding)
    if any(padding):
        x = pad(x, padding, 0, np.empty((batch, time + sum(padding), channels), x.dtype))
    y = np.empty((batch, frames, width), x.dtype)
    kernels.conv1d(frozen(x), weight, bias, y, 0, stride, dilation, 0, 1)
    return y


@lru_cache(maxsize=256)
def _gradient_phases(time, frames, taps, stride, dilation, left):
    """How the input gradient is made of forward convolutions: (left, right) padding of grad_y, dilation, phases.

    Row i of x met, as padded row i + left = t * stride + tap * dilation, the frames t of those taps that leave the
    same remainder modulo stride. So each remainder is a convolution of its own, of grad_y with those taps in reverse
    order, giving every stride-th row. A phase is (taps, first row, first frame); without taps its rows are zeros.
    """
    phases = []
    for first in range(min(stride, time)):
        chosen = [tap for tap in reversed(range(taps)) if (first + left - tap * dilation) % stride == 0]
        rows = -(-(time - first) // stride)
        begin = (first + left - chosen[0] * dilation) // stride if chosen else 0
        end = (first + left - chosen[-1] * dilation) // stride + rows if chosen else 0
        phases.append((chosen, first, begin, end))
    before = max([0] + [-begin for *_, begin, _ in phases])
    after = max([0] + [end - frames for *_, end in phases])
    placed = tuple((tuple(chosen), first, begin + before) for chosen, first, begin, _ in phases)
    return (before, after), dilation // gcd(stride, dilation), placed


class Conv1d(Layer):
    """A bank of filters along time, as `conv1d`.

    Parameters
    ----------
    channels, filters : int
        Channels of the input and of the output.
    taps : int
    stride, dilation, padding :
        As for `conv1d`.
    bias : bool
    rng : numpy Generator
        Draws the weights: normal, variance 2 / (taps * channels).
    dtype : float32 or float64

    References
    ----------
    He et al., Delving Deep into Rectifiers, ICCV 2015, section 2.2 (initial weights).
    """

    def __init__(
        self, channels, filters, taps, stride=1, dilation=1, padding="same", bias=True, *, rng, dtype=np.float32
    ):
        super().__init__(dtype)
        taps, self.stride, self.dilation = whole(taps, "taps"), whole(stride, "stride"), whole(dilation, "dilation")
        self.padding = padding_of(padding, taps, self.dilation)
        shape = (taps, whole(channels, "channels"), whole(filters, "filters"))
        self.weight = (rng.standard_normal(shape) * np.sqrt(2 / (taps * channels))).astype(dtype)
        self.bias = np.zeros(filters, dtype) if bias else None
        self._zeros = frozen(np.zeros(max(channels, filters), dtype))
        self._grad_weight = np.zeros_like(self.weight)
        self._grad_bias = np.zeros(filters, dtype)
        self._input_gradient = True

    def parameters(self):
        return {"weight": self.weight} | ({} if self.bias is None else {"bias": self.bias})

    def gradients(self):
        return {"weight": self._grad_weight} | ({} if self.bias is None else {"bias": self._grad_bias})

    def inference(self, scale=1, shift=0, relu=False):
        """As for every layer; what follows the convolution, scale * y + shift and then ReLU, is folded into it."""
        bias = shift if self.bias is None else self.bias * scale + shift
        weight = frozen(np.array(self.weight * scale, self.dtype))
        bias = frozen(np.zeros(self.weight.shape[2], self.dtype) + bias, self.dtype)

        def apply(x):
            y = _correlate(self._checked(x), weight, bias, self.stride, self.dilation, self.padding)
            if relu:
                elementwise.relu(view(y).reshape(-1), y.reshape(-1))
            return y

        return apply

    def _checked(self, x):
        if x.shape[2] != self.weight.shape[1]:
            raise ShapeError(f"the convolution takes {self.weight.shape[1]} channels, not {x.shape[2]} (x {x.shape})")
        return x

    def _begin(self):
        taps, channels, filters = self.weight.shape
        self._weight = frozen(self.weight)
        self._bias = self._zeros[:filters] if self.bias is None else frozen(self.bias)
        self._partial_weight = self._buffer(None, "partial", (SHARDS * taps, channels, filters))
        self._partial_bias = np.zeros((SHARDS, 2, filters))
        self._flipped = {}

    def _want_input_gradient(self, wanted):
        self._input_gradient = wanted

    def _forward(self, part, x):
        batch, time, channels = self._checked(x).shape
        taps, _, filters = self.weight.shape
        frames = frame_count(time, self.dilation * (taps - 1) + 1, self.stride, self.padding)
        if any(self.padding):
            x = pad(x, self.padding, 0, self._buffer(part, "x", (batch, time + sum(self.padding), channels)))
        self._saved[part.key] = view(x), time, frames
        y = self._buffer(part, "y", (batch, frames, filters))
        kernels.conv1d(view(x), self._weight, self._bias, y, 0, self.stride, self.dilation, 0, 1)
        return y

    def _backward(self, part, grad_y):
        x, time, frames = self._saved[part.key]
        taps, _, filters = self.weight.shape
        if grad_y.shape[1:] != (frames, filters):
            raise ShapeError(f"grad_y must have shape (batch, {frames}, {filters}), not {grad_y.shape}")
        reading = view(grad_y)
        zeros = self._zeros[:filters]
        partial = self._partial_weight[part.shards.start * taps : part.shards.stop * taps]
        kernels.conv1d_weight_gradient(x, reading, zeros, partial, part.bounds, self.stride, self.dilation)
        if self.bias is not None:
            elementwise.channel_sums(reading, part.bounds, self._partial_bias[part.shards])
        return self._gradient_of_input(part, grad_y, time, frames) if self._input_gradient else None

    def _gradient_of_input(self, part, grad_y, time, frames):
        taps, channels, filters = self.weight.shape
        reading = view(grad_y)
        grad_x = self._buffer(part, "grad_x", (len(grad_y), time, channels))
        padding, dilation, phases = _gradient_phases(time, frames, taps, self.stride, self.dilation, self.padding[0])
        if any(padding):
            padded = self._buffer(part, "grad_y", (len(grad_y), frames + sum(padding), filters))
            reading = pad(grad_y, padding, 0, padded)
        for chosen, first, start in phases:
            if chosen:
                weight = self._flip(chosen)
                zeros = self._zeros[:channels]
                kernels.conv1d(reading, weight, zeros, grad_x, start, 1, dilation, first, self.stride)
            else:
                grad_x[:, first :: self.stride] = 0
        return grad_x

    def _flip(self, taps):
        """The weights of these taps with input and output exchanged; made by whichever thread needs them first."""
        if taps not in self._flipped:
            self._flipped[taps] = frozen(np.ascontiguousarray(self.weight[list(taps)].transpose(0, 2, 1)))
        return self._flipped[taps]

    def _finish(self):
        elementwise.add_partials(view(self._partial_weight).reshape(SHARDS, -1), self._grad_weight.reshape(-1))
        self._grad_bias[:] = self._partial_bias[:, 0].sum(axis=0)
        self._partial_weight, self._flipped = None, {}


class Dense(Layer):
    """A linear map of the channels: y = x @ weight + bias, x (batch, channels).

    Parameters
    ----------
    channels, units : int
    bias : bool
    rng : numpy Generator
        Draws the weights: normal, variance 1 / channels.
    dtype : float32 or float64
    """

    dims = (2,)

    def __init__(self, channels, units, bias=True, *, rng, dtype=np.float32):
        super().__init__(dtype)
        self._conv = Conv1d(channels, units, 1, bias=bias, rng=rng, dtype=dtype)
        self._conv.weight *= np.sqrt(0.5)

    def parameters(self):
        return {name: array[0] if name == "weight" else array for name, array in self._conv.parameters().items()}

    def gradients(self):
        return {name: array[0] if name == "weight" else array for name, array in self._conv.gradients().items()}

    def inference(self):
        apply = self._conv.inference()
        return lambda x: apply(x[:, None])[:, 0]

    def _begin(self):
        self._conv._begin()

    def _finish(self):
        self._conv._finish()

    def _forward(self, part, x):
        return self._conv._forward(part, x[:, None])[:, 0]

    def _backward(self, part, grad_y):
        return self._conv._backward(part, grad_y[:, None])[:, 0]
