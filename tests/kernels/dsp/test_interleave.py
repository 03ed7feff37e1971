"""Channels out of frames and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audioconv.arrays import frozen
from audioconv.kernels.dsp.interleave import deinterleave, interleave


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1, 2, 3, 7, 8, 9, 17]),
    st.sampled_from([1, 2, 7, 8, 9, 40]),
    st.integers(-50, 50),
    st.sampled_from([1, 2, 7, 8, 9, 60]),
    st.sampled_from([np.float32, np.float64]),
)
def test_channels_are_taken_apart_with_zeros_around(channels, frames, first, count, dtype):
    x = np.arange(1, frames * channels + 1, dtype=dtype).reshape(frames, channels)
    planar = np.full(channels * count + 2, 7, dtype)
    deinterleave(frozen(x.reshape(-1)), channels, first, planar[1:-1])
    assert planar[0] == planar[-1] == 7
    padded = np.concatenate([np.zeros((150, channels)), x, np.zeros((150, channels))])
    expected = padded[150 + first : 150 + first + count]
    assert np.array_equal(planar[1:-1].reshape(channels, count), expected.T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 2, 3, 8, 17])
@pytest.mark.parametrize("count", [1, 7, 8, 9, 33])
def test_and_put_together_where_they_belong(dtype, channels, count):
    planar = np.arange(1, channels * count + 1, dtype=dtype)
    y = np.full((count + 5, channels), -1, dtype)
    interleave(frozen(planar), channels, 2, y[: count + 2].reshape(-1))
    assert np.array_equal(y[2 : count + 2], planar.reshape(channels, count).T)
    assert (y[:2] == -1).all()
    assert (y[count + 2 :] == -1).all()
