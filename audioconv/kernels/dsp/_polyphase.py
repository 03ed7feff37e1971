"""Polyphase filtering for rational sample-rate changes (upfirdn): each phase of the output has a sub-filter of its own.

With up / down in lowest terms, output q + m * up needs the taps h[p + j * up] of the samples x[i + m * down - j], where
i, p = divmod(q * down, up): for a column q the same taps for all m. So signal and result are seen as matrices, a row
for each m. The signal is transposed, so that the inputs of neighbouring m lie side by side; each column of the result
is then a `fir_at` over vectors of m, and the columns are transposed back into rows. Channels are more columns. No
output that is dropped, and no product with an inserted zero, is computed.

Transposition goes by squares of vectors, 0.1 ns a sample each way in the cache and up to 0.5 ns from memory, where a
product takes 0.03 ns; and yet a third of what one output after the other from scalars takes.
"""

from audioconv.kernels._jit import kernel
from audioconv.kernels.dsp._fir import fir_at
from audioconv.kernels.dsp.interleave import to_columns, to_rows
from audioconv.kernels.simd.prefetch import touch
from audioconv.kernels.simd.views import read_only_view


@kernel
def polyphase(x, taps, offsets, bounds, phases, sums, y):
    """y[m, q, c] = sum over k in bounds[q] ... bounds[q + 1] of taps[c, k] * z[offsets[k] + c * (B + reach) + m].

    x (rows + reach, P * channels) all flat: what of it is in a block of B rows is kept with sample r of channel c of
    row m at z[(r * channels + c) * (B + reach) + m]. taps (channels, K), or (K,) for one filter, flat. offsets
    (K,). bounds (columns + 1,), the last is K. y (rows, columns, channels) flat. Sums are in chains as in `fir`.
    Scratch: phases (P * channels, B + reach), and sums (columns * channels, B), which must hold zeros, because a
    column without taps is not written.
    """
    width, depth = sums.shape[1], phases.shape[1]
    size_in, size_out, columns = phases.shape[0], sums.shape[0], bounds.size - 1
    channels, total = size_out // columns, bounds[columns]
    transposed, results = phases.reshape(-1), sums.reshape(-1)
    for m in range(0, y.size // size_out, width):
        rows = min(width, y.size // size_out - m)
        begin, end = m * size_in, (m + rows + depth - width) * size_in
        transposed[0] = touch(x, begin, end) + touch(read_only_view(y), m * size_out, (m + rows) * size_out)
        to_columns(x[m * size_in :], rows + depth - width, size_in, transposed, depth)
        for c in range(channels):
            samples = read_only_view(transposed)[c * depth :]
            own = c * total if taps.size > total else 0
            for q in range(columns):
                low, high, i = bounds[q], bounds[q + 1], (q * channels + c) * width
                if low < high:
                    fir_at(samples, taps[own + low : own + high], offsets[low:high], results[i : i + width])
        to_rows(results, width, y[m * size_out :], rows, size_out)
