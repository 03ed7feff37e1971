"""Warped frequencies: each band is read a little higher or lower, between bands by interpolation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audioconv.detect.training import warp_bands


@given(
    shape=st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 9)),
    factor=st.floats(0.8, 1.25),
    seed=st.integers(0, 99),
)
def test_bands_are_read_at_a_multiple(shape, factor, seed):
    frames = np.random.default_rng(seed).standard_normal(shape, np.float32)
    warped = warp_bands(frames, np.full(shape[0], factor))
    for stretch, original in zip(warped, frames, strict=True):
        for frame, bands in zip(stretch, original, strict=True):
            wanted = np.interp(factor * np.arange(shape[2]), np.arange(shape[2]), bands)
            np.testing.assert_allclose(frame, wanted, atol=1e-5)


def test_each_stretch_has_its_own_factor():
    ramp = np.tile(np.arange(8, dtype=np.float32), (2, 3, 1))
    high, low = warp_bands(ramp, np.array([1.25, 0.8]))
    assert high[0, 4] == pytest.approx(5)
    assert low[0, 5] == pytest.approx(4)
