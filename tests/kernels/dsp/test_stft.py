"""Kernels of the short-time transform: against the sum that defines a frame, and nothing written beside the outputs."""

import numpy as np
import pytest

from audioconv.arrays import aligned, frozen
from audioconv.kernels.dsp._fft import plan_real
from audioconv.kernels.dsp.stft import backward, forward, scratch_size
from tests import naive
from tests.compare import assert_close
from tests.signals import noise

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
TOLERANCE = {np.float32: 2e-6, np.float64: 5e-15}
WINDOWS = [(1, 8), (7, 8), (8, 8), (8, 12), (9, 12), (9, 16), (255, 256), (256, 256), (100, 192)]  # and transforms
AROUND = 7  # what stands around outputs: nobody may change it
EDGE = 64


def framed(size, dtype, inside):
    """An array with an edge on both sides, and its inner part, which begins anywhere."""
    whole = np.full(size + 2 * EDGE + 1, AROUND, dtype)
    inner = whole[EDGE + 1 : EDGE + 1 + size]
    inner[:] = inside
    return whole, inner


def assert_edges(whole):
    assert np.all(whole[: EDGE + 1] == AROUND)
    assert np.all(whole[-EDGE:] == AROUND)


def tools(window, size):
    """Window, middle, plan and a work space of NaN: whatever is read of it before it is written spoils the result."""
    scratch = aligned(scratch_size(size), window.dtype)
    scratch[:] = np.nan
    return frozen(window), len(window) // 2, *plan_real(size, window.dtype.name), scratch


def hops(taps):
    return sorted({1, max(1, taps // 4), taps, taps + 5}) if taps < 100 else [taps // 4, taps, taps + 5]


@DTYPES
@pytest.mark.parametrize(("taps", "size"), WINDOWS)
@pytest.mark.parametrize("frames", [0, 1, 3])
def test_forward_is_the_sum_that_defines_it(dtype, taps, size, frames):
    window = noise(taps, dtype, 1) + dtype(3)
    for hop in hops(taps):
        x = noise(max(frames - 1, 0) * hop + taps, dtype, 2)
        whole, out = framed(frames * (size + 2), dtype, np.nan)
        forward(frozen(x), hop, *tools(window, size), out)
        assert_edges(whole)
        pairs = out.reshape(frames, size // 2 + 1, 2)
        assert_close(pairs[..., 0] + 1j * pairs[..., 1], naive.stft(x, window, hop, size)[:frames], TOLERANCE[dtype])
        assert not pairs[:, [0, -1], 1].any()  # of real signals the outermost bins are real


@DTYPES
@pytest.mark.parametrize(("taps", "size"), WINDOWS)
@pytest.mark.parametrize("frames", [0, 1, 3])
def test_backward_adds_what_the_sum_the_other_way_gives(dtype, taps, size, frames):
    window = noise(taps, dtype, 1) + dtype(3)
    for hop in hops(taps):
        pairs = noise((frames, size // 2 + 1, 2), dtype, 3)
        length = max(frames - 1, 0) * hop + taps
        before = noise(length, dtype, 4)
        whole, y = framed(length, dtype, before)
        backward(frozen(pairs.reshape(-1)), hop, *tools(window, size), y)
        assert_edges(whole)
        pairs = pairs.astype(np.float64)
        spectra = pairs[..., 0] + 1j * pairs[..., 1]
        spectra.imag[:, [0, -1]] = 0  # these have no part in a real signal
        expected = before + naive.istft(spectra, window, hop)
        assert_close(y, expected, TOLERANCE[dtype])
        gaps = np.ones(length, bool)
        for f in range(frames):
            gaps[f * hop : f * hop + taps] = False
        assert np.array_equal(y[gaps], before[gaps])  # between frames that a long hop keeps apart nothing is added


@DTYPES
def test_a_sample_that_is_not_finite_stays_in_its_frames(dtype):
    window, x = noise(9, dtype, 1), noise(40, dtype)
    whole, out = framed(4 * 18, dtype, 0)
    clean = out.copy()
    forward(frozen(x), 10, *tools(window, 16), clean)
    x[[20, 29]] = np.nan, np.inf  # sample 29 is between two frames
    forward(frozen(x), 10, *tools(window, 16), out)
    assert_edges(whole)
    ours, wanted = out.reshape(4, 18), clean.reshape(4, 18)
    assert np.array_equal(ours[[0, 1, 3]], wanted[[0, 1, 3]])
    assert np.isnan(ours[2, ::2]).all()
