"""The matrix that a convolution is (Toeplitz: weights tied along diagonals, zeros where nothing is connected)."""

import copy
from collections.abc import Iterable
from math import prod
from typing import TypeAlias

import numpy as np

from audioconv._typing import Array, IntArray
from audioconv.errors import ArgumentError, ShapeError
from audioconv.nn.layers.base import Layer
from audioconv.nn.layers.convolution import Convolution
from audioconv.nn.layers.dense import Dense
from audioconv.nn.layers.pooling import AveragePool, GlobalAveragePool
from audioconv.nn.layers.summary import described
from audioconv.nn.layers.transposed import TransposedConvolution
from audioconv.nn.ops.geometry import Axis
from audioconv.nn.ops.tensor_view import shape3

Shape3: TypeAlias = tuple[int, int, int]

MOST_ENTRIES = 2**26  # of a matrix; a larger one is probably a mistake


def to_matrix(layer: Layer, input_shape: tuple[int, ...]) -> Dense:
    """Return a convolution as a matrix: the dense layer from all of its input to all of its output.

    Along time the matrix is a Toeplitz matrix, along time and frequency a doubly blocked one. A convolution is a matrix
    product with an infinitely strong prior: most weights are zero, and the others are tied.

    Parameters
    ----------
    layer : convolution of any kind, or average pool
        Shared, grouped, depthwise, tiled, unshared or transposed weights, with any stride, dilation and padding.
    input_shape : tuple of int
        Of one clip: (time, channels) or (time, freq, channels).

    Returns
    -------
    dense : Dense
        dense.forward(x.reshape(len(x), -1)).reshape(y.shape) is y = layer.forward(x), but for the order of summation.
        The matrix is dense.weight, a copy, of prod(input_shape) rows and prod(output shape) columns.

    Raises
    ------
    ArgumentError
        For a layer that is none of these; for instance because it is not linear.
    ShapeError
        If the shape does not fit the layer, or the matrix would have more than 2**26 entries.

    References
    ----------
    Goodfellow, Bengio, Courville, Deep Learning (2016), sections 9.1, 9.2 and 9.4.

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
    if not isinstance(layer, (Convolution, AveragePool, GlobalAveragePool)):
        raise ArgumentError(f"to_matrix takes a convolution or an average pool, not {type(layer).__name__}")
    if not all(isinstance(n, (int, np.integer)) and n > 0 for n in input_shape):
        raise ShapeError(f"input_shape must hold whole numbers from 1, not {input_shape!r}")
    output_shape, _ = described(layer, tuple(input_shape))
    size, outputs = prod(input_shape), prod(output_shape)
    if (entries := size * outputs) > MOST_ENTRIES:
        raise ShapeError(
            f"the matrix from {tuple(input_shape)} to {output_shape} would have {entries:,} entries, "
            f"more than {MOST_ENTRIES:,}"
        )
    shapes = shape3(input_shape), shape3(output_shape)
    if isinstance(layer, TransposedConvolution):
        matrix = _transposed_matrix(layer, *shapes)
    else:
        matrix = _matrix(layer, *shapes) if isinstance(layer, Convolution) else _pool_matrix(layer, *shapes)
    bias = layer.bias if isinstance(layer, Convolution) else None
    dense = Dense(size, outputs, bias is not None, rng=np.random.default_rng(0), dtype=layer.dtype)
    dense.weight[:] = matrix.reshape(dense.weight.shape)
    if bias is not None:
        dense.bias = np.tile(bias, prod(shapes[1][:2]))
    return dense


def connections(layer: Convolution, input_shape: tuple[int, ...]) -> IntArray:
    """Return which weight each entry of the matrix of `to_matrix` is.

    Parameters
    ----------
    layer : convolution of any kind
        As for `to_matrix`.
    input_shape : tuple of int
        As for `to_matrix`.

    Returns
    -------
    numbers : int array, shape (inputs, outputs)
        Weights are numbered from 1; 0 is none.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> difference = nn.Conv1d(1, 1, 2, padding="valid", rng=np.random.default_rng(0))
    >>> nn.connections(difference, (3, 1)).T
    array([[1, 2, 0],
           [0, 1, 2]])
    """
    numbered = copy.deepcopy(layer)
    weight = np.arange(1.0, layer.weight.size + 1).reshape(layer.weight.shape)
    vars(numbered).update(dtype=weight.dtype, bias=None, weight=weight)
    return to_matrix(numbered, input_shape).weight.astype(np.int64)


def _entries(axis: Axis, size: int, outputs: int) -> IntArray:
    """All (input, output, tile, tap) of an axis where a tap of an output lies inside the input: four rows."""
    output, tap = np.divmod(np.arange(outputs * axis.taps), axis.taps)
    inputs = output * axis.stride + tap * axis.dilation - axis.sides[0]
    return np.stack((inputs, output, output % axis.tiles, tap))[:, (inputs >= 0) & (inputs < size)]


def _by_axes(axes: Iterable[Axis], sizes: Shape3, outputs: Shape3) -> list[IntArray]:
    """`_entries` of time and of frequency."""
    return [_entries(*each) for each in zip(axes, sizes, outputs, strict=False)]


def _crossed(entries: list[IntArray]) -> list[tuple[Array, Array]]:
    """Each index along time with each along frequency, ready to index with: four pairs."""
    return [(t[:, None], f[None, :]) for t, f in zip(*entries, strict=True)]


def _full_weights(layer: Convolution) -> Array:
    """Weights as (tiles, tiles, taps, taps, channels, filters), with zeros between groups and between channels."""
    geometry = layer.geometry
    time, freq = geometry.axes
    weight = layer.weight.reshape(time.tiles, freq.tiles, time.taps, freq.taps, -1, geometry.filters)
    if geometry.depthwise:
        return np.where(np.eye(geometry.filters, dtype=bool), weight, layer.dtype.type(0))  # a product: 0 * inf is NaN
    return _block_diagonal(weight, geometry.groups)


def _block_diagonal(weight: Array, groups: int) -> Array:
    """Weights (..., channels // groups, filters) as (..., channels, filters)."""
    *before, inner, filters = weight.shape
    blocks, own = np.zeros((*before, inner * groups, filters), weight.dtype), filters // groups
    for group in range(groups):
        columns = slice(group * own, (group + 1) * own)
        blocks[..., group * inner : (group + 1) * inner, columns] = weight[..., columns]
    return blocks


def _matrix(layer: Convolution, inputs: Shape3, outputs: Shape3) -> Array:
    matrix = np.zeros((*inputs, *outputs), layer.dtype)
    into, output, tile, tap = _crossed(_by_axes(layer.geometry.at(inputs).axes, inputs, outputs))
    matrix[into[0], into[1], :, output[0], output[1], :] = _full_weights(layer)[(*tile, *tap)]
    return matrix


def _transposed_matrix(layer: TransposedConvolution, inputs: Shape3, outputs: Shape3) -> Array:
    """Of the convolution from the outputs to the inputs, transposed."""
    matrix = np.zeros((*inputs, *outputs), layer.dtype)
    time, freq = axes = layer.geometry.axes
    output, into, _, tap = _crossed(_by_axes(axes, outputs, inputs))
    weight = layer.weight.reshape(time.taps, freq.taps, -1, layer.geometry.channels)
    weight = _block_diagonal(weight, layer.geometry.groups)
    matrix[into[0], into[1], :, output[0], output[1], :] = weight[tap]
    return matrix


def _counted(entries: IntArray, axis: Axis, padding: tuple[int, int], size: int) -> IntArray:
    """For each entry how many elements of its window lie inside the input and its padding."""
    start = entries[1] * axis.stride - padding[0]
    counted: IntArray = np.minimum(start + axis.taps, size + padding[1]) - start
    return counted


def _pool_matrix(layer: AveragePool | GlobalAveragePool, inputs: Shape3, outputs: Shape3) -> Array:
    matrix = np.zeros((*inputs, *outputs), layer.dtype)
    if isinstance(layer, GlobalAveragePool):
        axes, padding = [Axis(size) for size in inputs[:2]], ((0, 0), (0, 0))
    else:
        axes, padding = layer._windows(*inputs[:2])
    entries = _by_axes(axes, inputs, outputs)
    counts = [np.bincount(each[1])[each[1]] for each in entries]  # elements of the window inside the input
    if getattr(layer, "count_include_pad", False):
        counts = [_counted(*each) for each in zip(entries, axes, padding, inputs, strict=False)]
    into, output, _, _ = _crossed(entries)
    shares = 1 / (counts[0][:, None] * counts[1][None, :])
    matrix[into[0], into[1], :, output[0], output[1], :] = shares[..., None, None] * np.eye(inputs[2])
    return matrix
