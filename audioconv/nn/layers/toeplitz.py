"""The dense layer that a convolution is: its matrix, with zeros where nothing is connected and weights tied."""

import copy
from math import prod

import numpy as np

from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.layers.convolution import Dense, _Convolution
from audioconv.nn.layers.pooling import AveragePool1d, AveragePool2d, GlobalAveragePool
from audioconv.nn.layers.summary import described
from audioconv.nn.layers.transposed import _Transposed
from audioconv.nn.ops.geometry import Axis
from audioconv.nn.ops.tensor_view import shape3

MOST = 2**26  # entries of a matrix: beyond, somebody asks for it who does not mean it


def to_matrix(layer, input_shape):
    """Return the dense layer that gives what a convolution gives, from all of its input to all of its output.

    A convolution is a matrix product with an infinitely strong prior: most weights are zero, and the others are tied.

    Parameters
    ----------
    layer : convolution of any kind, or average pool
        Shared, grouped, depthwise, tiled, unshared or transposed weights, with any stride, dilation and padding.
    input_shape : tuple
        Of one clip: (time, channels) or (time, freq, channels).

    Returns
    -------
    dense : Dense
        dense.forward(x.reshape(len(x), -1)).reshape(y.shape) is y = layer.forward(x), but for the order of summation.
        Its weights, a copy, take prod(input_shape) * prod(output shape) numbers.

    Raises
    ------
    ArgumentError
        For a layer that is none of these; for instance because it is not linear.
    ShapeError
        If the shape does not fit the layer, or the matrix would have more than 2**26 entries.

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), sections 9.2 and 9.4.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> difference = nn.Conv1d(1, 1, 2, padding="valid", rng=np.random.default_rng(0))
    >>> difference.weight[:, 0, 0] = -1, 1
    >>> nn.to_matrix(difference, (4, 1)).weight.T
    array([[-1.,  1.,  0.,  0.],
           [ 0., -1.,  1.,  0.],
           [ 0.,  0., -1.,  1.]], dtype=float32)
    """
    pool = isinstance(layer, (AveragePool1d, AveragePool2d, GlobalAveragePool))
    if not pool and not isinstance(layer, _Convolution):
        raise ArgumentError(f"to_matrix takes a convolution or an average pool, not {type(layer).__name__}")
    if not all(isinstance(n, (int, np.integer)) and n > 0 for n in input_shape):
        raise ShapeError(f"input_shape must hold whole numbers from 1, not {input_shape!r}")
    output_shape, _ = described(layer, tuple(input_shape))
    if (entries := prod(input_shape) * prod(output_shape)) > MOST:
        raise ShapeError(
            f"the matrix from {tuple(input_shape)} to {output_shape} would have {entries:,} entries, more than {MOST:,}"
        )
    make = _pool_matrix if pool else _transposed_matrix if isinstance(layer, _Transposed) else _matrix
    matrix = make(layer, shape3(input_shape), shape3(output_shape))
    bias = None if pool else layer.bias
    dense = Dense(
        prod(input_shape), prod(output_shape), bias is not None, rng=np.random.default_rng(0), dtype=layer.dtype
    )
    dense.weight[:] = matrix.reshape(dense.weight.shape)
    if bias is not None:
        dense.bias[:] = np.tile(bias, prod(shape3(output_shape)[:2]))
    return dense


def connections(layer, input_shape):
    """Which weight each entry of the matrix of `to_matrix` is: int array (inputs, outputs), from 1; 0 is none.

    Parameters
    ----------
    layer : convolution of any kind
    input_shape : tuple, as for `to_matrix`
    """
    numbered = copy.deepcopy(layer)
    weight = np.arange(1.0, layer.weight.size + 1).reshape(layer.weight.shape)
    vars(numbered).update(dtype=weight.dtype, bias=None, weight=weight)
    return to_matrix(numbered, input_shape).weight.astype(np.int64)


def _meetings(axis, size, outputs):
    """All (place of the input, output, tile, tap) of an axis where a tap of an output lies inside the input: rows."""
    output, tap = np.divmod(np.arange(outputs * axis.taps), axis.taps)
    place = output * axis.stride + tap * axis.dilation - axis.padding[0]
    return np.stack((place, output, output % axis.tiles, tap))[:, (place >= 0) & (place < size)]


def _crossed(time, freq):
    """Each number of a meeting in time with each in frequency, ready to index with: four pairs."""
    return [(t[:, None], f[None, :]) for t, f in zip(time, freq, strict=True)]


def _blocks(layer):
    """Weights as (tiles, tiles, taps, taps, channels, filters), with zeros between groups and between channels."""
    geometry = layer.geometry
    time, freq = geometry.axes
    weight = layer.weight.reshape(time.tiles, freq.tiles, time.taps, freq.taps, -1, geometry.filters)
    if geometry.depthwise:
        return np.where(np.eye(geometry.filters, dtype=bool), weight, layer.dtype.type(0))  # a product: 0 * inf is NaN
    return _ungrouped(weight, geometry.groups)


def _ungrouped(weight, groups):
    """Weights (..., channels // groups, filters) as (..., channels, filters)."""
    *before, inner, filters = weight.shape
    blocks, own = np.zeros((*before, inner * groups, filters), weight.dtype), filters // groups
    for group in range(groups):
        columns = slice(group * own, (group + 1) * own)
        blocks[..., group * inner : (group + 1) * inner, columns] = weight[..., columns]
    return blocks


def _matrix(layer, inputs, outputs):
    matrix = np.zeros((*inputs, *outputs), layer.dtype)
    axes = layer.geometry.at(inputs).axes
    meetings = (_meetings(*each) for each in zip(axes, inputs, outputs, strict=False))
    place, output, tile, tap = _crossed(*meetings)
    matrix[place[0], place[1], :, output[0], output[1], :] = _blocks(layer)[(*tile, *tap)]
    return matrix


def _transposed_matrix(layer, inputs, outputs):
    matrix = np.zeros((*inputs, *outputs), layer.dtype)
    time, freq = axes = layer.geometry.axes
    place, met, _, tap = _crossed(*(_meetings(*each) for each in zip(axes, outputs, inputs, strict=False)))
    weight = layer.weight.reshape(time.taps, freq.taps, -1, layer.geometry.channels)
    weight = _ungrouped(weight, layer.geometry.groups)
    matrix[met[0], met[1], :, place[0], place[1], :] = weight[tap]
    return matrix


def _counted(met, axis, padding, size):
    """For each meeting how many elements of its window lie inside the input and its padding."""
    start = met[1] * axis.stride - padding[0]
    return np.minimum(start + axis.taps, size + padding[1]) - start


def _pool_matrix(layer, inputs, outputs):
    matrix = np.zeros((*inputs, *outputs), layer.dtype)
    if isinstance(layer, GlobalAveragePool):
        axes, padding = [Axis(size) for size in inputs[:2]], ((0, 0), (0, 0))
    else:
        axes, padding = layer.windows(*inputs[:2])
    meetings = [_meetings(*each) for each in zip(axes, inputs, outputs, strict=False)]
    counts = [np.bincount(met[1])[met[1]] for met in meetings]  # elements of the window inside the input
    if getattr(layer, "count_include_pad", False):
        counts = [_counted(*each) for each in zip(meetings, axes, padding, inputs, strict=False)]
    place, output, _, _ = _crossed(*meetings)
    shares = 1 / (counts[0][:, None] * counts[1][None, :])
    matrix[place[0], place[1], :, output[0], output[1], :] = shares[..., None, None] * np.eye(inputs[2])
    return matrix
