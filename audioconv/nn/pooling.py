"""Maximum and average over windows of time, and the average over all of it."""

import numpy as np

from audioconv.arrays import whole
from audioconv.errors import ShapeError
from audioconv.kernels import pool as kernels
from audioconv.nn.convolution import frame_count, pad, padding_of
from audioconv.nn.layer import Layer, view


class _Pool1d(Layer):
    """Windows of `size` steps, every `stride` (default: `size`); padding as for `conv1d`.

    Parameters
    ----------
    size : int
    stride : int, optional
    padding : int, (left, right), "same", "valid" or "causal"
        At most size - 1 a side, so that every window meets the input.
    dtype : float32 or float64
    """

    _fill = 0

    def __init__(self, size, stride=None, padding="valid", *, dtype=np.float32):
        super().__init__(dtype)
        self.size = whole(size, "size")
        self.stride = self.size if stride is None else whole(stride, "stride")
        self.padding = padding_of(padding, self.size, 1)
        if max(self.padding) >= self.size:
            raise ShapeError(f"padding {self.padding} must be below the size {self.size} of the window")

    def inference(self):
        return lambda x: self._pool(*self._padded(x))

    def _padded(self, x):
        batch, time, channels = x.shape
        frames = frame_count(time, self.size, self.stride, self.padding)
        if any(self.padding):
            x = pad(x, self.padding, self._fill, np.empty((batch, time + sum(self.padding), channels), x.dtype))
        return view(x), np.empty((batch, frames, channels), x.dtype)

    def _forward(self, part, x):
        padded, y = self._padded(x)
        self._saved[part.key] = padded, view(self._pool(padded, y)), x.shape[1]
        return y

    def _backward(self, part, grad_y):
        padded, y, time = self._saved[part.key]
        if grad_y.shape != y.shape:
            raise ShapeError(f"grad_y must have shape {y.shape}, not {grad_y.shape}")
        grad_x = np.zeros(padded.shape, padded.dtype)
        self._gradient(padded, y, view(grad_y), grad_x)
        left = self.padding[0]
        return np.ascontiguousarray(grad_x[:, left : left + time])


class MaxPool1d(_Pool1d):
    __doc__ = f"The largest value; minus infinity pads, NaN stays NaN. {_Pool1d.__doc__}"
    _fill = -np.inf

    def _pool(self, x, y):
        kernels.max_pool(x, y, self.size, self.stride)
        return y

    def _gradient(self, x, y, grad_y, grad_x):
        kernels.max_pool_gradient(x, y, grad_y, grad_x, self.size, self.stride)


class AveragePool1d(_Pool1d):
    __doc__ = f"The mean of those elements of the window that lie inside the input. {_Pool1d.__doc__}"

    def _counts(self, x, frames):
        begin = np.arange(frames) * self.stride
        left, time = self.padding[0], x.shape[1] - sum(self.padding)
        inside = np.minimum(begin + self.size, left + time) - np.maximum(begin, left)
        return view(np.maximum(inside, 1).astype(x.dtype))

    def _pool(self, x, y):
        kernels.average_pool(x, self._counts(x, y.shape[1]), y, self.size, self.stride)
        return y

    def _gradient(self, x, y, grad_y, grad_x):
        kernels.average_pool_gradient(grad_y, self._counts(x, y.shape[1]), grad_x, self.size, self.stride)


class GlobalAveragePool(Layer):
    """The mean over all of time: (batch, time, channels) to (batch, channels)."""

    def inference(self):
        return self._mean

    def _mean(self, x):
        batch, time, channels = x.shape
        if not time:
            raise ShapeError(f"there is no mean over no time (x {x.shape})")
        y = np.empty((batch, 1, channels), x.dtype)
        kernels.average_pool(view(x), view(np.full(1, time, x.dtype)), y, time, 1)
        return y[:, 0]

    def _forward(self, part, x):
        self._saved[part.key] = x.shape
        return self._mean(x)

    def _backward(self, part, grad_y):
        shape = self._saved[part.key]
        if grad_y.shape != (shape[0], shape[2]):
            raise ShapeError(f"grad_y must have shape {(shape[0], shape[2])}, not {grad_y.shape}")
        grad_x = self._buffer(part, "grad_x", shape)
        grad_x[:] = (grad_y / grad_y.dtype.type(shape[1]))[:, None]
        return grad_x
