"""Targets of class indices (one-hot), and the probabilities of logits (softmax)."""

import numpy as np

from audioconv._typing import Array, ArrayLike, DTypeLike
from audioconv.arrays import floating, whole
from audioconv.errors import ArgumentError, DtypeError


def one_hot(classes: ArrayLike, count: int, dtype: DTypeLike = np.float32) -> Array:
    """Return targets for class indices.

    Parameters
    ----------
    classes : int array, shape (batch,)
        Class indices from 0.
    count : int
        Of all classes.
    dtype : dtype
        Of the targets.

    Returns
    -------
    targets : array, shape (batch, count)
        With a one in each row.

    Raises
    ------
    ArgumentError, DtypeError
        For indices that are not whole numbers, negative, or not below `count`.

    Examples
    --------
    >>> from audioconv import nn
    >>> nn.one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    count, indices = whole(count, "count"), np.asarray(classes)
    if indices.dtype.kind not in "iub" and indices.size:
        raise DtypeError(f"classes must be whole numbers, not {indices.dtype}")
    if indices.size and not 0 <= indices.min() <= indices.max() < count:
        raise ArgumentError(f"classes must be from 0 to {count - 1}, and go from {indices.min()} to {indices.max()}")
    targets: Array = np.eye(count, dtype=dtype)[indices.astype(int)]
    return targets


def softmax(logits: ArrayLike) -> Array:
    """Return exp(logits) over the last axis, divided by its sum; computed in float64.

    Parameters
    ----------
    logits : float array, shape (..., classes)

    Returns
    -------
    probabilities : float array, shape (..., classes)
        In the dtype of the logits.

    Raises
    ------
    DtypeError
        For logits that are no floats.

    Examples
    --------
    >>> import numpy as np
    >>> from audioconv import nn
    >>> nn.softmax(np.log([1.0, 3.0])).round(2)
    array([0.25, 0.75])
    """
    logits = floating(logits, "logits")
    exponentials = np.exp(logits - np.max(logits, axis=-1, keepdims=True, initial=-np.inf), dtype=np.float64)
    probabilities: Array = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities.astype(logits.dtype)
