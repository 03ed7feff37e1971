"""Log-mel spectrograms of signals: window, real FFT, power spectrum, triangular mel filters, logarithm, by frames."""

from audioconv.kernels._jit import kernel
from audioconv.kernels._layout import layout
from audioconv.kernels.dsp._fft import rfft
from audioconv.kernels.dsp.passes import PLAN, work_size
from audioconv.kernels.simd.vector import at, fma, lanes, load, splat, store, zero
from audioconv.kernels.simd.vector_math import lane_sum, log, masked_load, masked_store
from audioconv.kernels.simd.views import read_only_view

# A mel filter: its first bin, its number of weights (filled up with zeros to a multiple of MAX_LANES), and where these
# begin.
MEL_FILTER = layout("MEL_FILTER", "first_bin", "size", "weights")


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
def mel_frames(sounds, hops, pitches, window, bands, weights, offset, header, table, scratch, out):
    """out[r, f, b] = sum of weights * |rfft(sounds[r, f * hops[r] :] * window)|^2 over a band, as log(. + offset[0]).

    Without an offset there is no logarithm. Row pitches[r] * mels + b of `bands` is the `MEL_FILTER` of band b; weights
    are 0 beyond the last bin. header, table: `fft.plan_real` of n samples; scratch has `scratch_size(n)` elements.
    """
    size, mels, width = 2 * header[PLAN.points], out.shape[2], lanes(sounds)
    frame, spectrum, power, work = (
        scratch[:size],
        scratch[size : 2 * size],
        scratch[2 * size : 3 * size],
        scratch[3 * size :],
    )
    power[size // 2 + 1 :] = 0  # bins beyond the last one, which padding weights of 0 multiply
    for r in range(out.shape[0]):
        for f in range(out.shape[1]):
            _windowed(sounds, r * sounds.shape[1] + f * hops[r], window, frame)
            rfft(read_only_view(frame), spectrum, work, header, table)
            _power(spectrum, power)
            for b in range(mels):
                band = pitches[r] * mels + b
                first, place = bands[band, MEL_FILTER.first_bin], bands[band, MEL_FILTER.weights]
                total = zero(power)
                for k in range(0, bands[band, MEL_FILTER.size], width):
                    total = fma(load(power, first + k), load(weights, place + k), total)
                out[r, f, b] = lane_sum(total)
            if offset.size:
                row = (r * out.shape[1] + f) * mels
                for b in range(0, mels, width):
                    masked_store(
                        out, row + b, log(masked_load(out, row + b, mels - b) + splat(out, offset[0])), mels - b
                    )
