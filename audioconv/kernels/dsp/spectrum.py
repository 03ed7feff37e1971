"""Complex multiply-accumulate (MAC) of spectra in the bin order of `right_angle`.

Vectors of real parts and of imaginary parts alternate. Each value of a sum is one chain of multiply-adds in order.
"""

from audioconv.kernels._jit import part
from audioconv.kernels.simd.vector import fma, lanes, load, store


@part
def _add_one(r, i, a, p, b, q, width):
    """(r + i j) + a[p] b[q], complex vectors."""
    ar, ai, br, bi = load(a, p), load(a, p + width), load(b, q), load(b, q + width)
    return fma(-ai, bi, fma(ar, br, r)), fma(ai, br, fma(ar, bi, i))


@part
def multiply_add(total, k, a, p, b, q, n):
    """total[k :] += a[p :] * b[q :], spectra of n values."""
    width = lanes(total)
    for j in range(0, n, 2 * width):
        r, i = _add_one(load(total, k + j), load(total, k + j + width), a, p + j, b, q + j, width)
        store(total, k + j, r)
        store(total, k + j + width, i)


@part
def multiply_add4(total, k, a, places, b, q, n):
    """Four of `multiply_add` in one pass: a at each of four places, b at q, q + n, q + 2 n, q + 3 n.

    A pass for each product would load and store the total as often as it loads a and b.
    """
    width = lanes(total)
    p0, p1, p2, p3 = places
    for j in range(0, n, 2 * width):
        r, i = load(total, k + j), load(total, k + j + width)
        r, i = _add_one(r, i, a, p0 + j, b, q + j, width)
        r, i = _add_one(r, i, a, p1 + j, b, q + n + j, width)
        r, i = _add_one(r, i, a, p2 + j, b, q + 2 * n + j, width)
        r, i = _add_one(r, i, a, p3 + j, b, q + 3 * n + j, width)
        store(total, k + j, r)
        store(total, k + j + width, i)
