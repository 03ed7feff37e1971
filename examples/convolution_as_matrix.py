"""The dense layer that a convolution is
=====================================

A convolution, the matrix that it is, and how few of its numbers are free::

    python examples/convolution_as_matrix.py
"""

import numpy as np

from audioconv import nn

signal = np.array([0, 0, 1, 1, 3, 3, 3, 0], np.float32).reshape(1, 8, 1)
difference = nn.Conv1d(1, 1, kernel_size=2, padding="valid", rng=np.random.default_rng(0))
difference.weight[:, 0, 0] = -1, 1

dense = nn.to_matrix(difference, input_shape=(8, 1))
print("the convolution says", difference.forward(signal).ravel())
print("the dense layer says", dense.forward(signal.reshape(1, 8)).ravel())
free, used = difference.weight.size, np.count_nonzero(dense.weight)
print(f"of its {dense.weight.size} weights {used} are not zero, and {free} of those are free:")
print(dense.weight.T)
