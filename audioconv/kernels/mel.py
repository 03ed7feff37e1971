"""Log-mel frames of one signal: window, real transform, power, triangular bands, logarithm, frame by frame."""

import numpy as np

from audioconv.kernels._jit import kernel
from audioconv.kernels.fft import rfft
from audioconv.kernels.passes import POINTS, work_size
from audioconv.kernels.simd import at, fma, lanes, load, store
from audioconv.kernels.views import reading


def scratch_size(size):
    """Elements of the work space for transforms of `size` samples: frame, spectrum, power, and the transform's own."""
    return 3 * size + work_size(size)


@kernel
def _windowed(x, start, window, frame):
    """frame = x[start : start + window.size] * window, then zeros to the end."""
    size, width = window.size, lanes(x)
    vectors = size - size % width
    for j in range(0, vectors, width):
        store(frame, j, load(x, start + j) * load(window, j))
    for j in range(vectors, size):
        frame[j] = at(x, start + j) * at(window, j)
    frame[size:] = 0


@kernel
def _power(spectrum, power):
    """Squared magnitudes of bins 0 ... n/2 from the packed spectrum of rfft."""
    half = spectrum.size // 2
    for k in range(0, half, lanes(spectrum)):
        r, i = load(spectrum, k), load(spectrum, half + k)
        store(power, k, fma(r, r, i * i))
    power[0] = at(spectrum, 0) * at(spectrum, 0)
    power[half] = at(spectrum, half) * at(spectrum, half)


@kernel
def mel_frames(x, hop, window, bands, weights, offset, header, table, scratch, out):
    """out[f, b] = sum over bins of weights * |rfft(x[f * hop :] * window)|^2, as log(. + offset[0]) if offset has one.

    Band b holds bins bands[b, 0] ... bands[b, 1] - 1 and weights from bands[b, 2] on. header, table: `fft.plan_real` of
    n samples; scratch has `scratch_size(n)` elements.
    """
    size = 2 * header[POINTS]
    frame, spectrum, power, work = (
        scratch[:size],
        scratch[size : 2 * size],
        scratch[2 * size : 3 * size],
        scratch[3 * size :],
    )
    for f in range(out.shape[0]):
        _windowed(x, f * hop, window, frame)
        rfft(reading(frame), spectrum, work, header, table)
        _power(spectrum, power)
        for b in range(bands.shape[0]):
            total = weights.dtype.type(0)
            place = bands[b, 2] - bands[b, 0]
            for k in range(bands[b, 0], bands[b, 1]):
                total = fma(at(power, k), at(weights, place + k), total)
            out[f, b] = np.log(total + offset[0]) if offset.size else total
