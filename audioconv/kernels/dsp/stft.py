"""Short-time Fourier transform (STFT) of one signal and its inverse: window, real FFT, overlap-add of frames.

The middle of the window is time 0 of its frame (zero phase): a frame is rotated so that the sample there comes first,
and zero padding is in the middle of the frame where the transform is longer than the window.
"""

from audioconv.kernels._jit import kernel, part
from audioconv.kernels.dsp._fft import irfft, rfft
from audioconv.kernels.dsp.passes import PLAN, work_size
from audioconv.kernels.simd.vector import at, fma, lanes, load, store, zip_high, zip_low
from audioconv.kernels.simd.views import read_only_view


def scratch_size(size):
    """Elements of the work space for transforms of `size` samples: frame, spectrum, and the transform's own."""
    return 2 * size + work_size(size)


@part
def _product(x, i, window, n, count, frame, j):
    """frame[j :] = x[i :] * window[n :], `count` samples."""
    width = lanes(frame)
    vectors = count // width * width
    for k in range(0, vectors, width):
        store(frame, j + k, load(x, i + k) * load(window, n + k))
    for k in range(vectors, count):
        frame[j + k] = at(x, i + k) * at(window, n + k)


@part
def _add_product(frame, j, window, n, count, y, i):
    """y[i :] += frame[j :] * window[n :], `count` samples."""
    width = lanes(y)
    vectors = count // width * width
    for k in range(0, vectors, width):
        store(y, i + k, fma(load(frame, j + k), load(window, n + k), load(y, i + k)))
    for k in range(vectors, count):
        y[i + k] = fma(at(frame, j + k), at(window, n + k), at(y, i + k))


@part
def _to_pairs(spectrum, half, out, i):
    """Unpack the spectrum of `rfft` to half + 1 pairs of real and imaginary part at out[i :]."""
    width = lanes(out)
    vectors = half // width * width
    for k in range(0, vectors, width):
        re, im = load(spectrum, k), load(spectrum, half + k)
        store(out, i + 2 * k, zip_low(re, im))
        store(out, i + 2 * k + width, zip_high(re, im))
    for k in range(vectors, half):
        out[i + 2 * k], out[i + 2 * k + 1] = at(spectrum, k), at(spectrum, half + k)
    out[i + 1], out[i + 2 * half], out[i + 2 * half + 1] = 0, at(spectrum, half), 0


@part
def _from_pairs(pairs, i, spectrum, half):
    """Pack pairs for `irfft`, without imaginary parts of the bins at 0 and Nyquist, of which a real signal has none."""
    for k in range(half):
        spectrum[k], spectrum[half + k] = at(pairs, i + 2 * k), at(pairs, i + 2 * k + 1)
    spectrum[half] = at(pairs, i + 2 * half)


@kernel
def forward(x, hop, window, middle, header, table, scratch, out):
    """Frame f of out (frames * 2 * bins,) is the spectrum of x[f * hop : f * hop + window.size] * window, as pairs.

    header, table: `fft.plan_real` of 2 (bins - 1) samples; scratch (scratch_size of them,).
    """
    size, count = 2 * header[PLAN.points], window.size
    frame, spectrum, work = scratch[:size], scratch[size : 2 * size], scratch[2 * size :]
    frame[count - middle : size - middle] = 0
    for f in range(out.size // (size + 2)):
        _product(x, f * hop + middle, window, middle, count - middle, frame, 0)
        _product(x, f * hop, window, 0, middle, frame, size - middle)
        rfft(read_only_view(frame), spectrum, work, header, table)
        _to_pairs(spectrum, size // 2, out, f * (size + 2))


@kernel
def backward(pairs, hop, window, middle, header, table, scratch, y):
    """y[f * hop : f * hop + window.size] += window times the signal of frame f of the pairs (frames * 2 * bins,)."""
    size, count = 2 * header[PLAN.points], window.size
    frame, spectrum, work = scratch[:size], scratch[size : 2 * size], scratch[2 * size :]
    for f in range(pairs.size // (size + 2)):
        _from_pairs(pairs, f * (size + 2), spectrum, size // 2)
        irfft(spectrum, frame, work, header, table)
        _add_product(frame, size - middle, window, 0, middle, y, f * hop)
        _add_product(frame, 0, window, middle, count - middle, y, f * hop + middle)
