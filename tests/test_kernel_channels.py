"""Channels out of frames and back."""

import numpy as np
import pytest

from audioconv.arrays import frozen
from audioconv.kernels.channels import put, take


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_channel_is_taken_with_zeros_around_and_put_back(dtype):
    x = np.arange(1, 22, dtype=dtype).reshape(7, 3)
    for channel in range(3):
        samples = np.full(11, np.nan, dtype)
        take(frozen(x.reshape(-1)), 3, channel, -2, samples)
        assert np.array_equal(samples, np.concatenate([[0, 0], x[:, channel], [0, 0]]))
        y = np.full((9, 3), -1, dtype)
        put(frozen(samples[2:9]), y.reshape(-1), 3, channel, 1)
        assert np.array_equal(y[1:8, channel], x[:, channel])
        assert (np.delete(y, channel, axis=1) == -1).all()
        assert (y[[0, 8]] == -1).all()
