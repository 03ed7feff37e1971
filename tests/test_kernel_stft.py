"""Short-time spectra of the kernels against the definition, and the way back."""

import numpy as np
import pytest

from audioconv.arrays import aligned, frozen
from audioconv.kernels import fft
from audioconv.kernels import stft as kernels
from audioconv.kernels._jit import JIT_ENABLED
from tests import naive
from tests.compare import assert_close

CLOSE = {np.float32: 1e-6, np.float64: 1e-14}
CASES = [(8, 8, 3), (7, 8, 2), (9, 16, 9), (1, 8, 1), (5, 24, 8), (16, 16, 20)]
CASES += [(255, 256, 64), (256, 384, 100), (400, 512, 160)] if JIT_ENABLED else [(30, 48, 12)]


def tools(window, size, dtype):
    scratch = aligned(kernels.scratch_size(size), dtype)
    scratch[:] = np.nan
    return frozen(window, dtype), len(window) // 2, *fft.plan_real(size, np.dtype(dtype).name), scratch


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("count", "size", "hop"), CASES)
def test_frames_are_what_defines_them_and_come_back(count, size, hop, dtype):
    rng, frames = np.random.default_rng(0), 3
    window = rng.uniform(0.5, 1, count)
    x = rng.standard_normal((frames - 1) * hop + count).astype(dtype)
    around = np.full(frames * (size + 2) + 16, 7, dtype)
    out = around[8:-8]
    kernels.forward(frozen(x), hop, *tools(window, size, dtype), out)
    pairs = {np.float32: np.complex64, np.float64: np.complex128}[dtype]
    spectra = out.copy().view(pairs).reshape(frames, -1)
    shifted = np.concatenate((np.zeros(hop), x))  # so that the middle of frame 0 is at a multiple of the hop
    lead = -(-(count // 2) // hop) * hop - count // 2
    expected = naive.stft(np.concatenate((np.zeros(lead), shifted[hop:])), frozen(window, dtype), hop, size,
                          (lead + count // 2) // hop, frames)  # fmt: skip
    assert_close(spectra, expected, CLOSE[dtype])
    assert np.all(around[:8] == 7)
    assert np.all(around[-8:] == 7)

    dual = rng.uniform(0.5, 1, count)
    y = np.full(x.size + 16, 7, dtype)
    y[8:-8] = 0
    kernels.backward(frozen(out), hop, *tools(dual, size, dtype), y[8:-8])
    total = np.zeros(x.size)
    for f in range(frames):
        total[f * hop : f * hop + count] += x[f * hop : f * hop + count].astype(float) * window * dual
    assert_close(y[8:-8], total, CLOSE[dtype])
    assert np.all(y[:8] == 7)
    assert np.all(y[-8:] == 7)


def test_no_frames_write_nothing():
    out = np.full(4, 7, np.float32)
    kernels.forward(frozen(np.ones(4, np.float32)), 4, *tools(np.ones(8), 8, np.float32), out[2:2])
    kernels.backward(frozen(out[:0]), 4, *tools(np.ones(8), 8, np.float32), out)
    assert np.all(out == 7)
