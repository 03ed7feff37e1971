"""Products of real spectra, and block convolution by spectra.

A spectrum is what `fft.rfft` makes: n/2 real parts, then n/2 imaginary parts, the value at half the sample rate in
the place of the imaginary part of bin 0. Each value of a sum of products is one chain of multiply-adds in order.
"""

from numba.core.imputils import impl_ret_borrowed
from numba.core.typing.templates import signature

from audioconv.arrays import frozen
from audioconv.kernels._emit import operation
from audioconv.kernels._jit import kernel
from audioconv.kernels.fft import irfft, rfft
from audioconv.kernels.simd import at, fma, lanes, load, store


@operation(frozen)
def reading(typing_context, a):
    """reading(a): the same memory as a read-only array, so that `fir` has one signature wherever x comes from."""

    def codegen(context, builder, sig, args):
        return impl_ret_borrowed(context, builder, sig.return_type, args[0])

    return signature(a.copy(readonly=True), a), codegen


@kernel
def multiply(spectrum, other):
    """spectrum *= other, both (n,)."""
    half = spectrum.size // 2
    low, top = at(spectrum, 0) * at(other, 0), at(spectrum, half) * at(other, half)
    for k in range(0, half, lanes(spectrum)):
        ar, ai, br, bi = load(spectrum, k), load(spectrum, half + k), load(other, k), load(other, half + k)
        store(spectrum, k, fma(-ai, bi, ar * br))
        store(spectrum, half + k, fma(ai, br, ar * bi))
    spectrum[0], spectrum[half] = low, top


@kernel
def _add_one(r, i, a, p, b, q, half):
    """(r + i j) + a[p] b[q], complex vectors."""
    ar, ai, br, bi = load(a, p), load(a, p + half), load(b, q), load(b, q + half)
    return fma(-ai, bi, fma(ar, br, r)), fma(ai, br, fma(ar, bi, i))


@kernel
def multiply_add(total, k, a, p, b, q, n):
    """total[k :] += a[p :] * b[q :], spectra of n values."""
    half = n // 2
    low = fma(at(a, p), at(b, q), at(total, k))
    top = fma(at(a, p + half), at(b, q + half), at(total, k + half))
    for j in range(0, half, lanes(total)):
        r, i = _add_one(load(total, k + j), load(total, k + half + j), a, p + j, b, q + j, half)
        store(total, k + j, r)
        store(total, k + half + j, i)
    total[k], total[k + half] = low, top


@kernel
def multiply_add4(total, k, a, p, b, q, n):
    """Four of `multiply_add` in one pass: a at p, p - n, p - 2 n, p - 3 n, b at q, q + n, q + 2 n, q + 3 n.

    A pass for each product would load and store the total as often as it loads a and b.
    """
    half = n // 2
    low, top = at(total, k), at(total, k + half)
    for part in range(4):
        low = fma(at(a, p - part * n), at(b, q + part * n), low)
        top = fma(at(a, p - part * n + half), at(b, q + part * n + half), top)
    for j in range(0, half, lanes(total)):
        r, i = load(total, k + j), load(total, k + half + j)
        r, i = _add_one(r, i, a, p + j, b, q + j, half)
        r, i = _add_one(r, i, a, p - n + j, b, q + n + j, half)
        r, i = _add_one(r, i, a, p - 2 * n + j, b, q + 2 * n + j, half)
        r, i = _add_one(r, i, a, p - 3 * n + j, b, q + 3 * n + j, half)
        store(total, k + j, r)
        store(total, k + half + j, i)
    total[k], total[k + half] = low, top


@kernel
def transform_window(x, first, spectrum, window, space, table):
    """Spectrum of the n samples from x[first], which are zero outside x."""
    n = window.size
    low, high = max(0, -first), min(n, x.size - first)
    if low >= high:
        window[:] = 0
    else:
        window[:low] = 0
        window[low:high] = x[first + low : first + high]
        window[high:] = 0
    rfft(window, spectrum, space, table)


@kernel
def convolve_blocks(x, begin, taps, filter_spectrum, table, work, y):
    """y[t] = sum over k < taps of h[k] * x[begin + t - k], x being zero outside, by blocks of n - taps + 1 outputs.

    Overlap-save: the windows overlap, and of each inverse transform the part is kept that no wrap-around spoiled.
    filter_spectrum (n,): of h and zeros. work (3 n,).
    """
    n = filter_spectrum.size
    spectrum, window, space = work[:n], work[n : 2 * n], work[2 * n :]
    for t in range(0, y.size, n - taps + 1):
        first = begin + t - (taps - 1)
        transform_window(x, first, spectrum, window, space, table)
        multiply(spectrum, filter_spectrum)
        irfft(spectrum, window, space, table)
        count = min(n - taps + 1, y.size - t)
        y[t : t + count] = window[taps - 1 : taps - 1 + count]
